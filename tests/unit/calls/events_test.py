"""Frames into events: the headers' names, and what stands where one is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxcrm.calls import events as ev
from tests.unit.calls.goldens import recordings

CHANNEL = {
    "channel": "PJSIP/101-0000002a",
    "uniqueid": "1.2",
    "linkedid": "1.1",
    "channelstate": "4",
    "calleridnum": "101",
    "calleridname": "Alice",
    "connectedlinenum": "+48225550101",
    "exten": "10",
}
PARTY = ev.Party("1.2", "PJSIP/101-0000002a", "1.1", "4", "101", "Alice", "+48225550101", "10")


def prefixed(prefix: str) -> dict[str, str]:
    return {prefix + key: value for key, value in CHANNEL.items()}


@pytest.mark.parametrize(
    ("name", "headers", "event"),
    [
        ("Newchannel", CHANNEL, ev.Newchannel(9.0, PARTY)),
        ("Newstate", CHANNEL, ev.Newstate(9.0, PARTY)),
        ("NewCallerid", CHANNEL, ev.Newstate(9.0, PARTY)),
        ("Rename", {"uniqueid": "1.2", "channel": "a", "newname": "b"}, ev.Rename(9.0, "1.2", "a", "b")),
        ("Hangup", CHANNEL | {"cause": "17", "techcause": "486"}, ev.Hangup(9.0, PARTY, "17", "486")),
        ("Hangup", CHANNEL, ev.Hangup(9.0, PARTY, "", "")),
        ("HangupRequest", CHANNEL, ev.HangupRequest(9.0, PARTY, by_far_end=True)),
        ("SoftHangupRequest", CHANNEL, ev.HangupRequest(9.0, PARTY, by_far_end=False)),
        ("DialBegin", CHANNEL | prefixed("dest") | {"dialstring": "101"}, ev.DialBegin(9.0, PARTY, PARTY, "101")),
        ("DialBegin", prefixed("dest"), ev.DialBegin(9.0, None, PARTY, "")),
        ("DialState", prefixed("dest") | {"dialstatus": "RINGING"}, ev.DialState(9.0, PARTY, "RINGING")),
        (
            "DialEnd",
            CHANNEL | prefixed("dest") | {"dialstatus": "CANCEL", "forward": "102"},
            ev.DialEnd(9.0, PARTY, PARTY, "CANCEL", "102"),
        ),
        (
            "BridgeEnter",
            CHANNEL | {"bridgeuniqueid": "b", "bridgetechnology": "simple_bridge", "swapuniqueid": "1.3"},
            ev.Enter(9.0, PARTY, "b", "simple_bridge", "1.3"),
        ),
        ("BridgeLeave", CHANNEL | {"bridgeuniqueid": "b"}, ev.Leave(9.0, PARTY, "b")),
        ("BridgeMerge", {"tobridgeuniqueid": "a", "frombridgeuniqueid": "b"}, ev.Merge(9.0, "a", "b")),
        ("BridgeDestroy", {"bridgeuniqueid": "b"}, ev.Destroy(9.0, "b")),
        ("LocalBridge", prefixed("localone") | prefixed("localtwo"), ev.Pair(9.0, PARTY, PARTY)),
        ("QueueCallerJoin", CHANNEL | {"queue": "sales"}, ev.QueueJoin(9.0, PARTY, "sales")),
        ("QueueCallerLeave", CHANNEL | {"queue": "sales"}, ev.QueueLeave(9.0, PARTY, "sales", abandoned=False)),
        ("QueueCallerAbandon", CHANNEL | {"queue": "sales"}, ev.QueueLeave(9.0, PARTY, "sales", abandoned=True)),
        ("AgentCalled", {"destuniqueid": "1.2", "interface": "PJSIP/101"}, ev.AgentCalled(9.0, "1.2", "PJSIP/101")),
        (
            "BlindTransfer",
            prefixed("transferer") | {"transfereeuniqueid": "1.1", "extension": "102", "result": "Success"},
            ev.BlindTransfer(9.0, PARTY, "1.1", "102", success=True),
        ),
        (
            "BlindTransfer",
            prefixed("transferer") | {"result": "Not Permitted"},
            ev.BlindTransfer(9.0, PARTY, "", "", success=False),
        ),
        (
            "AttendedTransfer",
            prefixed("origtransferer") | {"transfereeuniqueid": "1.1", "localoneuniqueid": "1.7", "result": "Fail"},
            ev.AttendedTransfer(9.0, PARTY, ("1.2", "1.1", "1.7"), success=False),
        ),
        ("Pickup", CHANNEL | {"targetuniqueid": "1.9"}, ev.Pickup(9.0, PARTY, "1.9")),
        (
            "ParkedCall",
            {"parkeeuniqueid": "1.1", "parkerdialstring": "PJSIP/101"},
            ev.Parked(9.0, "1.1", "PJSIP/101"),
        ),
        ("ParkedCall", {"uniqueid": "1.1", "from": "SIP/101-00000001"}, ev.Parked(9.0, "1.1", "SIP/101-00000001")),
        ("ParkedCallTimeOut", {"parkeeuniqueid": "1.1"}, ev.ParkingOver(9.0, "1.1")),
        ("ParkedCallGiveUp", {"uniqueid": "1.1"}, ev.ParkingOver(9.0, "1.1")),
        ("Newexten", CHANNEL | {"application": "VoiceMail"}, ev.Application(9.0, PARTY, "VoiceMail")),
        ("MessageWaiting", CHANNEL, ev.Application(9.0, PARTY, "VoiceMail")),
        ("MessageWaiting", {"mailbox": "101@default"}, None),
        ("OriginateResponse", {"uniqueid": "1.2", "actionid": "x"}, ev.Originated(9.0, "1.2", "x")),
        ("OriginateResponse", {"uniqueid": "<null>", "actionid": "x"}, None),
        ("OriginateResponse", {"uniqueid": "<unknown>", "actionid": "x"}, None),
        ("OriginateResponse", {"uniqueid": "1.2"}, None),
        ("FullyBooted", {"uptime": "12"}, ev.Booted(9.0, "", 12.0)),
        ("FullyBooted", {}, None),
        ("FullyBooted", {"uptime": "nan"}, None),
        ("PbxcrmLinkUp", {"boot": "a"}, ev.Booted(9.0, "a", None)),
        ("PbxcrmSnapshotBegin", {}, ev.SnapshotBegin(9.0)),
        ("PbxcrmSnapshotEnd", {}, ev.SnapshotEnd(9.0, listed=True)),
        ("PbxcrmSnapshotEnd", {"listed": "no"}, ev.SnapshotEnd(9.0, listed=False)),
        (
            "CoreShowChannel",
            CHANNEL | {"bridgeid": "b", "application": "AppDial", "duration": "00:01:05"},
            ev.Snapshot(9.0, PARTY, "b", dialled=True, seconds=65.0),
        ),
        (
            "CoreShowChannel",
            CHANNEL | {"application": "Queue", "duration": "later"},
            ev.Snapshot(9.0, PARTY, "", dialled=False, seconds=0.0),
        ),
        ("VarSet", CHANNEL, None),
        ("", CHANNEL, None),
    ],
)
def test_a_frame_is_an_event(name: str, headers: dict[str, str], event: ev.Event | None) -> None:
    assert ev.read({"event": name} | headers, 9.0) == event


def test_a_response_is_no_event() -> None:
    assert ev.read({"response": "Success"}, 9.0) is None


# ---- whom an event speaks of


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("Newchannel", {"channel": "PJSIP/101-0000002a"}),
        ("Hangup", {"uniqueid": ""}),
        ("DialBegin", CHANNEL),
        ("DialBegin", {"channel": "PJSIP/101-0000002a"} | prefixed("dest")),
        ("DialState", CHANNEL),
        ("DialEnd", CHANNEL),
        ("BridgeEnter", CHANNEL),
        ("BridgeEnter", {"bridgeuniqueid": "b"}),
        ("BridgeLeave", CHANNEL),
        ("BridgeMerge", {"tobridgeuniqueid": "a"}),
        ("BridgeDestroy", {}),
        ("LocalBridge", prefixed("localone")),
        ("AgentCalled", CHANNEL),
        ("CoreShowChannel", {}),
    ],
)
def test_an_event_that_speaks_of_nobody_is_let_go(name: str, headers: dict[str, str]) -> None:
    assert ev.read({"event": name} | headers, 9.0) is None


# ---- its time


@pytest.mark.parametrize(
    ("stamp", "at"),
    [("1790000000.25", 1790000000.25), ("", 9.0), ("soon", 9.0), ("nan", 9.0), ("inf", 9.0), ("-1", -1.0)],
)
def test_the_pbxs_clock_is_used_where_it_tells_the_time(stamp: str, at: float) -> None:
    event = ev.read({"event": "PbxcrmSnapshotBegin", "timestamp": stamp}, 9.0)
    assert event == ev.SnapshotBegin(at)


def test_without_a_stamp_it_is_when_it_came() -> None:
    assert ev.read({"event": "PbxcrmSnapshotBegin"}, 9.0) == ev.SnapshotBegin(9.0)


# ---- names


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("<unknown>", ""),
        ("Anonymous", ""),
        ("anonymous", ""),
        ("", ""),
        ("Al\x00ice\u202e", "Alice"),
        ("x" * 99, "x" * 80),
    ],
)
def test_a_name_is_the_callers_own_text_cleaned(sent: str, shown: str) -> None:
    event = ev.read({"event": "Newchannel", "uniqueid": "1", "calleridname": sent}, 0)
    assert isinstance(event, ev.Newchannel)
    assert event.party.caller_name == shown


# ---- anything at all


@given(st.sampled_from(sorted(ev.WANTED)), st.dictionaries(st.sampled_from(sorted(
    {key for r in recordings()[:20] for frame in r.frames for key in frame})), st.text(max_size=12), max_size=12),
)  # fmt: skip
def test_whatever_the_headers_hold_nothing_raises(name: str, headers: dict[str, str]) -> None:
    ev.read(headers | {"event": name}, 0.0)


def test_what_is_wanted_is_what_is_read() -> None:
    assert {"Newchannel", "BridgeEnter", "LocalBridge", "PbxcrmLinkUp"} <= ev.WANTED
    assert "VarSet" not in ev.WANTED
