"""Who knows whom, further addresses, first contact, how well somebody is known: through the pages and the service."""

from typing import Any

import pytest

from pbxcrm.crm.details import RELATED
from pbxcrm.crm.views import iso
from pbxcrm.service import calls, companies, contacts, relations, tasks
from pbxcrm.service.errors import Invalid, NotFound
from pbxcrm.service.intake import Intake
from tests.http.bed import Clock, House, both
from tests.store.office import Caller

pytestmark = pytest.mark.asyncio


@both
async def test_said_once_and_shown_at_both_ends(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    ann = await contacts.create(db, scope, {"name": "Ann"})
    firm = await companies.create(db, scope, {"name": "Boats"})
    guild = await companies.create(db, scope, {"name": "Guild"})
    await relations.add(db, scope, "contact", ann["id"], "former_employer", ("company", firm["id"]), "until 2020")
    await relations.add(db, scope, "company", firm["id"], "professional_organisation", ("company", guild["id"]))
    (mine,) = await relations.of(db, scope, "contact", ann["id"])
    assert (mine["kind"], mine["back"], mine["name"], mine["note"]) == ("former_employer", False, "Boats", "until 2020")
    assert [
        (one["kind"], one["back"], one["name"]) for one in await relations.of(db, scope, "company", firm["id"])
    ] == [
        ("former_employer", True, "Ann"),
        ("professional_organisation", False, "Guild"),
    ]
    with pytest.raises(Invalid):  # the same from the other end
        await relations.add(db, scope, "company", firm["id"], "former_employer", ("contact", ann["id"]))
    with pytest.raises(Invalid):
        await relations.add(db, scope, "contact", ann["id"], "family", ("contact", ann["id"]))
    for kind, other in (("enemy", firm["id"]), ("", firm["id"]), ("family", "x"), ("family", "999")):
        with pytest.raises(Invalid):
            await relations.add(db, scope, "contact", ann["id"], kind, ("company", other))
    page = await (await house.ask("GET", f"/companies/{firm['id']}", "alice")).text()
    assert "Worked here before" in page
    assert await relations.remove(db, scope, "company", firm["id"], mine["id"]) != []
    assert await relations.of(db, scope, "contact", ann["id"]) == []


async def test_every_kind_goes_through_the_form(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    ann = await contacts.create(db, scope, {"name": "Ann"})
    await companies.create(db, scope, {"name": "Acme"})
    await contacts.create(db, scope, {"name": "Bea"})
    headers = {"Origin": house.origin}
    for kind in RELATED:
        who = "bea" if kind in ("family", "colleague") else "Acme"
        form = {"kind": kind, "who": who}
        answer = await house.ask("POST", f"/contacts/{ann['id']}/relations", "alice", data=form, headers=headers)
        assert answer.status == 303, kind
    assert [one["kind"] for one in await relations.of(db, scope, "contact", ann["id"])] == list(RELATED)
    form = {"kind": "family", "who": "Nobody at all"}
    answer = await house.ask("POST", f"/contacts/{ann['id']}/relations", "alice", data=form, headers=headers)
    assert answer.status == 422
    assert "There is no such contact." in await answer.text()


async def test_who_is_not_seen_is_not_named(house: House) -> None:
    db, mona, alice = house.db, house.people["mona"].scope, house.people["alice"].scope
    ann = await contacts.create(db, alice, {"name": "Ann"})
    bob = await contacts.create(db, house.people["bob"].scope, {"name": "Secret"})
    with pytest.raises(Invalid):
        await relations.add(db, alice, "contact", ann["id"], "family", ("contact", bob["id"]))
    (made,) = await relations.add(db, mona, "contact", ann["id"], "family", ("contact", bob["id"]))
    assert await relations.of(db, alice, "contact", ann["id"]) == []
    with pytest.raises(NotFound):
        await relations.remove(db, alice, "contact", ann["id"], made["id"])
    with pytest.raises(NotFound):
        await relations.of(db, alice, "contact", bob["id"])


async def test_addresses_of_every_kind_and_what_is_lacking(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    form: dict[str, Any] = {"name": "Zoë", "numbers": "+48601000111", "contact_by": "email", "extension": "12"}
    form |= {
        "emails": "a@x.example\r\nA@x.example\r\nb@x.example",
        "addresses": "Long Street 1\r\nPO box 5",
        "sites": "x.example",
    }
    form |= {"socials": "@zoe", "city": "Łódź", "job_title": "Owner", "birth_date": "1980-02-29"}
    answer = await house.ask("POST", "/contacts", "alice", data=form, headers={"Origin": house.origin})
    key = answer.headers["Location"].split("/")[2].split("?")[0]
    found = await contacts.get(db, scope, key)
    assert (found["emails"], found["addresses"]) == (["a@x.example", "b@x.example"], ["Long Street 1", "PO box 5"])
    assert (found["sites"], found["socials"], found["city"], found["extension"]) == (
        ["x.example"],
        ["@zoe"],
        "Łódź",
        "12",
    )
    due = {"title": "Ring Zoë", "due_at": "2026-11-18T09:30:00Z", "contact_id": key}
    await tasks.create(db, scope, due)
    page = await (await house.ask("GET", f"/contacts/{key}", "alice")).text()
    assert "Not known yet: Company, E-mail" in page
    assert "75%" in page
    assert "Ring Zoë" in page


async def test_first_contact_is_the_first_talk_unless_somebody_knows_better(house: House, clock: Clock) -> None:
    db, scope, intake = house.db, house.people["alice"].scope, Intake(house.db)
    known = await contacts.create(db, scope, {"name": "Ann", "numbers": ["+48601000111"]})
    met = await contacts.create(db, scope, {"name": "Bea", "numbers": ["+48601000222"], "first_contact_by": "meeting"})
    assert (known["first_contact_at"], met["first_contact_by"]) == (None, "meeting")
    for n, number in enumerate(("+48601000111", "+48601000222", "+48601000333")):
        call = Caller(number, uid=f"179500000{n}.1")
        for fact in (call.rings("alice"), call.answers("alice"), call.ends()):
            await intake.apply([fact])
    first = await contacts.get(db, scope, known["id"])
    assert (first["first_contact_at"], first["first_contact_by"]) == (first["last_talk_at"], "call")
    assert (await contacts.get(db, scope, met["id"]))["first_contact_at"] == iso(clock())
    new = (await contacts.list_contacts(db, scope, None, None, "601000333"))["items"][0]
    assert new["first_contact_by"] == "call"
    assert new["first_contact_at"]


async def test_the_preferred_way_is_on_the_card(house: House) -> None:
    db, scope, intake = house.db, house.people["alice"].scope, Intake(house.db)
    await contacts.create(db, scope, {"name": "Ann", "numbers": ["+48601000111"], "contact_by": "email"})
    call = Caller("+48601000111", uid="1795000009.1")
    await intake.apply([call.rings("alice")])
    card = (await calls.card(db, scope, call.call.id))["card"]
    assert card["contact"]["contact_by"] == "email"
    assert "Prefers: E-mail" in await (await house.ask("GET", "/board", "alice")).text()


async def test_who_was_forgotten_is_said(house: House, clock: Clock) -> None:
    db, scope, intake = house.db, house.people["alice"].scope, Intake(house.db)
    ann = await contacts.create(db, scope, {"name": "Ann", "numbers": ["+48601000111"]})
    call = Caller("+48601000111", uid="1795000008.1")
    for fact in (call.rings("alice"), call.answers("alice"), call.ends()):
        await intake.apply([fact])
    page = await (await house.ask("GET", f"/contacts/{ann['id']}", "alice")).text()
    assert "No talk since" not in page
    assert "Not updated since" not in page
    clock.on(200 * 86400)
    page = await (await house.ask("GET", f"/contacts/{ann['id']}", "alice")).text()
    assert "No talk since" in page
    assert "Not updated since" in page
