"""A copy of an SQLite database while it is used, and the way back. PostgreSQL has programs of its own for that."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import URL

from pbxcrm.store.errors import DatabaseUnusable, explain
from pbxcrm.store.migrations import known
from pbxcrm.store.url import read

_WAIT = 2.0  # seconds for another program to let go of the file
_BESIDE = ("-wal", "-shm")  # what SQLite keeps beside a database that is open, or was when its program died


def backup(url: str, target: Path) -> int:
    """Copy the whole database, as it is at one moment, to a new file that only its owner may read; its size in bytes.

    Whoever uses the database goes on meanwhile. Raises DatabaseUnusable: then there is no file at `target`.
    """
    source = _file(url, f"pg_dump --format=custom --file={target} {{}}")
    if not _there(source):
        raise DatabaseUnusable(f"There is no database at {source}; nothing was copied. Check PBXCRM_DATABASE_URL.")
    if target.exists():
        raise DatabaseUnusable(f"{target} is there already and was left as it is. Name a new file.")
    with _explained(read(url)), _copied(source, target) as copy:
        try:
            os.link(copy, target)  # at once the whole of it, or nothing; never over another file
        except FileExistsError:
            raise DatabaseUnusable(f"{target} is there already and was left as it is. Name a new file.") from None
    return target.stat().st_size


def restore(url: str, source: Path) -> Path | None:
    """Put a backup in the place of the database; where the one before it now lies, None when there was none.

    Raises DatabaseUnusable when the backup cannot be used, or somebody uses the database: then nothing was changed.
    """
    place = _file(url, f"pg_restore --clean --if-exists --dbname={{}} {source}")
    if not _there(source):
        raise DatabaseUnusable(f"There is no backup at {source}; nothing was changed.")
    with _explained(read(url)), _copied(source, place) as copy:
        _check_revision(copy, source)
        aside = _set_aside(place) if _there(place) else None
        copy.replace(place)
    return aside


def file_of(url: str) -> Path | None:
    """The file of an SQLite database; None for PostgreSQL. Raises DatabaseUnusable."""
    parsed = read(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def damage(path: Path) -> str | None:
    """What `integrity_check` finds first, None when all is well."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as conn:
            found = str(conn.execute("PRAGMA integrity_check").fetchone()[0])
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if found == "ok" else found.partition("\n")[0]


def _file(url: str, instead: str) -> Path:
    """The database's file. Raises DatabaseUnusable that says what to use `instead` for PostgreSQL."""
    parsed = read(url)
    if parsed.get_backend_name() != "sqlite":
        plain = URL.create("postgresql", parsed.username, None, parsed.host, parsed.port, parsed.database)
        raise DatabaseUnusable(
            "Nothing was done: of a PostgreSQL database its own programs make copies. "
            f"Use: {instead.format(plain.render_as_string())}"
        )
    return Path(str(parsed.database))


def _there(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


@contextlib.contextmanager
def _copied(source: Path, beside: Path) -> Iterator[Path]:
    """A checked copy in the folder of `beside`, under a name of its own; it is gone afterwards unless it was moved."""
    copy = beside.with_name(f".{beside.name}.{os.getpid()}.part")
    try:
        copy.touch(mode=0o600, exist_ok=False)
        with (
            contextlib.closing(sqlite3.connect(source)) as old,
            contextlib.closing(sqlite3.connect(copy)) as new,
        ):
            old.backup(new)  # all pages in one go: one moment, and writers do not make it begin again
            _check(new, source)
            new.execute("PRAGMA journal_mode=DELETE")
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _check(conn: sqlite3.Connection, source: Path) -> None:
    found = [str(row[0]) for row in conn.execute("PRAGMA integrity_check")]
    if found != ["ok"]:
        raise DatabaseUnusable(
            f"{source} is damaged ({found[0]}); nothing was changed. Keep a copy of it, and use an older backup."
        )


def _check_revision(copy: Path, source: Path) -> None:
    with contextlib.closing(sqlite3.connect(copy)) as conn:
        try:
            row = conn.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            row = None
    if row is None:
        raise DatabaseUnusable(f"{source} is no backup of pbxcrm; nothing was changed.")
    if row[0] not in known():
        raise DatabaseUnusable(
            f"{source} was made by a newer pbxcrm (its tables are at revision {row[0]}); nothing was changed. "
            "Install that version, or use an older backup."
        )


def _set_aside(place: Path) -> Path:
    """Out of the way, whole. Raises DatabaseUnusable while somebody has it open."""
    aside = place.with_name(f"{place.name}.before-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
    with contextlib.closing(sqlite3.connect(place, timeout=_WAIT)) as conn:
        try:
            conn.execute("PRAGMA journal_mode=DELETE")  # only the last one who has it open may; takes the WAL in
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise DatabaseUnusable(
                    f"{place} is in use; nothing was changed. Stop pbxcrm (systemctl stop pbxcrm), then try again."
                ) from None
        except sqlite3.DatabaseError:
            pass  # it is damaged: that is why somebody restores; it is kept as it is
    for end in ("", *_BESIDE):
        with contextlib.suppress(FileNotFoundError):
            place.with_name(place.name + end).rename(aside.with_name(aside.name + end))
    return aside


@contextlib.contextmanager
def _explained(url: URL) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise explain(url, error) from error
