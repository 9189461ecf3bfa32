"""Pipelines and stages as an administrator makes them; gates, stays that are too long, saved views."""

import itertools
from typing import Any

import pytest
import pytest_asyncio

from pbxcrm.crm import views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.pipelines import TEMPLATES
from pbxcrm.http import labels
from pbxcrm.service import board, deals, moves, people, pipelines, saved
from pbxcrm.service.auth import Auth
from pbxcrm.service.errors import Invalid, NotFound
from pbxcrm.service.timeline import timeline
from tests.http.bed import Clock, House, Person, both

pytestmark = pytest.mark.asyncio
DAY = 86400.0


@pytest_asyncio.fixture
async def root(house: House) -> Scope:
    """An administrator of the house."""
    await people.add_user(house.db, "root", "admin", [])
    token = await people.create_token(house.db, "root")
    person = await Auth(house.db).by_token(token)
    assert person is not None
    house.people["root"] = Person(person.scope, token)
    return person.scope


async def names(house: House, pipeline: str | None = None) -> list[str]:
    found = await board.board(house.db, house.people["mona"].scope, pipeline)
    return [stage["name"] for stage in found["stages"]]


async def ids(house: House, pipeline: str | None = None) -> dict[str, str]:
    found = await board.board(house.db, house.people["mona"].scope, pipeline)
    return {stage["name"]: stage["id"] for stage in found["stages"]}


@pytest.mark.parametrize("key", TEMPLATES)
async def test_each_template_makes_a_whole_funnel(house: House, root: Scope, key: str) -> None:
    made = await pipelines.create(house.db, root, "", key)
    steps = [step.name for step in TEMPLATES[key].steps]
    assert await names(house, made) == ["Unsorted", *steps, "Won", "Lost"]
    known = {*labels.STAGES, *labels.PIPELINES, *labels.TEMPLATES}
    assert {TEMPLATES[key].name, *steps} <= known
    guidance = itertools.chain.from_iterable(step.guidance.splitlines() for step in TEMPLATES[key].steps)
    assert set(guidance) <= known


@both
async def test_stages_are_added_renamed_ordered_and_removed(house: House, root: Scope, clock: Clock) -> None:
    db, alice = house.db, house.people["alice"].scope
    at = await ids(house)
    trial = await pipelines.add_stage(db, root, "1", "Trial")
    assert (await names(house))[-3:] == ["Trial", "Won", "Lost"]
    await pipelines.change_stage(db, root, trial, {"name": "Free trial", "probability": "80", "idle_days": "3"})
    for _ in range(9):  # never out of the open ones
        await pipelines.shift_stage(db, root, trial, -1)
    assert (await names(house))[:3] == ["Unsorted", "Free trial", "New"]
    deal = await deals.create(db, alice, {"title": "Here", "stage": trial, "value": "70"})
    with pytest.raises(Invalid):
        await pipelines.remove_stage(db, root, trial)
    for to in (at["Won"], "999"):
        with pytest.raises(Invalid):
            await pipelines.remove_stage(db, root, trial, to)
    clock.on(1)
    await pipelines.remove_stage(db, root, trial, at["Offer"])
    assert "Free trial" not in await names(house)
    deal = await deals.get(db, alice, deal["id"])
    assert deal["stage"] == at["Offer"]
    told = [item for item in await timeline(db, alice, deal["id"]) if item["kind"] == "stage"]
    assert [item["to_name"] for item in told] == ["Offer", "Free trial"]  # the name stays in what happened
    assert told[0]["from_name"] == "Free trial"
    offer = next(s for s in (await board.board(db, alice))["stages"] if s["name"] == "Offer")
    assert (offer["count"], offer["value"]) == (1, "70.00")
    with pytest.raises(Invalid):
        await moves.move(db, alice, deal["id"], trial, deal["version"])


async def test_a_pipeline_keeps_what_it_cannot_do_without(house: House, root: Scope) -> None:
    at = await ids(house)
    for name in ("Unsorted", "Won", "Lost"):
        with pytest.raises(Invalid):
            await pipelines.remove_stage(house.db, root, at[name], at["New"])
    with pytest.raises(Invalid):
        await pipelines.remove(house.db, root, "1")
    with pytest.raises(Invalid):
        await pipelines.change_stage(house.db, root, at["Unsorted"], {"needs": ["value"]})


async def test_several_pipelines_and_which_one_calls_fill(house: House, root: Scope) -> None:
    db, alice = house.db, house.people["alice"].scope
    second = await pipelines.create(db, root, "Renewals", "aida")
    deal = await deals.create(db, alice, {"title": "Again", "stage": (await ids(house, second))["Interest"]})
    assert deal["pipeline"] == second
    with pytest.raises(Invalid):
        await pipelines.remove(db, root, second)
    await pipelines.shift(db, root, second, -1)
    assert [one["name"] for one in await pipelines.listing(db, root)] == ["Renewals", "Sales"]
    text = await (await house.ask("GET", f"/deals/{deal['id']}", "alice")).text()
    assert "Motivation" in text
    assert "Negotiation" not in text
    page = await (await house.ask("GET", "/board?pipeline=1", "alice")).text()
    assert f'href="/board?pipeline={second}"' in page
    assert (await house.ask("GET", "/board?pipeline=77", "alice")).status == 404


async def test_an_administrator_does_all_of_it_by_forms(house: House, root: Scope) -> None:
    head = {"Origin": house.origin}

    async def post(path: str, status: int = 303, **form: Any) -> str:
        answer = await house.ask("POST", path, "root", data=form, headers=head)
        assert answer.status == status, await answer.text()
        return answer.headers.get("Location", await answer.text())

    made = await post("/settings/pipelines", name="Service", template="five")
    text = await (await house.ask("GET", made, "root")).text()
    assert "No competitor has them" in text
    stage = (await ids(house, made.rsplit("/", 1)[1]))["Qualification"]
    wrong = await post(f"/settings/stages/{stage}", 422, name="", probability="many")
    assert "This may not be empty." in wrong
    assert "This must be a whole number from 0 to 100." in wrong
    await post(f"/settings/stages/{stage}", name="Qualified", probability="۴۰", idle_days="14", needs="value")
    answer = await house.ask("POST", f"/settings/stages/{stage}/shift", "root", data={"by": "-1"}, headers=head)
    assert answer.headers["Location"].endswith(f"#stage-{stage}")
    found = await pipelines.get(house.db, root, made.rsplit("/", 1)[1])
    changed = next(one for one in found["stages"] if one["id"] == stage)
    assert (changed["name"], changed["probability"], changed["idle_days"], changed["needs"]) == (
        "Qualified", 40, 14, ["value"],
    )  # fmt: skip
    assert found["stages"][1]["id"] == stage
    await post(made, name="After-sales")
    await post(f"{made}/stages", name="Survey")
    assert "A pipeline needs this stage." in await post(f"/settings/stages/{found['stages'][0]['id']}/remove", 422)
    await post(f"{made}/remove")
    assert len(await pipelines.listing(house.db, root)) == 1
    listed = await (await house.ask("GET", "/settings/pipelines", "root")).text()
    assert "After-sales" not in listed
    entries = (await house.json("GET", "/api/v1/audit?action=settings.changed", "mona"))["items"]
    assert {entry["thing"] for entry in entries} == {"pipeline", "stage"}


async def test_only_administrators(house: House) -> None:
    with pytest.raises(NotFound):
        await pipelines.create(house.db, house.people["mona"].scope, "", "five")


# -- gates -------------------------------------------------------------------------------------------------------------


@both
async def test_a_stage_asks_for_what_it_needs(house: House, root: Scope) -> None:
    db, alice, at = house.db, house.people["alice"].scope, await ids(house)
    await pipelines.change_stage(db, root, at["Offer"], {"needs": ["value", "next_contact_at", "contact_id"]})
    deal = await deals.create(db, alice, {"title": "Bare"})
    with pytest.raises(Invalid) as wrong:
        await moves.move(db, alice, deal["id"], at["Offer"], deal["version"])
    assert set(wrong.value.fields) == {"value", "next_contact_at", "contact_id"}
    with pytest.raises(Invalid) as wrong:
        await moves.move(db, alice, deal["id"], at["Offer"], deal["version"], None, {"value": "x", "title": "y"})
    assert set(wrong.value.fields) == {"value"}
    with pytest.raises(Invalid):
        await deals.create(db, alice, {"title": "Straight in", "stage": at["Offer"]})
    assert (await deals.get(db, alice, deal["id"])) == deal
    form = {"version": str(deal["version"]), "stage": at["Offer"], "value": "1200"}
    head = {"Origin": house.origin}
    answer = await house.ask("POST", f"/deals/{deal['id']}/move", "alice", data=form, headers=head)
    text = await answer.text()
    assert answer.status == 422
    assert 'name="customer"' in text
    assert 'value="1200"' in text
    whole = {**form, "customer": "Ela", "next_day": "2027-01-15", "next_hour": "10:00", "asked": "1"}
    answer = await house.ask("POST", f"/deals/{deal['id']}/move", "alice", data=whole, headers=head)
    assert answer.status == 303
    after = await deals.get(db, alice, deal["id"])
    assert (after["stage"], after["value"], after["contact_name"]) == (at["Offer"], "1200.00", "Ela")
    assert after["version"] == deal["version"] + 1  # all in one


async def test_the_api_says_and_takes_what_is_needed(house: House, root: Scope) -> None:
    at = await ids(house)
    await pipelines.change_stage(house.db, root, at["Offer"], {"needs": ["value"]})
    deal = await deals.create(house.db, house.people["alice"].scope, {"title": "Bare"})
    path, body = f"/api/v1/deals/{deal['id']}/move", {"stage": at["Offer"], "version": deal["version"]}
    error = await house.json("POST", path, "alice", 422, json=body)
    assert error["error"]["fields"] == {"value": "This is needed."}
    moved = await house.json("POST", path, "alice", json={**body, "fields": {"value": "5"}})
    assert moved["value"] == "5.00"
    stages = (await house.json("GET", "/api/v1/board", "alice"))["stages"]
    assert next(s["needs"] for s in stages if s["name"] == "Offer") == ["value"]


# -- stays too long ----------------------------------------------------------------------------------------------------


async def test_a_deal_that_stays_too_long_is_said_once_its_days_are_over(
    house: House, root: Scope, clock: Clock
) -> None:
    db, alice, at = house.db, house.people["alice"].scope, await ids(house)
    await pipelines.change_stage(db, root, at["New"], {"idle_days": "10"})
    deal = await deals.create(db, alice, {"title": "Stays"})
    assert deal["idle_at"] == views.iso(clock.now + 10 * DAY)
    later = clock.now + 30 * DAY
    deal = await deals.change(db, alice, deal["id"], deal["version"], {"next_contact_at": views.iso(later)})
    assert deal["idle_at"] == views.iso(later)  # no alarm while the next contact lies ahead
    answer = await house.ask("POST", f"/deals/{deal['id']}/lower", "alice", headers={"Origin": house.origin})
    assert answer.status == 303
    deal = await deals.get(db, alice, deal["id"])
    assert (deal["priority"], deal["idle_at"]) == (-1, None)
    answer = await house.ask("POST", f"/deals/{deal['id']}/advance", "alice", headers={"Origin": house.origin})
    assert answer.status == 303
    deal = await deals.get(db, alice, deal["id"])
    assert (deal["stage_name"], deal["idle_at"]) == ("Qualified", None)


# -- saved views -------------------------------------------------------------------------------------------------------


async def test_views_are_ones_own_unless_a_manager_shares_them(house: House) -> None:
    alice, bob, mona = (house.people[name].scope for name in ("alice", "bob", "mona"))
    mine = await saved.save(house.db, alice, "board", "Mine", "due=none")
    await saved.save(house.db, mona, "board", "Everybody's", "due=overdue", shared=True)
    with pytest.raises(Invalid):
        await saved.save(house.db, alice, "board", "Not mine to share", "", shared=True)
    assert [one["name"] for one in await saved.views(house.db, alice, "board")] == ["Everybody's", "Mine"]
    assert [one["name"] for one in await saved.views(house.db, bob, "board")] == ["Everybody's"]
    assert await saved.views(house.db, alice, "leads") == []
    await saved.save(house.db, alice, "board", "Mine", "due=today")
    assert [one["query"] for one in await saved.views(house.db, alice, "board") if one["mine"]] == ["due=today"]
    again = next(one["id"] for one in await saved.views(house.db, alice, "board") if one["mine"])
    for scope, one in ((bob, again), (alice, "999"), (alice, mine if mine != again else "998")):
        with pytest.raises(NotFound):
            await saved.remove(house.db, scope, one)
    await saved.remove(house.db, alice, again)
    assert [one["name"] for one in await saved.views(house.db, alice, "board")] == ["Everybody's"]


async def test_what_is_kept_is_the_boards_own_address(house: House) -> None:
    form = {"name": "Odd", "query": "due=none&evil=//elsewhere&owner=alice"}
    answer = await house.ask("POST", "/board/views", "mona", data=form, headers={"Origin": house.origin})
    assert answer.headers["Location"] == "/board?owner=alice&due=none"
    text = await (await house.ask("GET", "/board", "mona")).text()
    assert 'href="/board?owner=alice&amp;due=none"' in text
