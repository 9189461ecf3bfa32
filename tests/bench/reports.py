"""The quick reports of 100,000 deals and three years: milliseconds each, and how long the loop waits."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.http import periods
from pbxcrm.http.i18n import Reader
from pbxcrm.service import people, reports, stale
from pbxcrm.service.reports import Asked, Number
from pbxcrm.store import schema, schema_sales
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.fakes.postgres import server

MANY, PART, TRIES, SELLERS = 100_000, 5_000, 5, 20
DAY, YEARS = 86400.0, 3
NOW = datetime(2026, 11, 15, 12, tzinfo=UTC).timestamp()
SOURCES = ("Website", "Google Ads", "Reception", "Trade fair", "+48221110000", "")
REASONS = ("Too expensive", "Chose a competitor", "No need now", "Cannot be reached", "Not a lead")
OPEN = ("Unsorted", "New", "Qualified", "Offer", "Negotiation")


def fill(conn: Connection) -> None:
    """MANY deals of three years, each on its way: a tenth stops in each stage, a fifth is lost, the rest goes on."""
    dice = random.Random(11)
    ids = {row.name: row.id for row in conn.execute(select(schema.stages.c.id, schema.stages.c.name))}
    pipeline = conn.execute(select(schema.pipelines.c.id)).scalar_one()
    sellers = list(conn.execute(select(schema.users.c.id)).scalars())
    history_id = 0
    for start in range(1, MANY + 1, PART):
        made, moves, calls, joined, details, leads = [], [], [], [], [], []
        for key in range(start, start + PART):
            at = NOW - YEARS * 365 * DAY + (key - 1) * YEARS * 365 * DAY / MANY
            owner, value = dice.choice(sellers), dice.randrange(10_000, 5_000_000)
            same = {"deal_id": key, "owner_id": owner, "value": value, "currency": "EUR", "user_id": owner}
            created, before, version, reason, last = at, None, 1, "", "Unsorted"
            for name in (*OPEN, "Won"):
                history_id += 1
                moves.append({**same, "id": history_id, "from_stage_id": before, "stage_id": ids[name], "at": at,
                              "reason": "", "version": version})  # fmt: skip
                last, luck, later = name, dice.random(), at + dice.uniform(0.5, 12) * DAY
                if name == "Won" or luck < 0.1 or later > NOW:
                    break
                before, at, version = ids[name], later, version + 1
                if luck < 0.3:
                    history_id, last, reason = history_id + 1, "Lost", dice.choice(REASONS)
                    moves.append({**same, "id": history_id, "from_stage_id": before, "stage_id": ids["Lost"],
                                  "at": at, "reason": reason, "version": version})  # fmt: skip
                    break
            opened = last not in ("Won", "Lost")
            source = dice.choice(SOURCES)
            made.append({
                "id": key, "title": f"Deal {key}", "pipeline_id": pipeline, "stage_id": ids[last], "open": opened,
                "owner_id": owner, "value": value, "currency": "EUR", "source": source, "created_at": created,
                "stage_since": at, "active_at": at, "closed_at": None if opened else at, "close_reason": reason,
                "priority": 0, "note": "", "version": version, "search": "",
            })  # fmt: skip
            if key % 2:
                uid = f"call-{key}"
                calls.append({
                    "id": uid, "pbx": "main", "boot": "1", "uid": uid, "n": 1, "direction": "inbound",
                    "outcome": "answered", "started_at": created - 60, "talk_seconds": 60.0, "data": "{}",
                })  # fmt: skip
                joined.append({"call_id": uid, "deal_id": key})
            elif key % 5 == 0:
                leads.append({"created_at": created - DAY, "active_at": created, "source": source, "owner_id": owner,
                              "deal_id": key, "qualified_at": created, "score": key % 100})  # fmt: skip
            if last == "Lost":
                rival = dice.choice(("Acme", "Globex", "Acme, Globex", "Initech"))
                details.append({"deal_id": key, "details": f'{{"competitors": "{rival}", "objections": "Price"}}'})
        for table, rows in (
            (schema.deals, made),
            (schema.stage_history, moves),
            (schema.calls, calls),
            (schema.call_deals, joined),
            (schema_sales.deal_details, details),
            (schema_sales.leads, leads),
        ):
            conn.execute(insert(table), rows)
    d = schema.deals.c
    counted = select(d.stage_id, d.owner_id, d.currency, func.count(), func.sum(d.value))
    columns = ["stage_id", "owner_id", "currency", "count", "value"]
    conn.execute(insert(schema.stage_totals).from_select(columns, counted.group_by(d.stage_id, d.owner_id, d.currency)))


Ask = Callable[[Database, Scope, Asked, list[float]], Awaitable[object]]
REPORTS: dict[str, Ask] = {
    "overview": lambda db, scope, asked, edges: reports.overview(db, scope, asked, edges),
    "stages by person": lambda db, scope, asked, _: reports.by_stage(db, scope, asked),
    "why lost": lambda db, scope, asked, _: reports.why_lost(db, scope, asked),
    "sources": lambda db, scope, asked, _: reports.by_source(db, scope, asked),
    "deals behind a number": lambda db, scope, asked, _: reports.behind(db, scope, asked, Number("lost")),
    "standing too long": lambda db, scope, asked, _: stale.listing(db, scope, asked),
}


async def late(done: asyncio.Event) -> float:
    """The longest that the loop was held up until then, milliseconds."""
    worst = 0.0
    while not done.is_set():
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        worst = max(worst, (time.perf_counter() - began) * 1000 - 1)
    return worst


async def measure(db: Database, who: Scope, period: str) -> dict[str, tuple[float, float]]:
    """The median of TRIES and the longest wait of the loop, milliseconds, by report."""
    r = Reader("en", "Europe/Warsaw", "gregorian", lambda: NOW)
    given = {"period": period} if period != "all" else {"period": "own", "from": "2023-11-16", "to": "2026-11-15"}
    span = periods.of(r, given, NOW)
    edges, asked = periods.edges(r, periods.steps(r, span)), Asked(span.since, span.until)
    found = {}
    for kind, ask in REPORTS.items():
        done, took = asyncio.Event(), []
        watched = asyncio.create_task(late(done))
        for _ in range(TRIES):
            began = time.perf_counter()
            await ask(db, who, asked, edges)
            took.append((time.perf_counter() - began) * 1000)
        done.set()
        found[kind] = (statistics.median(took), await watched)
    return found


async def on(url: str) -> dict[str, dict[str, tuple[float, float]]]:
    """A fresh database, filled; then each report."""
    db = Database(url, lambda: NOW, "PL")
    await migrate(db)
    for n in range(SELLERS):
        await people.add_user(db, f"seller{n:02}", "agent", team=f"Team {n % 4}")
    await db.alone(fill)
    if not db.sqlite:  # as autovacuum does by and by
        async with db.engine.connect() as conn:
            await conn.execution_options(isolation_level="AUTOCOMMIT")
            await conn.exec_driver_sql("VACUUM ANALYZE")
    seller = Scope(3, "seller02", "agent")
    try:
        return {
            "this quarter": await measure(db, SYSTEM, "quarter"),
            "this quarter, a seller": await measure(db, seller, "quarter"),
            "this year": await measure(db, SYSTEM, "year"),
            "all three years": await measure(db, SYSTEM, "all"),
        }
    finally:
        await db.close()


def run() -> str:
    """A table: a row a report, a column a database and period: milliseconds, and those for which the loop waited."""
    with tempfile.TemporaryDirectory() as folder:
        sqlite = asyncio.run(on(f"sqlite+aiosqlite:///{Path(folder) / 'reports.db'}"))
    with server() as postgres:
        postgresql = asyncio.run(on(postgres.empty()))
    columns = [
        (f"{name}, {span}", by[span]) for name, by in (("SQLite", sqlite), ("PostgreSQL", postgresql)) for span in by
    ]
    lines = [
        f"| {MANY:,} deals | " + " | ".join(head for head, _ in columns) + " |",
        "|---" + "|--:" * len(columns) + "|",
    ]
    for kind in REPORTS:
        cells = (f"{by[kind][0]:.0f} ({by[kind][1]:.0f})" for _, by in columns)
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
