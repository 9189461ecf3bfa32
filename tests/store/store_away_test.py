"""PostgreSQL stops in every way it can, under load: whatever it says then, it is said that the database is away."""

import asyncio
import signal

import pytest

from pbxcrm.store.db import Database, Work
from pbxcrm.store.errors import DatabaseUnusable
from pbxcrm.store.migrations import migrate
from tests.fakes.ami import until
from tests.fakes.postgres import Server, server

pytestmark = pytest.mark.asyncio


class Load:
    """Writers and readers without a pause; anything but DatabaseUnusable ends them."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.written = self.away = 0
        self.on = True

    async def writer(self) -> None:
        while self.on:
            await self._try(self.db.writing(self._row))

    async def reader(self) -> None:
        while self.on:
            await self._try(self.db.reading(lambda conn: conn.exec_driver_sql("SELECT max(id) FROM journal").scalar()))

    def _row(self, work: Work) -> None:
        work.journal("link.up", {}, None)

    async def _try(self, work: object) -> None:
        try:
            await work  # type: ignore[misc]
            self.written += 1
        except DatabaseUnusable as error:
            self.away += error.passing
            await asyncio.sleep(0.003)


async def break_it(postgres: Server, load: Load, number: signal.Signals) -> None:
    before = load.away
    await asyncio.to_thread(postgres.stop, number)
    await until(lambda: load.away > before, 30)
    assert not load.db.presence.up
    assert load.db.presence.reason
    written = load.written
    await asyncio.to_thread(postgres.start)
    await until(lambda: load.written > written + 50 and load.db.presence.up, 30)


async def test_however_it_goes_it_is_away_and_comes_back() -> None:
    with server() as postgres:
        db = Database(postgres.empty())
        await migrate(db)
        load = Load(db)
        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(load.writer())
                group.create_task(load.reader())
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL) * 2:
                await break_it(postgres, load, number)
            load.on = False
        await db.close()


async def write(db: Database) -> None:
    await db.writing(lambda work: work.journal("link.up", {}, None))


async def read(db: Database) -> None:
    await db.reading(lambda conn: conn.exec_driver_sql("SELECT 1").scalar())


async def test_one_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbxcrm.store.db._PATIENCE", 0.5)
    with server() as postgres:
        db = Database(postgres.empty())
        await migrate(db)
        await write(db)
        postgres.freeze()
        for ask in (write, read):
            async with asyncio.timeout(30):
                with pytest.raises(DatabaseUnusable):
                    await ask(db)
        assert not db.presence.up
        postgres.thaw()
        async with asyncio.timeout(30):
            await write(db)
        assert db.presence.up
        await db.close()
