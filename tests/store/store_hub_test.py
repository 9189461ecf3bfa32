"""Everybody hears all that is theirs to hear, in order, each row once, whoever wrote it and however slow others are."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from sqlalchemy import BigInteger, bindparam, select

from pbxcrm.crm.access import Scope
from pbxcrm.live.hub import PASSING, Hub, Subscription
from pbxcrm.store import journal, transaction
from pbxcrm.store.db import EVERYBODY, Database, Tx, Work, audience, only
from pbxcrm.store.errors import DatabaseUnusable
from tests.store.office import Office

pytestmark = pytest.mark.asyncio


async def say(db: Database, *rows: tuple[int, str | None]) -> None:
    """Commit these (number, audience) in one transaction."""

    def run(work: Work) -> None:
        for number, heard in rows:
            work.journal("deal.changed", {"number": number}, heard)

    await db.writing(run)


@contextlib.asynccontextmanager
async def running(db: Database, **more: object) -> AsyncIterator[Hub]:
    hub = Hub(db, **more)
    task = asyncio.create_task(hub.run())
    try:
        yield hub
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest_asyncio.fixture
async def hub(office: Office) -> AsyncIterator[Hub]:
    # The poll never comes: what is heard is heard because of a commit.
    async with running(office.db, poll=3600.0) as hub:
        yield hub


async def take(listener: Subscription, count: int) -> list[dict]:
    """The next so many rows of the journal."""
    found = []
    async with asyncio.timeout(30), contextlib.aclosing(listener.__aiter__()) as rows:
        async for row in rows:
            found += [row] if row["kind"] not in PASSING else []
            if len(found) == count:
                return found
    raise AssertionError(f"ended after {len(found)} rows")


async def last(db: Database) -> int:
    return await db.reading(journal.last_id)


def numbers(rows: list[dict]) -> list[int]:
    return [row["data"]["number"] for row in rows]


# ---- scope


async def test_each_hears_what_is_theirs_live_and_from_the_journal_alike(office, hub):
    db, start = office.db, await last(office.db)
    alice, bob, mia = office.alice, office.bob, office.mia
    spoken = [
        (1, EVERYBODY),
        (2, None),
        (3, audience(alice.user_id)),
        (4, audience(alice.user_id, bob.user_id)),
        (5, only(alice.user_id)),
        (6, only(mia.user_id)),
        (7, audience(alice.user_id * 10 + 1)),
        (8, EVERYBODY),
    ]
    expected = {alice: [1, 3, 4, 5, 8], bob: [1, 4, 8], office.charlie: [1, 8], mia: [1, 2, 3, 4, 6, 7, 8]}
    live = {who: asyncio.create_task(take(hub.subscribe(who, start), len(heard))) for who, heard in expected.items()}
    await until(lambda: len(hub._listeners) == len(expected))
    await say(db, *spoken)
    for who, heard in expected.items():
        assert numbers(await live[who]) == heard
        assert numbers(await take(hub.subscribe(who, start), len(heard))) == heard
        rows = await db.reading(lambda conn, who=who: journal.after(conn, who, start, 100))
        assert numbers(rows) == heard
        assert [row for row in rows if not journal.hears(who, row["audience"])] == []


async def until(true) -> None:
    """Let the others run until it is so."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + 30
    while not true():
        assert loop.time() < deadline, "it never came to be"
        await asyncio.sleep(0)


# ---- no gap, no double


async def test_a_reader_who_comes_while_many_write_hears_each_row_once_in_order(office, hub):
    db, start, count = office.db, await last(office.db), 400
    # Two programs write at once: this one, and another with connections of its own.
    other = Database(db.url.render_as_string(hide_password=False))

    async def write(through: Database, first: int) -> None:
        for i in range(first, count, 2):
            await say(through, (i, EVERYBODY))

    writers = [asyncio.create_task(write(db, 0)), asyncio.create_task(write(other, 1))]
    readers = []
    for after in range(12):
        await until(lambda after=after: hub._last >= start + after * 10 or all(w.done() for w in writers))
        readers.append(asyncio.create_task(take(hub.subscribe(office.alice, start), count)))
    await asyncio.gather(*writers)
    hub._wake.set()  # the other program's last rows: nobody here has committed after them
    heard = [await reader for reader in readers]
    ids = [row["id"] for row in await office.rows("journal") if row["id"] > start]
    assert len(ids) == count
    for rows in heard:
        assert [row["id"] for row in rows] == ids
        assert sorted(numbers(rows)) == list(range(count))
    await other.close()


async def test_thousands_of_rows_are_caught_up_with(office, hub):
    db, start = office.db, await last(office.db)
    for first in range(0, 3000, 1000):
        await say(db, *((i, audience(office.alice.user_id) if i % 3 else None) for i in range(first, first + 1000)))
    assert numbers(await take(hub.subscribe(office.mia, start), 3000)) == list(range(3000))
    assert numbers(await take(hub.subscribe(office.alice, start), 2000)) == [i for i in range(3000) if i % 3]
    middle = (await take(hub.subscribe(office.alice, start), 1000))[-1]["id"]
    assert numbers(await take(hub.subscribe(office.alice, middle), 1000)) == [i for i in range(1500, 3000) if i % 3]


async def test_commit_order_is_id_order(office, monkeypatch):
    """The writer who appends first and commits last: a reader at that moment must see neither or both in order."""
    db, start = office.db, await last(office.db)
    other = Database(db.url.render_as_string(hide_password=False))
    async with running(db, poll=0.01) as hub:
        reader = asyncio.create_task(take(hub.subscribe(office.alice, start), 2))
        await until(lambda: bool(hub._listeners))
        if db.sqlite:  # a second writer waits for the first: there is no other order
            async with db.write() as tx:
                tx.journal("deal.changed", {"number": 1}, EVERYBODY)
                second = asyncio.create_task(say(other, (2, EVERYBODY)))
                await asyncio.sleep(0)
                assert not second.done()
            await second
        else:
            appended, commit = slow_to_commit(other, monkeypatch)
            first = asyncio.create_task(say_awaiting(other, 1))
            await asyncio.wait_for(appended.wait(), 30)
            # The first writer holds a lower id, and the lock. The second may not commit before it.
            second = asyncio.create_task(say(db, (2, EVERYBODY)))
            assert not (await asyncio.wait([second], timeout=0.3))[0]
            commit.set()
            await asyncio.gather(first, second)
        rows = await reader
        assert numbers(rows) == [1, 2]
        assert rows[0]["id"] < rows[1]["id"]
    await other.close()


def slow_to_commit(db: Database, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """Make its next writer wait between its journal row and its commit: (it has appended, let it commit)."""
    appended, commit = asyncio.Event(), asyncio.Event()
    append = transaction.append

    async def slow(tx: Tx) -> None:
        await append(tx)
        if tx.conn.engine is db.engine:
            appended.set()
            await commit.wait()

    monkeypatch.setattr("pbxcrm.store.db.append", slow)
    return appended, commit


async def say_awaiting(db: Database, number: int) -> None:
    async with db.write() as tx:
        tx.journal("deal.changed", {"number": number}, EVERYBODY)


async def test_two_writers_without_the_lock_would_lose_a_row(office, monkeypatch):
    """What the lock is for: take it out, and the row with the lower id that is committed later is never seen."""
    db, start = office.db, await last(office.db)
    if db.sqlite:
        # There is no lock to take out: BEGIN IMMEDIATE lets no second writer in.
        with pytest.raises(DatabaseUnusable, match="locked"):
            await second_writer_on_sqlite(db)
        return
    monkeypatch.setattr("pbxcrm.store.transaction.LOCK", select(bindparam("key", type_=BigInteger)))
    other = Database(db.url.render_as_string(hide_password=False))
    appended, commit = slow_to_commit(other, monkeypatch)
    slow = asyncio.create_task(say_awaiting(other, 1))
    await asyncio.wait_for(appended.wait(), 30)
    await say(db, (2, EVERYBODY))
    seen = await db.reading(lambda conn: journal.every(conn, start, 10))
    commit.set()
    await slow
    later = await db.reading(lambda conn: journal.every(conn, seen[-1]["id"], 10))
    assert (numbers(seen), numbers(later)) == ([2], [])
    await other.close()


async def second_writer_on_sqlite(db: Database) -> None:
    other = Database(db.url.render_as_string(hide_password=False))
    try:
        async with db.write() as tx:
            tx.journal("x", {}, None)
            async with other.engine.connect() as conn:
                await conn.exec_driver_sql("PRAGMA busy_timeout=1")
            with other._explained():
                async with other.engine.connect() as conn:
                    await conn.exec_driver_sql("PRAGMA busy_timeout=1")
                    await conn.rollback()
                    await conn.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        await other.close()


async def test_what_another_program_writes_is_heard_too(office):
    other = Database(office.db.url.render_as_string(hide_password=False))
    async with running(office.db, poll=0.01) as hub:
        start = await last(office.db)
        reader = asyncio.create_task(take(hub.subscribe(office.alice, start), 1))
        await until(lambda: bool(hub._listeners))
        await say(other, (1, EVERYBODY))
        assert numbers(await reader) == [1]
    await other.close()


# ---- slow and gone


async def test_who_does_not_read_is_let_go_and_harms_nobody(office):
    db, start, count = office.db, await last(office.db), 2000
    async with running(db, queue=16, poll=3600.0) as hub:
        stuck = hub.subscribe(office.alice, start)
        rows = stuck.__aiter__()
        first = asyncio.create_task(anext(rows))
        await until(lambda: bool(hub._listeners))
        await say(db, (0, EVERYBODY))
        assert (await first)["data"]["number"] == 0
        never = hub.subscribe(office.bob, start)  # never asks for a row at all
        reader = asyncio.create_task(take(hub.subscribe(office.mia, start), count + 1))
        await until(lambda: len(hub._listeners) == 2)
        for i in range(1, count + 1):
            await say(db, (i, EVERYBODY))
            if i % 8 == 0:
                await until(lambda i=i: hub._last >= start + i)
        assert numbers(await reader) == list(range(count + 1))
        assert stuck.overflown
        assert len(stuck._queue) <= 16
        assert stuck not in hub._listeners
        assert never._queue == type(never._queue)()
        with pytest.raises(StopAsyncIteration):
            await anext(rows)
        # Back with the id it saw last, it has missed nothing.
        assert numbers(await take(hub.subscribe(office.alice, start + 1), count)) == list(range(1, count + 1))


async def test_who_leaves_is_forgotten(office, hub):
    listener = hub.subscribe(office.alice, await last(office.db))
    rows = listener.__aiter__()
    waiting = asyncio.create_task(anext(rows))
    await until(lambda: listener in hub._listeners)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await rows.aclose()
    assert hub._listeners == set()
    other = hub.subscribe(office.alice, 0)
    await other.close()
    assert hub._listeners == set()


async def test_the_database_may_go_away_and_come_back(office, monkeypatch):
    db, start = office.db, await last(office.db)
    async with running(db, poll=0.01) as hub:
        reader = asyncio.create_task(take(hub.subscribe(office.alice, start), 1))
        await until(lambda: bool(hub._listeners))
        tried = []

        def away(*_args):
            tried.append(1)
            raise DatabaseUnusable("away")

        with monkeypatch.context() as patch:
            patch.setattr(journal, "every", away)
            await say(db, (1, EVERYBODY))
            await until(lambda: len(tried) > 2)
        assert numbers(await reader) == [1]


async def test_one_read_a_wake_however_many_listen(office, monkeypatch):
    db, start = office.db, await last(office.db)
    reads = []
    real = journal.every
    monkeypatch.setattr(journal, "every", lambda *args: (reads.append(1), real(*args))[1])
    async with running(db, poll=3600.0) as hub:
        await hub._started.wait()
        readers = [asyncio.create_task(take(hub.subscribe(office.alice, start), 40)) for _ in range(50)]
        await until(lambda: len(hub._listeners) == 50)
        await say(db, *((i, EVERYBODY) for i in range(40)))
        await asyncio.gather(*readers)
        assert len(reads) == (0 if db.sqlite else 1)  # SQLite: from memory, no id is missing


@pytest.mark.parametrize("who", [Scope(1, "a", "agent"), Scope(1, "m", "manager"), Scope(11, "b", "agent")])
@pytest.mark.parametrize("heard", [None, EVERYBODY, "|1|", "|11|", "|1|11|", "=|1|", "=|11|"])
async def test_sql_and_python_agree_on_who_hears(db, who, heard):
    await say(db, (1, heard))
    found = await db.reading(lambda conn: journal.after(conn, who, 0, 10))
    assert bool(found) == journal.hears(who, heard)
