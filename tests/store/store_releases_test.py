"""Every released version's database, with data in it, comes forward: the same tables as a new one, and nothing lost.

The files in releases/ were written by the versions themselves (releases/make.py) and are never made anew.
"""

import gzip
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, text

from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.fakes.postgres import binaries
from tests.store.store_migrations_test import shape

RELEASES = Path(__file__).parent / "releases"
VERSIONS = sorted({path.name.rsplit(".", 3)[0] for path in RELEASES.glob("*.sql.gz")})
FULL = {"users", "teams", "dids", "devices", "calls", "deals", "contacts", "contact_numbers", "tasks", "journal",
        "stages", "stage_history", "tokens"}  # fmt: skip


GONE = {("contact_numbers", "reversed")}  # columns that a later version has no use for


def load(version: str, backend: str, url: str) -> None:
    script = gzip.decompress((RELEASES / f"{version}.{backend}.sql.gz").read_bytes()).decode()
    if backend == "sqlite":
        with closing(sqlite3.connect(url.partition("///")[2])) as conn:
            conn.executescript(script)
    else:
        psql = [binaries() / "psql", "-qXv", "ON_ERROR_STOP=1", url.replace("+asyncpg", "")]
        subprocess.run(psql, input=script, text=True, check=True, stdout=subprocess.DEVNULL)


def names(conn: Connection) -> dict[str, list[str]]:
    """Each table's columns, less what is computed of the others; those of the index of words are SQLite's own."""
    looked = inspect(conn)
    tables = [name for name in looked.get_table_names() if name != "alembic_version" and "_words" not in name]
    return {
        name: [c["name"] for c in looked.get_columns(name) if c["name"] != "search" and (name, c["name"]) not in GONE]
        for name in tables
    }


def contents(conn: Connection, columns: dict[str, list[str]]) -> dict[str, list[tuple[Any, ...]]]:
    """Every row, of these columns, in a comparable order."""
    found = {}
    for name, wanted in columns.items():
        shown = ", ".join(f'"{column}"' for column in wanted)
        rows = conn.execute(text(f'SELECT {shown} FROM "{name}"')).all()
        found[name] = sorted((tuple(row) for row in rows), key=repr)
    return found


@pytest.mark.asyncio
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_released_database_comes_forward_with_all_its_data(
    version: str, backend: str, empty_url: str, new_url: Any
) -> None:
    load(version, backend, empty_url)
    db, fresh = Database(empty_url), Database(new_url())
    columns = await db.reading(names)
    before = await db.reading(lambda conn: contents(conn, columns))
    assert {name for name, rows in before.items() if rows} >= FULL & before.keys()
    await migrate(db)
    after = await db.reading(lambda conn: contents(conn, columns))
    for name, rows in before.items():
        assert after[name] == rows, f"{name}: something of it is gone or another"
    assert await db.reading(shape) == await fresh.reading(shape)
    await db.close()
    await fresh.close()


def missing(changelog: str, folder: Path) -> list[str]:
    """Files that the versions named in the changelog lack: the newest has them before it is released."""
    versions = re.findall(r"(?m)^## (\d+\.\d+\.\d+)", changelog)
    wanted = [f"{version}.{kind}.sql.gz" for version in versions for kind in ("sqlite", "postgres")]
    return [name for name in wanted if not (folder / name).is_file()]


def test_every_release_has_its_database(tmp_path: Path) -> None:
    changelog = (RELEASES.parents[2] / "CHANGELOG.md").read_text()
    assert missing(changelog, RELEASES) == [], "Make them with tests/store/releases/make.py, in that version's tree."
    shutil.copytree(RELEASES, tmp_path / "releases")
    (tmp_path / "releases" / "0.1.0.postgres.sql.gz").unlink()
    assert missing(changelog, tmp_path / "releases") == ["0.1.0.postgres.sql.gz"]
