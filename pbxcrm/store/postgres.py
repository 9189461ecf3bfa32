"""The one connection through which this process writes to PostgreSQL.

Kept between transactions: taking one from the pool, and asking it whether it still lives, would cost as many round
trips as half the transaction. It is asked only after a pause.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sqlalchemy.ext.asyncio import AsyncConnection

_PAUSE = 1.0  # seconds of silence in which a server may have gone


class Writer:
    """Used by one transaction at a time: the caller holds a lock."""

    def __init__(self, connect: Callable[[], Awaitable[AsyncConnection]]) -> None:
        self._connect = connect
        self._conn: AsyncConnection | None = None
        self._used = 0.0

    async def take(self) -> AsyncConnection:
        """The connection, alive a second ago or just now."""
        now = asyncio.get_running_loop().time()
        if self._conn is not None and now - self._used > _PAUSE:
            await self._look()
        if self._conn is None:
            self._conn = await self._connect()
        self._used = now
        return self._conn

    async def _look(self) -> None:
        conn = self._conn
        if conn is None:
            return
        try:
            await conn.exec_driver_sql("SELECT 1")
            await conn.rollback()
        except Exception:  # whatever it says: there is a new one to be had
            await self.drop()

    async def undo(self, error: BaseException) -> None:
        """Roll back; after a cancellation, or where that fails too, the connection is given up."""
        conn = self._conn
        if conn is None:
            return
        try:
            if isinstance(error, Exception):
                await conn.rollback()
                return
        except Exception:
            error = BaseException()
        await asyncio.shield(self.drop())

    async def drop(self) -> None:
        """Let the connection go."""
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(Exception):
                await conn.invalidate()
            with suppress(Exception):
                await conn.close()
