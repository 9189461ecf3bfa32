"""What an import does to leads. Who is a customer already is none: leads stand apart."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from sqlalchemy import Connection

from pbxcrm.crm import custom
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.importing import Given
from pbxcrm.service import audit, leads
from pbxcrm.service.errors import Refused
from pbxcrm.service.import_companies import missing_number, one_number
from pbxcrm.service.import_contacts import CONTACTS
from pbxcrm.service.import_things import Bringing, Known, Things
from pbxcrm.store import imports
from pbxcrm.store import leads as rows
from pbxcrm.store.db import Work


class Leads(Things):
    """People who may become customers, by number, else by e-mail."""

    kind = "leads"
    thing = "lead"
    texts: ClassVar = ("name", "company", "job_title", "email", "city", "source", "interest", "note")

    def customers(self, conn: Connection, scope: Scope, batch: list[Given]) -> Known:
        return CONTACTS.known(conn, scope, batch)

    def closed(self, conn: Connection, thing_id: int) -> str:
        row = self.row(conn, thing_id)
        return "customer" if row is not None and row["qualified_at"] is not None else ""

    def full(self, conn: Connection, who: Bringing) -> str:
        try:  # a manager gives beyond any limit, as by hand
            if not who.scope.sees_all:
                leads.room(conn, who.scope)
        except Refused:
            return "limit"
        return ""

    def of_tails(self, conn: Connection, tails: Iterable[str]) -> list[tuple[int, str, str]]:
        return imports.of_tails(conn, SYSTEM, self.kind, tails)

    def visible(self, conn: Connection, scope: Scope, thing_id: int) -> bool:
        return rows.one(conn, scope, thing_id) is not None

    def row(self, conn: Connection, thing_id: int) -> Mapping[str, Any] | None:
        found = rows.of_ids(conn, SYSTEM, [thing_id])
        return found[0] if found else None

    def make(self, work: Work, who: Bringing, given: Given) -> dict[str, Any]:
        columns = {**_columns(one_number(given), "{}"), "owner_id": who.owner_id, "import_id": who.import_id}
        row = leads.add(work, who.scope, columns)
        return {"thing_id": row["id"], "version": row["version"]}

    def missing(self, row: Mapping[str, Any], given: Given) -> dict[str, Any]:
        return super().missing(row, given) | missing_number(row, given)

    def change(self, work: Work, scope: Scope, row: Mapping[str, Any], values: dict[str, Any]) -> int:
        return leads.store_change(work, scope, row, _columns(values, row["details"]))["version"]  # type: ignore[arg-type]

    def lost(self, _row: Mapping[str, Any]) -> audit.Changes:
        return {}  # who is a lead no more leaves no trace


def _columns(values: dict[str, Any], details: str) -> dict[str, Any]:
    """As the table has them: values of the house's own fields stand in the details."""
    if "custom" not in values:
        return values
    said = custom.put(json.loads(details), values["custom"])
    others = {name: value for name, value in values.items() if name != "custom"}
    return {**others, "details": json.dumps(said, ensure_ascii=False)}


LEADS = Leads()
