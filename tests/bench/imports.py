"""A table of 100,000 people imported and taken back, on both databases, while somebody else writes all the time."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from pbxcrm.crm.access import Scope
from pbxcrm.service import deals, import_work, imports, people
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.fakes.postgres import server

ROWS = 100_000
NAP = 15.0  # seconds between two ANALYZE
PAGE = os.sysconf("SC_PAGE_SIZE")
HEAD = ("Name", "Company", "E-mail", "Phone", "City", "Note")


def _row(n: int, dice: random.Random) -> tuple[str, ...]:
    firm = dice.randrange(20_000)
    return (
        f"Person {n} Wójcik",
        f"Firm {firm}",
        f"p{n}@firm{firm}.example",
        f"+48 {600_000_000 + n}",
        dice.choice(("Łódź", "Wien", "Kraków", "Tehran")),
        "met at the fair, wants a price for forty phones" if n % 3 else "",
    )


def _csv(path: Path, rows: int) -> None:
    dice = random.Random(3)
    with path.open("w", encoding="utf-8") as file:
        file.write(";".join(HEAD) + "\n")
        file.writelines(";".join(_row(n, dice)) + "\n" for n in range(rows))


def _xlsx(path: Path, rows: int) -> None:
    dice, book = random.Random(3), Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEAD)
    for n in range(rows):
        sheet.append(_row(n, dice))
    book.save(path)


def _memory() -> float:
    """MiB that this process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


class Others:
    """Somebody who writes a note every 50 ms, and how long each waited; how late the loop woke; the most memory."""

    def __init__(self, db: Database, scope: Scope, deal: str) -> None:
        self._db, self._scope, self._deal = db, scope, deal
        self.waited: list[float] = []
        self.late: list[float] = []
        self.most = 0.0

    async def write(self) -> None:
        while True:
            began = time.perf_counter()
            await deals.add_note(self._db, self._scope, self._deal, "a note")
            self.waited.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.05)

    async def analyse(self) -> None:
        """As autovacuum does, which the tests' PostgreSQL has not: else it plans for tables that are still empty."""
        while not self._db.sqlite:
            await asyncio.sleep(NAP)
            async with self._db.engine.connect() as conn:
                await conn.exec_driver_sql("ANALYZE")
                await conn.commit()

    async def watch(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            self.late.append((time.perf_counter() - began - 0.01) * 1000)
            self.most = max(self.most, _memory())


@contextmanager
def _at_work(others: Others) -> Iterator[None]:
    running = [asyncio.ensure_future(one()) for one in (others.write, others.watch, others.analyse)]
    try:
        yield
    finally:
        for one in running:
            one.cancel()


def _part(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


async def _measured(
    what: str, rows: int, db: Database, scope: Scope, deal: str, work: Callable[[], Awaitable[Any]], lines: list[str]
) -> Any:
    others, before, began, used = Others(db, scope, deal), _memory(), time.perf_counter(), time.process_time()
    with _at_work(others):
        found = await work()
    took, used = time.perf_counter() - began, time.process_time() - used
    waited, late = others.waited, others.late
    waits = [_part(waited, share) for share in (0.5, 0.99, 1)]
    figures = (took, rows / took, rows / used, before, others.most, *waits)
    lines.append(f"| {what} | " + " | ".join(f"{one:.0f}" for one in (*figures, _part(late, 0.99))) + " |")
    print(lines[-1], flush=True)
    return found


async def _finish(db: Database) -> None:
    pace = import_work.Pace()
    while await import_work.step(db, pace):
        await import_work.turn_of_others()


async def _on(name: str, url: str, folder: Path, rows: int, lines: list[str]) -> None:
    db = Database(url, region="PL")
    await migrate(db)
    boss = await people.add_user(db, "boss", "manager", ["PJSIP/101"])
    scope = Scope(boss, "boss", "manager")
    deal = (await deals.create(db, scope, {"title": "Other work"}))["id"]
    try:
        for kind, file in (("contacts", "table.csv"), ("leads", "table.xlsx")):
            path = folder / file

            async def stage(kind: str = kind, path: Path = path) -> Any:
                return await imports.start(db, scope, kind, path.name, path)

            made = await _measured(f"{name}: {file} read", rows, db, scope, deal, stage, lines)
            await imports.prepare(db, scope, made["id"], None, {"tag": "fair"})
            await imports.run(db, scope, made["id"])
            await _measured(f"{name}: {kind} made", rows, db, scope, deal, lambda: _finish(db), lines)
            await imports.undo(db, scope, made["id"])
            await _measured(f"{name}: {kind} taken back", rows, db, scope, deal, lambda: _finish(db), lines)
            left = await imports.get(db, scope, made["id"])
            assert left["became"] == {"undone": rows}, left["became"]
    finally:
        await db.close()


def run(rows: int = ROWS) -> str:
    """A table: a row a step on a database."""
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="pbxcrm-bench-") as found, server() as postgres:
        folder = Path(found)
        _csv(folder / "table.csv", rows)
        _xlsx(folder / "table.xlsx", rows)
        asyncio.run(_on("SQLite", f"sqlite+aiosqlite:///{folder}/bench.db", folder, rows, lines))
        asyncio.run(_on("PostgreSQL", postgres.database(), folder, rows, lines))
    head = (
        "| what | s | rows/s | rows/CPU s | MiB before | at most | note waits p50 ms | p99 | max | loop late p99 ms |"
    )
    return "\n".join([head, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|", *lines])
