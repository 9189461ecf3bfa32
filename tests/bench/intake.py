"""What intake costs: CPU for each fact as they trickle in, and the most calls a second until committed.

    python tests/bench/intake.py [--postgres] [--calls 500] [--batch 200] [--known 20000]

A call has four facts: two phones ring, one answers (the other stops), the caller hangs up; a third of the callers
is known. CPU is this process's, all threads; PostgreSQL's own is not in it.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Evidence
from pbxcrm.service.intake import Intake
from pbxcrm.store import contacts
from pbxcrm.store.db import Database, Work
from pbxcrm.store.migrations import migrate
from tests.fakes.postgres import server
from tests.store.office import START, Caller, Clock, settle

EVIDENCE = tuple(
    Evidence(START + i, "BridgeEnter", f"PJSIP/10{i}-0000000a joined the caller's bridge") for i in range(5)
)


def number(i: int) -> str:
    return f"+4860{i:07d}"


def facts_of(i: int, known: int) -> list[Fact]:
    who = i % known if known and i % 3 == 0 else known + i
    call = Caller(number(who), f"1795000000.{i}", START + i / 10, evidence=EVIDENCE, caller_name=f"Caller {who}")
    return [call.rings("alice", "bob"), call.answers("alice"), call.rings(), call.ends()]


def fill(work: Work, known: int) -> None:
    """So many contacts with a number each."""
    rows = [{"name": f"Contact {i}", "created_at": START, "search": f"contact {i}"} for i in range(known)]
    ids = contacts.add(work.conn, rows)
    contacts.add_numbers(work.conn, [contacts.number_row(key, number(i)) for i, key in enumerate(ids)])
    work.journal("bench.filled", {}, None)


async def trickle(intake: Intake, calls: Sequence[list[Fact]]) -> tuple[float, float]:
    """(CPU ms, wall ms) a fact, each in a transaction of its own."""
    cpu, wall, n = time.process_time(), time.perf_counter(), 0
    for facts in calls:
        for fact in facts:
            await intake.apply([fact])
            n += 1
    return (time.process_time() - cpu) / n * 1e3, (time.perf_counter() - wall) / n * 1e3


async def ceiling(intake: Intake, calls: Sequence[list[Fact]], batch: int) -> tuple[float, float]:
    """(calls a second, CPU ms a fact) in batches of so many facts."""
    facts = [fact for one in calls for fact in one]
    cpu, wall = time.process_time(), time.perf_counter()
    for start in range(0, len(facts), batch):
        await intake.apply(facts[start : start + batch])
    took = time.perf_counter() - wall
    return len(calls) / took, (time.process_time() - cpu) / len(facts) * 1e3


async def measure(url: str, given: argparse.Namespace) -> None:
    clock = Clock()
    db = Database(url, clock)
    await migrate(db)
    await settle(db, clock)
    if given.known:
        await db.writing(lambda work: fill(work, given.known))
    intake = Intake(db)
    all_calls = [facts_of(i, given.known) for i in range(given.calls * 3)]
    await trickle(intake, all_calls[:20])
    cpu, wall = await trickle(intake, all_calls[20 : given.calls])
    print(f"trickle: {cpu:.3f} ms CPU, {wall:.3f} ms until committed, a fact ({cpu * 4:.2f} ms CPU a call)")
    rest = all_calls[given.calls :]
    rate, cpu = await ceiling(intake, rest, given.batch)
    print(f"ceiling: {rate:.0f} calls/s until committed, {cpu:.3f} ms CPU a fact, batches of {given.batch} facts")
    await db.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--known", type=int, default=20_000)
    given = parser.parse_args()
    with ExitStack() as stack:
        if given.postgres:
            url = stack.enter_context(server()).empty()
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            url = f"sqlite+aiosqlite:///{Path(folder)}/bench.db"
        asyncio.run(measure(url, given))


if __name__ == "__main__":
    main()
