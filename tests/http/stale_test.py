"""Deals that stand too long: which, in what order, and several dealt with at once as one by one."""

import re
from typing import Any

import pytest

from pbxcrm.crm import views
from pbxcrm.service import contacts, deals, stale
from pbxcrm.service.errors import Conflict, Invalid, NotFound
from pbxcrm.service.reports import Asked
from pbxcrm.service.timeline import timeline
from tests.http.bed import Clock, House, both
from tests.http.reports_test import BEGIN, DAY, firm_of, page

pytestmark = pytest.mark.asyncio
ALWAYS = Asked(0, 1e11)


async def old_ones(house: House, clock: Clock) -> Any:
    """On day 100: left alone for 60, 50, 40 days; 20 days; with a next contact ahead; of low priority; won."""
    firm = await firm_of(house, clock)
    await firm.deal("bob", [(50, "Offer")], title="Fifty", value="20")
    await firm.deal("alice", [(40, "New")], title="Sixty", value="10")
    await firm.deal("alice", [(10, "New"), (60, "Qualified")], title="Forty")
    await firm.deal("alice", [(80, "New")], title="Twenty")
    await firm.deal("alice", [(0, "New")], title="Ahead", next_contact_at=views.iso(BEGIN + 101 * DAY))
    await firm.deal("alice", [(0, "New")], title="Low", priority="-1")
    await firm.deal("alice", [(0, "New"), (1, "Won")], title="Won")
    clock.now = BEGIN + 100 * DAY
    return firm


async def titles(house: House, who: str, **asked: Any) -> list[str]:
    found = await stale.listing(house.db, house.people[who].scope, ALWAYS, **asked)
    return [one["title"] for one in found["items"]]


@both
async def test_the_oldest_first_by_stage(house: House, clock: Clock) -> None:
    firm = await old_ones(house, clock)
    assert await titles(house, "mona") == ["Sixty", "Fifty", "Forty"]  # a stage without a limit: 30 days
    assert await titles(house, "mona", days=14) == ["Sixty", "Fifty", "Forty", "Twenty"]
    assert await titles(house, "mona", days=55, low=True) == ["Low", "Sixty"]
    assert await titles(house, "mona", stage=firm.stages["Offer"]) == ["Fifty"]
    assert await titles(house, "alice") == ["Sixty", "Forty"]
    assert await titles(house, "charlie") == []
    found = await stale.listing(house.db, house.people["mona"].scope, ALWAYS, limit=2)
    assert {stage["name"]: sums.n for stage, sums in found["columns"]} == {"New": 1, "Qualified": 1, "Offer": 1}
    assert found["items"][0]["left_alone_since"] == views.iso(BEGIN + 40 * DAY)
    more = await stale.listing(house.db, house.people["mona"].scope, ALWAYS, limit=2, start=found["next"])
    assert [one["title"] for one in more["items"]] == ["Forty"]


@both
async def test_a_talk_and_the_stages_own_limit_count(house: House, clock: Clock) -> None:
    firm = await firm_of(house, clock)
    ela = await contacts.create(house.db, house.people["alice"].scope, {"name": "Ela"})
    await firm.deal("alice", [(0, "New")], title="Talked", contact_id=ela["id"])
    await firm.deal("alice", [(0, "Offer")], title="Allowed")

    def set_(work: Any) -> None:
        work.journal("note.added", {}, None)
        work.conn.exec_driver_sql(f"UPDATE contacts SET last_talk_at = {BEGIN + 80 * DAY}")
        work.conn.exec_driver_sql(f"UPDATE stages SET idle_days = 200 WHERE id = {firm.stages['Offer']}")

    await house.db.writing(set_)
    clock.now = BEGIN + 100 * DAY
    assert await titles(house, "alice") == []
    assert await titles(house, "alice", days=14) == ["Allowed", "Talked"]
    clock.now = BEGIN + 111 * DAY
    assert await titles(house, "alice") == ["Talked"]


async def picked(house: House, **asked: Any) -> list[tuple[str, int]]:
    found = await stale.listing(house.db, house.people["mona"].scope, ALWAYS, **asked)
    return [(one["id"], one["version"]) for one in found["items"]]


@both
async def test_several_are_closed_as_one_by_one(house: House, clock: Clock) -> None:
    await old_ones(house, clock)
    db, mona = house.db, house.people["mona"].scope
    chosen = await picked(house)
    first = chosen[0][0]
    await deals.change(db, house.people["alice"].scope, first, chosen[0][1], {"note": "I am on it"})  # she was faster
    for reason in ("", "  "):
        with pytest.raises(Invalid):
            await stale.lose(db, mona, chosen, reason)
    done, refused = await stale.lose(db, mona, [*chosen, ("999999", 1)], "No need now")
    assert done == 2
    assert [(one.id, type(one.error)) for one in refused] == [(first, Conflict), ("999999", NotFound)]
    assert refused[0].title == "Sixty"
    assert await titles(house, "mona", days=55) == ["Sixty"]  # it is as it was, and nobody has talked
    for one, _ in chosen[1:]:
        closed = await deals.get(db, mona, one)
        assert (closed["stage_kind"], closed["close_reason"]) == ("lost", "No need now")
        assert (await timeline(db, mona, one))[0]["reason"] == "No need now"
        audited = await house.json("GET", f"/api/v1/audit?thing=deal&thing_id={one}&action=deal.moved", "mona")
        assert audited["items"][0]["changes"]["stage_name"][1] == "Lost"
    assert (await deals.get(db, mona, first))["stage_kind"] == "open"


@both
async def test_a_priority_is_lowered_and_they_are_out_of_the_way(house: House, clock: Clock) -> None:
    await old_ones(house, clock)
    db, mona = house.db, house.people["mona"].scope
    chosen = await picked(house)
    assert await stale.lower(db, mona, chosen) == (3, [])
    assert await titles(house, "mona") == []
    assert len(await titles(house, "mona", low=True)) == 4
    for who in ("alice", "bob"):
        with pytest.raises(NotFound):
            await stale.lower(db, house.people[who].scope, chosen)
        with pytest.raises(NotFound):
            await stale.lose(db, house.people[who].scope, chosen, "x")


async def test_the_page_does_it_with_the_ticked_or_with_all(house: House, clock: Clock) -> None:
    await old_ones(house, clock)
    text = await page(house, "mona", "/reports/stale")
    shown = re.findall(r'name="shown" value="(\d+:\d+)"', text)
    assert len(shown) == 3

    async def post(**form: Any) -> tuple[int, str, str]:
        answer = await house.ask("POST", "/reports/stale", "mona", data=form, headers={"Origin": house.origin})
        return answer.status, answer.headers.get("Location", ""), await answer.text()

    status, _, text = await post(do="lose", pick=shown[0])
    assert status == 422
    assert "Say why it was lost" in text
    assert (await post(do="lower", pick=shown[0]))[:2] == (303, "/reports/stale?done=1")
    assert "Done. Deals changed: 1" in await page(house, "mona", "/reports/stale?done=1")
    status, _, text = await post(do="lose", words="Too old", all="1", shown=shown, days="30")
    assert status == 409  # the first has another version by now; the other two are done
    assert "Done. Deals changed: 2" in text
    assert "Not done, and left as they were: 1" in text
    text = await page(house, "alice", "/reports/stale?low=1")
    assert 'name="pick"' not in text
    answer = await house.ask("POST", "/reports/stale", "alice", data={"pick": shown[0], "do": "lower"},
                             headers={"Origin": house.origin})  # fmt: skip
    assert answer.status == 404
