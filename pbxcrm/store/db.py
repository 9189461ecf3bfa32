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
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, bindparam, create_engine, event, insert, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from pbxcrm.store import schema
from pbxcrm.store.errors import DatabaseUnusable, explain, unusable, wrong_url
from pbxcrm.store.prepared import Command, last_inserted

T = TypeVar("T")

# Any number will do, as long as every writer takes the same one: it makes commit order and id order one.
_JOURNAL_LOCK = 0x70627863
_LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_APPEND = insert(schema.journal)
_APPEND_ALL = Command(_APPEND)
_READERS = 4
_MIGRATION_LOCK = _JOURNAL_LOCK + 1
_FRESH = 256  # commits that wait for the hub to take them
_BUSY = 5_000  # ms to wait for another process's transaction
_PATIENCE = 600_000  # ms to wait for another process's migration


class NothingJournalled(Exception):  # noqa: N818
    """A write transaction that appended no journal row: nobody would have heard of it. Nothing was written."""


@dataclass(slots=True)
class Journalled:
    """What every write transaction has: its time `at` (epoch seconds, the same for all its rows) and journal rows."""

    at: float
    rows: list[dict[str, Any]] = field(default_factory=list)
    last: int = 0  # the id of the last journal row where the database said it at no cost (SQLite), else 0

    @property
    def seldom(self) -> bool:
        """Whether something changed that readers keep in memory: people, stages, settings."""
        return any(not row["kind"].startswith(_DAILY) for row in self.rows)

    def journal(self, kind: str, data: Mapping[str, Any] | str, audience: str | None) -> None:
        """Note what happened; written last, in order, when the transaction commits. Audience: see `audience()`.

        `data` may be JSON text already.
        """
        text_ = data if isinstance(data, str) else json.dumps(data)
        self.rows.append({"at": self.at, "kind": kind, "audience": audience, "data": text_})


@dataclass(slots=True, kw_only=True)
class Tx(Journalled):
    """A write transaction whose statements are awaited."""

    conn: AsyncConnection


@dataclass(slots=True, kw_only=True)
class Work(Journalled):
    """A write transaction given to a plain function."""

    conn: Connection


def audience(*user_ids: int | None) -> str | None:
    """The audience column for these persons: managers always see, these persons too."""
    ids = sorted({u for u in user_ids if u})
    return "|" + "|".join(map(str, ids)) + "|" if ids else None


def only(user_id: int) -> str:
    """The audience column for this person alone: managers do not see it."""
    return f"=|{user_id}|"


EVERYBODY = "*"

# Kinds of every day; any other says that something changed which readers keep in memory.
_DAILY = ("call.", "deal.", "task.", "link.", "dial.", "note.", "contact.", "session.")


class Database:
    """The database of one process. `on_commit` is called, on the loop, after each commit.

    `region` (ISO 3166) is how numbers without a country code are read that people write into it.
    Raises DatabaseUnusable, here and in every method, when the database as a whole cannot be used.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time, region: str | None = None) -> None:
        self.url = _parse(url)
        self.region = region
        self.clock = clock
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
            self._threads = _Threads(self.url)
            event.listen(self.engine.sync_engine, "connect", _sqlite_pragmas)

    def _pool(self) -> dict[str, Any]:
        return {"pool_size": 4, "max_overflow": 4} if self.sqlite else {"pool_size": 8, "pool_pre_ping": True}

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
        async with self.read() as conn:
            return await conn.run_sync(fn)

    async def writing(self, fn: Callable[[Work], T], *, durable: bool = True) -> T:
        """What `fn` returns when run in a transaction; it commits with its journal rows in one, or leaves no trace.

        Raises NothingJournalled when no row was appended, and whatever `fn` raises. Cancelling waits for the end of
        the transaction: it is committed or not, never unknown to the hub. What is not `durable` survives a crash of
        this program, but if the machine's power fails only once a later one that is has been committed (SQLite).
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
                    self._wake()
                    raise
        self._wake()
        return result

    async def alone(self, fn: Callable[[Connection], T]) -> T:
        """Run `fn` in a transaction while no other process does so: for migrations only, nothing is journalled."""
        with self._explained():
            if self.sqlite:
                async with self._writing:
                    return await self._threads.alone(fn)
            async with self._writing, self._connect() as conn:
                await conn.execute(_LOCK, {"key": _MIGRATION_LOCK})
                result = await conn.run_sync(fn)
                await conn.commit()
                return result

    async def _writing_postgres(self, fn: Callable[[Work], T]) -> T:
        with self._explained():
            async with self._writing, self._connect() as conn:
                work = Work(self.clock(), conn=conn.sync_connection)  # type: ignore[arg-type]
                result = await conn.run_sync(lambda _: _run(work, fn))
                await conn.commit()
                self._committed(work)
        self._wake()
        return result

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
                    await self._append(tx)
                    await conn.commit()
                    self._committed(tx)
                except BaseException:
                    await conn.rollback()
                    raise
        self._wake()

    async def _append(self, tx: Tx) -> None:
        if not tx.rows:
            raise NothingJournalled
        if not self.sqlite:
            await tx.conn.execute(_LOCK, {"key": _JOURNAL_LOCK})
        await tx.conn.execute(_APPEND, tx.rows)

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[AsyncConnection]:
        try:
            conn = await self.engine.connect()
        except Exception as error:
            # asyncpg raises its own errors and OSError bare, before SQLAlchemy has a connection to speak of.
            if isinstance(error, (OSError, ModuleNotFoundError)) or type(error).__module__.startswith("asyncpg"):
                raise explain(self.url, error) from error
            raise
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
        for wake in self._on_commit:
            wake()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if unusable(error):
                raise explain(self.url, error) from error
            raise

    async def close(self) -> None:
        """Let go of every connection (aiosqlite's threads would keep the process alive)."""
        if self.sqlite:
            await asyncio.to_thread(self._threads.close)
        await self.engine.dispose()


class _Threads:
    """SQLite without awaiting each statement: one thread that writes, a few that read."""

    def __init__(self, url: URL) -> None:
        self._engine: Engine = create_engine(url.set(drivername="sqlite"), pool_size=_READERS + 1, max_overflow=0)
        event.listen(self._engine, "connect", _sqlite_pragmas)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="pbxcrm-write")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="pbxcrm-read")
        self._durable = True
        self._conn: Connection | None = None  # the writing thread's: taking one from the pool each time costs more

    def _write_connection(self, durable: bool) -> Connection:
        if self._conn is None:
            self._conn, self._durable = self._engine.connect(), True
        if durable != self._durable:
            self._conn.exec_driver_sql(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._conn.rollback()
            self._durable = durable
        return self._conn

    def _drop(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(Exception):  # it is broken already
                conn.invalidate()
            conn.close()

    def read(self, fn: Callable[[Connection], T]) -> asyncio.Future[T]:
        def run() -> T:
            with self._engine.connect() as conn:
                conn.exec_driver_sql("BEGIN")
                return fn(conn)

        return asyncio.get_running_loop().run_in_executor(self._readers, run)

    def write(
        self, fn: Callable[[Work], T], clock: Callable[[], float], committed: Callable[[Work], None], durable: bool
    ) -> asyncio.Future[T]:
        def run() -> T:
            conn = self._write_connection(durable)
            try:
                conn.exec_driver_sql("BEGIN IMMEDIATE")
                work = Work(clock(), conn=conn)
                result = _run(work, fn)
                conn.commit()
            except BaseException as error:
                if unusable(error):
                    self._drop()
                else:
                    conn.rollback()
                raise
            committed(work)
            return result

        return asyncio.get_running_loop().run_in_executor(self._writer, run)

    def alone(self, fn: Callable[[Connection], T]) -> asyncio.Future[T]:
        def run() -> T:
            with self._engine.connect() as conn:
                conn.exec_driver_sql(f"PRAGMA busy_timeout={_PATIENCE}")
                try:
                    conn.exec_driver_sql("BEGIN IMMEDIATE")
                    result = fn(conn)
                    conn.commit()
                    return result
                finally:
                    conn.rollback()
                    conn.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY}")

        return asyncio.get_running_loop().run_in_executor(self._writer, run)

    def close(self) -> None:
        self._writer.submit(self._drop).result()
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()


def _run(work: Work, fn: Callable[[Work], T]) -> T:
    result = fn(work)
    if not work.rows:
        raise NothingJournalled
    if work.conn.dialect.name == "postgresql":
        # Sequence order is not commit order: under this lock, taken last, it is.
        work.conn.execute(_LOCK, {"key": _JOURNAL_LOCK})
    _APPEND_ALL.run(work.conn, work.rows)
    work.last = last_inserted(work.conn)
    return result


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise wrong_url(url, error) from error
    if parsed.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        raise wrong_url(url)
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise DatabaseUnusable(
                "An SQLite database in memory would be lost at each stop. Nothing was stored; name a file in the URL."
            )
        _make_private(Path(parsed.database))
    return parsed


def _make_private(path: Path) -> None:
    """A new database file is its owner's alone: it holds customers and password hashes."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
    except OSError:
        return  # opening it will fail too, and say why in the words of errors.py


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    # The driver shall not begin transactions by itself: read() and write() say which kind they want.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={_BUSY}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


_LAST = select(schema.journal.c.id).order_by(schema.journal.c.id.desc()).limit(1)
_AFTER = select(schema.journal).where(schema.journal.c.id > bindparam("after")).order_by(schema.journal.c.id)


async def last_journal_id(conn: AsyncConnection) -> int:
    """The id of the newest journal row, 0 when there is none: what a page that is read now is true at."""
    return int((await conn.execute(_LAST)).scalar() or 0)


def journal_rows(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Journal rows as {id, at, kind, audience, data}, data decoded."""
    return [{"id": r.id, "at": r.at, "kind": r.kind, "audience": r.audience, "data": json.loads(r.data)} for r in rows]
