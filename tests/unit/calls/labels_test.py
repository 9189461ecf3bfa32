"""Queues, parking, pickups, voicemail: what events say beside who is in a call."""

import itertools

import pytest

from pbxcrm.calls.people import People
from tests.unit.calls.office import DEVICES, MOBILE, Office, talks, transfers
from tests.unit.calls.wire import Chan

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


@pytest.mark.parametrize("order", list(itertools.permutations(["parked", "leaves", "phone"])), ids="-".join)
def test_parked_before_or_after_the_customer_has_left_his_bridge(order: tuple[str, ...]) -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    for step in order:
        if step == "parked":
            o.parked(trunk, "PJSIP/101")
        elif step == "leaves":
            o.move(trunk, o.holding())
        else:
            o.gone(alice)
    o.wait(5)
    bob = o.new("PJSIP/102", state="4", number="102", exten="701")
    o.leave(trunk)
    o.unparked(trunk, bob, "PJSIP/101")
    o.join(trunk, bob)
    o.unparked(trunk, bob, "PJSIP/101")  # before or after: it decides nothing
    o.gone(trunk, bob)
    assert talks(o.calls[0]) == [("alice", "PJSIP/101"), ("bob", "PJSIP/102")]
    assert transfers(o.calls[0]) == [("park", "alice", "bob")]


def test_parked_by_a_transfer_it_is_parking_and_no_transfer() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.parked(trunk, "PJSIP/101")
    o.blind(alice, trunk, "700")  # by REFER the ParkedCall comes first
    o.move(trunk, o.holding())
    o.gone(alice)
    bob = o.new("PJSIP/102", state="4", number="102", exten="701")
    o.leave(trunk)
    o.join(trunk, bob)
    assert transfers(o.calls[0]) == [("park", "alice", "bob")]


@pytest.mark.parametrize("name", ["ParkedCallTimeOut", "ParkedCallGiveUp"])
def test_whoever_is_not_fetched_was_passed_to_nobody(name: str) -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.parked(trunk, "PJSIP/101")
    o.move(trunk, o.holding())
    o.gone(alice)
    o.wait(45)
    o.parked(trunk, "PJSIP/101", name)
    o.leave(trunk)
    again = o.calls_phone(trunk, "PJSIP/101")
    o.join(again, trunk)
    o.gone(trunk, again)
    assert transfers(o.call) == []
    assert talks(o.call) == [("alice", "PJSIP/101")] * 2


def test_back_out_of_a_slot_is_a_spell_of_its_own_however_soon() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.move(trunk, o.holding())
    o.gone(alice)
    o.leave(trunk)
    again = o.calls_phone(trunk, "PJSIP/101")
    o.join(again, trunk)
    o.gone(trunk, again)
    assert len(o.call.talks) == 2


def test_a_parking_of_nobody_known() -> None:
    o = Office()
    stranger = Chan("PJSIP/9-00000009", "unseen", "")
    o.parked(stranger, "PJSIP/101")
    o.parked(stranger, "PJSIP/101", "ParkedCallTimeOut")
    assert not o.facts


# ---- queues


def in_queue(o: Office) -> Chan:
    trunk = o.customer()
    o.state(trunk, "6")
    o.queue_join(trunk, "sales")
    return trunk


def test_a_queue_that_picks_up_is_nobody() -> None:
    o = Office()
    trunk = in_queue(o)
    alice = o.calls_phone(trunk, "PJSIP/101")
    assert o.call.talks == ()
    o.dialled(trunk, alice, "NOANSWER")
    o.hangup(alice, "19")
    o.wants_out(trunk)
    o.queue_abandon(trunk, "sales")
    o.queue_leave(trunk, "sales")
    o.hangup(trunk)
    assert (o.call.outcome, o.call.rang) == ("abandoned", ("alice",))
    assert "the caller waits in queue sales" in [e.text for e in o.call.evidence]


def test_the_queues_own_time_out_is_told_as_an_abandon_and_is_none() -> None:
    o = Office()
    trunk = in_queue(o)
    o.queue_abandon(trunk, "sales")
    o.queue_leave(trunk, "sales")
    o.is_put_out(trunk)
    o.hangup(trunk)
    assert o.call.outcome == "missed"


def test_where_nobody_tells_who_hung_up_the_queues_word_is_taken() -> None:
    o = Office()
    trunk = in_queue(o)
    o.queue_abandon(trunk, "sales")
    o.queue_leave(trunk, "sales")
    o.hangup(trunk)
    assert o.call.outcome == "abandoned"


def test_after_the_queue_another_phone_or_queue_is_tried() -> None:
    o = Office()
    trunk = in_queue(o)
    o.queue_abandon(trunk, "sales")
    o.queue_leave(trunk, "sales")
    alice = o.calls_phone(trunk, "PJSIP/101")
    o.hangup(alice, "19")
    o.hangup(trunk)
    assert o.call.outcome == "missed"


def test_a_customer_who_hangs_up_elsewhere_has_abandoned_no_queue() -> None:
    o = Office()
    trunk = in_queue(o)
    o.queue_leave(trunk, "sales")
    o.wants_out(trunk)
    o.hangup(trunk)
    assert o.call.outcome == "missed"


def test_a_queue_of_nobody_known() -> None:
    o = Office()
    stranger = Chan("PJSIP/9-00000009", "unseen", "")
    o.queue_join(stranger, "sales")
    o.queue_leave(stranger, "sales")
    o.queue_abandon(stranger, "sales")
    o.wants_out(stranger)
    o.agent_called(stranger, stranger, "sales", "PJSIP/101")
    assert not o.facts


def test_a_member_behind_a_trunk_is_known_by_the_interface_of_his_queue() -> None:
    o = Office()
    o.tracker.set_people(People([*DEVICES.items(), (f"PJSIP/{MOBILE}@trunk", "frank")]))
    trunk = in_queue(o)
    mobile = o.new("PJSIP/trunk", linked=trunk)
    o.agent_called(trunk, mobile, "sales", f"PJSIP/{MOBILE}@trunk")
    o.dial(trunk, mobile, f"{MOBILE}@trunk")
    o.rings(trunk, mobile)
    o.join(mobile, trunk)
    o.gone(trunk, mobile)
    assert talks(o.call) == [("frank", f"PJSIP/{MOBILE}@trunk")]


def test_a_members_interface_that_nobody_owns() -> None:
    o = Office()
    trunk = in_queue(o)
    phone = o.new("PJSIP/199", linked=trunk)
    o.agent_called(trunk, phone, "sales", "PJSIP/199")
    o.dial(trunk, phone)
    o.join(phone, trunk)
    assert talks(o.call) == [(None, "PJSIP/199")]


# ---- pickups


def test_a_pickup_names_who_was_never_dialled() -> None:
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    bob = o.new("PJSIP/102", state="4", number="102", exten="**101")
    o.state(bob, "6")
    o.pickup(bob, alice)
    o.hangup(alice, "26")
    o.dialled(trunk, bob, "ANSWER")
    o.join(bob, trunk)
    o.gone(trunk, bob)
    customer, code = o.calls
    assert transfers(customer) == [("pickup", "bob", "bob")]
    assert (customer.rang, customer.first_answered_by) == (("alice",), "bob")
    assert (code.direction, code.number, code.outcome, code.talks) == ("internal", "**101", "answered", ())


def test_a_pickup_of_what_rings_behind_a_local_channel() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    o.dial(trunk, one)
    alice = o.calls_phone(two, "PJSIP/101")
    bob = o.new("PJSIP/102", state="4", number="102", exten="**101")
    o.pickup(bob, one)
    o.hangup(alice, "26")
    o.join(bob, two)
    o.join(one, trunk)
    o.gone(trunk, one, two, bob)
    assert transfers(o.calls[0]) == [("pickup", "bob", "bob")]


def test_a_pickup_of_nothing_known() -> None:
    o = Office()
    bob = o.new("PJSIP/102", state="4", number="102", exten="*8")
    o.pickup(bob, Chan("PJSIP/9-00000009", "unseen", ""))
    assert not o.facts


# ---- transfers that name nobody known


def test_a_transfer_of_nobody_known() -> None:
    o = Office()
    stranger = Chan("PJSIP/101-00000009", "unseen", "")
    o.blind(stranger, stranger, "102")
    o.attended(stranger, stranger, stranger, None)
    assert not o.facts


def test_a_transfer_that_names_only_its_transferer() -> None:
    """Any header may be missing: his channel talked in one call, that one is meant."""
    o = Office()
    trunk, alice, _ = o.talk()
    unseen = Chan("PJSIP/9-00000009", "unseen", "")
    o.blind(alice, unseen, "102")
    o.gone(alice)
    bob = o.calls_phone(trunk, "PJSIP/102")
    o.join(bob, trunk)
    o.wait(5)
    o.attended(bob, bob, unseen, None)
    o.gone(bob)
    carol = o.calls_phone(trunk, "PJSIP/103")
    o.join(carol, trunk)
    assert transfers(o.call) == [("blind", "alice", "bob"), ("attended", "bob", "carol")]


def test_by_keys_an_attended_transfer_told_after_its_moves_is_told_once() -> None:
    o = Office()
    trunk, alice, bridge = o.talk()
    o.gone(alice)
    bob = o.new("PJSIP/102", linked=trunk)
    o.enter(bob, bridge)
    o.attended(alice, alice, trunk, None)
    o.gone(trunk, bob)
    assert transfers(o.call) == [("attended", "alice", "bob")]


# ---- voicemail


@pytest.mark.parametrize("application", ["VoiceMail", "Voicemail", "MinivmRecord"])
def test_a_voicemail_is_not_an_answer(application: str) -> None:
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    o.dialled(trunk, alice, "NOANSWER")
    o.hangup(alice, "19")
    o.runs(trunk, application)
    o.state(trunk, "6")
    o.hangup(trunk)
    assert (o.call.outcome, o.call.first_answered_by) == ("voicemail", None)


def test_a_mailbox_behind_a_local_channel() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    o.dial(trunk, one)
    o.runs(two, "VoiceMail")
    o.gone(trunk, one, two)
    assert o.call.outcome == "voicemail"


def test_one_of_ours_who_listens_to_his_mailbox_leaves_no_message_for_the_customer() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.runs(alice, "VoiceMail")
    o.runs(trunk, "Playback")
    o.gone(trunk, alice)
    assert o.call.outcome == "answered"
    assert "VoiceMail" not in [e.event for e in o.call.evidence]
