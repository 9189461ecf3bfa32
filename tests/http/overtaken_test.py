"""A form that somebody else was faster than: nothing typed is lost, and nothing of the other's is taken back."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pbxcrm.http.forms import opened, typed_again
from pbxcrm.service import companies, contacts, deals, leads, offers, tasks
from tests.http.bed import House
from tests.http.typed_form import typed, typed_form

pytestmark = pytest.mark.asyncio
Fields = list[tuple[str, str]]
LINES = {"title": "Phones", "items": [{"text": "Phone", "count": "2", "price": "10"}], "note": "by May"}


async def of_deal(house: House) -> tuple[str, Any]:
    made = await deals.create(house.db, house.people["alice"].scope, {"title": "Trial", "value": "500"})
    return f"/deals/{made['id']}", lambda scope, new: deals.change(
        house.db, scope, made["id"], new["version"], {"title": "By Mona"}
    )


async def of_contact(house: House) -> tuple[str, Any]:
    given = {
        "name": "Jan",
        "numbers": ["+48221234567", "+48221234568"],
        "city": "Kraków",
        "emails": ["a@b.pl", "c@d.pl"],
    }
    made = await contacts.create(house.db, house.people["alice"].scope, given)
    return f"/contacts/{made['id']}", lambda scope, new: contacts.change(
        house.db, scope, made["id"], new["version"], {"name": "By Mona"}
    )


async def of_company(house: House) -> tuple[str, Any]:
    made = await companies.create(house.db, house.people["alice"].scope, {"name": "Firm", "city": "Kraków"})
    return f"/companies/{made['id']}", lambda scope, new: companies.change(
        house.db, scope, made["id"], new["version"], {"name": "By Mona"}
    )


async def of_lead(house: House) -> tuple[str, Any]:
    given = {"name": "Jan", "city": "Kraków", "quality": ["budget", "need"], "tags": ["a", "b"]}
    made = await leads.create(house.db, house.people["alice"].scope, given)
    return f"/leads/{made['id']}", lambda scope, new: leads.change(
        house.db, scope, made["id"], new["version"], {"name": "By Mona"}
    )


async def of_task(house: House) -> tuple[str, Any]:
    given = {"title": "Write", "kind": "meeting", "due_at": "2026-12-01T09:00:00Z", "note": "the\nlong\none"}
    made = await tasks.create(house.db, house.people["alice"].scope, given)
    return f"/tasks/{made['id']}", lambda scope, new: tasks.change(
        house.db, scope, made["id"], new["version"], {"title": "By Mona"}
    )


async def of_offer(house: House) -> tuple[str, Any]:
    alice = house.people["alice"].scope
    deal = await deals.create(house.db, alice, {"title": "Trial", "value": "500"})
    made = await offers.create(house.db, alice, deal["id"], LINES)
    return f"/offers/{made['id']}", lambda scope, new: offers.change(
        house.db, scope, made["id"], new["version"], {"title": "By Mona"}
    )


# What is made, and two of its fields: what Mona changes meanwhile, and what Alice writes.
THINGS = [
    (of_deal, "title", "note"),
    (of_contact, "name", "city"),
    (of_company, "name", "city"),
    (of_lead, "name", "note"),
    (of_task, "title", "place"),
    (of_offer, "title", "note"),
]


async def read(house: House, path: str) -> Fields:
    answer = await house.ask("GET", path, "alice")
    assert answer.status == 200
    return typed_form(await answer.text(), path)


async def send(house: House, path: str, fields: Fields) -> tuple[int, Fields, str]:
    answer = await house.ask("POST", path, "alice", data=fields)
    text = await answer.text()
    return answer.status, typed_form(text, path), text


@pytest.mark.parametrize(("make", "theirs", "mine"), THINGS, ids=lambda one: getattr(one, "__name__", one))
async def test_both_changes_stand(
    house: House, make: Callable[[House], Awaitable[tuple[str, Any]]], theirs: str, mine: str
) -> None:
    path, meanwhile = await make(house)
    before = await read(house, path)
    await meanwhile(house.people["mona"].scope, {"version": int(dict(before)["version"])})
    status, back, text = await send(house, path, typed(before, **{mine: 'Seventy "phones" <b>\r\nby May'}))
    assert status == 409
    assert "was faster. Nothing of yours is saved yet: what you changed still stands here" in text
    assert dict(back)[theirs] == "By Mona"
    assert dict(back)[mine].split()[:2] == ["Seventy", '"phones"']
    kept = {"version", "was", theirs, mine}
    assert [one for one in back if one[0] not in kept] == [one for one in before if one[0] not in kept]
    assert f'data-kept="{mine}"' in text
    status, _, _ = await send(house, path, back)
    assert status == 303
    after = dict(await read(house, path))
    assert (after[theirs], after[mine].split()[0]) == ("By Mona", "Seventy")


async def test_overtaken_twice(house: House) -> None:
    """Refused for a fault, overtaken, overtaken once more: what was typed first still stands."""
    path, _ = await of_deal(house)
    mona, deal_id = house.people["mona"].scope, path.split("/")[2]
    fields = typed(await read(house, path), note="Seventy", value="lots")
    status, fields, _ = await send(house, path, fields)
    assert (status, dict(fields)["note"], dict(fields)["value"]) == (422, "Seventy", "lots")
    fields = typed(fields, value="700")
    for title in ("One", "Two"):
        now = await deals.get(house.db, mona, deal_id)
        await deals.change(house.db, mona, deal_id, now["version"], {"title": title})
        status, fields, _ = await send(house, path, fields)
        assert status == 409
        assert {k: dict(fields)[k] for k in ("title", "note", "value")} == {
            "title": title,
            "note": "Seventy",
            "value": "700",
        }
    assert (await send(house, path, fields))[0] == 303


async def test_a_task_done_meanwhile_says_so(house: House) -> None:
    path, _ = await of_task(house)
    before = await read(house, path)
    await tasks.done(house.db, house.people["mona"].scope, path.split("/")[2], "talked")
    status, _, text = await send(house, path, typed(before, place="Here"))
    assert status == 409
    assert "This task was changed or done meanwhile." in text


async def test_a_page_of_before_an_update() -> None:
    """Without `was` all that was typed stays; what it says may be anything."""
    stored = {"title": "By Mona", "note": ""}
    assert typed_again({"title": "a"}, {"title": "a", "note": ""}, stored)["title"] == "a"
    for was in ("", "::", "title", "title:", ":" * 99, "\x00 ü:ü", opened({})["was"]):
        assert typed_again({"title": "a", "was": was}, {"title": "a"}, stored)["title"] == "a"
    was = opened({"title": "a", "note": "x\ny"})["was"]
    again = typed_again({"title": "a", "note": "x\r\ny ", "was": was}, {"title": "a", "note": "x\r\ny "}, stored)
    assert (again["title"], again["note"], again["kept"]) == ("By Mona", "", "")
