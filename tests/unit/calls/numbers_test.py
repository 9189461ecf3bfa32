"""Numbers as people dial and PBXs show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxcrm.calls.numbers import clean, digits, fold_digits, normalise, parse

E164 = st.from_regex(r"\+48(22[0-9]{7}|6[0-9]{8})", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+48225550101", None, "+48225550101"),
        ("+48 22 555 01 01", None, "+48225550101"),
        ("+48 (22) 555-01-01", "PL", "+48225550101"),
        ("225550101", "PL", "+48225550101"),
        ("0048225550101", "PL", "+48225550101"),
        ("48225550101", "PL", "+48225550101"),
        ("48601234567", "PL", "+48601234567"),
        ("0601234567", "PL", "+48601234567"),
        ("02079460123", "GB", "+442079460123"),
        ("09121234567", "IR", "+989121234567"),
        ("۰۹۱۲۱۲۳۴۵۶۷", "IR", "+989121234567"),
        ("٠٩١٢١٢٣٤٥٦٧", "IR", "+989121234567"),
        ("4155550123", "US", "+14155550123"),
        ("225550101", None, "225550101"),
        ("+0123456789", "PL", "+0123456789"),
        ("00", "PL", "00"),
    ],
)
def test_what_is_one_number_reads_as_one(text: str, region: str | None, number: str) -> None:
    assert normalise(text, region) == number


@pytest.mark.parametrize("text", ["101", "*43", "**101", "*8", "701", "112", "#9", "6001", "800"])
@pytest.mark.parametrize("region", [None, "PL", "US", "IR"])
def test_extensions_and_feature_codes_stay_what_they_are(text: str, region: str | None) -> None:
    assert normalise(text, region) == text


@pytest.mark.parametrize(
    "text", ["", "  ", "anonymous", "Anonymous", "unknown", "<unknown>", "Restricted", "private", "s", "unavailable"]
)
def test_withheld_is_no_number(text: str) -> None:
    assert normalise(text, "PL") is None


@pytest.mark.parametrize(
    ("text", "shown"), [("alice", "alice"), ("sip:alice@example", "sip:alice@example"), ("+1", "+1")]
)
def test_what_is_no_number_stays_as_dialled(text: str, shown: str) -> None:
    assert normalise(text, "PL") == shown


def test_only_separators_is_no_number() -> None:
    assert normalise("-- ()", "PL") is None


@given(E164)
def test_a_number_reads_the_same_however_often(number: str) -> None:
    assert normalise(number, "PL") == number
    assert normalise(number[3:], "PL") == number
    assert normalise("00" + number[1:], "PL") == number


@given(st.text(max_size=40), st.sampled_from([None, "PL", "US"]))
def test_nothing_that_is_sent_raises(text: str, region: str | None) -> None:
    number = normalise(text, region)
    assert number is None or number
    assert parse(text, region) is None or parse(text, region)


# ---- what may be dialled


@pytest.mark.parametrize(
    ("text", "number"),
    [("101", "101"), ("+48 22 555 01 01", "+48225550101"), ("225550101", "+48225550101"), (" 112 ", "112")],
)
def test_what_may_be_dialled(text: str, number: str) -> None:
    assert parse(text, "PL") == number


@pytest.mark.parametrize(
    "text",
    ["", "1", "*43", "100&PJSIP/trunk/1900", "100,20,m", "100@trunk", "a", "100;1", "1|2", "${EXTEN}",
     "0" * 40, "+", "++48", "100 w 200", "１００&"],
)  # fmt: skip
def test_what_may_not(text: str) -> None:
    assert parse(text, "PL") is None


@given(st.text(alphabet="0123456789+-(). &@/,;wW#*\n\x00", max_size=30))
def test_whatever_comes_out_may_be_dialled(text: str) -> None:
    number = parse(text, "PL")
    if number is not None:
        assert number.lstrip("+").isdigit()
        assert number.isascii()
        assert 2 <= len(number.lstrip("+")) <= 15


# ---- text from the wire


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Alice", "Alice"),
        ("  Alice \t Smith\r\n", "Alice   Smith"),
        ("Иван", "Иван"),
        ("\u202eecilA\u202c", "ecilA"),
        ("a\x00b\x1bc\x7fd", "abcd"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\u2028b\u2029c\ufeffd\ue000e", "abcde"),
        ("x" * 100, "x" * 80),
    ],
)
def test_a_name_is_cleaned_and_cut(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_a_cut_leaves_no_blank_at_the_end() -> None:
    assert clean("ab  cd", 4) == "ab"


def test_digits_of_every_script_are_digits() -> None:
    assert fold_digits("۱۲۳-٤٥٦-7") == "123-456-7"
    assert digits("+48 (22) ۱۲") == "482212"
