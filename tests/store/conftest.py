"""Every test here runs twice: on SQLite and on a real PostgreSQL."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from pbxcrm.store.db import Database
from tests.fakes.postgres import postgres, run_apart
from tests.store.office import Clock, Office, settle

__all__ = ["postgres"]

BACKENDS = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all tables: copied, for migrating takes longer."""
    path = tmp_path_factory.mktemp("migrated") / "pbxcrm.db"
    run_apart(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def new_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes a migrated database and gives its URL."""

    def make() -> str:
        if backend == "postgres":
            return str(request.getfixturevalue("postgres").database())
        path = tmp_path / f"pbxcrm{len(list(tmp_path.glob('*.db')))}.db"
        shutil.copy(request.getfixturevalue("migrated_file"), path)
        return f"sqlite+aiosqlite:///{path}"

    return make


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    return new_url()


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table."""
    if backend == "postgres":
        return str(request.getfixturevalue("postgres").empty())
    return f"sqlite+aiosqlite:///{tmp_path}/empty.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def db(url: str, clock: Clock) -> AsyncIterator[Database]:
    database = Database(url, clock, "PL")
    yield database
    await database.close()


@pytest_asyncio.fixture
async def office(db: Database, clock: Clock) -> Office:
    """Alice and Bob sell in one team, Charlie in another, Mia leads, Olga is the operator."""
    return await settle(db, clock)
