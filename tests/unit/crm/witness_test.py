"""Where two accounts of one call differ."""

import dataclasses

import pytest

from pbxcrm.calls.model import Call, Talk
from pbxcrm.crm.witness import believed, differences, why
from tests.store.office import Caller

ANSWERED = dataclasses.replace(
    Caller("+48601000001").call, outcome="answered", first_answered_by="ann", last_answered_by="bob",
    talk_seconds=100.0, ended_at=Caller("+48601000001").call.started_at + 130,
)  # fmt: skip


def told(**change: object) -> Call:
    return dataclasses.replace(ANSWERED, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["cel", "cdr"])
def test_what_is_the_same(source: str) -> None:
    assert differences(ANSWERED, told(talk_seconds=101.9), source) == ()  # type: ignore[arg-type]
    assert differences(told(talk_seconds=1000.0), told(talk_seconds=1019.0), source) == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["cel", "cdr"])
def test_what_differs_is_named(source: str) -> None:
    other = told(outcome="missed", first_answered_by=None, last_answered_by=None, talk_seconds=0.0)
    every = ("outcome", "first_answered_by", "last_answered_by", "talk_seconds")
    assert differences(ANSWERED, other, source) == every  # type: ignore[arg-type]
    assert differences(ANSWERED, told(last_answered_by="ann"), source) == ("last_answered_by",)  # type: ignore[arg-type]
    assert differences(ANSWERED, told(talk_seconds=90.0), source) == ("talk_seconds",)  # type: ignore[arg-type]


def test_cdr_does_not_say_how_nobody_came_and_counts_waiting_as_talk() -> None:
    missed = told(outcome="missed", first_answered_by=None, last_answered_by=None, talk_seconds=0.0)
    declined = dataclasses.replace(missed, outcome="declined")
    assert differences(declined, missed, "cdr") == ()
    assert differences(declined, missed, "cel") == ("outcome",)
    assert differences(ANSWERED, told(talk_seconds=128.0), "cdr") == ()
    assert differences(ANSWERED, told(talk_seconds=128.0), "cel") == ("talk_seconds",)
    assert differences(ANSWERED, told(talk_seconds=150.0), "cdr") == ("talk_seconds",)  # longer than the call


def test_cdr_does_not_say_who_was_the_last_of_several_at_once_or_of_a_chain() -> None:
    at = ANSWERED.started_at
    one, two = Talk("ann", "PJSIP/1", at, at + 50), Talk("bob", "PJSIP/2", at + 50, at + 100)
    once = told(talks=(one, two), last_answered_by="ann", talk_seconds=50.0)
    assert differences(ANSWERED, once, "cdr") == ("last_answered_by", "talk_seconds")
    both = dataclasses.replace(once, talks=(one, dataclasses.replace(two, start=at + 20)))
    chain = dataclasses.replace(once, talks=(one, two, Talk("ann", "PJSIP/1", at + 100, at + 110)))
    for call in (both, chain):
        assert differences(ANSWERED, call, "cdr") == ()
        assert differences(ANSWERED, call, "cel") == ("last_answered_by", "talk_seconds")
        assert differences(ANSWERED, dataclasses.replace(call, first_answered_by="eve"), "cdr") == (
            "first_answered_by",
        )


def test_internal_calls_are_not_compared() -> None:
    assert differences(told(direction="internal"), told(outcome="missed"), "cel") == ()


def test_whose_account_is_believed_and_why() -> None:
    assert why(["talk_seconds"], "cdr") == "cdr_talk"
    assert why(["outcome", "talk_seconds"], "cel") == "cel"
    assert why(["first_answered_by", "owner"], "cel") == "owner"
    assert believed(["talk_seconds"]) == "ours"
    assert believed(["first_answered_by", "owner"]) == "theirs"
