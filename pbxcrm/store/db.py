"""Engines and transactions for SQLite and PostgreSQL: one code for both.

`reading(fn)` runs a function on one consistent view, `writing(fn)` runs one in a transaction that ends with at least
one journal row or fails. The functions are plain ones: on SQLite the whole of a function runs in a thread with one
hop (an await a statement costs 25 times as much as the statement), on PostgreSQL it runs inside the loop through
SQLAlchemy's greenlets. `read()` and `write()` are the same for code that prefers to await each statement.
Only `service/` may write.
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, event, select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from pbxcrm.store import schema
from pbxcrm.store.errors import DatabaseUnusable, bare, explain, unusable
from pbxcrm.store.postgres import Writer
from pbxcrm.store.presence import Presence
from pbxcrm.store.threads import Threads, pragmas
from pbxcrm.store.transaction import (
    EVERYBODY,
    JOURNAL_LOCK,
    LOCK,
    Journalled,
    NothingJournalled,
    Tx,
    Work,
    append,
    audience,
    only,
    run,
)
from pbxcrm.store.url import parse

# What a user of the database needs beside it.
__all__ = [
    "EVERYBODY",
    "Database",
    "Journalled",
    "NothingJournalled",
    "Tx",
    "Work",
    "audience",
    "last_journal_id",
    "only",
]

T = TypeVar("T")

_MIGRATION_LOCK = JOURNAL_LOCK + 1
_FRESH = 256  # commits that wait for the hub to take them
_PATIENCE = 30.0  # seconds in which a transaction on PostgreSQL ends, or the server has gone without a word
_CONNECT = 10.0  # seconds for a connection to it


class Database:
    """The database of one process. `on_commit` is called, on the loop, after each commit.

    `region` (ISO 3166) is how numbers without a country code are read that people write into it.
    Raises DatabaseUnusable, here and in every method, when the database as a whole cannot be used.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time, region: str | None = None) -> None:
        self.url = parse(url)
        self.region = region
        self.clock = clock
        self.presence = Presence(clock)
        self.sqlite = self.url.get_backend_name() == "sqlite"
        try:
            self.engine: AsyncEngine = create_async_engine(self.url, **self._pool())
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            raise explain(self.url, error) from error
        # Counts this process's commits of things that seldom change (people, stages, settings): see store/lookup.py.
        self.generation = 0
        self._writing = asyncio.Lock()
        self._on_commit: list[Callable[[], None]] = []
        self._fresh: deque[tuple[int, list[dict[str, Any]]]] = deque(maxlen=_FRESH)
        if self.sqlite:
            self._threads = Threads(self.url)
            event.listen(self.engine.sync_engine, "connect", pragmas)
        else:
            self._writer = Writer(self._connection)

    def _pool(self) -> dict[str, Any]:
        if self.sqlite:
            return {"pool_size": 4, "max_overflow": 4}
        return {"pool_size": 8, "pool_pre_ping": True, "connect_args": {"timeout": _CONNECT}}

    def on_commit(self, wake: Callable[[], None]) -> None:
        """Call `wake` (cheap, never raises) after each commit of this process."""
        self._on_commit.append(wake)

    def fresh(self) -> Iterator[list[dict[str, Any]]]:
        """Journal rows that this process has just committed, a commit each, in order, each given once.

        Not all of them: a reader who sees ids missing reads the journal itself.
        """
        while self._fresh:
            first, rows = self._fresh.popleft()
            yield [{"id": key, **row, "data": json.loads(row["data"])} for key, row in enumerate(rows, first)]

    async def reading(self, fn: Callable[[Connection], T]) -> T:
        """What `fn` returns when run on one snapshot: all it reads agrees with itself and with the journal id."""
        if self.sqlite:
            with self._explained():
                return await self._threads.read(fn)
        with self._explained():
            async with asyncio.timeout(_PATIENCE), self.read() as conn:
                return await conn.run_sync(fn)

    async def writing(self, fn: Callable[[Work], T], *, durable: bool = True) -> T:
        """What `fn` returns when run in a transaction; it commits with its journal rows in one, or leaves no trace.

        Raises NothingJournalled when no row was appended, and whatever `fn` raises. Cancelling waits for the end of
        the transaction: it is committed or not, never unknown to the hub. What is not `durable` survives a crash of
        this program, but if the machine's power fails only once a later one that is has been committed (SQLite).
        `fn` may be run twice: where PostgreSQL had closed the connection (as after its restart), from the beginning.
        """
        if not self.sqlite:
            return await self._writing_postgres(fn)
        with self._explained():
            async with self._writing:
                done = self._threads.write(fn, self.clock, self._committed, durable)
                try:
                    result = await asyncio.shield(done)
                except asyncio.CancelledError:
                    await asyncio.wait([done])
                    if done.exception() is None:
                        self._wake()
                    raise
        self._wake()
        return result

    async def compact(self) -> None:
        """Leave nothing in the files of what was deleted (SQLite). Writers wait meanwhile: seconds a gigabyte."""
        if self.sqlite:
            with self._explained():
                async with self._writing:
                    await asyncio.shield(self._threads.compact())

    async def alone(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` in a transaction while no other process does so: for migrations only, nothing is journalled."""
        with self._explained():
            if self.sqlite:
                async with self._writing:
                    return await self._threads.alone(fn)
            async with self._writing, self._connect() as conn:
                await conn.execute(LOCK, {"key": _MIGRATION_LOCK})
                result = await conn.run_sync(fn)
                await conn.commit()
                return result

    async def _writing_postgres(self, fn: Callable[[Work], T]) -> T:
        with self._explained():
            async with self._writing, asyncio.timeout(_PATIENCE):
                work, result = await self._written(fn)
                self._committed(work)
        self._wake()
        return result

    async def _written(self, fn: Callable[[Work], T]) -> tuple[Work, T]:
        again = True
        while True:
            conn, committing = await self._writer.take(), False
            try:
                work = Work(self.clock(), conn=conn.sync_connection)  # type: ignore[arg-type]
                result = await conn.run_sync(lambda _, work=work: run(work, fn))  # type: ignore[misc]
                committing = True
                await conn.commit()
            except BaseException as error:
                await self._writer.undo(error)
                lost = isinstance(error, DBAPIError) and error.connection_invalidated
                if not (lost and again) or committing:
                    raise
                again = False  # the server had gone since the last write: nothing was committed, so once more
            else:
                return work, result

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One snapshot: what is read inside agrees with itself, and with the journal id read inside."""
        with self._explained():
            async with self._connect() as conn:
                if not self.sqlite:
                    await conn.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                else:
                    await conn.exec_driver_sql("BEGIN")
                try:
                    yield conn
                finally:
                    await conn.rollback()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """A transaction; commits with its journal rows in one, or leaves no trace.

        Raises NothingJournalled when no row was appended, and whatever the database raises.
        """
        # One writer at a time in this process: SQLite allows no more, and waiting here is fair and cheap.
        with self._explained():
            async with self._writing, self._connect() as conn:
                if self.sqlite:
                    await conn.exec_driver_sql("BEGIN IMMEDIATE")
                tx = Tx(self.clock(), conn=conn)
                try:
                    yield tx
                    await append(tx)
                    await conn.commit()
                    self._committed(tx)
                except BaseException:
                    await conn.rollback()
                    raise
        self._wake()

    async def _connection(self) -> AsyncConnection:
        try:
            return await self.engine.connect()
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) or bare(error):
                raise explain(self.url, error) from error
            raise

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[AsyncConnection]:
        conn = await self._connection()
        try:
            yield conn
        finally:
            await asyncio.shield(conn.close())

    def _committed(self, work: Journalled) -> None:
        if work.seldom:
            self.generation += 1
        if work.last and self._on_commit:
            self._fresh.append((work.last - len(work.rows) + 1, work.rows))

    def _wake(self) -> None:
        self.presence.back()
        for wake in self._on_commit:
            wake()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DatabaseUnusable as error:
            self.presence.lost(error.message)
            raise
        except Exception as error:
            if not unusable(error):
                raise
            explained = explain(self.url, error)
            self.presence.lost(explained.message)
            raise explained from error

    async def close(self) -> None:
        """Let go of every connection (aiosqlite's threads would keep the process alive)."""
        if self.sqlite:
            await asyncio.to_thread(self._threads.close)
        else:
            await self._writer.drop()
        await self.engine.dispose()


_LAST = select(schema.journal.c.id).order_by(schema.journal.c.id.desc()).limit(1)


async def last_journal_id(conn: AsyncConnection) -> int:
    """The id of the newest journal row, 0 when there is none: what a page that is read now is true at."""
    return int((await conn.execute(_LAST)).scalar() or 0)
