"""The database is away: programs are told so in our shape, those who listen hear it, and nothing waits to be done."""

import pytest

from tests.http.bed import House
from tests.http.live_test import connected, stream, take

pytestmark = pytest.mark.asyncio


def goes(house: House) -> None:
    """Say that it is away, whatever is written meanwhile."""
    house.db.presence.back = lambda: None  # type: ignore[method-assign]
    house.db.presence.lost("The disk is full: /secret/place")


def comes_back(house: House) -> None:
    del house.db.presence.back
    house.db.presence.back()


async def test_changes_are_refused_at_once_and_reading_goes_on(house: House) -> None:
    goes(house)
    refused = await house.ask("POST", "/api/v1/deals", "alice", json={"title": "Now"})
    error = (await refused.json())["error"]
    assert (refused.status, error["code"], refused.headers["Retry-After"]) == (503, "database_down", "5")
    assert "was not saved" in error["message"]
    assert "secret" not in error["message"]
    assert (await house.json("GET", "/api/v1/deals", "alice"))["items"] == []
    ready = await house.ask("GET", "/readyz")
    assert (ready.status, (await ready.json())["database"]) == (503, "down")
    assert "pbxcrm_database_up 0" in await (await house.ask("GET", "/metrics")).text()
    comes_back(house)
    await house.json("POST", "/api/v1/deals", "alice", 201, json={"title": "Now"})
    assert (await house.ask("GET", "/readyz")).status == 200


async def test_who_listens_hears_of_it_without_a_journal_row(house: House) -> None:
    async with stream(house, "alice") as ws:
        await connected(house, 1)
        await house.json("POST", "/api/v1/deals", "alice", 201, json={"title": "First"})
        (before,) = await take(ws, 1)
        goes(house)
        (down,) = await take(ws, 1)
        assert (down["kind"], down["id"], down["data"]["up"]) == ("database.down", before["id"], False)
        assert down["data"]["since"].endswith("Z")
        async with stream(house, "bob") as late:
            (again,) = await take(late, 1)
            assert again["kind"] == "database.down"
            comes_back(house)
            assert [(await take(one, 1))[0]["kind"] for one in (ws, late)] == ["database.up"] * 2
        await house.json("POST", "/api/v1/deals", "alice", 201, json={"title": "Second"})
        (after,) = await take(ws, 1)
        assert int(after["id"]) > int(before["id"])


async def test_before_it_was_ever_seen_nothing_is_read_either(house: House) -> None:
    goes(house)
    house.db.presence.ready = False
    page = await house.ask("GET", "/board", headers={"Accept-Language": "en"})
    assert (page.status, page.headers["Refresh"]) == (503, "5")
    assert "Nothing is lost" in await page.text()
    assert (await house.ask("GET", "/healthz")).status == 200
    assert (await house.ask("GET", "/api/v1/calls", "alice")).status == 503
