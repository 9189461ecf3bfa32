"""A call from outside on two people's screens: a real Asterisk, real phones, two real browsers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.fakes.process import Pbxcrm
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.office import Office
from tests.pbx.screens import calls_of, deals_of, log_in, shoot

CALLER = "+48225550777"


async def ring_both(office: Office) -> tuple[Any, Any, Any]:
    customer = await office.incoming("30", caller=CALLER, name="Zofia <b>Wilk</b>")
    return customer, await office.alice.rings(), await office.bob.rings()


@pytest.mark.asyncio
async def test_whoever_answers_owns_the_deal(bed: Asterisk, crm: Pbxcrm, chromium: Browser) -> None:
    alice_sees, bob_sees = await log_in(chromium, crm, "alice"), await log_in(chromium, crm, "bob")
    async with Office(bed) as office:
        customer, alice, bob = await ring_both(office)
        for page in (alice_sees, bob_sees):
            card = page.locator("article.caller[data-state=ringing]")
            await expect(card).to_contain_text("Zofia <b>Wilk</b>")
        await shoot("1-ringing", alice=alice_sees, bob=bob_sees)
        await bob.answer()
        await expect(bob_sees.locator("article.caller[data-state=talking]")).to_be_visible()
        await expect(alice_sees.locator("article.caller[data-state=ringing]")).to_have_count(0)
        await expect(bob_sees.get_by_role("region", name="Unsorted")).to_contain_text("Zofia")
        await shoot("2-answered", alice=alice_sees, bob=bob_sees)
        await office.ended(alice)
        await office.talk(customer, bob)
        await customer.hang_up()
        await office.ended(bob)
    await expect(bob_sees.locator("article.caller[data-state=wrapup]", has_text="Zofia")).to_be_visible()
    await shoot("3-over", alice=alice_sees, bob=bob_sees)

    (deal,) = deals_of(crm, CALLER)
    assert (deal["owner"], deal["stage_name"]) == ("bob", "Unsorted")
    (call,) = calls_of(crm, CALLER)
    assert (call["deal_id"], call["first_answered_by"], sorted(call["rang"])) == (deal["id"], "bob", ["alice", "bob"])
    await bob_sees.goto(f"{crm.url}/deals/{deal['id']}")
    await expect(bob_sees.locator("body")).to_contain_text("bob (PJSIP/102) joined the conversation")
    await shoot("4-deal", bob=bob_sees)
    await alice_sees.goto(f"{crm.url}/deals/{deal['id']}")
    await expect(alice_sees.locator("body")).not_to_contain_text("Zofia")

    async with Office(bed) as office:  # the same number again: another call, no other deal
        customer, alice, bob = await ring_both(office)
        await bob.answer()
        await office.ended(alice)
        await office.talk(customer, bob)
        await customer.hang_up()
        await office.ended(bob)
    await asyncio.to_thread(crm.until, lambda: len(calls_of(crm, CALLER)) == 2, "store the second call")
    assert [one["id"] for one in deals_of(crm, CALLER)] == [deal["id"]]
    assert {call["deal_id"] for call in calls_of(crm, CALLER)} == {deal["id"]}


@pytest.mark.asyncio
async def test_a_click_calls_the_customer(bed: Asterisk, crm: Pbxcrm, chromium: Browser) -> None:
    number = "+48600100321"
    status, deal = crm.call("/api/v1/deals", {"title": "Call me", "number": number, "owner": "alice"})
    assert status == 201, deal
    page = await log_in(chromium, crm, "alice")
    async with Office(bed) as office:
        await page.goto(f"{crm.url}/deals/{deal['id']}")
        await page.locator("[data-dial], form[action$='/dial'] button").first.click()
        mine = await office.alice.rings()
        await shoot("5-dialling", alice=page)
        await mine.answer()
        customer = await office.outside.answers()
        await office.talk(customer, mine)
        await shoot("6-dialled", alice=page)
        await customer.hang_up()
        await office.ended(mine)
    (call,) = await asyncio.to_thread(crm.until, lambda: calls_of(crm, number), "store the call")
    assert (call["direction"], call["outcome"], call["first_answered_by"]) == ("outbound", "answered", "alice")
    assert call["deal_id"] == deal["id"]
