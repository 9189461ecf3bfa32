"""What calls leave to do: calls back, looks at what a colleague said, devices that belong to nobody."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pbxcrm.calls.facts import Fact
from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.leads import LeadRow
from pbxcrm.crm.rules import Decision, OpenDeal, Rules
from pbxcrm.crm.views import ContactRow, DealRow, TaskRow
from pbxcrm.service import tell
from pbxcrm.store import tasks
from pbxcrm.store.db import Work
from pbxcrm.store.lookup import House
from pbxcrm.store.reserve import Ids
from pbxcrm.store.schema import tasks as table

# Nobody waits for a device: a manager gives it to a person some time that day, or says that it is nobody's.
_DEVICE_WITHIN = 86_400.0


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom and what a call is about."""

    contact: ContactRow | None
    deal: DealRow | None
    number: str | None
    lead: LeadRow | None = None

    @property
    def keys(self) -> list[tuple[str, object]]:
        """By what their tasks are found."""
        contact: list[tuple[str, object]] = [("contact", self.contact["id"])] if self.contact else []
        return [*contact, ("number", self.number)] if self.number else contact


class TaskBook:
    """The open tasks of a batch's callers, those stored and those this batch adds."""

    def __init__(self, work: Work, house: House, rules: Rules, ids: Ids) -> None:
        self._work = work
        self._house = house
        self._rules = rules
        self._ids = ids
        self._open: defaultdict[tuple[str, object], dict[int, TaskRow]] = defaultdict(dict)
        self._new: dict[int, TaskRow] = {}
        self._done: list[dict[str, Any]] = []
        self._again: list[dict[str, Any]] = []
        self._devices: set[str] | None = None

    def load(self, contact_ids: Sequence[int], numbers: Sequence[str]) -> None:
        """Read what is still to do about these callers."""
        for task in tasks.open_of_callers(self._work.conn, SYSTEM, contact_ids, numbers):
            self._keep(task)

    def _keep(self, task: TaskRow) -> None:
        self._open["contact", task["contact_id"]][task["id"]] = task
        self._open["number", task["number"]][task["id"]] = task

    def act(self, fact: Fact, decision: Decision, subject: Subject) -> None:
        """Carry out the part of a decision that is about tasks."""
        found = {key: task for place in subject.keys for key, task in self._open[place].items()}
        theirs = [found[key] for key in sorted(found)]
        if decision.talked:
            self._talked(fact, decision, theirs)
        if decision.callback:
            self._call_back(fact, theirs, subject)
        for deal in decision.look:
            self._look(fact, deal.owner, deal.id, theirs, subject)
        if decision.look_lead:
            self._look(fact, decision.look_lead, None, theirs, subject)
        for device in decision.devices:
            self._device(fact, device)

    def _talked(self, fact: Fact, decision: Decision, theirs: Sequence[TaskRow]) -> None:
        """Calls back are done by any talk after the last call was missed, or in it; looks, by the owner's own."""
        by = next((talk.user for talk in reversed(fact.call.talks) if talk.user), None)
        for task in theirs:
            missed = max(task["created_at"], task["called_at"] or 0.0)
            if task["kind"] == "callback" and (missed <= fact.at or task["call_id"] == fact.call.id):
                self._close(task, fact.at, by)
            elif task["kind"] == "look" and task["user_name"] in decision.looked:
                self._close(task, fact.at, task["user_name"])

    def _close(self, task: TaskRow, at: float, by: str | None) -> None:
        task["done_at"], task["done_by_name"] = at, by
        self._open["contact", task["contact_id"]].pop(task["id"], None)
        self._open["number", task["number"]].pop(task["id"], None)
        self._done.append({"task": task["id"], "at": at, "by": self._house.id_of(by)})
        tell.task(self._work, self._house, task)

    def _call_back(self, fact: Fact, theirs: Sequence[TaskRow], subject: Subject) -> None:
        """One row a caller: a second missed call is counted on the first one's, whose deadline stays."""
        for task in theirs:
            if task["kind"] == "callback":
                self._count(task, fact, subject.deal)
                return
        did = self._house.dids.get(fact.call.did or "")
        known = subject.deal or subject.contact or subject.lead
        owner = known["owner_id"] if known else None
        row = self._row(fact, "callback", self._rules.callback_within, subject)
        row["user_id"], row["team_id"] = owner, did.team_id if did and owner is None else None
        self._add(row)

    def _look(
        self, fact: Fact, owner: str | None, deal_id: int | None, theirs: Sequence[TaskRow], subject: Subject
    ) -> None:
        for task in theirs:
            if task["kind"] == "look" and task["user_name"] == owner:
                self._count(task, fact, subject.deal)
                return
        row = self._row(fact, "look", self._rules.look_within, subject)
        row["user_id"], row["deal_id"] = self._house.id_of(owner), deal_id
        self._add(row)

    def tell_owners(self, fact: Fact, was: OpenDeal, subject: Subject) -> None:
        """The subject's deal went to another by what the PBX wrote down: both have a look, after a talk or not."""
        row = subject.deal
        if row is None or not self._rules.look_within:
            return
        for name, theirs in ((was.owner, None), (row["owner_name"], row)):
            task = self._row(fact, "look", self._rules.look_within, Subject(subject.contact, theirs, subject.number))
            task["user_id"] = self._house.id_of(name)
            self._add(task)

    def _count(self, task: TaskRow, fact: Fact, deal: DealRow | None) -> None:
        task["times"] += 1
        task["call_id"], task["outcome"], task["called_at"] = fact.call.id, fact.call.outcome, fact.at
        task["deal_id"] = task["deal_id"] or (deal["id"] if deal else None)
        self._again.append({"task": task["id"], "more": 1, "call": task["call_id"], "deal": task["deal_id"]})
        tell.task(self._work, self._house, task)

    def _device(self, fact: Fact, device: str) -> None:
        """Once a device: told again only after somebody has dealt with it."""
        if self._devices is None:
            self._devices = tasks.open_devices(self._work.conn, SYSTEM)
        if device not in self._devices:
            self._devices.add(device)
            row = self._row(fact, "device", _DEVICE_WITHIN, Subject(None, None, None))
            row["title"] = device
            self._add(row)

    def _row(self, fact: Fact, kind: str, within: float, subject: Subject) -> TaskRow:
        contact, deal = subject.contact, subject.deal
        name = (contact["name"] or contact["company"]) if contact else ""
        return {
            "id": self._ids.next(table),
            "kind": kind,
            "title": name or fact.call.caller_name or subject.number or "",
            "deal_id": deal["id"] if deal else None,
            "contact_id": contact["id"] if contact else None,
            "contact_name": contact["name"] if contact else None,
            "company": contact["company"] if contact else None,
            "call_id": fact.call.id,
            "outcome": fact.call.outcome,
            "called_at": fact.call.ended_at,
            "number": subject.number,
            "user_id": None,
            "user_name": None,
            "team_id": None,
            "team_name": None,
            "times": 1,
            "created_at": fact.at,
            "due_at": fact.at + within,
            "done_at": None,
            "done_by_name": None,
            "ends_at": None,
            "place": "",
            "note": "",
            "result": "",
            "remind_at": None,
            "version": 1,
        }

    def _add(self, row: TaskRow) -> None:
        user = self._house.names.get(row["user_id"] or 0)
        row["user_name"] = user.name if user else None
        row["team_name"] = self._house.teams.get(row["team_id"] or 0)
        self._keep(row)
        self._new[row["id"]] = row.copy()
        tell.task(self._work, self._house, row)

    def store(self) -> None:
        """Write what was added and done."""
        conn = self._work.conn
        if self._new:
            tasks.add_known(conn, list(self._new.values()))
        if self._again:
            tasks.again(conn, self._again)
        if self._done:
            tasks.done(conn, self._done)
