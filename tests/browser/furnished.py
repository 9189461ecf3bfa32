"""A firm at work with one of everything in it, so that no page is looked at empty."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from pbxcrm.crm.access import Scope
from pbxcrm.crm.custom import THINGS, TYPES
from pbxcrm.crm.views import iso
from pbxcrm.service import (
    companies,
    contacts,
    custom_fields,
    deals,
    documents,
    import_work,
    imports,
    lead_scores,
    leads,
    offers,
    people,
    pipelines,
    relations,
    tasks,
    webhooks,
)
from tests.browser.world import DAY, PASSWORD, World, busy_week
from tests.http.things import differing

TABLE = "Name;Company;Phone;E-mail\nIbrahim Okafor;Quay Logistics;+44 20 7946 0188;i.okafor@quay.example\n"
WRONG = "Nobody;;12;not an address\n"
LINES = [
    {"text": "Phone", "count": "1.5", "price": "89.90"},
    {"text": "Discount", "count": "1", "price": "-9"},
]


@dataclass(frozen=True)
class Furnished:
    """Ids, as `every_page.PAGES` names them."""

    call: str
    company: str
    other_company: str
    contact: str
    twin: str
    deal: str
    led: str
    unsorted: str
    mapping: str
    done: str
    lead: str
    draft: str
    sent: str
    pipeline: str
    hook: str
    task: str


async def furnish(firm: World) -> Furnished:
    """One of everything; rita (English) and reza (Persian) administer it."""
    now = firm.db.clock()
    firm.db.clock = lambda: now - 40 * DAY
    await firm.deal("tomek", "Offer", title="Long forgotten", value="700")
    await busy_week(firm)
    rita = await _administrators(firm)
    for thing in THINGS:
        for kind in TYPES:
            choices = ["Red", "Blue"] if kind == "select" else []
            own = {"thing": thing, "name": f"Colour of {kind}", "type": kind, "choices": choices}
            await custom_fields.create(firm.db, rita, own)
    call = await _calls(firm)
    customers = await _customers(firm, rita)
    return Furnished(
        call=call,
        unsorted=await _unsorted(firm, rita),
        lead=await _lead(firm, rita),
        task=await _promises(firm, customers["deal"]),
        hook=(await webhooks.register(firm.db, rita, {"url": "https://example.com/hook", "kinds": ["call.ended"]}))[
            "id"
        ],
        **customers,
        **await _stages_and_offers(firm, rita, customers["deal"]),
        **await _imports(firm, rita),
    )


async def _administrators(firm: World) -> Scope:
    for name, locale, calendar in (("reza", "fa", "jalali"), ("rita", "en", "gregorian")):
        made = await people.add_user(
            firm.db, name, "admin", [], full_name=name, password=PASSWORD, locale=locale, calendar=calendar
        )
    return Scope(made, "rita", "admin")


async def _calls(firm: World) -> str:
    call = firm.call("+48221234501", caller_name="Somebody New")
    await call.rings("maria")
    await call.answered("maria")
    await call.ended()
    await firm.call("+48221234502").ended("abandoned")
    maria: Any = SimpleNamespace(scope=firm.scopes["maria"])
    await differing(firm.db, maria, "told otherwise", "+48221234503")
    return call.call.id


async def _customers(firm: World, rita: Scope) -> dict[str, str]:
    db = firm.db
    fields = {"name": "Nordlicht Solar", "city": "Warszawa", "site": "nordlicht.example", "note": "Pays late"}
    company, other = await companies.create(db, rita, fields), await companies.create(db, rita, fields)
    ela = {"name": "Ela Nowa", "company_id": company["id"], "city": "Warszawa", "job_title": "Head of purchase"}
    more = {"numbers": ["+48221239901", "+48601223344"], "email": "ela@nordlicht.example", "tags": "vip, fair"}
    contact = await contacts.create(db, rita, {**ela, **more, "birth_date": "1984-03-02", "addresses": ["Prosta 1"]})
    twin = await contacts.create(db, rita, {"name": "Ela Nowa", "company_id": company["id"]})
    known = await contacts.create(db, rita, {"name": "Ibrahim Okafor"})
    await relations.add(db, rita, "contact", contact["id"], "former_employer", ("company", other["id"]), "until 2021")
    await relations.add(db, rita, "contact", contact["id"], "family", ("contact", known["id"]))
    await relations.add(db, rita, "company", company["id"], "competitor", ("company", other["id"]))
    for thing, one in (("contact", contact), ("company", company)):
        await companies.add_note(db, rita, thing, one["id"], "Likes to be called in the morning")
    wish = {"needs": "Wants blue phones", "budget_amount": "4000", "competitors": "Acme", "tags": "vip"}
    deal = await firm.deal("maria", title="40 phones, new office", contact_id=contact["id"], value="4000", **wish)
    await deals.add_note(db, rita, deal["id"], "Call again after the fair")
    ids = {"company": company, "other_company": other, "contact": contact, "twin": twin, "deal": deal}
    return {name: one["id"] for name, one in ids.items()}


async def _unsorted(firm: World, rita: Scope) -> str:
    """A deal of somebody known, that could be linked to the one there is."""
    made = await deals.create(
        firm.db, rita, {"title": "Called", "number": "+48221239901", "stage": firm.stages["Unsorted"], "owner": "maria"}
    )
    return str(made["id"])


async def _lead(firm: World, rita: Scope) -> str:
    db = firm.db
    rule = {"field": "city", "full": "Warszawa", "part": "Łódź", "points": "40", "part_points": "10"}
    await lead_scores.save(db, rita, None, rule)
    acme = {"name": "Adam Nowy", "company": "Acme", "tags": "vip", "city": "Warszawa", "number": "+48601000111"}
    for owner in ("reza", "rita"):
        lead = await leads.create(db, rita, {**acme, "owner": owner})
    await leads.add_note(db, rita, lead["id"], "Called from the fair")
    await leads.add_task(db, rita, lead["id"], {"title": "Call", "due_at": iso(db.clock() + 3600)})
    return str(lead["id"])


async def _promises(firm: World, deal: str) -> str:
    db, now = firm.db, firm.db.clock()
    maria = firm.scopes["maria"]
    await tasks.create(db, maria, {"kind": "mail", "title": "Send the price list", "due_at": iso(now - 7200)})
    meeting = {"kind": "meeting", "title": "Show the phones", "due_at": iso(now), "ends_at": iso(now + 3600)}
    return str((await tasks.create(db, maria, {**meeting, "deal_id": deal, "place": "2nd floor"}))["id"])


async def _stages_and_offers(firm: World, rita: Scope, deal: str) -> dict[str, str]:
    db = firm.db
    pipeline = await pipelines.create(db, rita, "", "five")
    stage = (await pipelines.get(db, rita, pipeline))["stages"][2]
    job = {"id": "", "kind": "call", "title": "Ask for the budget", "days": "1"}
    await pipelines.change_stage(db, rita, stage["id"], {"advice": "Listen first", "tasks": [job]})
    led = await deals.create(db, rita, {"title": "Led", "owner": "maria", "stage": stage["id"]})
    draft = await offers.create(db, rita, deal, {"items": LINES, "note": "Thank you", "send_on": "2027-01-11"})
    sent = await offers.create(db, rita, deal, {"items": LINES})
    await offers.send(db, rita, sent["id"], sent["version"])
    for of_deal in ("", deal):
        with documents.coming(firm.papers) as path:
            path.write_bytes(b"%PDF-1.7")
            name, fields = "A price list with a rather long name for a phone.pdf", {"kind": "price_list"}
            await documents.add(db, rita, path, name, {**fields, "deal_id": of_deal})
    return {"pipeline": pipeline, "led": led["id"], "draft": draft["id"], "sent": sent["id"]}


async def _imports(firm: World, rita: Scope) -> dict[str, str]:
    path = firm.papers.parent / "table.csv"
    path.write_text(TABLE + WRONG)
    done, mapping = [str((await imports.start(firm.db, rita, "contacts", "fair 2026.csv", path))["id"]) for _ in "12"]
    await imports.run(firm.db, rita, done)
    while await import_work.step(firm.db):
        pass
    return {"done": done, "mapping": mapping}
