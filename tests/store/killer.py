"""Kills itself at every step of the intake, and looks whether what follows makes up for it.

    python -m tests.store.killer URL FOLDER NAME    # a database that is migrated and settled; put back for each death

A life reads a recorded call (NAME, one of tests/flows) while the database is away for a part of it. At the k-th step
(a resumption of any task, or a touch of the spool's file) it dies of SIGKILL, for every k until a life comes to its
end. After each death a second life starts as the program does and reads the same recording from the beginning. Prints
how many died, how many steps the life had that came to its end, and who left a state other than an undisturbed one.
"""

import asyncio
import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg

from pbxcrm import follow
from pbxcrm.ami.buffer import Batch
from pbxcrm.ami.frames import Frame
from pbxcrm.calls import events
from pbxcrm.calls.facts import Fact
from pbxcrm.follow import Follower
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.intake import Intake
from pbxcrm.spool import Spool
from pbxcrm.store import schema
from pbxcrm.store.db import Database
from tests.store.office import Clock, table_rows
from tests.store.store_intake_test import without_ids
from tests.unit.calls.goldens import recordings

RECORDING = next(r for r in recordings() if r.name == sys.argv[3])
AWAY = range(2, 6)  # steps of the story in which the database is away
follow._RETRY, follow._GATHER = 0.002, 0.0

Step = Callable[[], None]


class Counted(Coroutine[Any, Any, Any]):
    """A coroutine whose every resumption is a step."""

    def __init__(self, inner: Coroutine[Any, Any, Any], step: Step) -> None:
        self._inner, self._step = inner, step

    def send(self, value: Any) -> Any:
        self._step()
        return self._inner.send(value)

    def throw(self, *error: Any) -> Any:
        self._step()
        return self._inner.throw(*error)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Any:
        return self._inner.__await__()


class Story:
    """A link that says the recording piece by piece, each piece a fact or more, as fast as they are dealt with."""

    def __init__(self) -> None:
        self.pieces = PIECES
        self.told = 0
        self.moved = asyncio.Event()
        self.moved.set()

    async def frames(self) -> Batch:
        await self.moved.wait()
        self.moved.clear()
        if self.told == len(self.pieces):
            await asyncio.Future()
        self.told += 1
        return Batch([(0.0, frame) for frame in self.pieces[self.told - 1]])


def _pieces() -> list[list[Frame]]:
    tracker, pieces, piece = RECORDING.tracker(), [], []
    for headers in RECORDING.frames:
        piece.append(Frame(headers))
        event = events.read(piece[-1], 0.0)
        if event is not None and tracker.feed(event):
            pieces.append(piece)
            piece = []
    return [*pieces[:-1], [*pieces[-1], *piece]]


PIECES = _pieces()


async def live(url: str, path: Path, step: Step | None) -> dict[str, Any]:
    """One life, to its end: the rows it leaves."""
    db, spool, story = Database(url, Clock()), Spool(path, 1_000_000), Story()
    intake = Intake(db)

    async def apply(facts: Sequence[Fact]) -> None:
        try:
            if step is not None and story.told in AWAY:
                raise Unavailable("The database is away.")
            await intake.apply(facts)
        finally:
            story.moved.set()

    follower = Follower(story, RECORDING.tracker(), apply, spool)  # type: ignore[arg-type]
    if step is not None:
        counting = step
        asyncio.get_running_loop().set_task_factory(
            lambda loop, inner, **more: asyncio.Task(Counted(inner, counting), loop=loop, **more)  # type: ignore[arg-type]
        )
    await asyncio.ensure_future(follower.drain())
    await follower.wake([])
    tasks = [asyncio.ensure_future(follower.read()), asyncio.ensure_future(follower.write())]
    while story.told < len(story.pieces) or follower.backlog:
        await asyncio.sleep(0.001)
        if any(task.done() for task in tasks):
            break
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    found = await state(db)
    await db.close()
    spool.close()
    return found


async def state(db: Database) -> dict[str, Any]:
    """All that is stored, read at once; of the journal which kinds, in their order."""
    names = list(schema.metadata.tables)
    kept = await db.reading(lambda conn: {name: table_rows(conn, name) for name in names})

    async def rows(table: str) -> list[dict[str, Any]]:
        return kept[table]

    tables: dict[str, Any] = await without_ids(SimpleNamespace(rows=rows))  # type: ignore[arg-type]
    # Who rings is told only as it stands: how often hangs on how fast the database is.
    return {**tables, "journal": [row["kind"] for row in kept["journal"] if row["kind"] != "call.ringing"]}


def apart(url: str, path: Path, die_at: int | None, out: Path) -> int:
    """A life in a process of its own; gives how it ended: 0, or the signal as a negative number."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        steps = Steps(die_at) if die_at is not None else None
        found = asyncio.run(live(url, path, steps))
        out.write_text(json.dumps(found, default=str, sort_keys=True))
        out.with_suffix(".steps").write_text(str(steps.taken if steps else 0))
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)


class Steps:
    """Dies at the `at`-th call; touches of the spool's file count too, before and after."""

    def __init__(self, at: int) -> None:
        self.at, self.taken = at, 0
        for name in ("pwrite", "fsync", "ftruncate", "rename"):
            setattr(os, name, _around(getattr(os, name), self))

    def __call__(self) -> None:
        self.taken += 1
        if self.taken == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def _around(inner: Callable[..., Any], step: Step) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        step()
        result = inner(*args)
        step()
        return result

    return run


def putting_back(url: str) -> Callable[[], None]:
    """Gives what makes the database again what it is now."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite+aiosqlite:///"))
        was = path.read_bytes()

        def back() -> None:
            for old in path.parent.glob(path.name + "*"):
                old.unlink()
            path.write_bytes(was)

        return back
    names = [table.name for table in schema.metadata.sorted_tables]
    keep = "".join(f"CREATE TABLE kept.{name} AS TABLE {name};" for name in names)
    asyncio.run(run_sql(url, "CREATE SCHEMA kept;" + keep))
    columns = asyncio.run(stored_columns(url))
    # Of who was killed a transaction may still be under way; no rule of ours holds while rows are put back.
    over = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    script = f"{over} AND datname = current_database(); SET session_replication_role = replica;"
    script += "".join(f"DELETE FROM {name};" for name in names)
    script += "".join(
        f"INSERT INTO {name} ({columns[name]}) OVERRIDING SYSTEM VALUE SELECT {columns[name]} FROM kept.{name};"
        for name in names
    )
    return lambda: asyncio.run(run_sql(url, script))


async def run_sql(url: str, script: str) -> None:
    conn = await asyncpg.connect(url.replace("+asyncpg", ""))
    await conn.execute(script)
    await conn.close()


async def stored_columns(url: str) -> dict[str, str]:
    """The columns of each table that are not reckoned from others."""
    conn = await asyncpg.connect(url.replace("+asyncpg", ""))
    rows = await conn.fetch(
        "SELECT table_name, string_agg(column_name, ',') AS names FROM information_schema.columns "
        "WHERE table_schema = 'public' AND is_generated = 'NEVER' GROUP BY table_name"
    )
    await conn.close()
    return {row["table_name"]: row["names"] for row in rows}


def main() -> None:
    url, folder = sys.argv[1], Path(sys.argv[2])
    put_back, out, path = putting_back(url), folder / "out", folder / "x.spool"
    assert apart(url, path, None, out) == 0
    truth, wrong = out.read_text(), []
    assert all(f"call.{kind}" in truth for kind in ("answered", "ended")), truth
    for k in itertools.count(1):
        put_back()
        path.unlink(missing_ok=True)
        ended = apart(url, path, k, out)
        if ended == 0:
            wrong += [k] if out.read_text() != truth else []
            break
        assert ended == -signal.SIGKILL, ended
        assert apart(url, path, None, out) == 0
        wrong += [k] if out.read_text() != truth else []
    steps = int(out.with_suffix(".steps").read_text())
    print(json.dumps({"died": k - 1, "steps": steps, "wrong": wrong}))


if __name__ == "__main__":
    main()
