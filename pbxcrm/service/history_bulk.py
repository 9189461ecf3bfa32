"""Old calls in bulk: contacts, calls and who took part, and the missed ones that nobody called back.

A few statements a batch. No deals and no cards: what happened long ago is to be found, not to be acted on.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Call
from pbxcrm.calls.numbers import digits
from pbxcrm.crm import views
from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.matching import best, tail
from pbxcrm.crm.rules import Decision, Rules, wants_callback
from pbxcrm.crm.views import ContactRow
from pbxcrm.crm.witness import Source
from pbxcrm.service import contact_scores, recordings
from pbxcrm.service.intake_batch import Line
from pbxcrm.service.intake_rows import born_row, call_row, contact_columns, new_contact
from pbxcrm.service.intake_tasks import Subject, TaskBook
from pbxcrm.service.recordings import Files
from pbxcrm.store import calls as store
from pbxcrm.store import contacts, schema
from pbxcrm.store.db import Work
from pbxcrm.store.history import Stored
from pbxcrm.store.lookup import House
from pbxcrm.store.reserve import Ids

_NUMBER = 7  # digits of a number that is somebody's outside: shorter ones are services
_KEPT = ("n", "deal_id", "made_deal")  # what a mended call keeps


class Bulk:
    """Use once a batch."""

    def __init__(self, work: Work, house: House, rules: Rules, source: Source, there: Files) -> None:
        self._conn = work.conn
        self._at = work.at
        self._house = house
        self._rules = rules
        self._source = source
        self._there = there
        # Its tasks are not told one by one: the batch's own journal row tells of them all.
        self._quiet = Work(work.at, conn=work.conn)
        self._ids = Ids(work.conn, 1000)
        self._known: dict[str, ContactRow] = {}
        self._by_id: dict[int, ContactRow] = {}
        self._new: dict[int, ContactRow] = {}
        self._new_numbers: list[dict[str, Any]] = []
        self._talked: dict[int, dict[str, Any]] = {}

    def write(self, new: Sequence[Call], mended: Sequence[tuple[Stored, Call]]) -> None:
        """These are to be created, in order of start; those stored get what is known better now."""
        everything = [*new, *(call for _, call in mended)]
        self._load(everything, [stored.contact_id for stored, _ in mended if stored.contact_id is not None])
        lines = [self._line(call) for call in new]
        again = [self._again(stored, call) for stored, call in mended]
        self._note_talks(everything)
        conn = self._conn
        if self._new:
            contacts.add_known(conn, [contact_columns(row) for row in self._new.values()])
            contacts.add_numbers(conn, self._new_numbers)
        if lines:
            told = {"origin": self._source, "witness": None}
            heard = [self._there.get(recordings.named(call)) for call in new]
            rows = [born_row(line) | call_row(line) | told for line in lines]
            store.add(conn, [row | {"recording": path} for row, path in zip(rows, heard, strict=True)])
        if again:
            store.again(conn, again)
        ids = [line.id for line in lines] + [stored.id for stored, _ in mended]
        joined = [
            {"call_id": key, "user_id": user}
            for key, call in zip(ids, everything, strict=True)
            for user in sorted(self._people(call))
        ]
        if joined:
            store.join(conn, joined)
        if self._talked:
            contacts.talked(conn, list(self._talked.values()))
        contact_scores.rescore(self._quiet, sorted(self._by_id))
        # A mended call may have left its task when it was lost, later than it ended.
        ends = [(call, call.ended_at or 0.0) for call in new if self._lately(call.ended_at)]
        ends += [(call, max(call.ended_at or 0.0, stored.ended_at or 0.0)) for stored, call in mended]
        self._ask_for_calls_back(ends)

    # ---- whose calls

    def _outside(self, call: Call) -> bool:
        return call.direction != "internal" and call.number is not None and call.number not in self._house.dids

    def _load(self, calls: Iterable[Call], ids: Iterable[int]) -> None:
        numbers = {call.number for call in calls if call.number is not None and self._outside(call)}
        by_tail: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
        for contact_id, number, end in contacts.by_tails(self._conn, SYSTEM, sorted({tail(n) for n in numbers})):
            by_tail[end].append((contact_id, number))
        fitting = {number: best(number, found) for number in numbers if (found := by_tail.get(tail(number)))}
        wanted = {key for found in fitting.values() for key in found} | set(ids)
        self._by_id = contacts.of_ids(self._conn, SYSTEM, sorted(wanted))
        for number, keys in fitting.items():
            rows = [self._by_id[key] for key in keys]
            if rows:
                self._known[number] = max(rows, key=lambda row: (row["last_talk_at"] or 0.0, -row["id"]))

    def _contact(self, call: Call) -> ContactRow | None:
        """Whose call it is; somebody new where a number of the world's called, or was talked with."""
        if call.number is None or not self._outside(call):
            return None
        row = self._known.get(call.number)
        if row is not None or len(digits(call.number)) < _NUMBER or not (call.direction == "inbound" or call.talks):
            return row
        row = new_contact(self._ids.next(schema.contacts), call, call.started_at, self._house)
        self._new[row["id"]] = row
        self._new_numbers.append(contacts.number_row(row["id"], call.number))
        self._known[call.number] = self._by_id[row["id"]] = row
        return row

    def _people(self, call: Call) -> set[int]:
        names = (call.caller, *call.rang, *(talk.user for talk in call.talks))
        return {key for name in names if (key := self._house.id_of(name)) is not None}

    # ---- their rows

    def _line(self, call: Call) -> Line:
        contact = self._contact(call)
        line = Line(call.id, 1, contact=contact, call=call)
        view = views.with_links(views.call(call, line.id), contact["id"] if contact else None, None, None)
        line.text = json.dumps(view)[:-1]
        return line

    def _again(self, stored: Stored, call: Call) -> dict[str, Any]:
        contact = self._by_id.get(stored.contact_id or 0) or self._contact(call)
        line = Line(stored.id, stored.n, contact=contact, call=call)
        view = views.call(call, stored.id)
        linked = views.with_links(view, contact["id"] if contact else None, stored.deal_id, stored.recording)
        line.text = json.dumps(linked)[:-1]
        row = {name: value for name, value in call_row(line).items() if name not in _KEPT}
        return {"call": stored.id, **row, "origin": self._source, "witness": None}

    # ---- what is left to do

    def _note_talks(self, calls: Iterable[Call]) -> None:
        """Who was talked with last and by whom: somebody new is stored so, the others are told of."""
        for call in calls:
            contact = self._known.get(call.number or "")
            if contact is None or not call.talks:
                continue
            at = max(talk.end or talk.start for talk in call.talks)
            if at > (contact["last_talk_at"] or 0.0):
                contact["last_talk_at"], contact["last_talk_by"] = at, call.last_answered_by
                if contact["id"] not in self._new:
                    self._talked[contact["id"]] = {"contact": contact["id"], "at": at, "by": call.last_answered_by}

    def _ask_for_calls_back(self, ends: Iterable[tuple[Call, float]]) -> None:
        """Missed lately and never talked with since, in either direction: somebody has to call back."""
        late = sorted(((at, call) for call, at in ends if self._outside(call)), key=lambda pair: pair[0])
        if not late:
            return
        book = TaskBook(self._quiet, self._house, self._rules, self._ids)
        found = {row["id"] for _, call in late if (row := self._known.get(call.number or ""))}
        book.load(sorted(found), sorted({call.number or "" for _, call in late}))
        for at, call in late:
            contact = self._known.get(call.number or "")
            fact, subject = Fact("ended", 1, at, call), Subject(contact, None, call.number)
            if call.talks:
                book.act(fact, Decision(talked=True), subject)
            elif self._lately(at) and wants_callback(call, self._rules) and self._silent(contact, at):
                book.act(fact, Decision(callback=True), subject)
        book.store()

    def _lately(self, at: float | None) -> bool:
        return (at or 0.0) >= self._at - self._rules.history_callback

    @staticmethod
    def _silent(contact: ContactRow | None, at: float) -> bool:
        """Whether nobody has talked with them since, as far as is known."""
        return contact is None or (contact["last_talk_at"] or 0.0) < at
