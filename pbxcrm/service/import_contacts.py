"""What an import does to contacts, and to the companies that they name."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from sqlalchemy import Connection

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.details import PERSON
from pbxcrm.crm.importing import Given
from pbxcrm.crm.matching import rank
from pbxcrm.service import companies as company_service
from pbxcrm.service import contacts
from pbxcrm.service.import_companies import COMPANIES
from pbxcrm.service.import_things import Bringing, Things
from pbxcrm.store import contacts as rows
from pbxcrm.store.db import Work


class Contacts(Things):
    """People by number, else by e-mail."""

    kind = "contacts"
    thing = "contact"
    texts: ClassVar = ("name", "company", "email", "job_title", "city", "birth_date", "note")

    def of_tails(self, conn: Connection, tails: Iterable[str]) -> list[tuple[int, str, str]]:
        return rows.by_tails(conn, SYSTEM, tails)

    def visible(self, conn: Connection, scope: Scope, thing_id: int) -> bool:
        return rows.one(conn, scope, thing_id) is not None

    def row(self, conn: Connection, thing_id: int) -> Mapping[str, Any] | None:
        row = rows.of_ids(conn, SYSTEM, [thing_id]).get(thing_id)
        if row is None:
            return None
        own = contacts.own_of(row)
        return {**row, **{name: own.get(name, "") for name in PERSON}, "numbers": _numbers(conn, thing_id)}

    def make(self, work: Work, who: Bringing, given: Given) -> dict[str, Any]:
        whole: dict[str, Any] = contacts.at_company(work.conn, who.scope, given)  # type: ignore[arg-type,assignment]
        made = _company(work, who, whole)
        row = contacts.add(work, who.scope, whole, who.owner_id)  # type: ignore[arg-type]
        return {"thing_id": row["id"], "version": row["version"], "before": made}

    def missing(self, row: Mapping[str, Any], given: Given) -> dict[str, Any]:
        values = super().missing(row, given)
        new = [one for one in given.get("numbers", ()) if all(rank(one, other) is None for other in row["numbers"])]
        return values | ({"numbers": [*row["numbers"], *new]} if new else {})

    def fill(self, work: Work, who: Bringing, thing_id: int, given: Given) -> dict[str, Any] | None:
        row = self.row(work.conn, thing_id)
        made = {}
        if row is not None and not row["company"]:
            made = _company(work, who, dict(contacts.at_company(work.conn, who.scope, given)))  # type: ignore[arg-type]
        values = super().fill(work, who, thing_id, given)
        return values and {**values, "before": {**values["before"], **made}}

    def change(self, work: Work, scope: Scope, row: Mapping[str, Any], values: dict[str, Any]) -> int:
        changed = contacts.store_change(work, scope, row["id"], row["version"], values)  # type: ignore[arg-type]
        return int(changed["version"])

    def unmade(self, work: Work, scope: Scope, before: Mapping[str, Any]) -> None:
        if "made_company" in before:
            made = before["made_company"]
            COMPANIES.remove(work, scope, made["id"], made["version"], {})


def _numbers(conn: Connection, contact_id: int) -> list[str]:
    return rows.numbers(conn, SYSTEM, [contact_id])[contact_id]


def _company(work: Work, who: Bringing, given: dict[str, Any]) -> dict[str, Any]:
    """Make the company that is named and was not found, where that is wished, and put it in; what undo needs."""
    name = given.get("company", "")
    if who.companies != "make" or not name or given["company_id"] is not None:
        return {}
    made = company_service.add(work, who.scope, {"name": name, "owner": who.owner})
    given["company_id"] = made["id"]
    return {"made_company": {"id": made["id"], "version": made["version"]}}


CONTACTS = Contacts()
