"""The recorded calls as lists of headers, to be cut, mixed and maimed."""

import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pbxcrm.ami.frames import FrameReader
from pbxcrm.calls import events
from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.calls.tracker import Tracker

FLOWS = Path(__file__).parents[2] / "flows"
PATHS = sorted(FLOWS.rglob("*.ami"))
TICK = 0.01

Headers = dict[str, str]
Answer = tuple[object, ...]


@dataclass(frozen=True, eq=False)
class Recording:
    """A recorded stream and the truth of its calls."""

    name: str
    path: Path
    devices: tuple[tuple[str, str], ...]
    region: str
    truth: tuple[dict[str, Any], ...]

    @property
    def frames(self) -> list[Headers]:
        return _frames(self.path)

    @property
    def restarts(self) -> bool:
        """The PBX itself died in it: every call of that stream with it."""
        return self.path.parent.name == "restart"

    def tracker(self) -> Tracker:
        return Tracker(People(self.devices), region=self.region)

    def talkers(self, number: str | None) -> set[str | None]:
        """Who truly talked with that customer."""
        calls = [c for c in self.truth if c["direction"] != "internal"]
        told = [c for c in calls if c["number"] == number] or calls
        return {talk["user"] for call in told for talk in call["talks"]}


@cache
def recordings() -> tuple[Recording, ...]:
    return tuple(_recording(path) for path in PATHS)


def _recording(path: Path) -> Recording:
    truth = json.loads(path.with_suffix(".json").read_text())
    name = f"{path.parent.name}/{path.stem}"
    return Recording(name, path, tuple(truth["devices"].items()), truth["region"], tuple(truth["calls"]))


@cache
def _frames(path: Path) -> list[Headers]:
    wanted = frozenset(name.encode() for name in events.WANTED)
    return [dict(frame) for frame in FrameReader(wanted).feed(path.read_bytes())]


def facts(frames: Iterable[Headers], tracker: Tracker) -> list[Fact]:
    """All that the tracker says of these; frames without a time come a tick after the one before."""
    found: list[Fact] = []
    now = 0.0
    for frame in frames:
        now += 0 if "timestamp" in frame else TICK
        event = events.read(frame, now)
        if event is not None:
            now = max(now, event.at)
            found += tracker.feed(event)
    return found


def calls(frames: Iterable[Headers], tracker: Tracker) -> list[Call]:
    """Every call as it stands at the end, in order of start."""
    last = {fact.call.id: fact.call for fact in facts(frames, tracker)}
    for live in tracker.lives():
        call = live.snapshot()
        last[call.id] = call
    return sorted(last.values(), key=lambda call: call.started_at)


def answer(call: Call, *, times: bool = True) -> Answer:
    """All that a call says but for its ids."""
    spells = tuple((t.user, t.device, t.start if times else 0, t.end if times else 0) for t in call.talks)
    transfers = tuple((t.kind, t.by, t.to) for t in call.transfers)
    return (call.direction, call.number, call.did, call.outcome, call.first_answered_by, call.last_answered_by,
            tuple(sorted(call.rang)), spells, transfers, call.caller_name)  # fmt: skip


def answers(found: Iterable[Call], *, times: bool = True) -> list[Answer]:
    return sorted((answer(call, times=times) for call in found), key=repr)


@cache
def right(recording: Recording) -> list[Answer]:
    """What the tracker makes of the whole recording (the golden test holds that against the truth)."""
    return answers(calls(recording.frames, recording.tracker()))


# ---- the same call with other names

_UID = re.compile(r"(?<![\d.])(\d{9,10}\.\d+)(?![\d.])")
_SUFFIX = re.compile(r"-[0-9a-f]{2}([0-9a-f]{6})(?=$|;[12]$)")


def renamed(frames: Iterable[Headers], prefix: str) -> list[Headers]:
    """Every uniqueid, channel and bridge named as if by another PBX: `prefix` before each id."""
    return [{key: _other(key, value, prefix) for key, value in frame.items()} for frame in frames]


def _other(key: str, value: str, prefix: str) -> str:
    if key.endswith(("uniqueid", "linkedid")) and value:
        return f"{prefix}-{value}"
    if key.endswith("channel") and value:
        return _SUFFIX.sub(rf"-{zlib.crc32(prefix.encode()) % 256:02x}\1", value)
    return value
