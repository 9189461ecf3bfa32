"""What the strip above the board says of a funnel: shares of each stage, and whether it is out of balance. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

FEWEST = 5  # deals that a percentage is shown of
DAYS = 90  # of stage history that shares are made of
FLOW_DAYS = 30  # inflow against outflow
LATE = 0.05  # of the open deals: fewer in the last stage is almost none


@dataclass(frozen=True, slots=True)
class Passage:
    """Distinct deals in a period: `entered`, of these `converted` and `still` there; `left`, of these `lost`.

    Converted: later in a stage further on, or won; one that skips a stage passes it, a step back undoes nothing.
    """

    entered: int = 0
    converted: int = 0
    still: int = 0
    left: int = 0
    lost: int = 0

    @property
    def conversion(self) -> int | None:
        """Per cent of the deals that entered; None of too few."""
        return share(self.converted, self.entered)

    @property
    def loss(self) -> int | None:
        """Per cent of the deals that left; None of too few."""
        return share(self.lost, self.left)


def share(part: int, whole: int) -> int | None:
    """Whole per cent; None where `whole` is too small to mean anything."""
    return round(100 * part / whole) if whole >= FEWEST else None


class Open(NamedTuple):
    """An open stage, in the funnel's order, and how many deals are in it."""

    id: str
    n: int


class Hint(NamedTuple):
    """late: almost no deals in `stage`; work with those in `work`, before it. dry: the start, `work`, is empty."""

    kind: Literal["late", "dry"]
    stage: str
    work: str


def hints(stages: Sequence[Open], inflow: int, outflow: int) -> list[Hint]:
    """What is out of balance, of the open stages (Unsorted first). `inflow`: deals made, `outflow`: closed, in a month.

    Nothing is said of a funnel of fewer than three stages, or of so few deals that it means nothing.
    """
    total = sum(stage.n for stage in stages)
    if len(stages) < 3 or total < FEWEST:
        return []
    found = []
    last, before = stages[-1], stages[-2]
    if last.n <= total * LATE and before.n:
        found.append(Hint("late", last.id, before.id))
    start = stages[0].n + stages[1].n
    if start <= total * LATE or (inflow < outflow / 2 and start * len(stages) < total):
        found.append(Hint("dry", stages[1].id, stages[1].id))
    return found


def lamest(passages: Sequence[tuple[str, Passage]]) -> str | None:
    """The stage with the largest share of losses, where one stands out: more than the others' median by half."""
    known = sorted(((p.loss, key) for key, p in passages if p.loss), reverse=True)
    if not known:
        return None
    worst, key = known[0]
    others = [loss for loss, _ in known[1:]]
    return key if not others or worst >= 1.5 * others[len(others) // 2] else None
