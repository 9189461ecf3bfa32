"""A database of its own for each test, on a clock the test moves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.fakes.postgres import postgres
from tests.http import bed
from tests.http.bed import Clock, House

__all__ = ["postgres"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def db_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite; with `@both` PostgreSQL too."""
    if getattr(request, "param", "sqlite") == "postgres":
        return str(request.getfixturevalue("postgres").database())
    return f"sqlite+aiosqlite:///{tmp_path}/pbxcrm.db"


@pytest_asyncio.fixture
async def db(db_url: str, clock: Clock) -> AsyncIterator[Database]:
    database = Database(db_url, clock, region="PL")
    await migrate(database)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def house(db: Database) -> AsyncIterator[House]:
    """The house of bed.py, served."""
    async with bed.house(db) as served:
        yield served
