"""The journal as it grows, to everybody who listens: woken by a commit, at most a read a wake, a bounded queue each.

A listener who is slower than their queue is let go: they come back with the id they saw last and read on from there.
Nobody waits for anybody.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm.access import Scope
from pbxcrm.crm.views import iso
from pbxcrm.store import journal
from pbxcrm.store.db import EVERYBODY, Database
from pbxcrm.store.errors import DatabaseUnusable

Row = dict[str, Any]

QUEUE = 256
PAGE = 500
BREATH = 64  # rows told at a stretch before the listeners have a turn
PASSING = frozenset({"database.up", "database.down"})  # said to those who listen now, and stored nowhere
POLL = 1.0  # seconds: what another process wrote (the command line) is seen this late at the latest


class Subscription:
    """Rows newer than `after` that `scope` may see, in order, each once. Ends when the listener was too slow."""

    def __init__(self, hub: "Hub", scope: Scope, after: int) -> None:
        self.scope = scope
        self.overflown = False
        self._hub = hub
        self._after = after
        self._queue: deque[Row] = deque()
        self._ready = asyncio.Event()

    def offer(self, row: Row) -> None:
        """A new row; beyond the queue's length the listener is let go."""
        if len(self._queue) >= self._hub.queue:
            self.overflown = True
            self._hub.leave(self)
        else:
            self._queue.append(row)
        self._ready.set()

    async def __aiter__(self) -> AsyncIterator[Row]:
        try:
            while not await self._hub.join(self, self._after):
                # Nothing is queued while it catches up: however much is written meanwhile is read on from here.
                rows, self._after = await self._hub.history(self.scope, self._after)
                for row in rows:
                    yield row
            while not self.overflown:
                await self._ready.wait()
                self._ready.clear()
                while self._queue and not self.overflown:
                    row = self._queue.popleft()
                    if row["id"] > self._after:
                        self._after = row["id"]
                        yield row
                    elif row["kind"] in PASSING:
                        yield row
        finally:
            self._hub.leave(self)

    async def close(self) -> None:
        """Listen no more."""
        self._hub.leave(self)


class Gone(Exception):  # noqa: N818
    """What comes next for this listener was taken away before it came so far: it must read everything anew."""


class Hub:
    """One a process; `run` it in a task of its own."""

    def __init__(self, db: Database, *, queue: int = QUEUE, poll: float = POLL) -> None:
        self.queue = queue
        self._db = db
        self._poll = poll
        self._last = 0  # the id up to which everybody has been told
        self._listeners: set[Subscription] = set()
        self._started = asyncio.Event()
        self._wake = asyncio.Event()
        db.on_commit(self._wake.set)
        db.presence.on_change(self._say_presence)

    def subscribe(self, scope: Scope, after: int) -> Subscription:
        """Everything newer than journal id `after` that `scope` may see: `async for row in …`."""
        return Subscription(self, scope, after)

    def presence(self) -> Row:
        """How the database is, as a row of no journal; its id is the newest that was told."""
        known = self._db.presence
        kind, data = ("database.up" if known.up else "database.down"), {"up": known.up, "since": iso(known.since)}
        return {"id": self._last, "at": known.since, "kind": kind, "audience": EVERYBODY, "data": data}

    def _say_presence(self) -> None:
        row = self.presence()
        for listener in list(self._listeners):
            listener.offer(row)

    async def newest(self) -> int:
        """The id of the newest journal row."""
        return await self._db.reading(journal.last_id)

    async def join(self, listener: Subscription, after: int) -> bool:
        """Tell this listener of everything new from now on, if `after` is as far as all others are told."""
        await self._started.wait()
        if after < self._last:
            return False
        self._listeners.add(listener)
        return True

    def leave(self, listener: Subscription) -> None:
        """Tell this listener nothing more."""
        self._listeners.discard(listener)

    async def history(self, scope: Scope, after: int) -> tuple[list[Row], int]:
        """At most PAGE rows newer than `after` that `scope` may see, and the id up to which there are no others."""

        def run(conn: Connection) -> tuple[list[Row], int]:
            if after < journal.ends(conn)[0] - 1:
                raise Gone
            rows = journal.after(conn, scope, after, PAGE)
            return rows, rows[-1]["id"] if len(rows) == PAGE else max(after, journal.last_id(conn))

        return await self._db.reading(run)

    async def run(self) -> None:
        """Until cancelled. While the database is away it waits: the journal is there when it is back."""
        while not self._started.is_set():
            with contextlib.suppress(DatabaseUnusable):
                self._last = await self.newest()
                self._started.set()
                break
            await asyncio.sleep(self._poll)
        while True:
            # Not wait_for: on Python 3.11 it may take a cancellation for its own time-out, and run on for ever.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._wake.wait()
            self._wake.clear()
            with contextlib.suppress(DatabaseUnusable):
                await self._tell()

    async def _tell(self) -> None:
        """What this process wrote comes from memory; where ids are missing, or nothing was said, from the journal."""
        commits = [rows for rows in self._db.fresh() if rows[-1]["id"] > self._last]
        if commits and _unbroken(self._last, commits):
            for rows in commits:
                await self._deal(rows)
            return
        while True:
            rows = await self._db.reading(lambda conn: journal.every(conn, self._last, PAGE))
            await self._deal(rows)
            if len(rows) < PAGE:
                return

    async def _deal(self, rows: list[Row]) -> None:
        """To each listener the rows that are theirs."""
        for i, row in enumerate(rows, 1):
            self._last = row["id"]
            for listener in [one for one in self._listeners if journal.hears(one.scope, row["audience"])]:
                listener.offer(row)
            if i % max(1, self.queue // 2) == 0:
                await asyncio.sleep(0)  # a burst longer than the queues: let those who keep up take their rows


def _unbroken(last: int, commits: list[list[Row]]) -> bool:
    """Whether these follow on `last` with no id missing: nobody else wrote in between."""
    for rows in commits:
        if rows[0]["id"] != last + 1:
            return False
        last = rows[-1]["id"]
    return True
