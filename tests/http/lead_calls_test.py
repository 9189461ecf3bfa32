"""Calls of leads: who calls is told to whose phones ring, they stay leads, and whoever talks with them has them."""

import pytest

from pbxcrm.crm.rules import Rules
from pbxcrm.service import calls, contacts, deals, lead_qualify, lead_settings, leads, moves, tasks, wrapup
from pbxcrm.service.intake import Intake
from tests.http.bed import House, both
from tests.http.leads_test import ANN, NUMBER, ROOT, base, everything, who
from tests.store.office import START, Caller

pytestmark = pytest.mark.asyncio


async def mine(house: House, name: str) -> list[dict]:
    return (await deals.list_deals(house.db, who(house, name)))["items"]


@both
async def test_who_answers_a_leads_call_has_the_lead_and_no_deal_is_made(house: House) -> None:
    db, intake, call = house.db, Intake(house.db), Caller(NUMBER, caller_name="ANN")
    made = await base(house, budget="20 000 PLN")
    await intake.apply([call.rings("alice", "bob")])
    card = (await calls.live(db, who(house, "bob")))[0]["card"]["lead"]
    assert card == {
        "id": made, "name": ANN["name"], "company": "Acme", "status": "not_contacted", "score": 0,
        "interest": "Phones", "budget": "20 000 PLN", "owner": None, "next_contact_at": None,
    }  # fmt: skip
    await intake.apply([call.answers("bob")])
    await intake.apply([call.ends()])
    lead = await leads.get(db, who(house, "bob"), made)
    assert (lead["owner"], lead["status"], lead["first_contact_at"]) == (
        "bob",
        "contacted",
        "2026-11-18T11:06:42.000Z",
    )
    assert [one["kind"] for one in await leads.trail(db, who(house, "bob"), made)] == ["call"]
    assert await mine(house, "mona") == []
    assert (await contacts.list_contacts(db, who(house, "mona")))["items"] == []
    again = Caller(NUMBER, uid="1795000000.2")
    await intake.apply([again.rings("alice"), again.answers("alice"), again.ends()])
    assert (await leads.get(db, who(house, "bob"), made))["owner"] == "bob"
    look = (await tasks.list_tasks(db, who(house, "bob")))["items"]
    assert [(one["kind"], one["number"]) for one in look] == [("look", NUMBER)]
    assert len(await leads.trail(db, who(house, "bob"), made)) == 2


@both
async def test_a_lead_that_nobody_answered_is_called_back_by_its_owner(house: House) -> None:
    db, call = house.db, Caller(NUMBER)
    made = await leads.create(db, who(house, "bob"), ANN)
    await Intake(db).apply([call.rings("alice"), call.ends()])
    assert [one["number"] for one in (await tasks.missed(db, who(house, "bob")))["items"]] == [NUMBER]
    assert await mine(house, "mona") == []
    dialled = Caller(NUMBER, uid="1795000000.2", at=START + 60, direction="outbound")
    await Intake(db).apply([dialled.answers("bob"), dialled.ends()])
    assert (await tasks.missed(db, who(house, "bob")))["items"] == []
    assert (await leads.get(db, who(house, "bob"), made["id"]))["status"] == "contacted"


@both
async def test_where_the_house_wants_a_deal_of_it_there_is_one_and_qualifying_makes_no_second(house: House) -> None:
    db, intake, call = house.db, Intake(house.db, Rules(deal_for_leads=True)), Caller(NUMBER)
    made = await base(house)
    await intake.apply([call.rings("bob"), call.answers("bob"), call.ends()])
    deal = (await mine(house, "bob"))[0]
    known = await lead_qualify.known(db, who(house, "bob"), made)
    assert [one["id"] for one in known["deals"]] == [deal["id"]]
    page = await (await house.ask("GET", f"/leads/{made}/qualify", "bob")).text()
    assert f'name="deal" value="{deal["id"]}" checked' in page
    form = {"contact": known["contacts"][0]["id"], "deal": deal["id"]}
    lead = await lead_qualify.qualify(db, who(house, "bob"), made, known["lead"]["version"], form)
    assert lead["deal_id"] == deal["id"]
    again = Caller(NUMBER, uid="1795000000.2")
    await intake.apply([again.rings("bob"), again.answers("bob"), again.ends()])
    assert [one["id"] for one in await mine(house, "mona")] == [deal["id"]]


@both
async def test_what_was_said_of_the_talk_is_on_the_lead(house: House) -> None:
    db, bob, call = house.db, who(house, "bob"), Caller(NUMBER)
    made = await base(house)
    await Intake(db).apply([call.rings("bob"), call.answers("bob"), call.ends()])
    said = {"note": "Wants ten", "tags": "vip", "next_contact_at": "2026-12-01T09:00:00Z", "outcome": "again"}
    await wrapup.finish(db, bob, call.call.id, said)
    lead = await leads.get(db, bob, made)
    assert lead["next_contact_at"] == "2026-12-01T09:00:00.000Z"
    assert lead["tags"] == ["vip"]
    assert [one["text"] for one in await leads.trail(db, bob, made) if one["kind"] == "note"] == ["Wants ten"]
    await wrapup.finish(db, bob, call.call.id, {"not_a_lead": "1"})
    assert (await leads.get(db, bob, made))["status"] == "junk"


@both
async def test_a_declined_lead_is_on_no_card_of_the_journal(house: House) -> None:
    db, bob, call = house.db, who(house, "bob"), Caller("+48601234599")
    made = await leads.create(db, bob, {**ANN, "name": "Qwertz Uiopü", "number": "+48601234599", "budget": "Yxcvb"})
    await Intake(db).apply([call.rings("bob"), call.answers("bob"), call.ends()])
    assert "Qwertz" in await db.reading(everything)
    await leads.decline(db, bob, made["id"])
    left = await db.reading(everything)
    assert "Qwertz" not in left
    assert "Yxcvb" not in left


async def test_the_card_says_who_calls_and_what_can_be_done(house: House) -> None:
    db, call = house.db, Caller(NUMBER)
    made = await base(house)
    await Intake(db).apply([call.rings("alice", "bob")])
    page = await (await house.ask("GET", "/calls/mine", "bob")).text()
    for text in ("Ann Żółć", "Acme", "not contacted", "Phones", f"/leads/{made}/claim"):
        assert text in page, text
    await Intake(db).apply([call.answers("bob")])
    page = await (await house.ask("GET", "/calls/mine", "bob")).text()
    assert f"/leads/{made}/qualify" in page
    assert f"/leads/{made}/claim" not in page


@both
async def test_from_a_new_lead_to_a_won_deal_whose_tags_the_board_knows(house: House) -> None:
    db, bob, call = house.db, who(house, "bob"), Caller(NUMBER, direction="outbound")
    made = await leads.create(db, bob, ANN)
    await Intake(db).apply([call.answers("bob"), call.ends()])
    await wrapup.finish(db, bob, call.call.id, {"note": "Wants ten phones", "tags": "vip"})
    meeting = {"title": "Show it", "due_at": "2026-12-01T09:00:00Z"}
    await leads.add_task(db, bob, made["id"], meeting)
    assert sorted(one["kind"] for one in await leads.trail(db, bob, made["id"])) == ["call", "note", "task"]
    lead = await leads.get(db, bob, made["id"])
    wanted = {"company": "new", "contact": "new", "deal": "new", "value": "900"}
    lead = await lead_qualify.qualify(db, bob, made["id"], lead["version"], wanted)
    again = Caller(NUMBER, uid="1795000000.2", at=START + 90)
    await Intake(db).apply([again.rings("bob"), again.answers("bob"), again.ends()])
    await wrapup.finish(db, bob, again.call.id, {"outcome": "agreed", "tags": "ten, vip"})
    board = await house.json("GET", "/api/v1/board", "bob")
    won = next(stage["id"] for stage in board["stages"] if stage["kind"] == "won")
    deal = await deals.get(db, bob, lead["deal_id"])
    page = await (await house.ask("GET", "/board?tag=ten", "bob")).text()
    assert f'id="deal-{deal["id"]}"' in page
    assert f'id="deal-{deal["id"]}"' not in await (await house.ask("GET", "/board?tag=other", "bob")).text()
    moved = await moves.move(db, bob, deal["id"], won, deal["version"])
    assert (moved["stage_kind"], moved["value"]) == ("won", "900.00")


async def test_a_house_without_leads_makes_a_deal_of_whoever_calls(house: House) -> None:
    await base(house)
    await lead_settings.change_settings(house.db, ROOT, used=False, limit="30", needs="0")
    call = Caller(NUMBER)
    await Intake(house.db).apply([call.rings("bob"), call.answers("bob"), call.ends()])
    assert len(await mine(house, "bob")) == 1
