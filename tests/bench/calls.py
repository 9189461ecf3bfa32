"""How fast events become facts, and how fast bytes do, beside panoramisk 1.4 on the same bytes.

Run: `python -m tests.bench.calls [--calls N]`. The streams are the recordings of tests/flows (Asterisk 22): the calls
as the shipped manager user hears them, and the same few calls with all events switched on. Both sides run without a
network, in 1,460-byte segments; panoramisk hands every event to one sync callback that does nothing. Best of five
rounds, taken in turns; the ratios count, not the numbers of a noisy machine.
"""

import argparse
import gc
import resource
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pbxcrm.ami.frames import FrameReader
from pbxcrm.calls import events
from pbxcrm.calls.people import People
from pbxcrm.calls.tracker import Tracker
from tests.bench.ami import pieces, theirs

FLOWS = Path(__file__).parent.parent / "flows"
SEGMENT = 1460
ROUNDS = 5
WANTED = frozenset(name.encode() for name in events.WANTED)
DEVICES = [(f"{way}/{exten}{tail}", user) for exten, user in (
    ("101", "alice"), ("102", "bob"), ("103", "carol"), ("113", "carol"), ("104", "dave"), ("106", "frank"))
    for way, tail in (("PJSIP", ""), ("SIP", ""), ("Local", "@*"))]  # fmt: skip


def streams(pattern: str) -> list[bytes]:
    """The recorded streams of that name in which the PBX lived to the end, each without its banner."""
    paths = sorted(path for path in FLOWS.glob(f"*/{pattern}.ami") if path.parent.name != "restart")
    plain = [p for p in paths if "-16" not in p.stem and ("-everything" in p.stem) == ("everything" in pattern)]
    return [path.read_bytes().partition(b"\n")[2] for path in plain]


def stream(pattern: str, repeat: int = 1) -> bytes:
    """Many calls one after the other, as one connection tells them."""
    return b"Asterisk Call Manager/11.0.0\r\n" + b"".join(streams(pattern)) * repeat


def tracker() -> Tracker:
    return Tracker(People(DEVICES), region="PL", boot="bench")


def frames(data: bytes) -> list[dict[str, str]]:
    return [frame for frame in FrameReader(WANTED).feed(data) if frame.get("event") != "FullyBooted"]


def made(data: bytes) -> list[events.Event]:
    """The events that decide anything, ready to be fed."""
    return [event for frame in frames(data) if (event := events.read(frame, 0.0)) is not None]


def feed(found: Iterable[events.Event], into: Tracker) -> int:
    return sum(len(into.feed(event)) for event in found)


def wire_to_facts(data: bytes, into: Tracker) -> int:
    reader, told = FrameReader(WANTED), 0
    for piece in pieces(data, SEGMENT):
        for frame in reader.feed(piece):
            if frame.get("event") != "FullyBooted":
                event = events.read(frame, 0.0)
                if event is not None:
                    told += len(into.feed(event))
    return told


@dataclass(frozen=True)
class Rate:
    """So many things in the best of the rounds' seconds."""

    things: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.things / self.seconds


def race(things: int, *runs: Callable[[], object]) -> list[Rate]:
    """Each run's best time, in turns: whatever else the machine does hits all alike."""
    best = [float("inf")] * len(runs)
    for _ in range(ROUNDS):
        for i, run in enumerate(runs):
            gc.collect()
            began = time.process_time()
            run()
            best[i] = min(best[i], time.process_time() - began)
    return [Rate(things, seconds) for seconds in best]


def tracker_alone(repeat: int = 10) -> Rate:
    """Events fed to the tracker."""
    found = made(stream("*", repeat))
    (rate,) = race(len(found), lambda: feed(found, tracker()))
    return rate


def against_panoramisk(pattern: str, repeat: int) -> tuple[Rate, Rate]:
    """Bytes to facts, and bytes to panoramisk's callback: events on the wire a second."""
    data = stream(pattern, repeat)
    total = data.count(b"Event: ")
    mine, his = race(total, lambda: wire_to_facts(data, tracker()), lambda: theirs(data, SEGMENT, ["*"]))
    return mine, his


def memory(calls: int) -> tuple[int, float]:
    """So many calls through one tracker: how many, and by how many MB the process has grown since the first tenth."""
    found, into = made(stream("*")), tracker()
    per_round = sum(fact.kind == "ended" for event in found for fact in into.feed(event))
    done, start = per_round, 0.0
    while done < calls:
        feed(found, into)
        done += per_round
        if not start and done >= calls // 10:
            start = _resident()
    return done, _resident() - start


def _resident() -> float:
    gc.collect()
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.bench.calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, help="for the memory (0: skip)")
    given = parser.parse_args()
    alone = tracker_alone()
    print(f"tracker alone: {alone.per_second:,.0f} events/s ({alone.things} events)")
    for name, pattern, repeat in (("as the shipped user hears it", "*", 4), ("all events", "*-everything", 12)):
        mine, his = against_panoramisk(pattern, repeat)
        print(
            f"wire to facts, {name}: {mine.per_second:,.0f} events/s; panoramisk to its callback "
            f"{his.per_second:,.0f}; x{mine.per_second / his.per_second:.1f} ({mine.things} events)"
        )
    if given.calls:
        done, grown = memory(given.calls)
        print(f"memory: {done:,} calls, grown by {grown:+.1f} MB since the first tenth")


if __name__ == "__main__":
    sys.exit(main())
