"""Years of an office's CDR into an empty CRM, and once more: it is full, and the second time nothing changes."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from pbxcrm.calls.cdr import Cdr
from pbxcrm.calls.model import Call
from pbxcrm.crm.rules import Rules
from pbxcrm.service import history
from pbxcrm.service.history import Counts
from tests.bench.history import staff
from tests.bench.office_years import Years
from tests.store.office import Office

pytestmark = pytest.mark.asyncio
ROWS = 4_000


def rows() -> list[dict[str, object]]:
    """As a source hands them over: the time as epoch seconds."""
    return [
        {**row, "calldate": datetime.fromisoformat(row["start"]).replace(tzinfo=UTC).timestamp()}
        for row in Years(seed=3, callers=500).rows(ROWS)
    ]


async def put(office: Office, batch: int) -> Counts:
    cdr, counts, waiting = Cdr(await staff(office.db), region="PL"), Counts(), list[Call]()
    for row in rows():
        waiting += cdr.feed(row)
        if len(waiting) >= batch:
            found = await history.apply(office.db, waiting, source="cdr", rules=Rules())
            counts, waiting = Counts(*map(sum, zip(counts, found, strict=True))), []
    found = await history.apply(office.db, [*waiting, *cdr.end()], source="cdr", rules=Rules())
    return Counts(*map(sum, zip(counts, found, strict=True)))


async def test_it_is_full_and_the_second_time_nothing_changes(office: Office) -> None:
    made = await put(office, 500)
    calls = await office.rows("calls")
    assert made == Counts(new=len(calls))
    assert len({row["uid"] for row in calls}) == len(calls)
    contacts, numbers = await office.rows("contacts"), await office.rows("contact_numbers")
    called = {row["number"] for row in calls if row["contact_id"] is not None}
    assert {row["number"] for row in numbers} == called
    assert len(contacts) == len(called) > 200
    assert {row["source"] for row in contacts} > {"+48223334400"}
    inbound = Counter(row["outcome"] for row in calls if row["direction"] == "inbound")
    assert 0.8 < inbound["answered"] / inbound.total() < 0.95
    assert len({row["user_id"] for row in await office.rows("call_people")}) == 20
    assert await office.rows("deals") == []
    assert await office.rows("tasks") == []  # years ago: in the log alone
    journal = await office.rows("journal")
    assert await put(office, 333) == Counts(same=len(calls))
    assert await office.rows("calls") == calls
    assert await office.rows("contacts") == contacts
    assert [row for row in await office.rows("journal") if row not in journal] == []
