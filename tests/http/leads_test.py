"""Leads: apart from customers, claimed up to a limit, made customers in one transaction, declined without a trace."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, text

from pbxcrm.crm.access import Scope
from pbxcrm.crm.leads import STATUSES
from pbxcrm.http.labels import LEADS, QUALITY
from pbxcrm.service import contacts, deals, lead_qualify, lead_settings, leads, people, tasks
from pbxcrm.service.errors import Conflict, Invalid, NotFound, Refused
from pbxcrm.service.house import set_currency
from pbxcrm.store.db import Database
from tests.http.bed import House, both

pytestmark = pytest.mark.asyncio
NUMBER = "+48601234567"
ANN = {
    "name": "Ann Żółć", "company": "Acme", "number": NUMBER, "email": "ann@acme.example", "source": "fair",
    "interest": "Phones", "note": "Wants it soon",
}  # fmt: skip
ROOT = Scope(0, "root", "admin", peer="test")
SOON = "2026-11-30T09:30:00Z"


def who(house: House, name: str) -> Scope:
    return house.people[name].scope


async def base(house: House, **fields: Any) -> str:
    """A lead of nobody."""
    return str((await leads.create(house.db, who(house, "mona"), {**ANN, **fields}))["id"])


async def shown(house: House, name: str, **filters: str) -> list[str]:
    found = await leads.list_leads(house.db, who(house, name), None, None, filters)
    return [one["id"] for one in found["items"]]


def everything(conn: Connection) -> str:
    """All that the database holds, as text."""
    names = (
        [row[0] for row in conn.execute(text("SELECT name FROM sqlite_master WHERE type='table' AND sql IS NOT NULL"))]
        if conn.dialect.name == "sqlite"
        else [row[0] for row in conn.execute(text("SELECT tablename FROM pg_tables WHERE schemaname='public'"))]
    )
    tables = [name for name in names if "_words" not in name]
    return "\n".join(str(tuple(row)) for name in tables for row in conn.execute(text(f'SELECT * FROM "{name}"')))


async def test_there_are_twelve_statuses_and_each_has_its_name() -> None:
    assert len(STATUSES) == 12
    assert set(LEADS) == set(STATUSES)
    assert len(QUALITY) == 5


@both
async def test_a_seller_sees_of_the_base_what_is_needed_to_choose(house: House) -> None:
    made = await base(house)
    item = (await leads.list_leads(house.db, who(house, "alice")))["items"][0]
    known = {name for name, value in item.items() if value not in (None, [])}
    assert known == {"id", "name", "source", "city", "status", "score", "created_at", "quality"} - {"quality"}
    for hidden in (NUMBER, "acme", "Phones", "Wants"):
        assert hidden not in str(item)
        assert await shown(house, "alice", q=hidden) == []
        assert await shown(house, "mona", q=hidden) == [made]
    for doing in (leads.get, leads.trail, leads.release, leads.decline, lead_qualify.known):
        with pytest.raises(NotFound):
            await doing(house.db, who(house, "alice"), made)


@both
async def test_the_base_of_a_team_is_its_own(house: House) -> None:
    made = await base(house, team="North")
    assert await shown(house, "bob", show="new") == [made]
    assert await shown(house, "charlie", show="new") == []
    with pytest.raises(NotFound):
        await leads.claim(house.db, who(house, "charlie"), made)
    claimed = await leads.claim(house.db, who(house, "bob"), made)
    assert (claimed["owner"], claimed["number"]) == ("bob", NUMBER)
    assert await shown(house, "alice", show="all") == []
    with pytest.raises(NotFound):
        await leads.claim(house.db, who(house, "alice"), made)


@both
async def test_nobody_holds_more_than_they_may_however_fast_they_click(house: House) -> None:
    db, alice = house.db, who(house, "alice")
    await lead_settings.change_settings(db, ROOT, used=True, limit="3", needs="0")
    ids = [await base(house, name=f"Lead {n}") for n in range(8)]
    other = Database(db.url.render_as_string(hide_password=False), db.clock, region="PL")  # as another process would
    try:
        tried = [leads.claim(db if n % 2 else other, alice, one) for n, one in enumerate(ids)]
        done = await asyncio.gather(*tried, return_exceptions=True)
    finally:
        await other.close()
    assert sum(isinstance(one, dict) for one in done) == 3
    assert all(isinstance(one, (dict, Refused)) for one in done), done
    assert len(await shown(house, "alice", show="mine")) == 3
    mine = await leads.get(db, alice, (await shown(house, "alice", show="mine"))[0])
    await leads.change(db, alice, mine["id"], mine["version"], {"status": "junk"})
    free = (await shown(house, "alice", show="new"))[0]
    assert (await leads.claim(db, alice, free))["owner"] == "alice"


@both
async def test_two_who_claim_one_lead_do_not_both_get_it(house: House) -> None:
    made = await base(house)
    tried = [leads.claim(house.db, who(house, name), made) for name in ("alice", "bob", "charlie")]
    done = await asyncio.gather(*tried, return_exceptions=True)
    assert sum(isinstance(one, dict) for one in done) == 1
    assert sum(isinstance(one, NotFound) for one in done) == 2


@both
async def test_a_manager_gives_and_takes(house: House) -> None:
    db, mona = house.db, who(house, "mona")
    ids = [await base(house, name=f"Lead {n}") for n in range(3)]
    task = await leads.add_task(db, mona, ids[0], {"title": "Call", "due_at": SOON})
    moved = await leads.assign(db, mona, {"ids": ids[:2], "owner": "bob"})
    assert [one["owner"] for one in moved["items"]] == ["bob", "bob"]
    assert [one["id"] for one in (await tasks.list_tasks(db, who(house, "bob")))["items"]] == [task["id"]]
    await leads.assign(db, mona, {"ids": [ids[0]], "owner": None})
    assert (await tasks.list_tasks(db, who(house, "bob")))["items"] == []
    with pytest.raises(NotFound):
        await leads.assign(db, mona, {"ids": [ids[2], "999"], "owner": "bob"})
    assert (await leads.get(db, mona, ids[2]))["owner"] is None
    with pytest.raises(NotFound):
        await leads.assign(db, who(house, "bob"), {"ids": ids, "owner": "bob"})


async def test_no_search_for_contacts_finds_a_lead(house: House) -> None:
    db, alice = house.db, who(house, "alice")
    await leads.create(db, alice, ANN)
    for q in ("Ann", "601234567", "acme", ""):
        assert (await contacts.list_contacts(db, alice, q=q))["items"] == []
    page = await (await house.ask("GET", "/search?q=Acme", "alice")).text()
    assert "Ann Żółć" not in page
    assert "Ann Żółć" in await (await house.ask("GET", "/search?q=Acme&leads=1", "alice")).text()
    assert "Ann Żółć" not in await (await house.ask("GET", "/search?q=Acme&leads=1", "bob")).text()


@both
async def test_calls_mails_and_meetings_are_planned_with_a_lead(house: House) -> None:
    alice = who(house, "alice")
    made = await leads.create(house.db, alice, {"name": "Ewa Lis", "number": "+48225550803"})
    for kind in ("call", "mail", "meeting"):
        form = {"kind": kind, "title": f"About phones: {kind}", "when": "1d"}
        await house.ask("POST", f"/leads/{made['id']}/task", "alice", data=form)
    asked = {"kind": "meeting", "title": "Show them", "due_at": SOON, "ends_at": SOON}
    with pytest.raises(Invalid):  # it ends as it begins
        await leads.add_task(house.db, alice, made["id"], asked)
    trail = await leads.trail(house.db, alice, made["id"])
    assert sorted(one["task"]["kind"] for one in trail if one["kind"] == "task") == ["call", "mail", "meeting"]
    page = await (await house.ask("GET", f"/leads/{made['id']}", "alice")).text()
    assert page.count("About phones: ") == 3
    assert [one["number"] for one in (await tasks.list_tasks(house.db, alice))["items"]] == ["+48225550803"] * 3


@both
async def test_it_becomes_a_company_a_contact_and_a_deal_with_its_past(house: House) -> None:
    db, alice = house.db, who(house, "alice")
    made = await leads.create(db, alice, ANN)
    await leads.add_note(db, alice, made["id"], "Talked at the fair")
    await leads.add_task(db, alice, made["id"], {"title": "Send prices", "due_at": SOON})
    wanted = {"company": "new", "contact": "new", "deal": "new", "title": "Phones for Acme", "value": "100"}
    lead = await lead_qualify.qualify(db, alice, made["id"], made["version"], wanted)
    assert lead["status"] == "qualified"
    contact = await contacts.get(db, alice, lead["contact_id"])
    assert (contact["name"], contact["numbers"], contact["company_id"]) == (ANN["name"], [NUMBER], lead["company_id"])
    deal = await deals.get(db, alice, lead["deal_id"])
    assert (deal["title"], deal["value"], deal["source"], deal["owner"]) == (
        "Phones for Acme",
        "100.00",
        "fair",
        "alice",
    )
    kinds = [one["kind"] for one in await deals.timeline(db, alice, lead["deal_id"])]
    assert sorted(kinds) == ["note", "stage", "task"]
    for again in (
        lead_qualify.qualify(db, alice, made["id"], lead["version"], wanted),
        leads.decline(db, alice, made["id"]),
        leads.change(db, alice, made["id"], lead["version"], {"name": "x"}),
    ):
        with pytest.raises(Conflict):
            await again


@both
async def test_it_is_linked_to_who_is_known_and_nothing_half_done_stays(house: House) -> None:
    db, alice = house.db, who(house, "alice")
    there = await contacts.create(db, alice, {"name": "Ann", "numbers": ["+48601111111"], "email": ANN["email"]})
    foreign = await contacts.create(db, who(house, "bob"), {"name": "Bobs", "numbers": [NUMBER]})
    made = await leads.create(db, alice, ANN)
    known = await lead_qualify.known(db, alice, made["id"])
    assert [one["id"] for one in known["contacts"]] == [there["id"]]
    with pytest.raises(Invalid):
        await lead_qualify.qualify(
            db, alice, made["id"], made["version"], {"company": "new", "contact": foreign["id"], "deal": "new"}
        )
    assert (await deals.list_deals(db, alice))["items"] == []
    lead = await lead_qualify.qualify(db, alice, made["id"], made["version"], {"contact": there["id"]})
    assert lead["contact_id"] == there["id"]
    contact = await contacts.get(db, alice, there["id"])
    assert (contact["name"], contact["company"]) == ("Ann", "Acme")
    assert contact["numbers"] == ["+48601111111", NUMBER]


async def test_the_house_may_ask_for_the_quality_test(house: House) -> None:
    db, alice = house.db, who(house, "alice")
    await lead_settings.change_settings(db, ROOT, used=True, limit="30", needs="2")
    made = await leads.create(db, alice, {**ANN, "quality": ["need"]})
    assert made["score"] == 20
    with pytest.raises(Refused) as refused:
        await lead_qualify.qualify(db, alice, made["id"], made["version"], {"contact": "new"})
    assert refused.value.code == "quality"
    better = await leads.change(db, alice, made["id"], made["version"], {"quality": ["need", "budget"]})
    await lead_qualify.qualify(db, alice, made["id"], better["version"], {"contact": "new"})


@both
async def test_declined_is_gone_without_a_trace(house: House) -> None:
    db, alice = house.db, who(house, "alice")
    made = await leads.create(db, alice, {**ANN, "name": "Qwertz Uiopü"})
    changed = await leads.change(db, alice, made["id"], made["version"], {"company": "Asdfg", "status": "hot"})
    await leads.add_note(db, alice, made["id"], "Yxcvb")
    task = await leads.add_task(db, alice, made["id"], {"title": "Ring Qwertz", "due_at": SOON})
    await tasks.done(db, alice, task["id"])
    assert changed["company"] == "Asdfg"
    assert "Qwertz" in await db.reading(everything)
    await leads.decline(db, alice, made["id"])
    left = await db.reading(everything)
    for trace in ("Qwertz", "Asdfg", "Yxcvb", NUMBER, "acme.example"):
        assert trace not in left, trace
    assert "lead.declined" in left


@both
async def test_a_house_without_leads_has_none_of_it(house: House) -> None:
    made = await base(house)
    assert "/leads" in await (await house.ask("GET", "/me", "alice")).text()
    await lead_settings.change_settings(house.db, ROOT, used=False, limit="30", needs="0")
    assert 'href="/leads"' not in await (await house.ask("GET", "/me", "alice")).text()
    for path in ("/leads", "/leads/new", f"/leads/{made}", f"/leads/{made}/qualify", "/api/v1/leads"):
        assert (await house.ask("GET", path, "mona")).status == 404, path
    for path in ("claim", "release", "qualify", "decline", "status"):
        form = {"version": "1", "status": "hot", "contact": "new"}
        answer = await house.ask("POST", f"/leads/{made}/{path}", "mona", data=form, headers={"Origin": house.origin})
        assert answer.status == 404, path
    with pytest.raises(NotFound):
        await leads.create(house.db, who(house, "mona"), ANN)


async def test_pages_of_leads_sort_and_filter(house: House) -> None:
    for n, quality in enumerate((["need"], [], ["need", "budget"])):
        await base(house, name=f"Lead {n}", quality=quality, source=f"s{n}")
    best = await leads.list_leads(house.db, who(house, "mona"), 2, None, {"sort": "score"})
    assert [one["name"] for one in best["items"]] == ["Lead 2", "Lead 0"]
    rest = await leads.list_leads(house.db, who(house, "mona"), 2, best["next"], {"sort": "score"})
    assert [one["name"] for one in rest["items"]] == ["Lead 1"]
    assert len(await shown(house, "mona", source="s1")) == 1
    assert await shown(house, "mona", status="hot") == []
    with pytest.raises(Invalid):
        await shown(house, "mona", status="other")


@both
async def test_who_counts_in_toman_qualifies_in_toman(house: House) -> None:
    """What is typed beside "IRT" is ten times as many rials; the form of a new deal says the same."""
    db, alice = house.db, who(house, "alice")
    await set_currency(db, "IRR")
    lead = await leads.create(db, alice, ANN)
    form = {"version": str(lead["version"]), "deal": "new", "value": "۱۲٬۰۰۰٬۰۰۰"}
    for rial, unit in (("rial", "IRR"), ("toman", "IRT")):
        await people.set_preferences(db, alice, rial=rial)
        for path in (f"/leads/{lead['id']}/qualify", "/deals/new"):
            page = await (await house.ask("GET", path, "alice")).text()
            assert f'name="currency" value="{unit}"' in page, path
    more = {"data": {**form, "currency": "IRT"}, "headers": {"Origin": house.origin}}
    sent = await house.ask("POST", f"/leads/{lead['id']}/qualify", "alice", **more)
    deal = await deals.get(db, alice, sent.headers["Location"].rpartition("/")[2])
    assert (deal["value"], deal["currency"]) == ("120000000", "IRR")
