"""What an import does to companies."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar

from sqlalchemy import Connection

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.importing import Given
from pbxcrm.service import companies
from pbxcrm.service.import_batch import Batch
from pbxcrm.service.import_things import Things
from pbxcrm.store import companies as rows
from pbxcrm.store import imports
from pbxcrm.store.db import Work


class Companies(Things):
    """Companies by number, e-mail or name."""

    kind = "companies"
    thing = "company"
    texts: ClassVar = ("name", "email", "site", "address", "city", "note")
    named = True

    def of_tails(self, conn: Connection, tails: Iterable[str]) -> list[tuple[int, str, str]]:
        return imports.of_tails(conn, SYSTEM, self.kind, tails)

    def seen(self, conn: Connection, scope: Scope, ids: Collection[int]) -> set[int]:
        return rows.seen(conn, scope, ids)

    def rows(self, conn: Connection, ids: Collection[int]) -> Mapping[int, Mapping[str, Any]]:
        return rows.of_ids(conn, SYSTEM, ids)

    def make(self, batch: Batch, given: Given) -> tuple[Mapping[str, Any], dict[str, Any]]:
        return batch.make_firm(one_number(given)), {}  # type: ignore[arg-type]

    def missing(self, row: Mapping[str, Any], given: Given) -> dict[str, Any]:
        return super().missing(row, given) | missing_number(row, given)

    def change(self, work: Work, scope: Scope, row: Mapping[str, Any], values: dict[str, Any]) -> int:
        return int(companies.store_change(work, scope, row["id"], row["version"], values)["version"])  # type: ignore[arg-type]


def one_number(given: Given) -> dict[str, Any]:
    """The same for a thing that has one number."""
    numbers = given.get("numbers", [])
    return {name: said for name, said in given.items() if name != "numbers"} | (
        {"number": numbers[0]} if numbers else {}
    )


def missing_number(row: Mapping[str, Any], given: Given) -> dict[str, Any]:
    """The number of a thing that has one, where it has none."""
    numbers = given.get("numbers", [])
    return {"number": numbers[0]} if numbers and not row["number"] else {}


COMPANIES = Companies()
