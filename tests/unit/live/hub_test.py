"""The hub: every row once and in order, whoever wrote it; what this process wrote itself is not read again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from pbxcrm.crm.access import Scope
from pbxcrm.live.hub import Hub
from pbxcrm.store import journal
from pbxcrm.store.db import Database, Work, audience
from pbxcrm.store.migrations import migrate

MANAGER, AGENT = Scope(1, "mona", "manager"), Scope(2, "alice", "agent")


@pytest_asyncio.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/pbxcrm.db")
    await migrate(database)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def hub(db: Database) -> AsyncIterator[Hub]:
    hub = Hub(db, poll=60.0)
    running = asyncio.create_task(hub.run())
    yield hub
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def write(*words: str, heard: str | None = None) -> Any:
    def run(work: Work) -> None:
        for word in words:
            work.journal("note.added", {"said": word}, heard)

    return run


async def hear(hub: Hub, scope: Scope, after: int, until: str) -> list[tuple[int, str]]:
    heard = []
    async with asyncio.timeout(10):
        async for row in hub.subscribe(scope, after):
            heard.append((row["id"], row["data"]["said"]))
            if row["data"]["said"] == until:
                return heard
    return heard


async def listening(hub: Hub) -> None:
    """Until somebody is told what is new as it comes."""
    async with asyncio.timeout(10):
        while not hub._listeners:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_what_this_process_wrote_is_told_without_reading(
    db: Database, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hearing = asyncio.create_task(hear(hub, MANAGER, 0, "d"))
    await listening(hub)
    reads: list[int] = []
    every = journal.every
    monkeypatch.setattr(journal, "every", lambda *words: reads.append(1) or every(*words))
    await db.writing(write("a", "b"))
    await db.writing(write("c"))
    await db.writing(write("d"))
    assert [said for _, said in await hearing] == ["a", "b", "c", "d"]
    assert reads == []


@pytest.mark.asyncio
async def test_what_another_process_wrote_in_between_is_told_in_its_place(db: Database, hub: Hub) -> None:
    hearing = asyncio.create_task(hear(hub, MANAGER, 0, "e"))
    quiet = asyncio.create_task(hear(hub, AGENT, 0, "e"))
    other = Database(str(db.url))
    try:
        await db.writing(write("a"))
        await other.writing(write("b"))
        await db.writing(write("c", heard=audience(2)))
        async with db.write() as tx:
            tx.journal("note.added", {"said": "d"}, None)
        await db.writing(write("e", heard=audience(2)))
    finally:
        await other.close()
    heard = await hearing
    assert [said for _, said in heard] == ["a", "b", "c", "d", "e"]
    assert [key for key, _ in heard] == list(range(heard[0][0], heard[0][0] + 5))
    assert [said for _, said in await quiet] == ["c", "e"]


@pytest.mark.asyncio
async def test_a_row_is_the_same_from_memory_and_from_the_journal(db: Database, hub: Hub) -> None:
    live = hub.subscribe(MANAGER, 0)
    coming = aiter(live)
    first = asyncio.ensure_future(anext(coming))
    await listening(hub)
    await db.writing(write("é\u2028", heard=audience(2)))
    assert await first == (await db.reading(lambda conn: journal.after(conn, MANAGER, 0, 9)))[-1]
