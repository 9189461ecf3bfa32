"""The wire of these tests writes what the real PBX was seen to write: the same headers in the same order."""

from collections import defaultdict
from pathlib import Path

import pytest

from tests.unit.calls.wire import Wire

FLOWS = Path(__file__).parents[2] / "flows"
OURS = {"PbxcrmLinkUp", "PbxcrmSnapshotBegin", "PbxcrmSnapshotEnd"}  # the link's own words, no PBX says them
UNSEEN = {"Rename", "CoreShowChannel"}  # by Asterisk before 12; asked for, so never in a recording


def recorded() -> dict[str, set[tuple[str, ...]]]:
    shapes: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for path in FLOWS.rglob("*.ami"):
        for raw in path.read_bytes().decode().split("\r\n\r\n"):
            keys = tuple(line.partition(":")[0] for line in raw.split("\r\n") if ":" in line)
            if keys and keys[0] == "Event":
                shapes[raw.partition("\r\n")[0].partition(": ")[2]].add(keys)
    return shapes


def everything() -> Wire:
    """One of each event that the wire can write."""
    w = Wire()
    w.booted(1)
    trunk = w.new("PJSIP/trunk", state="4", number="+48225550101", exten="+48223334410")
    phone = w.new("PJSIP/101", number="101", linked=trunk)
    w.dial(trunk, phone)
    w.rings(trunk, phone)
    w.picks_up(trunk, phone)
    w.dialled(trunk, phone, "CANCEL", forward="102")
    w.dial(None, phone)
    w.ringing(None, phone)
    w.dialled(None, phone, "ANSWER")
    one, two = w.local("102", "from-internal", trunk)
    w.callerid(one, "102")
    bridge = w.join(phone, trunk)
    other = w.join(one)
    w.move(one, bridge, swap=trunk)
    w.merge(bridge, other)
    w.leave(one)
    w.optimised(one, two, phone)
    w.optimised_end(one, two)
    w.enter(trunk, w.holding())
    w.queue_join(trunk, "sales")
    w.queue_leave(trunk, "sales")
    w.queue_abandon(trunk, "sales")
    w.agent_called(trunk, phone, "sales", "PJSIP/101")
    w.agent_connect(trunk, phone, "sales", "PJSIP/101")
    w.hold(phone)
    w.unhold(phone)
    w.blind(phone, trunk, "102")
    w.attended(phone, phone, trunk, one)
    w.attended(phone, phone, trunk, None)
    w.pickup(phone, one)
    w.parked(trunk, "PJSIP/101")
    w.parked(trunk, "PJSIP/101", "ParkedCallTimeOut")
    w.parked(trunk, "PJSIP/101", "ParkedCallGiveUp")
    w.unparked(trunk, phone, "PJSIP/101")
    w.runs(trunk, "VoiceMail")
    w.originated(phone, "1")
    w.link_up("a")
    w.snapshot([trunk, phone])
    w.rename(phone, "PJSIP/102-1")
    w.wants_out(phone)
    w.is_put_out(phone)
    w.hangup(phone, "17")
    w.hangup(trunk, "17", "486")
    return w


def test_headers_and_their_order_are_the_real_ones() -> None:
    shapes = recorded()
    for frame in everything().frames:
        if frame.name not in OURS | UNSEEN:
            keys = tuple(key for key, _ in frame.headers)
            assert keys in shapes[frame.name], f"no recording has a {frame.name} with {keys}"


@pytest.mark.parametrize("name", sorted(UNSEEN))
def test_what_no_recording_has_is_said_so(name: str) -> None:
    assert name not in recorded(), f"{name} is recorded now: compare its headers too"
