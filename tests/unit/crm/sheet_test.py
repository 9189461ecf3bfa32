"""CSV in which no cell is a formula: whatever goes in comes out as text, and as the same text."""

import csv
import io
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pbxcrm.crm import sheet

EVIL = [
    "=1+1",
    "=HYPERLINK(\"http://x\",\"y\")",
    "+48601234567",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\0=1+1",
    "＝1+1",
    "＋1",
    "－1",
    "＠SUM(1)",
    "﹢1",
    " =1+1",
    "\u00a0=1+1",
    "\ufeff=1+1",
    "\u200b=1+1",
    "'=1+1",
    'x",=1+1,"',
    "x;=1+1",
    'x\r\n=1+1',
]  # fmt: skip
TRIGGERS = tuple("=+-@\t\r\n\0")


def parsed(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=delimiter == ","))


def taken_off(cell: str) -> str:
    return re.sub(r"(?:\A|(?<=[;\t\r\n]))'", "", cell)


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_evil_is_left(evil: str) -> None:
    (row,) = parsed(sheet.line([evil, "after"]))
    assert len(row) == 2
    assert not unicodedata.normalize("NFKC", row[0]).lstrip().startswith(TRIGGERS)
    assert not row[0].startswith(TRIGGERS)
    assert taken_off(row[0]) == evil


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_a_round_trip_gives_the_same_and_no_cell_starts_a_formula(cells: list[str]) -> None:
    (row,) = parsed(sheet.line(cells))
    assert [taken_off(cell) for cell in row] == cells
    for cell in row:
        assert not unicodedata.normalize("NFKC", cell[:1]).startswith(TRIGGERS)


@given(st.lists(st.text(alphabet="=+-@;,\"'\t\r\n x\0＝", max_size=8), min_size=1, max_size=4))
@example(["x", "y;=cmd|' /C calc'!A0;z"])
@example(["x", "y\n=1+1"])
def test_read_with_another_separator_it_is_still_no_formula(cells: list[str]) -> None:
    """Excel in most of Europe believes in semicolons."""
    for row in parsed(sheet.line(cells), ";"):
        for cell in row:
            assert not cell.strip().startswith(("=", "+", "-", "@", "＝"))


def test_rows_are_of_the_columns() -> None:
    view = {"id": "1", "title": None, "rang": ["alice", "bob"], "talk_seconds": 1.5, "secret": "canary"}
    assert sheet.rows([view], ("id", "title", "rang", "talk_seconds", "none")) == '"1","","alice, bob","1.5",""\r\n'
