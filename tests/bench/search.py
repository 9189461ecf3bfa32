"""Search among half a million contacts: milliseconds a query, for a manager and for a seller, on both databases."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from sqlalchemy import Connection, insert

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.folding import folded
from pbxcrm.service import contacts
from pbxcrm.store import schema
from pbxcrm.store.contacts import number_row
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.fakes.postgres import server

MANY, PART, TRIES = 500_000, 10_000, 7
FIRST = ("Anna", "Jan", "Maria", "Piotr", "Ewa", "Adam", "Zofia", "Karol", "Ines", "Omar", "Reza", "Sara", "Ivan")
LAST = ("Kowalska", "Nowak", "Wójcik", "Duarte", "Haddad", "Karimi", "Ahmadi", "Petrova", "Meyer", "Tanaka", "Lin")
QUERIES = {
    "rare name": "quetzal",
    "common name": "kowalska",
    "two words": "anna kowal",
    "three letters": "ska",
    "two letters": "ko",
    "middle of a number": "234567",
    "end of a number": "4567",
    "nobody": "xyzzyx",
}


def fill(conn: Connection) -> None:
    """MANY people with a number each; one of them is called Quetzal."""
    dice = random.Random(7)
    for start in range(1, MANY + 1, PART):
        people, numbers = [], []
        for key in range(start, start + PART):
            name = f"{dice.choice(FIRST)} {dice.choice(LAST)}" if key != MANY // 3 else "Quetzal Bird"
            people.append(
                {"id": key, "name": name, "created_at": float(key), "search": folded(name, f"Firm {key % 9973}")}
            )
            numbers.append(number_row(key, f"+48{dice.randrange(10**8, 10**9)}"))
        conn.execute(insert(schema.contacts), people)
        conn.execute(insert(schema.contact_numbers), numbers)


async def measure(db: Database, who: Scope) -> dict[str, float]:
    """The median of TRIES, milliseconds, by kind of query."""
    found = {}
    for kind, q in QUERIES.items():
        took = []
        for _ in range(TRIES):
            began = time.perf_counter()
            await contacts.list_contacts(db, who, 30, None, q)
            took.append((time.perf_counter() - began) * 1000)
        found[kind] = statistics.median(took)
    return found


async def on(url: str) -> dict[str, dict[str, float]]:
    """A fresh database, filled; then each query."""
    db = Database(url, region="PL")
    await migrate(db)
    await db.alone(fill)
    if not db.sqlite:
        await db.alone(lambda conn: conn.exec_driver_sql("ANALYZE"))
    try:
        return {"a manager": await measure(db, SYSTEM), "a seller": await measure(db, Scope(7, "bob", "agent", 1))}
    finally:
        await db.close()


def run() -> str:
    """A table: a row a kind of query, a column a database and person."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": asyncio.run(on(f"sqlite+aiosqlite:///{Path(folder) / 'pbxcrm.db'}"))}
    with server() as postgres:
        found["PostgreSQL"] = asyncio.run(on(postgres.empty()))
    columns = [(base, who) for base, by in found.items() for who in by]
    lines = ["| looked for | " + " | ".join(f"{base}, {who}" for base, who in columns) + " |"]
    lines.append("|---|" + "---|" * len(columns))
    rows = {kind: " | ".join(f"{found[base][who][kind]:.1f}" for base, who in columns) for kind in QUERIES}
    return "\n".join([*lines, *(f"| {kind} | {times} |" for kind, times in rows.items())])
