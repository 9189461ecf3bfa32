"""Contacts, companies and what is known of a deal, through the pages and the service; and that an erasure takes it."""

import json

import pytest
from sqlalchemy import text

from pbxcrm.crm.access import COMMAND_LINE
from pbxcrm.service import companies, contacts, deals, details, privacy
from pbxcrm.service.errors import Invalid, NotFound
from tests.http.bed import House
from tests.http.things import things_of

pytestmark = pytest.mark.asyncio


async def test_details_people_and_tags_of_a_deal(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    things = await things_of(house, house.people["alice"])
    said = {"needs": "A boat", "budget": "yes", "budget_amount": "1500", "tags": "vip, vip, boats", "company": "Boats"}
    await deals.change(db, scope, things.deal, things.version, {**said, "expected_close": "2026-12-31"})
    await details.has_say(db, scope, things.deal, things.contact, "decision_maker", "signs")
    whole = await details.whole(db, scope, things.deal)
    assert whole["details"] == {"needs": "A boat", "budget": "yes", "budget_amount": "1500.00"}
    assert (whole["tags"], whole["company_name"]) == (["boats", "vip"], "Boats")
    assert [(one["contact_id"], one["role"]) for one in whole["people"]] == [(things.contact, "decision_maker")]
    assert whole["completeness"] == 50, whole["lacking"]
    again = await deals.change(db, scope, things.deal, whole["version"], said)
    assert again["version"] == whole["version"]  # nothing differs, so nothing is written
    with pytest.raises(Invalid):
        await deals.change(db, scope, things.deal, whole["version"], {"urgency": "tomorrow"})
    with pytest.raises(NotFound):
        await details.whole(db, house.people["charlie"].scope, things.deal)


async def test_a_company_typed_is_the_one_that_is_seen(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    made = await companies.create(db, scope, {"name": "Yards", "relation": "supplier"})
    mine = await contacts.create(db, scope, {"name": "Ann", "company": "Yards"})
    assert mine["company_id"] == made["id"]
    theirs = await contacts.create(db, house.people["charlie"].scope, {"name": "Cid", "company": "Yards"})
    assert theirs["company_id"] is None  # he does not see it
    await companies.change(db, scope, made["id"], 1, {"name": "Yards & Co"})
    assert (await contacts.get(db, scope, mine["id"]))["company"] == "Yards & Co"


async def test_a_contact_is_saved_as_the_form_has_it(house: House) -> None:
    form = {
        "name": "Zoë",
        "numbers": "+48601000111\r\n",
        "emails": "z@x.example",
        "tags": "vip",
        "birth_date": "1980-02-30",
    }
    answer = await house.ask("POST", "/contacts", "alice", data=form, headers={"Origin": house.origin})
    assert answer.status == 422  # no such day
    assert "wrong-birth_date" in await answer.text()
    form["birth_date"] = "1980-02-29"
    answer = await house.ask("POST", "/contacts", "alice", data=form, headers={"Origin": house.origin})
    assert answer.status == 303
    found = await contacts.get(
        house.db, house.people["alice"].scope, answer.headers["Location"].split("/")[2].split("?")[0]
    )
    assert (found["emails"], found["tags"], found["birth_date"]) == (["z@x.example"], ["vip"], "1980-02-29")


async def test_an_erased_person_leaves_nothing_hanging(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    things = await things_of(house, house.people["alice"])
    fields = {"emails": ["secret@x.example"], "tags": ["x"], "job_title": "Owner"}
    await contacts.change(db, scope, things.contact, things.contact_version, fields)
    await companies.add_note(db, scope, "contact", things.contact, "a secret of theirs")
    await deals.change(db, scope, things.deal, things.version, {"needs": "a secret need"})
    await details.has_say(db, scope, things.deal, things.contact, "other", "a secret word")
    await db.writing(lambda work: _relate(work, int(things.contact)))
    who = await privacy.subject(db, COMMAND_LINE, f"id:{things.contact}")
    plan = await privacy.preview(db, COMMAND_LINE, who)
    await privacy.erase(db, COMMAND_LINE, who, plan["confirm"])
    for table in ("contact_addresses", "contact_tags", "deal_people", "relations", "notes", "deal_details"):
        rows = await db.reading(lambda conn, t=table: conn.execute(text(f"SELECT * FROM {t}")).all())
        assert "secret" not in json.dumps([list(map(str, row)) for row in rows]), table
        if table in ("contact_addresses", "contact_tags", "deal_people", "relations"):
            assert rows == [], table


def _relate(work, contact_id):
    insert = "INSERT INTO relations (contact_id, kind, note, created_at) VALUES (:c, 'family', 'a secret', 0)"
    work.conn.execute(text(insert), {"c": contact_id})
    work.journal("contact.changed", {"id": str(contact_id)}, None)
