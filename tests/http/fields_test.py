"""Fields of the house's own: made by administrators, kept with contacts, companies, deals and leads, seen by who sees
those; through service, REST, pages and tables, merged and erased with the rest.
"""

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from pbxcrm.crm.access import COMMAND_LINE, Scope
from pbxcrm.crm.custom import MOST, THINGS
from pbxcrm.service import (
    companies,
    contacts,
    custom_fields,
    deals,
    details,
    import_work,
    imports,
    lead_qualify,
    leads,
    merge,
    people,
    privacy,
)
from pbxcrm.service.auth import Auth
from pbxcrm.service.errors import Conflict, Invalid, NotFound
from pbxcrm.store.db import Database
from tests.http.bed import House, Person, both
from tests.http.leads_test import everything

pytestmark = pytest.mark.asyncio
NUMBER = "+48601234567"
# The examples of row 003-37: [label, type, what is typed, what is kept].
EXAMPLES: list[tuple[str, str, object, object]] = [
    ("Name", "text", "Ann", "Ann"),
    ("E-mail", "email", "Ann@Acme.example", "ann@acme.example"),
    ("Phone", "phone", "601 234 567", NUMBER),
    ("Favourite colour", "select", "dark blue", "Dark blue"),
    ("Number of siblings", "number", "۳", 3),
    ("Job title", "text", "Buyer", "Buyer"),
    ("Membership start date", "date", "2024-05-01", "2024-05-01"),
    ("Birth date", "date", "1980-01-31", "1980-01-31"),
    ("Newsletter", "yes_no", "yes", True),
]


@pytest_asyncio.fixture
async def root(house: House) -> Scope:
    """An administrator of the house."""
    await people.add_user(house.db, "root", "admin", [])
    token = await people.create_token(house.db, "root")
    person = await Auth(house.db).by_token(token)
    assert person is not None
    house.people["root"] = Person(person.scope, token)
    return person.scope


async def field(house: House, root: Scope, thing: str, name: str, type_: str = "text") -> str:
    """A new field; its id."""
    choices = ["Red", "Dark blue"] if type_ == "select" else []
    given = {"thing": thing, "name": name, "type": type_, "choices": choices}
    return str((await custom_fields.create(house.db, root, given))["id"])


async def keys(house: House, scope: Scope, thing: str = "contact") -> list[str]:
    return [one.key for one in await custom_fields.fields(house.db, scope, thing)]


async def page(house: House, path: str, who: str = "alice", status: int = 200) -> str:
    answer = await house.ask("GET", path, who)
    assert answer.status == status
    return await answer.text()


async def post(house: House, path: str, who: str, status: int = 303, **form: str) -> str:
    answer = await house.ask("POST", path, who, data=form, headers={"Origin": house.origin})
    assert answer.status == status, await answer.text()
    return answer.headers.get("Location", "") or await answer.text()


THINGS_MADE = {
    "contact": (contacts, {"name": "Ann"}),
    "company": (companies, {"name": "Acme"}),
    "deal": (deals, {"title": "Boat"}),
    "lead": (leads, {"name": "Ann"}),
}


@both
async def test_values_of_every_type_are_kept_with_every_thing(house: House, root: Scope) -> None:
    db, alice = house.db, house.people["alice"].scope
    kept = {}
    for thing in THINGS:
        for name, type_, _, _ in EXAMPLES:
            await field(house, root, thing, name, type_)
    names = await keys(house, alice)
    given = dict(zip(names, (typed for _, _, typed, _ in EXAMPLES), strict=True))
    kept = dict(zip(names, (value for *_, value in EXAMPLES), strict=True))
    for thing, (service, fields) in THINGS_MADE.items():
        made = await service.create(db, alice, {**fields, "custom": given})
        assert made["custom"] == kept, thing
        found = await service.get(db, alice, made["id"])
        assert found["custom"] == kept, thing
        changed = await service.change(db, alice, made["id"], found["version"], {"custom": {"number_of_siblings": 4}})
        assert changed["custom"] == {**kept, "number_of_siblings": 4}
        same = await service.change(db, alice, made["id"], changed["version"], {"custom": {"number_of_siblings": "4"}})
        assert same["version"] == changed["version"]
        fewer = await service.change(db, alice, made["id"], changed["version"], {"custom": dict.fromkeys(names)})
        assert fewer["custom"] == {}
        with pytest.raises(Invalid) as refused:
            await service.change(db, alice, made["id"], fewer["version"], {"custom": {"birth_date": "soon", "no": 1}})
        assert set(refused.value.fields) == {"custom.birth_date", "custom.no"}
        with pytest.raises(NotFound):
            await service.get(db, house.people["charlie"].scope, made["id"])


@both
async def test_a_field_is_renamed_ordered_retired_and_brought_back(house: House, root: Scope) -> None:
    db, alice = house.db, house.people["alice"].scope
    one, two = await field(house, root, "contact", "Colour", "select"), await field(house, root, "contact", "Size")
    made = await contacts.create(db, alice, {"name": "Ann", "custom": {"colour": "Red", "size": "L"}})
    await custom_fields.change(db, root, one, {"name": "Shade", "choices": ["Pink"]})
    assert await custom_fields.shift(db, root, one, 1) == "contact"
    assert await keys(house, alice) == ["size", "colour"]  # the key stays
    await custom_fields.shift(db, root, one, 1)  # it is the last already
    found = await contacts.change(db, alice, made["id"], 1, {"custom": {"colour": "Red", "size": "XL"}})
    assert found["custom"] == {"size": "XL", "colour": "Red"}  # what was chosen stays, in the fields' order
    await custom_fields.change(db, root, one, {"retired": True})
    assert (await contacts.get(db, alice, made["id"]))["custom"] == {"size": "XL"}
    with pytest.raises(Invalid):
        await contacts.change(db, alice, made["id"], 2, {"custom": {"colour": "Pink"}})
    await contacts.change(db, alice, made["id"], 2, {"custom": {"size": "S"}})
    again = await field(house, root, "contact", "Shade")  # its name is free now, its key is not
    assert (await custom_fields.fields(db, root, "contact", retired=True))[-1].key == "shade"
    with pytest.raises(Invalid):
        await custom_fields.change(db, root, one, {"retired": False})
    await custom_fields.change(db, root, again, {"name": "Tone"})
    await custom_fields.change(db, root, one, {"retired": False})
    assert (await contacts.get(db, alice, made["id"]))["custom"] == {"size": "S", "colour": "Red"}
    assert two in {str(one.id) for one in await custom_fields.fields(db, alice)}
    told = await house.json("GET", "/api/v1/audit?action=settings.changed&thing=field&limit=200", "mona")
    assert ["colour" in entry["thing_id"] for entry in told["items"]].count(True) == 5


async def test_limits_are_told(house: House, root: Scope) -> None:
    for n in range(MOST):
        await field(house, root, "lead", f"Field {n}")
    for name in ("Field 0", "FIELD 1", "One more"):
        with pytest.raises(Invalid) as refused:
            await field(house, root, "lead", name)
        assert set(refused.value.fields) == {"name"}
    await field(house, root, "deal", "Field 0")


@both
async def test_rest_lists_fields_and_writes_values(house: House, root: Scope) -> None:
    given = {"thing": "deal", "name": "Boat length", "type": "number"}
    made = await house.json("POST", "/api/v1/fields", "root", 201, json=given)
    assert (made["key"], made["type"], made["position"], made["retired"]) == ("boat_length", "number", 1, False)
    assert (await house.json("GET", "/api/v1/fields?thing=deal", "alice"))["items"] == [made]
    await house.json("GET", "/api/v1/fields?thing=boat", "alice", 400)
    for body in ({"type": "text"}, {"key": "x"}, {"name": ""}):
        await house.json("PATCH", f"/api/v1/fields/{made['id']}", "root", 422, json=body)
    deal = await house.json("POST", "/api/v1/deals", "alice", 201, json={"title": "x", "custom": {"boat_length": "7"}})
    assert deal["custom"] == {"boat_length": 7}
    listed = (await house.json("GET", "/api/v1/deals", "alice"))["items"]
    assert [one["custom"] for one in listed] == [{"boat_length": 7}]
    path = f"/api/v1/deals/{deal['id']}"
    body: dict[str, Any] = {"version": deal["version"], "custom": {"boat_length": "long"}}
    said = await house.json("PATCH", path, "alice", 422, json=body)
    assert set(said["error"]["fields"]) == {"custom.boat_length"}
    await house.json("PATCH", path, "charlie", 404, json=body)
    for wrong in ("x", [1], {"boat_length": {}}):
        await house.json("PATCH", path, "alice", 422, json={**body, "custom": wrong})
    await house.json("PATCH", f"/api/v1/fields/{made['id']}", "root", json={"retired": True})
    assert (await house.json("GET", "/api/v1/fields", "alice"))["items"] == []
    assert [one["retired"] for one in (await house.json("GET", "/api/v1/fields", "root"))["items"]] == [True]
    assert (await house.json("GET", path, "alice"))["custom"] == {}
    whole = await house.json("GET", path + "/details", "alice")
    assert (whole["custom"], whole["details"]) == ({}, {})


async def test_forms_show_and_save_them_in_the_readers_calendar(house: House, root: Scope) -> None:
    db, alice = house.db, house.people["alice"].scope
    for thing in THINGS:
        await field(house, root, thing, "Member since", "date")
        await field(house, root, thing, "Colour", "select")
        await field(house, root, thing, "<b>Ok</b>", "yes_no")
    await people.set_preferences(db, alice, locale="fa", calendar="jalali")
    own = {"custom.member_since": "۱۴۰۳/۰۲/۱۲", "custom.colour": "Red", "custom.b_ok_b": "no"}
    kept = {"member_since": "2024-05-01", "colour": "Red", "b_ok_b": False}
    deal_form = {"title": "Boat", "priority": "0", "currency": "EUR", "value": "1"}
    for things, (service, fields) in zip(
        ("contacts", "companies", "deals", "leads"), THINGS_MADE.values(), strict=True
    ):
        assert "custom.colour" in await page(house, f"/{things}/new")
        refused = await post(house, f"/{things}", "alice", 422, **fields, **{**own, "custom.colour": "Pink"})
        assert "wrong-custom.colour" in refused
        assert "Pink" in refused
        at = (await post(house, f"/{things}", "alice", **fields, **own)).partition("?")[0]
        found = await service.get(db, alice, at.rpartition("/")[2])
        assert found["custom"] == kept, things
        shown = await page(house, at)
        assert 'name="custom.member_since" value="۱۴۰۳/۰۲/۱۲"' in shown
        assert "<b>Ok</b>" not in shown
        form = {**fields, **(deal_form if things == "deals" else {}), "version": str(found["version"])}
        wrong = await post(house, at, "alice", 422, **form, **{**own, "custom.member_since": "۱۴۰۳/۱۳/۱۲"})
        assert "wrong-custom.member_since" in wrong
        await post(house, at, "alice", **form, **{**own, "custom.member_since": "", "custom.b_ok_b": "yes"})
        found = await service.get(db, alice, found["id"])
        assert found["custom"] == {"colour": "Red", "b_ok_b": True}, things
        again = {**form, "version": str(found["version"])}
        await post(house, at, "alice", **again)  # a form of before there were fields leaves them alone
        assert (await service.get(db, alice, found["id"]))["custom"] == {"colour": "Red", "b_ok_b": True}
        await page(house, at, "charlie", 404)


async def test_the_page_of_fields_is_an_administrators(house: House, root: Scope) -> None:
    at = "/settings/fields"
    for who in ("alice", "mona"):
        await page(house, at, who, 404)
        assert at not in await page(house, "/me", who)
    assert at in await page(house, "/me", "root")
    back = await post(house, at, "root", thing="deal", name="Colour", type="select", choices="Red\r\nBlue")
    assert back == "/settings/fields?thing=deal&saved"
    assert "Colour" in await page(house, back, "root")
    (one,) = await custom_fields.fields(house.db, root, "deal")
    assert one.choices == ("Red", "Blue")
    refused = await post(house, at, "root", 422, thing="deal", name="colour", type="text", choices="")
    assert "wrong-name" in refused
    assert "wrong-choices" in await post(house, f"{at}/{one.id}", "root", 422, name="Colour", choices="")
    await post(house, f"{at}/{one.id}", "root", name="Shade", choices="Red")
    await post(house, f"{at}/{one.id}/shift", "root", by="1")
    await post(house, f"{at}/{one.id}/retire", "root", retired="1")
    assert "Bring back" in await page(house, f"{at}?thing=deal", "root")
    await post(house, at, "root", thing="deal", name="Shade", type="text", choices="")
    assert "name already" in await post(house, f"{at}/{one.id}/retire", "root", 422, retired="0")


async def test_tables_have_them_as_columns(house: House, root: Scope) -> None:
    db, alice = house.db, house.people["alice"].scope
    for thing in THINGS:
        await field(house, root, thing, "Colour", "select")
        await field(house, root, thing, "Ok", "yes_no")
        await custom_fields.change(db, root, await field(house, root, thing, "Old"), {"retired": True})
    for things, (service, fields) in zip(
        ("contacts", "companies", "deals", "leads"), THINGS_MADE.values(), strict=True
    ):
        await service.create(db, alice, {**fields, "custom": {"colour": "Red", "ok": True}})
        await service.create(db, alice, fields)
        answer = await house.ask("GET", f"/api/v1/{things}.csv", "alice")
        rows = list(csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig"), newline="")))
        assert [(row["custom.colour"], row["custom.ok"]) for row in rows] == [("", ""), ("Red", "yes")]
        assert "custom.old" not in rows[0]


TABLE = (
    "Full name;Telefon;Favourite colour;custom.number_of_siblings;Membership start date;Newsletter\n"
    "Ann;601234567;DARK BLUE;۳;1403/02/12;tak\n"
    "Bea;602234567;;;;\n"
    "Cid;603234567;Pink;;;\n"
    "Dora;604234567;Red;many;;\n"
)


@both
@pytest.mark.parametrize("kind", ["contacts", "companies", "leads"])
async def test_a_table_is_read_into_them_and_taken_back(house: House, root: Scope, tmp_path: Path, kind: str) -> None:
    db, mona = house.db, house.people["mona"].scope
    thing, service = {"contacts": ("contact", contacts), "companies": ("company", companies), "leads": ("lead", leads)}[
        kind
    ]
    for name, type_, _, _ in EXAMPLES[3:]:
        await field(house, root, thing, name, type_)
    numbered = {"numbers": ["+48602234567"]} if kind == "contacts" else {"number": "+48602234567"}
    there = await service.create(db, mona, {"name": "Bea", **numbered, "custom": {"favourite_colour": "Red"}})
    path = tmp_path / "table.csv"
    path.write_text(TABLE.replace("602234567;;", "602234567;Dark blue;7"))
    brought = await imports.start(db, mona, kind, "table.csv", path)
    assert brought["mapping"] == {
        "0": "name",
        "1": "phone",
        "2": "custom.favourite_colour",
        "3": "custom.number_of_siblings",
        "4": "custom.membership_start_date",
        "5": "custom.newsletter",
    }
    seen = await imports.preview(db, mona, brought["id"])
    assert [one["would"] for one in seen["items"]] == ["new", "match", "problem", "problem"]
    shown = await page(house, f"/imports/{brought['id']}", "mona")
    assert 'value="custom.favourite_colour" selected>Favourite colour' in shown
    assert "favourite colour: “Pink” · Choose one of the list." in shown
    await imports.run(db, mona, brought["id"])
    while await import_work.step(db):
        pass
    listed = {
        "contacts": contacts.list_contacts,
        "companies": companies.list_companies,
        "leads": leads.list_leads,
    }[kind]
    found = {one["name"]: one["custom"] for one in (await listed(db, mona))["items"]}
    ann = {"number_of_siblings": 3, "membership_start_date": "2024-05-01", "newsletter": True}
    assert found == {
        "Ann": {"favourite_colour": "Dark blue", **ann},
        "Bea": {"favourite_colour": "Red", "number_of_siblings": 7},  # only what was empty
    }
    await imports.undo(db, mona, brought["id"])
    while await import_work.step(db):
        pass
    found = {one["name"]: one["custom"] for one in (await listed(db, mona))["items"]}
    assert found == {"Bea": {"favourite_colour": "Red"}}
    assert (await service.get(db, mona, there["id"]))["version"] == 3
    with pytest.raises(Conflict):
        await imports.prepare(db, mona, brought["id"], {"0": "custom.nothing"}, None)


async def test_what_changed_is_told_by_its_key_and_not_of_leads(house: House, root: Scope) -> None:
    db, alice = house.db, house.people["alice"].scope
    for thing in THINGS:
        await field(house, root, thing, "Colour", "select")
    for thing, (service, fields) in THINGS_MADE.items():
        made = await service.create(db, alice, fields)
        await service.change(db, alice, made["id"], made["version"], {"custom": {"colour": "Red"}})
        told = await house.json("GET", f"/api/v1/audit?thing={thing}&thing_id={made['id']}&limit=200", "mona")
        changes = [one["changes"]["custom.colour"] for one in told["items"] if "custom.colour" in one["changes"]]
        assert changes == ([] if thing == "lead" else [[None, "Red"]]), thing
    rows = await db.reading(lambda conn: conn.execute(text("SELECT kind, data FROM journal ORDER BY id")).all())
    said = {row.kind: json.loads(row.data).get("custom") for row in rows}
    assert (said["contact.changed"], said["company.changed"]) == ({"colour": "Red"}, {"colour": "Red"})
    assert said["lead.changed"] is None


@both
async def test_of_two_that_are_one_nothing_is_lost(house: House, root: Scope) -> None:
    db, alice = house.db, house.people["alice"].scope
    for name, type_ in (("Colour", "select"), ("Age", "number"), ("Ok", "yes_no")):
        for thing in ("contact", "company"):
            await field(house, root, thing, name, type_)
    old = await field(house, root, "contact", "Old")
    for thing, service, names in (
        ("contact", contacts, {"name": "Ann", "numbers": [NUMBER]}),
        ("company", companies, {"name": "Acme"}),
    ):
        more = {"old": "kept"} if thing == "contact" else {}
        one = await service.create(db, alice, {**names, "custom": {"colour": "Red", "age": 7, **more}})
        other = await service.create(db, alice, {**names, "custom": {"colour": "Dark blue", "ok": False}})
        if thing == "contact":
            await custom_fields.change(db, root, old, {"retired": True})
        plan = await merge.preview(db, alice, thing, one["id"], other["id"])
        shown = {field["name"]: (field["label"], field["values"]) for field in plan["fields"]}
        assert shown == {"custom.colour": ("Colour", ["Red", "Dark blue"])}
        if thing == "contact":
            assert "Dark blue" in await page(house, f"/contacts/{one['id']}/merge?with={other['id']}")
        take = {"custom.colour": one["id"]}
        kept = await merge.merge(db, alice, thing, one["id"], other["id"], (1, 1), take)
        assert (await service.get(db, alice, kept))["custom"] == {"colour": "Red", "age": 7, "ok": False}
        if thing == "contact":
            await custom_fields.change(db, root, old, {"retired": False})
            assert (await service.get(db, alice, kept))["custom"]["old"] == "kept"


@both
async def test_an_erased_person_leaves_no_value(house: House, root: Scope) -> None:
    db, alice = house.db, house.people["alice"].scope
    for thing in THINGS:
        await field(house, root, thing, "Select")
    secret = {"custom": {"select": "Zzsecret"}}
    made = await contacts.create(db, alice, {"name": "Select", "numbers": [NUMBER], **secret})
    await contacts.change(db, alice, made["id"], 1, {"custom": {"select": "Zzsecret too"}})
    await deals.create(db, alice, {"title": "x", "contact_id": made["id"], **secret})
    lead = await leads.create(db, alice, {"name": "Select", "number": NUMBER, **secret})
    await leads.change(db, alice, lead["id"], lead["version"], {"custom": {"select": "Zzsecret three"}})
    assert "Zzsecret" in await db.reading(everything)
    who = await privacy.subject(db, COMMAND_LINE, f"id:{made['id']}")
    given = await privacy.export(db, COMMAND_LINE, who)
    assert given["contact"]["custom"] == {"select": "Zzsecret too"}
    plan = await privacy.preview(db, COMMAND_LINE, who)
    await privacy.erase(db, COMMAND_LINE, who, plan["confirm"])
    assert "Zzsecret" not in await db.reading(everything)
    # The house's own words stay, though the person was called like one.
    assert {one.name for one in await custom_fields.fields(db, root)} == {"Select"}


async def test_a_lead_that_becomes_a_customer_takes_its_values_along(house: House, root: Scope) -> None:
    db, alice = house.db, house.people["alice"].scope
    for thing in THINGS:
        await field(house, root, thing, "Size", "number" if thing != "company" else "text")
        await field(house, root, thing, "Colour", "select")
    lead = await leads.create(
        db, alice, {"name": "Ann", "company": "Acme", "number": NUMBER, "custom": {"size": 7, "colour": "Red"}}
    )
    there = await contacts.create(db, alice, {"name": "Ann", "numbers": [NUMBER], "custom": {"colour": "Dark blue"}})
    becomes = {"company": "new", "contact": there["id"], "deal": "new"}
    made = await lead_qualify.qualify(db, alice, lead["id"], lead["version"], becomes)
    assert (await contacts.get(db, alice, there["id"]))["custom"] == {"size": 7, "colour": "Dark blue"}
    assert (await companies.get(db, alice, made["company_id"]))["custom"] == {"colour": "Red"}
    assert (await details.whole(db, alice, made["deal_id"]))["custom"] == {"size": 7, "colour": "Red"}
    one = await leads.create(db, alice, {"name": "Ola", "custom": {"size": 8}})
    made = await lead_qualify.qualify(db, alice, one["id"], one["version"], {"contact": "new"})
    assert (await contacts.get(db, alice, made["contact_id"]))["custom"] == {"size": 8}


@both
async def test_of_two_who_make_the_same_field_at_one_moment_the_second_is_told(house: House, root: Scope) -> None:
    db = house.db
    other = Database(db.url.render_as_string(hide_password=False), db.clock, region="PL")  # as another process would
    given = [{"thing": "deal", "name": name, "type": "text"} for name in ("Colour", "COLOUR") * 4]
    try:
        await custom_fields.create(other, root, {"thing": "lead", "name": "Any", "type": "text"})  # it is connected now
        tried = [custom_fields.create(other if n % 2 else db, root, one) for n, one in enumerate(given)]
        done = await asyncio.gather(*tried, return_exceptions=True)
        sizes = [await field(house, root, "deal", name) for name in ("Size", "Length")]
        tried = [
            custom_fields.change(one, root, size, {"name": "Width"})
            for one, size in zip((db, other), sizes, strict=True)
        ]
        renamed = await asyncio.gather(*tried, return_exceptions=True)
    finally:
        await other.close()
    for found in (done, renamed):
        assert sum(isinstance(one, dict) for one in found) == 1, found
        refused = [one for one in found if isinstance(one, Invalid)]
        assert len(refused) == len(found) - 1, found
        assert {one.fields["name"] for one in refused} == {"There is a field of this name already."}
    answer = await house.ask("POST", "/api/v1/fields", "root", json=given[0])
    assert answer.status == 422
    assert "There is a field of this name already." in await answer.text()
    assert "There is a field of this name already." in await post(house, "/settings/fields", "root", 422, **given[0])
