"""The tracker, as scripts: events in, facts out. How calls begin, ring and end; each hard case has its own."""

import pytest

from pbxcrm.calls.people import People
from tests.unit.calls.office import CALLER, MOBILE, Office, talks, transfers
from tests.unit.calls.wire import Chan

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


# ---- how a call begins


def test_a_customer_calls() -> None:
    o = Office()
    trunk = o.customer()
    assert not o.facts  # nobody rings yet: there is nothing to show
    (life,) = o.tracker.lives()
    assert (life.direction, life.number, life.did) == ("inbound", CALLER, "10")
    o.calls_phone(trunk, "PJSIP/101")
    (fact,) = o.facts
    assert (fact.kind, fact.n, fact.call.ringing, fact.call.rang) == ("ringing", 1, ("alice",), ("alice",))


def test_a_whole_call_in_its_facts() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.gone(trunk, alice)
    assert o.kinds == ["ringing", "ringing", "answered", "ended"]
    assert [fact.n for fact in o.facts] == [1, 2, 3, 4]
    call = o.call
    assert (call.outcome, call.first_answered_by, call.last_answered_by) == ("answered", "alice", "alice")
    assert call.talk_seconds == pytest.approx(5, abs=0.1)
    assert [e.event for e in call.evidence] == ["Newchannel", "DialState", "BridgeEnter", "end"]


@pytest.mark.parametrize("number", ["", "anonymous", "<unknown>"])
def test_a_withheld_number_is_none(number: str) -> None:
    o = Office()
    trunk = o.customer(number)
    o.gone(trunk)
    assert (o.call.direction, o.call.number, o.call.outcome) == ("inbound", None, "missed")


def test_a_number_that_comes_late_is_taken() -> None:
    o = Office()
    trunk = o.customer("")
    o.callerid(trunk, CALLER)
    o.gone(trunk)
    assert o.call.number == CALLER


def test_what_a_caller_calls_himself_is_kept_unless_it_is_his_number() -> None:
    for name, shown in (("Jörg", "Jörg"), (CALLER, None), ("", None)):
        o = Office()
        o.gone(o.new("PJSIP/trunk", state="4", number=CALLER, exten="s", name=name))
        assert (o.call.caller_name, o.call.did) == (shown, None)


@pytest.mark.parametrize("device", ["PJSIP/trunk", "SIP/trunk", "IAX2/provider", "DAHDI/i1/225550101", "PJSIP/a.b-c"])
def test_every_kind_of_trunk(device: str) -> None:
    o = Office()
    trunk = o.customer(device=device)
    alice = o.calls_phone(trunk, "SIP/101")
    o.join(alice, trunk)
    o.gone(trunk, alice)
    assert talks(o.call) == [("alice", "SIP/101")]


def test_chan_sip_says_down_before_it_says_ring() -> None:
    o = Office()
    trunk = o.new("SIP/trunk", state="0", number=CALLER, exten="10")
    assert not o.tracker.lives()
    o.state(trunk, "4")
    o.state(trunk, "4")
    assert len(o.tracker.lives()) == 1


def test_two_calls_of_one_number_are_two() -> None:
    o = Office()
    first, second = o.customer(), o.customer()
    alice, bob = o.calls_phone(first, "PJSIP/101"), o.calls_phone(second, "PJSIP/102")
    o.join(bob, second)
    o.join(alice, first)
    o.gone(first, second, alice, bob)
    assert [call.first_answered_by for call in o.calls] == ["alice", "bob"]


def test_a_customer_found_in_mid_call() -> None:
    """The stream begins late: nothing is known of him but that he talks."""
    o = Office()
    o.drop = lambda _frame: True
    trunk, alice, bridge = o.talk()
    o.drop = lambda _frame: False
    o.move(alice, o.bridge())
    o.wait(1)
    o.move(alice, bridge)
    o.move(trunk, o.bridge())
    o.gone(trunk, alice)
    assert o.call.number == CALLER


def test_a_dial_by_a_customer_whose_call_was_not_seen_to_begin() -> None:
    o = Office()
    o.drop = lambda frame: frame.name == "Newchannel"
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    o.join(alice, trunk)
    o.gone(trunk, alice)
    assert (o.call.direction, o.call.number, o.call.first_answered_by) == ("inbound", CALLER, "alice")


def test_a_phone_of_ours_that_nobody_owns_is_no_customer_though_its_call_was_not_seen_to_begin() -> None:
    o = Office()
    o.drop = lambda frame: frame.name == "Newchannel"
    lobby = o.new("PJSIP/199", state="4", number="199", exten="101")
    alice = o.calls_phone(lobby, "PJSIP/101")
    o.join(alice, lobby)
    o.gone(lobby, alice)
    assert (o.call.direction, o.call.number) == ("internal", "101")


def test_machinery_calls_nobody() -> None:
    o = Office()
    machine = o.new("Surrogate/PJSIP/101", state="4", number="101", exten="102")
    o.calls_phone(machine, "PJSIP/102")
    o.dial(None, o.new("CBAnn/800"))
    assert not o.facts
    assert not o.tracker.lives()


def test_events_that_decide_nothing_say_nothing() -> None:
    o = Office()
    trunk, alice, bridge = o.talk()
    told = len(o.facts)
    o.hold(alice)
    o.unhold(alice)
    o.unhold(trunk)  # a stray one
    o.agent_connect(trunk, alice, "sales", "PJSIP/101")
    o.event("AgentComplete", trunk.headers())  # said at the transfer while the agent goes on talking
    o.event("BridgeVideoSourceUpdate", bridge.headers())
    o.optimised_end(trunk, alice)
    assert len(o.facts) == told


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


# ---- dialling, told oddly


def test_a_dial_end_without_a_dial_begin_and_of_a_channel_never_seen() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    bob = o.new("PJSIP/102", linked=trunk)
    o.dialled(trunk, bob, "CANCEL")
    o.dialled(trunk, Chan("PJSIP/9-00000009", "unseen", ""), "ANSWER")
    o.hangup(bob)
    o.gone(trunk, alice)
    assert (o.call.outcome, o.call.rang) == ("answered", ("alice",))


@pytest.mark.parametrize(
    ("said", "outcome"),
    [(["CANCEL", "CANCEL"], "missed"), (["ANSWER", "NOANSWER"], "missed"), (["NOANSWER", "CANCEL"], "missed"),
     (["BUSY", "BUSY"], "busy"), (["CONGESTION"], "missed"), ([], "missed")],
)  # fmt: skip
def test_dial_ends_that_contradict_each_other_make_nobody_answer(said: list[str], outcome: str) -> None:
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    for status in said:
        o.dialled(trunk, alice, status)
    o.hangup(alice, "0")
    o.hangup(trunk)
    assert (o.call.outcome, o.call.first_answered_by) == (outcome, None)


def test_answered_says_the_dial_and_nobody_is_in_a_bridge() -> None:
    """A mobile that "picks up" before 1 is pressed, a mailbox: Up and DialEnd ANSWER are no talk."""
    o = Office()
    trunk = o.customer()
    one, two = o.local("104", "confirm", trunk)
    o.dial(trunk, one)
    mobile = o.new("PJSIP/trunk", linked=trunk)
    o.dial(two, mobile, f"{MOBILE}@trunk")
    o.rings(two, mobile)
    o.picks_up(two, mobile)
    o.picks_up(trunk, one)
    o.gone(trunk, one, two, mobile)
    assert (o.call.outcome, o.call.talks, o.call.rang) == ("missed", (), ("dave",))


def test_a_phone_that_is_up_does_not_ring() -> None:
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    o.state(alice, "6")
    o.ringing(trunk, alice)
    o.state(trunk, "6")
    bob = o.new("PJSIP/102", linked=trunk)
    o.dial(trunk, bob)
    o.event("DialState", [*bob.headers("Dest"), ("DialStatus", "PROGRESS")])
    assert "bob" not in o.call.rang


# ---- who is who


def test_people_may_change_in_the_middle_of_a_call() -> None:
    o = Office()
    trunk = o.customer()
    stranger = o.calls_phone(trunk, "PJSIP/199")
    o.tracker.set_people(People([("PJSIP/199", "frank")]))
    o.join(stranger, trunk)
    o.gone(trunk, stranger)
    assert talks(o.call) == [("frank", "PJSIP/199")]


def test_a_ringing_local_channel_in_the_customers_bridge_is_no_talk() -> None:
    o = Office()
    trunk, alice, bridge = o.talk()
    one, two = o.local("102", "from-internal", trunk)
    o.gone(alice)
    o.enter(one, bridge)
    o.wait(1)
    bob = o.calls_phone(two, "PJSIP/102")
    assert o.calls[0].ringing == ("bob",)
    assert o.calls[0].talking == ()
    o.gone(trunk, one, two, bob)
    assert talks(o.calls[0]) == [("alice", "PJSIP/101")]


def test_a_channel_that_leaves_a_bridge_it_is_not_in() -> None:
    o = Office()
    trunk, alice, bridge = o.talk()
    other = o.bridge()
    alice.bridge = other
    other.members.append(alice)
    o.leave(alice)
    alice.bridge = bridge
    assert o.call.talking == ("alice",)
    o.event("BridgeLeave", [*bridge.headers(), *Chan("PJSIP/9-00000009", "unseen", "").headers()])
    o.hangup(Chan("PJSIP/9-00000009", "unseen", ""))
    o.gone(trunk, alice)


def test_a_customer_who_is_gone_while_ours_lives_has_ended_his_call() -> None:
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    trunk = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, trunk, f"{MOBILE}@trunk")
    o.join(trunk, alice)
    o.gone(trunk)
    assert o.call.outcome == "answered"
    o.gone(alice)
    assert len(o.calls) == 1


def test_ours_may_leave_an_outbound_call_that_is_passed_on() -> None:
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    trunk = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, trunk, f"{MOBILE}@trunk")
    o.join(trunk, alice)
    o.wait(5)
    o.blind(alice, trunk, "102")
    o.gone(alice)
    assert o.call.outcome == "ongoing"
    bob = o.calls_phone(trunk, "PJSIP/102")
    o.join(bob, trunk)
    o.gone(trunk, bob)
    assert (o.call.last_answered_by, transfers(o.call)) == ("bob", [("blind", "alice", "bob")])
