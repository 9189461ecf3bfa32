"""The demo lets people in, and touches nobody whom it did not make."""

import re

import pytest
import pytest_asyncio

from pbxcrm.ami.link import LinkConfig
from pbxcrm.demo import DEMO_PEOPLE, start
from pbxcrm.service import people
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def db(tmp_path):
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/demo.db")
    await migrate(database)
    yield database
    await database.close()


def password_told(caplog):
    lines = [m[1] for r in caplog.records if (m := re.search(r"with: (\S+)$", r.getMessage()))]
    caplog.clear()
    return lines


async def test_an_empty_database_gets_people_and_the_log_says_how_to_come_in(db, caplog):
    caplog.set_level("INFO")
    demo = await start(db, None)
    try:
        assert isinstance(demo.config, LinkConfig)
        assert demo.config.host == "127.0.0.1"
        there = {m.name: m for m in await people.list_people(db)}
        assert {(n, m.role, m.devices) for n, m in there.items()} == {(n, r, d) for n, r, d in DEMO_PEOPLE}
        assert all(m.can_log_in for m in there.values())
        (password,) = password_told(caplog)
        assert len(password) >= 14
    finally:
        await demo.close()
    again = await start(db, None)
    await again.close()
    (other,) = password_told(caplog)
    assert other != password  # made at each start: none is known to the world
    assert len(await people.list_people(db)) == len(DEMO_PEOPLE)


async def test_a_database_with_people_of_its_own_is_left_alone(db, caplog):
    caplog.set_level("INFO")
    await people.add_user(db, "alice", "agent", ["PJSIP/101"], password="her own secret")
    before = await people.list_people(db)
    demo = await start(db, None)
    await demo.close()
    assert await people.list_people(db) == before
    assert password_told(caplog) == []
