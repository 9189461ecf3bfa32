"""Price offers: written beside the customer's needs, sent on the day agreed, frozen, revised, decided, printed."""

import re
from typing import Any

import pytest
from aiohttp import FormData

from pbxcrm.crm.access import COMMAND_LINE
from pbxcrm.service import contacts, deals, offers, people, privacy, tasks
from pbxcrm.service.errors import Conflict, Invalid, NotFound
from pbxcrm.service.timeline import timeline
from tests.http.bed import House, both

pytestmark = pytest.mark.asyncio
NUMBER = "+48601234567"
LINES = [{"text": "Phone", "count": "40", "price": "89.90"}, {"text": "Discount", "count": "1", "price": "-96"}]


async def deal_of(house: House, **more: Any) -> dict[str, Any]:
    db, alice = house.db, house.people["alice"].scope
    ela = await contacts.create(db, alice, {"name": "Ela Nowak", "numbers": [NUMBER]})
    return await deals.create(db, alice, {"title": "Phones", "contact_id": ela["id"], "value": "1", **more})


async def open_tasks(house: House, deal_id: str) -> list[dict[str, Any]]:
    found = await tasks.list_tasks(house.db, house.people["alice"].scope, None, None, {"deal_id": deal_id})
    return list(found["items"])


@both
async def test_an_offer_is_written_sent_revised_and_accepted(house: House) -> None:
    db, alice = house.db, house.people["alice"].scope
    deal = await deal_of(house)
    draft = await offers.create(db, alice, deal["id"], {"items": LINES})
    assert (draft["title"], draft["total"], draft["currency"], draft["state"]) == ("Phones", "3500.00", "EUR", "draft")
    assert [one["worth"] for one in draft["items"]] == ["3596.00", "-96.00"]
    draft = await offers.change(db, alice, draft["id"], draft["version"], {"note": "Delivered by Friday"})
    sent = await offers.send(db, alice, draft["id"], draft["version"])
    with pytest.raises(Conflict):  # what the customer has is not written anew
        await offers.change(db, alice, sent["id"], sent["version"], {"items": []})
    second = await offers.revise(db, alice, sent["id"])
    assert (second["number"], second["revision"], second["state"]) == (sent["number"], 2, "draft")
    assert (second["total"], second["note"]) == ("3500.00", "Delivered by Friday")
    assert (await offers.revise(db, alice, sent["id"]))["id"] == second["id"]  # one draft at a time
    second = await offers.change(db, alice, second["id"], second["version"], {"items": LINES[:1]})
    second = await offers.send(db, alice, second["id"], second["version"])
    done = await offers.decide(db, alice, second["id"], second["version"], accepted=True, value=True)
    assert done["state"] == "accepted"
    assert (await deals.get(db, alice, deal["id"]))["value"] == "3596.00"
    found = await offers.of_deal(db, alice, deal["id"])
    assert [(one["revision"], one["state"], one["total"], one["newest"]) for one in found] == [
        (2, "accepted", "3596.00", True),
        (1, "sent", "3500.00", False),
    ]
    told = [one["what"] for one in await timeline(db, alice, deal["id"]) if one["kind"] == "offer"]
    assert sorted(told) == ["accepted", "sent", "sent"]
    with pytest.raises(Conflict):
        await offers.decide(db, alice, second["id"], done["version"], accepted=False)


async def test_refused_offers_store_nothing(house: House) -> None:
    db, alice = house.db, house.people["alice"].scope
    deal = await deal_of(house)
    empty = await offers.create(db, alice, deal["id"], {})
    with pytest.raises(Invalid):
        await offers.send(db, alice, empty["id"], empty["version"])
    with pytest.raises(Invalid):
        await offers.create(db, alice, deal["id"], {"send_on": "soon"})
    drafted = await offers.change(db, alice, empty["id"], empty["version"], {"items": LINES})
    with pytest.raises(Conflict):
        await offers.change(db, alice, empty["id"], empty["version"], {"title": "Late"})
    with pytest.raises(Invalid):  # 89.90 yen are none
        await offers.change(db, alice, empty["id"], drafted["version"], {"currency": "JPY", "items": LINES})
    with pytest.raises(Invalid):
        await offers.change(db, alice, empty["id"], drafted["version"], {"currency": "JPY"})
    assert await offers.discard(db, alice, empty["id"], drafted["version"]) == deal["id"]
    with pytest.raises(NotFound):
        await offers.get(db, alice, empty["id"])


async def test_who_is_to_send_it_is_reminded_that_morning(house: House) -> None:
    """At nine where the deal's owner is; moved with the day, done once it is sent."""
    db, alice = house.db, house.people["alice"].scope
    await people.set_preferences(db, alice, time_zone="Europe/Warsaw")
    deal = await deal_of(house)
    draft = await offers.create(db, alice, deal["id"], {"items": LINES, "send_on": "2026-12-01"})
    task = (await open_tasks(house, deal["id"]))[0]
    assert (task["kind"], task["user"], task["title"]) == ("mail", "alice", "Phones")
    assert (task["due_at"], task["remind_at"]) == ("2026-12-01T08:00:00.000Z", "2026-12-01T08:00:00.000Z")
    draft = await offers.change(db, alice, draft["id"], draft["version"], {"send_on": "2026-07-02"})
    assert [one["due_at"] for one in await open_tasks(house, deal["id"])] == ["2026-07-02T07:00:00.000Z"]
    await offers.send(db, alice, draft["id"], draft["version"])
    assert await open_tasks(house, deal["id"]) == []
    other = await offers.create(db, alice, deal["id"], {"items": LINES, "send_on": "2026-12-01"})
    await offers.change(db, alice, other["id"], other["version"], {"send_on": ""})
    assert await open_tasks(house, deal["id"]) == []


async def test_it_is_written_beside_what_the_customer_needs_and_can_spend(house: House) -> None:
    told = {
        "needs": "Twelve desks without a phone", "preferences": "No cables", "to_offer": "The quiet model",
        "budget": "yes", "budget_amount": "4000", "delivery": "Before Christmas",
    }  # fmt: skip
    deal = await deal_of(house, **told)
    blank = await (await house.ask("GET", f"/deals/{deal['id']}/offers/new", "alice")).text()
    for text in (*(told[name] for name in ("needs", "preferences", "to_offer", "delivery")), "€4,000"):
        assert text in blank
    form = {"title": "Phones", "currency": "EUR", "send_on": "2026-12-01", "note": "Thank you"}
    lines = [("text", "Phone"), ("count", "40"), ("price", "89.90"), ("text", ""), ("count", ""), ("price", "")]
    answer = await house.ask(
        "POST", f"/deals/{deal['id']}/offers", "alice", data=[*form.items(), *lines], **same(house)
    )
    assert answer.status == 303
    made = answer.headers["Location"].removesuffix("?saved")
    page = await (await house.ask("GET", made, "alice")).text()
    assert "€3,596" in page
    wrong = [*form.items(), ("version", "1"), ("text", "Phone"), ("count", "none"), ("price", "89.90")]
    answer = await house.ask("POST", made, "alice", data=wrong, **same(house))
    assert answer.status == 422
    assert 'value="none"' in await answer.text()  # as it was typed


async def test_it_is_printed_with_our_name_and_the_customers(house: House) -> None:
    deal, alice = await deal_of(house), house.people["alice"].scope
    made = await offers.create(house.db, alice, deal["id"], {"items": LINES, "note": "<b>Thank you</b>"})
    paper = await (await house.ask("GET", f"/offers/{made['id']}/print", "alice")).text()
    sheet = paper[paper.index("<article") : paper.index("</article")]
    for text in ("Nordlicht", "Ela Nowak", "Phone", "€89.90", "€3,500", "&lt;b&gt;Thank you"):
        assert text in sheet
    assert re.search(r"Offer \d+", sheet)


@both
async def test_nothing_is_left_of_who_is_erased(house: House) -> None:
    db, alice = house.db, house.people["alice"].scope
    deal = await deal_of(house)
    draft = await offers.create(db, alice, deal["id"], {"items": LINES, "note": "Dear Ela", "send_on": "2026-12-01"})
    sent = await offers.send(db, alice, draft["id"], draft["version"])
    await offers.revise(db, alice, sent["id"])
    who = await privacy.subject(db, COMMAND_LINE, NUMBER)
    given = await privacy.export(db, COMMAND_LINE, who)
    assert [one["note"] for one in given["deals"][0]["offers"]] == ["Dear Ela", "Dear Ela"]
    await privacy.erase(db, COMMAND_LINE, who, NUMBER)
    assert await offers.of_deal(db, alice, deal["id"]) == []


def same(house: House) -> dict[str, Any]:
    return {"headers": {"Origin": house.origin}}


async def test_who_counts_in_toman_writes_prices_in_toman(house: House) -> None:
    db, alice = house.db, house.people["alice"].scope
    await people.set_preferences(db, alice, rial="toman")
    deal = await deals.create(db, alice, {"title": "Phones", "currency": "IRR"})
    lines = [{"text": "Phone", "count": "2", "price": "1500000"}, {"text": "Discount", "count": "1", "price": "-25"}]
    draft = await offers.create(db, alice, deal["id"], {"items": lines})
    page = await (await house.ask("GET", f"/offers/{draft['id']}", "alice")).text()
    typed = re.findall(r'name="(price|currency)" value="([^"]+)"', page)
    assert typed == [("currency", "IRT"), ("price", "150000"), ("price", "-2.5")]
    form = [("version", str(draft["version"])), ("title", "Phones"), ("currency", "IRT")]
    for line in lines:
        form += [
            ("text", line["text"]),
            ("count", line["count"]),
            ("price", "-2.5" if "-" in line["price"] else "150000"),
        ]
    more = {"data": FormData(form), "headers": {"Origin": house.origin}}
    assert (await house.ask("POST", f"/offers/{draft['id']}", "alice", **more)).status == 303
    assert (await offers.get(db, alice, draft["id"]))["total"] == "2999975"
