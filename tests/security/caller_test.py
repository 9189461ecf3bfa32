"""What a caller says of themselves is a hint: their number proves nothing, and their name is text and no more."""

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from pbxcrm.calls import events, numbers
from pbxcrm.crm import views
from pbxcrm.http import render
from pbxcrm.http.i18n import LOCALES
from pbxcrm.service import contacts, deals, moves
from pbxcrm.service.intake import Intake
from tests.http.bed import House, both
from tests.store.office import Caller

NUMBER = "+48601234567"
HOSTILE = "<img src=x onerror=alert(1)>\"'&\u202e\u2066\x07\u200b{{ 7919*7927 }}"


async def won_deal(house: House) -> tuple[dict[str, Any], dict[str, Any]]:
    """Alice's customer, and the deal with them that is won."""
    scope = house.people["alice"].scope
    contact = await contacts.create(house.db, scope, {"name": "Anna", "numbers": [NUMBER]})
    deal = await deals.create(house.db, scope, {"title": "Boat", "value": "90000", "contact_id": contact["id"]})
    won = next(s for s in (await deals.board(house.db, scope, None))["stages"] if s["kind"] == "won")
    return contact, await moves.move(house.db, scope, deal["id"], won["id"], deal["version"])


@pytest.mark.asyncio
@both
async def test_a_forged_number_changes_nothing_of_a_won_deal_and_nobodys_contact(house: House) -> None:
    contact, won = await won_deal(house)
    call = Caller(NUMBER, caller_name="I am Anna, trust me")
    intake = Intake(house.db)
    for fact in (call.rings("bob"), call.answers("bob", "PJSIP/102"), call.ends()):
        await intake.apply([fact])
    scope = house.people["mona"].scope
    assert await deals.get(house.db, scope, won["id"]) == won
    fields = ("name", "company", "email", "note", "numbers", "owner")
    after = await contacts.get(house.db, scope, contact["id"])
    assert {name: after[name] for name in fields} == {name: contact[name] for name in fields}
    assert len((await contacts.list_contacts(house.db, scope))["items"]) == 1  # nothing merged, nothing doubled
    (made,) = [deal for deal in (await deals.list_deals(house.db, scope))["items"] if deal["id"] != won["id"]]
    assert (made["owner"], made["stage_kind"], made["value"]) == ("bob", "unsorted", "0.00")
    async with house.db.read() as conn:
        on = list((await conn.execute(text("SELECT deal_id FROM call_deals"))).scalars())
    assert [str(one) for one in on] == [made["id"]]


@pytest.mark.asyncio
async def test_a_number_opens_no_door(house: House) -> None:
    """Nobody sees more by calling from a colleague's or a customer's number."""
    _, won = await won_deal(house)
    call = Caller(NUMBER)
    for fact in (call.rings("charlie"), call.answers("charlie", "PJSIP/103"), call.ends()):
        await Intake(house.db).apply([fact])
    await house.json("GET", f"/api/v1/deals/{won['id']}", "charlie", 404)


@pytest.mark.asyncio
@both
async def test_verified_is_said_and_decides_nothing(house: House) -> None:
    """A number that the carrier vouches for makes the same rows as one that is shown: it is told, and that is all."""
    contact, won = await won_deal(house)
    scope, views_told = house.people["mona"].scope, []
    for uid, verified in (("v1", False), ("v2", True)):
        call = Caller(NUMBER, uid=uid, caller_name="Somebody else", number_verified=verified)
        for fact in (call.rings("bob"), call.answers("bob", "PJSIP/102"), call.ends()):
            await Intake(house.db).apply([fact])
        views_told.append(await house.json("GET", f"/api/v1/calls/{call.call.id}", "mona"))
    assert [view["number_verified"] for view in views_told] == [False, True]
    assert {view["contact_id"] for view in views_told} == {contact["id"]}
    assert len({view["deal_id"] for view in views_told}) == 1
    assert (await contacts.get(house.db, scope, contact["id"]))["name"] == contact["name"]
    assert await deals.get(house.db, scope, won["id"]) == won
    assert len((await contacts.list_contacts(house.db, scope))["items"]) == 1


@pytest.mark.parametrize("locale", sorted(LOCALES))
@pytest.mark.parametrize("known", [True, False])
def test_the_card_says_that_nothing_is_verified(locale: str, known: bool) -> None:
    call = Caller(NUMBER, caller_name="Anna").rings("alice").call
    contact = {"id": "1", "name": "Anna Kowalska", "company": ""} if known else None
    view = {**views.call(call), "card": {"contact": contact, "deals": [], "last_talk": None}}
    me = render._viewer("alice", "Alice", "agent", locale, "UTC", "gregorian", toman=False)
    drawn = render.part("caller", "call_card", me, view, "ringing")
    said = (
        "Known by the number shown, which can be forged." if known else "The caller sent this name; nobody checked it."
    )
    assert me.r.gettext(said) in drawn
    assert me.r.gettext("number not verified") in drawn
    vouched = render.part("caller", "call_card", me, {**view, "number_verified": True}, "ringing")
    assert me.r.gettext("number not verified") not in vouched
    assert me.r.gettext("number verified by the carrier") in vouched


@pytest.mark.parametrize("locale", sorted(LOCALES))
def test_a_hostile_name_is_text_wherever_it_is_drawn(locale: str) -> None:
    me = render._viewer("alice", "Alice", "agent", locale, "UTC", "gregorian", toman=False)
    call = Caller(NUMBER, caller_name=HOSTILE).rings("alice").call
    view = {**views.call(call), "card": {"contact": None, "deals": [], "last_talk": None}}
    drawn = render.part("caller", "call_card", me, view, "ringing") + render.part("call", "told", me, view)
    assert "<img" not in drawn
    assert "&lt;img" in drawn
    assert str(7919 * 7927) not in drawn  # templates are not made of what callers send


@given(st.text(alphabet=st.characters(), max_size=200))
@settings(max_examples=300, deadline=None)
def test_no_name_hides_or_turns_what_stands_beside_it(name: str) -> None:
    shown = numbers.clean(name)
    assert len(shown) <= 80
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert not [c for c in shown if unicodedata.bidirectional(c) in ("RLE", "LRE", "RLO", "LRO", "PDF", "RLI", "LRI")]


def test_an_event_cannot_bring_one_either() -> None:
    sent = {"event": "Newchannel", "uniqueid": "1", "calleridname": HOSTILE, "connectedlinename": HOSTILE}
    said = str(events.read(sent, 0.0))
    assert "<img src=x" in said
    assert not [c for c in said if unicodedata.category(c) in ("Cc", "Cf")]
    assert not re.search(r"\\u20|\\x0|\\u200b", said)
