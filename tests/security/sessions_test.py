"""Passwords, sessions and tokens: nothing raw is kept, guessing is slow and capped, rights end when they end."""

import asyncio
import json
import time
from collections.abc import Mapping

import pytest
from sqlalchemy import Connection, text

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.service import auth as auth_room
from pbxcrm.service import people
from pbxcrm.service.auth import Auth, LoginFailed
from pbxcrm.service.errors import Conflict, TooMany
from pbxcrm.store import tries
from pbxcrm.store.db import Database
from pbxcrm.store.schema import metadata
from pbxcrm.store.schema import tries as tries_table
from tests.http.bed import Clock, both

pytestmark = pytest.mark.asyncio
PASSWORD = "correct horse battery"


async def everything(db: Database) -> str:
    """Every value of every row, as one text."""
    async with db.read() as conn:
        return "\n".join([str((await conn.execute(table.select())).all()) for table in metadata.sorted_tables])


async def kinds(db: Database) -> list[str]:
    async with db.read() as conn:
        return list((await conn.execute(text("SELECT kind FROM journal ORDER BY id"))).scalars())


@both
async def test_a_login_gives_a_session_and_keeps_no_secret(db: Database) -> None:
    await people.add_user(db, "alice", "agent", ["PJSIP/101", "Local/101@*"], full_name="Alice A", password=PASSWORD)
    auth = Auth(db)
    raw = await auth.login("alice", PASSWORD, "127.0.0.1")
    token = await people.create_token(db, "alice")
    person = await auth.by_session(raw)
    assert person is not None
    assert (person.name, person.scope.role, person.full_name) == ("alice", "agent", "Alice A")
    assert person.devices == ("PJSIP/101", "Local/101@*")
    by_token = await auth.by_token(token)
    assert by_token is not None
    assert by_token.scope == person.scope
    assert by_token.via != person.via
    kept = await everything(db)
    for secret in (raw, token, PASSWORD):
        assert secret not in kept
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in kept
    assert await kinds(db) == [
        "user.added",
        "device.added",
        "device.added",
        "session.tried",
        "session.started",
        "token.created",
    ]


@both
async def test_what_opens_nothing(db: Database) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)
    await people.add_user(db, "nopass", "agent")
    auth = Auth(db)
    raw = await auth.login("alice", PASSWORD, "127.0.0.1")
    said = set()
    for name, password in [
        ("alice", "wrong"),
        ("alice", ""),
        ("alice", "x" * 5000),
        ("alice", "\ud800"),
        ("Alice", PASSWORD),
        ("nobody", PASSWORD),
        ("nopass", ""),
        ("", ""),
        ("alice\0", PASSWORD),
        ("\ud800", PASSWORD),
    ]:
        with pytest.raises(LoginFailed) as failed:
            await auth.login(name, password, "127.0.0.1")
        said.add(failed.value.message)
    assert len(said) == 1  # which of the two was wrong is not said
    for bad in ("", raw + "x", raw[:-1], auth_room.digest(raw), "\ud800", "\0"):
        assert await auth.by_session(bad) is None
        assert await auth.by_token(bad) is None
    assert await auth.by_token(raw) is None  # a session is no token


async def test_each_login_is_a_session_of_its_own(db: Database) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)
    auth = Auth(db)
    one, two = [await auth.login("alice", PASSWORD, "127.0.0.1") for _ in range(2)]
    assert one != two
    await auth.logout(one)
    await auth.logout(one)
    assert await auth.by_session(one) is None
    person = await auth.by_session(two)
    assert person is not None
    assert await auth.logout_all(person.scope) == 1
    assert await auth.by_session(two) is None


@both
async def test_sessions_end_by_themselves(db: Database, clock: Clock) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)
    auth = Auth(db)
    raw = await auth.login("alice", PASSWORD, "127.0.0.1")
    clock.on(auth_room.SESSION_IDLE - 1)
    assert await auth.by_session(raw, touch=False) is not None
    clock.on(2)
    assert await auth.by_session(raw) is None  # nobody did anything for too long
    raw = await auth.login("alice", PASSWORD, "127.0.0.1")
    began = clock.now
    while clock.now < began + auth_room.SESSION_LIFE - 10 * 3600 - 1:
        clock.on(10 * 3600)
        assert await auth.by_session(raw) is not None  # busy
    clock.on(10 * 3600)
    assert await auth.by_session(raw) is None  # however busy
    await auth.login("alice", PASSWORD, "127.0.0.1")
    async with db.read() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM sessions"))).scalar() == 1  # the dead are swept


@pytest.mark.parametrize("change", [{"role": "manager"}, {"active": False}])
async def test_a_change_of_rights_ends_sessions(db: Database, change: dict[str, str | bool]) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)
    auth = Auth(db)
    raw = await auth.login("alice", PASSWORD, "127.0.0.1")
    token = await people.create_token(db, "alice")
    await people.change_user(db, "alice", **change)  # type: ignore[arg-type]
    assert await auth.by_session(raw) is None
    assert (await auth.by_token(token) is None) == ("active" in change)
    assert (await kinds(db))[-2:] == ["user.changed", "session.ended"]


@both
async def test_a_new_password_ends_sessions_and_the_old_one(db: Database) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)
    auth = Auth(db)
    raw = await auth.login("alice", PASSWORD, "127.0.0.1")
    await people.set_password(db, "alice", "another one here")
    assert await auth.by_session(raw) is None
    with pytest.raises(LoginFailed):
        await auth.login("alice", PASSWORD, "127.0.0.1")
    assert await auth.login("alice", "another one here", "127.0.0.1")


@both
async def test_a_revoked_token_opens_nothing(db: Database) -> None:
    said: list[str] = []
    token = await people.create_token(db, "exporter", said.append)
    assert len(said) == 1
    auth = Auth(db)
    person = await auth.by_token(token)
    assert person is not None
    assert person.scope.role == "manager"
    with pytest.raises(LoginFailed):
        await auth.login("exporter", "", "127.0.0.1")
    await people.create_token(db, "exporter", said.append)
    assert len(said) == 1  # the account was there the second time
    assert await people.revoke_tokens(db, "exporter") == 2
    assert await auth.by_token(token) is None
    await people.change_user(db, "exporter", active=False)
    with pytest.raises(Conflict):
        await people.create_token(db, "exporter")


async def test_twenty_tries_at_one_account_are_too_many(db: Database, clock: Clock) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)
    auth = Auth(db)
    answers = []
    for number in range(20):
        with pytest.raises((LoginFailed, TooMany)) as failed:
            await auth.login("alice", "wrong", f"10.0.0.{number}")  # from everywhere
        answers.append(failed.type)
    assert answers == [LoginFailed] * auth_room.TRIES_ACCOUNT + [TooMany] * (20 - auth_room.TRIES_ACCOUNT)
    with pytest.raises(TooMany):
        await auth.login("alice", PASSWORD, "10.9.9.9")  # the right one is not told apart either
    clock.on(auth_room.TRY_BACK)
    assert await auth.login("alice", PASSWORD, "10.9.9.9")


async def test_twenty_tries_from_one_peer_are_too_many(db: Database, clock: Clock) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)
    auth = Auth(db)
    answers = []
    for number in range(20):
        with pytest.raises((LoginFailed, TooMany)) as failed:
            await auth.login(f"user{number}", "wrong", "10.0.0.1")  # at every name
        answers.append(failed.type)
    assert answers.count(TooMany) == 20 - auth_room.TRIES_PEER
    assert await auth.login("alice", PASSWORD, "10.0.0.2")  # others may


@both
async def test_two_processes_give_no_more_tries_than_one(
    db_url: str, db: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)
    waits = tries.wait

    def looks_and_waits(conn: Connection, scope: Scope, sizes: Mapping[str, int], each: float, now: float) -> float:
        """Between looking and taking there is time for all the others to look."""
        found = waits(conn, scope, sizes, each, now)
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("SELECT pg_sleep(0.1)")
        return found

    processes = [Database(db_url, clock) for _ in range(4)]
    doors = [Auth(one) for one in processes]
    for one in processes:  # each is connected already: they begin at the same moment
        await one.reading(lambda conn: conn.exec_driver_sql("SELECT 1"))
    monkeypatch.setattr(tries, "wait", looks_and_waits)
    knocks = (doors[n % 4].login("alice", "wrong", f"10.0.0.{n}") for n in range(16))
    answers = [type(one) for one in await asyncio.gather(*knocks, return_exceptions=True)]
    assert answers.count(LoginFailed) == auth_room.TRIES_ACCOUNT
    assert answers.count(TooMany) == 16 - auth_room.TRIES_ACCOUNT
    for door in doors:  # nor does a process that has just begun
        with pytest.raises(TooMany):
            await door.login("alice", PASSWORD, "10.9.9.9")
    clock.on(auth_room.TRY_BACK)
    assert await doors[0].login("alice", PASSWORD, "10.9.9.9")
    assert await doors[1].login("alice", PASSWORD, "10.9.9.9")  # the right one gave its try back, in all of them
    for one in processes:
        await one.close()


async def test_what_is_kept_of_a_try_names_nobody_and_goes(db: Database, clock: Clock) -> None:
    auth = Auth(db)
    with pytest.raises(LoginFailed):
        await auth.login("my-secret-password", "x", "10.0.0.1")
    assert "my-secret-password" not in await everything(db)
    clock.on(auth_room.TRY_BACK + 1)
    with pytest.raises(LoginFailed):
        await auth.login("another", "x", "10.0.0.2")
    async with db.read() as conn:
        assert len((await conn.execute(tries_table.select())).all()) == 2  # of the newest alone


async def test_who_hammers_on_costs_no_write(db: Database) -> None:
    auth = Auth(db)
    for number in range(auth_room.TRIES_ACCOUNT + 20):
        with pytest.raises((LoginFailed, TooMany)):
            await auth.login("alice", "wrong", f"10.0.0.{number}")
    assert (await kinds(db)).count("session.tried") == auth_room.TRIES_ACCOUNT


async def test_an_office_behind_one_address_can_log_in(db: Database) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)
    auth = Auth(db)
    for _ in range(auth_room.TRIES_PEER + 5):
        await auth.login("alice", PASSWORD, "10.0.0.1")


async def test_an_unknown_name_takes_as_long_as_a_known_one(db: Database) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)

    async def fastest(name: str) -> float:
        times = []
        for _ in range(5):
            auth = Auth(db)
            began = time.perf_counter()
            with pytest.raises(LoginFailed):
                await auth.login(name, "wrong", "127.0.0.1")
            times.append(time.perf_counter() - began)
        return min(times)

    known, unknown = await fastest("alice"), await fastest("nobody")
    assert unknown > known / 3  # loose: without the made-up hash it is a fiftieth


async def test_checks_are_bounded_and_the_loop_goes_on(db: Database) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)
    auth = Auth(db)
    tries = [asyncio.create_task(auth.login(f"u{n}", "wrong", f"10.0.{n}.1")) for n in range(60)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(one) for one in done} == {LoginFailed, TooMany}


async def test_the_password_that_changes_while_it_is_checked(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await people.add_user(db, "alice", "agent", password=PASSWORD)
    auth = Auth(db)
    check = auth._check

    async def slow(stored: str, password: str) -> bool:
        right = await check(stored, password)
        await people.set_password(db, "alice", "another one here")
        return right

    monkeypatch.setattr(auth, "_check", slow)
    with pytest.raises(LoginFailed):
        await auth.login("alice", PASSWORD, "127.0.0.1")


@both
async def test_the_journal_of_people_names_no_secret_and_its_person_hears_it(db: Database) -> None:
    user_id = await people.add_user(db, "alice", "agent", password=PASSWORD)
    auth = Auth(db)
    raw = await auth.login("alice", PASSWORD, "127.0.0.1")
    await auth.logout(raw)
    async with db.read() as conn:
        rows = (await conn.execute(text("SELECT kind, audience, data FROM journal ORDER BY id"))).all()
    started, ended = rows[-2:]
    assert (started.kind, ended.kind) == ("session.started", "session.ended")
    assert started.audience == ended.audience == f"|{user_id}|"
    assert json.loads(ended.data) == {"user": "alice", "session": json.loads(started.data)["session"]}
    assert [m.name for m in await people.list_people(db, SYSTEM)] == ["alice"]
