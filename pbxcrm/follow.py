"""From the wire to the database: the link's frames through the tracker into the intake, in order, without pause."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from pbxcrm.ami.link import Link
from pbxcrm.calls import events
from pbxcrm.calls.facts import Fact
from pbxcrm.calls.tracker import Tracker
from pbxcrm.service.errors import Unavailable

log = logging.getLogger("pbxcrm.follow")

Apply = Callable[[Sequence[Fact]], Awaitable[None]]

_RETRY = 1.0  # seconds between two tries while the database is away
_BATCH = 500  # facts in one transaction, at most


class Follower:
    """Two tasks, so that a slow database never holds up the reading of events.

    Facts wait in memory while the database is away, and are written in order when it is back.
    """

    def __init__(self, link: Link, tracker: Tracker, apply: Apply) -> None:
        self._link = link
        self._tracker = tracker
        self._apply = apply
        self._waiting: deque[Fact] = deque()
        self._more = asyncio.Event()
        self._away = False

    @property
    def backlog(self) -> int:
        """Facts that are not in the database yet."""
        return len(self._waiting)

    async def read(self) -> None:
        """Events to facts, until cancelled."""
        while True:
            for arrived, frame in await self._link.frames():
                event = events.read(frame, arrived)
                if event is not None:
                    self._waiting.extend(self._tracker.feed(event))
            if self._waiting:
                self._more.set()

    async def write(self) -> None:
        """Facts to the database, until cancelled."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                await self._write([self._waiting[i] for i in range(min(_BATCH, len(self._waiting)))])

    async def _write(self, batch: list[Fact]) -> None:
        try:
            await self._apply(batch)
        except Unavailable as error:
            self._say_away(error)
            await asyncio.sleep(_RETRY)
            return
        self._say_back()
        for _ in batch:
            self._waiting.popleft()

    def _say_away(self, error: Unavailable) -> None:
        if not self._away:
            self._away = True
            log.error("%s Calls go on being followed and are stored when the database is back.", error.message)

    def _say_back(self) -> None:
        if self._away:
            self._away = False
            log.warning("The database is back; %d facts that waited are being stored", len(self._waiting))
