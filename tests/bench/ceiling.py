"""The ceiling: recorded calls as fast as they go, from bytes to committed rows, without Asterisk.

The bundled recordings (real calls of Asterisk 22), each play with ids, channels and a caller of its own, overlap as
they would at 200 calls a second, so that hundreds live at once. Their bytes come in reads of 16 KiB and go the way of
the running program: FrameReader, events, Tracker and Intake in the two tasks of follow.Follower. The reader pauses
while more than 2,000 facts wait; the wire would have buffered them. The clock stops when the last fact is committed.
"""

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from pbxcrm.ami.buffer import Batch
from pbxcrm.ami.frames import FrameReader
from pbxcrm.calls import events
from pbxcrm.calls.facts import Fact
from pbxcrm.calls.people import People
from pbxcrm.calls.tracker import Tracker
from pbxcrm.demo.callers import Caller
from pbxcrm.demo.cast import Cast, Ids
from pbxcrm.demo.recording import CALLS, PHONES, load
from pbxcrm.follow import Follower
from pbxcrm.service import people
from pbxcrm.service.intake import Intake
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.fakes.postgres import server

START = 1_795_000_000.0
VIRTUAL = 200.0  # calls a second as the clock in the events has it
READ = 16 * 1024
WAITING = 2_000  # facts
KNOWN = 3  # each third caller has called before


@dataclass(frozen=True)
class Result:
    """`calls` plays in `wall` seconds with `cpu` seconds of this process; some plays hold more than one call."""

    name: str
    calls: int
    events: int
    facts: int
    wall: float
    cpu: float
    stored: int


def stream(calls: int) -> bytes:
    """So many calls, in the order in which one Asterisk would tell of them."""
    chance, ids = random.Random(7), Ids(START)
    told: list[tuple[float, int, bytes]] = []
    for i in range(calls):
        recording = load(CALLS[i % len(CALLS)])
        caller = chance.randrange(i + 1) if i % KNOWN == 0 else i
        cast = Cast(recording, ids, Caller(f"+4860{caller:07d}", f"Caller {caller}"), {p: p for p in PHONES})
        at = START + i / VIRTUAL
        for step in recording.steps:
            at += step.gap
            lines = (f"{key}: {value}" for key, value in cast.play(list(step.headers), at))
            told.append((at, len(told), "\r\n".join([*lines, "\r\n"]).encode()))
    return b"Asterisk Call Manager/11.0.0\r\n" + b"".join(frame for _, _, frame in sorted(told))


class Wire:
    """In the place of the link: gives what was read, and pauses where the tracker is far ahead of the database."""

    def __init__(self, data: bytes) -> None:
        wanted = frozenset(name.encode() for name in events.WANTED)
        self._reads = (data[i : i + READ] for i in range(0, len(data), READ))
        self._reader = FrameReader(wanted)
        self.follower: Follower | None = None
        self.over = asyncio.Event()

    async def frames(self) -> Batch:
        """The frames of the next read."""
        assert self.follower is not None
        await asyncio.sleep(0)
        while self.follower.backlog > WAITING:  # noqa: ASYNC110 - as in the running program, nobody tells of it
            await asyncio.sleep(0.001)
        data = next(self._reads, None)
        if data is None:
            self.over.set()
            await asyncio.Future()
        return Batch([(START, frame) for frame in self._reader.feed(data or b"")])


async def measure(name: str, url: str, data: bytes, calls: int) -> Result:
    """The whole stream into an empty database with four people."""
    db = Database(url, region="PL")
    await migrate(db)
    for number, person in PHONES.items():
        await people.add_user(db, person.casefold(), "agent", [f"PJSIP/{number}"])
    tracker = Tracker(People(await people.devices(db)), region="PL")
    intake = Intake(db)
    applied, ended = 0, set[str]()

    async def apply(facts: Sequence[Fact]) -> None:
        nonlocal applied
        await intake.apply(facts)
        applied += len(facts)
        ended.update(fact.call.id for fact in facts if fact.kind == "ended")

    wire = Wire(data)
    wire.follower = follower = Follower(wire, tracker, apply)  # type: ignore[arg-type]
    cpu, wall = time.process_time(), time.perf_counter()
    tasks = [asyncio.create_task(follower.read()), asyncio.create_task(follower.write())]
    await wire.over.wait()
    while follower.backlog:  # noqa: ASYNC110 - the same
        await asyncio.sleep(0.001)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    for task in tasks:
        task.cancel()
    async with db.read() as conn:
        stored = (await conn.execute(text("SELECT count(*) FROM calls WHERE ended_at IS NOT NULL"))).scalar_one()
    await db.close()
    assert stored == len(ended) >= calls, f"{stored} calls stored of {len(ended)}"
    return Result(name, calls, data.count(b"Event: "), applied, wall, cpu, stored)


@contextlib.contextmanager
def databases() -> Iterator[list[tuple[str, str]]]:
    """SQLite in a file as configured, and PostgreSQL (which does not wait for the disk here)."""
    with tempfile.TemporaryDirectory() as folder, server() as postgres:
        yield [("SQLite", f"sqlite+aiosqlite:///{Path(folder)}/bench.db"), ("PostgreSQL", postgres.empty())]


def run(calls: int = 2000) -> list[Result]:
    """Both databases."""
    data = stream(calls)
    with databases() as found:
        return [asyncio.run(measure(name, url, data, calls)) for name, url in found]
