"""Text as a search looks for it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxcrm.crm.folding import folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("علي كريمى", "علی کریمی"),
        ("می‌خواهم", "میخواهم"),
        ("۰۹۱۲ ٣٤", "0912 34"),
        ("Łódź ŻÓŁĆ", "lodz zolc"),
        ("Straße", "STRASSE"),
        ("Ёлка", "елка"),
        ("Ünal  Işık", "unal isik"),
        ("ＡＢＣ１２", "abc12"),
    ],
)
def test_written_differently_looked_for_alike(one, other):
    assert folded(one) == folded(other)


def test_a_line_each_and_none_for_what_is_empty():
    assert folded("Ann  Żak", "", "Acme\tLtd") == "ann zak\nacme ltd"


@given(st.text())
def test_folding_twice_changes_nothing_and_nothing_unfit_for_a_database_is_left(text):
    once = folded(text)
    assert folded(*once.split("\n")) == once
    assert "\0" not in once
    assert not any(unicodedata.combining(c) for c in once)
