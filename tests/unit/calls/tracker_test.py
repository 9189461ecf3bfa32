"""The tracker, as scripts: events in, facts out. How calls begin, ring and end; each hard case has its own."""

import pytest

from pbxcrm.calls.life import Life
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


def test_one_of_ours_found_in_mid_call_is_no_customer() -> None:
    o = Office()
    o.drop = lambda _frame: True
    lobby, alice = o.new("PJSIP/199", number="199"), o.new("PJSIP/101", number="101")
    o.drop = lambda _frame: False
    o.join(lobby, alice)
    o.gone(lobby, alice)
    assert not o.facts


def test_the_pbx_tells_of_the_caller_s_end_before_the_phone_s_that_declined() -> None:
    o = Office()
    trunk = o.customer()
    phone = o.calls_phone(trunk, "PJSIP/101")
    o.dialled(trunk, phone, "NOANSWER")
    o.hangup(trunk, "21", "403")
    o.hangup(phone, "21", "603")
    assert o.call.outcome == "declined"


def test_of_two_phones_one_declined_and_the_other_rang_in_vain() -> None:
    """The caller's end bears the first one's cause; it says nothing of the second."""
    o = Office()
    trunk = o.customer()
    first, second = o.calls_phone(trunk, "PJSIP/101"), o.calls_phone(trunk, "PJSIP/102")
    o.dialled(trunk, first, "NOANSWER")
    o.hangup(first, "21", "603")
    o.dialled(trunk, second, "NOANSWER")
    o.hangup(trunk, "21", "403")
    o.hangup(second, "0")
    assert o.call.outcome == "missed"


# ---- whether the number is true


@pytest.mark.parametrize(
    ("variable", "value", "verified"),
    [
        ("PBXCRM_VERIFIED", "A", True),
        ("PBXCRM_VERIFIED", "B", False),
        ("PBXCRM_VERIFIED", "C", False),
        ("PBXCRM_VERIFIED", "a", False),
        ("PBXCRM_VERIFIED", "A B", False),
        ("PBXCRM_VERIFIED", "", False),
        ("_PBXCRM_VERIFIED", "A", False),
        ("PBXCRM_VERIFIED_BY", "A", False),
        ("CALLERID(num)", "A", False),
    ],
)
def test_the_carrier_vouches_for_a_number_by_one_word(variable: str, value: str, verified: bool) -> None:
    o = Office()
    trunk = o.customer()
    o.event("VarSet", [*trunk.headers(), ("Variable", variable), ("Value", value)])
    o.calls_phone(trunk, "PJSIP/101")
    assert o.call.number_verified is verified
    o.hangup(trunk)
    assert o.call.number_verified is verified


def test_only_the_callers_own_channel_verifies_the_number() -> None:
    said = [("Variable", "PBXCRM_VERIFIED"), ("Value", "A")]
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    o.event("VarSet", [*alice.headers(), *said])
    o.event("VarSet", said)
    o.hangup(trunk)
    assert not o.call.number_verified
    hidden = Office()
    trunk = hidden.customer("anonymous")
    hidden.event("VarSet", [*trunk.headers(), *said])
    hidden.calls_phone(trunk, "PJSIP/101")
    assert hidden.call.number is None
    assert not hidden.call.number_verified


def test_what_was_verified_may_be_taken_back_and_outlives_a_restart_of_ours() -> None:
    o = Office()
    trunk = o.customer()
    for level in ("A", "B", "A"):
        o.event("VarSet", [*trunk.headers(), ("Variable", "PBXCRM_VERIFIED"), ("Value", level)])
    o.calls_phone(trunk, "PJSIP/101")
    assert Life.revive(o.call, 1).snapshot().number_verified
    o.event("VarSet", [*trunk.headers(), ("Variable", "PBXCRM_VERIFIED"), ("Value", "C")])
    o.hangup(trunk)
    assert not o.call.number_verified
