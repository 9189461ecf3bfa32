"""Any table of texts, imported: taken back it leaves what was there, and brought twice it changes nothing."""

import asyncio
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.service import companies, contacts, import_work, imports, leads, people
from pbxcrm.service.errors import Invalid
from pbxcrm.store import imports as rows
from pbxcrm.store import schema, schema_sales
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.store.plans import plans

HEADS = {
    "contacts": ("name", "company", "email", "phone", "birth date", "note"),
    "companies": ("company", "city", "email", "phone", "website", "note"),
    "leads": ("name", "company", "email", "phone", "city", "note"),
}
TABLES = (
    schema.contacts,
    schema.contact_numbers,
    schema_sales.companies,
    schema_sales.leads,
    schema_sales.contact_tags,
    schema_sales.lead_tags,
)
# What a change and its undoing both leave: that something happened.
TOUCHED = {"version", "changed_at", "active_at"}

# Few values, so that rows meet each other; and any text at all.
CELL = st.one_of(
    st.sampled_from(
        ("", "", "Anna", "ANNA ", "Łąka", "laka", "علی", "601000001", "+48 601 000 001", "601000002", "a@x.pl",
         "A@X.PL", "b@x.pl", "601000001; 601000002", "=1+1", "'=1", "۶۰۱۰۰۰۰۰۱", "4.8601E+10", "1370/05/12",
         "31.12.1990", "x" * 300)
    ),
    st.text(max_size=12),
)  # fmt: skip


async def store(path: Path) -> tuple[Database, Scope]:
    """Somebody of each kind is there already."""
    db = Database(f"sqlite+aiosqlite:///{path}", region="PL")
    await migrate(db)
    boss = await people.add_user(db, "boss", "manager", ["PJSIP/101"])
    scope = Scope(boss, "boss", "manager")
    await contacts.create(db, scope, {"name": "Anna", "numbers": ["+48601000001"]})
    await contacts.create(db, scope, {"name": "", "email": "b@x.pl", "company": "Old"})
    await companies.create(db, scope, {"name": "LAKA"})
    await leads.create(db, scope, {"name": "علی", "email": "a@x.pl"})
    return db, scope


def held(conn: Connection, but: set[str]) -> dict[str, Any]:
    """All that is stored of them."""
    return {
        table.name: [
            {name: value for name, value in row.items() if name not in but}
            for row in conn.execute(select(table).order_by(*table.primary_key)).mappings()
        ]
        for table in TABLES
    }


async def run(db: Database, scope: Scope, kind: str, path: Path) -> str | None:
    try:
        made = await imports.start(db, scope, kind, "t.csv", path)
    except Invalid:
        return None  # no table at all
    if not made["mapping"]:
        return None
    await imports.prepare(db, scope, made["id"], None, {"tag": "fair"})
    await imports.run(db, scope, made["id"])
    while await import_work.step(db):
        pass
    assert (await imports.get(db, scope, made["id"]))["state"] == "done"
    return str(made["id"])


async def once(db: Database, scope: Scope, kind: str, rows: Sequence[Sequence[str]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
        csv.writer(file).writerows([HEADS[kind], *rows])
    before = await db.reading(lambda conn: held(conn, TOUCHED | {"id"}))
    made = await run(db, scope, kind, path)
    if made is None:
        return
    done = await db.reading(lambda conn: held(conn, set()))
    twice = await run(db, scope, kind, path)
    assert await db.reading(lambda conn: held(conn, set())) == done
    for one in (twice, made):
        assert one is not None
        if one == made or (await imports.get(db, scope, one))["made"]:
            await imports.undo(db, scope, one)
            while await import_work.step(db):
                pass
    left = await db.reading(lambda conn: held(conn, TOUCHED | {"id"}))
    assert left == before


@pytest.mark.parametrize("kind", HEADS)
def test_any_table_twice_and_taken_back(kind: str, tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        db, scope = runner.run(store(tmp_path / "pbxcrm.db"))

        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(st.lists(CELL, min_size=1, max_size=6), max_size=6))
        def each(rows: list[list[str]]) -> None:
            runner.run(once(db, scope, kind, rows, tmp_path / "table.csv"))

        try:
            each()
        finally:
            runner.run(db.close())


@pytest.mark.asyncio
async def test_rows_that_are_done_are_not_looked_through_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each part of a long table takes longer than the one before."""
    db, scope = await store(tmp_path / "places.db")
    asked: list[tuple[str, int, int]] = []

    def ahead(conn: Connection, who: Scope, key: int, limit: int, *, after: int = 0, **more: Any) -> list[rows.Line]:
        asked.append(("do", after, limit))
        return lines(conn, who, key, limit, after=after, **more)

    def back(conn: Connection, who: Scope, key: int, limit: int, place: int, actions: Any) -> list[rows.Line]:
        asked.append(("undo", place, limit))
        return lines_back(conn, who, key, limit, place, actions)

    lines, lines_back = rows.lines, rows.lines_back
    monkeypatch.setattr(rows, "lines", ahead)
    monkeypatch.setattr(rows, "lines_back", back)
    path = tmp_path / "people.csv"
    path.write_text("name,phone\n" + "".join(f"P{n},60200{n:04}\n" for n in range(25)), encoding="utf-8")
    made = await imports.start(db, scope, "contacts", path.name, path)
    await imports.prepare(db, scope, made["id"], None, None)
    await imports.run(db, scope, made["id"])
    asked.clear()
    pace = import_work.Pace(span=60.0)
    for _ in range(4):
        pace.rows = 10
        await import_work.step(db, pace)
    assert asked == [("do", 0, 10), ("do", 10, 10), ("do", 20, 10), ("do", 25, 10)]
    await imports.undo(db, scope, made["id"])
    asked.clear()
    for _ in range(4):
        pace.rows = 10
        await import_work.step(db, pace)
    assert asked == [("undo", 25, 10), ("undo", 15, 10), ("undo", 5, 10), ("undo", 0, 10)]
    assert (await imports.get(db, scope, made["id"]))["became"] == {"undone": 25}
    await db.close()


@pytest.mark.asyncio
async def test_rows_of_a_place_are_found_by_it(tmp_path: Path) -> None:
    db, _ = await store(tmp_path / "plans.db")
    plan = await plans(db, lambda conn: rows.lines(conn, SYSTEM, 1, 10, after=5, actions=("",)))
    assert "(import_id=? AND n>?)" in plan, plan
    plan = await plans(db, lambda conn: rows.lines_back(conn, SYSTEM, 1, 10, 5, ("made", "changed")))
    assert "(import_id=? AND n<?)" in plan, plan
    assert "TEMP B-TREE" not in plan, plan
    plan = await plans(db, lambda conn: rows.restored(conn, 1, 7, 1, 2))
    assert "ix_import_rows_thing_id" in plan, plan
    await db.close()


def test_a_slow_machine_still_does_several_rows_at_once() -> None:
    """What a transaction costs beside its rows would else be most of it: one row each, and never more again."""
    pace = import_work.Pace()
    for _ in range(10):
        pace.took(1.0)
    assert pace.rows == import_work.FEWEST > 1
    pace.took(0.0)
    assert pace.rows > import_work.FEWEST


@pytest.mark.asyncio
async def test_rows_that_take_long_are_left_for_the_next_transaction(tmp_path: Path) -> None:
    """Calls and people wait for the end of each."""
    db, scope = await store(tmp_path / "slow.db")
    path = tmp_path / "people.csv"
    path.write_text("name,phone\n" + "".join(f"P{n},60200{n:04}\n" for n in range(12)), encoding="utf-8")
    made = await imports.start(db, scope, "contacts", path.name, path)
    await imports.prepare(db, scope, made["id"], None, None)
    await imports.run(db, scope, made["id"])
    pace, done = import_work.Pace(span=0.0), []
    while await import_work.step(db, pace):
        done.append((await imports.get(db, scope, made["id"]))["made"])
    assert done == [5, 10, 12, 12]
    assert (await imports.get(db, scope, made["id"]))["state"] == "done"
    await db.close()
