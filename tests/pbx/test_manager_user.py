"""dialplan/manager_pbxcrm.conf: the fewest rights that do, and a filter that passes what the tracker reads."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from pbxcrm.ami.doctor import check
from pbxcrm.ami.link import LinkConfig
from tests.pbx.bed.ami import Control, Recorder
from tests.pbx.bed.asterisk import DIALPLAN, Asterisk
from tests.pbx.bed.record import FLOWS
from tests.pbx.bed.scenarios import play

CONF = (DIALPLAN / "manager_pbxcrm.conf").read_text()
FILTERS = [
    re.compile(text, re.DOTALL) for text in re.findall(r"(?m)^eventfilter = (.*)$", CONF.replace("[[:space:]]", r"\s"))
]
NOISY = sorted(FLOWS.glob("*/*-everything.ami"))


def events(stream: bytes) -> list[str]:
    """The event frames of a stream, each from its Event line on."""
    frames = stream.decode("utf-8", "replace").split("\r\n\r\n")
    return [frame for frame in frames if frame.startswith("Event: ")]


def name(frame: str) -> str:
    return frame.partition("\r\n")[0].removeprefix("Event: ")


def passes(frame: str) -> bool:
    return any(pattern.search(frame) for pattern in FILTERS)


def privilege(frame: str) -> str:
    return frame.partition("\nPrivilege: ")[2].partition(",")[0]


def test_every_right_is_needed_and_none_is_missing() -> None:
    """By the classes Asterisk 22 and 16 put on the events that the filter lets through."""
    assert len(NOISY) > 30
    classes = {privilege(frame) for path in NOISY for frame in events(path.read_bytes()) if passes(frame)}
    assert set(re.findall(r"(?m)^read = (.*)$", CONF)[0].split(",")) == classes


@pytest.mark.parametrize("path", NOISY, ids=lambda path: path.stem)
def test_filter_does_not_eat_what_a_call_is_told_by(path: Path) -> None:
    """What a channel, a bridge, a dial, a queue, a transfer says goes through; what repeats it does not."""
    stopped = {name(frame) for frame in events(path.read_bytes()) if not passes(frame)}
    known = {"VarSet", "CEL", "Cdr", "Newexten", "NewConnectedLine", "MusicOnHoldStart", "MusicOnHoldStop", "TestEvent"}
    known |= {"SuccessfulAuth", "PeerStatus", "QueueMemberStatus", "DTMFBegin", "DTMFEnd", "ExtensionStatus"}
    known |= {"ConfbridgeStart", "ConfbridgeEnd", "DeviceStateChange", "RTCPSent", "RTCPReceived"}
    assert stopped <= known


@pytest.mark.asyncio
async def test_filter_on_the_wire(bed: Asterisk) -> None:
    """Two managers listen to one call: pbxcrm gets just what its filter says, in a fraction of the bytes."""
    full, own = Recorder(), Recorder()
    await full.start(bed.host, bed.ami_port, "everything", bed.secret)
    try:
        await play(bed, "queue_answered", own)
        await full.still()
    finally:
        await full.stop()
    login = ("FullyBooted",)
    expected = Counter(name(f) for f in events(bytes(full.data)) if passes(f) and name(f) not in login)
    assert Counter(name(f) for f in events(bytes(own.data)) if name(f) not in login) == expected
    assert len(own.data) < 0.4 * len(full.data)


@pytest.mark.asyncio
async def test_the_doctor_knows_the_pbxs_phones(bed: Asterisk) -> None:
    config = LinkConfig(bed.host, bed.ami_port, "pbxcrm", bed.secret)
    findings = await check(config, [("PJSIP/101", "alice"), ("PJSIP/999", "ghost")], watch=0.2)
    assert "The PBX has no PJSIP/999, which is to be ghost's phone" in [f.what for f in findings if not f.ok]
    (nobodys,) = [f.what for f in findings if "nobody owns" in f.what]
    assert "PJSIP/102" in nobodys
    assert "PJSIP/trunk" in nobodys
    assert "PJSIP/101" not in nobodys
    assert "Queue" not in nobodys


@pytest.mark.asyncio
async def test_what_the_user_may_do(bed: Asterisk) -> None:
    """Ping, look at channels, originate; and nothing else."""
    pbxcrm = await Control.open(bed.host, bed.ami_port, "pbxcrm", bed.secret, events="on")
    try:
        for action, until in [("Ping", ""), ("CoreStatus", ""), ("CoreShowChannels", "CoreShowChannelsComplete")]:
            assert (await pbxcrm.action(action, until=until))[0]["Response"] == "Success"
        nowhere = {"Channel": "Local/nobody@nowhere", "Context": "pbxcrm-out", "Exten": "1", "Priority": "1"}
        assert (await pbxcrm.action("Originate", **nowhere, Async="true"))[0]["Response"] == "Success"
        for action, fields in [
            ("Command", {"Command": "core show version"}),
            ("Hangup", {"Channel": "/.*/"}),
            ("Redirect", {"Channel": "x", "Context": "from-internal", "Exten": "102", "Priority": "1"}),
            ("Setvar", {"Variable": "x", "Value": "y"}),
            ("GetConfig", {"Filename": "manager.conf"}),
            ("DBPut", {"Family": "x", "Key": "y", "Val": "z"}),
        ]:
            answer = (await pbxcrm.action(action, **fields))[0]
            assert answer["Response"] == "Error", action
            assert answer["Message"] == "Permission denied", action
        run = {"Channel": "Local/nobody@nowhere", "Application": "System", "Data": "true"}
        assert (await pbxcrm.action("Originate", **run))[0]["Response"] == "Error"
    finally:
        await pbxcrm.close()
