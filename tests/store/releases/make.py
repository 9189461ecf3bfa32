"""One database of this very version, with data in it, kept for ever: later versions must bring it forward.

    python -m tests.store.releases.make VERSION        # in the tree of that version, before it is released

Writes VERSION.sqlite.sql.gz and VERSION.postgres.sql.gz beside this file and refuses to replace either: what people
have on their disks does not change afterwards.
"""

import asyncio
import gzip
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from pbxcrm.service import contacts, deals, moves, people, tasks
from pbxcrm.service.intake import Intake
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.fakes.postgres import binaries, server
from tests.store.office import Clock, settle
from tests.store.store_intake_test import story

HERE = Path(__file__).parent


async def fill(url: str) -> None:
    """People, phones, calls of every kind, deals in several stages, contacts, tasks, notes, tokens."""
    db = Database(url, clock := Clock(), "PL")
    await migrate(db)
    office = await settle(db, clock)
    await Intake(db).apply(story())
    for name in ("alice", "bob"):
        await people.add_device(db, name, f"PJSIP/{name}")
    await people.create_token(db, "reports")
    await contacts.create(db, office.alice, {"name": "Иван Żółć", "numbers": ["+48600777888"], "note": "زنگ بزن"})
    deal = await deals.create(db, office.alice, {"title": "Roof", "number": "+48600777888", "value": "12345.67"})
    for stage in ("Offer", "Won"):
        deal = await moves.move(db, office.alice, deal["id"], office.stage[stage], deal["version"])
    lost = await deals.create(db, office.bob, {"title": "Cellar", "number": "+48600777999"})
    await moves.move(db, office.bob, lost["id"], office.stage["Lost"], lost["version"], "too dear")
    await tasks.create(
        db, office.alice, {"title": "Call back", "due_at": "2026-12-01T09:00:00Z", "deal_id": deal["id"]}
    )
    await db.close()


def sqlite_dump() -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pbxcrm.db"
        asyncio.run(fill(f"sqlite+aiosqlite:///{path}"))
        with closing(sqlite3.connect(path)) as conn:
            return "\n".join(conn.iterdump()) + "\n"


def postgres_dump() -> str:
    with server() as running:
        url = running.empty()
        asyncio.run(fill(url))
        where = url.replace("+asyncpg", "")
        command = [binaries() / "pg_dump", "--inserts", "--no-owner", "--no-privileges", where]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # What psql alone understands, and what older servers do not know.
    return "".join(x for x in text.splitlines(keepends=True) if not x.startswith(("\\", "SET transaction_timeout")))


def main() -> int:
    (version,) = sys.argv[1:]
    for kind, dump in (("sqlite", sqlite_dump), ("postgres", postgres_dump)):
        path = HERE / f"{version}.{kind}.sql.gz"
        if path.exists():
            print(f"{path} is there already: a release does not change.", file=sys.stderr)
            return 1
        path.write_bytes(gzip.compress(dump().encode(), mtime=0))
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
