"""Tables of what one may see: every row, no row of others, noted, and never half a one that looks whole."""

import csv
import io
from typing import Any

import pytest
from aiohttp import ClientError

from pbxcrm.http import api_exports
from pbxcrm.service import contacts, deals
from pbxcrm.service.audit import list_audit
from pbxcrm.service.errors import Unavailable
from tests.http.bed import House
from tests.http.things import CANARY, things_of

pytestmark = pytest.mark.asyncio


async def table(house: House, path: str, who: str) -> list[dict[str, str]]:
    answer = await house.ask("GET", "/api/v1" + path, who)
    assert (answer.status, answer.content_type) == (200, "text/csv")
    thing = path[1:].partition(".")[0]
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{thing}.csv"'
    text = (await answer.read()).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


async def test_all_of_mine_and_nothing_of_yours(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_exports, "PAGE", 3)
    things = await things_of(house, house.people["alice"])
    scope = house.people["alice"].scope
    for n in range(10):
        await deals.create(house.db, scope, {"title": f"=cmd|{n}", "number": f"+4861000{n:04d}"})
    rows = await table(house, "/deals.csv", "alice")
    assert [row["title"] for row in rows][:10] == [f"'=cmd|{n}" for n in reversed(range(10))]
    assert rows[0]["number"] == "'+48610000009"
    assert {row["id"] for row in rows} >= {things.deal}
    assert len(rows) == 11
    assert things.call in [row["id"] for row in await table(house, "/calls.csv", "alice")]
    assert {row["name"] for row in await table(house, "/contacts.csv", "alice")} >= {f"{CANARY} {_n(things.number)}"}
    assert len(await table(house, "/deals.csv", "mona")) == 12  # nobody's too
    for who in ("bob", "charlie"):
        for path in ("/deals.csv", "/calls.csv", "/contacts.csv"):
            assert await table(house, path, who) == []


def _n(number: str) -> int:
    return int(number[5:])


async def test_filters_are_the_lists(house: House) -> None:
    scope = house.people["alice"].scope
    for name in ("Anna", "Ewa"):
        await contacts.create(house.db, scope, {"name": name})
    assert [row["name"] for row in await table(house, "/contacts.csv?q=ewa", "alice")] == ["Ewa"]
    for wrong in (
        "/deals.csv?nonsense=1",
        "/calls.csv?outcome=perhaps",
        "/contacts.csv?limit=3",
        "/deals.csv?open=1&open=0",
    ):
        answer = await house.ask("GET", "/api/v1" + wrong, "alice")
        assert (answer.status, answer.content_type) == (400, "application/json")


async def test_each_is_noted_before_it_is_sent(house: House) -> None:
    await table(house, "/deals.csv?open=true", "alice")
    found = await list_audit(house.db, house.people["mona"].scope, filters={"action": "exported"})
    (entry,) = found["items"]
    assert (entry["user"], entry["thing"], entry["changes"]) == ("alice", "deals", {"open": [None, "true"]})


async def test_half_a_table_does_not_look_whole(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_exports, "PAGE", 1)
    scope = house.people["alice"].scope
    for n in range(3):
        await deals.create(house.db, scope, {"title": str(n)})
    real, asked = deals.list_deals, 0

    async def breaks(*given: Any) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise Unavailable("away", code="database_down")
        return await real(*given)

    monkeypatch.setattr(deals, "list_deals", breaks)
    with pytest.raises(ClientError):
        await house.ask("GET", "/api/v1/deals.csv", "alice")
