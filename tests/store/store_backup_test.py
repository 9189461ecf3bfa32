"""Copies of a database: whole although somebody writes meanwhile, and put back only where nothing is lost by it."""

import asyncio
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pbxcrm.store import backup as backups
from pbxcrm.store.backup import backup, restore
from pbxcrm.store.db import Database
from pbxcrm.store.errors import DatabaseUnusable
from pbxcrm.store.migrations import migrate

URL = "sqlite+aiosqlite:///{}"


@pytest.fixture
def place(migrated_file: Path, tmp_path: Path) -> Path:
    return shutil.copy(migrated_file, tmp_path / "pbxcrm.db")


def url(place: Path) -> str:
    return URL.format(place)


def pairs(path: Path) -> list[str]:
    """The journal's kinds."""
    with closing(sqlite3.connect(path)) as conn:
        return [row[0] for row in conn.execute("SELECT kind FROM journal ORDER BY id")]


def about(path: Path) -> tuple[int, int]:
    """Size and mode."""
    return path.stat().st_size, stat.S_IMODE(path.stat().st_mode)


def others(folder: Path, *known: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path not in known)


async def write(db: Database, kind: str) -> None:
    """Two rows that belong together."""

    def both(work):
        work.journal(kind, {"long": "x" * 3000}, None)
        work.journal(kind, {"long": "y" * 3000}, None)

    await db.writing(both)


@pytest.mark.asyncio
async def test_a_backup_in_the_middle_of_writing_is_whole(place: Path, tmp_path: Path) -> None:
    db = Database(url(place))
    written = 0
    stop = asyncio.Event()

    async def busy() -> None:
        nonlocal written
        while not stop.is_set():
            await write(db, f"x{written}")
            written += 1

    writing = asyncio.create_task(busy())
    try:
        for n in range(5):
            before = written
            target = tmp_path / f"copy{n}.db"
            size = await asyncio.to_thread(backup, url(place), target)
            found = pairs(target)
            assert found == [f"x{i // 2}" for i in range(len(found))]  # nothing missing, nothing half
            assert len(found) % 2 == 0
            assert len(found) // 2 >= before  # what was there when it began is in it
            assert (size, 0o600) == about(target)
            await asyncio.wait_for(_more(lambda: written, written), 30)  # and the writer goes on
    finally:
        stop.set()
        await writing
        await db.close()
    assert not any(".part" in name for name in others(tmp_path))


async def _more(count, than: int) -> None:
    while count() <= than:  # noqa: ASYNC110 - a condition over anything, no event tells of it
        await asyncio.sleep(0.002)


@pytest.mark.asyncio
async def test_there_and_back(place: Path, tmp_path: Path) -> None:
    db = Database(url(place))
    await write(db, "kept")
    await asyncio.to_thread(backup, url(place), tmp_path / "b.db")
    await write(db, "later")
    await db.close()
    aside = restore(url(place), tmp_path / "b.db")
    assert aside is not None
    assert pairs(place) == ["kept", "kept"]
    assert pairs(aside) == ["kept", "kept", "later", "later"]
    assert about(place)[1] == 0o600
    again = Database(url(place))
    await migrate(again)
    await write(again, "goes on")
    await again.close()
    assert pairs(place)[-1] == "goes on"


@pytest.mark.asyncio
async def test_what_a_killed_program_left_in_the_wal_is_kept_aside(place: Path, tmp_path: Path) -> None:
    backup(url(place), tmp_path / "b.db")
    db = Database(url(place))
    await write(db, "only in the WAL")
    killed = tmp_path / "killed"
    killed.mkdir()
    for end in ("", "-wal"):
        shutil.copy(f"{place}{end}", killed / f"pbxcrm.db{end}")
    await db.close()
    aside = restore(url(killed / "pbxcrm.db"), tmp_path / "b.db")
    assert aside is not None
    assert pairs(aside) == ["only in the WAL"] * 2
    assert pairs(killed / "pbxcrm.db") == []


def test_on_a_new_machine(place: Path, tmp_path: Path) -> None:
    backup(url(place), tmp_path / "b.db")
    new = tmp_path / "new.db"
    assert restore(url(new), tmp_path / "b.db") is None
    assert pairs(new) == []


def test_nothing_is_written_over(place: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.db"
    target.write_text("precious")
    with pytest.raises(DatabaseUnusable, match=r"is there already and was left as it is"):
        backup(url(place), target)
    assert target.read_text() == "precious"
    assert others(tmp_path, place, target) == []


def test_nor_where_it_came_meanwhile(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "b.db"
    checked = backups._check
    monkeypatch.setattr(backups, "_check", lambda *args: (target.write_text("precious"), checked(*args)))
    with pytest.raises(DatabaseUnusable, match="left as it is"):
        backup(url(place), target)
    assert target.read_text() == "precious"
    assert others(tmp_path, place, target) == []


@pytest.mark.asyncio
async def test_no_restore_while_somebody_uses_it(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backup(url(place), tmp_path / "b.db")
    monkeypatch.setattr(backups, "_WAIT", 0.1)
    db = Database(url(place))
    await write(db, "mine")
    with pytest.raises(DatabaseUnusable, match=r"in use; nothing was changed\. Stop pbxcrm"):
        await asyncio.to_thread(restore, url(place), tmp_path / "b.db")
    await write(db, "mine")
    await db.close()
    assert pairs(place) == ["mine"] * 4


@pytest.fixture
def kept(place: Path) -> Iterator[Path]:
    """The database; afterwards it is as it was."""
    before = place.read_bytes()
    yield place
    assert place.read_bytes() == before
    assert [path for path in place.parent.iterdir() if "before-" in path.name or ".part" in path.name] == []


def test_no_restore_of_what_is_not_there(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="no backup at"):
        restore(url(kept), tmp_path / "nothing.db")


def test_no_restore_of_something_else(kept: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "else.db")) as conn:
        conn.execute("CREATE TABLE fish (name)")
    with pytest.raises(DatabaseUnusable, match="no backup of pbxcrm"):
        restore(url(kept), tmp_path / "else.db")
    (tmp_path / "text.db").write_text("no database at all " * 500)
    with pytest.raises(DatabaseUnusable, match="not a database"):
        restore(url(kept), tmp_path / "text.db")


def test_no_restore_of_a_damaged_one(kept: Path, tmp_path: Path) -> None:
    whole = kept.read_bytes()
    (tmp_path / "bad.db").write_bytes(whole[:8192] + b"\xa5" * 4096 * 4 + whole[8192 + 4096 * 4 :])
    with pytest.raises(DatabaseUnusable, match=r"damaged|malformed"):
        restore(url(kept), tmp_path / "bad.db")


def test_no_restore_of_a_newer_ones(kept: Path, tmp_path: Path) -> None:
    shutil.copy(kept, tmp_path / "newer.db")
    with closing(sqlite3.connect(tmp_path / "newer.db")) as conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
        conn.commit()
    with pytest.raises(DatabaseUnusable, match=r"newer pbxcrm .*9999.*nothing was changed"):
        restore(url(kept), tmp_path / "newer.db")


def test_a_damaged_database_is_what_restore_is_for(place: Path, tmp_path: Path) -> None:
    backup(url(place), tmp_path / "b.db")
    place.write_bytes(b"this is no database at all, " * 300)
    aside = restore(url(place), tmp_path / "b.db")
    assert aside is not None
    assert aside.read_bytes().startswith(b"this is no database")
    assert pairs(place) == []


def test_nothing_to_copy(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="no database at"):
        backup(url(tmp_path / "none.db"), tmp_path / "b.db")
    assert list(tmp_path.iterdir()) == []


def test_postgresql_has_programs_of_its_own(tmp_path: Path) -> None:
    address = "postgresql+asyncpg://crm:secret@db/pbxcrm"
    for work, words in ((backup, "pg_dump --format=custom"), (restore, "pg_restore --clean --if-exists")):
        with pytest.raises(DatabaseUnusable) as raised:
            work(address, tmp_path / "x")
        assert words in raised.value.message
        assert "postgresql://crm@db/pbxcrm" in raised.value.message
        assert "secret" not in raised.value.message
