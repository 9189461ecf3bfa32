"""Engines and transactions for SQLite and PostgreSQL: one code for both.

`read()` gives a consistent view, `write()` a transaction that ends with at least one journal row or fails. Only
`service/` may call `write()`.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from pbxcrm.store import schema

# Any number will do, as long as every writer takes the same one: it makes commit order and id order one.
_JOURNAL_LOCK = 0x70627863


class NothingJournalled(Exception):
    """A write transaction that appended no journal row: nobody would have heard of it. Nothing was written."""


@dataclass(slots=True)
class Tx:
    """One write transaction. `at` is its time, the same for all its rows (epoch seconds)."""

    conn: AsyncConnection
    at: float
    rows: list[dict[str, Any]] = field(default_factory=list)

    def journal(self, kind: str, data: Mapping[str, Any], audience: str | None) -> None:
        """Note what happened; written last, in order, when the transaction commits. Audience: see `audience()`."""
        self.rows.append({"at": self.at, "kind": kind, "audience": audience, "data": json.dumps(data)})


def audience(*user_ids: int | None) -> str | None:
    """The audience column for these persons: managers always see, these persons too."""
    ids = sorted({u for u in user_ids if u})
    return "|" + "|".join(map(str, ids)) + "|" if ids else None


EVERYBODY = "*"


class Database:
    """The database of one process. `on_commit` is called, on the loop, after each commit."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self.url = make_url(url)
        self.clock = clock
        self.sqlite = self.url.get_backend_name() == "sqlite"
        self.engine: AsyncEngine = create_async_engine(self.url, **self._pool())
        self._writing = asyncio.Lock()
        self._on_commit: list[Callable[[], None]] = []
        if self.sqlite:
            event.listen(self.engine.sync_engine, "connect", _sqlite_pragmas)

    def _pool(self) -> dict[str, Any]:
        return {"pool_size": 4, "max_overflow": 4} if self.sqlite else {"pool_size": 8, "pool_pre_ping": True}

    def on_commit(self, wake: Callable[[], None]) -> None:
        """Call `wake` (cheap, never raises) after each commit of this process."""
        self._on_commit.append(wake)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One snapshot: what is read inside agrees with itself, and with the journal id read inside."""
        async with self.engine.connect() as conn:
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
        async with self._writing, self.engine.connect() as conn:
            if self.sqlite:
                await conn.exec_driver_sql("BEGIN IMMEDIATE")
            tx = Tx(conn, self.clock())
            try:
                yield tx
                await self._append(tx)
                await conn.commit()
            except BaseException:
                await conn.rollback()
                raise
        for wake in self._on_commit:
            wake()

    async def _append(self, tx: Tx) -> None:
        if not tx.rows:
            raise NothingJournalled
        if not self.sqlite:
            # Sequence order is not commit order: under this lock, taken last, it is.
            await tx.conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _JOURNAL_LOCK})
        await tx.conn.execute(insert(schema.journal), tx.rows)

    async def close(self) -> None:
        """Let go of every connection (aiosqlite's threads would keep the process alive)."""
        await self.engine.dispose()


def _sqlite_pragmas(connection: Any, _record: Any) -> None:
    # The driver shall not begin transactions by itself: read() and write() say which kind they want.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def last_journal_id(conn: AsyncConnection) -> int:
    """The id of the newest journal row, 0 when there is none: what a page that is read now is true at."""
    row = (await conn.execute(select(schema.journal.c.id).order_by(schema.journal.c.id.desc()).limit(1))).first()
    return int(row[0]) if row else 0


def journal_rows(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Journal rows as {id, at, kind, audience, data}, data decoded."""
    return [{"id": r.id, "at": r.at, "kind": r.kind, "audience": r.audience, "data": json.loads(r.data)} for r in rows]
