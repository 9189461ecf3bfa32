"""People and their devices: a phone belongs to one person, and a refusal changes nothing and says what to do."""

import asyncio

import pytest
from sqlalchemy import text

from pbxcrm.crm.access import Scope
from pbxcrm.service import people
from pbxcrm.service.errors import Conflict, Invalid, NotFound, ServiceError
from pbxcrm.store.db import Database
from tests.http.bed import both

pytestmark = pytest.mark.asyncio


async def count(db: Database, table: str) -> int:
    async with db.read() as conn:
        return int((await conn.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one())


@both
async def test_the_tracker_is_given_everybodys_devices(db: Database) -> None:
    await people.add_user(db, "alice", "agent", ["PJSIP/101", "Local/101@*", "PJSIP/101"])
    await people.add_user(db, "bob", "manager", ["PJSIP/102"], team="North")
    await people.add_user(db, "gone", "agent", ["PJSIP/103"])
    await people.change_user(db, "gone", active=False)
    assert await people.devices(db) == [("PJSIP/101", "alice"), ("Local/101@*", "alice"), ("PJSIP/102", "bob")]


@both
async def test_a_name_is_taken_once_and_the_second_is_told_what_to_do(db: Database) -> None:
    await people.add_user(db, "alice", "agent", ["PJSIP/101"])
    with pytest.raises(Conflict) as taken:
        await people.add_user(db, "alice", "admin", ["PJSIP/105"])
    assert "user device alice PJSIP/105" in taken.value.message
    assert "user password alice" in taken.value.message
    assert await people.devices(db) == [("PJSIP/101", "alice")]
    assert [(m.name, m.role) for m in await people.list_people(db)] == [("alice", "agent")]


@pytest.mark.parametrize(
    ("theirs", "wanted"),
    [
        ("PJSIP/101", "PJSIP/101"),
        ("PJSIP/101", "PJSIP/10*"),
        ("PJSIP/10*", "PJSIP/101"),
        ("Local/1*", "Local/101@*"),
        ("Local/101@*", "Local/1*"),
    ],
)
async def test_somebody_elses_phone_is_refused_whole(db: Database, theirs: str, wanted: str) -> None:
    await people.add_user(db, "alice", "agent", [theirs])
    before = await count(db, "journal")
    with pytest.raises(Conflict) as refused:
        await people.add_user(db, "bob", "agent", ["PJSIP/200", wanted])
    assert wanted in refused.value.message
    assert "alice" in refused.value.message
    assert await people.devices(db) == [(theirs, "alice")]
    assert await count(db, "users") == 1
    assert await count(db, "journal") == before
    await people.add_user(db, "bob", "agent", ["PJSIP/990"])
    with pytest.raises(Conflict):
        await people.add_device(db, "bob", wanted)


async def test_one_persons_patterns_may_overlap(db: Database) -> None:
    await people.add_user(db, "alice", "agent", ["Local/101@*", "Local/101@from-queue"])
    assert await people.add_device(db, "alice", "PJSIP/101")
    assert not await people.add_device(db, "alice", "PJSIP/101")
    assert [d for d, _ in await people.devices(db)] == ["Local/101@*", "Local/101@from-queue", "PJSIP/101"]


@pytest.mark.parametrize(
    ("name", "role", "device", "field"),
    [
        ("", "agent", "PJSIP/101", "name"),
        ("a b", "agent", "PJSIP/101", "name"),
        ("a=b", "agent", "PJSIP/101", "name"),
        ("-a", "agent", "PJSIP/101", "name"),
        ("x" * 65, "agent", "PJSIP/101", "name"),
        ("a\nb", "agent", "PJSIP/101", "name"),
        ("alice", "boss", "PJSIP/101", "role"),
        ("alice", "agent", "101", "device"),
        ("alice", "agent", "PJSIP/", "device"),
        ("alice", "agent", "PJSIP/1*1", "device"),
        ("alice", "agent", "*", "device"),
        ("alice", "agent", "PJSIP/101 ", "device"),
        ("alice", "agent", "PJSIP/101\r\nAction: Command", "device"),
        ("alice", "agent", "PJSIP/101&PJSIP/102", "device"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(db: Database, name: str, role: str, device: str, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        await people.add_user(db, name, role, [device])
    assert list(refused.value.fields) == [field]
    assert await count(db, "users") == 0


async def test_short_passwords_and_unknown_names(db: Database) -> None:
    with pytest.raises(Invalid):
        await people.add_user(db, "alice", "agent", password="short")
    for wanted in (
        people.set_password(db, "nobody", "long enough"),
        people.add_device(db, "nobody", "PJSIP/101"),
        people.change_user(db, "nobody", role="admin"),
        people.revoke_tokens(db, "nobody"),
    ):
        with pytest.raises(NotFound) as missing:
            await wanted
        assert "nobody" in missing.value.message
    with pytest.raises(Invalid):
        await people.change_user(db, "nobody")


@both
async def test_two_at_once_one_wins(db: Database) -> None:
    tries = await asyncio.gather(
        *(people.add_user(db, "alice", "agent", [f"PJSIP/{n}"]) for n in (101, 102, 103)), return_exceptions=True
    )
    assert sum(isinstance(one, int) for one in tries) == 1
    assert all(isinstance(one, (int, ServiceError)) for one in tries)
    assert await count(db, "users") == await count(db, "devices") == 1


@both
async def test_names_of_any_language(db: Database) -> None:
    await people.add_user(db, "علی", "agent", ["PJSIP/101"], full_name="علی\u202e رضایی\n")
    (member,) = await people.list_people(db)
    assert (member.name, member.full_name, member.can_log_in) == ("علی", "علی رضایی", False)


@both
async def test_an_agent_finds_only_themselves(db: Database) -> None:
    alice = await people.add_user(db, "alice", "agent", ["PJSIP/101"])
    await people.add_user(db, "bob", "agent", ["PJSIP/102"])
    (only,) = await people.list_people(db, Scope(alice, "alice", "agent"))
    assert (only.name, only.devices) == ("alice", ("PJSIP/101",))
