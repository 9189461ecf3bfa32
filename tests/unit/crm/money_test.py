"""Amounts: whole minor units inside, decimal strings outside, read as people of many countries write them."""

import pytest
from babel.numbers import list_currencies
from hypothesis import given
from hypothesis import strategies as st

from pbxcrm.crm import money as m
from pbxcrm.crm.fields import deal_fields
from pbxcrm.crm.looking import looking
from pbxcrm.crm.money import LARGEST, decimals, is_currency, money, parse_money
from pbxcrm.http.i18n import Reader
from pbxcrm.http.sums import short


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(150050, "EUR", "1500.50"), (5, "EUR", "0.05"), (0, "EUR", "0.00"), (1500, "JPY", "1500"), (1, "KWD", "0.001"),
     (-5, "EUR", "-0.05"), (12345, "CLF", "1.2345")],
)  # fmt: skip
def test_shown(minor, currency, text):
    assert money(minor, currency) == text


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1500.5", "EUR", 150050),
        ("1500", "EUR", 150000),
        ("1,500.50", "EUR", 150050),
        ("1.500,50", "EUR", 150050),
        ("1 500,50", "EUR", 150050),
        ("1\u00a0500,50", "EUR", 150050),
        ("1'500.50", "EUR", 150050),
        ("1,500", "EUR", 150000),
        ("1,500,000", "EUR", 150000000),
        ("1,5", "EUR", 150),
        ("۱۵۰۰٫۵", "EUR", 150050),
        ("١٥٠٠٫٥", "EUR", 150050),
        ("۱٬۵۰۰", "JPY", 1500),
        ("1.500", "KWD", 1500),
        ("1.5000", "EUR", 150),
    ],
)
def test_read(text, currency, minor):
    assert parse_money(text, currency) == minor


@pytest.mark.parametrize("text", ["", "abc", "-1", "1e5", "1.500", "1.234", "1,2,3", "²", "1.2.3", "1,5,", "NaN", "٫"])
def test_refused(text):
    with pytest.raises(ValueError, match=r"write|decimals"):
        parse_money(text, "EUR")


def test_too_much():
    assert parse_money(money(LARGEST, "EUR"), "EUR") == LARGEST
    with pytest.raises(ValueError, match="too much"):
        parse_money(money(LARGEST + 1, "EUR"), "EUR")


@given(st.integers(0, LARGEST), st.sampled_from(["EUR", "JPY", "KWD", "CLF", "IRR", "IRT"]))
def test_what_is_shown_is_read_back(minor, currency):
    assert parse_money(money(minor, currency), currency) == minor


def test_the_exceptions_are_currencies():
    known = list_currencies()
    assert [code for code in (*m._NONE, *m._THREE, *m._FOUR) if code not in known] == []
    assert (decimals("EUR"), decimals("IRR"), decimals("JPY")) == (2, 0, 0)


def test_a_code():
    assert is_currency("EUR")
    assert not is_currency("eur")
    assert not is_currency("EURO")


@given(st.integers(0, LARGEST))
def test_no_sum_slips_by_ten_between_rial_and_toman(rials):
    """Whoever counts it, in whichever unit it is shown, typed again and stored: the same sum."""
    for toman in (False, True):
        reader = Reader("fa", toman=toman)
        typed = {"value": reader.money_field(money(rials, "IRR"), "IRR"), "currency": reader.unit("IRR")}
        stored = deal_fields({**typed, "budget_amount": typed["value"]}, "EUR", None)
        assert (stored.get("value"), stored.get("currency")) == (rials, "IRR")
        assert stored.get("budget_amount") == (money(rials, "IRR") if rials else "")


def test_a_thousand_million_rials_are_a_hundred_million_toman():
    assert Reader("fa", toman=True).money("1000000000", "IRR") == "۱۰۰٬۰۰۰٬۰۰۰\u00a0تومان"
    assert Reader("fa").money("1000000000", "IRR") == "۱٬۰۰۰٬۰۰۰٬۰۰۰\u00a0ریال"
    assert Reader("en", toman=True).money("15", "IRR") == "toman\u00a01.5"
    assert Reader("fa", toman=True).money("15.00", "EUR") == Reader("fa").money("15.00", "EUR")
    assert deal_fields({"value": "۱۰۰٬۰۰۰٬۰۰۰", "currency": "IRT"}, "EUR", None) == {
        "value": 1_000_000_000,
        "currency": "IRR",
    }


def test_a_filter_counts_as_its_address_says():
    asked = {"low": "100", "unit": "IRT"}
    assert looking(asked, "IRR", 0, 0).low == 1000
    assert looking({"low": "100"}, "IRR", 0, 0).low == 100
    assert looking(asked, "EUR", 0, 0).low == 10000  # the house counts in something else by now


@pytest.mark.parametrize(
    ("locale", "toman", "rials", "written"),
    [
        ("fa", True, "12000000", "۱٫۲\u00a0میلیون\u00a0تومان"),
        ("fa", False, "3450000000", "۳٫۴۵\u00a0میلیارد\u00a0ریال"),
        ("fa", True, "9999990", "۹۹۹٬۹۹۹\u00a0تومان"),
        ("en", True, "-25000000000", "−toman\u00a02.5B"),
        ("pl", False, "1999999", "2\u00a0mln\u00a0IRR"),
    ],
)
def test_large_sums_of_rials_are_short_where_there_is_little_room(locale, toman, rials, written):
    assert short(Reader(locale, toman=toman), rials, "IRR") == written
    assert short(Reader(locale), "1234567.50", "EUR") == Reader(locale).money("1234567.50", "EUR")
