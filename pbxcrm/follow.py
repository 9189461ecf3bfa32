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
# Seconds that facts about ringing wait for the next: the phones of a group begin and stop to ring within moments, and
# each fact written alone is a transaction and a message to everybody it concerns. No other fact waits.
_GATHER = 0.005


def lasting(facts: Sequence[Fact]) -> list[Fact]:
    """These facts without those about ringing that a later one of the same call has made old.

    Each fact carries the whole call: who rings is worth telling only as it stands.
    """
    kept: list[Fact] = []
    told: set[tuple[str, str]] = set()
    for fact in reversed(facts):
        key = (fact.call.boot, fact.call.uid)
        if fact.kind != "ringing" or key not in told:
            kept.append(fact)
        told.add(key)
    kept.reverse()
    return kept


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
            if all(fact.kind == "ringing" for fact in self._waiting):
                await asyncio.sleep(_GATHER)
            while self._waiting:
                await self._write([self._waiting[i] for i in range(min(_BATCH, len(self._waiting)))])

    async def _write(self, batch: list[Fact]) -> None:
        try:
            await self._apply(lasting(batch))
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
