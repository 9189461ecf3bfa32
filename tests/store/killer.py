"""Kills itself at every step of the intake, and looks whether what follows makes up for it.

    python -m tests.store.killer sqlite FILE COPIES FOLDER STRIDE   # FILE: migrated and settled; copied for each life
    python -m tests.store.killer postgres URL NAME FOLDER STRIDE    # NAME: what is copied; URL: of another one there

A life reads a recorded call while the database is away for a part of it. At the k-th step (a resumption of any task, or
a touch of the spool's file) it dies of SIGKILL, for every k (or every STRIDE-th) until a life comes to its end. After
each death a second life starts as the program does and reads the same recording from the beginning. Prints how many
died, and who left a state other than an undisturbed life does.
"""

import asyncio
import itertools
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pbxcrm import follow
from pbxcrm.ami.buffer import Batch
from pbxcrm.ami.frames import Frame
from pbxcrm.calls import events
from pbxcrm.calls.facts import Fact
from pbxcrm.follow import Follower
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.intake import Intake
from pbxcrm.spool import Spool
from pbxcrm.store.db import Database
from tests.store.office import Clock, table_rows
from tests.store.store_intake_test import without_ids
from tests.unit.calls.goldens import recordings

RECORDING = next(r for r in recordings() if r.name == "attended/attended_refer_completed")
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
        self.pieces = list(_pieces())
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
    async def rows(table: str) -> list[dict[str, Any]]:
        return await db.reading(lambda conn: table_rows(conn, table))

    tables: dict[str, Any] = await without_ids(SimpleNamespace(rows=rows))  # type: ignore[arg-type]
    # Who rings is told only as it stands: how often hangs on how fast the database is.
    kinds = Counter(row["kind"] for row in await rows("journal") if row["kind"] != "call.ringing")
    return {**tables, "journal": sorted(kinds.items())}


def apart(url: str, path: Path, die_at: int | None, out: Path) -> int:
    """A life in a process of its own; gives how it ended: 0, or the signal as a negative number."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        step = dying(die_at) if die_at is not None else None
        out.write_text(json.dumps(asyncio.run(live(url, path, step)), default=str, sort_keys=True))
        os._exit(0)
    except BaseException as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)


def dying(at: int) -> Step:
    """Dies at the `at`-th call; touches of the spool's file count too, before and after."""
    steps = itertools.count(1)

    def step() -> None:
        if next(steps) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("pwrite", "fsync", "ftruncate"):
        setattr(os, name, _around(getattr(os, name), step))
    return step


def _around(inner: Callable[..., Any], step: Step) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        step()
        result = inner(*args)
        step()
        return result

    return run


def copies(kind: str, source: str, more: str) -> Callable[[int], str]:
    """Gives for each number the URL of a fresh copy."""

    def sqlite(n: int) -> str:
        path = Path(more) / f"{n % 4}.db"
        for old in Path(more).glob(f"{n % 4}.db*"):
            old.unlink()
        shutil.copy(source, path)
        return f"sqlite+aiosqlite:///{path}"

    def postgres(n: int) -> str:
        import asyncpg

        async def make() -> None:
            conn = await asyncpg.connect(source.replace("+asyncpg", ""))
            await conn.execute(f"DROP DATABASE IF EXISTS copy{n % 4} WITH (FORCE)")
            await conn.execute(f"CREATE DATABASE copy{n % 4} TEMPLATE {more}")
            await conn.close()

        asyncio.run(make())
        return source.rpartition("/")[0] + f"/copy{n % 4}"

    return sqlite if kind == "sqlite" else postgres


def main() -> None:
    kind, source, more, folder, stride = sys.argv[1:6]
    fresh, out = copies(kind, source, more), Path(folder) / "out"
    assert apart(fresh(0), Path(folder) / "truth.spool", None, out) == 0
    truth = out.read_text()
    assert "call.ended" in truth, truth
    died, wrong = 0, []
    for k in itertools.count(1, int(stride)):
        url, path = fresh(k), Path(folder) / "x.spool"
        path.unlink(missing_ok=True)
        ended = apart(url, path, k, out)
        if ended == 0:
            wrong += [k] if out.read_text() != truth else []
            break
        assert ended == -signal.SIGKILL, ended
        died += 1
        assert apart(url, path, None, out) == 0
        wrong += [k] if out.read_text() != truth else []
    print(json.dumps({"died": died, "wrong": wrong}))


if __name__ == "__main__":
    main()
