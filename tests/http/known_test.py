"""What may be known of a customer and a deal, through the same forms that people fill in."""

from typing import Any

import pytest

from pbxcrm.crm.access import Scope
from pbxcrm.crm.details import GROUPS, ROLES
from pbxcrm.service import companies, contacts, deals, details, lead_scores
from pbxcrm.service.intake import Intake
from tests.http.bed import House
from tests.store.office import Caller

pytestmark = pytest.mark.asyncio
SAID = {
    "needs": "Phones that do not drop calls",
    "product": "Forty phones",
    "wish": "One number for all branches",
    "budget": "yes",
    "budget_amount": "12000.00",
    "timeline": "Before the move in May",
    "urgency": "quarter",
    "process": "A committee of three; the director signs",
    "competitors": "Acme",
    "advantage": "We are in town",
    "objections": "Too dear",
    "options": "Leasing",
    "contact_by": "email",
    "lesson": "Ask for the date of the move first",
}


async def post(house: House, path: str, form: dict[str, Any]) -> Any:
    answer = await house.ask("POST", path, "alice", data=form, headers={"Origin": house.origin})
    assert answer.status == 303, await answer.text()
    return answer


async def page(house: House, path: str) -> str:
    return await (await house.ask("GET", path, "alice")).text()


async def test_every_detail_of_a_deal_is_written_and_shown(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    assert set(SAID) <= {name for names in GROUPS.values() for name in names}
    deal = await deals.create(db, scope, {"title": "Phones"})
    form = {"version": str(deal["version"]), "title": "Phones", "priority": "0", "currency": "EUR", "value": "12000"}
    await post(house, f"/deals/{deal['id']}", form | SAID)
    assert (await details.whole(db, scope, deal["id"]))["details"] == SAID
    shown = await page(house, f"/deals/{deal['id']}")
    assert [value for value in SAID.values() if value.removesuffix(".00") not in shown] == []


async def test_several_people_of_a_firm_each_with_their_say(house: House) -> None:
    db, scope = house.db, house.people["alice"].scope
    firm = await companies.create(db, scope, {"name": "Boats", "relation": "prospect"})
    deal = await deals.create(db, scope, {"title": "Phones", "company_id": firm["id"]})
    for n, role in enumerate(ROLES):
        who = await contacts.create(db, scope, {"name": f"Person {n}", "company_id": firm["id"], "job_title": role})
        await post(house, f"/deals/{deal['id']}/people", {"contact_id": who["id"], "role": role})
    people = (await details.whole(db, scope, deal["id"]))["people"]
    assert [(one["name"], one["role"]) for one in people] == [(f"Person {n}", role) for n, role in enumerate(ROLES)]
    shown = await page(house, f"/companies/{firm['id']}")
    assert all(f"Person {n}" in shown for n in range(len(ROLES)))
    assert "Phones" in shown


async def test_a_form_and_a_call_fill_one_record(house: House) -> None:
    db, scope, intake = house.db, house.people["alice"].scope, Intake(house.db)
    call = Caller("+48601000111", uid="1795000001.1", caller_name="ANNA")
    for fact in (call.rings("alice"), call.answers("alice"), call.ends()):
        await intake.apply([fact])
    (known,) = (await contacts.list_contacts(db, scope, None, None, "601000111"))["items"]
    form = {"name": "Anna Nowak", "company": "Boats", "numbers": "+48601000111\r\n+48601000222", "city": "Gdynia"}
    await post(house, f"/contacts/{known['id']}", form | {"version": str(known["version"])})
    again = Caller("+48601000222", uid="1795000002.1")
    for fact in (again.rings("alice"), again.answers("alice"), again.ends()):
        await intake.apply([fact])
    (found,) = (await contacts.list_contacts(db, scope, None, None, "Anna"))["items"]
    assert (found["id"], found["city"]) == (known["id"], "Gdynia")
    shown = await page(house, f"/contacts/{known['id']}")
    assert shown.count("data-call=") >= 2 or shown.count("/calls/") >= 2


async def test_a_deal_answers_at_one_glance(house: House) -> None:
    """Where from, interested in what, followed up, how good, what number, how to reach them, whose."""
    db, scope, intake = house.db, house.people["alice"].scope, Intake(house.db)
    rule = {"field": "number", "full": "+48 601", "points": "35"}
    await lead_scores.save(db, Scope(0, "root", "admin"), None, rule)
    number = "+48601000333"
    anna = await contacts.create(db, scope, {"name": "Anna", "numbers": [number], "contact_by": "email"})
    fields = {"title": "Phones", "contact_id": anna["id"], "number": number, "source": "Trade fair"}
    deal = await deals.create(db, scope, fields | {"product": "Forty phones"})
    glance = (await page(house, f"/deals/{deal['id']}")).split('class="row small glance"')[1].split("</dl>")[0]
    assert "not talked with yet" in glance
    call = Caller(number, uid="1795000003.1")
    for fact in (call.rings("alice"), call.answers("alice"), call.ends()):
        await intake.apply([fact])
    shown = await page(house, f"/deals/{deal['id']}")
    glance = shown.split('class="row small glance"')[1].split("</dl>")[0]
    for said in ("Trade fair", "Forty phones", "by alice", "601 000 333", "E-mail", "alice", "Score", ">35<"):
        assert said in glance, said
    assert "not talked with yet" not in glance
    bare = await deals.create(db, scope, {"title": "Nothing known"})
    assert "none yet" in await page(house, f"/deals/{bare['id']}")
