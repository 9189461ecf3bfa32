"""The demo PBX's calls: which play when, with whom, and which channels are alive meanwhile. No sockets here."""

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pbxcrm.demo.callers import CALLERS, Caller
from pbxcrm.demo.cast import Cast, Ids
from pbxcrm.demo.recording import CALLS, CLICKS, OPENING, PHONES, Headers, Recording, load

log = logging.getLogger("pbxcrm.demo")

_AGAIN = 0.25  # how likely somebody calls again
_STILL_TALKING = 6  # the latest callers, who may be on the phone yet
_SHORT = 0.15  # seconds: shorter gaps are the PBX's own doing and stay as they were
_BUSY_CALLS, _FASTER = 8, 4  # after the opening so many calls come so many times faster
_ALIVE_HEADERS = (
    "Channel", "ChannelState", "ChannelStateDesc", "CallerIDNum", "CallerIDName", "ConnectedLineNum",
    "ConnectedLineName", "Language", "AccountCode", "Context", "Exten", "Priority", "Uniqueid", "Linkedid",
)  # fmt: skip


@dataclass(frozen=True)
class Pace:
    """How fast the demo lives. The recordings were made by quick robots; people ring longer and talk longer.

    All in seconds or as factors on the recorded gaps; `speed` divides everything, for tests.
    """

    ring: tuple[float, float] = (7, 14)
    talk: tuple[float, float] = (14, 40)
    longest: float = 45
    between: tuple[float, float] = (20, 40)
    opening: float = 1.2  # between the first calls, which also ring and talk `hurry` times shorter
    hurry: float = 2.5
    speed: float = 1


class Stage:
    """Plays recordings; each event goes to `send(headers)` and changes the table of living channels."""

    def __init__(self, send: Callable[[Headers], None], pace: Pace | None = None, seed: int | None = None) -> None:
        self.channels: dict[str, dict[str, str]] = {}  # uniqueid -> headers of CoreShowChannel
        self.began: dict[str, float] = {}  # uniqueid -> epoch seconds
        self._send = send
        self._pace = pace or Pace()
        self._random = random.Random(seed)  # noqa: S311 - no secret hangs on it
        self._ids = Ids(time.time())
        self._unheard = list(CALLERS)
        self._heard: list[Caller] = []  # the latest last
        self._plays: set[asyncio.Task[None]] = set()

    # ---- when

    async def run(self) -> None:
        """Calls for ever: a handful at once, a busy minute, then one every half a minute or so."""
        for name in OPENING:
            self.start(self._fitting([name]), self._pace.hurry)
            await self._wait(self._pace.opening)
        for number in itertools.count():
            faster = _FASTER if number < _BUSY_CALLS else 1
            await self._wait(self._random.uniform(*self._pace.between) / faster)
            self.start(self._fitting(CALLS))

    async def close(self) -> None:
        """Stop every call where it is."""
        plays = list(self._plays)
        for task in plays:
            task.cancel()
        await asyncio.gather(*plays, return_exceptions=True)

    def start(self, chosen: tuple[Recording, dict[str, str]] | None, hurry: float = 1) -> None:
        """Begin a call; None when every phone is busy: then this one simply does not come."""
        if chosen is not None:
            recording, phones = chosen
            self._begin(recording, Cast(recording, self._ids, self._customer(), phones), hurry=hurry)

    def click(self, phone: str, number: str, channel_id: str, action_id: str) -> None:
        """A click-to-call of that phone (one of PHONES) to that number: one of the recorded ways it can go."""
        recording = load("click_not_picked_up" if self._busy(phone) else self._random.choice(CLICKS))
        ours = next(iter(recording.phones))
        swapped = {ours: phone, phone: ours}
        first = dict(recording.steps[0].headers)["Uniqueid"]
        cast = Cast(recording, self._ids, Caller(number, ""), swapped, {first: channel_id} if channel_id else None)
        self._begin(recording, cast, action_id)

    def _begin(self, recording: Recording, cast: Cast, action_id: str = "", hurry: float = 1) -> None:
        task = asyncio.create_task(self._play(recording, cast, action_id, hurry))
        self._plays.add(task)
        task.add_done_callback(self._plays.discard)

    async def _play(self, recording: Recording, cast: Cast, action_id: str, hurry: float) -> None:
        ring, talk = (self._random.uniform(*bounds) / hurry for bounds in (self._pace.ring, self._pace.talk))
        for step in recording.steps:
            gap = step.gap
            if gap > _SHORT:
                gap = min(gap * (talk if step.talking else ring), self._pace.longest)
            if gap > 0:
                await self._wait(gap)
            headers = cast.play(list(step.headers), time.time())
            if action_id:
                headers = [(key, action_id if key == "ActionID" else value) for key, value in headers]
            self._follow(dict(headers))
            self._send(headers)

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._pace.speed)

    # ---- who

    def _customer(self) -> Caller:
        """Everybody once, and now and then somebody again."""
        long_ago = self._heard[:-_STILL_TALKING]
        if long_ago and (not self._unheard or self._random.random() < _AGAIN):
            caller = self._random.choice(long_ago)
            self._heard.remove(caller)
        else:
            caller = self._unheard.pop(self._random.randrange(min(6, len(self._unheard))))
        self._heard.append(caller)
        return caller

    def _fitting(self, names: "tuple[str, ...] | list[str]") -> tuple[Recording, dict[str, str]] | None:
        """A recording and free phones to play it."""
        free = [phone for phone in PHONES if not self._busy(phone)]
        for name in self._random.sample(names, len(names)):
            recording = load(name)
            if len(recording.phones) <= len(free):
                return recording, self._parts(recording, free)
        return None

    def _parts(self, recording: Recording, free: list[str]) -> dict[str, str]:
        """A permutation of all phones that gives the recorded ones free phones."""
        taken = self._random.sample(free, len(recording.phones))
        parts = dict(zip(sorted(recording.phones), taken, strict=True))
        others = [phone for phone in PHONES if phone not in taken]
        return parts | dict(zip((p for p in PHONES if p not in parts), others, strict=True))

    def _busy(self, phone: str) -> bool:
        return any(row["Channel"].startswith(f"PJSIP/{phone}-") for row in self.channels.values())

    # ---- what is alive

    def _follow(self, event: Mapping[str, str]) -> None:
        uniqueid = event.get("Uniqueid", "")
        if event["Event"] == "Newchannel":
            self.channels[uniqueid] = {"BridgeId": ""}
            self.began[uniqueid] = float(event["Timestamp"])
        row = self.channels.get(uniqueid)
        if row is None:
            return
        row.update({key: event[key] for key in _ALIVE_HEADERS if key in event})
        if event["Event"] == "BridgeEnter":
            row["BridgeId"] = event["BridgeUniqueid"]
        elif event["Event"] == "BridgeLeave":
            row["BridgeId"] = ""
        elif event["Event"] == "Rename":
            row["Channel"] = event["Newname"]
        elif event["Event"] == "Hangup":
            del self.channels[uniqueid], self.began[uniqueid]
