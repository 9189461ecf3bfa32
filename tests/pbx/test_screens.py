"""A call from outside on two people's screens: a real Asterisk, real phones, two real browsers."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.conftest import ARGS
from tests.fakes.process import Pbxcrm
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.office import Office
from tests.pbx.conftest import PASSWORD

SHOTS = Path(__file__).parents[2] / "var" / "screenshots"
CALLER = "+48225550777"


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        path = shutil.which("chromium")
        assert path, "These tests drive Debian's Chromium: apt-get install chromium"
        browser = await playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        await browser.close()


async def log_in(chromium: Browser, crm: Pbxcrm, name: str) -> Page:
    """This person's board in a browser of their own, live."""
    context = await chromium.new_context(viewport={"width": 1100, "height": 800}, locale="en-GB")
    page = await context.new_page()
    await page.goto(crm.url + "/login")
    await page.fill("input[name=name]", name)
    await page.fill("input[name=password]", PASSWORD)
    await page.press("input[name=password]", "Enter")
    await page.wait_for_selector('#live[data-state="on"]', state="attached")
    return page


async def shoot(name: str, **pages: Page) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    for person, page in pages.items():
        await page.screenshot(path=SHOTS / f"real-{name}-{person}.png")


def deals_of(crm: Pbxcrm, number: str) -> list[dict[str, Any]]:
    return [deal for deal in crm.items("/deals") if deal["number"] == number]


def calls_of(crm: Pbxcrm, number: str) -> list[dict[str, Any]]:
    return [call for call in crm.items("/calls") if call["number"] == number and call["ended_at"]]


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
