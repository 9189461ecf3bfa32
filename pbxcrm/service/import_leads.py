"""What an import does to leads. Who is a customer already is none: leads stand apart."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar

from sqlalchemy import Connection

from pbxcrm.crm import custom
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.importing import Given
from pbxcrm.service import audit, leads
from pbxcrm.service.import_batch import Batch
from pbxcrm.service.import_companies import missing_number, one_number
from pbxcrm.service.import_contacts import CONTACTS
from pbxcrm.service.import_things import Known, Things
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

    def closed(self, row: Mapping[str, Any]) -> str:
        return "customer" if row["qualified_at"] is not None else ""

    def full(self, batch: Batch) -> str:
        # A manager gives beyond any limit, as by hand.
        return "" if batch.who.scope.sees_all or batch.room() else "limit"

    def of_tails(self, conn: Connection, tails: Iterable[str]) -> list[tuple[int, str, str]]:
        return imports.of_tails(conn, SYSTEM, self.kind, tails)

    def seen(self, conn: Connection, scope: Scope, ids: Collection[int]) -> set[int]:
        return rows.seen(conn, scope, ids)

    def rows(self, conn: Connection, ids: Collection[int]) -> Mapping[int, Mapping[str, Any]]:
        return rows.whole(conn, SYSTEM, ids)

    def make(self, batch: Batch, given: Given) -> tuple[Mapping[str, Any], dict[str, Any]]:
        who = batch.who
        columns = {**_columns(one_number(given), "{}"), "owner_id": who.owner_id, "import_id": who.import_id}
        return batch.make_lead(columns), {}

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
