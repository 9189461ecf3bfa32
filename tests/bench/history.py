"""Years of CDR into an empty CRM: rows a second, memory over time, and once more to see that nothing changes.

`python -m tests.bench.history [--rows 1000000] [--postgres] [--mariadb] [--csv FILE]` writes the file if it is not
there.
"""

import argparse
import asyncio
import contextlib
import csv
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from pbxcrm.calls.cdr import Cdr
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.crm.rules import Rules
from pbxcrm.history.clock import Clock
from pbxcrm.history.files import CsvFiles
from pbxcrm.history.sources import Page, Source
from pbxcrm.history.tables import SqlTable
from pbxcrm.service import history
from pbxcrm.service.history import Counts
from pbxcrm.service.people import add_user
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.bench.cpu import family
from tests.bench.office_years import COLUMNS, PHONES, Years
from tests.fakes import mariadb as mariadb_fake
from tests.fakes import postgres as postgres_fake
from tests.fakes.tables import FREEPBX_CDR

BATCH = 2_000


def write(path: Path, rows: int) -> None:
    """The file as cdr_csv writes it."""
    with path.open("w", newline="") as stream:
        made = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
        for row in Years().rows(rows):
            made.writerow([row[name] for name in COLUMNS])


def rss() -> float:
    """MiB, now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def staff(db: Database) -> People:
    """The people whose phones they are."""
    with contextlib.suppress(Exception):
        for phone in PHONES:
            await add_user(db, f"agent{phone}", "agent", [f"PJSIP/{phone}"])
    return People([(f"PJSIP/{phone}", f"agent{phone}") for phone in PHONES])


async def run(db: Database, people: People, pages: AsyncIterator[Page], server: Callable[[], float]) -> Counts:
    """All of it; prints how it goes. `server`: seconds of CPU that the database's own processes have used."""
    cdr, counts, rows, waiting = Cdr(people, region="PL"), Counts(), 0, list[Call]()
    began, cpu, theirs, shown = time.monotonic(), time.process_time(), server(), 0

    async def put(calls: list[Call]) -> None:
        nonlocal counts
        for i in range(0, len(calls), BATCH):
            found = await history.apply(db, calls[i : i + BATCH], source="cdr", rules=Rules())
            counts = Counts(*map(sum, zip(counts, found, strict=True)))

    async for page in pages:
        rows += len(page.rows)
        waiting += fed(cdr, page.rows)
        if len(waiting) >= BATCH:
            await put(waiting)
            waiting = []
        if rows - shown >= 100_000:
            shown = rows
            print(f"{rows:9,} rows {time.monotonic() - began:6.1f} s  {rss():6.1f} MiB", flush=True)
    await put([*waiting, *cdr.end()])
    took = time.monotonic() - began
    speed, used = rows / took, f"{time.process_time() - cpu:.1f} s + {server() - theirs:.1f} s"
    print(f"{rows:9,} rows {took:6.1f} s  {speed:,.0f} rows/s  CPU {used}  {rss():.1f} MiB")
    print(counts, flush=True)
    return counts


def fed(cdr: Cdr, rows: Iterable[object]) -> list[Call]:
    return [call for row in rows for call in cdr.feed(row)]  # type: ignore[arg-type]


TAKEN = {"start": "calldate", "answer": "@a", "end": "@e", "amaflags": "@f"}


def mariadb(server: mariadb_fake.Server, path: Path) -> str:
    """The file as FreePBX's table on a real MariaDB; gives its URL."""
    columns = ", ".join(TAKEN.get(name, name) for name in COLUMNS)
    fields = "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''"
    return server.database(f"{FREEPBX_CDR}\nLOAD DATA LOCAL INFILE '{path}' INTO TABLE cdr {fields} ({columns});")


async def bench(url: str, source: Callable[[], Source], times: int, server: Callable[[], float]) -> None:
    db = Database(url, region="PL")
    await migrate(db)
    people = await staff(db)
    for _ in range(times):
        await run(db, people, source().pages(0.0), server)
    await db.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=2, help="how often it is read: the second time changes nothing")
    parser.add_argument("--postgres", action="store_true", help="into PostgreSQL")
    parser.add_argument("--mariadb", action="store_true", help="out of FreePBX's table rather than the file")
    parser.add_argument("--csv", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pbxcrm-history-") as folder, contextlib.ExitStack() as stack:
        path = given.csv or Path(folder) / "Master.csv"
        if not path.exists():
            write(path, given.rows)
        clock, url = Clock(ZoneInfo("UTC")), f"sqlite+aiosqlite:///{folder}/pbxcrm.db"
        server: Callable[[], float] = float  # SQLite has none: it is this process
        if given.postgres:
            running = stack.enter_context(postgres_fake.server())
            url, server = running.empty(), partial(family, running.pid)
        source: Callable[[], Source] = partial(CsvFiles, "cdr", str(path), clock)
        if given.mariadb:
            source = partial(SqlTable, "cdr", mariadb(stack.enter_context(mariadb_fake.server()), path), clock)
        asyncio.run(bench(url, source, given.times, server))


if __name__ == "__main__":
    main()
