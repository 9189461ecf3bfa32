"""A database of its own for each test, on a clock the test moves, and the people of every table of foreign eyes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.http.bed import Clock


@pytest_asyncio.fixture
async def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def db(tmp_path: Path, clock: Clock) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/pbxcrm.db", clock)
    await migrate(database)
    yield database
    await database.close()
