"""Whose a new lead is, who waits too long, how many one may be given, tags; the lead provider; what pages hear."""

from typing import Any

import pytest

from pbxcrm.http.live import KINDS
from pbxcrm.service import companies, contacts, deals, import_work, imports, lead_settings, leads, provider
from pbxcrm.service.errors import Invalid, NotFound, Refused
from pbxcrm.service.intake import Intake
from pbxcrm.store import journal
from tests.http.bed import House, both
from tests.http.leads_test import ANN, NUMBER, ROOT, base, shown, who
from tests.store.office import Caller

pytestmark = pytest.mark.asyncio


async def rules(house: House, **changed: Any) -> None:
    usual = {"used": True, "limit": "2", "needs": "0", "rule": "base", "stale": "24", "teams": ""}
    await lead_settings.change_settings(house.db, ROOT, **{**usual, **changed})


@both
async def test_new_leads_go_to_the_sellers_in_turn_each_up_to_their_limit(house: House) -> None:
    await rules(house, rule="turn")
    clock: Any = house.db.clock
    owners = []
    for n in range(7):
        clock.on(1)
        made = await base(house, name=f"Lead {n}")
        owners.append((await leads.get(house.db, who(house, "mona"), made))["owner"])
    assert owners == ["alice", "bob", "charlie", "alice", "bob", "charlie", None]
    clock.on(25 * 3600)
    assert len(await shown(house, "mona", show="stale")) == 1
    assert (await leads.overview(house.db, who(house, "mona")))["stale"] == 1


@both
async def test_the_team_of_a_source_takes_its_leads_in_turn(house: House) -> None:
    await rules(house, rule="turn", limit="5", teams="Fair = north")
    clock: Any = house.db.clock
    owners = set()
    for n in range(4):
        clock.on(1)
        made = await leads.get(house.db, who(house, "mona"), await base(house, name=f"Lead {n}"))
        assert made["team"] == "North"
        owners.add(made["owner"])
    assert owners == {"alice", "bob"}
    with pytest.raises(Invalid):
        await rules(house, teams="fair = Nowhere")


async def test_where_a_manager_gives_leads_nobody_takes_one(house: House) -> None:
    await rules(house, rule="manager")
    made = await base(house)
    with pytest.raises(Refused) as refused:
        await leads.claim(house.db, who(house, "alice"), made)
    assert refused.value.code == "lead_manager"
    assert "/claim" not in await (await house.ask("GET", "/leads", "alice")).text()
    await leads.assign(house.db, who(house, "mona"), {"ids": [made], "owner": "alice"})


@both
async def test_nobody_is_given_more_than_they_may_hold_unless_the_manager_says_so(house: House) -> None:
    await rules(house)
    ids = [await base(house, name=f"Lead {n}") for n in range(3)]
    with pytest.raises(Refused) as refused:
        await leads.assign(house.db, who(house, "mona"), {"ids": ids, "owner": "alice"})
    assert refused.value.code == "their_limit"
    assert await shown(house, "alice", show="mine") == []
    await leads.assign(house.db, who(house, "mona"), {"ids": ids, "owner": "alice", "beyond": True})
    assert len(await shown(house, "alice", show="mine")) == 3


async def test_the_page_says_how_long_the_first_call_took(house: House) -> None:
    clock: Any = house.db.clock
    await base(house)
    clock.on(600)
    call = Caller(NUMBER, at=clock.now, direction="outbound")
    await Intake(house.db).apply([call.answers("mona"), call.ends()])
    seen = await leads.overview(house.db, who(house, "mona"))
    assert seen["response"] == pytest.approx(601, abs=2)
    assert "called after 10 minutes" in await (await house.ask("GET", "/leads?show=all", "mona")).text()


@both
async def test_tags_of_leads_are_looked_for(house: House) -> None:
    alice = who(house, "alice")
    made = await leads.create(house.db, alice, {**ANN, "tags": "vip, fair"})
    other = await leads.create(house.db, alice, {**ANN, "name": "Other"})
    assert await shown(house, "alice", tag="vip") == [made["id"]]
    assert await shown(house, "bob", tag="vip") == []
    changed = await leads.change(house.db, alice, other["id"], other["version"], {"tags": ["vip"]})
    assert await shown(house, "alice", tag="vip") == [changed["id"], made["id"]]


@both
async def test_who_may_claim_hears_that_the_base_changed_and_nothing_more(house: House) -> None:
    made = await base(house, team="North")
    await leads.claim(house.db, who(house, "alice"), made)
    heard: dict[str, list[Any]] = {}
    for name in ("bob", "charlie"):
        rows = await house.db.reading(lambda conn, name=name: journal.after(conn, who(house, name), 0, 1000))
        heard[name] = [row["data"] for row in rows if row["kind"].startswith("lead.")]
    assert heard == {"bob": [{}, {}], "charlie": []}
    assert {"lead.base", "lead.claimed"} <= KINDS


@both
async def test_the_provider_finds_whom_nobody_works_on_and_takes_the_list_back(house: House) -> None:
    db, mona = house.db, who(house, "mona")
    for n, city in enumerate(("Kraków", "Kraków", "Gdańsk", "Kraków")):
        given = {"name": f"Person {n}", "numbers": [f"+4860123000{n}"], "city": city}
        made = await contacts.create(db, who(house, "bob"), given)
        if n == 1:
            await deals.create(db, mona, {"title": "Open", "contact_id": made["id"]})
        if n == 3:
            await leads.create(db, mona, {"name": "There", "number": "+48601230003"})
    wanted = {"city": "Kraków", "no_deal": "1"}
    found = await provider.look(db, mona, wanted)
    assert [one["name"] for one in found["items"]] == ["Person 0"]
    assert (await provider.look(db, who(house, "alice"), wanted))["count"] == 0
    listed = await provider.add(db, mona, wanted, "Kraków again")
    while await import_work.step(db):
        pass
    done = await imports.get(db, mona, listed)
    assert (done["kind"], done["name"], done["made"], done["skipped"]) == ("leads", "Kraków again", 1, 0)
    assert len(await shown(house, "mona", show="new")) == 2
    assert (await provider.look(db, mona, wanted))["count"] == 0
    await imports.undo(db, mona, listed)
    while await import_work.step(db):
        pass
    assert len(await shown(house, "mona", show="new")) == 1
    with pytest.raises(Invalid):
        await provider.add(db, mona, {"city": "Nowhere"}, "Empty")


@both
async def test_the_provider_looks_among_callers_and_companies(house: House) -> None:
    db, mona = house.db, who(house, "mona")
    from pbxcrm.crm.rules import Rules

    intake = Intake(db, Rules(deal_when_missed=False, deal_when_answered=False))
    missed, talked = Caller("+48601111111"), Caller("+48602222222", uid="1795000000.2")
    await intake.apply([missed.rings("bob"), missed.ends(), talked.rings("bob"), talked.answers("bob"), talked.ends()])
    found = await provider.look(db, mona, {"among": "calls", "missed": "1", "did": "+48221000100"})
    assert [one["phone"] for one in found["items"]] == ["+48601111111"]
    assert (await provider.look(db, mona, {"among": "calls"}))["count"] == 2
    assert (await provider.look(db, who(house, "charlie"), {"among": "calls"}))["count"] == 0
    await companies.create(db, mona, {"name": "Acme", "relation": "former"})
    await companies.create(db, mona, {"name": "Beta", "relation": "customer"})
    found = await provider.look(db, mona, {"among": "companies", "relation": "former"})
    assert [one["company"] for one in found["items"]] == ["Acme"]
    with pytest.raises(Invalid):
        await provider.look(db, mona, {"quiet": "many"})
    await rules(house, used=False)
    with pytest.raises(NotFound):
        await provider.look(db, mona, {})


async def test_filters_of_the_provider_are_kept(house: House) -> None:
    form = {"city": "Kraków", "do": "keep", "name": "Kraków", "among": "contacts"}
    await house.ask("POST", "/leads/provider", "mona", data=form, headers={"Origin": house.origin})
    page = await (await house.ask("GET", "/leads/provider", "bob")).text()
    assert "Kraków" in page


async def test_the_inbox_of_new_leads_has_a_button_to_call(house: House) -> None:
    made = await base(house)
    page = await (await house.ask("GET", "/leads", "bob")).text()
    assert f'action="/leads/{made}/claim"' in page
    form = {"call": "inbox-1"}
    answer = await house.ask("POST", f"/leads/{made}/claim", "bob", data=form, headers={"Origin": house.origin})
    assert answer.status == 303
    assert [one["exten"] for one in house.pbx.sent] == [NUMBER]
    assert (await leads.get(house.db, who(house, "bob"), made))["owner"] == "bob"


async def test_the_short_form_asks_for_little(house: House) -> None:
    page = await (await house.ask("GET", "/leads/new", "bob")).text()
    assert " required" not in page[page.index('action="/leads"') :]
    answer = await house.ask("POST", "/leads", "bob", data={"number": NUMBER}, headers={"Origin": house.origin})
    assert answer.status == 303
    assert len(await shown(house, "bob", show="mine")) == 1
