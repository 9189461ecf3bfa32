"""Calls for the soak: the simulator's lives, as quick as a soak needs them, each customer with a number of their own.

A life is known to its end when it begins: its truth is written down before its first event is sent, so that nothing
that dies meanwhile can take the truth along.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.unit.calls.office import CALLER
from tests.unit.calls.simulator import NUMBERS, Modern
from tests.unit.calls.story import Truth
from tests.unit.calls.wire import Ids

PAUSES = (0.6, 0.2, 4.0)  # seconds between two things that people do


@dataclass
class Told:
    """One true call, as a line of the truth file. Times are epoch seconds; `unsure` names what nobody can decide.

    `life`: the calls of one life share the linkedids; `optional`: whether it is a call of its own nobody can say.
    """

    life: str
    linkedids: list[str]
    direction: str
    number: str | None
    outcome: str | None
    started: float
    ended: float
    first: str | None
    last: str | None
    talkers: list[list[Any]] = field(default_factory=list)  # [user, from, until]
    optional: bool = False

    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"


def read(folder: Path) -> list[Told]:
    """Every true call so far, with the ids that its channels were given."""
    linked: dict[str, list[str]] = defaultdict(list)
    for life, uid in _lines(folder / "linkedids.jsonl"):
        linked[life].append(uid)
    told = [Told(**line) for line in _lines(folder / "truth.jsonl")]
    return [replace(one, linkedids=linked[one.life]) for one in told if one.life in linked]


def _lines(path: Path) -> Iterator[Any]:
    """A line that is being written is left out."""
    if path.exists():
        yield from (json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n"))


class Life(Modern):
    """One life in real time."""

    def human(self) -> None:
        self.wire.wait(self.one_of(PAUSES))


def life(numbers: Sequence[int], ids: Ids, at: float, name: str, customer: str) -> tuple[Life, list[Told]]:
    """The call that these numbers choose, its first event at `at`, its customer's number `customer`; and its truths."""
    story = Life(numbers, ids, at)
    story.wire.watch = True
    story.play()
    for frame in story.wire.frames:
        frame.headers = [(key, _renumbered(value, customer)) for key, value in frame.headers]
    story.wire.states = [
        [[(key, _renumbered(value, customer)) for key, value in headers] for headers in state]
        for state in story.wire.states
    ]
    end = story.wire.frames[-1].at
    return story, [_told(truth, name, customer, end) for truth in story.truths]


def _renumbered(text: str, customer: str) -> str:
    if "+" not in text:
        return text
    for number in NUMBERS:
        if number and number in text:
            text = text.replace(number, customer)
    return text


def _told(truth: Truth, name: str, customer: str, end: float) -> Told:
    number = customer if truth.number in (CALLER, *NUMBERS) and truth.number else truth.number
    talkers = [[talk.user, talk.start, talk.end or end] for talk in truth.talks]
    sure = truth.direction != "internal" or truth.outcome is not None
    return Told(
        life=name, linkedids=[], direction=truth.direction, number=number,
        outcome=truth.outcome, started=truth.started_at, ended=truth.ended_at or end,
        first=truth.first if truth.direction != "internal" else None,
        last=truth.last if truth.direction != "internal" else None,
        talkers=talkers, optional=not (truth.sure and sure),
    )  # fmt: skip
