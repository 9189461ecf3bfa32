"""What the rows of an import do in one transaction: what they need is asked, what they make is written, together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pbxcrm.crm import custom
from pbxcrm.crm.access import Scope
from pbxcrm.crm.fields import CompanyFields
from pbxcrm.crm.importing import Given, name_key
from pbxcrm.crm.leads import LeadRow
from pbxcrm.crm.views import CompanyRow
from pbxcrm.service import companies, custom_fields, leads, owners
from pbxcrm.service.lead_scores import Scoring
from pbxcrm.service.lead_turns import Turns
from pbxcrm.store import companies as firms
from pbxcrm.store import leads as lead_rows
from pbxcrm.store import schema_sales
from pbxcrm.store.db import Work
from pbxcrm.store.reserve import NewRows, Spare


@dataclass(frozen=True, slots=True)
class Bringing:
    """For whom an import works: its person with their rights, and whose the new ones are. Read anew every second."""

    scope: Scope
    import_id: int
    owner: str | None
    owner_id: int | None
    companies: str  # make | match: what becomes of a company that a contact names
    tag_id: int | None
    fields: Sequence[custom.Field]  # of the house's own
    spare: Spare
    at: float


RESERVED = 200  # ids at once, on PostgreSQL


class Batch:
    """Use once a transaction, for these rows. `new`: what they make; write it before anything else may need it."""

    def __init__(self, work: Work, who: Bringing, given: Sequence[Given]) -> None:
        self.work, self.who = work, who
        self.new = NewRows(work.conn, RESERVED, who.spare)
        self.given = given
        self._own: dict[str, Any] = {}
        self._left: int | None = None  # how many leads the importer may still hold

    def own(self, thing: str) -> Any:
        """custom_fields.seeing, once."""
        return self._own.setdefault(thing, custom_fields.seeing(self.work.conn, thing))

    # -- companies that rows name ----------------------------------------------------------------------------------

    @cached_property
    def _firms(self) -> dict[str, tuple[int, str]]:
        keys = {name_key(one["company"]) for one in self.given if one.get("company")}
        return firms.called(self.work.conn, self.who.scope, keys)

    def firm(self, name: str) -> tuple[int, str] | None:
        """The first company that the importer sees which is called so: (id, name)."""
        return self._firms.get(name_key(name))

    def make_firm(self, given: CompanyFields) -> CompanyRow:
        """A new company."""
        work, who = self.work, self.who
        values = {**companies.columns("{}", given), "owner_id": self._firms_owner, "created_at": work.at}
        row: Any = self.new.add(schema_sales.companies, {**values, **firms.derived(values)})
        row = {**row, "owner_name": who.owner if self._firms_owner is not None else None}
        companies.told(work, who.scope, "company.created", None, row, self.own("company"))
        self._firms.setdefault(name_key(given["name"]), (row["id"], row["name"]))
        return row  # type: ignore[no-any-return]

    @cached_property
    def _firms_owner(self) -> int | None:
        return owners.named(self.work.conn, self.who.scope, self.who.owner, "company")

    # -- leads -----------------------------------------------------------------------------------------------------

    @cached_property
    def turns(self) -> Turns:
        """Whose new leads are."""
        return Turns(self.work.conn, self.new.write)

    @cached_property
    def scoring(self) -> Scoring:
        """What they are worth."""
        return Scoring(self.work.conn, [one["numbers"][0] for one in self.given if one.get("numbers")])

    def room(self) -> bool:
        """Whether the importer may hold one more lead."""
        if self._left is None:
            self.new.write()
            self._left = leads.left(self.work.conn, self.who.scope)
        return self._left > 0

    def make_lead(self, values: dict[str, Any]) -> LeadRow:
        """A new lead of these columns."""
        work, who = self.work, self.who
        columns = leads.new(values, work.at, self.turns, self.scoring)
        row: Any = self.new.add(schema_sales.leads, {**columns, **lead_rows.derived(columns)})
        owner, team = row["owner_id"], row["team_id"]
        if self._left is not None and owner == who.scope.user_id:
            self._left -= 1
        # A lead that has an owner or a team of its own has them by the turns, or as everybody's here.
        name = who.owner if owner == who.owner_id else self.turns.house.names[owner].name
        row |= {"owner_name": name, "team_name": None if team is None else self.turns.house.teams[team]}
        leads.told(work, who.scope, "lead.created", None, row, None if team is None else self.turns.house)
        return row  # type: ignore[no-any-return]
