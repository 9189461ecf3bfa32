"""What the reports say, as docs/reports.md defines it: shares with how sure they are, the sales cycle, velocity. Pure.

Times are epoch seconds, lengths days, sums whole minor units of the house's currency.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pbxcrm.crm.funnel import FEWEST, Passage, share

DAY = 86400.0
TRAILING = 90  # days that the velocity is made of
_Z = 1.959964  # of a normal distribution: 95 % lie within


@dataclass(frozen=True, slots=True)
class Selection:
    """What a report is of: a pipeline's deals, from `since` to before `until`.

    `owner`: of one person, by name; looking.NOBODY: of none. `team`: of one team's people, by name.
    """

    pipeline_id: int
    since: float
    until: float
    owner: str = ""
    team: str = ""


class Sum(NamedTuple):
    """How many deals, their value, and how many of them are in another currency (whose value is not in `value`)."""

    n: int = 0
    value: int = 0
    foreign: int = 0

    def plus(self, other: "Sum") -> "Sum":
        """Both together."""
        return Sum(self.n + other.n, self.value + other.value, self.foreign + other.foreign)


def total(sums: Iterable[Sum]) -> Sum:
    """All together."""
    found = Sum()
    for one in sums:
        found = found.plus(one)
    return found


def together(passages: Iterable[Passage]) -> Passage:
    """Of several people's deals: no deal is of two."""
    found = list(passages)
    return Passage(
        *(sum(getattr(one, name) for one in found) for name in ("entered", "converted", "still", "left", "lost"))
    )


def wilson(won: int, all_: int) -> tuple[int, int] | None:
    """Between which whole per cents the true share lies with 95 % certainty; None of too few."""
    if all_ < FEWEST:
        return None
    p, z2 = won / all_, _Z * _Z
    middle = p + z2 / (2 * all_)
    width = _Z * math.sqrt(p * (1 - p) / all_ + z2 / (4 * all_ * all_))
    low, high = (100 * (middle + sign * width) / (1 + z2 / all_) for sign in (-1, 1))
    return max(0, round(low)), min(100, round(high))


class Closed(NamedTuple):
    """What was decided in a time: won and lost."""

    won: Sum = Sum()
    lost: Sum = Sum()

    @property
    def rate(self) -> int | None:
        """Won of all decided, per cent by count; None of too few."""
        return share(self.won.n, self.won.n + self.lost.n)

    @property
    def rate_by_value(self) -> int | None:
        """The same by value."""
        both = self.won.value + self.lost.value
        enough = self.won.n + self.lost.n >= FEWEST
        return round(100 * self.won.value / both) if both and enough else None

    @property
    def sure(self) -> tuple[int, int] | None:
        """Between which per cents the rate lies with 95 % certainty."""
        return wilson(self.won.n, self.won.n + self.lost.n)


class Lengths(NamedTuple):
    """Of some lengths in days: how many, their mean, the middle one, and that which three quarters do not exceed."""

    n: int = 0
    mean: float = 0.0
    median: float = 0.0
    upper: float = 0.0


def lengths(days: Sequence[float]) -> Lengths:
    """Quantiles lie between two neighbours where they must (linear)."""
    ordered = sorted(days)
    if not ordered:
        return Lengths()
    return Lengths(len(ordered), sum(ordered) / len(ordered), _quantile(ordered, 0.5), _quantile(ordered, 0.75))


def _quantile(ordered: Sequence[float], share_: float) -> float:
    place = share_ * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class Velocity(NamedTuple):
    """The four levers: deals open at the end, won of those decided, a won deal's mean value, its mean cycle in days."""

    open: int = 0
    won: int = 0
    decided: int = 0
    value: float = 0.0
    days: float = 0.0

    @property
    def rate(self) -> float:
        """Won of those decided, 0 to 1."""
        return self.won / self.decided if self.decided else 0.0

    @property
    def a_day(self) -> float | None:
        """Money a day, minor units; None where nothing was won, or in no time."""
        return self.open * self.rate * self.value / self.days if self.won and self.days > 0 else None


def change(now: float | None, before: float | None) -> int | None:
    """By how many per cent it has grown or shrunk; None where there was nothing."""
    return round(100 * (now - before) / before) if now is not None and before else None


class Source(NamedTuple):
    """What came from one source in a period, and what has become of it since.

    `leads` of the base of leads, `direct` deals without one; `real`: qualified, or taken out of Unsorted;
    `deals` of all these, `won` of them; `score`: the sum of the leads' scores.
    """

    leads: int = 0
    direct: int = 0
    real: int = 0
    deals: int = 0
    won: Sum = Sum()
    score: int = 0

    @property
    def came(self) -> int:
        """All that came."""
        return self.leads + self.direct

    @property
    def quality(self) -> int | None:
        """Per cent that were real; None of too few."""
        return share(self.real, self.came)

    @property
    def conversion(self) -> int | None:
        """Per cent that were won; None of too few."""
        return share(self.won.n, self.came)

    @property
    def mean_score(self) -> float | None:
        """The leads' mean score."""
        return self.score / self.leads if self.leads else None

    def plus(self, other: "Source") -> "Source":
        """Both together."""
        return Source(
            self.leads + other.leads,
            self.direct + other.direct,
            self.real + other.real,
            self.deals + other.deals,
            self.won.plus(other.won),
            self.score + other.score,
        )


def repair(source: Source, all_: Source) -> str:
    """What is wrong with a source: unreal (half as many real ones as over all), unwon (half as many won), or ""."""
    if source.came < FEWEST:
        return ""
    if 2 * source.real * all_.came < all_.real * source.came:
        return "unreal"
    return "unwon" if 2 * source.won.n * all_.came < all_.won.n * source.came else ""


def lame(mine: Passage, everybody: Passage) -> bool:
    """Whether this person or team loses far more in a stage than all do: several deals of enough, half as much again,
    and ten in a hundred more.
    """
    if mine.left < FEWEST or mine.lost < 2 or not everybody.left:
        return False
    own, all_ = mine.lost / mine.left, everybody.lost / everybody.left
    return own >= 1.5 * all_ and own >= all_ + 0.1
