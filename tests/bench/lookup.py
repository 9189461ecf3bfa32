"""What the dialplan waits for (FastAGI): milliseconds from connecting to the answer, among half a million contacts."""

from __future__ import annotations

import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from sqlalchemy import select

from pbxcrm.ami.agi import ANSWER, AgiServer, Question
from pbxcrm.service.caller import Callers
from pbxcrm.store import schema
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.bench.search import fill
from tests.fakes.postgres import server

ASKED, AT_ONCE = 2_000, 50


async def ask(port: int, number: str) -> float:
    """One question, as Asterisk asks it; the milliseconds it took, infinite where there was no answer."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"agi_network: yes\nagi_network_script: caller\nagi_callerid: {number}\nagi_arg_1: {number}\n\n"
    writer.write(head.encode())
    said = await reader.readline()
    took = (time.perf_counter() - began) * 1000
    if said:
        writer.write(b"200 result=1\n")
    writer.close()
    return took if said.startswith(b"SET VARIABLE") else float("inf")


async def measure(port: int, numbers: list[str], at_once: int) -> list[float]:
    """All of these numbers, so many askers at a time."""
    waiting = iter(numbers)

    async def caller() -> list[float]:
        return [await ask(port, number) for number in waiting]

    return [took for one in await asyncio.gather(*(caller() for _ in range(at_once))) for took in one]


async def on(url: str) -> dict[str, list[float]]:
    """A fresh database, filled; strangers and customers one by one, then many at once, then the same once more."""
    db = Database(url, region="PL")
    await migrate(db)
    await db.alone(fill)
    if not db.sqlite:
        await db.alone(lambda conn: conn.exec_driver_sql("ANALYZE"))
    callers = Callers(db)

    async def name(question: Question) -> dict[str, str]:
        return {"PBXCRM_NAME": (await callers.find(question.arguments[0])).name}

    agi = AgiServer({"caller": name})
    port = await agi.start("127.0.0.1", 0)
    dice = random.Random(3)
    known = await db.reading(lambda conn: list(conn.execute(select(schema.contact_numbers.c.number)).scalars()))
    customers = dice.sample(known, ASKED)
    strangers = [f"+4822{dice.randrange(10**6, 10**7)}" for _ in range(ASKED)]
    try:
        return {
            "strangers, one by one": await measure(port, strangers, 1),
            "customers, one by one": await measure(port, customers, 1),
            f"customers, {AT_ONCE} at once": await measure(port, dice.sample(known, ASKED), AT_ONCE),
            "the same again within 5 s": await measure(port, customers[-500:] * 2, 1),
        }
    finally:
        await agi.close()
        await db.close()


def run() -> str:
    """A table: a row a kind of asking, median, 99th percentile and worst of each database; `late`: beyond the limit."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": asyncio.run(on(f"sqlite+aiosqlite:///{Path(folder) / 'pbxcrm.db'}"))}
    with server() as postgres:
        found["PostgreSQL"] = asyncio.run(on(postgres.empty()))
    lines = ["| asked | " + " | ".join(f"{base}: p50 / p99 / worst, late" for base in found) + " |"]
    lines.append("|---|" + "---|" * len(found))
    for kind in next(iter(found.values())):
        cells = []
        for by in found.values():
            took = sorted(by[kind])
            late = sum(one > ANSWER * 1000 for one in took)
            p99 = statistics.quantiles(took, n=100)[98]
            cells.append(f"{statistics.median(took):.1f} / {p99:.1f} / {took[-1]:.1f}, {late}")
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
