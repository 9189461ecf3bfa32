"""What an import does to contacts, and to the companies that they name."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Connection

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.details import PERSON
from pbxcrm.crm.fields import ContactFields
from pbxcrm.crm.importing import Given
from pbxcrm.crm.matching import rank
from pbxcrm.crm.views import ContactRow
from pbxcrm.service import contact_scores, contacts
from pbxcrm.service.import_batch import Batch
from pbxcrm.service.import_companies import COMPANIES
from pbxcrm.service.import_things import Things
from pbxcrm.store import contacts as rows
from pbxcrm.store import schema
from pbxcrm.store.db import Work


class Contacts(Things):
    """People by number, else by e-mail."""

    kind = "contacts"
    thing = "contact"
    beside = COMPANIES
    texts: ClassVar = ("name", "company", "email", "job_title", "city", "birth_date", "note")

    def of_tails(self, conn: Connection, tails: Iterable[str]) -> list[tuple[int, str, str]]:
        return rows.by_tails(conn, SYSTEM, tails)

    def seen(self, conn: Connection, scope: Scope, ids: Collection[int]) -> set[int]:
        return rows.seen(conn, scope, ids)

    def rows(self, conn: Connection, ids: Collection[int]) -> Mapping[int, Mapping[str, Any]]:
        numbers = rows.numbers(conn, SYSTEM, ids)
        return {one: _whole(row, numbers[one]) for one, row in rows.of_ids(conn, SYSTEM, ids).items()}

    def make(self, batch: Batch, given: Given) -> tuple[Mapping[str, Any], dict[str, Any]]:
        whole, made = _at_company(batch, given)
        work, who = batch.work, batch.who
        row: Any = batch.new.add(schema.contacts, contacts.columns(whole, who.owner_id, work.at))
        numbers = given.get("numbers", [])
        for number in numbers:
            batch.new.put(schema.contact_numbers, rows.number_row(row["id"], number))
        row["owner_name"] = who.owner if who.owner_id is not None else None
        contacts.created(work, who.scope, row, whole, batch.own("contact"))
        return _whole(row, numbers), made

    def written(self, work: Work, ids: Sequence[int]) -> None:
        contact_scores.rescore(work, ids)

    def missing(self, row: Mapping[str, Any], given: Given) -> dict[str, Any]:
        values = super().missing(row, given)
        new = [one for one in given.get("numbers", ()) if all(rank(one, other) is None for other in row["numbers"])]
        return values | ({"numbers": [*row["numbers"], *new]} if new else {})

    def fill(self, batch: Batch, row: Mapping[str, Any], given: Given) -> dict[str, Any] | None:
        made = {} if row["company"] else _at_company(batch, given)[1]
        values = super().fill(batch, row, given)
        return values and {**values, "before": {**values["before"], **made}}

    def change(self, work: Work, scope: Scope, row: Mapping[str, Any], values: dict[str, Any]) -> int:
        changed = contacts.store_change(work, scope, row["id"], row["version"], values)  # type: ignore[arg-type]
        return int(changed["version"])

    def made_beside(self, before: Mapping[str, Any]) -> tuple[int, int] | None:
        made = before.get("made_company")
        return (made["id"], made["version"]) if made else None


def _whole(row: ContactRow, numbers: list[str]) -> dict[str, Any]:
    own = contacts.own_of(row)
    return {**row, **{name: own.get(name, "") for name in PERSON}, "numbers": numbers}


def _at_company(batch: Batch, given: Given) -> tuple[ContactFields, dict[str, Any]]:
    """With the company that is named, made where there is none and that is wished; what undo needs of it."""
    whole: ContactFields = {**given}  # type: ignore[typeddict-item]
    name = given.get("company")
    if not name:
        return whole, {}
    if (firm := batch.firm(name)) is not None:
        return {**whole, "company_id": firm[0], "company": firm[1]}, {}
    if batch.who.companies != "make":
        return whole, {}
    made = batch.make_firm({"name": name})
    return {**whole, "company_id": made["id"]}, {"made_company": {"id": made["id"], "version": made["version"]}}


CONTACTS = Contacts()
