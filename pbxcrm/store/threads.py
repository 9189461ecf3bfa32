"""SQLite without awaiting each statement: one thread that writes, a few that read."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from pbxcrm.store.errors import REMOVED, unusable
from pbxcrm.store.transaction import Work, run

T = TypeVar("T")

BUSY = 5_000  # ms to wait for another process's transaction
_PATIENCE = 600_000  # ms to wait for another process's migration
_READERS = 4
_CHECKPOINTS = 10  # each waits BUSY for readers


class Threads:
    """The threads of one database, and their connections."""

    def __init__(self, url: URL) -> None:
        self._path = Path(url.database or "")
        self._file = self._look()
        # A file that was removed is not made anew, and empty, behind our back.
        there = {"uri": "true", "mode": "rw"}
        named = url.set(drivername="sqlite", database=f"file:{quote(str(self._path))}", query=there)
        self._engine: Engine = create_engine(named, pool_size=_READERS + 1, max_overflow=0)
        event.listen(self._engine, "connect", pragmas)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="pbxcrm-write")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="pbxcrm-read")
        self._durable = True
        self._conn: Connection | None = None  # the writing thread's: taking one from the pool each time costs more

    def _look(self) -> tuple[int, int] | None:
        """Which file it is; None where there is none."""
        with suppress(OSError):
            found = self._path.stat()
            return found.st_dev, found.st_ino
        return None

    def _same_file(self) -> bool:
        """Whether the open connections are the file's that bears the name. Raises OperationalError where none does."""
        found = self._look()
        if found is None and self._file is not None:
            raise sqlite3.OperationalError(REMOVED)
        same, self._file = found == self._file, found
        if not same:
            self._engine.dispose()  # what is open leads to a file that nobody will find again
        return same

    def _write_connection(self, durable: bool) -> Connection:
        if not self._same_file() or self._conn is None:
            self._drop()
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
        def work_on() -> T:
            if self._look() != self._file:
                raise sqlite3.OperationalError(REMOVED)  # until the writer has found another
            with self._engine.connect() as conn:
                conn.exec_driver_sql("BEGIN")
                return fn(conn)

        return asyncio.get_running_loop().run_in_executor(self._readers, work_on)

    def write(
        self, fn: Callable[[Work], T], clock: Callable[[], float], committed: Callable[[Work], None], durable: bool
    ) -> asyncio.Future[T]:
        def work_on() -> T:
            conn = self._write_connection(durable)
            try:
                conn.exec_driver_sql("BEGIN IMMEDIATE")
                work = Work(clock(), conn=conn)
                result = run(work, fn)
                conn.commit()
            except BaseException as error:
                if unusable(error):
                    self._drop()
                else:
                    conn.rollback()
                raise
            committed(work)
            return result

        return asyncio.get_running_loop().run_in_executor(self._writer, work_on)

    def alone(self, fn: Callable[[Connection], T]) -> asyncio.Future[T]:
        def work_on() -> T:
            with self._engine.connect() as conn:
                conn.exec_driver_sql(f"PRAGMA busy_timeout={_PATIENCE}")
                try:
                    conn.exec_driver_sql("BEGIN IMMEDIATE")
                    result = fn(conn)
                    conn.commit()
                    return result
                finally:
                    conn.rollback()
                    conn.exec_driver_sql(f"PRAGMA busy_timeout={BUSY}")

        return asyncio.get_running_loop().run_in_executor(self._writer, work_on)

    def compact(self) -> asyncio.Future[None]:
        """Write the file anew, so that nothing deleted is left between its rows, and empty the log beside it."""

        def work_on() -> None:
            conn = self._write_connection(durable=True)
            try:
                conn.exec_driver_sql("VACUUM")
                for _ in range(_CHECKPOINTS):  # a reader on an older snapshot holds the log for as long as it reads
                    busy = conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar_one()
                    if not busy:
                        break
            except BaseException as error:
                if unusable(error):
                    self._drop()
                raise

        return asyncio.get_running_loop().run_in_executor(self._writer, work_on)

    def close(self) -> None:
        self._writer.submit(self._drop).result()
        self._writer.shutdown()
        self._readers.shutdown()
        self._engine.dispose()


def pragmas(connection: Any, _record: Any) -> None:
    """What every new connection is told."""
    # The driver shall not begin transactions by itself: read() and write() say which kind they want.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY}")
    _into_wal(cursor)
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _into_wal(cursor: Any) -> None:
    """Where two programs turn a new file into WAL at once, one is refused at once, whatever its busy_timeout is:
    SQLite sees a deadlock coming (https://www.sqlite.org/c3ref/busy_handler.html). It is tried again for as long.
    """
    patience = time.monotonic() + BUSY / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(0.02)
        else:
            return
