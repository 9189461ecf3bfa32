"""Click-to-call asks the PBX at most once, whatever breaks, and never for what the policy refuses."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, text

from pbxcrm.ami.errors import BadHeader, LinkDown
from pbxcrm.ami.originate import OriginateOutcome, originate_headers
from pbxcrm.crm.access import Scope
from pbxcrm.crm.dialling import Counts, DialPolicy
from pbxcrm.service import contacts, deals, people
from pbxcrm.service.dial import Dialler
from pbxcrm.service.errors import Conflict, Invalid, NotFound, Refused, TooMany, Unavailable
from pbxcrm.store import dials
from pbxcrm.store.db import Database
from tests.http.bed import Clock, both

pytestmark = pytest.mark.asyncio
POLICY = DialPolicy(region="PL", per_live=100)


class Pbx:
    """What the link would have sent: it counts, and answers as it is told."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.up = True
        self.answer: OriginateOutcome | Exception = OriginateOutcome("queued")

    async def originate(
        self,
        channel: str,
        context: str,
        exten: str,
        caller_id: str,
        timeout_ms: int,
        variables: Mapping[str, str],
        action_id: str,
    ) -> OriginateOutcome:
        originate_headers(channel, context, exten, caller_id, timeout_ms, variables, action_id)
        if isinstance(self.answer, LinkDown | BadHeader):
            raise self.answer  # nothing was sent
        self.sent.append({"channel": channel, "context": context, "exten": exten, "caller": caller_id, "id": action_id})
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def pbx() -> Pbx:
    return Pbx()


@pytest.fixture
def dialler(db: Database, pbx: Pbx) -> Dialler:
    return Dialler(db, pbx.originate, POLICY, link_up=lambda: pbx.up)


@pytest_asyncio.fixture
async def alice(db: Database) -> Scope:
    user_id = await people.add_user(db, "alice", "agent", ["Local/101@*", "PJSIP/101", "PJSIP/201"])
    return Scope(user_id, "alice", "agent")


async def states(db: Database) -> list[str]:
    async with db.read() as conn:
        return list((await conn.execute(text("SELECT state FROM dials ORDER BY created_at, id"))).scalars())


@both
async def test_my_phone_first_then_the_customer(db: Database, dialler: Dialler, pbx: Pbx, alice: Scope) -> None:
    view, asked = await dialler.dial(alice, key="click-1", number="601 234 567")
    assert asked
    assert view["state"] == "sent"
    assert view["number"] == "+48601234567"
    (sent,) = pbx.sent
    assert sent == {
        "channel": "PJSIP/101",  # the first that is a phone and not a pattern
        "context": "pbxcrm-out",
        "exten": "+48601234567",
        "caller": "<+48601234567>",
        "id": view["id"],
    }
    async with db.read() as conn:
        rows = (
            await conn.execute(text("SELECT kind, audience FROM journal WHERE kind LIKE 'dial.%' ORDER BY id"))
        ).all()
    assert [tuple(row) for row in rows] == [("dial.asked", f"|{alice.user_id}|"), ("dial.sent", f"|{alice.user_id}|")]
    assert (await dialler.get(alice, view["id"])) == view
    with pytest.raises(NotFound):
        await dialler.get(Scope(99, "charlie", "agent"), view["id"])
    assert await dialler.get(Scope(98, "mona", "manager"), view["id"])


@both
async def test_the_same_click_dials_once(dialler: Dialler, pbx: Pbx, alice: Scope) -> None:
    first, asked = await dialler.dial(alice, key="k", number="+48601234567")
    again, asked_again = await dialler.dial(alice, key="k", number="+48 601 234 567")
    assert (asked, asked_again) == (True, False)
    assert first == again
    many = await asyncio.gather(*(dialler.dial(alice, key="double", number="+48601234567") for _ in range(8)))
    assert sum(asked for _, asked in many) == 1
    assert len({view["id"] for view, _ in many}) == 1
    assert len(pbx.sent) == 2
    with pytest.raises(Conflict):
        await dialler.dial(alice, key="k", number="+48609999999")
    pbx.up = False
    assert (await dialler.dial(alice, key="k", number="+48601234567"))[0]["id"] == first["id"]
    assert len(pbx.sent) == 2


async def test_keys_are_a_persons_own(db: Database, dialler: Dialler, pbx: Pbx, alice: Scope) -> None:
    bob = Scope(await people.add_user(db, "bob", "agent", ["PJSIP/102"]), "bob", "agent")
    await dialler.dial(alice, key="k", number="+48601234567")
    _, asked = await dialler.dial(bob, key="k", number="+48601234568")
    assert asked
    assert [one["channel"] for one in pbx.sent] == ["PJSIP/101", "PJSIP/102"]


async def test_out_of_sight_is_said_and_nothing_is_sent_later(
    db: Database, dialler: Dialler, pbx: Pbx, alice: Scope
) -> None:
    pbx.up = False
    with pytest.raises(Unavailable):
        await dialler.dial(alice, key="k", number="+48601234567")
    assert await states(db) == []
    pbx.up, pbx.answer = True, LinkDown("gone in between; nothing was sent")
    with pytest.raises(Unavailable):
        await dialler.dial(alice, key="k2", number="+48601234567")
    assert await states(db) == ["refused"]
    pbx.answer = OriginateOutcome("queued")
    view, asked = await dialler.dial(alice, key="k2", number="+48601234567")
    assert (view["state"], asked, pbx.sent) == ("refused", False, [])


@pytest.mark.parametrize("trouble", [OriginateOutcome("unknown", "timed out"), RuntimeError("bug")])
async def test_what_may_have_been_sent_is_unknown_and_never_sent_again(
    db: Database, dialler: Dialler, pbx: Pbx, alice: Scope, trouble: Any
) -> None:
    pbx.answer = trouble
    if isinstance(trouble, Exception):
        with pytest.raises(RuntimeError):
            await dialler.dial(alice, key="k", number="+48601234567")
    else:
        view, asked = await dialler.dial(alice, key="k", number="+48601234567")
        assert (view["state"], asked) == ("unknown", True)
    assert await states(db) == ["unknown"]
    pbx.answer = OriginateOutcome("queued")
    view, asked = await dialler.dial(alice, key="k", number="+48601234567")
    assert (view["state"], asked, len(pbx.sent)) == ("unknown", False, 1)


async def test_a_death_between_row_and_answer_never_dials_again(
    db: Database, pbx: Pbx, alice: Scope, clock: Clock
) -> None:
    reached = asyncio.Event()

    async def hang(*_: Any) -> OriginateOutcome:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    doomed = asyncio.create_task(Dialler(db, hang, POLICY).dial(alice, key="k", number="+48601234567"))
    await reached.wait()
    doomed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doomed
    reborn = Dialler(db, pbx.originate, POLICY)
    view, asked = await reborn.dial(alice, key="k", number="+48601234567")
    assert (view["state"], asked) == ("asked", False)
    clock.on(61)
    view, asked = await reborn.dial(alice, key="k", number="+48601234567")
    assert (view["state"], asked, pbx.sent) == ("unknown", False, [])


async def test_the_pbx_says_no(db: Database, dialler: Dialler, pbx: Pbx, alice: Scope) -> None:
    pbx.answer = OriginateOutcome("refused", "Permission denied")
    with pytest.raises(Unavailable) as refused:
        await dialler.dial(alice, key="k", number="+48601234567")
    assert "Permission denied" in refused.value.message
    assert await states(db) == ["refused"]


@pytest.mark.parametrize(
    ("number", "error"),
    [
        ("", Invalid),
        ("abc", Invalid),
        ("100&PJSIP/trunk/1900", Invalid),
        ("601234567,1", Invalid),
        ("601234567@pbxcrm-out", Invalid),
        ("+48601234567\r\nAction: Command", Invalid),
        ("*43", Invalid),
        ("112", Refused),
        ("+15551234567", Refused),
        ("+48701234567", Refused),
        ("+870773123456", Refused),
    ],
)
async def test_refused_numbers_reach_nobody(
    db: Database, dialler: Dialler, pbx: Pbx, alice: Scope, number: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await dialler.dial(alice, key="k", number=number)
    assert pbx.sent == []
    assert await states(db) == []


@both
async def test_the_eleventh_in_a_minute(db: Database, pbx: Pbx, alice: Scope, clock: Clock) -> None:
    one, two = (Dialler(db, pbx.originate, POLICY) for _ in range(2))
    for n in range(10):
        await (one, two)[n % 2].dial(alice, key=f"k{n}", number="+48601234567")
        clock.on(1)
    for dialler in (one, two):
        with pytest.raises(TooMany) as many:
            await dialler.dial(alice, key="k11", number="+48601234567")
        assert many.value.retry_after == 60
    assert len(pbx.sent) == 10
    clock.on(51)
    await one.dial(alice, key="k12", number="+48601234567")


@both
async def test_caps_hold_across_processes(
    db_url: str, db: Database, pbx: Pbx, alice: Scope, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = dials.counts

    def counts_and_waits(conn: Connection, scope: Scope, now: float) -> Counts:
        """Between counting and writing there is time for all the others to count."""
        found = counted(conn, scope, now)
        if conn.dialect.name == "postgresql":
            conn.exec_driver_sql("SELECT pg_sleep(0.2)")
        return found

    monkeypatch.setattr(dials, "counts", counts_and_waits)
    processes = [Database(db_url, clock, region="PL") for _ in range(6)]
    diallers = [Dialler(one, pbx.originate, DialPolicy(region="PL", per_minute=1)) for one in processes]
    for n, dialler in enumerate(diallers):  # each is connected already: they begin at the same moment
        with pytest.raises(Refused):
            await dialler.dial(alice, key=f"warm{n}", number="112")
    tries = (dialler.dial(alice, key=f"k{n}", number="+48601234567") for n, dialler in enumerate(diallers))
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, tuple) for one in done) == len(pbx.sent) == 1
    assert {type(one) for one in done if not isinstance(one, tuple)} == {TooMany}
    for one in processes:
        await one.close()


@both
async def test_open_calls_are_counted_until_they_end(db: Database, pbx: Pbx, alice: Scope, clock: Clock) -> None:
    dialler = Dialler(db, pbx.originate, DialPolicy(region="PL", per_live=1))
    view, _ = await dialler.dial(alice, key="k1", number="+48601234567")
    with pytest.raises(TooMany):
        await dialler.dial(alice, key="k2", number="+48601234567")

    async def follow(state: str) -> bool:
        def step(work: Any) -> bool:
            work.journal("test", {}, None)
            return dials.go_on(work.conn, view["id"], state, call_id="c1")

        return await db.writing(step)

    assert await follow("ringing")
    assert await follow("answered")
    assert not await follow("ringing")  # late news changes nothing
    clock.on(200)
    with pytest.raises(TooMany):
        await dialler.dial(alice, key="k2", number="+48601234567")
    assert await follow("ended")
    await dialler.dial(alice, key="k2", number="+48601234567")
    clock.on(121)
    await dialler.dial(alice, key="k3", number="+48601234567")  # nothing was heard of k2: not open for ever


@both
async def test_only_what_is_mine_can_be_dialled(db: Database, dialler: Dialler, pbx: Pbx, alice: Scope) -> None:
    charlie = Scope(await people.add_user(db, "charlie", "agent", ["PJSIP/103"]), "charlie", "agent")
    deal = await deals.create(db, alice, {"title": "Boat", "number": "+48601234567"})
    contact = await contacts.create(db, alice, {"name": 'Anna "A" <x>', "numbers": ["+48602222222"]})
    with pytest.raises(NotFound):
        await dialler.dial(charlie, key="k", deal_id=int(deal["id"]))
    assert pbx.sent == []
    view, _ = await dialler.dial(alice, key="k1", deal_id=int(deal["id"]))
    assert (view["deal_id"], view["number"]) == (deal["id"], "+48601234567")
    view, _ = await dialler.dial(alice, key="k2", contact_id=int(contact["id"]))
    assert (view["contact_id"], view["number"]) == (contact["id"], "+48602222222")
    assert pbx.sent[-1]["caller"] == '"Anna A x" <+48602222222>'
    empty = await contacts.create(db, alice, {"name": "No number"})
    with pytest.raises(Invalid) as wrong:
        await dialler.dial(alice, key="k3", contact_id=int(empty["id"]))
    assert "contact_id" in wrong.value.fields


async def test_somebody_without_a_phone(db: Database, dialler: Dialler, pbx: Pbx) -> None:
    mona = Scope(await people.add_user(db, "mona", "manager", ["PJSIP/1*"]), "mona", "manager")
    with pytest.raises(Refused) as refused:
        await dialler.dial(mona, key="k", number="+48601234567")
    assert refused.value.code == "no_device"
    assert "user device mona" in refused.value.message


@pytest.mark.parametrize("key", ["", " ", "a b", "ü", "x" * 201, "a\n"])
async def test_keys_that_are_none(dialler: Dialler, alice: Scope, key: str) -> None:
    with pytest.raises(Invalid):
        await dialler.dial(alice, key=key, number="+48601234567")


async def test_one_target(dialler: Dialler, alice: Scope) -> None:
    for wrong in ({}, {"number": "+48601234567", "deal_id": 1}, {"deal_id": 1, "contact_id": 1}):
        with pytest.raises(Invalid):
            await dialler.dial(alice, key="k", **wrong)  # type: ignore[arg-type]
