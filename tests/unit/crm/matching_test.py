"""Whose number is this?"""

import pytest

from pbxcrm.crm.matching import best, rank, tail


@pytest.mark.parametrize(
    ("number", "other", "found"),
    [
        ("+48601234567", "+48601234567", 0),
        ("+48601234567", "48601234567", 0),
        ("+48601234567", "601234567", 1),
        ("+442071234567", "02071234567", 1),
        ("0048601234567", "+48601234567", 1),
        ("009948601234567", "+48601234567", 1),
        ("+48601234567", "9601234567", 2),
        ("+48601234567", "+49601234567", None),
        ("+48601234567", "601234568", None),
        ("101", "101", 0),
        ("101", "+48600000101", None),
        ("234567", "+48601234567", None),
        ("alice@example.org", "Alice@example.org", 0),
        ("alice", "bob", None),
        ("alice", "101", None),
    ],
)
def test_ranks(number, other, found):
    assert rank(number, other) == found
    assert rank(other, number) == found


@pytest.mark.parametrize(
    ("number", "end"), [("+48601234567", "601234567"), ("101", "101"), ("Alice", "alice"), ("*43", "43")]
)
def test_what_two_writings_have_in_common(number, end):
    assert tail(number) == end


def test_only_the_best_are_taken():
    known = [(1, "601234567"), (2, "+48601234567"), (3, "+48601234567"), (2, "601234567"), (4, "+49601234567")]
    assert best("+48601234567", known) == [2, 3]
    assert best("+48601234567", known[:1]) == [1]
    assert best("+1999", known) == []
