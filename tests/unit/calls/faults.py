"""A soak without a process: one life, faults at chosen events of it, and the soak's own judge.

What the soak finds in minutes is found here in milliseconds, and stays found: seed and faults say it all.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from pbxcrm.calls import events
from pbxcrm.calls.model import Call
from tests.soak import lives
from tests.soak.verdict import Verdict, View, judge
from tests.unit.calls.office import tracker as new_tracker
from tests.unit.calls.wire import START, Frame, Header, Ids, resync

CUSTOMER = "+48601200001"
LIFE = "1"


class Fault(NamedTuple):
    """Event `heard` is the last that reaches us; after event `back` the link is up, `late` events before the listing.

    `unsaved`: of the last events before a kill, so many had not reached the database.
    """

    kind: Literal["cut", "kill"]
    heard: int
    back: int
    late: int = 0
    unsaved: int = 0


class Broken:
    """The life of a seed, with these faults: by default those that the seed chooses as well."""

    def __init__(self, seed: int, faults: Sequence[Fault] | None = None) -> None:
        chance = random.Random(seed)
        self.story, self.truths = lives.life(chance.randbytes(300), Ids(), START, LIFE, CUSTOMER)
        self.frames, self.states = self.story.wire.frames, self.story.wire.states
        self.faults = _chosen(chance, len(self.frames) - 1) if faults is None else faults
        self.stored: dict[str, tuple[Call, int]] = {}
        self.owners: dict[str, str] = {}
        self.tracker = new_tracker("b1")

    def verdict(self) -> Verdict:
        """What the soak's judge says of it."""
        calls = self.play()
        deals = [{"id": call.id, "owner": self.owners.get(call.id, call.first_answered_by)} for call in calls]
        return judge([replace(told, linkedids=[LIFE]) for told in self.truths], [_view(call) for call in calls], deals)

    def play(self) -> list[Call]:
        """Every call as it was told last."""
        at = 0
        for fault in self.faults:
            last = max(at, fault.heard + 1 - fault.unsaved)
            self._hear(self.frames[at:last])
            if fault.kind == "kill":
                self.tracker = new_tracker("b1")
                self.tracker.resume([(call, n) for call, n in self.stored.values() if call.ended_at is None])
            else:
                self._hear(self.frames[last : fault.heard + 1])
            at = fault.back + fault.late + 1
            up = Frame(self.frames[fault.back].at, [("Event", "PbxcrmLinkUp"), ("Boot", "b1")])
            self._hear([up, *self.frames[fault.back + 1 : at], *self._named(at - 1)])
        self._hear(self.frames[at:])
        return [call for call, _ in self.stored.values()]

    def _named(self, now: int) -> list[Frame]:
        at = self.frames[now].at
        return resync([_aged(headers, at - self._born(headers)) for headers in self.states[now]], at)

    def _born(self, headers: list[Header]) -> float:
        uid = dict(headers)["Uniqueid"]
        return next(f.at for f in self.frames if f.name == "Newchannel" and dict(f.headers)["Uniqueid"] == uid)

    def _hear(self, frames: Sequence[Frame]) -> None:
        """As the intake does: of each call the newest fact, and the deal's owner once."""
        for frame in frames:
            event = events.read(frame.mapping(), frame.at)
            for fact in self.tracker.feed(event) if event is not None else ():
                known = self.stored.get(fact.call.id)
                if known is None or fact.n > known[1]:
                    self.stored[fact.call.id] = (fact.call, fact.n)
                    if fact.call.direction == "inbound" and fact.call.first_answered_by:
                        self.owners.setdefault(fact.call.id, fact.call.first_answered_by)


def _chosen(chance: random.Random, last: int) -> list[Fault]:
    found: list[Fault] = []
    at = 0
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3))):
        if at < last:
            heard = chance.randrange(at, last)
            back = min(heard + chance.choice((0, 1, 2, 5, 10, 20, 50, 200)), last)
            late = min(chance.choice((0, 0, 0, 1, 3)), last - back)
            kind = chance.choice(("cut", "kill"))
            found.append(Fault(kind, heard, back, late, chance.choice((0, 0, 1, 3)) if kind == "kill" else 0))
            at = back + late + 1
    return found


def _aged(headers: list[Header], age: float) -> list[Header]:
    shown = f"00:{int(age) // 60:02d}:{int(age) % 60:02d}"
    return [(key, shown if key == "Duration" else value) for key, value in headers]


def _view(call: Call) -> View:
    """As far as the judge looks."""
    started = datetime.fromtimestamp(call.started_at, UTC).isoformat()
    return {
        "id": call.id, "linkedids": [LIFE], "direction": call.direction, "number": call.number,
        "outcome": call.outcome, "first_answered_by": call.first_answered_by, "deal_id": call.id,
        "last_answered_by": call.last_answered_by, "started_at": started,
    }  # fmt: skip
