"""From the wire to the database: the link's frames through the tracker into the intake, in order, without pause.

While the database is away, or slow, facts wait in the spool on disk; where that fails too, in memory, within bounds.
As long as the database has not been seen at all, nobody knows which calls live and under which number: the frames
themselves wait in the spool then, and are read when it is there.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress

from pbxcrm.ami.link import Batch, Link
from pbxcrm.calls import events
from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Call
from pbxcrm.calls.tracker import Tracker
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.watch import Histogram
from pbxcrm.spool import Full, Spool, Waiting, essence

log = logging.getLogger("pbxcrm.follow")

Apply = Callable[[Sequence[Fact]], Awaitable[None]]

_RETRY = 1.0  # seconds between two tries while the database is away
_SLOW = 1.0  # seconds that a transaction may take before what waits is put on disk
_BATCH = 500  # facts in one transaction, at most
_MOST = 20_000  # facts in memory where there is no spool: some 100 MB
# Seconds that facts about ringing wait for the next: the phones of a group begin and stop to ring within moments, and
# each fact written alone is a transaction and a message to everybody it concerns. No other fact waits.
_GATHER = 0.005
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)  # seconds


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
    """Two tasks, so that a slow database never holds up the reading of events. `drain` and `wake` come before them,
    or while `read` alone runs.
    """

    def __init__(self, link: Link, tracker: Tracker, apply: Apply, spool: Spool | None = None) -> None:
        self.also: Callable[[Mapping[str, str]], None] | None = None  # told of each frame as well; must not wait
        self._link = link
        self._tracker = tracker
        self._apply = apply
        self._spool = spool
        self._waiting: deque[Waiting] = deque()  # in memory: all of it newer than what is in the spool
        self._count = spool.last if spool else 0
        self._more = asyncio.Event()
        self._awake = spool is None
        self._reading = asyncio.Lock()
        self._spool_failed = self._missed = False
        self.dropped = 0  # facts given up because there was room nowhere
        self.latency = Histogram(_BOUNDS)  # from an event's arrival to its facts' commit; of this run's events alone
        self._arrived: deque[tuple[int, float]] = deque(maxlen=_MOST)  # (the last fact of a frame, when that came)

    @property
    def backlog(self) -> int:
        """What is not in the database yet: facts, or frames not read so far."""
        return len(self._waiting) + (len(self._spool) if self._spool else 0)

    def gauges(self) -> dict[str, float]:
        """How much waits, and where, for /metrics."""
        spool = self._spool
        oldest = (spool.oldest if spool else None) or (self._waiting[0][1].at if self._waiting else None)
        return {
            "pbxcrm_intake_backlog": float(self.backlog),
            "pbxcrm_intake_oldest_seconds": max(0.0, time.time() - oldest) if oldest else 0.0,
            "pbxcrm_spool_records": float(len(spool) if spool else 0),
            "pbxcrm_spool_bytes": float(spool.size if spool else 0),
            "pbxcrm_spool_dropped_calls_total": float(spool.dropped if spool else 0),
            "pbxcrm_intake_dropped_facts_total": float(self.dropped),
        }

    # ---- reading

    async def read(self) -> None:
        """Events to facts, until cancelled."""
        while True:
            batch = await self._link.frames()
            async with self._reading:
                if self._awake:
                    self._take(batch)
                else:
                    await self._put_by(batch)

    def _take(self, frames: Iterable[tuple[float, dict[str, str]]]) -> None:
        for arrived, frame in frames:
            if facts := self._told(arrived, frame):
                self._enqueue(facts)
                self._arrived.append((self._count, arrived))

    def _told(self, arrived: float, frame: dict[str, str]) -> list[Fact]:
        if self.also is not None:
            self.also(frame)
        event = events.read(frame, arrived)
        return self._tracker.feed(event) if event is not None else []

    def _enqueue(self, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self._count += 1
            self._waiting.append((self._count, fact))
        if self._waiting:
            self._more.set()

    async def _put_by(self, batch: Batch) -> None:
        """The database has not been seen yet: the frames wait."""
        assert self._spool is not None, "without a spool nothing is put by"
        if self._missed:
            return
        try:
            await asyncio.to_thread(self._spool.add_frames, batch)
        except OSError as error:
            self._missed = True
            self._spool.lose(min((at for at, _ in batch), default=time.time()), time.time())
            why = "the spool is full" if isinstance(error, Full) else str(error)
            log.critical(
                "What the PBX says from now on is not kept (%s), until the database has been seen. Calls that live "
                "then are found; those that end before are in the PBX's history (CDR, CEL) only.",
                why,
            )

    # ---- before the tasks

    async def drain(self) -> None:
        """Everything that an earlier run left in the spool, in order. Raises Unavailable: call it again."""
        spool = self._spool
        while spool is not None and (batch := spool.head(_BATCH)):
            await self._apply(lasting([fact for _, fact in batch]))
            spool.done(batch[-1][0])

    async def wake(self, alive: Iterable[tuple[Call, int]]) -> bool:
        """The calls that live by the database, after `drain`; now frames that waited are read.

        Gives False where some were not kept, so that a new snapshot is needed.
        """
        async with self._reading:
            self._tracker.resume(alive)
            if self._spool is not None and self._missed and self._spool.lost is not None:
                self._spool.lose(self._spool.lost.since, time.time())
            if self._spool is not None and len(self._spool):
                facts = [fact for at, frame in list(self._spool.frames()) for fact in self._told(at, frame)]
                # In one step, and only then applied: killed before it, they are read again just so.
                self._spool.replace_frames(facts)
                self._count = self._spool.last
                self._more.set()
            self._awake = True
            return not self._missed

    # ---- writing

    async def write(self) -> None:
        """Facts to the database, until cancelled; what waits then is in the spool."""
        try:
            while True:
                await self._more.wait()
                self._more.clear()
                if all(fact.kind == "ringing" for _, fact in self._waiting):
                    await asyncio.sleep(_GATHER)
                while self.backlog:
                    await self._write()
        finally:
            if self._spool is not None and self._waiting:
                with suppress(OSError):
                    self._spool.add(self._waiting)

    async def _write(self) -> None:
        batch = self._head()
        if not batch:
            return
        try:
            await self._watched([fact for _, fact in batch])
        except Unavailable:
            await self._keep()
            await self._pause()
            return
        if self._spool is not None:
            self._spool.done(batch[-1][0])
        while self._waiting and self._waiting[0][0] <= batch[-1][0]:
            self._waiting.popleft()
        now = time.time()
        while self._arrived and self._arrived[0][0] <= batch[-1][0]:
            self.latency.observe(now - self._arrived.popleft()[1])

    def _head(self) -> list[Waiting]:
        if self._spool is not None and (batch := self._spool.head(_BATCH)):
            return batch
        return [self._waiting[i] for i in range(min(_BATCH, len(self._waiting)))]

    async def _watched(self, facts: Sequence[Fact]) -> None:
        """Apply these; a transaction that takes long is waited for, and what waits is on disk meanwhile."""
        task = asyncio.ensure_future(self._apply(lasting(facts)))
        try:
            while not (await asyncio.wait({task}, timeout=_SLOW))[0]:
                await self._keep()
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task})
            raise
        task.result()

    async def _pause(self) -> None:
        """Until the next try; what comes meanwhile is put on disk at once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_RETRY):
                while True:
                    await self._more.wait()
                    self._more.clear()
                    await self._keep()

    async def _keep(self) -> None:
        """Move what waits from memory to disk; where that cannot be, see that memory holds."""
        items = list(self._waiting)
        if not items:
            return
        try:
            if self._spool is None:
                raise OSError("there is no spool")  # noqa: TRY301 - one way to hold on in memory
            await _whole(asyncio.to_thread(self._spool.add, items))
        except OSError as error:
            self._hold(error)
        else:
            self._spool_failed = False
            for _ in items:
                self._waiting.popleft()

    def _hold(self, error: OSError) -> None:
        if not self._spool_failed:
            self._spool_failed = True
            log.critical(
                "The database is away and what waits for it cannot be put on disk (%s): it is in memory only, at most "
                "%d facts. Do not stop pbxcrm; free some space first.",
                error,
                _MOST,
            )
        if len(self._waiting) <= _MOST:
            return
        items = list(self._waiting)
        kept = [items[i] for i in essence([(fact.call.id, fact.kind) for _, fact in items])]
        over = kept[: max(0, len(kept) - _MOST)]
        if over:
            self.dropped += len(over)
            log.critical("Memory is full too: %d facts, the oldest, are given up; history has those calls", len(over))
        self._waiting = deque(kept[len(over) :])


async def _whole(work: Coroutine[None, None, None]) -> None:
    """Wait for the end of this, cancelled or not: a thread cannot be stopped half-way."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
