"""Lists of one day: the day is the reader's own, in their zone and calendar, however long it was."""

import re
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import update

from pbxcrm.service import people
from pbxcrm.store.db import Work
from pbxcrm.store.schema import audit, calls
from tests.http.bed import House
from tests.http.things import call_of

pytestmark = pytest.mark.asyncio
# Europe/Warsaw on 25 October 2026: 02:00 to 03:00 comes twice, and the day begins at 22:00 UTC and is 25 hours long.
INSIDE = ("2026-10-24T22:00:00", "2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-10-25T22:59:59")
OUTSIDE = ("2026-10-24T21:59:59", "2026-10-25T23:00:00")


def epoch(utc: str) -> float:
    return datetime.fromisoformat(utc + "+00:00").timestamp()


def shown(page: str) -> set[str]:
    return set(re.findall(r'href="/calls/([0-9a-f-]{36})"', page))


@pytest.fixture
def days() -> Iterator[tuple[str, str]]:
    return iter((("gregorian", "2026-10-25"), ("jalali", "1405/08/03"), ("jalali", "۱۴۰۵/۰۸/۰۳")))


async def test_calls_of_the_day_the_clocks_went_back(house: House, days: Iterator[tuple[str, str]]) -> None:
    alice = house.people["alice"]
    of: dict[str, str] = {}
    for n, at in enumerate(INSIDE + OUTSIDE):
        of[at] = await call_of(house.db, alice, f"d{n}", "+48601234567")

    def move(work: Work) -> None:
        for at, call in of.items():
            work.conn.execute(update(calls).where(calls.c.id == call).values(started_at=epoch(at)))
        work.journal("test", {}, None)

    await house.db.writing(move)
    for calendar, day in days:
        await people.set_preferences(house.db, alice.scope, time_zone="Europe/Warsaw", calendar=calendar)
        answer = await house.ask("GET", "/calls", "alice", params={"day": day})
        page = await answer.text()
        assert answer.status == 200
        assert shown(page) == {of[at] for at in INSIDE}
        table = re.search(r'href="(/api/v1/calls.csv\?[^"]+)"', page)
        assert table is not None
        rows = await (await house.ask("GET", table[1].replace("&amp;", "&"), "alice")).text()
        assert {of[at] for at in INSIDE} == {one for one in of.values() if one in rows}
    everything = await (await house.ask("GET", "/calls", "alice", params={"day": "no day"})).text()
    assert shown(everything) == set(of.values())


async def test_what_was_done_on_it(house: House, days: Iterator[tuple[str, str]]) -> None:
    def note(work: Work) -> None:
        for n, at in enumerate(INSIDE + OUTSIDE):
            row = {"at": epoch(at), "name": "alice", "peer": "", "action": "saw", "thing": "task", "thing_id": f"n{n}"}
            work.conn.execute(audit.insert().values(**row, changes="{}", times=1))
        work.journal("test", {}, None)

    await house.db.writing(note)
    for calendar, day in days:
        await people.set_preferences(house.db, house.people["mona"].scope, time_zone="Europe/Warsaw", calendar=calendar)
        page = await (await house.ask("GET", "/audit", "mona", params={"day": day, "thing": "task"})).text()
        assert set(re.findall(r">(n[0-9])<", page)) == {f"n{n}" for n in range(len(INSIDE))}


@pytest.mark.parametrize("day", ["0001-01-01", "1900-01-01", "9999-12-31", "1/1/1", "٠", "x" * 300, "1405/13/01"])
async def test_no_day_breaks_a_page(house: House, day: str) -> None:
    for path in ("/calls", "/audit"):
        assert (await house.ask("GET", path, "mona", params={"day": day})).status < 500
