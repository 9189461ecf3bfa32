"""What waits between the wire and the tracker: bounded, in order, and honest about what it had to throw away.

The reader of the wire must never wait (Asterisk drops a client that is slow to read), so when the consumer falls
behind by more than the limit, everything waiting is shed at once and the consumer is told: half a history is worse
than none, and a fresh snapshot is cheaper than working off a backlog.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pbxcrm.ami.frames import Frame

Arrival = tuple[float, Frame]


@dataclass(frozen=True)
class Batch:
    """All that waited: frames in order with the time of their arrival (seconds since the epoch).

    `dirty`: events were missed since the last batch (the link was made anew, or `shed` frames were thrown away), so
    what the consumer knows is not to be trusted before the next `PbxcrmSnapshotEnd`.
    """

    frames: list[Arrival]
    dirty: bool = False
    shed: int = 0

    def __iter__(self) -> Iterator[Arrival]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)


def marker(name: str, **headers: str) -> Frame:
    """A frame of our own making, told from Asterisk's by its name."""
    return Frame(event=name, **headers)


class Buffer:
    """`put` never waits; `take` does. `on_resync` is called when a snapshot is needed and the consumer is back."""

    def __init__(self, limit: int, on_resync: Callable[[], None]) -> None:
        self.limit = limit
        self.shedding = False
        self._on_resync = on_resync
        self._items: list[Arrival] = []
        self._dirty = False
        self._shed = 0
        self._ready = asyncio.Event()

    def put(self, at: float, frame: Frame) -> None:
        """A live event. Beyond the limit, all that waits is shed, and so is what follows until `accept`."""
        if self.shedding:
            self._shed += 1
        elif len(self._items) >= self.limit:
            self._overflow(at)
        else:
            self._items.append((at, frame))
            self._ready.set()

    def mark(self, at: float, frame: Frame) -> None:
        """A marker or a snapshot's item: few, asked for by ourselves, and never shed by themselves."""
        self._items.append((at, frame))
        self._ready.set()

    def link_is_new(self, at: float, frame: Frame) -> None:
        """A connection was made: what waits is history, what follows begins with a snapshot."""
        if len(self._items) >= self.limit:
            self._overflow(at)
        self._dirty = True
        self.mark(at, frame)

    def accept(self) -> None:
        """A snapshot begins: what follows makes sense again."""
        self.shedding = False

    def _overflow(self, at: float) -> None:
        self._shed += len(self._items) + 1
        self._items = [(at, marker("PbxcrmShed"))]
        self._dirty = self.shedding = True
        self._ready.set()

    async def take(self) -> Batch:
        """Wait until something is there, and take all of it."""
        await self._ready.wait()
        self._ready.clear()
        batch = Batch(self._items, self._dirty, self._shed)
        self._items, self._dirty, self._shed = [], False, 0
        if self.shedding:
            self._on_resync()
        return batch
