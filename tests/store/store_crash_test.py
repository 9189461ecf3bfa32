"""A program that is killed, and a disk that is full: nothing half written, and it goes on from there."""

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pbxcrm.service.intake import Intake
from pbxcrm.store.db import Database
from tests.store.office import Clock, Office, settle
from tests.store.store_intake_test import story, without_ids

pytestmark = pytest.mark.asyncio

# Applies the story fact by fact and says each one it has applied; killed at any moment, in any state.
APPLY = """
import asyncio, sys
from pbxcrm.service.intake import Intake
from pbxcrm.store.db import Database
from tests.store.office import Clock
from tests.store.store_intake_test import story

async def main():
    db = Database(sys.argv[1], Clock())
    intake = Intake(db)
    for i, fact in enumerate(story()):
        await intake.apply([fact])
        print(i, flush=True)

asyncio.run(main())
"""

# Fills the file up to its allowed size, says what it was told, and goes on when there is room again.
FILL = """
import asyncio, resource, signal, sys
from pathlib import Path
from pbxcrm.store.db import Database
from pbxcrm.store.errors import DatabaseUnusable

async def main():
    db = Database(f"sqlite+aiosqlite:///{sys.argv[1]}")
    row = lambda work: work.journal("x", {"long": "x" * 10_000}, None)
    await db.writing(row)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    full = max(path.stat().st_size for path in Path(sys.argv[1]).parent.iterdir()) + 200_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (full, hard))
    written = 1
    try:
        while True:
            await db.writing(row)
            written += 1
    except DatabaseUnusable as error:
        print(error.message)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await db.writing(row)
    rows = await db.reading(lambda conn: conn.exec_driver_sql("SELECT count(*) FROM journal").scalar())
    check = await db.reading(lambda conn: conn.exec_driver_sql("PRAGMA integrity_check").scalar())
    print(rows == written + 1, check)
    await db.close()

asyncio.run(main())
"""
ROOT = Path(__file__).parents[2]


async def expected(url: str) -> tuple[Office, dict[str, list]]:
    db = Database(url, clock := Clock())
    office = await settle(db, clock)
    intake = Intake(db)
    for fact in story():
        await intake.apply([fact])
    return office, await without_ids(office)


async def test_killed_at_any_moment_and_started_again_the_end_is_the_same(new_url, tmp_path):
    undisturbed, truth = await expected(new_url())
    await undisturbed.db.close()
    url = new_url()
    db = Database(url, clock := Clock())
    office = await settle(db, clock)
    for die_after in (0, 3, 9, 17):
        killed = await asyncio.create_subprocess_exec(
            sys.executable, "-c", APPLY, url, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert killed.stdout is not None
        for _ in range(die_after + 1):
            assert await killed.stdout.readline()
        killed.kill()
        await killed.wait()
        killed._transport.close()
    await Intake(db).apply(story())
    assert await without_ids(office) == truth
    await db.close()


async def test_a_full_disk_loses_nothing_and_is_left_behind(migrated_file, tmp_path):
    path = tmp_path / "pbxcrm.db"
    path.write_bytes(migrated_file.read_bytes())
    done = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", FILL, str(path), cwd=ROOT, stdout=subprocess.PIPE
    )
    said, _ = await done.communicate()
    message, outcome = said.decode().splitlines()
    assert "Free some space" in message or "Look at the disk" in message
    assert outcome == "True ok"
    assert done.returncode == 0


@pytest.mark.timeout(1800)
async def test_killed_at_every_step_of_the_intake_the_same_stream_leads_to_the_same_rows(backend, new_url, tmp_path):
    """See tests/store/killer.py: each task's every resumption, and each touch of the spool, is where it dies once."""
    await die_everywhere(new_url(), tmp_path, "blind/blind_refer_answered", f"{backend}: ")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    "name",
    [
        "chain/chain_attended_then_blind",
        "inbound/inbound_same_number_twice",
        "queue/menu_then_queue",
        "restart/pbx_killed_in_call",
    ],
)
async def test_so_it_is_whatever_kind_of_call_it_was(name, migrated_file, tmp_path):
    path = tmp_path / "pbxcrm.db"
    path.write_bytes(migrated_file.read_bytes())
    await die_everywhere(f"sqlite+aiosqlite:///{path}", tmp_path, name)


async def die_everywhere(url: str, folder: Path, name: str, told: str = "") -> None:
    db = Database(url, clock := Clock())
    await settle(db, clock)
    await db.close()
    if url.startswith("sqlite"):
        await asyncio.to_thread(checkpoint, url.removeprefix("sqlite+aiosqlite:///"))
    done = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.store.killer", url, str(folder), name), cwd=ROOT, stdout=subprocess.PIPE
    )
    said, _ = await done.communicate()
    assert done.returncode == 0
    outcome = json.loads(said)
    print(f"{told}{name}: {outcome}")
    assert outcome["wrong"] == []
    assert outcome["died"] >= outcome["steps"] > 50


def checkpoint(path: str) -> None:
    """All of it into the one file that is copied."""
    with contextlib.closing(sqlite3.connect(path)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
