"""Tables as spreadsheets of the world leave them, understood or refused in words."""

import pytest

from pbxcrm.crm.importing import CUT, guessed, head_of, name_key, understood
from pbxcrm.service.import_days import day


def said(head: list[str], row: list[str], kind: str = "contacts", region: str = "IR"):
    return understood(row, guessed(head, kind), kind, region, day)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("9123456789", "+989123456789"),  # the zero before it is lost
        ("989123456789", "+989123456789"),  # the plus is
        ("۰۹۱۲ ۳۴۵ ۶۷۸۹", "+989123456789"),
        ('="09123456789"', "+989123456789"),
        ("'+989123456789", "+989123456789"),
        ("9123456789.0", "+989123456789"),
        ("9.123456789E+9", "+989123456789"),
        ("9,123456789E+09", "+989123456789"),
    ],
)
def test_a_number_that_a_spreadsheet_took_for_a_quantity(written: str, number: str) -> None:
    assert said(["name", "phone"], ["Ali", written]).fields["numbers"] == [number]


@pytest.mark.parametrize("written", ["4.86012E+10", "9,12E+9", "9.1E+11"])
def test_a_number_that_was_cut_short_is_no_number(written: str) -> None:
    assert said(["name", "phone"], ["Ali", written]).problem == f"phone: “{written}”: {CUT}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1370/05/12", "1991-08-03"),
        ("۱۳۷۰/۵/۱۲", "1991-08-03"),
        ("12.5.1990", "1990-05-12"),
        ("05/13/1990", "1990-05-13"),
        ("1990-05-12 00:00:00", "1990-05-12"),
        ("12/5/90", ""),
        ("1370/13/40", ""),
        ("0999/01/01", ""),
        ("soon", ""),
    ],
)
def test_days_of_both_calendars(written: str, meant: str) -> None:
    assert day(written) == meant
    row = said(["نام", "تاریخ تولد"], ["علی", written])
    assert row.fields.get("birth_date", "") == meant
    assert bool(row.problem) == (not meant)


def test_heads_that_are_empty_or_twice_and_rows_of_any_length() -> None:
    head = ["Name", "", "Phone", "Phone 2", "Name", "Tax no"]
    assert head_of(head) == head
    assert guessed(head, "contacts") == {"0": "name", "2": "phone", "3": "phone"}
    assert said(head, ["Ola"]).fields == {"name": "Ola"}
    assert said(head, ["Ola", "x", "", "601234567", "Other", "1", "2"], region="PL").fields == {
        "name": "Ola",
        "numbers": ["+48601234567"],
    }


def test_one_that_has_one_number_keeps_the_others_to_be_read() -> None:
    row = said(["Lead", "Phone", "Note"], ["Ola", "601234567; 601234568", "fair"], "leads", "PL")
    assert row.fields == {"name": "Ola", "numbers": ["+48601234567"], "note": "fair\n+48601234568"}


def test_a_company_in_any_spelling_is_one() -> None:
    assert name_key("Łąka  Sp. z o.o.") == name_key("LAKA SP. Z O.O.")
    assert name_key("شركة النور") == name_key("شرکه النور")
    assert len(name_key("x" * 5000)) == 200
