"""What a call does, as decisions: the table of docs/calls.md without a database."""

import dataclasses

import pytest

from pbxcrm.calls.facts import Fact
from pbxcrm.crm.rules import UNANSWERED, Caller, Decision, KnownLead, OpenDeal, Rules, concerns_tasks, decide
from tests.store.office import Caller as Phone

RULES = Rules()
NOBODY = Caller()


def inbound(**more: object) -> Phone:
    return Phone("+48601234567", **more)


def outbound(**more: object) -> Phone:
    return Phone("+48601234567", direction="outbound", **more)


def known(*deals: OpenDeal, **more: object) -> Caller:
    return Caller(deals, **more)


ALICES = OpenDeal(1, "alice")
BOBS = OpenDeal(2, "bob")
NOBODYS = OpenDeal(3, None)
CLOSED = OpenDeal(4, "alice", open=False)


def test_ringing_decides_nothing():
    assert decide(inbound().rings("alice", "bob"), RULES, NOBODY) == Decision()


def test_a_new_number_answered_makes_a_deal_of_who_answered():
    made = decide(inbound().answers("bob"), RULES, NOBODY)
    assert made == Decision(deal=True, owner="bob", talked=True, looked=("bob",))


def test_the_deal_is_made_once():
    call = inbound()
    call.answers("bob")
    mine = known(OpenDeal(1, "bob", made=True))
    for fact in (call.rings(), call.passes("alice"), call.ends()):
        assert not decide(fact, RULES, mine).deal
        assert not decide(fact, RULES, mine).take


def test_a_deal_that_was_closed_during_the_call_is_not_made_again():
    call = inbound()
    call.answers("alice")
    assert not decide(call.ends(), RULES, known(CLOSED)).deal


@pytest.mark.parametrize("outcome", sorted(UNANSWERED))
def test_a_new_number_that_nobody_answered_makes_a_deal_without_owner_and_a_call_back(outcome):
    call = inbound()
    call.rings("alice")
    assert decide(call.ends(outcome), RULES, NOBODY) == Decision(deal=True, callback=True)


def test_which_ends_want_a_call_back_is_a_setting():
    rules = Rules(callback_outcomes=frozenset({"missed"}))
    assert decide(inbound().ends("busy"), rules, NOBODY) == Decision()
    assert decide(inbound().ends("missed"), rules, NOBODY).callback


def test_a_known_open_deal_missed_wants_a_call_back_and_no_second_deal():
    assert decide(inbound().ends("missed"), RULES, known(ALICES)) == Decision(callback=True)


def test_its_owner_answered():
    made = decide(inbound().answers("alice"), RULES, known(ALICES))
    assert made == Decision(owner="alice", talked=True, looked=("alice",))


def test_another_answered_and_the_owner_has_to_look():
    made = decide(inbound().answers("bob"), RULES, known(ALICES))
    assert made.look == (ALICES,)
    assert not made.deal
    assert not made.take


def test_one_of_several_owners_answered_and_nobody_has_to_look():
    assert decide(inbound().answers("bob"), RULES, known(ALICES, BOBS)).look == ()


def test_each_of_several_owners_looks_at_their_latest_deal():
    older = OpenDeal(9, "alice")
    assert decide(inbound().answers("charlie"), RULES, known(ALICES, BOBS, older)).look == (ALICES, BOBS)


def test_looking_is_a_setting_and_for_answers_to_inbound_calls_alone():
    assert decide(inbound().answers("bob"), Rules(look_within=0), known(ALICES)).look == ()
    assert decide(outbound().answers("bob"), RULES, known(ALICES)).look == ()
    assert decide(inbound().answers(None), RULES, known(ALICES)).look == ()
    call = inbound()
    call.answers("bob")
    assert decide(call.passes("charlie"), RULES, known(ALICES)).look == ()


def test_a_closed_deal_has_nobody_to_look():
    assert decide(inbound().answers("bob"), RULES, known(CLOSED)).look == ()


def test_an_open_deal_of_nobody_goes_to_who_talks():
    assert decide(inbound().answers("bob"), RULES, known(NOBODYS)).take == (3,)
    assert decide(outbound().answers("bob"), RULES, known(NOBODYS)).take == (3,)
    assert decide(inbound().answers("bob"), Rules(talk_owns=False), known(NOBODYS)).take == ()
    made = OpenDeal(5, None, made=True)
    assert decide(inbound().answers("bob"), Rules(talk_owns=False), known(NOBODYS, made)).take == (5,)


def test_a_closed_deal_of_nobody_stays_nobodys():
    assert decide(inbound().answers("bob"), RULES, known(OpenDeal(3, None, open=False))).take == ()


@pytest.mark.parametrize("call", [Phone("101", direction="internal"), Phone("102", direction="internal")])
def test_an_internal_call_decides_nothing(call):
    for fact in (call.rings("bob"), call.answers("bob"), call.ends()):
        assert decide(fact, RULES, known(ALICES)) == Decision()


def test_our_own_number_decides_nothing():
    assert decide(inbound().answers("bob"), RULES, Caller(ours=True)) == Decision()


def test_an_anonymous_call_makes_no_deal_and_no_call_back():
    call = Phone(None)
    assert not decide(call.answers("bob"), RULES, NOBODY).deal
    assert decide(Phone(None).ends("missed"), RULES, NOBODY) == Decision()


def test_dialling_makes_a_deal_only_by_setting():
    assert not decide(outbound().answers("bob"), RULES, NOBODY).deal
    assert decide(outbound().answers("bob"), Rules(deal_when_dialled=True), NOBODY).deal
    assert not decide(outbound().ends("missed"), Rules(deal_when_dialled=True), NOBODY).deal
    assert not decide(outbound().ends("missed"), RULES, NOBODY).callback


def test_deals_by_calls_can_be_switched_off():
    assert not decide(inbound().answers("bob"), Rules(deal_when_answered=False), NOBODY).deal
    missed = decide(inbound().ends("missed"), Rules(deal_when_missed=False), NOBODY)
    assert missed == Decision(callback=True)


def test_an_answered_call_without_a_deal_still_gets_one_later():
    """Somebody told us of the call only when it was over: the first fact may be the last."""
    call = inbound()
    call.answers("bob")
    assert decide(call.ends(), RULES, NOBODY) == Decision(deal=True, owner="bob")


def answered_then(*users: str | None) -> list[Fact]:
    call = inbound()
    first, *others = users
    return [call.answers(first), *(call.passes(user) for user in others), call.ends()]


def owners(facts: list[Fact], rules: Rules, operators: frozenset[str] = frozenset()) -> list[str | None]:
    return [decide(fact, rules, Caller(operators=operators)).owner for fact in facts]


def test_the_first_to_answer_owns_it():
    assert owners(answered_then("bob", "alice"), RULES) == ["bob", "bob", "bob"]


def test_the_last_by_setting_and_only_when_it_is_known():
    assert owners(answered_then("bob", "alice"), Rules(owner="last")) == [None, None, "alice"]


def test_an_operator_passes_it_on():
    operators = frozenset({"olga"})
    assert owners(answered_then("olga", "alice"), RULES, operators) == [None, "alice", "alice"]
    assert owners(answered_then("olga", "alice", "bob"), RULES, operators) == [None, "alice", "alice", "alice"]
    assert owners(answered_then("olga", "alice"), Rules(owner="last"), operators) == [None, None, "alice"]


def test_an_operator_who_keeps_it_owns_it_in_the_end():
    assert owners(answered_then("olga"), RULES, frozenset({"olga"})) == [None, "olga"]
    assert owners(answered_then("olga"), Rules(operators_pass_on=False), frozenset({"olga"})) == ["olga", "olga"]


def test_a_device_of_nobody_makes_a_deal_without_owner_and_is_told_of():
    made = decide(inbound().answers(None, "PJSIP/109"), RULES, NOBODY)
    assert made == Decision(deal=True, talked=True, devices=("PJSIP/109",))
    assert decide(inbound().answers(None, "PJSIP/109"), Rules(notice_devices=False), NOBODY).devices == ()


def test_the_first_person_after_a_device_of_nobody_owns_it():
    call = inbound()
    call.answers(None, "PJSIP/109")
    made = decide(call.passes("alice"), RULES, known(OpenDeal(3, None, made=True)))
    assert (made.owner, made.take, made.deal) == ("alice", (3,), False)


def test_whatever_touches_tasks_says_so():
    """What concerns_tasks leaves out decides nothing about tasks, for every fact there is."""
    for direction in ("inbound", "outbound"):
        for outcome in (*sorted(UNANSWERED), "answered"):
            call = Phone("+48601234567", direction=direction)
            facts = [call.rings("alice")]
            facts += [call.answers("bob"), call.passes("alice")] if outcome == "answered" else []
            facts += [call.ends(outcome)]
            for fact in facts:
                made = decide(fact, RULES, known(ALICES, NOBODYS))
                touches = made.talked or made.callback or made.look or made.devices
                assert concerns_tasks(fact) or not touches


def test_the_settings_have_defaults_and_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RULES.owner = "last"


def test_a_lead_stays_one_whoever_answers() -> None:
    free = Caller(lead=KnownLead(None))
    answered = decide(inbound().answers("bob"), Rules(), free)
    assert (answered.deal, answered.claim, answered.owner) == (False, True, "bob")
    assert decide(inbound().ends("missed"), Rules(), free).callback
    assert not decide(inbound().ends("missed"), Rules(), free).deal
    assert not decide(inbound().answers("bob"), Rules(talk_owns=False), free).claim
    assert decide(inbound().answers("bob"), Rules(deal_for_leads=True), free).deal


def test_the_owner_of_a_lead_is_told_of_a_colleagues_talk() -> None:
    theirs = Caller(lead=KnownLead("alice"))
    decision = decide(inbound().answers("bob"), Rules(), theirs)
    assert (decision.look_lead, decision.claim) == ("alice", False)
    assert decide(inbound().answers("alice"), Rules(), theirs).look_lead is None
    assert decide(inbound().answers("bob"), Rules(look_within=0), theirs).look_lead is None
