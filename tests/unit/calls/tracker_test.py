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


# ---- Local channels


def test_a_local_channel_may_dial_on_before_its_own_dialling_is_told() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    deep, deeper = o.local("101", "ext-local", trunk)
    alice = o.new("PJSIP/101", number="101", linked=trunk)
    o.dial(deeper, alice)
    o.rings(deeper, alice)
    o.dial(two, deep)
    assert not o.facts
    o.dial(trunk, one)
    assert o.call.ringing == ("alice",)
    o.picks_up(deeper, alice)
    o.join(alice, deeper)
    o.join(deep, two)
    o.join(one, trunk)
    o.gone(trunk, one, two, deep, deeper, alice)
    assert talks(o.call) == [("alice", "PJSIP/101")]
    assert o.call.rang == ("alice",)


def test_a_local_channel_that_dials_on_and_goes_is_nobodys_call() -> None:
    o = Office()
    one, two = o.local("101", "from-queue")
    alice = o.new("PJSIP/101", number="101", linked=one)
    o.dial(two, alice)
    o.gone(one, two, alice)
    assert not o.facts


def test_a_local_channel_whose_phone_was_refused_before_it_was_dialled_itself() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    alice = o.new("PJSIP/101", number="101", linked=trunk)
    o.dial(two, alice)
    o.dialled(two, alice, "BUSY")
    o.hangup(alice, "17")
    o.dial(trunk, one)
    o.gone(one, two, trunk)
    assert o.call.rang == ()


def test_a_blind_transfer_out_of_a_local_channel_stays_the_customers_call() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    o.dial(trunk, one)
    alice = o.calls_phone(two, "PJSIP/101")
    o.picks_up(two, alice)
    o.join(alice, two)
    o.picks_up(trunk, one)
    o.join(one, trunk)
    o.wait(5)
    o.blind(alice, two, "102")
    o.leave(two)
    o.gone(alice)
    bob = o.calls_phone(two, "PJSIP/102")
    assert o.call.ringing == ("bob",)
    o.picks_up(two, bob)
    o.join(bob, two)
    o.gone(trunk, one, two, bob)
    assert talks(o.call) == [("alice", "PJSIP/101"), ("bob", "PJSIP/102")]
    assert transfers(o.call) == [("blind", "alice", "bob")]
    assert o.call.rang == ("alice", "bob")
