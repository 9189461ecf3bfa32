"""The tracker, as scripts: events in, facts out. Each hard case of docs/calls.md has its own."""

import itertools
from typing import NamedTuple

import pytest

from tests.unit.calls.office import CALLER, MOBILE, Office, talks, transfers
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


def member_by_mobile(o: Office, trunk: Chan, user: str = "104") -> tuple[Chan, Chan, Chan]:
    """A member's mobile answers through the trunk, behind a Local channel that stays."""
    one, two = o.local(user, "from-queue", trunk)
    o.dial(trunk, one)
    mobile = o.new("PJSIP/trunk", linked=trunk)
    o.dial(two, mobile, f"{MOBILE}@trunk")
    o.rings(two, mobile)
    o.picks_up(two, mobile)
    o.join(mobile, two)
    o.picks_up(trunk, one)
    o.join(one, trunk)
    return one, two, mobile


def test_a_mobile_is_the_persons_for_whom_it_was_dialled() -> None:
    o = Office()
    trunk = o.customer()
    one, two, mobile = member_by_mobile(o, trunk)
    o.gone(trunk, one, two, mobile)
    assert talks(o.call) == [("dave", "Local/104@from-queue")]
    assert o.call.rang == ("dave",)


def test_a_mobile_is_not_the_persons_whose_local_channel_the_call_came_through() -> None:
    """Alice was reached through a Local channel that stays; she passed the customer to Dave's mobile."""
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    o.dial(trunk, one)
    alice = o.calls_phone(two, "PJSIP/101")
    o.join(alice, two)
    o.join(one, trunk)
    line = o.new("PJSIP/101", state="4", number="101", exten="104")
    third, fourth, mobile = member_by_mobile(o, line)
    o.wait(5)
    o.leave(two)
    o.leave(line)
    o.enter(two, third.bridge or o.bridge(), swap=line)
    o.gone(alice, line)
    o.wait(5)
    o.gone(trunk, one, two, third, fourth, mobile)
    assert talks(o.calls[0]) == [("alice", "PJSIP/101"), ("dave", "Local/104@from-queue")]


def test_a_stranger_to_whom_a_local_channels_member_sent_the_customer_is_not_that_member() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    o.dial(trunk, one)
    alice = o.calls_phone(two, "PJSIP/101")
    o.join(alice, two)
    o.join(one, trunk)
    o.wait(5)
    o.blind(alice, two, "00441632960123")
    o.leave(two)
    o.gone(alice)
    stranger = o.new("PJSIP/trunk", linked=trunk)
    o.dial(two, stranger, "+441632960123@trunk")
    o.picks_up(two, stranger)
    o.join(stranger, two)
    o.gone(trunk, one, two, stranger)
    assert talks(o.calls[0]) == [("alice", "PJSIP/101")]


def test_local_channels_of_two_people_and_no_word_of_the_dialling_name_nobody() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    third, fourth = o.local("102", "ext-local", trunk)
    mobile = o.new("PJSIP/mobile", linked=trunk)
    o.join(mobile, fourth)
    o.join(third, two)
    o.join(one, trunk)
    o.gone(trunk, one, two, third, fourth, mobile)
    assert o.call.first_answered_by is None


# ---- parking


def test_a_parked_local_channel_is_the_customers_call() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    o.dial(trunk, one)
    alice = o.calls_phone(two, "PJSIP/101")
    o.join(alice, two)
    o.join(one, trunk)
    o.wait(5)
    o.parked(two, "PJSIP/101")
    o.move(two, o.holding())
    o.gone(alice)
    o.wait(5)
    bob = o.new("PJSIP/102", state="4", number="102", exten="701")
    o.leave(two)
    o.join(two, bob)
    o.wait(5)
    o.gone(trunk, one, two, bob)
    assert transfers(o.calls[0]) == [("park", "alice", "bob")]


# ---- how a leg ended


def test_chan_sip_calls_nobody_came_busy_and_the_hangup_puts_it_right() -> None:
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    o.dialled(trunk, alice, "BUSY")
    o.hangup(alice, "19")
    o.hangup(trunk)
    assert o.call.outcome == "missed"


def test_a_busy_leg_that_the_queue_cancels_as_well_was_busy() -> None:
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    o.dialled(trunk, alice, "BUSY")
    o.dialled(trunk, alice, "CANCEL")
    o.hangup(alice, "0")
    o.hangup(trunk)
    assert o.call.outcome == "busy"


# ---- attended transfers, told of in any order


class Both(NamedTuple):
    """Alice talks with the customer on one line and with Bob on another."""

    trunk: Chan
    alice: Chan
    line: Chan
    bob: Chan
    first: Bridge
    second: Bridge


def consulted_on_a_second_line(o: Office) -> Both:
    trunk, alice, first = o.talk()
    line = o.new("PJSIP/101", state="4", number="101", exten="102")
    bob = o.calls_phone(line, "PJSIP/102")
    o.picks_up(line, bob)
    second = o.join(bob, line)
    o.wait(3)
    return Both(trunk, alice, line, bob, first, second)


@pytest.mark.parametrize("order", list(itertools.permutations(["label", "phone", "line"])), ids="-".join)
def test_the_label_of_an_attended_transfer_comes_before_or_after_it(order: tuple[str, ...]) -> None:
    o = Office()
    c = consulted_on_a_second_line(o)
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


# ---- masquerades, as before Asterisk 12


def masquerade(o: Office, donor: Chan, into: Chan) -> None:
    mine, theirs = donor.name, into.name
    o.rename(donor, f"{mine}<MASQ>")
    o.rename(into, mine)
    o.rename(donor, f"{theirs}<ZOMBIE>")
    o.hangup(donor)


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


def test_a_rename_that_is_no_masquerade_and_one_of_a_channel_never_seen() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.rename(alice, "PJSIP/102-00000009")
    o.rename(Chan("PJSIP/9-1", "unseen.1", "unseen.1"), "PJSIP/9-1<MASQ>")
    o.gone(trunk, alice)
    assert o.call.first_answered_by == "alice"


# ---- snapshots: events were lost, and what lives now is named


def test_a_snapshot_in_the_middle_of_a_call_changes_nothing() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    before = len(o.facts)
    o.snapshot([trunk, alice])
    assert len(o.facts) == before
    o.gone(trunk, alice)
    assert o.call.outcome == "answered"


def test_a_snapshot_tells_who_came_and_who_is_gone() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.drop = lambda _frame: True
    o.gone(alice)
    bob = o.calls_phone(trunk, "PJSIP/102")
    o.join(bob, trunk)
    gone = o.now
    o.drop = lambda _frame: False
    o.wait(60)
    o.snapshot([trunk, bob])
    assert o.call.talking == ("bob",)
    assert o.call.talks[0].end is not None
    assert o.call.talks[0].end >= gone
    o.gone(trunk, bob)
    assert talks(o.call) == [("alice", "PJSIP/101"), ("bob", "PJSIP/102")]


def test_a_call_that_ended_out_of_sight_is_lost_and_one_that_began_is_found() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.drop = lambda _frame: True
    o.gone(trunk, alice)
    other = o.customer("+48618880202")
    bob = o.calls_phone(other, "PJSIP/102")
    o.join(bob, other)
    o.drop = lambda _frame: False
    o.snapshot([other, bob])
    lost, found = sorted(o.calls, key=lambda call: call.outcome)
    assert (lost.outcome, lost.first_answered_by) == ("lost", "alice")
    assert (found.outcome, found.number, found.talking) == ("ongoing", "+48618880202", ("bob",))
    assert found.started_at == pytest.approx(o.now - 10, abs=1)


def test_a_mobile_found_behind_a_members_local_channel_is_his_if_its_number_says_so() -> None:
    for number, owner in (("104", "dave"), ("+48600100104", None)):
        o = Office()
        o.drop = lambda _frame: True
        trunk = o.customer()
        one, two, mobile = member_by_mobile(o, trunk)
        mobile.number = number
        o.drop = lambda _frame: False
        o.snapshot([trunk, one, two, mobile])
        o.gone(trunk, one, two, mobile)
        assert o.call.first_answered_by == owner


def test_a_phone_whose_dialling_is_over_does_not_ring_again_in_a_snapshot() -> None:
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    o.dialled(trunk, alice, "CANCEL")
    o.snapshot([trunk, alice])
    assert o.call.ringing == ()


def test_a_busy_tone_is_no_lost_call() -> None:
    """The customer's channel is gone, ours lives: he was busy, and the snapshot says nothing new."""
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    trunk = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, trunk, f"{MOBILE}@trunk")
    o.hangup(trunk, "17", "486")
    o.snapshot([alice])
    o.hangup(alice)
    assert o.call.outcome == "busy"


def test_a_channel_that_is_down_has_not_called() -> None:
    o = Office()
    o.snapshot([Chan("PJSIP/trunk-00000009", "1.9", "1.9", "0")])
    assert not o.facts
    assert not o.tracker.lives()


def test_a_listing_nobody_asked_for_says_nothing() -> None:
    o = Office()
    trunk = Chan("PJSIP/trunk-00000009", "1.9", "1.9", "6")
    o.event("CoreShowChannel", trunk.headers())
    o.event("PbxcrmSnapshotEnd")
    assert not o.tracker.lives()


def test_a_snapshot_that_the_pbx_refused_ends_no_call() -> None:
    o = Office()
    o.talk()
    o.snapshot([], listed=False)
    assert o.call.outcome == "ongoing"


# ---- the PBX calls back


def called_back(o: Office, user: str, number: str) -> Chan:
    """As by an Originate: nobody dials, the phone rings and is answered."""
    back = o.new(f"PJSIP/{user}", number=user)
    back.connected = number
    o.dial(None, back)
    o.rings(None, back)
    o.picks_up(None, back)
    return back


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


# ---- what comes late


def test_a_last_word_of_a_channel_that_has_hung_up_is_let_go() -> None:
    o = Office()
    trunk, alice, bridge = o.talk()
    o.gone(trunk, alice)
    told = len(o.facts)
    o.callerid(trunk, "+48618880202")
    o.state(trunk, "4")
    o.dialled(trunk, alice, "ANSWER")
    o.ringing(trunk, alice)
    o.enter(trunk, bridge)
    o.snapshot([alice])
    assert len(o.facts) == told
    assert not o.tracker.book.switch.channels
    assert not o.tracker.book.switch.bridges


def test_only_the_last_that_hung_up_are_remembered() -> None:
    o = Office()
    for _ in range(300):
        o.gone(o.customer())
    assert len(o.tracker.book.switch.gone) == 256
