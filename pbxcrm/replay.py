"""A recorded AMI byte stream into calls: no database, no network. What `pbxcrm replay` and the golden tests run."""

import bisect
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from pbxcrm.ami.errors import AmiError
from pbxcrm.ami.frames import FrameReader
from pbxcrm.calls import events
from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.calls.tracker import Tracker

_CHUNK = 64 * 1024
# Where neither the PBX nor an index tells the time, order is all there is: so far apart are two frames.
_TICK = 0.05

Index = list[tuple[int, float]]


def read_index(path: Path) -> Index:
    """Lines of `byte offset, epoch seconds` as written beside a recording; raises ValueError naming a bad line."""
    index: Index = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        parts = line.replace(",", " ").split()
        if not parts or parts[0].startswith("#"):
            continue
        try:
            index.append((int(parts[0]), float(parts[1])))
        except (ValueError, IndexError):
            raise ValueError(f"line {number} of the index is no 'byte offset, epoch seconds': {line[:80]!r}") from None
    return sorted(index)


def facts(data: bytes, tracker: Tracker, index: Index | None = None) -> Iterator[Fact]:
    """The facts of a stream, in order. Raises AmiError where it is no AMI stream."""
    reader = FrameReader(frozenset(name.encode() for name in events.WANTED))
    now = 0.0
    for start, chunk in _chunks(data, index):
        for frame in reader.feed(chunk):
            # A PBX that tells the time leaves it out here and there (FullyBooted after a restart).
            now = max(now, _time_at(index, start)) if index else now + (0 if "timestamp" in frame else _TICK)
            event = events.read(frame, now)
            if event is not None:
                now = max(now, event.at)
                yield from tracker.feed(event)
    if data and reader.banner is None and not reader.dropped and not now:
        raise AmiError("This is no AMI stream: not one event is in it. Record one with: pbxcrm record FILE")


def _chunks(data: bytes, index: Index | None) -> Iterator[tuple[int, bytes]]:
    """The stream cut where the index knows the time, else anywhere."""
    cuts = [0, *(offset for offset, _ in index or () if 0 < offset < len(data)), len(data)]
    for start, end in itertools.pairwise(cuts):
        for at in range(start, end, _CHUNK):
            yield start, data[at : min(end, at + _CHUNK)]
    if data.endswith(b"\n"):  # a last frame that is whole but for the empty line after it
        yield len(data), b"\r\n\r\n"


def _time_at(index: Index, offset: int) -> float:
    place = bisect.bisect_right(index, (offset, float("inf"))) - 1
    return index[max(place, 0)][1]


def calls(
    data: bytes, devices: Iterable[tuple[str, str]], *, region: str | None = None, index: Index | None = None
) -> list[Call]:
    """Every call of the stream as it stands at the end, in order of start; those still alive are `ongoing`."""
    tracker = Tracker(People(devices), region=region)
    last: dict[str, Call] = {}
    for fact in facts(data, tracker, index):
        last[fact.call.id] = fact.call
    for life in tracker.lives():
        call = life.snapshot()
        last[call.id] = call
    return sorted(last.values(), key=lambda call: call.started_at)
