"""Transfers as they are told: merges, consultations, forwards, pickups, masquerades; in any order."""

import itertools
from typing import NamedTuple

import pytest

from tests.unit.calls.office import CALLER, MOBILE, Office, called_back, masquerade, member_by_mobile, talks, transfers
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


def test_by_keys_the_one_consulted_may_be_dialled_before_the_local_channel_is_in_its_bridge() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    one, two = o.local("102", "from-internal", trunk)
    bob = o.calls_phone(two, "PJSIP/102")
    assert len(o.calls) == 1
    second = o.join(one)
    o.move(alice, second)
    o.join(bob, two)
    o.wait(3)
    o.gone(bob, two, one)
    consultation = next(call for call in o.calls if call.direction == "internal")
    assert (consultation.number, consultation.first_answered_by) == ("102", "bob")


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


# ---- attended transfers, told of in any order


class Both(NamedTuple):
    """Alice talks with the customer on one line and with Bob on another."""

    trunk: Chan
    alice: Chan
    line: Chan
    bob: Chan
    first: Bridge
    second: Bridge


def consulted_on_a_second_line(o: Office, *, she_first: bool = False) -> Both:
    trunk, alice, first = o.talk()
    line = o.new("PJSIP/101", state="4", number="101", exten="102")
    bob = o.calls_phone(line, "PJSIP/102")
    o.picks_up(line, bob)
    second = o.join(line, bob) if she_first else o.join(bob, line)
    o.wait(3)
    return Both(trunk, alice, line, bob, first, second)


@pytest.mark.parametrize("she_first", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(["label", "phone", "line"])), ids="-".join)
def test_the_label_of_an_attended_transfer_comes_before_or_after_it(order: tuple[str, ...], she_first: bool) -> None:
    o = Office()
    c = consulted_on_a_second_line(o, she_first=she_first)
    o.merge(c.second, c.first)
    o.move(c.trunk, c.second)
    for step in order:
        if step == "label":
            o.attended(c.alice, c.line, c.trunk, c.bob)
        elif step == "phone":
            o.gone(c.alice)
        else:
            o.gone(c.line)
    o.wait(3)
    o.gone(c.trunk, c.bob)
    assert talks(o.calls[0]) == [("alice", "PJSIP/101"), ("bob", "PJSIP/102")]
    assert transfers(o.calls[0]) == [("attended", "alice", "bob")]


def test_three_in_a_conversation_are_no_transfer_until_one_leaves_and_then_a_while_later_none() -> None:
    o = Office()
    c = consulted_on_a_second_line(o)
    o.attended(c.alice, c.line, c.trunk, c.bob)
    o.gone(c.line)
    o.move(c.bob, c.first)
    o.wait(30)
    o.gone(c.alice)
    o.wait(3)
    o.gone(c.trunk, c.bob)
    assert {user for user, _ in talks(o.calls[0])} == {"alice", "bob"}


def test_a_label_of_a_transfer_that_failed_is_none() -> None:
    o = Office()
    c = consulted_on_a_second_line(o)
    o.attended(c.alice, c.line, c.trunk, c.bob, result="Fail")
    o.blind(c.alice, c.trunk, "103", result="Not Permitted")
    o.gone(c.line, c.bob)
    o.gone(c.alice, c.trunk)
    assert not o.calls[0].transfers
    assert not any("Transfer" in e.event for e in o.calls[0].evidence)


def test_attended_success_though_nobody_ever_answers_keeps_the_earlier_talker() -> None:
    """Blonde: Alice transfers while Bob's phone rings, and he never picks up."""
    o = Office()
    trunk, alice, _ = o.talk()
    line = o.new("PJSIP/101", state="4", number="101", exten="102")
    bob = o.calls_phone(line, "PJSIP/102")
    o.attended(alice, line, trunk, None)
    o.gone(alice)
    o.leave(trunk)
    o.hangup(line)
    o.wait(10)
    o.dialled(trunk, bob, "NOANSWER")  # on another caller than its DialBegin
    o.hangup(bob, "19")
    o.hangup(trunk)
    call = o.calls[0]
    assert (call.outcome, call.first_answered_by, call.last_answered_by) == ("answered", "alice", "alice")
    assert not call.transfers


def test_a_line_that_calls_out_is_its_own_and_no_member_of_the_local_channel_beside_it() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("102", "from-queue", trunk)
    o.dial(trunk, one)
    bob = o.calls_phone(two, "PJSIP/102")
    bridge = o.join(bob, two)
    o.join(one, trunk)
    o.gone(bob)
    stranger = o.new("PJSIP/199", state="4", number="199", exten="800")
    o.enter(stranger, bridge)
    o.gone(trunk, one, two, stranger)
    assert talks(o.calls[0]) == [("bob", "PJSIP/102"), (None, "PJSIP/199")]


def test_after_a_consultation_by_keys_a_further_transfer_is_the_customers_and_not_the_consultations() -> None:
    o = Office()
    c = consulted_by_keys(o)
    o.gone(c.alice)
    o.merge(c.first, c.second)
    o.move(c.one, c.first)
    o.attended(c.alice, c.alice, c.trunk, c.one)
    o.wait(3)
    o.blind(c.bob, c.two, "103")
    o.leave(c.two)
    o.gone(c.bob)
    carol = o.calls_phone(c.two, "PJSIP/103")
    o.join(carol, c.two)
    o.gone(c.trunk, c.one, c.two, carol)
    customer, consultation = o.calls
    assert customer.rang == ("alice", "carol")
    assert consultation.rang == ("bob",)
    assert transfers(customer) == [("attended", "alice", "bob"), ("blind", "bob", "carol")]


def test_parked_from_a_mobile_the_parker_is_whoever_talked() -> None:
    o = Office()
    trunk = o.customer()
    one, two, mobile = member_by_mobile(o, trunk)
    o.wait(3)
    o.parked(two, "PJSIP/trunk")
    o.move(two, o.holding())
    o.gone(mobile)
    bob = o.new("PJSIP/102", state="4", number="102", exten="701")
    o.leave(two)
    o.join(two, bob)
    o.gone(trunk, one, two, bob)
    assert transfers(o.calls[0]) == [("park", "dave", "bob")]


# ---- forwarding


def test_a_forward_is_known_though_the_local_channel_dialled_on_first() -> None:
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    one, two = o.local("102", "from-internal", trunk)
    bob = o.calls_phone(two, "PJSIP/102")
    o.dialled(trunk, alice, "CANCEL", forward="102")
    o.dial(trunk, one)
    o.hangup(alice, "23")
    o.picks_up(two, bob)
    o.join(bob, two)
    o.join(one, trunk)
    o.gone(trunk, one, two, bob)
    assert transfers(o.call) == [("forward", "alice", "bob")]


def test_who_comes_back_from_a_consultation_is_not_forwarded_to_again() -> None:
    o = Office()
    trunk = o.customer()
    carol = o.calls_phone(trunk, "PJSIP/103")
    one, two = o.local("101", "from-internal", trunk)
    o.dialled(trunk, carol, "CANCEL", forward="101")
    o.dial(trunk, one)
    alice = o.calls_phone(two, "PJSIP/101")
    bridge = o.join(alice, two)
    o.join(one, trunk)
    o.wait(5)
    o.move(alice, o.bridge())
    o.wait(5)
    o.move(alice, bridge)
    o.gone(trunk, one, two, alice)
    assert transfers(o.call) == [("forward", "carol", "alice")]


def test_a_forward_of_another_extension_is_another_matter() -> None:
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    o.dialled(trunk, alice, "CANCEL", forward="104")
    o.hangup(alice, "23")
    bob = o.calls_phone(trunk, "PJSIP/102")
    o.join(bob, trunk)
    o.gone(trunk, bob)
    assert transfers(o.call) == []


def test_a_forward_in_no_call_known() -> None:
    o = Office()
    alice = o.new("PJSIP/101", number="101")
    o.dialled(None, alice, "CANCEL", forward="104")
    assert not o.facts


# ---- masquerades, as before Asterisk 12


def test_a_pickup_by_masquerade() -> None:
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    bob = o.new("PJSIP/102", state="4", number="102", exten="**101")
    o.pickup(bob, alice)
    masquerade(o, bob, alice)
    o.picks_up(trunk, alice)
    o.join(alice, trunk)
    o.gone(trunk, alice)
    call = o.calls[0]
    assert talks(call) == [("bob", "PJSIP/102")]
    assert transfers(call) == [("pickup", "bob", "bob")]
    assert call.rang == ("alice",)


def test_a_customer_goes_on_in_the_channel_that_dialled() -> None:
    """Blonde: the customer takes the place of Alice's second line, whose uniqueid stays."""
    o = Office()
    trunk, alice, _ = o.talk()
    line = o.new("PJSIP/101", state="4", number="101", exten="102")
    bob = o.calls_phone(line, "PJSIP/102")
    o.attended(alice, line, trunk, None)
    o.gone(alice)
    o.leave(trunk)
    masquerade(o, trunk, line)
    o.picks_up(line, bob)
    o.join(bob, line)
    o.wait(3)
    o.gone(line, bob)
    call = o.calls[0]
    assert talks(call) == [("alice", "PJSIP/101"), ("bob", "PJSIP/102")]
    assert call.outcome == "answered"
    assert call.ended_at is not None


def test_one_of_ours_goes_on_in_another_channel() -> None:
    """As by a redirect: Alice's channel takes the place of a new one, and she goes on talking."""
    o = Office()
    trunk, alice, bridge = o.talk()
    place = o.new("AsyncGoto/PJSIP/101", suffix="-00000002")
    o.leave(alice)
    masquerade(o, alice, place)
    o.enter(place, bridge)
    o.wait(5)
    o.gone(trunk, place)
    assert {user for user, _ in talks(o.call)} == {"alice"}
    assert o.call.talk_seconds == pytest.approx(10, abs=0.5)


def test_who_began_an_outbound_call_goes_on_in_another_channel() -> None:
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    trunk = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, trunk, f"{MOBILE}@trunk")
    place = o.new("Surrogate/PJSIP/101", suffix="-00000002")
    masquerade(o, alice, place)
    o.join(trunk, place)
    o.gone(trunk, place)
    assert (o.call.outcome, o.call.first_answered_by) == ("answered", "alice")


def test_a_channel_that_hangs_up_in_the_middle_of_a_masquerade() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.rename(alice, f"{alice.name}<MASQ>")
    o.gone(alice, trunk)
    assert not o.tracker.book.masked


def test_a_rename_that_is_no_masquerade_and_one_of_a_channel_never_seen() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.rename(alice, "PJSIP/102-00000009")
    o.rename(Chan("PJSIP/9-1", "unseen.1", "unseen.1"), "PJSIP/9-1<MASQ>")
    o.gone(trunk, alice)
    assert o.call.first_answered_by == "alice"


# ---- the PBX calls back


def test_a_transferer_called_back_to_the_customer_makes_no_call_of_its_own() -> None:
    """Blonde by keys, and nobody answered: the PBX calls Alice and puts her in the customer's bridge."""
    o = Office()
    trunk, alice, bridge = o.talk()
    o.attended(alice, alice, trunk, None)
    o.gone(alice)
    o.wait(10)
    back = called_back(o, "101", trunk.number)
    o.enter(back, bridge)
    o.wait(3)
    o.gone(trunk, back)
    assert talks(o.call) == [("alice", "PJSIP/101"), ("alice", "PJSIP/101")]


@pytest.mark.parametrize("connected", ["", "103"])
def test_called_back_on_a_second_phone_to_one_who_withholds_the_number(connected: str) -> None:
    """Both phones show one number, and there is no other to show."""
    o = Office()
    trunk = o.customer("")
    carol = o.calls_phone(trunk, "PJSIP/113")
    o.picks_up(trunk, carol)
    bridge = o.join(carol, trunk)
    o.attended(carol, carol, trunk, None)
    o.gone(carol)
    back = o.new("PJSIP/113", number="103")
    back.connected = connected
    o.dial(None, back, "113")
    o.picks_up(None, back)
    o.enter(back, bridge)
    o.gone(trunk, back)
    assert talks(o.call) == [("carol", "PJSIP/113")]


def test_a_click_to_call_to_somebody_who_is_in_a_call_is_a_call_of_its_own() -> None:
    o = Office()
    o.talk()
    called_back(o, "102", CALLER)
    assert [call.direction for call in o.calls] == ["inbound", "outbound"]


def test_one_who_seemed_to_be_called_back_and_dials_out_makes_a_call() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.attended(alice, alice, trunk, None)
    back = called_back(o, "101", CALLER)
    assert len(o.calls) == 1
    other = o.new("PJSIP/trunk", linked=back)
    o.dial(back, other, f"{CALLER}@trunk")
    assert [call.direction for call in o.calls] == ["inbound", "outbound"]


# ---- one takes another's place


def test_who_takes_anothers_place_has_it_though_the_other_leaves_later() -> None:
    o = Office()
    c = consulted_on_a_second_line(o)
    o.leave(c.trunk)
    at = o.enter(c.trunk, c.second, swap=c.line)
    o.leave(c.line)
    o.gone(c.alice, c.line)
    o.wait(3)
    o.gone(c.trunk, c.bob)
    assert talks(o.calls[0]) == [("alice", "PJSIP/101"), ("bob", "PJSIP/102")]
    assert o.calls[0].talks[1].start == pytest.approx(at, abs=1e-5)
