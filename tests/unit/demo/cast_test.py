"""Every bundled recording, played with any cast, is still the call that was recorded."""

import itertools
import json
import re
from importlib import resources

import phonenumbers
import pytest

from pbxcrm.ami.frames import Frame
from pbxcrm.calls import events
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.calls.tracker import Tracker
from pbxcrm.demo.callers import CALLERS, Caller
from pbxcrm.demo.cast import Cast, Ids
from pbxcrm.demo.people import DEMO_PEOPLE
from pbxcrm.demo.recording import CALLS, CLICKS, OPENING, PHONES, Headers, load

NAMES = sorted({*CALLS, *CLICKS, *OPENING, "click_not_picked_up"})
DEVICES = [(device, name) for name, _, devices in DEMO_PEOPLE for device in devices]
CUSTOMER = Caller("+442079460123", "Ünal & Söhne")
PARTS = {"101": "103", "102": "104", "103": "102", "104": "101"}


def play(name: str, ids: Ids, start: float = 1_800_000_000.0, **more) -> list[Headers]:
    recording, now, played = load(name), start, []
    cast = Cast(recording, ids, CUSTOMER, PARTS, **more)
    for step in recording.steps:
        now += step.gap
        played.append(cast.play(list(step.headers), now))
    return played


def followed(played: list[Headers]) -> list[Call]:
    tracker, last = Tracker(People(DEVICES), region="PL"), {}
    for headers in played:
        frame = Frame()
        for key, value in headers:
            frame.add(key.lower(), value)
        event = events.read(frame, 0)
        for fact in tracker.feed(event) if event is not None else ():
            last[fact.call.id] = fact.call
    return sorted(last.values(), key=lambda call: call.started_at)


@pytest.mark.parametrize("name", NAMES)
def test_a_play_is_the_recorded_call_with_another_cast(name):
    truth = json.loads((resources.files("pbxcrm.demo") / "recordings" / f"{name}.json").read_text())["calls"]
    parts = {PHONES[a].lower(): PHONES[b].lower() for a, b in PARTS.items()} | {None: None}
    found = followed(play(name, Ids(1_800_000_000)))
    for want in truth:
        if "call" in want.get("unsure", []):
            continue
        number = CUSTOMER.number if (want["number"] or "").startswith("+") else want["number"]
        number = number and re.sub(r"\b10[1-4]\b", lambda m: PARTS[m[0]], number)
        call = next(c for c in found if c.direction == want["direction"])
        assert call.number == number or "number" in want["unsure"]
        assert call.outcome == want["outcome"]
        assert call.first_answered_by == parts[want["first_answered_by"]]
        assert call.last_answered_by == parts[want["last_answered_by"]]
        assert sorted(call.rang) == sorted(parts[who] for who in want["rang"])


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_recording_shows_through(name):
    ids = Ids(1_800_000_000)
    once, again = play(name, ids), play(name, ids)
    number = load(name).number
    recorded = {h["Uniqueid"] for h in map(dict, (s.headers for s in load(name).steps)) if "Uniqueid" in h}
    recorded.discard("<unknown>")  # a call that never came to be
    text = "\n".join(value for headers in once for _, value in headers)
    assert number is None or number.lstrip("+") not in text
    assert not any(f"{uid}\n" in text for uid in recorded)
    own = re.compile(r"-[0-9a-f]{8}\b|\b1800000000\.\d{1,4}\b|[0-9a-f]{8}-[0-9a-f-]{27}")
    assert not set(own.findall(text)) & set(own.findall("\n".join(v for h in again for _, v in h)))


def test_a_caller_has_a_name_and_colleagues_keep_theirs():
    shown = {
        (headers["CallerIDNum"], headers["CallerIDName"])
        for headers in map(dict, play("inbound_answered", Ids(1)))
        if "CallerIDNum" in headers
    }
    assert shown == {(CUSTOMER.number, CUSTOMER.name), ("103", "Carol")}


def test_a_click_bears_the_channel_id_it_was_given():
    played = [dict(h) for h in play("click_answered", Ids(1), known={_first("click_answered"): "dial-9"})]
    assert played[0]["Uniqueid"] == played[0]["Linkedid"] == "dial-9"
    assert next(h for h in played if h["Event"] == "OriginateResponse")["Uniqueid"] == "dial-9"


def _first(name: str) -> str:
    return dict(load(name).steps[0].headers)["Uniqueid"]


def test_causes_and_counts_are_never_taken_for_phones():
    cast = Cast(load("inbound_answered"), Ids(1), CUSTOMER, PARTS)
    headers = [("Event", "Hangup"), ("Cause", "102"), ("HoldTime", "101"), ("Exten", "101"), ("Channel", "Local/102@x")]
    assert cast.play(headers, 1.0) == [
        ("Event", "Hangup"), ("Cause", "102"), ("HoldTime", "101"), ("Exten", "103"), ("Channel", "Local/104@x"),
    ]  # fmt: skip


def test_callers_are_many_and_nobody_real():
    numbers = [caller.number for caller in CALLERS]
    assert len(set(numbers)) == len({caller.name for caller in CALLERS}) == len(CALLERS) >= 30
    for number in numbers:
        assert phonenumbers.is_valid_number(phonenumbers.parse(number)), number
    assert len({phonenumbers.region_code_for_number(phonenumbers.parse(n)) for n in numbers}) >= 7


def test_the_office_has_everybody_who_answers():
    assert {name for name, role, _ in DEMO_PEOPLE if role == "agent"} == {name.lower() for name in PHONES.values()}
    assert {role for _, role, _ in DEMO_PEOPLE} == {"admin", "manager", "agent"}
    assert len(set(itertools.chain.from_iterable(d for _, _, d in DEMO_PEOPLE))) == 8
