"""Companies and leads out of a table, and the companies that contacts name: one way through for all of them."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from pbxcrm.crm.access import Scope
from pbxcrm.service import companies, contacts, import_work, imports, lead_settings, leads, privacy, retention
from pbxcrm.service.errors import Conflict, Invalid
from tests.http.bed import Clock, House, both
from tests.http.imports_test import brought, worked

pytestmark = pytest.mark.asyncio

FIRMS = (
    "Company;Phone;E-mail;Website;City\r\n"
    "Łąka Sp. z o.o.;+48 22 555 01 01;info@laka.pl;laka.pl;Łódź\r\n"
    "ŁĄKA SP. Z O.O.;;;;\r\n"
    "Nordlicht;+48 22 555 02 02 / 601 234 567;;;Wien\r\n"
    ";+48 22 555 03 03;;;\r\n"
)
LEADS = (
    "نام,موبایل,ایمیل,منبع\n"
    "علی رضایی,۰۹۱۲۳۴۵۶۷۸۹,ali@x.ir,نمایشگاه\n"
    "مریم,,maryam@x.ir,نمایشگاه\n"
    "علی,+98 912 345 6789,,\n"
    "Customer,+48601000001,,\n"
)


async def ran(house: House, who: str, made: dict[str, Any], **options: str) -> dict[str, Any]:
    db, scope = house.db, house.people[who].scope
    if options:
        await imports.prepare(db, scope, made["id"], None, options)
    await imports.run(db, scope, made["id"])
    await worked(house)
    return await imports.get(db, scope, made["id"])


async def undone(house: House, who: str, made: dict[str, Any]) -> dict[str, Any]:
    await imports.undo(house.db, house.people[who].scope, made["id"])
    await worked(house)
    return await imports.get(house.db, house.people[who].scope, made["id"])


async def firms(house: House, scope: Scope) -> dict[str, dict[str, Any]]:
    found = await companies.list_companies(house.db, scope, 200)
    return {one["name"]: one for one in found["items"]}


async def base(house: House, who: str, **filters: str) -> dict[str, dict[str, Any]]:
    found = await leads.list_leads(house.db, house.people[who].scope, 200, None, filters)
    return {one["name"]: one for one in found["items"]}


@both
async def test_companies_by_name_number_or_mail(house: House, tmp_path: Path) -> None:
    mona = house.people["mona"].scope
    there = await companies.create(house.db, mona, {"name": "nordlicht", "city": "Graz"})
    made = await brought(house, tmp_path, FIRMS, "mona", "companies")
    assert made["mapping"] == {"0": "name", "1": "phone", "2": "email", "3": "site", "4": "city"}
    seen = await imports.preview(house.db, mona, made["id"])
    assert [item["would"] for item in seen["items"]] == ["new", "match", "match", "problem"]
    assert seen["items"][2]["name"] == "nordlicht"
    done = await ran(house, "mona", made)
    assert (done["made"], done["changed"], done["skipped"]) == (1, 1, 2)
    found = await firms(house, mona)
    assert set(found) == {"Łąka Sp. z o.o.", "nordlicht"}
    assert (found["nordlicht"]["number"], found["nordlicht"]["city"]) == ("+48225550202", "Graz")
    assert found["nordlicht"]["note"] == "+48601234567"  # a company has one number; the other is there to be read
    assert (await undone(house, "mona", made))["became"] == {"undone": 2, "skipped": 2}
    left = await firms(house, mona)
    assert set(left) == {"nordlicht"}
    assert {**left["nordlicht"], "version": 1} == {**there, "people": 0, "deals": 0}


@both
async def test_leads_go_into_the_base_and_no_customer_is_one(house: House, tmp_path: Path) -> None:
    db, mona = house.db, house.people["mona"].scope
    await contacts.create(db, mona, {"name": "Known Well", "numbers": ["+48601000001"]})
    made = await brought(house, tmp_path, LEADS, "mona", "leads")
    assert made["mapping"] == {"0": "name", "1": "phone", "2": "email", "3": "source"}
    seen = await imports.preview(db, mona, made["id"])
    assert [item["would"] for item in seen["items"]] == ["new", "new", "match", "problem"]
    assert seen["items"][3]["name"] == "Known Well"
    assert seen["items"][3]["reason"] == "A customer already; leads stand apart."
    done = await ran(house, "mona", made, tag="fair")
    assert (done["made"], done["changed"], done["skipped"]) == (2, 0, 2)
    found = await base(house, "mona", show="new")
    assert set(found) == {"علی رضایی", "مریم"}
    assert (found["علی رضایی"]["number"], found["علی رضایی"]["source"]) == ("09123456789", "نمایشگاه")
    assert {one["name"] for one in (await contacts.list_contacts(db, mona))["items"]} == {"Known Well"}
    assert set(await base(house, "alice", show="new")) == set(found)  # anybody may claim them
    said = await db.reading(
        lambda conn: list(conn.execute(text("SELECT data FROM journal UNION SELECT changes FROM audit")).scalars())
    )
    assert not [one for one in said if "9123456789" in one or "maryam" in one]
    claimed = await leads.claim(db, house.people["alice"].scope, found["مریم"]["id"])
    assert claimed["owner"] == "alice"
    assert (await undone(house, "mona", made))["became"] == {"undone": 1, "kept": 1, "skipped": 2}
    assert set(await base(house, "mona")) == {"مریم"}


@both
async def test_a_seller_brings_as_many_leads_as_they_may_hold(house: House, tmp_path: Path) -> None:
    alice, administrator = house.people["alice"].scope, Scope(house.people["mona"].scope.user_id, "mona", "admin")
    await lead_settings.change_settings(house.db, administrator, used=True, limit=2, needs=0)
    made = await brought(house, tmp_path, "name\nA\nB\nC\n", "alice", "leads")
    done = await ran(house, "alice", made)
    assert (done["made"], done["skipped"]) == (2, 1)
    _, left = await imports.problems(house.db, alice, made["id"])
    assert [line["reason"] for line in left] == ["You hold as many leads as you may."]
    assert set(await base(house, "alice", show="mine")) == {"A", "B"}


async def test_a_house_without_leads_takes_none_and_an_agent_brings_no_companies(house: House, tmp_path: Path) -> None:
    administrator = Scope(house.people["mona"].scope.user_id, "mona", "admin")
    await lead_settings.change_settings(house.db, administrator, used=False, limit=2, needs=0)
    for who, kind in (("mona", "leads"), ("alice", "leads"), ("alice", "companies"), ("mona", "deals")):
        with pytest.raises(Invalid):
            await brought(house, tmp_path, "name\nA\n", who, kind)
    form = await (await house.ask("GET", "/imports/new", "alice")).text()
    assert 'value="contacts"' in form
    assert 'value="companies"' not in form
    assert 'value="leads"' not in form


PEOPLE = "name,company,phone\nA,Acme,601000001\nB,ACME,601000002\nC,Beta,601000003\n"


@both
async def test_a_company_that_contacts_name_is_made_once_and_goes_with_them(house: House, tmp_path: Path) -> None:
    db, mona = house.db, house.people["mona"].scope
    await companies.create(db, mona, {"name": "Beta"})
    await contacts.create(db, mona, {"name": "A", "numbers": ["+48601000001"]})
    made = await brought(house, tmp_path, PEOPLE, "mona")
    done = await ran(house, "mona", made)
    assert (done["made"], done["changed"]) == (2, 1)
    found = await firms(house, mona)
    assert {name: one["people"] for name, one in found.items()} == {"Acme": 2, "Beta": 1}
    await undone(house, "mona", made)
    found = await firms(house, mona)
    assert {name: one["people"] for name, one in found.items()} == {"Beta": 0}
    (a,) = (await contacts.list_contacts(db, mona))["items"]
    assert (a["company"], a["company_id"]) == ("", None)


async def test_a_company_that_is_not_to_be_made_is_only_found(house: House, tmp_path: Path) -> None:
    mona = house.people["mona"].scope
    await companies.create(house.db, mona, {"name": "Beta"})
    made = await brought(house, tmp_path, PEOPLE, "mona")
    await ran(house, "mona", made, companies="match")
    assert {name: one["people"] for name, one in (await firms(house, mona)).items()} == {"Beta": 1}


@both
async def test_rows_are_let_go_and_then_there_is_no_way_back(
    house: House, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    db, mona, keep = house.db, house.people["mona"].scope, dict.fromkeys(retention.KINDS, 0) | {"imports": 90}
    done = await brought(house, tmp_path, PEOPLE, "mona")
    await ran(house, "mona", done)
    never_run = await brought(house, tmp_path, PEOPLE, "mona")
    back = await brought(house, tmp_path, "name\nX\n", "mona")
    await ran(house, "mona", back)
    await undone(house, "mona", back)
    clock.on(89 * retention.DAY)
    young = await brought(house, tmp_path, PEOPLE, "mona")
    assert await retention.run(db, keep) == {"imports": 0}
    clock.on(2 * retention.DAY)
    assert await retention.due(db, keep) == {"imports": 7}
    assert await retention.run(db, keep) == {"imports": 7}
    states = {one["id"]: one["state"] for one in (await imports.list_imports(db, mona))["items"]}
    assert states == {done["id"]: "closed", never_run["id"]: "closed", back["id"]: "undone", young["id"]: "mapping"}
    for one in (done, never_run):
        with pytest.raises(Conflict, match="no longer kept"):
            await imports.undo(db, mona, one["id"])
    assert "no longer kept" in await (await house.ask("GET", f"/imports/{done['id']}", "mona")).text()
    assert len((await contacts.list_contacts(db, mona))["items"]) == 3
    assert (await imports.preview(db, mona, young["id"]))["counted"] == 3


@both
async def test_rows_that_were_left_out_forget_who_is_erased_too(house: House, tmp_path: Path) -> None:
    db, mona = house.db, house.people["mona"].scope
    zoe = await contacts.create(db, mona, {"name": "Zoe", "numbers": ["+48601234567"]})
    made = await brought(house, tmp_path, "name,phone\nZoe L,601 234-567\nOther,601000001\n", "mona", "leads")
    done = await ran(house, "mona", made)
    assert (done["made"], done["skipped"]) == (1, 1)
    await privacy.erase(db, mona, await privacy.subject(db, mona, f"id:{zoe['id']}"), "+48601234567")
    given = await db.reading(lambda conn: list(conn.execute(text("SELECT given FROM import_rows")).scalars()))
    assert sorted(given) == ['["Other", "601000001"]', "[]"]


async def test_a_batch_of_leads_counts_its_own(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of one batch and of the next know each other."""
    monkeypatch.setattr(import_work, "BATCH", 2)
    made = await brought(house, tmp_path, "name,phone\n" + "A,601000001\n" * 5, "mona", "leads")
    done = await ran(house, "mona", made)
    assert (done["made"], done["skipped"]) == (1, 4)
