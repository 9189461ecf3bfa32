"""The manager's stream cut at any event for any span, and CEL of the whole: the CRM has the calls as if uncut.

PBXCRM_TEST_RANDOM tries new cuts; without it the same ones each time.
"""

import os
import random
import shutil
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from pbxcrm.crm.rules import Rules
from pbxcrm.service import history
from pbxcrm.service.intake import Intake
from pbxcrm.store.db import Database
from pbxcrm.store.schema import calls as stored_calls
from tests.fakes.postgres import run_apart
from tests.unit.calls.cel_rows import read, rows_of, truth_of
from tests.unit.calls.goldens import Headers, Recording, facts, recordings
from tests.unit.calls.goldens_test import listing

CEL = {r.name: r.path.with_suffix(".cel.csv") for r in recordings() if r.path.with_suffix(".cel.csv").exists()}
CUT = tuple(r for r in recordings() if r.name in CEL and not r.restarts)
TRIES = 150
Row = tuple[object, ...]


def cut(recording: Recording, chance: random.Random) -> list[Headers]:
    """Nothing is heard between two places; then a listing of what lives, and the rest. Or it is never heard again."""
    frames = recording.frames
    heard = chance.randrange(len(frames))
    now = chance.randrange(heard, len(frames)) + 1
    return [*frames[:heard], *listing(recording, now), *frames[now:]]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cut") / "pbxcrm.db"
    run_apart(f"sqlite+aiosqlite:///{path}")
    return path


def kept(conn: Connection) -> list[Row]:
    c = stored_calls.c
    return [tuple(row) for row in conn.execute(
        select(c.uid, c.direction, c.number, c.outcome, c.first_answered_by, c.last_answered_by).order_by(c.uid)
    )]  # fmt: skip


async def crm(frames: list[Headers], recording: Recording, path: Path, *, cel: bool) -> list[Row]:
    """What the CRM holds of it in the end."""
    truth = truth_of(CEL[recording.name])
    end = max(float(one["eventtime"]) for one in rows_of(CEL[recording.name])) + 3600
    db = Database(f"sqlite+aiosqlite:///{path}", lambda: end, recording.region)
    try:
        await Intake(db, Rules()).apply(facts(frames, recording.tracker()))
        if cel:
            told = read(rows_of(CEL[recording.name]), truth)
            for _ in range(2):  # and again: nothing more
                await history.apply(db, told, source="cel", rules=Rules())
        return await db.reading(kept)
    finally:
        await db.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("seed", range(5))
async def test_cut_anywhere_cel_gives_the_same_calls(seed: int, migrated: Path, tmp_path: Path) -> None:
    chance = random.Random(None if os.environ.get("PBXCRM_TEST_RANDOM") else seed)
    wrong = []
    for number in range(TRIES // 5):
        recording = chance.choice(CUT)
        paths = [shutil.copy(migrated, tmp_path / f"{number}-{which}.db") for which in ("whole", "cut")]
        whole = await crm(recording.frames, recording, Path(paths[0]), cel=False)
        mended = await crm(cut(recording, chance), recording, Path(paths[1]), cel=True)
        unsure = any(
            "outcome" in call.get("unsure", []) or "call" in call.get("unsure", []) for call in recording.truth
        )
        if unsure:  # a call to a pickup code, say: only what is sure must be there
            whole, mended = [[row for row in rows if row[1] != "internal"] for rows in (whole, mended)]
        if mended != whole:
            wrong.append((recording.name, whole, mended))
    assert not wrong, "\n".join(f"{name}\n   uncut {a}\n   mended {b}" for name, a, b in wrong)
