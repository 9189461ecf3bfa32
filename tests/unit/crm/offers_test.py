"""Sums of offers, to the last minor unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxcrm.crm.fields import BadFields
from pbxcrm.crm.offers import Line, offer_fields, total, worth


def items(code: str, *rows: tuple[str, str, str]) -> list[Line]:
    given_rows = [{"text": text, "count": count, "price": price} for text, count, price in rows]
    return offer_fields({"items": given_rows}, code)["items"]


@pytest.mark.parametrize(
    ("code", "rows", "sum_"),
    [
        ("EUR", [("Phones", "40", "89.90"), ("Setting up", "1", "250")], 384600),
        ("EUR", [("Hours", "1,5", "33.33")], 5000),  # 49.995
        ("EUR", [("Hours", "0.333", "0.01"), ("Phone", "", "1")], 100),  # a count left out is one
        ("EUR", [("Phone", "3", "10"), ("Discount", "1", "-5.50")], 2450),
        ("JPY", [("Phone", "3", "1500")], 4500),
        ("KWD", [("Phone", "3", "1.005")], 3015),
        ("IRR", [("گوشی", "۲", "۱۲۳۴٬۵۰۰")], 2469000),
        ("EUR", [("Line", "999999", "0.01"), ("", "", "")], 999999),  # an empty line is none
    ],
)
def test_sums_are_exact(code: str, rows: list[tuple[str, str, str]], sum_: int) -> None:
    assert total(items(code, *rows)) == sum_


@pytest.mark.parametrize(
    "row",
    [
        ("Phone", "0", "1"), ("Phone", "-1", "1"), ("Phone", "1.0001", "1"), ("Phone", "many", "1"), ("", "1", "1"),
        ("Phone", "1", "1.001"), ("Phone", "1", "free"), ("Discount", "1", "-1"), ("Phone", "1e3", "1"),
        ("Phone", "999999", "90000000000"),
    ],
)  # fmt: skip
def test_what_makes_no_offer_is_refused(row: tuple[str, str, str]) -> None:
    with pytest.raises(BadFields) as wrong:
        items("EUR", row)
    assert list(wrong.value.fields) == ["items"]


def test_no_more_than_a_hundred_lines_and_no_field_more() -> None:
    for bad in ([{"text": "x", "price": "1"}] * 101, [{"text": "x", "worth": "9"}], "x", [1]):
        with pytest.raises(BadFields):
            offer_fields({"items": bad}, "EUR")


@given(count=st.integers(1, 10**6), price=st.integers(-(10**9), 10**9))
def test_a_line_is_rounded_like_on_paper(count: int, price: int) -> None:
    """By fractions, which have no error: half a unit goes away from nothing."""
    line = Line(text="x", count=f"{count // 1000}.{count % 1000:03d}", price=price)
    exact = count * abs(price)
    up = exact // 1000 + (exact % 1000 >= 500)
    assert worth(line) == (up if price >= 0 else -up)
