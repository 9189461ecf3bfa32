"""Internal calls, calls to outside, click-to-call."""

import pytest

from tests.unit.calls.office import CALLER, MOBILE, Office, talks
from tests.unit.calls.wire import Chan

# ---- internal calls


def test_one_of_ours_calls_another() -> None:
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten="102")
    bob = o.calls_phone(alice, "PJSIP/102")
    o.picks_up(alice, bob)
    o.join(bob, alice)
    o.gone(alice, bob)
    call = o.call
    assert (call.direction, call.number, call.did, call.outcome) == ("internal", "102", None, "answered")
    assert (call.first_answered_by, call.caller, call.rang) == ("bob", "alice", ("bob",))
    assert talks(call) == [("alice", "PJSIP/101"), ("bob", "PJSIP/102")]


def test_a_phone_nobody_owns_calls_one_of_ours() -> None:
    o = Office()
    lobby = o.new("PJSIP/199", state="4", number="199", exten="101")
    alice = o.calls_phone(lobby, "PJSIP/101")
    o.join(alice, lobby)
    o.gone(lobby, alice)
    assert (o.call.direction, o.call.caller, o.call.first_answered_by) == ("internal", None, "alice")
    assert talks(o.call) == [(None, "PJSIP/199"), ("alice", "PJSIP/101")]


@pytest.mark.parametrize(("exten", "number"), [("102", "102"), ("s", None), ("", None), ("h", None)])
def test_a_call_that_dials_nobody(exten: str, number: str | None) -> None:
    o = Office()
    o.gone(o.new("PJSIP/101", state="4", number="101", exten=exten))
    assert (o.call.direction, o.call.number, o.call.outcome) == ("internal", number, "failed")


def test_a_code_that_the_pbx_answers_is_an_answered_call_of_nobody() -> None:
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten="*43")
    o.state(alice, "6")
    o.gone(alice)
    assert (o.call.outcome, o.call.first_answered_by) == ("answered", None)


def test_two_devices_of_one_person_are_no_conversation() -> None:
    o = Office()
    desk = o.new("PJSIP/103", state="4", number="103", exten="113")
    other = o.calls_phone(desk, "PJSIP/113")
    o.join(other, desk)
    o.gone(desk, other)
    assert (o.call.outcome, o.call.talks) == ("missed", ())


# ---- calls to outside


@pytest.mark.parametrize(
    "dialstring",
    ["+48600100104@trunk", "trunk/+48600100104", "g1/+48600100104", "trunk/sip:+48600100104@10.0.0.7:5060",
     "sip:+48600100104@10.0.0.7", "+48600100104@trunk,60,T"],
)  # fmt: skip
def test_however_a_number_is_dialled(dialstring: str) -> None:
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten="0600100104")
    trunk = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, trunk, dialstring)
    o.rings(alice, trunk)
    o.picks_up(alice, trunk)
    o.join(trunk, alice)
    o.gone(trunk, alice)
    call = o.call
    assert (call.direction, call.number, call.outcome, call.first_answered_by, call.rang) == (
        "outbound", "+48600100104", "answered", "alice", (),
    )  # fmt: skip


@pytest.mark.parametrize("dialstring", ["199", "199/sip:199@10.0.0.7:5060", "199/sip:199@10.0.0.7;transport=tcp", ""])
def test_a_phone_dialled_by_its_own_name_or_contact_is_no_trunk(dialstring: str) -> None:
    o = Office()
    trunk = o.customer()
    phone = o.new("PJSIP/199", linked=trunk)
    o.dial(trunk, phone, dialstring)
    o.join(phone, trunk)
    o.gone(trunk, phone)
    assert talks(o.call) == [(None, "PJSIP/199")]


def test_a_trunk_is_known_again_though_nothing_says_what_it_dials() -> None:
    o = Office()
    o.gone(o.customer())
    alice = o.new("PJSIP/101", state="4", number="101", exten="600100104")
    trunk = o.new("PJSIP/trunk", number="600100104", linked=alice)
    o.dial(alice, trunk, "trunk")
    o.gone(trunk, alice)
    assert (o.calls[1].direction, o.calls[1].number) == ("outbound", "+48600100104")


def test_a_trunk_that_dials_nothing_known_leaves_the_number_that_was_asked_for() -> None:
    o = Office()
    o.gone(o.customer())
    alice = o.new("PJSIP/101", state="4", number="101", exten="600100104")
    trunk = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, trunk, "trunk")
    o.gone(trunk, alice)
    assert (o.calls[1].direction, o.calls[1].number) == ("outbound", MOBILE)


def test_of_several_trunks_the_one_that_answers_is_the_customers() -> None:
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    first, second = o.new("PJSIP/one", linked=alice), o.new("PJSIP/two", linked=alice)
    o.dial(alice, first, f"{MOBILE}@one")
    o.dial(alice, second, f"{MOBILE}@two")
    o.rings(alice, first)
    o.picks_up(alice, first)
    o.join(first, alice)
    o.dialled(alice, second, "CANCEL")
    o.hangup(second, "26")
    o.gone(first, alice)
    assert (o.call.outcome, o.call.first_answered_by) == ("answered", "alice")


def test_a_trunk_that_hangs_up_after_the_call_is_over_ends_it_no_second_time() -> None:
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    first, second = o.new("PJSIP/one", linked=alice), o.new("PJSIP/two", linked=alice)
    o.dial(alice, first, f"{MOBILE}@one")
    o.dial(alice, second, f"{MOBILE}@two")
    o.gone(second, alice, first)
    assert o.kinds.count("ended") == 1


def test_ours_dials_another_customer_while_the_first_still_talks_with_somebody() -> None:
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    first = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, first, f"{MOBILE}@trunk")
    o.join(first, alice)
    o.wait(5)
    o.leave(alice)
    second = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, second, f"{CALLER}@trunk")
    o.join(second, alice)
    o.gone(first)
    o.gone(second, alice)
    assert sorted((call.number or "", call.outcome) for call in o.calls) == [(CALLER, "answered"), (MOBILE, "answered")]


def test_a_provider_without_a_way_through_and_then_one_with() -> None:
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    first = o.new("PJSIP/one", linked=alice)
    o.dial(alice, first, f"{MOBILE}@one")
    o.dialled(alice, first, "CONGESTION")
    o.hangup(first, "34", "503")
    second = o.new("PJSIP/two", linked=alice)
    o.dial(alice, second, f"{MOBILE}@two")
    o.join(second, alice)
    o.gone(alice, second)
    assert (o.call.direction, o.call.outcome) == ("outbound", "answered")


def test_a_customer_sent_to_a_stranger_outside_talks_with_nobody_of_ours() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.gone(alice)
    stranger = o.new("PJSIP/trunk", linked=trunk)
    o.dial(trunk, stranger, "+441632960123@trunk")
    o.join(stranger, trunk)
    o.gone(trunk, stranger)
    assert talks(o.calls[0]) == [("alice", "PJSIP/101")]


def test_one_of_ours_dials_out_a_second_time_after_a_talk() -> None:
    """A conference is built: the second customer is a call of his own."""
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    first = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, first, f"{MOBILE}@trunk")
    o.join(first, alice)
    o.wait(5)
    o.gone(first)
    second = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, second, f"{CALLER}@trunk")
    o.join(second, alice)
    o.gone(second, alice)
    assert [(call.number, call.outcome) for call in o.calls] == [(MOBILE, "answered"), (CALLER, "answered")]


# ---- click-to-call


def test_a_click_to_call_bears_its_action_and_its_number() -> None:
    o = Office()
    alice = o.new("PJSIP/101", number="101", uid="crm-7")
    alice.connected = CALLER
    o.dial(None, alice)
    assert (o.call.action_id, o.call.direction, o.call.number, o.call.caller) == ("crm-7", "outbound", CALLER, "alice")
    o.hangup(alice)
    assert o.call.outcome == "failed"


def test_another_programs_click_to_call_is_named_when_it_is_answered() -> None:
    o = Office()
    alice = o.new("PJSIP/101", number="101")
    o.dial(None, alice)
    assert o.call.action_id is None
    o.originated(alice, "theirs-1")
    o.originated(Chan("PJSIP/9-1", "unseen", ""), "theirs-2")
    o.hangup(alice)
    assert o.call.action_id == "theirs-1"


def test_a_dialler_calls_the_customer_first() -> None:
    o = Office()
    trunk = o.new("PJSIP/trunk")
    o.dial(None, trunk, f"{CALLER}@trunk")
    o.dial(None, trunk, f"{CALLER}@trunk")  # said twice
    o.rings(None, trunk)
    o.picks_up(None, trunk)
    alice = o.calls_phone(trunk, "PJSIP/101")
    o.join(alice, trunk)
    o.gone(trunk, alice)
    assert (o.call.direction, o.call.number, o.call.first_answered_by) == ("outbound", CALLER, "alice")


def test_a_click_to_call_over_a_local_channel() -> None:
    o = Office()
    one, two = o.local("101", "from-internal")
    o.dial(None, one)
    alice = o.calls_phone(two, "PJSIP/101")
    o.picks_up(two, alice)
    o.join(alice, two)
    o.picks_up(None, one)
    trunk = o.new("PJSIP/trunk", linked=one)
    o.dial(one, trunk, f"{CALLER}@trunk")
    o.join(trunk, one)
    o.gone(trunk, one, two, alice)
    assert (o.call.direction, o.call.number) == ("outbound", CALLER)
    assert talks(o.call) == [("alice", "PJSIP/101")]
