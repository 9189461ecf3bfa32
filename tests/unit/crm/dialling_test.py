"""The dial policy as a table: everything is refused that is not allowed."""

from datetime import time

import pytest

from pbxcrm.crm.dialling import Counts, DialPolicy, refuse_counts, refuse_number, refuse_time

GERMAN = DialPolicy(region="DE", prefixes=("+48", "+4420"))

NUMBERS = [
    ("+4930123456", None),
    ("+4915112345678", None),
    ("+49800123456", None),  # free
    ("+48601234567", None),  # in the list
    ("+442071234567", None),  # London is in the list
    ("+441611234567", "destination_not_allowed"),  # Manchester is not
    ("+15551234567", "destination_not_allowed"),
    ("+2348012345678", "destination_not_allowed"),
    ("+499001234567", "costly_number"),  # premium rate at home
    ("+49900123456789", "costly_number"),  # the same with digits behind it: exchanges ignore them
    ("+491805123456", "costly_number"),  # shared cost at home
    ("+48701234567", "costly_number"),  # premium in a listed country
    ("+447012345678", "costly_number"),  # personal number, sold as a mobile
    ("+870773123456", "costly_number"),  # Inmarsat
    ("+8816123456789", "costly_number"),  # Iridium
    ("+88213123456", "costly_number"),
    ("+979123456789", "costly_number"),
    ("+80812345678", "costly_number"),
    ("+999123456", "no_number"),
    ("101", None),
    ("7001", None),
    ("1", "no_number"),
    ("11880", "no_number"),  # a directory service: euros a minute
    ("0301234567", "no_number"),  # national, and nobody said of which country
    ("112", "emergency"),
    ("110", "emergency"),
    ("911", "emergency"),
    ("0112", "emergency"),
]


@pytest.mark.parametrize(("number", "code"), NUMBERS)
def test_destinations(number: str, code: str | None) -> None:
    refusal = refuse_number(GERMAN, number)
    assert (refusal and refusal.code) == code
    if refusal:
        assert number in refusal.message
        assert refusal.retry_after is None


def test_no_home_no_list_nothing_but_extensions() -> None:
    policy = DialPolicy()
    assert refuse_number(policy, "+4930123456") is not None
    assert refuse_number(policy, "101") is None
    assert refuse_number(DialPolicy(extensions=None), "101") is not None


def test_home_in_north_america_is_not_the_islands() -> None:
    policy = DialPolicy(region="US")
    assert refuse_number(policy, "+12025550123") is None
    assert refuse_number(policy, "+18765551234") is not None  # Jamaica
    assert refuse_number(policy, "+18095551234") is not None  # Dominican Republic
    assert refuse_number(policy, "+19005551234") is not None  # premium rate


@pytest.mark.parametrize("prefix", ["", "+", "48"])
def test_a_careless_prefix_does_not_open_the_world(prefix: str) -> None:
    assert refuse_number(DialPolicy(region="DE", prefixes=(prefix,)), "+48601234567") is not None


def test_a_star_opens_the_world_but_not_what_is_costly() -> None:
    policy = DialPolicy(prefixes=("*",))
    assert refuse_number(policy, "+2348012345678") is None
    assert refuse_number(policy, "+870773123456") is not None
    assert refuse_number(policy, "+499001234567") is not None


@pytest.mark.parametrize(
    ("start", "end", "now", "allowed"),
    [
        (time(8), time(20), time(8), True),
        (time(8), time(20), time(19, 59, 59), True),
        (time(8), time(20), time(20), False),
        (time(8), time(20), time(3), False),
        (time(22), time(6), time(23), True),
        (time(22), time(6), time(5, 59), True),
        (time(22), time(6), time(12), False),
    ],
)
def test_hours(start: time, end: time, now: time, allowed: bool) -> None:
    refusal = refuse_time(DialPolicy(hours=(start, end)), now)
    assert (refusal is None) == allowed
    assert refuse_time(DialPolicy(), now) is None


@pytest.mark.parametrize(
    ("counts", "allowed"),
    [
        (Counts(), True),
        (Counts(person_minute=9), True),
        (Counts(person_minute=10), False),
        (Counts(person_day=300), False),
        (Counts(person_live=2), False),
        (Counts(all_minute=59), True),
        (Counts(all_minute=60), False),
        (Counts(all_day=3000), False),
        (Counts(all_live=30), False),
    ],
)
def test_caps(counts: Counts, allowed: bool) -> None:
    refusal = refuse_counts(DialPolicy(), counts)
    assert (refusal is None) == allowed
    if refusal:
        assert refusal.code == "too_many"
        assert refusal.retry_after


def test_denied_goes_before_allowed() -> None:
    policy = DialPolicy(region="DE", prefixes=("*",), denied=("+49301", "+48", "70"))
    for number in ("+4930123456", "+48601234567", "7001"):
        refusal = refuse_number(policy, number)
        assert refusal is not None
        assert refusal.code == "denied"
    assert refuse_number(policy, "+4940123456") is None
    assert refuse_number(policy, "101") is None
