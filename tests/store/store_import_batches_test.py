"""Rows done many at a time become what they become one by one: the same things, marks, journal and audit log."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from pbxcrm.crm.access import Scope
from pbxcrm.service import companies, contacts, import_work, imports, lead_settings, leads, people
from pbxcrm.store import schema, schema_sales
from pbxcrm.store.db import Database
from tests.fakes.postgres import Server
from tests.store.office import Clock
from tests.store.store_imports_test import TABLES

HEADS = ("name", "company", "email", "phone", "city", "note", "source")
# Rows that meet each other, what is there already, and what cannot be told apart or read.
ROWS = (
    ("Anna Nowak", "Acme", "anna@acme.example", "601000001", "Łódź", "", "fair"),
    ("Anna Nowak", "ACME", "", "+48 601 000 001", "", "fills the note of the row above", ""),
    ("Jan", "Beta Sp. z o.o.", "jan@beta.example", "601000002; 601000003", "", "", "web"),
    ("", "beta sp. z o.o.", "", "601000003", "Kraków", "", ""),
    ("Someone else", "", "JAN@beta.example", "", "", "", ""),
    ("", "", "", "601000002", "", "by its first number", ""),
    ("No number", "Gamma", "", "", "", "", ""),
    ("No number", "gamma", "", "", "", "named twice", ""),
    ("Bad", "", "", "12", "", "", ""),
    ("Old", "", "old@old.example", "601000099", "Wien", "of one that is there", ""),
    ("", "Acme", "", "601000098", "", "", "fair"),
    ("Both", "", "old@old.example", "601000098", "", "several fit", ""),
    ("علی", "Firma Łąka", "", "۶۰۱۰۰۰۰۱۱", "", "", ""),
    ("علی", "firma laka", "a@laka.example", "601000011", "", "", "web"),
    ("Owned by Bob", "", "", "601000097", "", "nobody else sees him", ""),
    ("Fresh", "Acme", "", "601000012", "", "", ""),
    ("Customer", "", "", "601000096", "", "", ""),
    ("Fresh", "", "", "601000012", "Wien", "", ""),
    ("Last", "Theirs", "", "601000013", "", "", ""),
    # More than PostgreSQL is sent one by one.
    *((f"N{n}", f"Firm {n}", f"n{n}@x.example", f"6020001{n:02}; 6020002{n:02}", "", "", "web") for n in range(21)),
    ("N3", "Firm 4", "", "602000203", "Wien", "", ""),
)


async def settled(db: Database) -> dict[str, Scope]:
    """A manager, a seller, another seller's customer and company, and somebody of each kind."""
    found = {}
    for name, role, team in (("boss", "manager", None), ("ann", "agent", "North"), ("bob", "agent", None)):
        found[name] = Scope(await people.add_user(db, name, role, [], team=team), name, role)  # type: ignore[arg-type]
    boss, bob = found["boss"], found["bob"]
    await contacts.create(db, boss, {"name": "Old", "email": "old@old.example", "owner": "ann"})
    await contacts.create(db, bob, {"name": "", "numbers": ["+48601000097"], "company": "Theirs"})
    await contacts.create(db, boss, {"name": "Customer", "numbers": ["+48601000096"]})
    await companies.create(db, bob, {"name": "Theirs"})
    await companies.create(db, boss, {"name": "Old company", "email": "old@old.example"})
    await leads.create(db, boss, {"name": "علی", "email": "a@laka.example"})
    return found


async def brought(db: Database, scope: Scope, kind: str, path: Path, options: dict[str, str]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADS, *ROWS])
    made = await imports.start(db, scope, kind, "t.csv", path)
    await imports.prepare(db, scope, made["id"], None, {"tag": "fair", **options})
    await imports.run(db, scope, made["id"])
    return str(made["id"])


async def done(db: Database, at_once: int) -> None:
    pace = import_work.Pace(span=60.0)
    more = True
    while more:
        pace.rows = at_once
        more = await import_work.step(db, pace)


def stored(conn: Connection) -> dict[str, Any]:
    """All that an import leaves, the ids numbered anew in their order: PostgreSQL leaves gaps between them."""
    tables = [*TABLES, schema_sales.import_rows, schema.audit, schema.journal]
    found: dict[str, Any] = {
        table.name: [dict(row) for row in conn.execute(select(table).order_by(*table.primary_key)).mappings()]
        for table in tables
    }
    found["audit"] = [{**row, "id": 0, "changes": json.loads(row["changes"])} for row in found["audit"]]
    # How far it is, and that the base has changed, is told once a transaction.
    told = [row for row in found["journal"] if row["kind"] not in ("import.changed", "lead.base")]
    found["journal"] = [{**row, "id": 0, "data": json.loads(row["data"])} for row in told]
    ids = {kind: _numbered(found, kind) for kind in ("contact", "company", "lead")}
    for name, rows in found.items():
        found[name] = [_renamed(row, name, ids) for row in rows]
    return found


_OF = {"contacts": "contact", "companies": "company", "leads": "lead"}


def _numbered(found: dict[str, Any], kind: str) -> dict[str, int]:
    made = [row["data"]["id"] for row in found["journal"] if row["kind"] == f"{kind}.created"]
    return {one: n for n, one in enumerate(made, 1)}


def _renamed(row: dict[str, Any], name: str, ids: dict[str, dict[str, int]]) -> dict[str, Any]:
    """A row with its ids numbered anew."""
    changed = dict(row)
    if name in _OF:
        changed["id"] = ids[_OF[name]][str(row["id"])]
    if name == "contact_numbers":
        changed["id"] = 0
    for column in ("contact_id", "company_id", "lead_id"):
        if row.get(column) is not None:
            changed[column] = ids[column.removesuffix("_id")][str(row[column])]
    if name == "audit" and row["thing"] in ids:
        changed["thing_id"] = ids[row["thing"]][row["thing_id"]]
    if name == "import_rows":
        changed["thing_id"] = row["thing_id"] is not None
        before = json.loads(row["before"] or "{}")
        if "made_company" in before:
            before["made_company"] = ids["company"][str(before["made_company"]["id"])]
        changed["before"] = before
    if name == "journal" and (kind := row["kind"].split(".")[0]) in ids:
        data = dict(row["data"])
        data["id"] = ids[kind][data["id"]]
        if data.get("company_id"):
            data["company_id"] = ids["company"][data["company_id"]]
        changed["data"] = data
    return changed


CASES = [
    ("contacts", "boss", {"owner": "ann"}),
    ("contacts", "ann", {"companies": "make"}),
    ("companies", "boss", {}),
    ("leads", "boss", {}),
    ("leads", "ann", {"duplicates": "new"}),
]


@pytest.mark.parametrize(("kind", "who", "options"), CASES)
@pytest.mark.asyncio
async def test_a_batch_gives_what_its_rows_give_one_by_one(
    kind: str, who: str, options: dict[str, str], new_url: Callable[[], str], clock: Clock, tmp_path: Path
) -> None:
    found = []
    for at_once in (1, 200):
        db = Database(new_url(), clock, "PL")
        try:
            known = await settled(db)
            rules = {"rule": "turn", "teams": "web = North"}
            administrator = Scope(known["boss"].user_id, "boss", "admin")
            await lead_settings.change_settings(db, administrator, used=True, limit=30, needs=0, **rules)
            made = await brought(db, known[who], kind, tmp_path / "t.csv", options)
            await done(db, at_once)
            after = await db.reading(stored)
            assert {row["action"] for row in after["import_rows"]} >= {"made", "skipped"}
            await imports.undo(db, known[who], made)
            await done(db, at_once)
            found.append((after, await db.reading(stored)))
        finally:
            await db.close()
    assert found[1] == found[0]


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    """What is sent to the database; a statement that is run for many rows counts once."""
    said: list[str] = []

    def hear(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    event.listen(db.engine.sync_engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(db.engine.sync_engine, "before_cursor_execute", hear)


@pytest.mark.parametrize("kind", ["contacts", "companies", "leads"])
@pytest.mark.asyncio
async def test_many_new_rows_are_as_few_statements_as_some(
    kind: str, postgres: Server, clock: Clock, tmp_path: Path
) -> None:
    """Each is a round trip to PostgreSQL, while calls wait for their turn."""
    db = Database(postgres.database(), clock, "PL")
    boss = (await settled(db))["boss"]
    path, sent = tmp_path / "t.csv", {}
    for rows in (30, 90):
        table = [(f"N{n}", f"Firm {rows} {n // 2}", f"6{rows}00{n:04}", "Wien") for n in range(rows)]
        path.write_text("\n".join(",".join(row) for row in [("name", "company", "phone", "city"), *table]), "utf-8")
        made = await imports.start(db, boss, kind, "t.csv", path)
        names = {"1": "name"} if kind == "companies" else made["mapping"]
        await imports.prepare(db, boss, made["id"], names | {"2": "phone"}, {"tag": "fair", "duplicates": "new"})
        await imports.run(db, boss, made["id"])
        pace = import_work.Pace(span=60.0)
        pace.rows = rows
        with statements(db) as said:
            await import_work.step(db, pace)
        assert (await imports.get(db, boss, made["id"]))["became"] == {"made": rows}
        sent[rows] = said
        await done(db, rows)
    await db.close()
    assert len(sent[90]) <= len(sent[30]) < 30, sent[90]
