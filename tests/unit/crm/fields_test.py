"""What may be written: a closed vocabulary, and everything that is wrong said at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxcrm.crm import fields
from pbxcrm.crm.fields import BadFields, contact_fields, deal_fields, move_fields, note_text, task_fields

TOO_LONG = "x" * (fields.LONGEST_LINE + 1)


def test_a_deal():
    parsed = deal_fields(
        {
            "title": " Hello\u202e ",
            "value": "12,50",
            "currency": "EUR",
            "stage": "3",
            "owner": "alice",
            "contact_id": 7,
            "number": "601 234 567",
            "source": "fair",
            "priority": "-1",
            "note": "one\r\ntwo\x00",
            "next_contact_at": "2026-01-31T10:30:00+01:00",
        },
        "PLN",
        "PL",
    )
    assert parsed == {
        "title": "Hello",
        "value": 1250,
        "currency": "EUR",
        "stage": 3,
        "owner": "alice",
        "contact_id": 7,
        "number": "+48601234567",
        "source": "fair",
        "priority": -1,
        "note": "one\ntwo",
        "next_contact_at": 1769851800.0,
    }


def test_nothing_is_nothing():
    empty = {"owner": None, "contact_id": "", "number": "", "next_contact_at": None, "value": "", "note": ""}
    assert deal_fields(empty, "EUR", None) == {
        "owner": None,
        "contact_id": None,
        "number": None,
        "next_contact_at": None,
        "value": 0,
        "note": "",
    }


def test_the_value_is_in_the_currency_named_beside_it():
    assert deal_fields({"value": "1500", "currency": "JPY"}, "EUR", None)["value"] == 1500
    assert deal_fields({"value": 1500}, "EUR", None)["value"] == 150000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", ""),
        ("title", 5),
        ("title", TOO_LONG),
        ("value", 1.5),
        ("value", "lots"),
        ("value", True),
        ("value", None),
        ("currency", "euro"),
        ("currency", 1),
        ("stage", "x"),
        ("stage", "9" * 30),
        ("stage", True),
        ("stage", None),
        ("contact_id", "-1"),
        ("number", "abc"),
        ("number", 5),
        ("number", "9" * 50),
        ("priority", 10),
        ("priority", "high"),
        ("priority", True),
        ("note", 5),
        ("note", "x" * (fields.LONGEST_TEXT + 1)),
        ("next_contact_at", "tomorrow"),
        ("next_contact_at", "2026-01-31T10:30:00"),
        ("next_contact_at", "0001-01-01T00:00:00Z"),
        ("next_contact_at", 5),
        ("owner_id", 1),
        ("version", 1),
    ],
)
def test_what_cannot_be(name, value):
    with pytest.raises(BadFields) as caught:
        deal_fields({name: value}, "EUR", None)
    assert list(caught.value.fields) == [name]
    assert caught.value.fields[name].endswith((".", ".50"))


def test_everything_wrong_is_said_at_once():
    with pytest.raises(BadFields, match=r"title: .*; x: "):
        deal_fields({"title": "", "x": 1, "note": "fine"}, "EUR", None)


def test_a_contact():
    given_ = {"name": "Ann", "company": "A", "email": "a@b", "note": "", "numbers": ["601 234 567", "+48601234567"]}
    assert contact_fields({**given_, "owner": ""}, "PL") == {**given_, "numbers": ["+48601234567"], "owner": None}
    for wrong in ("601", [5], ["+48601234567"] * 21):
        with pytest.raises(BadFields, match="numbers"):
            contact_fields({"numbers": wrong}, "PL")


def test_a_task():
    assert task_fields({"title": "Call", "due_at": "2026-01-01T00:00:00Z", "deal_id": "5", "user": "bob"}) == {
        "title": "Call",
        "due_at": 1767225600.0,
        "deal_id": 5,
        "user": "bob",
    }
    with pytest.raises(BadFields, match=r"title: This is needed.*due_at: This is needed"):
        task_fields({})


def test_a_move_and_a_note():
    assert move_fields("5", None) == (5, "")
    assert move_fields(5, " too dear ") == (5, "too dear")
    with pytest.raises(BadFields, match="stage"):
        move_fields(None, None)
    with pytest.raises(BadFields, match="reason"):
        move_fields("5", TOO_LONG)
    assert note_text(" hello ") == "hello"
    with pytest.raises(BadFields, match="text"):
        note_text("  ")


@pytest.mark.parametrize("value", [True, "true", "1"])
def test_yes(value):
    assert fields.truth(value) is True


@pytest.mark.parametrize("value", [False, "false", "0"])
def test_no(value):
    assert fields.truth(value) is False


def test_neither():
    with pytest.raises(ValueError, match="true or false"):
        fields.truth("maybe")


@given(st.dictionaries(st.sampled_from(["title", "note", "source", "value", "stage", "number", "x"]), st.text()))
def test_any_text_is_taken_or_refused_in_words(given_):
    parsed: dict[str, object] = {}
    wrong: dict[str, str] = {}
    try:
        parsed.update(deal_fields(given_, "EUR", "PL"))
    except BadFields as error:
        wrong = error.fields
    assert bool(wrong) != (set(parsed) == set(given_))
    assert all(said.strip() for said in wrong.values())
    assert not any("\x00" in str(value) or "\u202e" in str(value) for value in parsed.values())
