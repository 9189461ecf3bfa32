"""Wrap-up's vocabulary, and whose card of a call is up."""

import pytest

from pbxcrm.crm import wrapup
from pbxcrm.crm.fields import BadFields

ONE, TWO = "2026-11-18T11:06:40.000Z", "2026-11-18T11:09:00.000Z"


def call(**more: object) -> dict[str, object]:
    talks = [
        {"user": "alice", "from": ONE, "until": TWO},
        {"user": "bob", "from": TWO, "until": None},
    ]
    return {"direction": "inbound", "ringing": [], "talking": ["bob"], "talks": talks, "wrapped_by": [], **more}


def test_what_is_said_is_put_in_order():
    given = {"outcome": "again", "note": " Forty \r\n phones ", "tags": "fair, big،fair,,", "deal_id": "7"}
    said = wrapup.said({**given, "next_contact_at": ONE, "not_a_lead": False})
    assert said == {
        "outcome": "again", "note": "Forty\nphones", "tags": ["fair", "big"], "deal_id": 7,
        "next_contact_at": 1795000000.0, "not_a_lead": False,
    }  # fmt: skip
    assert wrapup.said({}) == {}
    assert wrapup.said({"outcome": None, "tags": [], "deal_id": ""}) == {"outcome": "", "tags": [], "deal_id": None}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"outcome": "splendid"}, "outcome"),
        ({"outcome": ["agreed"]}, "outcome"),
        ({"tags": 5}, "tags"),
        ({"tags": [5]}, "tags"),
        ({"tags": ["a,b"]}, "tags"),
        ({"tags": ["x" * 41]}, "tags"),
        ({"tags": ",".join(map(str, range(11)))}, "tags"),
        ({"not_a_lead": True, "next_contact_at": ONE}, "next_contact_at"),
        ({"mood": "good"}, "mood"),
    ],
)
def test_what_cannot_be_is_named(given, field):
    with pytest.raises(BadFields) as wrong:
        wrapup.said(given)
    assert list(wrong.value.fields) == [field]


def test_a_spell_is_a_talk_or_a_ringing_before_it():
    assert wrapup.spell("alice", call()) == "t" + ONE
    assert wrapup.spell("bob", call()) == "t" + TWO
    assert wrapup.spell("bob", call(ringing=["bob"], talking=[], talks=[])) == "r"
    assert wrapup.spell("alice", call(ringing=["alice"])) == "r" + ONE
    assert wrapup.began("carol", call()) == ""
    assert wrapup.began("carol", call(talks=None)) == ""


def test_whose_card_is_up():
    assert wrapup.concerns("bob", call())
    assert wrapup.concerns("alice", call())  # has talked, and not yet said what came of it
    assert not wrapup.concerns("carol", call())
    assert wrapup.concerns("carol", call(ringing=("carol",)))
    assert not wrapup.concerns("alice", call(wrapped_by=["alice"]))
    assert wrapup.concerns("alice", call(wrapped_by=["alice"], ringing=["alice"]))
    assert not wrapup.concerns("bob", call(direction="internal"))
    told_before = {name: value for name, value in call().items() if name != "wrapped_by"}
    assert wrapup.concerns("alice", told_before)


def test_finished_is_who_said_all_of_their_last_talk():
    at = {"alice": 1795000000.0, "bob": 1795000000.0, "carol": 1795000000.0}
    assert wrapup.finished(call(), at) == ["alice"]
    assert wrapup.finished(call(), {}) == []


def test_one_wrapup_as_everybody_sees_it():
    row: wrapup.WrapupRow = {"by": "bob", "done_at": 1795000000.0, "outcome": "info", "note": "", "tags": "a,b"}
    assert wrapup.view(row) == {"by": "bob", "at": ONE, "outcome": "info", "note": "", "tags": ["a", "b"]}
    assert wrapup.split("") == []
