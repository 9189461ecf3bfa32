"""Reminders that pop: each once, to its person alone, however often this process stopped in between.

When one is due is a column; that it popped is the same column empty, in the transaction that tells of it.
"""

import asyncio
import contextlib

from pbxcrm.crm import views
from pbxcrm.crm.access import SYSTEM
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.transact import read, unchanged, write
from pbxcrm.store import tasks
from pbxcrm.store.db import Database, Work, only

BATCH = 100
GATHER = 0.5  # seconds: many calls commit many times
POLL = 30.0  # seconds: another process may have set one, and clocks are put right


async def pop(db: Database) -> int:
    """Tell whom of what is due now; gives how many. Raises Unavailable."""
    return await write(db, _pop)


def _pop(work: Work) -> int:
    told = 0
    for row in tasks.to_remind(work.conn, SYSTEM, work.at, BATCH):
        if tasks.reminded(work.conn, row):
            work.journal("task.reminded", views.task(row), only(row["user_id"] or 0))
            told += 1
    if not told:
        raise unchanged(0)
    return told


class Reminders:
    """The due-watcher: sleeps until the next reminder, woken by every commit, for that may have set an earlier one."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._wake = asyncio.Event()
        db.on_commit(self._wake.set)

    async def run(self) -> None:
        """Until cancelled. While the database is away it waits; what became due meanwhile pops when it is back."""
        while True:
            wait = POLL
            with contextlib.suppress(Unavailable):
                wait = await self._look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            await asyncio.sleep(min(wait, GATHER))
            self._wake.clear()

    async def _look(self) -> float:
        """Pop what is due; gives the seconds until the next one, at most POLL."""
        at = await read(self._db, lambda conn: tasks.next_reminder(conn, SYSTEM))
        if at is None:
            return POLL
        if at <= self._db.clock():
            await pop(self._db)
            return 0.0
        return min(POLL, at - self._db.clock())
