"""What is older than it may be goes: all of it, once, without a gap that anybody would not notice."""

import json
from collections import Counter

import pytest
from sqlalchemy import text

from pbxcrm.live.hub import Gone
from pbxcrm.service import audit, contacts, retention
from pbxcrm.service.retention import DAY
from pbxcrm.store.db import Database
from tests.http.bed import Clock, House, both
from tests.http.live_test import stream, take
from tests.http.things import call_of, things_of

pytestmark = pytest.mark.asyncio
KEEP = {"journal": 30, "calls": 90, "dials": 90, "audit": 365, "imports": 90}


async def rows(db: Database, table: str) -> int:
    async with db.read() as conn:
        return int((await conn.execute(text(f"SELECT count(*) FROM {table}"))).scalar() or 0)


@both
async def test_each_kind_by_its_own_age_and_twice_changes_nothing(house: House, clock: Clock) -> None:
    db, alice = house.db, house.people["alice"]
    old = await things_of(house, alice)
    clock.on(60 * DAY)
    await things_of(house, alice)
    young = await call_of(db, alice, "young", "+48601234567")
    clock.on(40 * DAY)
    ongoing = await call_of(db, alice, "ongoing", "+48601234568", over=False)
    due = await retention.due(db, KEEP)
    assert due["calls"] >= 1
    assert due["audit"] == 0
    assert due["journal"] > 20
    assert await retention.run(db, KEEP) == due
    # What is left to go is nothing, and the second run writes nothing at all.
    before = await rows(db, "journal"), await rows(db, "audit")
    assert await retention.run(db, KEEP) == dict.fromkeys(KEEP, 0)
    assert (await rows(db, "journal"), await rows(db, "audit")) == before
    found = {call["id"] for call in (await house.json("GET", "/api/v1/calls", "mona"))["items"]}
    assert old.call not in found
    assert {young, ongoing} < found
    assert (await house.json("GET", f"/api/v1/deals/{old.deal}", "alice"))["id"] == old.deal
    (entry,) = (await house.json("GET", "/api/v1/audit?action=retention", "mona"))["items"]
    assert entry["changes"] == {kind: [count, 0] for kind, count in due.items() if count}
    clock.on(400 * DAY)
    await retention.run(db, KEEP)
    assert await rows(db, "audit") == 1
    # The call that never ended stays for somebody to look at; the newest journal row is everybody's cursor.
    assert await rows(db, "calls") == 1
    assert await rows(db, "journal") >= 1


async def test_nothing_is_due_where_all_is_kept(house: House, clock: Clock) -> None:
    await things_of(house, house.people["alice"])
    clock.on(4000 * DAY)
    assert await retention.run(house.db, dict.fromkeys(KEEP, 0)) == {}


async def test_a_batch_is_small_and_others_write_between(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    monkeypatch.setattr(retention, "PAUSE", 0)
    scope = house.people["alice"].scope
    for n in range(10):
        await contacts.create(house.db, scope, {"name": f"C{n}"})
    clock.on(31 * DAY)
    await retention.run(house.db, KEEP)
    async with house.db.read() as conn:
        said = (await conn.execute(text("SELECT data FROM journal WHERE kind = 'retention.pruned'"))).scalars().all()
    counts = Counter(json.loads(one)["rows"] for one in said)
    assert max(counts) == 3
    assert counts[3] >= 3


async def test_an_older_cursor_is_told_to_read_anew(house: House, clock: Clock) -> None:
    await things_of(house, house.people["alice"])
    clock.on(31 * DAY)
    await retention.run(house.db, KEEP)
    async with house.db.read() as conn:
        first = int((await conn.execute(text("SELECT min(id) FROM journal"))).scalar() or 0)
    assert first > 5
    for after in (0, 1, first - 2):
        async with stream(house, "alice", f"?after={after}") as ws:
            assert (await take(ws, 1))[0]["kind"] == "reset"
    await house.json("PATCH", "/api/v1/contacts/1", "alice", json={"version": 1, "note": "x"})
    task = {"title": "x", "due_at": "2026-11-19T09:30:00Z"}
    async with stream(house, "alice", f"?after={first - 1}") as ws:
        await house.json("POST", "/api/v1/tasks", "alice", 201, json=task)
        assert (await take(ws, 1))[0]["kind"] == "task.due"


async def test_one_that_is_catching_up_is_not_left_with_a_gap(house: House, clock: Clock) -> None:
    """It was let in with a cursor that was good then."""
    await things_of(house, house.people["alice"])
    clock.on(31 * DAY)
    listener = house.hub.subscribe(house.people["alice"].scope, 1)
    await retention.run(house.db, KEEP)
    with pytest.raises(Gone):
        async for _ in listener:
            pass


async def test_a_clock_that_was_set_back_makes_no_hole(house: House, clock: Clock) -> None:
    scope = house.people["alice"].scope
    await contacts.create(house.db, scope, {"name": "a"})
    clock.on(-40 * DAY)
    await contacts.create(house.db, scope, {"name": "b"})
    clock.on(40 * DAY)
    await retention.run(house.db, KEEP)
    async with house.db.read() as conn:
        ids = list((await conn.execute(text("SELECT id FROM journal ORDER BY id"))).scalars())
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert "retention" in audit.ACTIONS
