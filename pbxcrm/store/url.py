"""Which database: the setting PBXCRM_DATABASE_URL."""

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from pbxcrm.store.errors import DatabaseUnusable, wrong_url


def parse(url: str) -> URL:
    """The URL, read; a new SQLite file is made. Raises DatabaseUnusable for what names no database of ours."""
    parsed = read(url)
    if parsed.get_backend_name() == "sqlite":
        _make_private(Path(str(parsed.database)))
    return parsed


def read(url: str) -> URL:
    """The URL, read, and nothing made. Raises DatabaseUnusable as `parse`."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise wrong_url(url, error) from error
    if parsed.drivername not in ("sqlite+aiosqlite", "postgresql+asyncpg"):
        raise wrong_url(url)
    if parsed.get_backend_name() == "sqlite" and (not parsed.database or parsed.database == ":memory:"):
        raise DatabaseUnusable(
            "An SQLite database in memory would be lost at each stop. Nothing was stored; name a file in the URL."
        )
    return parsed


def _make_private(path: Path) -> None:
    """A new database file is its owner's alone: it holds customers and password hashes."""
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
    except OSError:
        return  # opening it will fail too, and say why in the words of errors.py
