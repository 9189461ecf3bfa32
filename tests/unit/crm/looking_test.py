"""What an address asks of the board."""

import pytest

from pbxcrm.crm.fields import BadFields
from pbxcrm.crm.looking import Looking, looking


def test_nothing_asked_is_everything() -> None:
    look = looking({"owner": "", "q": "  ", "density": "compact"}, "EUR", 1.0, 2.0)
    assert not look
    assert look == Looking(now=1.0, day_ends=2.0)


def test_amounts_are_minor_units_whatever_their_digits() -> None:
    look = looking({"low": "۱۵۰۰", "high": "2000.50"}, "EUR", 0.0, 0.0)
    assert (look.low, look.high) == (150_000, 200_050)
    assert look
    assert looking({"low": "0"}, "EUR", 0.0, 0.0).low == 0


def test_the_next_steps_state_is_one_of_four() -> None:
    look = looking({"due": "today", "owner": "bob"}, "EUR", 0.0, 0.0)
    assert look.due == "today"
    assert look.without_due() == Looking(owner="bob")


@pytest.mark.parametrize(("name", "value"), [("due", "soon"), ("low", "many"), ("high", "1,2,3.4.5"), ("q", "x" * 201)])
def test_what_cannot_be_is_said(name: str, value: str) -> None:
    with pytest.raises(BadFields) as wrong:
        looking({name: value}, "EUR", 0.0, 0.0)
    assert list(wrong.value.fields) == [name]
