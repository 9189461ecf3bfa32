"""The tracker, as scripts: events in, facts out. Each hard case of docs/calls.md has its own."""

from typing import NamedTuple

from tests.unit.calls.office import Office, talks, transfers
from tests.unit.calls.wire import Bridge, Chan

# ---- bridges that merge


class Consulted(NamedTuple):
    """Alice has left the customer in his bridge, the `first`, and talks with Bob over a Local channel."""

    trunk: Chan
    alice: Chan
    bob: Chan
    one: Chan
    two: Chan
    first: Bridge
    second: Bridge


def consulted_by_keys(o: Office) -> Consulted:
    trunk, alice, first = o.talk()
    one, two = o.local("102", "from-internal", trunk)
    bob = o.new("PJSIP/102", number="102", linked=trunk)
    second = o.join(one)
    o.dial(two, bob)
    o.move(alice, second)
    o.rings(two, bob)
    o.picks_up(two, bob)
    o.state(one, "6")
    o.dialled(None, one, "ANSWER")
    o.join(bob, two)
    o.wait(3)
    return Consulted(trunk, alice, bob, one, two, first, second)


def test_a_merge_whose_transferer_leaves_only_afterwards_gives_him_no_talk() -> None:
    o = Office()
    c = consulted_by_keys(o)
    o.wants_out(c.alice)
    o.merge(c.first, c.second)
    o.move(c.one, c.first)
    o.attended(c.alice, c.alice, c.trunk, c.one)
    o.leave(c.alice)
    o.hangup(c.alice)
    o.wait(3)
    o.gone(c.trunk, c.one, c.two, c.bob)
    assert talks(o.calls[0]) == [("alice", "PJSIP/101"), ("bob", "PJSIP/102")]
    assert transfers(o.calls[0]) == [("attended", "alice", "bob")]


def test_a_merge_told_by_nothing_else_moves_everybody() -> None:
    o = Office()
    c = consulted_by_keys(o)
    o.leave(c.alice)
    o.hangup(c.alice)
    o.swallowed(c.first, c.second)
    o.wait(3)
    o.hangup(c.trunk)
    call = o.calls[0]
    assert talks(call) == [("alice", "PJSIP/101"), ("bob", "PJSIP/102")]
    assert transfers(call) == [("attended", "alice", "bob")]


def test_a_merge_told_by_nothing_else_and_nobody_leaves_is_a_conference() -> None:
    o = Office()
    c = consulted_by_keys(o)
    o.swallowed(c.first, c.second)
    assert set(o.calls[0].talking) == {"alice", "bob"}


# ---- ringing


def test_a_phone_that_rings_before_it_is_said_to_be_dialled_has_rung() -> None:
    o = Office()
    trunk = o.customer()
    alice = o.new("PJSIP/101", number="101", linked=trunk)
    o.state(alice, "5")
    o.dial(trunk, alice)
    o.dialled(trunk, alice, "CANCEL")
    o.hangup(alice, "26")
    o.hangup(trunk)
    assert o.call.rang == ("alice",)
