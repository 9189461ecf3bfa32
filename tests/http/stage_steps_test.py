"""What a stage asks and gives: advice, a checklist, its own fields, tasks made by themselves, a word at the end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pbxcrm.crm.access import Scope
from pbxcrm.service import companies, contacts, deals, details, guide, moves, pipelines, tasks
from pbxcrm.service.errors import Invalid, NotFound
from pbxcrm.store import deals as deal_store
from tests.http.bed import Clock, House, both
from tests.http.pipelines_test import ids, root

__all__ = ["root"]
pytestmark = pytest.mark.asyncio
DAY = 86400.0
JOBS = [{"id": "", "kind": "mail", "title": "Send the price list", "days": "2"}]


async def todo(house: House, deal_id: str) -> list[tuple[str, str]]:
    found = await tasks.list_tasks(house.db, house.people["alice"].scope, None, None, {"deal_id": deal_id})
    return [(one["title"], one["user"]) for one in found["items"]]


async def move(house: House, deal: dict[str, Any], to: str, **more: Any) -> dict[str, Any]:
    db, alice = house.db, house.people["alice"].scope
    now = await deals.get(db, alice, deal["id"])
    reason = "Too expensive" if more.pop("lost", False) else None
    return await moves.move(db, alice, deal["id"], (await ids(house))[to], now["version"], reason, **more)


@both
async def test_a_stage_makes_its_tasks_when_a_deal_comes_in(house: House, root: Scope, clock: Clock) -> None:
    """Back and forth makes no second one while the first is open; a seller's own deal brings the seller's own task."""
    db, alice, at = house.db, house.people["alice"].scope, await ids(house)
    await pipelines.change_stage(db, root, at["Offer"], {"tasks": JOBS, "next_days": "3"})
    deal = await deals.create(db, alice, {"title": "Phones"})
    assert await todo(house, deal["id"]) == []
    moved = await move(house, deal, "Offer")
    assert await todo(house, deal["id"]) == [("Send the price list", "alice")]
    assert moved["next_contact_at"] == "2026-11-21T11:06:40.000Z"  # in three days
    due = (await tasks.list_tasks(db, alice, None, None, {"deal_id": deal["id"]}))["items"][0]
    assert (due["kind"], due["due_at"]) == ("mail", "2026-11-20T11:06:40.000Z")
    clock.on(60)
    await move(house, deal, "New")
    moved = await move(house, deal, "Offer")
    assert len(await todo(house, deal["id"])) == 1
    assert moved["next_contact_at"] == "2026-11-21T11:06:40.000Z"  # what was promised stays
    await tasks.done(db, alice, due["id"])
    await move(house, deal, "New")
    await move(house, deal, "Offer")
    assert len(await todo(house, deal["id"])) == 1  # done once, and to be done once more
    born = await deals.create(db, alice, {"title": "Straight there", "stage": at["Offer"]})
    assert len(await todo(house, born["id"])) == 1


@both
async def test_undo_takes_back_what_nobody_touched(house: House, root: Scope, clock: Clock) -> None:
    db, alice, at = house.db, house.people["alice"].scope, await ids(house)
    two = [*JOBS, {"id": "", "kind": "call", "title": "Call them", "days": "1"}]
    await pipelines.change_stage(db, root, at["Offer"], {"tasks": two, "next_days": "3"})
    deal = await deals.create(db, alice, {"title": "Phones"})
    await move(house, deal, "Offer")
    found = (await tasks.list_tasks(db, alice, None, None, {"deal_id": deal["id"]}))["items"]
    touched = next(one for one in found if one["title"] == "Call them")
    await tasks.change(db, alice, touched["id"], touched["version"], {"note": "On Monday"})
    clock.on(4)
    back = await move(house, deal, "New", undo=True)
    assert await todo(house, deal["id"]) == [("Call them", "alice")]
    assert (back["stage"], back["next_contact_at"]) == (at["New"], None)
    # A move back that is no undo, and an undo to where it did not come from, take nothing back.
    await move(house, deal, "Offer")
    await move(house, deal, "New")
    assert len(await todo(house, deal["id"])) == 2
    await move(house, deal, "Offer")
    await move(house, deal, "Qualified", undo=True)
    assert len(await todo(house, deal["id"])) == 2


async def test_what_a_stage_makes_is_changed_and_removed(house: House, root: Scope) -> None:
    db, at = house.db, await ids(house)
    await pipelines.change_stage(db, root, at["Offer"], {"tasks": JOBS})
    deal = await deals.create(db, house.people["alice"].scope, {"title": "Phones", "stage": at["Offer"]})

    async def made() -> list[dict[str, Any]]:
        found = await pipelines.get(db, root, "1")
        return next(list(stage["tasks"]) for stage in found["stages"] if stage["id"] == at["Offer"])

    one = (await made())[0]
    other = {"id": "", "kind": "call", "title": "Ask", "days": ""}
    await pipelines.change_stage(db, root, at["Offer"], {"tasks": [{**one, "days": "5"}, other]})
    found = await made()
    assert [(job["title"], job["days"]) for job in found] == [("Send the price list", 5), ("Ask", 0)]
    assert found[0]["id"] == one["id"]
    await pipelines.change_stage(db, root, at["Offer"], {"tasks": [{**one, "title": " "}]})
    assert await made() == []
    assert len(await todo(house, deal["id"])) == 1  # what was promised stays promised
    for bad in ({"kind": "look"}, {"days": "-1"}, {"days": "soon"}):
        with pytest.raises(Invalid):
            await pipelines.change_stage(db, root, at["Offer"], {"tasks": [{**other, **bad}]})
    with pytest.raises(Invalid):  # calls put deals into Unsorted
        await pipelines.change_stage(db, root, at["Unsorted"], {"tasks": JOBS})


async def test_the_checklist_is_ticked_deal_by_deal(house: House, root: Scope) -> None:
    db, alice, mona, at = house.db, house.people["alice"].scope, house.people["mona"].scope, await ids(house)
    await pipelines.change_stage(
        db, root, at["New"], {"guidance": "They need it\nWe know who decides", "advice": "Ask."}
    )
    deal = await deals.create(db, alice, {"title": "Phones"})
    other = await deals.create(db, alice, {"title": "Headsets"})
    found = await guide.tick(db, alice, deal["id"], "They need it", done=True)
    assert [(one["text"], one["done"], one["by"]) for one in found["items"]] == [
        ("They need it", True, "alice"),
        ("We know who decides", False, None),
    ]
    assert found["advice"] == "Ask."
    assert found["suggested"] == {"kind": "check", "what": "We know who decides"}
    assert not any(one["done"] for one in (await guide.guide(db, alice, other["id"]))["items"])
    again = await guide.tick(db, mona, deal["id"], "They need it", done=True)  # who was first stays
    assert again["items"][0]["by"] == "alice"
    found = await guide.tick(db, alice, deal["id"], "They need it", done=False)
    assert not any(one["done"] for one in found["items"])
    with pytest.raises(Invalid):
        await guide.tick(db, alice, deal["id"], "Something else", done=True)
    with pytest.raises(NotFound):
        await guide.tick(db, house.people["charlie"].scope, deal["id"], "They need it", done=True)


async def test_the_next_right_thing_is_said(house: House, root: Scope) -> None:
    """The stage's task, then its checklist, then what the following stage asks, a date, and on."""
    db, alice, at = house.db, house.people["alice"].scope, await ids(house)
    await pipelines.change_stage(db, root, at["New"], {"tasks": JOBS, "guidance": "They need it"})
    await pipelines.change_stage(db, root, at["Qualified"], {"needs": ["needs"]})
    deal = await deals.create(db, alice, {"title": "Phones"})

    async def said() -> dict[str, Any] | None:
        found: dict[str, Any] | None = (await guide.guide(db, alice, deal["id"]))["suggested"]
        return found

    assert await said() == {"kind": "task", "what": "Send the price list"}
    job = (await tasks.list_tasks(db, alice, None, None, {"deal_id": deal["id"]}))["items"][0]
    await tasks.done(db, alice, job["id"])
    assert await said() == {"kind": "check", "what": "They need it"}
    await guide.tick(db, alice, deal["id"], "They need it", done=True)
    assert await said() == {"kind": "field", "what": "needs"}
    now = await deals.get(db, alice, deal["id"])
    now = await deals.change(db, alice, deal["id"], now["version"], {"needs": "Twelve desks"})
    assert await said() == {"kind": "date", "what": ""}
    await deals.change(db, alice, deal["id"], now["version"], {"next_contact_at": "2027-01-01T09:00:00Z"})
    assert await said() == {"kind": "move", "what": ""}
    await move(house, deal, "Lost", lost=True)
    assert await said() is None


async def test_a_deals_page_leads_its_seller(house: House, root: Scope) -> None:
    """By plain forms: an administrator writes it, a seller sees it and ticks it; the stage's own fields come first."""
    at = (await ids(house))["New"]
    origin = {"headers": {"Origin": house.origin}}
    form = [
        ("name", "New"), ("advice", "Listen first"), ("guidance", "They need it"), ("form", "competitors"),
        ("next_days", "۳"), ("task_id", ""), ("task_kind", "call"), ("task_title", "Say hello"), ("task_days", "۱"),
    ]  # fmt: skip
    answer = await house.ask("POST", f"/settings/stages/{at}", "root", data=form, **origin)
    assert answer.status == 303
    editor = await (await house.ask("GET", "/settings/pipelines/1", "root")).text()
    for text in ("Listen first", "They need it", 'value="Say hello"', 'name="form" value="competitors" checked'):
        assert text in editor
    deal = await deals.create(house.db, house.people["alice"].scope, {"title": "Phones"})
    page = await (await house.ask("GET", f"/deals/{deal['id']}", "alice")).text()
    for text in ("Listen first", "They need it", "Say hello", "For this stage"):
        assert text in page
    assert page.count('name="competitors"') == 1
    assert page.index('name="competitors"') < page.index('name="title"')
    ticked = {"item": "They need it", "done": "1"}
    await house.ask("POST", f"/deals/{deal['id']}/checks", "alice", data=ticked, **origin)
    page = await (await house.ask("GET", f"/deals/{deal['id']}", "alice")).text()
    assert 'aria-checked="true"' in page


async def test_five_steps_bring_the_four_questions_and_their_own_fields(house: House, root: Scope) -> None:
    """What is learned at a stage is written down at that stage."""
    db, alice = house.db, house.people["alice"].scope
    made = await pipelines.create(db, root, "", "five")
    at = await ids(house, made)
    deal = await deals.create(db, alice, {"title": "Phones", "stage": at["Identification"]})
    found = await guide.guide(db, alice, deal["id"])
    assert [one["text"] for one in found["items"]] == [
        "They need our product", "No competitor has them", "We know somebody there", "We know who decides",
    ]  # fmt: skip
    shown = {}
    for stage in ("Identification", "Qualification", "Offer", "Negotiation"):
        deal = await deals.get(db, alice, deal["id"])
        if deal["stage"] != at[stage]:
            await moves.move(db, alice, deal["id"], at[stage], deal["version"])
        shown[stage] = (await guide.guide(db, alice, deal["id"]))["form"]
    assert {"needs", "preferences", "budget", "budget_amount"} <= set(shown["Qualification"])
    assert "to_offer" in shown["Offer"]
    assert {"prices", "dates", "delivery", "terms"} <= set(shown["Negotiation"])
    told = {"needs": "Twelve desks", "budget": "yes", "budget_amount": "4000", "delivery": "By Friday"}
    form = {"version": (await deals.get(db, alice, deal["id"]))["version"], "title": "Phones", "priority": "0"}
    more = {"headers": {"Origin": house.origin}, "data": {**form, "currency": "EUR", **told}}
    assert (await house.ask("POST", f"/deals/{deal['id']}", "alice", **more)).status == 303
    kept = (await details.whole(db, alice, deal["id"]))["details"]
    assert kept == {**told, "budget_amount": "4000.00"}


@both
async def test_a_deal_that_is_over_asks_what_was_learned(house: House, clock: Clock) -> None:
    """Won and lost alike; a follow-up comes with the victory, and goes when it was none."""
    db, alice, at = house.db, house.people["alice"].scope, await ids(house)
    origin = {"headers": {"Origin": house.origin}}
    deal = await deals.create(db, alice, {"title": "Phones"})
    form = {"stage": at["Won"], "version": deal["version"]}
    asked = await house.ask("POST", f"/deals/{deal['id']}/move", "alice", data=form, **origin)
    assert asked.status == 422
    for name in ("cause", "lesson", "improve", "follow_up"):
        assert f'name="{name}"' in await asked.text()
    said = {"asked": "1", "cause": "They knew us", "lesson": "Ask early", "follow_up": "30"}
    assert (
        await house.ask("POST", f"/deals/{deal['id']}/move", "alice", data={**form, **said}, **origin)
    ).status == 303
    won = await details.whole(db, alice, deal["id"])
    assert (won["stage"], won["details"]) == (at["Won"], {"cause": "They knew us", "lesson": "Ask early"})
    job = (await tasks.list_tasks(db, alice, None, None, {"deal_id": deal["id"]}))["items"][0]
    away = datetime.fromisoformat(job["due_at"]) - datetime.now(UTC)
    assert (job["kind"], round(away / timedelta(days=1))) in (("call", 29), ("call", 30), ("call", 31))
    await move(house, deal, "New", undo=True)
    assert await todo(house, deal["id"]) == []
    form = {"stage": at["Lost"], "version": won["version"] + 1}
    asked = await house.ask("POST", f"/deals/{deal['id']}/move", "alice", data=form, **origin)
    assert 'name="improve"' in await asked.text()
    said = {"asked": "1", "reason": "Too expensive", "improve": "Name the price first"}
    assert (
        await house.ask("POST", f"/deals/{deal['id']}/move", "alice", data={**form, **said}, **origin)
    ).status == 303
    lost = await details.whole(db, alice, deal["id"])
    assert lost["close_reason"] == "Too expensive"
    assert lost["details"]["improve"] == "Name the price first"


@both
async def test_a_prospect_who_bought_is_a_customer(house: House) -> None:
    db, alice = house.db, house.people["alice"].scope
    firm = await companies.create(db, alice, {"name": "Nordlicht"})
    rival = await companies.create(db, alice, {"name": "Rival", "relation": "competitor"})
    sold = await deals.create(db, alice, {"title": "Phones", "company_id": firm["id"]})
    await deals.create(db, alice, {"title": "Odd", "company_id": rival["id"]})
    await move(house, sold, "Won")
    assert (await companies.get(db, alice, firm["id"]))["relation"] == "customer"
    await move(house, sold, "New", undo=True)
    assert (await companies.get(db, alice, firm["id"]))["relation"] == "prospect"
    assert (await companies.get(db, alice, rival["id"]))["relation"] == "competitor"


@both
async def test_a_new_deal_out_of_one_that_is_over(house: House) -> None:
    """A renewal: the same customer, company, people, product and value, at the beginning."""
    db, alice, at = house.db, house.people["alice"].scope, await ids(house)
    ela = await contacts.create(db, alice, {"name": "Ela", "numbers": ["+48601234567"]})
    jan = await contacts.create(db, alice, {"name": "Jan"})
    firm = await companies.create(db, alice, {"name": "Nordlicht"})
    told: dict[str, Any] = {"contact_id": ela["id"], "company_id": firm["id"], "value": "70", "product": "Service"}
    old = await deals.create(db, alice, {"title": "Service 2026", **told, "tags": "yearly"})
    await details.has_say(db, alice, old["id"], jan["id"], "decision_maker")
    with pytest.raises(Invalid):
        await deals.again(db, alice, old["id"])
    await move(house, old, "Won")
    made = await deals.again(db, alice, old["id"])
    whole = await details.whole(db, alice, made["id"])
    assert (whole["stage"], whole["title"], whole["value"]) == (at["New"], "Service 2026", "70.00")
    assert (whole["contact_id"], whole["company_id"]) == (ela["id"], firm["id"])
    assert whole["details"] == {"product": "Service"}
    assert whole["tags"] == ["yearly"]
    assert [(one["name"], one["role"]) for one in whole["people"]] == [("Jan", "decision_maker")]


async def test_what_a_stage_did_is_written_where_it_came_in(house: House, root: Scope) -> None:
    db, alice, at = house.db, house.people["alice"].scope, await ids(house)
    await pipelines.change_stage(db, root, at["Offer"], {"tasks": JOBS})
    deal = await deals.create(db, alice, {"title": "Phones"})
    await move(house, deal, "Offer")
    came, into, made = await db.reading(lambda conn: deal_store.made_last(conn, alice, int(deal["id"])))
    assert (str(came), str(into)) == (at["New"], at["Offer"])
    assert made.startswith('{"tasks": [')
