"""What the reports say: shares and how sure they are, cycles, velocity, sources that need repair, lame stages."""

import pytest

from pbxcrm.crm.funnel import Passage
from pbxcrm.crm.reports import (
    Closed,
    Lengths,
    Source,
    Sum,
    Velocity,
    change,
    lame,
    lengths,
    repair,
    together,
    total,
    wilson,
)


@pytest.mark.parametrize(
    ("won", "all_", "between"),
    [
        (3, 6, (19, 81)),  # 0.5 ± 0.312
        (8, 10, (49, 94)),  # Wilson (1927): 0.490 to 0.943
        (0, 20, (0, 16)),
        (20, 20, (84, 100)),
        (2, 4, None),
    ],
)
def test_between_which_rates_the_true_one_lies(won: int, all_: int, between: tuple[int, int] | None) -> None:
    assert wilson(won, all_) == between


def test_a_win_rate_is_of_those_decided() -> None:
    closed = Closed(Sum(3, 490_000), Sum(3, 250_000, 1))
    assert (closed.rate, closed.rate_by_value) == (50, 66)
    few = Closed(Sum(3, 300), Sum(1, 100))
    assert (few.rate, few.rate_by_value, few.sure) == (None, None, None)
    assert Closed(Sum(5), Sum()).rate_by_value is None  # nothing was worth anything


def test_lengths() -> None:
    assert lengths([]) == Lengths()
    assert lengths([4]) == Lengths(1, 4, 4, 4)
    assert lengths([40, 10, 20, 30]) == Lengths(4, 25, 25, 32.5)


def test_velocity_is_money_a_day() -> None:
    # 20 open deals, half of those decided won, 1000.00 each, in 25 days: 400.00 a day.
    assert Velocity(open=20, won=5, decided=10, value=100_000, days=25).a_day == 40_000
    assert Velocity(open=20, decided=10).a_day is None
    assert Velocity(open=20, won=1, decided=1, value=5, days=0).a_day is None


def test_a_change_is_of_something() -> None:
    assert change(150, 100) == 50
    assert change(50, 100) == -50
    assert change(5, 0) is None
    assert change(None, 5) is None


def test_together() -> None:
    assert together([Passage(5, 2, 1, 3, 1), Passage(1, 1, 0, 1, 0)]) == Passage(6, 3, 1, 4, 1)
    assert total([Sum(1, 2, 3), Sum(10, 20, 30)]) == Sum(11, 22, 33)
    assert total([]) == Sum()


def test_which_source_needs_repair() -> None:
    all_ = Source(leads=50, direct=50, real=60, won=Sum(20))
    assert repair(Source(direct=10, real=2, won=Sum(2)), all_) == "unreal"  # 20 % real of 60
    assert repair(Source(direct=10, real=6, won=Sum(0)), all_) == "unwon"
    assert repair(Source(direct=10, real=3, won=Sum(1)), all_) == ""  # half as good is not yet less than half
    assert repair(Source(direct=4, real=0), all_) == ""  # too few to say


def test_where_somebody_loses_far_more() -> None:
    everybody = Passage(left=100, lost=20)
    assert lame(Passage(left=10, lost=4), everybody)
    assert not lame(Passage(left=10, lost=2), everybody)
    assert not lame(Passage(left=4, lost=4), everybody)  # too few left it
    assert not lame(Passage(left=8, lost=1), Passage(left=100, lost=1))  # one is chance
    assert not lame(Passage(left=20, lost=2), Passage(left=100, lost=1))  # nine in a hundred more
    assert not lame(Passage(), Passage())
