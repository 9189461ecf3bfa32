"""One batch of facts: everything they need read at once, decided in memory, everything written at once.

A few statements a batch however many facts it holds; new rows get their ids first, so that they can name each other.
"""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Call, Evidence
from pbxcrm.crm import leads as lead_rules
from pbxcrm.crm import views, wrapup
from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.leads import LeadRow
from pbxcrm.crm.matching import best, tail
from pbxcrm.crm.rules import Caller, Decision, OpenDeal, Rules, concerns_tasks, decide
from pbxcrm.crm.views import ContactRow, DealRow
from pbxcrm.service import contact_scores, tell
from pbxcrm.service.intake_leads import LeadBook
from pbxcrm.service.intake_rows import born_row, call_row, contact_columns, deal_row, history_row, new_contact
from pbxcrm.service.intake_tasks import Subject, TaskBook
from pbxcrm.store import calls, contacts, deals, details, dials, schema, wrapups
from pbxcrm.store.db import Work, audience
from pbxcrm.store.lookup import House
from pbxcrm.store.reserve import Ids
from pbxcrm.store.totals import Ledger

WRAPUP_FOR = 12 * 3600.0  # seconds: of an older call nobody is asked any more what came of it
_DIAL_STATE = {"ringing": "ringing", "answered": "answered", "transferred": "answered", "ended": "ended"}


@dataclass(slots=True)
class Line:
    """One call in this batch: what is stored of it, and what this batch adds."""

    id: str
    n: int = 0
    stored: bool = False
    recording: str | None = None
    contact: ContactRow | None = None
    others: Sequence[int] = ()  # all contacts that the number fits as well
    deals: list[DealRow] = field(default_factory=list)
    about: DealRow | None = None
    lead: LeadRow | None = None
    made: bool = False
    call: Call | None = None
    text: str = ""  # the view as JSON, without its closing brace
    noted: tuple[Evidence, ...] = ()  # what was done about it
    links: list[DealRow] = field(default_factory=list)
    wrapped: Mapping[str, float] = field(default_factory=dict)  # who has said what came of it: of which talk
    people: set[int] = field(default_factory=set)


class Batch:
    """Use once: load, run, store."""

    def __init__(self, work: Work, house: House, rules: Rules, facts: int) -> None:
        self._work = work
        self._conn = work.conn
        self._house = house
        self._rules = rules
        self._operators = {user.name for user in house.users.values() if user.operator}
        self._facts: list[tuple[Line, Fact]] = []
        self._lines: dict[str, Line] = {}
        self._contacts: dict[int, ContactRow] = {}
        self._numbers: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        self._deals: dict[int, DealRow] = {}
        self._open: defaultdict[int, list[DealRow]] = defaultdict(list)
        self._dials: dict[str, Any] = {}
        self._ids = Ids(work.conn, facts)
        self._tasks = TaskBook(work, house, rules, self._ids)
        self._leads = LeadBook(work, house)
        self._details: Mapping[int, Mapping[str, str]] = {}
        self._ledger = Ledger()
        self._new_contacts: list[dict[str, Any]] = []
        self._new_numbers: list[dict[str, Any]] = []
        self._new_deals: dict[int, DealRow] = {}
        self._history: list[dict[str, Any]] = []
        self._touched: dict[int, float] = {}
        self._talked: list[dict[str, Any]] = []
        self._mended: Mapping[str, bool] = {}
        self._left: dict[tuple[str, int], float] = {}  # (call, person) who has talked: when that talk began
        self._hands: dict[int, deals.Hands] = {}
        self.kept: dict[str, str] = {}  # mended calls whose deal stays with another than they say; who it is

    # ---- reading

    def load(self, facts: Sequence[Fact], mended: Mapping[str, bool] | None = None) -> bool:
        """Read what these facts need; False when none of them is new.

        `mended`: ids of calls that were told worse before, and whether they have asked for a call back then.
        """
        self._mended = mended or {}
        named = [(fact.call.id, fact) for fact in facts]
        states = calls.states(self._conn, list(dict.fromkeys(key for key, _ in named)))
        for state in states:
            self._lines[state.id] = Line(
                state.id, state.n, stored=True, recording=state.recording, made=state.made_deal
            )
        # The link stood still or the database was away, and what the PBX wrote down was read first.
        told = calls.written(self._conn, [fact.call for key, fact in named if key not in self._lines])
        for key, fact in named:
            if key in told:
                continue
            line = self._lines.setdefault(key, Line(key))
            if fact.n > line.n:
                line.n = fact.n
                self._facts.append((line, fact))
        if not self._facts:
            return False
        self._load_callers(states)
        talked = [line.id for line, fact in self._facts if line.stored and fact.call.talks and fact.kind != "answered"]
        for key, rows in wrapups.finished(self._conn, SYSTEM, list(dict.fromkeys(talked))).items():
            self._lines[key].wrapped = rows
        if made := [line.about["id"] for line in self._lines.values() if line.about and line.id in self._mended]:
            self._hands = deals.hands(self._conn, SYSTEM, made)
        return True

    def _load_callers(self, states: Sequence[calls.State]) -> None:
        known = {state.id for state in states if state.contact_id is not None}
        outside = [(line, f.call) for line, f in self._facts if not self._ours(f.call)]
        numbers = {call.number for line, call in outside if call.number is not None}
        lost = {call.number for line, call in outside if call.number is not None and line.id not in known}
        for contact_id, number, end in contacts.by_tails(self._conn, SYSTEM, {tail(number) for number in lost}):
            self._numbers[end].append((contact_id, number))
        self._leads.load(number for number in lost if not self._numbers[tail(number)])
        self._load_dials({call.action_id for _, call in outside if call.action_id is not None})
        ids = {contact_id for found in self._numbers.values() for contact_id, _ in found}
        ids |= {state.contact_id for state in states if state.contact_id is not None}
        linked = {state.linked for state in states if state.linked is not None}
        if self._dials:
            ids |= {dial.contact_id for dial in self._dials.values() if dial.contact_id is not None}
            dialled = {dial.deal_id for dial in self._dials.values() if dial.deal_id is not None}
            self._keep(deals.of_ids(self._conn, SYSTEM, sorted(dialled)))
            ids |= {row["contact_id"] for row in self._deals.values() if row["contact_id"] is not None}
        self._contacts = contacts.of_ids(self._conn, SYSTEM, sorted(ids))
        self._keep(deals.of_calls(self._conn, SYSTEM, sorted(linked), sorted(ids)))
        self._details = details.of_deals(self._conn, SYSTEM, self._deals)
        if any(concerns_tasks(fact) for _, fact in self._facts):
            self._tasks.load(sorted(ids), sorted(numbers))
        for state in states:
            self._recall(state)

    def _load_dials(self, ids: Iterable[str]) -> None:
        for key in ids:
            row = dials.by_id(self._conn, SYSTEM, key)
            if row is not None:
                self._dials[key] = row

    def _keep(self, rows: Iterable[DealRow]) -> None:
        for row in rows:
            if row["id"] not in self._deals:
                self._deals[row["id"]] = row
                if row["open"] and row["contact_id"] is not None:
                    self._open[row["contact_id"]].append(row)

    def _recall(self, state: calls.State) -> None:
        line = self._lines[state.id]
        if state.contact_id is not None:
            line.contact = self._contacts.get(state.contact_id)
        if state.linked is not None:
            line.deals.append(self._deals[state.linked])
        if state.deal_id is not None and line.about is None:
            line.about = self._deals.get(state.deal_id)

    # ---- deciding

    def run(self) -> None:
        """Take the facts one by one; what they do is told to the journal in this order."""
        for line, fact in self._facts:
            self._take(line, fact)

    def _ours(self, call: Call) -> bool:
        return call.direction == "internal" or call.number in self._house.dids

    def _take(self, line: Line, fact: Fact) -> None:
        call = line.call = fact.call
        names = (call.caller, *call.rang, *call.ringing, *call.talking, *(talk.user for talk in call.talks))
        line.people.update(key for name in names if (key := self._house.id_of(name)) is not None)
        ours = self._ours(call)
        if not ours:
            self._recognise(line, call)
        line.deals.sort(key=lambda row: (row["active_at"], row["id"]), reverse=True)
        on = [self._open_deal(line, row) for row in line.deals]
        mended, asked = line.id in self._mended, self._mended.get(line.id, False)
        decision = decide(fact, self._rules, Caller(on, self._operators, ours, mended, asked, LeadBook.seen(line.lead)))
        if decision.deal:
            self._make(line, fact, decision)
        for deal_id in decision.take:
            self._give(self._deals[deal_id], decision.owner, fact.at)
        line.lead = self._leads.act(fact, decision, line.lead)
        if line.lead is not None and line.lead["owner_id"] is not None:
            line.people.add(line.lead["owner_id"])
        corrected = [deal for deal in decision.correct if self._correct(line, fact, deal, decision.owner)]
        for deal in decision.kept:
            self.kept[line.id] = deal.owner or ""
        self._choose(line, call)
        self._note_talk(line, fact)
        self._tell_call(line, fact)
        self._tasks.act(fact, decision, Subject(line.contact, line.about, None if ours else call.number, line.lead))
        for deal in corrected:
            self._tasks.tell_owners(fact, deal, Subject(line.contact, self._deals[deal.id], call.number))
        if call.action_id in self._dials:
            reason = call.outcome if fact.kind == "ended" else ""
            dials.go_on(self._conn, call.action_id, _DIAL_STATE[fact.kind], reason, line.id)

    def _open_deal(self, line: Line, row: DealRow) -> OpenDeal:
        hands = self._hands.get(row["id"], deals.Hands())
        touched = hands.touched or row["stage_kind"] != "unsorted"
        return OpenDeal(
            row["id"], row["owner_name"], row["open"], line.made and row is line.about, touched, hands.given
        )

    def _recognise(self, line: Line, call: Call) -> None:
        """Whose call it is, and on which deals it shows: all open ones of that caller."""
        dial = self._dials.get(call.action_id or "")
        if dial is not None and line.about is None and dial.deal_id is not None:
            line.about = self._deals[dial.deal_id]
            line.contact = line.contact or self._contacts.get(line.about["contact_id"] or 0)
            self._link(line, line.about)
        if dial is not None and line.contact is None and dial.contact_id is not None:
            line.contact = self._contacts.get(dial.contact_id)
        if line.contact is None and call.number is not None:
            line.others = best(call.number, self._numbers[tail(call.number)])
            line.contact = self._likeliest(line.others)
            line.lead = None if line.contact else self._leads.find(call.number)
        for contact_id in line.others or ([line.contact["id"]] if line.contact else []):
            for row in self._open[contact_id]:
                if row["open"] and row not in line.deals:
                    self._link(line, row)

    def _likeliest(self, ids: Sequence[int]) -> ContactRow | None:
        """Of several contacts with one number: who has the deal that was active last, else who was talked with last."""

        def key(contact_id: int) -> tuple[float, float, int]:
            active = max((row["active_at"] for row in self._open[contact_id]), default=0.0)
            return active, self._contacts[contact_id]["last_talk_at"] or 0.0, -contact_id

        return self._contacts[max(ids, key=key)] if ids else None

    @staticmethod
    def _link(line: Line, row: DealRow) -> None:
        line.deals.append(row)
        line.links.append(row)

    def _make(self, line: Line, fact: Fact, decision: Decision) -> None:
        """A deal in Unsorted, and a contact where there is none."""
        call, owner = fact.call, self._house.users.get(decision.owner or "")
        if line.contact is None and call.number is not None:
            line.contact = self._make_contact(call, fact.at, owner.id if owner else None, owner.name if owner else None)
        row = deal_row(self._ids.next(schema.deals), call, fact.at, line.contact, owner, self._house)
        self._deals[row["id"]] = self._new_deals[row["id"]] = row
        if line.contact is not None:
            self._open[line.contact["id"]].append(row)
        line.about, line.made = row, True
        self._link(line, row)
        self._ledger.enters(row["stage_id"], row["owner_id"], row["currency"], row["value"])
        self._history.append(history_row(row))
        tell.deal(self._work, "deal.created", None, row, SYSTEM)

    def _make_contact(self, call: Call, at: float, owner_id: int | None, owner_name: str | None) -> ContactRow:
        row = new_contact(self._ids.next(schema.contacts), call, at, self._house, owner_id, owner_name)
        self._new_contacts.append(contact_columns(row))
        number = contacts.number_row(row["id"], call.number or "")
        self._new_numbers.append(number)
        self._numbers[number["tail"]].append((row["id"], number["number"]))
        self._contacts[row["id"]] = row
        tell.contact(self._work, self._conn, "contact.created", row, [number["number"]], owner_id)
        return row

    def _give(self, row: DealRow, name: str | None, at: float) -> bool:
        """Its first owner, or the right one after a wrong one; whether it is theirs now."""
        owner = self._house.users.get(name or "")
        if owner is None:
            return False
        before = row.copy()
        values = {"owner_id": owner.id, "active_at": max(at, row["active_at"]), "changed_by": None}
        if row["id"] not in self._new_deals and not deals.change(self._conn, row["id"], row["version"], values):
            return False  # somebody claimed it this moment
        row["owner_id"], row["owner_name"], row["owner_full_name"] = owner.id, owner.name, owner.full_name
        row["active_at"] = values["active_at"] or 0.0
        row["version"] += 1
        self._ledger.leaves(before)
        self._ledger.enters(row["stage_id"], row["owner_id"], row["currency"], row["value"])
        tell.deal(self._work, "deal.changed", before, row, SYSTEM)
        return True

    def _correct(self, line: Line, fact: Fact, deal: OpenDeal, name: str | None) -> bool:
        """What we saw gave the deal to somebody, what the PBX wrote down gives it to another; whether it has it now."""
        row = self._deals[deal.id]
        was = row["owner_id"]
        if not self._give(row, name, fact.at):
            self.kept[line.id] = deal.owner or ""
            return False
        said = f"the PBX's own record says who answered: the deal went from {deal.owner} to {name}"
        line.noted += (Evidence(fact.at, "owner", said),)
        contact = line.contact
        if contact is not None and (contact["owner_id"], contact["version"]) == (was, 1):
            values = {"owner_id": row["owner_id"]}
            if contacts.change(self._conn, contact["id"], contact["version"], values):
                contact["owner_id"], contact["owner_name"] = row["owner_id"], row["owner_name"]
                contact["version"] += 1
                tell.contact(
                    self._work, self._conn, "contact.changed", contact, [fact.call.number or ""], row["owner_id"]
                )
        return True

    def _choose(self, line: Line, call: Call) -> None:
        """The one deal a call is about: the talker's own before others, then the one active last."""
        if call.action_id is not None and line.about is not None:
            return
        talkers = {talk.user for talk in call.talks}
        mine = [row for row in line.deals if row["open"] and row["owner_name"] in talkers]
        if mine and (line.about is None or line.about["owner_name"] not in talkers):
            line.about = mine[0]
        elif line.about is None and line.deals:
            line.about = line.deals[0]

    def _note_talk(self, line: Line, fact: Fact) -> None:
        call = fact.call
        if fact.kind != "ended":
            return
        if line.about is not None and line.about["active_at"] < fact.at:
            line.about["active_at"] = self._touched[line.about["id"]] = fact.at
        if call.talks and line.contact is not None:
            at, by = max(talk.end or fact.at for talk in call.talks), call.last_answered_by
            if (line.contact["last_talk_at"] or 0.0) < at:
                line.contact["last_talk_at"], line.contact["last_talk_by"] = at, by
                self._talked.append({"contact": line.contact["id"], "at": at, "by": by})

    def _tell_call(self, line: Line, fact: Fact) -> None:
        contact_id = line.contact["id"] if line.contact else None
        call = dataclasses.replace(fact.call, evidence=fact.call.evidence + line.noted) if line.noted else fact.call
        view = views.with_links(
            views.call(call, line.id), contact_id, line.about["id"] if line.about else None, line.recording
        )
        line.text = json.dumps(view)[:-1]
        self._leave(line, fact)
        line.deals.sort(key=lambda row: (row["active_at"], row["id"]), reverse=True)
        lead = lead_rules.card(line.lead) if line.lead else None
        card = json.dumps(views.card(line.contact, line.deals, self._details, lead))
        heard = audience(*line.people, *(row["owner_id"] for row in line.deals))
        wrapped = json.dumps(wrapup.finished(view, line.wrapped))
        self._work.journal(f"call.{fact.kind}", f'{line.text}, "card": {card}, "wrapped_by": {wrapped}}}', heard)

    def _leave(self, line: Line, fact: Fact) -> None:
        """Who has talked and talks no more is to say what came of it: asked of calls of these hours alone."""
        call = fact.call
        if call.direction == "internal" or line.id in self._mended or fact.at < self._work.at - WRAPUP_FOR:
            return
        for talk in call.talks:
            key = self._house.id_of(talk.user)
            if key is not None and talk.user not in call.talking:
                self._left[line.id, key] = views.epoch(views.iso(talk.start) or "")

    # ---- writing

    def store(self) -> None:
        """Write it all, each table once."""
        conn, lines = self._conn, [line for line in self._lines.values() if line.call is not None]
        if self._new_contacts:
            contacts.add_known(conn, self._new_contacts)
            contacts.add_numbers(conn, self._new_numbers)
        if self._new_deals:
            deals.add_known(conn, list(self._new_deals.values()))
            deals.enters(conn, self._history)
        self._ledger.write(conn)
        if new := [born_row(line) | call_row(line) for line in lines if not line.stored]:
            calls.add(conn, new)
        if known := [{"call": line.id} | call_row(line) for line in lines if line.stored]:
            calls.again(conn, known)
        if joined := [{"call_id": line.id, "user_id": key} for line in lines for key in sorted(line.people)]:
            calls.join(conn, joined)
        if linked := [{"call_id": line.id, "deal_id": row["id"]} for line in lines for row in line.links]:
            calls.link(conn, linked)
        if touched := [{"deal": k, "moment": at} for k, at in self._touched.items() if k not in self._new_deals]:
            deals.touch(conn, touched)
        if left := [{"call_id": k, "user_id": user, "at": at} for (k, user), at in self._left.items()]:
            wrapups.begin(conn, left)
        if self._talked:
            contacts.talked(conn, self._talked)
        if over := {line.contact["id"] for line in lines if line.contact and line.call and line.call.ended_at}:
            contact_scores.rescore(self._work, sorted(over))
        self._leads.store()
        self._tasks.store()
