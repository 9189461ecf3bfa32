"""Shares and hints on examples worked out by hand."""

from pbxcrm.crm.funnel import Hint, Open, Passage, hints, lamest


def test_shares_of_too_few_are_not_shown() -> None:
    assert Passage(entered=4, converted=4, left=4, lost=1).conversion is None
    assert Passage(entered=4, converted=4, left=4, lost=1).loss is None
    assert Passage(entered=8, converted=5, left=6, lost=2).conversion == 62
    assert Passage(entered=8, converted=5, left=6, lost=2).loss == 33


def funnel(*counts: int) -> list[Open]:
    return [Open(str(n), count) for n, count in enumerate(counts)]


def test_almost_nothing_at_the_end_sends_to_the_stage_before() -> None:
    assert hints(funnel(3, 9, 12, 1), 10, 10) == [Hint("late", "3", "2")]
    assert hints(funnel(3, 9, 12, 2), 10, 10) == []


def test_an_empty_start_sends_back_to_it() -> None:
    assert hints(funnel(0, 0, 12, 9), 10, 10) == [Hint("dry", "1", "1")]
    assert hints(funnel(1, 2, 12, 9), 2, 10) == [Hint("dry", "1", "1")]
    assert hints(funnel(1, 2, 12, 9), 8, 10) == []


def test_a_young_or_short_funnel_is_left_alone() -> None:
    assert hints(funnel(4, 0, 0), 4, 0) == []
    assert hints(funnel(0, 9), 0, 9) == []


def test_the_lame_stage_stands_out() -> None:
    fine, lame = Passage(left=10, lost=2), Passage(left=10, lost=6)
    assert lamest([("a", fine), ("b", lame), ("c", fine)]) == "b"
    assert lamest([("a", fine), ("b", fine), ("c", fine)]) is None
    assert lamest([("a", Passage(left=3, lost=3))]) is None
