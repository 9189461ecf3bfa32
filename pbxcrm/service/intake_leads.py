"""Leads that call, or are called: who they are, whose they become, how they stand by now.

A lead stays one whatever its calls do: it becomes a contact and a deal when somebody says so, not before.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from pbxcrm.calls.facts import Fact
from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.leads import LeadRow, likeliest, now_stands
from pbxcrm.crm.matching import tail
from pbxcrm.crm.rules import Decision, KnownLead
from pbxcrm.service import lead_scores
from pbxcrm.service import leads as lead_service
from pbxcrm.service.errors import Conflict
from pbxcrm.service.lead_settings import uses
from pbxcrm.store import leads
from pbxcrm.store.db import Work
from pbxcrm.store.lookup import House


class LeadBook:
    """The leads of a batch's callers."""

    def __init__(self, work: Work, house: House) -> None:
        self._work = work
        self._house = house
        self._known: defaultdict[str, list[LeadRow]] = defaultdict(list)
        self._over: dict[int, float] = {}  # those whose call is over, and when

    def load(self, numbers: Iterable[str]) -> None:
        """Read the leads with these numbers, where the house has leads."""
        wanted = {tail(number) for number in numbers}
        if wanted and uses(self._work.conn):
            for row in leads.by_tails(self._work.conn, SYSTEM, wanted):
                self._known[tail(row["number"] or "")].append(row)

    def find(self, number: str | None) -> LeadRow | None:
        """Whose number this is, if it is a lead's."""
        return likeliest(number, self._known[tail(number)]) if number else None

    @staticmethod
    def seen(row: LeadRow | None) -> KnownLead | None:
        """What the rules of calls ask of a lead."""
        return KnownLead(row["owner_name"]) if row is not None else None

    def act(self, fact: Fact, decision: Decision, row: LeadRow | None) -> LeadRow | None:
        """Carry out the part of a decision that is about the lead; gives it as it is then."""
        if row is None:
            return None
        if fact.kind == "ended":
            self._over[row["id"]] = fact.at
        owner = self._house.users.get(decision.owner or "") if decision.claim else None
        values: dict[str, Any] = now_stands(row, fact)
        if owner is not None:
            values |= {"owner_id": owner.id, "claimed_at": fact.at}
        if not values:
            return row
        try:
            made = lead_service.store_change(
                self._work, SYSTEM, row, values, "lead.claimed" if owner else "lead.changed"
            )
        except Conflict:  # somebody is at it this very moment: what they did is newer
            return row
        known = self._known[tail(row["number"] or "")]
        known[known.index(row)] = made
        return made

    def store(self) -> None:
        """After the calls are written: what they say of these leads counts."""
        for lead_id, at in self._over.items():
            leads.touch(self._work.conn, lead_id, at)
        if self._over:
            lead_scores.rescore(self._work, sorted(self._over))
