"""The rules of selling by phone: what a call does to the pipeline (docs/calls.md has the table).

Pure: a fact and what is known of the caller in, a decision out. Whoever carries it out writes each thing once: a deal
gets an owner from a call only while it has none.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Call, Outcome

UNANSWERED: frozenset[Outcome] = frozenset({"missed", "abandoned", "busy", "declined", "voicemail", "failed", "lost"})


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings. Times are in seconds."""

    deal_when_answered: bool = True  # an answered caller without an open deal gets one
    deal_when_missed: bool = True  # so does a caller whom nobody answered, without owner
    deal_when_dialled: bool = False  # and somebody we dialled and talked with
    deal_for_leads: bool = False  # and who stands among the leads; else they stay there until somebody qualifies them
    owner: Literal["first", "last"] = "first"  # who owns it: the first of us who talked with them, or the last
    operators_pass_on: bool = True  # a person marked operator owns a deal only if nobody else talked
    talk_owns: bool = True  # an open deal that nobody owns goes to whoever talks with its customer
    callback_within: float = 300  # a missed call wants a call back this soon
    callback_outcomes: frozenset[Outcome] = UNANSWERED  # which ends of an inbound call want one
    look_within: float = 3600  # an owner whose customer a colleague answered looks at it this soon; 0: no such task
    notice_devices: bool = True  # a device of nobody that answers is told of, once
    history_recent: float = 86_400  # a call found in the PBX's history does what a live one does if it is this young
    history_callback: float = 14 * 86_400  # older ones want a call back if they were missed as lately as this


@dataclass(frozen=True, slots=True)
class OpenDeal:
    """A deal the call is on; `owner` by name; `made`: by this very call.

    Known of a mended call's: `touched`: a person has worked on it; `given`: a person said who owns it, or nobody.
    """

    id: int
    owner: str | None
    open: bool = True
    made: bool = False
    touched: bool = False
    given: bool = False


@dataclass(frozen=True, slots=True)
class KnownLead:
    """Somebody who stands among the leads; `owner` by name."""

    owner: str | None


@dataclass(frozen=True, slots=True)
class Caller:
    """What is known when the fact comes: `deals` are those the call is on, the latest active first.

    `operators` are all persons so marked, `ours` whether the number is one of our own. `mended`: the call was told
    worse before; `asked`: what was told then has asked for a call back. `lead`: they are no contact, but a lead.
    """

    deals: Sequence[OpenDeal] = ()
    operators: Collection[str] = ()
    ours: bool = False
    mended: bool = False
    asked: bool = False
    lead: KnownLead | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do. `owner` (None: nobody yet) is for the new deal and for those of `take`; `look`: owners to tell."""

    deal: bool = False  # a new deal, and a contact if there is none
    owner: str | None = None
    take: tuple[int, ...] = ()  # deals without owner that get this one
    correct: tuple[OpenDeal, ...] = ()  # deals that this call gave to somebody else, by what we saw of it
    kept: tuple[OpenDeal, ...] = ()  # deals that would be this one's, had no person had a hand in them
    look: tuple[OpenDeal, ...] = ()  # deals whose owner has to look at what a colleague did
    looked: tuple[str, ...] = ()  # owners who talked with the customer themselves: nothing left to look at
    claim: bool = False  # the lead gets this owner
    look_lead: str | None = None  # whose lead a colleague talked with
    callback: bool = False  # ask for a call back
    talked: bool = False  # somebody of ours has just talked with them: calls back are done
    devices: tuple[str, ...] = ()  # devices of nobody that answered


def decide(fact: Fact, rules: Rules, caller: Caller) -> Decision:
    """What this fact does to the pipeline."""
    call = fact.call
    if call.direction == "internal" or caller.ours:
        return Decision()
    talked = fact.kind in ("answered", "transferred")
    owner = _owner(call, rules, caller.operators)
    wrong = _wrong(owner, caller)
    return Decision(
        deal=_makes_deal(fact, rules, caller),
        owner=owner,
        take=_takes(rules, caller) if owner else (),
        correct=tuple(deal for deal in wrong if not _in_hand(deal)),
        kept=tuple(deal for deal in wrong if _in_hand(deal)),
        look=_look(fact, rules, caller, wrong),
        claim=caller.lead is not None and caller.lead.owner is None and owner is not None and rules.talk_owns,
        look_lead=_look_lead(fact, rules, caller),
        looked=tuple(talk.user for talk in call.talks if talk.user) if talked else (),
        callback=fact.kind == "ended" and not caller.asked and wants_callback(call, rules),
        talked=talked,
        devices=_devices(fact) if rules.notice_devices else (),
    )


def concerns_tasks(fact: Fact) -> bool:
    """Whether a decision about this fact may touch what is still to do: what is not asked for need not be read."""
    return fact.kind in ("answered", "transferred") or (fact.kind == "ended" and not fact.call.talks)


def _makes_deal(fact: Fact, rules: Rules, caller: Caller) -> bool:
    """Whether this very fact makes one; a call that has its deal makes no other, even when that one is closed."""
    call = fact.call
    if caller.deals or call.number is None or (caller.lead and not rules.deal_for_leads):
        return False
    if call.talks:
        return rules.deal_when_answered if call.direction == "inbound" else rules.deal_when_dialled
    return fact.kind == "ended" and rules.deal_when_missed and wants_callback(call, rules)


def wants_callback(call: Call, rules: Rules) -> bool:
    """Whether this is an inbound call that wants a call back."""
    return (
        call.direction == "inbound"
        and call.number is not None
        and not call.talks
        and call.outcome in rules.callback_outcomes
    )


def _owner(call: Call, rules: Rules, operators: Collection[str]) -> str | None:
    """Who owns what this call makes; None as long as it cannot be said, so that it is written once."""
    talkers = [talk.user for talk in call.talks if talk.user]
    if not talkers or (rules.owner == "first" and call.first_answered_by is None):
        return None  # nobody of ours, or who was the first is not known
    ended = call.ended_at is not None
    wanted = [name for name in talkers if not (rules.operators_pass_on and name in operators)]
    if not wanted:
        return talkers[0] if ended else None
    if rules.owner == "first":
        return wanted[0]
    return wanted[-1] if ended else None


def _takes(rules: Rules, caller: Caller) -> tuple[int, ...]:
    """Deals that nobody owns and that now get an owner: the one this call made, and the customer's others."""
    return tuple(
        deal.id
        for deal in caller.deals
        if deal.open and deal.owner is None and not deal.given and (deal.made or rules.talk_owns)
    )


def _wrong(owner: str | None, caller: Caller) -> tuple[OpenDeal, ...]:
    """The deal that a mended call made, where it is not its owner's as the call is told now."""
    if owner is None or not caller.mended:
        return ()
    return tuple(d for d in caller.deals if d.made and d.owner != owner and (d.owner is not None or d.given))


def _in_hand(deal: OpenDeal) -> bool:
    return deal.touched or deal.given or not deal.open


def _look(fact: Fact, rules: Rules, caller: Caller, wrong: Collection[OpenDeal]) -> tuple[OpenDeal, ...]:
    """The newest deal of each owner whose customer called and was answered by somebody else."""
    call = fact.call
    if fact.kind != "answered" or call.direction != "inbound" or not rules.look_within:
        return ()
    talkers = {talk.user for talk in call.talks if talk.user}
    owned = [deal for deal in caller.deals if deal.open and deal.owner and (deal not in wrong or _in_hand(deal))]
    if not talkers or any(deal.owner in talkers for deal in owned):
        return ()
    newest: dict[str | None, OpenDeal] = {}
    for deal in owned:
        newest.setdefault(deal.owner, deal)
    return tuple(newest.values())


def _look_lead(fact: Fact, rules: Rules, caller: Caller) -> str | None:
    """The owner of a lead that called and was answered by somebody else."""
    owner = caller.lead.owner if caller.lead else None
    answered = fact.kind == "answered" and fact.call.direction == "inbound" and rules.look_within
    talkers = {talk.user for talk in fact.call.talks if talk.user}
    return owner if owner and answered and talkers and owner not in talkers else None


def _devices(fact: Fact) -> tuple[str, ...]:
    if fact.kind not in ("answered", "transferred"):
        return ()
    return tuple(dict.fromkeys(talk.device for talk in fact.call.talks if talk.user is None))
