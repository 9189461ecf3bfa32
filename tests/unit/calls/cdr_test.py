"""Scripts of CDR rows, as a real Asterisk wrote them: the calls that come out, in whatever order the rows come."""

import csv
import io
import random
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbxcrm.calls.cdr import HORIZON, Cdr
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People

Row = dict[str, object]
OFFICE = People(
    [("PJSIP/101", "alice"), ("PJSIP/102", "bob"), ("PJSIP/103", "carol"), ("PJSIP/104", "dave"),
     *[(f"Local/{n}@*", who) for n, who in (("101", "alice"), ("102", "bob"), ("103", "carol"), ("104", "dave"))]]
)  # fmt: skip
START = 1_795_305_600.0
COLUMNS = ("src", "dst", "channel", "dstchannel", "lastapp", "lastdata", "at", "duration", "billsec", "disposition")
MORE = ("uniqueid", "linkedid")


def rows(text: str, start: float = START, **more: object) -> list[Row]:
    """`at` counts seconds from the start."""
    found: list[Row] = []
    for values in csv.reader(io.StringIO(text.strip()), skipinitialspace=True):
        row: Row = dict(zip((*COLUMNS, *MORE), (value.strip() for value in values), strict=False))
        row["calldate"] = start + float(str(row.pop("at")))
        row["clid"] = f'"" <{row["src"]}>'
        found.append({**row, **more})
    return found


def read(given_rows: Iterable[Row], people: People = OFFICE, region: str | None = "PL") -> list[Call]:
    cdr = Cdr(people, region=region)
    return [call for row in given_rows for call in cdr.feed(row)] + cdr.end()


def one(text: str, people: People = OFFICE, **more: object) -> Call:
    found = [call for call in read(rows(text, **more), people) if call.direction != "internal"]
    assert len(found) == 1, found
    return found[0]


def spells(call: Call) -> list[tuple[str | None, float, float]]:
    return [(t.user, t.start - call.started_at, (t.end or 0) - call.started_at) for t in call.talks]


ANSWERED = "+48225550101,10,PJSIP/trunk-00000001,PJSIP/101-00000002,Dial,PJSIP/101,0,20,15,ANSWERED,9.1,9.1"
GROUP = """
+48225550101,12,PJSIP/trunk-00000001,PJSIP/101-00000002,Dial,PJSIP/101&PJSIP/102,0,5,0,NO ANSWER,9.1,9.1
+48225550101,12,PJSIP/trunk-00000001,PJSIP/102-00000003,Dial,PJSIP/101&PJSIP/102,0,20,15,ANSWERED,9.1,9.1
"""
QUEUE = """
+48225550101,13,PJSIP/trunk-00000001,PJSIP/101-00000002,Queue,"sales,tT,,,30",2,10,10,NO ANSWER,9.1,9.1
+48225550101,13,PJSIP/trunk-00000001,PJSIP/102-00000003,Queue,"sales,tT,,,30",2,10,10,NO ANSWER,9.1,9.1
+48225550101,13,PJSIP/trunk-00000001,PJSIP/103-00000004,Queue,"sales,tT,,,30",2,40,40,ANSWERED,9.1,9.1
"""
ATTENDED = """
101,102,PJSIP/101-00000025,PJSIP/102-00000026,Dial,"PJSIP/102,20,tTkK",20,10,8,ANSWERED,9.37,9.37
+48225550101,10,PJSIP/trunk-00000023,PJSIP/101-00000024,Dial,"PJSIP/101,20,tTkK",0,30,25,ANSWERED,9.35,9.35
+48225550101,10,PJSIP/trunk-00000023,PJSIP/102-00000026,Dial,"PJSIP/101,20,tTkK",30,60,60,ANSWERED,9.35,9.35
"""
BLIND = """
+48225550101,102,PJSIP/trunk-0000000b,PJSIP/101-0000000c,Dial,PJSIP/101,0,30,25,ANSWERED,9.11,9.11
+48225550101,102,PJSIP/trunk-0000000b,PJSIP/102-0000000d,Dial,PJSIP/102,30,60,60,ANSWERED,9.11,9.11
"""
LOCAL = """
+48225550101,18,PJSIP/trunk-00000001,Local/102@from-queue-00000000;1,Queue,local,0,30,30,ANSWERED,9.1
+48225550101,102,Local/102@from-queue-00000000;2,PJSIP/102-00000002,Dial,PJSIP/102,0,30,20,ANSWERED,9.3
"""
MOBILE = """
+48225550101,20,PJSIP/trunk-00000001,Local/104@mobile-00000000;1,Queue,mobile,0,30,30,ANSWERED,9.1,9.1
+48225550101,104,Local/104@mobile-00000000;2,PJSIP/trunk-00000002,Dial,PJSIP/+48600100104@trunk,0,30,20,ANSWERED,9.3,9.1
"""
PICKUP = """
101,**101,PJSIP/101-00000053,,AppDial,(Outgoing Line),0,4,0,NO ANSWER,9.91,9.90
+48225550101,10,PJSIP/trunk-00000052,PJSIP/101-00000053,Dial,PJSIP/101,0,4,0,ANSWERED,9.90,9.90
+48225550101,10,PJSIP/trunk-00000052,PJSIP/102-00000054,Dial,PJSIP/101,4,30,30,ANSWERED,9.90,9.90
"""
OUTBOUND = """
102,+48225550101,PJSIP/102-00000038,PJSIP/trunk-00000039,Dial,PJSIP/+48225550101@trunk,0,30,25,ANSWERED,9.60,9.60
102,101,PJSIP/102-0000003a,PJSIP/101-0000003b,Dial,PJSIP/101,20,10,8,ANSWERED,9.62,9.62
+48225550101,,PJSIP/trunk-00000039,PJSIP/101-0000003b,AppDial,(Outgoing Line),30,60,60,ANSWERED,9.61,9.60
"""


def test_a_call_that_somebody_answered() -> None:
    call = one(ANSWERED)
    assert (call.direction, call.number, call.outcome, call.uid) == ("inbound", "+48225550101", "answered", "9.1")
    assert (call.first_answered_by, call.last_answered_by, call.rang) == ("alice", "alice", ("alice",))
    assert spells(call) == [("alice", 5, 20)]
    assert (call.talk_seconds, call.answered_at, call.ended_at) == (15, START + 5, START + 20)
    assert call.evidence[0].event == "CDR"
    assert call.evidence[0].text == "from CDR: PJSIP/trunk to PJSIP/101, dial, ANSWERED, 20 s"


def test_of_a_group_the_one_who_answered() -> None:
    call = one(GROUP)
    assert (call.outcome, call.first_answered_by, call.rang) == ("answered", "bob", ("alice", "bob"))


@pytest.mark.parametrize(
    ("more", "recording"),
    [
        ({}, None),
        ({"recordingfile": "", "userfield": ""}, None),
        ({"recordingfile": "in-10-+48225550101-9.1.wav"}, "in-10-+48225550101-9.1.wav"),
        (
            {"recordingfile": "/var/spool/asterisk/monitor/a.mp3", "userfield": "b.wav"},
            "/var/spool/asterisk/monitor/a.mp3",
        ),
        ({"userfield": "audio:q-600-9.1.WAV"}, "q-600-9.1.WAV"),
        ({"userfield": "2026/11/18/a.wav"}, "2026/11/18/a.wav"),
        ({"userfield": "campaign=7"}, None),
    ],
)
def test_the_recording_that_a_cdr_names(more: dict[str, object], recording: str | None) -> None:
    assert one(ANSWERED, **more).recording == recording
    assert one(GROUP, **more).recording == recording


def test_the_recording_is_that_of_its_own_first_leg_that_names_one() -> None:
    names = ["consultation.wav", "", "call.wav"]
    given = [{**row, "recordingfile": name} for row, name in zip(rows(ATTENDED), names, strict=True)]
    calls = {call.direction: call.recording for call in read(given)}
    assert calls == {"inbound": "call.wav", "internal": "consultation.wav"}


def test_who_waits_in_a_queue_does_not_talk() -> None:
    assert spells(one(QUEUE)) == [("carol", 10, 40)]


def test_an_attended_transfer_is_one_call_and_a_consultation() -> None:
    call = one(ATTENDED)
    assert spells(call) == [("alice", 5, 30), ("bob", 30, 90)]
    assert [(t.kind, t.by, t.to) for t in call.transfers] == [("attended", "alice", "bob")]
    assert (call.first_answered_by, call.last_answered_by, call.rang) == ("alice", "bob", ("alice",))
    internal = [c for c in read(rows(ATTENDED)) if c.direction == "internal"]
    assert [(c.number, c.caller, c.first_answered_by, c.uid) for c in internal] == [("102", "alice", "bob", "9.37")]
    assert {t.user for t in internal[0].talks} == {"alice", "bob"}


def test_a_blind_transfer() -> None:
    call = one(BLIND)
    assert [(t.kind, t.by, t.to) for t in call.transfers] == [("blind", "alice", "bob")]


@pytest.mark.parametrize("linkedid", ["", "9.1"])
def test_the_phone_behind_a_local_channel(linkedid: str) -> None:
    call = one(LOCAL, linkedid=linkedid)
    assert (call.outcome, call.last_answered_by, call.talks[0].device) == ("answered", "bob", "PJSIP/102")


def test_a_mobile_is_that_of_the_member_who_was_dialled() -> None:
    call = one(MOBILE)
    assert (call.outcome, call.first_answered_by) == ("answered", "dave")


def test_who_picked_up_talked_and_whose_phone_rang_did_not() -> None:
    call = one(PICKUP)
    assert (call.first_answered_by, call.last_answered_by, call.rang) == ("bob", "bob", ("alice",))
    assert [(t.kind, t.by, t.to) for t in call.transfers] == [("pickup", "bob", "bob")]


def test_a_call_of_ours_that_was_passed_on_is_one_call() -> None:
    call = one(OUTBOUND)
    assert (call.direction, call.number, call.caller, call.uid) == ("outbound", "+48225550101", "bob", "9.60")
    assert spells(call) == [("bob", 5, 30), ("alice", 30, 90)]
    assert (call.rang, call.did) == ((), None)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("+48225550101,10,PJSIP/trunk-1,PJSIP/101-00000001,Dial,PJSIP/101,0,9,0,NO ANSWER,9.1", "missed"),
        ("+48225550101,10,PJSIP/trunk-1,PJSIP/101-00000001,Dial,PJSIP/101,0,0,0,BUSY,9.1", "busy"),
        ("+48225550101,10,PJSIP/trunk-1,PJSIP/101-00000001,Dial,PJSIP/101,0,0,0,FAILED,9.1", "failed"),
        ("+48225550101,13,PJSIP/trunk-1,PJSIP/101-00000001,Queue,sales,0,9,9,NO ANSWER,9.1", "abandoned"),
        ("+48225550101,s,PJSIP/trunk-1,,WaitExten,5,0,9,9,ANSWERED,9.1", "missed"),
        ("+48225550101,vmu101,PJSIP/trunk-1,,VoiceMail,101@default,0,9,9,ANSWERED,9.1", "voicemail"),
        ("+48225550101,10,PJSIP/trunk-1,,Hangup,21,0,9,0,NO ANSWER,9.1", "declined"),
        ("101,0511222333,PJSIP/101-00000001,PJSIP/trunk-1,Dial,PJSIP/0511222333@trunk,0,9,0,NO ANSWER,9.1", "missed"),
        ("101,0511222333,PJSIP/101-00000001,PJSIP/trunk-1,Dial,PJSIP/0511222333@trunk,0,9,0,BUSY,9.1", "busy"),
        ("+48511222333,s,PJSIP/101-00000001,,AppDial2,(Outgoing Line),0,9,0,NO ANSWER,9.1", "failed"),
    ],
)
def test_nobody_talked(text: str, outcome: str) -> None:
    call = one(text)
    assert (call.outcome, call.talks, call.first_answered_by) == (outcome, (), None)


@pytest.mark.parametrize("trunk", ["PJSIP/trunk", "SIP/0221234567", "DAHDI/1-1", "IAX2/carrier", "DAHDI/i1/2215550101"])
def test_years_ago_nobody_is_mapped_and_the_direction_is_known_all_the_same(trunk: str) -> None:
    nobody = People()
    into = one(f"225550101,s,{trunk}-00000001,SIP/101-00000002,Dial,SIP/101,0,20,15,ANSWERED,9.1", nobody)
    assert (into.direction, into.outcome, into.first_answered_by) == ("inbound", "answered", None)
    assert [talk.device for talk in into.talks] == ["SIP/101"]
    dial = f"{trunk}/225550101"
    out = one(f"101,225550101,SIP/101-00000002,{trunk}-00000001,Dial,{dial},0,20,15,ANSWERED,9.1", nobody)
    assert (out.direction, out.outcome, out.number) == ("outbound", "answered", "+48225550101")
    inside = read(rows("101,102,SIP/101-00000002,SIP/102-00000003,Dial,SIP/102,0,20,15,ANSWERED,9.1"), nobody)
    assert [(call.direction, call.number) for call in inside] == [("internal", "102")]


def test_phones_that_are_called_by_a_name_are_known_by_what_they_dial() -> None:
    found = read(rows("101,102,SIP/anna-00000002,SIP/bruno-00000003,Dial,SIP/bruno,0,20,15,ANSWERED,9.1"), People())
    assert [call.direction for call in found] == ["internal"]


def test_the_dialled_number() -> None:
    assert one(ANSWERED).did is None
    assert one(ANSWERED.replace(",10,", ",223334410,", 1)).did == "+48223334410"
    assert one(ANSWERED, did="223334499").did == "+48223334499"
    assert one(ANSWERED.replace("+48225550101", "anonymous", 1)).number is None


def test_a_callers_name_is_cleaned() -> None:
    assert one(ANSWERED, clid='"Jan \u202eKowalski" <+48225550101>').caller_name == "Jan Kowalski"
    assert one(ANSWERED).caller_name is None


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"uniqueid": "9.1"},
        {"calldate": 5.0},
        {"calldate": "nan", "uniqueid": "1"},
        {"calldate": None, "uniqueid": "1"},
    ],
)
def test_a_row_that_says_nothing_is_let_go(row: Row) -> None:
    assert read([row]) == []


def test_a_row_with_nothing_but_its_id_is_a_call_nobody_knows_more_of() -> None:
    found = read(
        [{"calldate": 5.0, "uniqueid": "9.1", "channel": "PJSIP/trunk-00000001", "duration": "x", "billsec": -4}]
    )
    assert [(call.direction, call.number, call.outcome) for call in found] == [("inbound", None, "missed")]


def test_the_same_id_at_another_time_is_another_call() -> None:
    later = [*rows(ANSWERED), *rows(ANSWERED, START + 10 * HORIZON)]
    found = read(later)
    assert [call.started_at for call in found] == [START, START + 10 * HORIZON]
    assert found[0].id != found[1].id


def test_calls_come_when_they_are_over_and_nothing_is_kept() -> None:
    cdr = Cdr(OFFICE, region="PL")
    given_calls, held = 0, 0
    for i in range(4_000):
        text = ANSWERED.replace("9.1", f"{i}.1").replace("-0000000", f"-{i:07x}")
        given_calls += sum(len(cdr.feed(row)) for row in rows(text, START + i * 600))
        held = max(held, len(cdr._groups))
    assert held < 40
    assert len(cdr._known) < 200
    assert given_calls + len(cdr.end()) == 4_000
    assert not cdr._groups
    assert not cdr._known


def test_a_clock_that_stands_still_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbxcrm.calls.cdr.MOST", 100)
    cdr = Cdr(OFFICE)
    found = 0
    for i in range(1_000):
        found += sum(
            len(cdr.feed(row)) for row in rows(ANSWERED.replace("9.1", f"{i}.1").replace("-0000000", f"-{i:07x}"))
        )
        assert len(cdr._groups) <= 101
    assert found + len(cdr.end()) == 1_000


NAMES = (START, "PJSIP/101-00000001", "Local/101@x-00000001;1", "Local/101@x-00000001;2")
STORIES = (ANSWERED, GROUP, QUEUE, ATTENDED, BLIND, LOCAL, MOBILE, PICKUP, OUTBOUND)


def office_day(rng: random.Random, calls: int) -> list[Row]:
    """Calls of all kinds, each with names and ids of its own."""
    found: list[Row] = []
    for i in range(calls):
        story = rng.choice(STORIES).replace(",9.", f",{i}.").replace("-0000", f"-{i:04x}")
        found += rows(story, START + rng.random() * 40_000)
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rows_in_any_order_within_the_horizon_are_the_same_calls(seed: int) -> None:
    rng = random.Random(seed)
    given_rows = office_day(rng, 30)
    straight = sorted(given_rows, key=lambda row: float(str(row["calldate"])))
    mixed = sorted(given_rows, key=lambda row: float(str(row["calldate"])) + rng.random() * (HORIZON - 600))
    key = lambda call: (call.started_at, call.uid)  # noqa: E731
    assert sorted(read(mixed), key=key) == sorted(read(straight), key=key)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([*COLUMNS, *MORE, "calldate", "clid", "sequence", "did"]),
            st.one_of(st.text(max_size=40), st.floats(), st.none(), st.integers(), st.sampled_from(NAMES)),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_nothing_in_a_row_makes_it_raise(given_rows: list[Row]) -> None:
    for call in read(given_rows):
        assert call.ended_at is not None
        assert call.started_at <= call.ended_at
        assert call.talk_seconds >= 0


def test_times_are_whole_seconds_in_utc() -> None:
    assert datetime.fromtimestamp(one(ANSWERED).started_at, UTC).isoformat() == "2026-11-22T00:00:00+00:00"
