"""Two contacts or companies made one: nothing is lost, nothing leaks, and calls meanwhile find one of them."""

import asyncio
from typing import Any

import pytest

from pbxcrm.crm.access import SYSTEM
from pbxcrm.service import companies, contacts, deals, details, leads, merge, tasks
from pbxcrm.service.errors import Conflict, Invalid, Merged, NotFound, Refused
from pbxcrm.service.intake import Intake
from pbxcrm.store.db import Database
from tests.http.bed import House, both
from tests.http.things import call_of
from tests.store.office import Caller

pytestmark = pytest.mark.asyncio
ONE, OTHER = "+48601000111", "+48601000222"


async def two(house: House, who: str = "alice") -> tuple[dict[str, Any], dict[str, Any]]:
    """A customer who is there twice, each with something the other lacks."""
    db, scope = house.db, house.people[who].scope
    first = {"name": "Anna", "numbers": [ONE], "email": "anna@x.example", "note": "likes blue", "tags": ["vip"]}
    then = {
        "name": "Anna Nowak",
        "company": "Boats",
        "numbers": [OTHER, ONE],
        "email": "an@x.example",
        "note": "tall one",
    }
    return await contacts.create(db, scope, first), await contacts.create(db, scope, then)


async def test_one_person_out_of_two(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    one, other = await two(house)
    deal = await deals.create(db, scope, {"title": "Boat", "contact_id": one["id"]})
    for about in (one, other):
        await details.has_say(db, scope, deal["id"], about["id"], "influencer")
    await tasks.create(db, scope, {"title": "x", "due_at": "2026-11-18T09:30:00Z", "contact_id": one["id"]})
    await companies.add_note(db, scope, "contact", one["id"], "a note of the first")
    call = await call_of(db, house.people["alice"], "u1", ONE)
    await db.writing(lambda work: _about(work, call, one["id"]))
    plan = await merge.preview(db, scope, "contact", one["id"], other["id"])
    assert {field["name"]: field["chosen"] for field in plan["fields"]} == {"name": 1, "email": 0, "note": 0}
    assert (plan["moves"]["deals"], plan["moves"]["calls"], plan["moves"]["tasks"]) == (1, 1, 1)
    kept = await merge.merge(db, scope, "contact", one["id"], other["id"], (1, 1), {"name": one["id"]})
    assert kept == other["id"] == plan["stays"]
    found = await contacts.get(db, scope, kept)
    assert (found["name"], found["company"], found["email"]) == ("Anna", "Boats", "anna@x.example")
    assert (sorted(found["numbers"]), found["emails"], found["tags"]) == ([ONE, OTHER], ["an@x.example"], ["vip"])
    notes = [note["text"] for note in await companies.notes_of(db, scope, "contact", kept)]
    assert (found["note"], sorted(notes)) == ("likes blue", ["a note of the first", "tall one"])
    whole = await details.whole(db, scope, deal["id"])
    assert (whole["contact_id"], [p["contact_id"] for p in whole["people"]]) == (kept, [kept])
    assert (await contacts.list_contacts(db, scope, None, None, ONE))["items"][0]["id"] == kept
    with pytest.raises(Merged) as gone:
        await contacts.get(db, scope, one["id"])
    assert gone.value.into == kept
    with pytest.raises(NotFound) as nothing:
        await contacts.get(db, house.people["bob"].scope, one["id"])
    assert not isinstance(nothing.value, Merged)
    said = (await house.json("GET", "/api/v1/audit?action=contact.merged", "mona"))["items"][0]
    assert said["changes"]["into"] == [one["id"], kept]
    assert said["changes"]["name"] == ["Anna Nowak", "Anna"]
    again = await house.ask("GET", f"/contacts/{one['id']}", "alice")
    assert (again.status, again.headers["Location"]) == (303, f"/contacts/{kept}")
    assert (await house.ask("GET", f"/api/v1/contacts/{one['id']}", "alice")).status == 404


def _about(work: Any, call: str, contact_id: str) -> None:
    from sqlalchemy import text

    work.conn.execute(text("UPDATE calls SET contact_id = :c WHERE id = :i"), {"c": int(contact_id), "i": call})
    work.journal("contact.changed", {}, None)


async def test_old_ids_of_old_ids_lead_on_and_none_is_given_out_again(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    one, other = await two(house)
    third = await contacts.create(db, scope, {"name": "Ann", "numbers": [ONE]})
    kept = await merge.merge(db, scope, "contact", third["id"], other["id"], (1, 1), {})
    assert kept == third["id"]
    last = await merge.merge(db, scope, "contact", kept, one["id"], (2, 1), {})
    assert last == kept
    for was in (one["id"], other["id"]):
        with pytest.raises(Merged) as gone:
            await contacts.get(db, scope, was)
        assert gone.value.into == kept
    assert int((await contacts.create(db, scope, {"name": "New"}))["id"]) > int(kept)


async def test_what_is_not_wholly_ones_own_is_a_managers_to_merge(house: House) -> None:
    db, alice, bob, mona = house.db, *(house.people[n].scope for n in ("alice", "bob", "mona"))
    for hang in ("deal", "free", "lead", "task", "say"):
        one, other = await two(house)
        if hang in ("deal", "free"):
            owner = "bob" if hang == "deal" else None
            await deals.create(db, mona, {"title": "x", "contact_id": one["id"], "owner": owner})
        elif hang == "lead":
            lead = await leads.create(db, bob, {"name": "Lea"})
            await db.writing(lambda work, k=one["id"], n=lead["id"]: _became(work, n, k))
        elif hang == "task":
            job = {"title": "x", "due_at": "2026-11-18T09:30:00Z", "contact_id": one["id"], "user": "bob"}
            await tasks.create(db, mona, job)
        else:
            deal = await deals.create(db, mona, {"title": "x", "owner": "bob"})
            await details.has_say(db, mona, deal["id"], one["id"], "other")
        for call in (
            merge.preview(db, alice, "contact", one["id"], other["id"]),
            merge.merge(db, alice, "contact", one["id"], other["id"], (1, 1), {}),
        ):
            with pytest.raises(Refused):
                await call
        assert await contacts.get(db, alice, one["id"]) == one
        assert await merge.merge(db, mona, "contact", one["id"], other["id"], (1, 1), {})
    one, other = await two(house)
    theirs, _ = await two(house, "bob")
    for foreign in (merge.preview(db, alice, "contact", one["id"], theirs["id"]),
                    merge.merge(db, alice, "contact", one["id"], theirs["id"], (1, 1), {})):  # fmt: skip
        with pytest.raises(NotFound):
            await foreign


def _became(work: Any, lead: str, contact: str) -> None:
    from sqlalchemy import text

    work.conn.execute(text("UPDATE leads SET contact_id = :c WHERE id = :i"), {"c": int(contact), "i": int(lead)})
    work.journal("contact.changed", {}, None)


async def test_what_cannot_be(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    one, other = await two(house)
    with pytest.raises(Invalid):
        await merge.preview(db, scope, "contact", one["id"], one["id"])
    with pytest.raises(Conflict):
        await merge.merge(db, scope, "contact", one["id"], other["id"], (1, 2), {})
    with pytest.raises(Invalid):
        await merge.merge(db, scope, "contact", one["id"], other["id"], (1, 1), {"name": "999"})
    assert await contacts.get(db, scope, one["id"]) == one


async def test_twins_are_found(house: House) -> None:
    db, scope, mona = house.db, house.people["alice"].scope, house.people["mona"].scope
    one, other = await two(house)
    await contacts.create(db, scope, {"name": "Zoe", "email": "AN@x.example", "numbers": ["101"]})
    await contacts.create(db, scope, {"name": "Ext", "numbers": ["101"]})  # an extension is many people's
    await contacts.create(db, scope, {"name": "anna nowak", "company": "Boats"})
    pairs = await merge.candidates(db, mona, "contact")
    assert [(pair["why"], [p["name"] for p in pair["items"]]) for pair in pairs] == [
        ("number", ["Anna", "Anna Nowak"]),
        ("email", ["Anna Nowak", "Zoe"]),
        ("name", ["Anna Nowak", "anna nowak"]),
    ]
    assert {p["name"] for p in await merge.alike(db, scope, other["id"])} == {"Anna", "Zoe", "anna nowak"}
    assert await merge.candidates(db, house.people["bob"].scope, "contact") == []
    page = await (await house.ask("GET", "/contacts/duplicates", "mona")).text()
    assert f"/contacts/{one['id']}/merge?with={other['id']}" in page


async def test_companies_too(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    one = await companies.create(db, scope, {"name": "Boats", "city": "Gdynia", "relation": "customer"})
    other = await companies.create(db, scope, {"name": "boats", "number": ONE})
    ann = await contacts.create(db, scope, {"name": "Ann", "company_id": one["id"]})
    (pair,) = await merge.candidates(db, scope, "company")
    assert pair["why"] == "name"
    form = {"with": other["id"], "version": "1", "with_version": "1", "take-name": one["id"]}
    headers = {"Origin": house.origin}
    answer = await house.ask("POST", f"/companies/{one['id']}/merge", "alice", data=form, headers=headers)
    assert (answer.status, answer.headers["Location"]) == (303, f"/companies/{other['id']}?saved")
    found = await companies.get(db, scope, other["id"])
    assert (found["name"], found["city"], found["number"], found["relation"]) == ("Boats", "Gdynia", ONE, "customer")
    assert (await contacts.get(db, scope, ann["id"]))["company_id"] == other["id"]
    assert (await house.ask("GET", f"/companies/{one['id']}", "alice")).headers[
        "Location"
    ] == f"/companies/{other['id']}"


@both
async def test_calls_meanwhile_find_one_contact(house: House) -> None:
    """Calls of either number go on while the two are merged, by a process of its own: each has the one that stays."""
    mona = house.people["mona"].scope
    here, there = house.db, Database(str(house.db.url.render_as_string(hide_password=False)), clock=house.db.clock)
    try:
        intake = Intake(here)
        for n in range(6):
            first, then = f"+486010003{n:02d}", f"+486010004{n:02d}"
            pair = [await contacts.create(here, mona, {"name": f"P{n}", "numbers": [x]}) for x in (first, then)]
            callers = [Caller(x, uid=f"179500{n}.{k}") for k, x in enumerate((first, then, first, then))]
            ids = [one["id"] for one in pair]

            async def ring(callers: list[Caller] = callers) -> None:
                for caller in callers:
                    await intake.apply([caller.rings("alice")])
                    await intake.apply([caller.answers("alice")])
                    await intake.apply([caller.ends()])

            # The merge begins after one, two, three … calls, or between their facts.
            kept, _ = await asyncio.gather(merge.merge(there, mona, "contact", ids[0], ids[1], (1, 1), {}), ring())
            found = await here.reading(lambda conn, keys=(first, then): _contacts_of(conn, keys))
            assert found == {int(kept)}
    finally:
        await there.close()


def _contacts_of(conn: Any, numbers: tuple[str, ...]) -> set[int | None]:
    from sqlalchemy import select

    from pbxcrm.store.schema import calls, contact_numbers, deals

    found = select(calls.c.contact_id).where(calls.c.number.in_(numbers))
    named = select(deals.c.contact_id).where(deals.c.number.in_(numbers))
    held = select(contact_numbers.c.contact_id).where(contact_numbers.c.number.in_(numbers))
    assert SYSTEM.sees_all
    return {one for statement in (found, named, held) for one in conn.execute(statement).scalars()}
