"""An agent's whole day in a real browser beside a real Asterisk: from the first ring to the next appointment."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.fakes.process import Pbxcrm
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.office import Office
from tests.pbx.screens import calls_of, deals_of, log_in, shoot

CUSTOMER, MISSED, LEAD = "+48225550801", "+48225550802", "+48225550803"
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()


def card(page: Page, state: str, name: str) -> Locator:
    return page.locator(f'article.caller[data-state="{state}"]', has_text=name)


def column(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=re.compile(rf"^{name}\b"))


async def go(page: Page, crm: Pbxcrm, path: str) -> None:
    await page.goto(crm.url + path)
    await page.wait_for_selector('#live[data-state="on"]', state="attached")


async def of_the_caller(crm: Pbxcrm) -> dict[str, Any]:
    (deal,) = await asyncio.to_thread(deals_of, crm, CUSTOMER)
    return deal


@pytest.mark.asyncio
async def test_from_the_first_ring_to_the_next_appointment(bed: Asterisk, crm: Pbxcrm, chromium: Browser) -> None:
    page = await log_in(chromium, crm, "alice")
    await a_new_caller_is_answered_and_noted(bed, crm, page)
    await the_deal_is_moved_by_keyboard(crm, page)
    await a_missed_call_is_called_back(bed, crm, page)
    # CAL
    await a_lead_becomes_a_customer(crm, page)
    await everything_is_found(crm, page)
    await the_day_says_what_was_promised(crm, page)


async def a_new_caller_is_answered_and_noted(bed: Asterisk, crm: Pbxcrm, page: Page) -> None:
    async with Office(bed) as office:
        customer = await office.incoming("30", caller=CUSTOMER, name="Jadwiga Nowak")
        alice, bob = await office.alice.rings(), await office.bob.rings()
        await expect(card(page, "ringing", "Jadwiga")).to_be_visible()
        await shoot("day-1-ringing", alice=page)
        await alice.answer()
        await expect(card(page, "talking", "Jadwiga")).to_be_visible()
        await expect(column(page, "Unsorted")).to_contain_text("Jadwiga")
        await office.ended(bob)
        await office.talk(customer, alice)
        await shoot("day-2-talking", alice=page)
        await customer.hang_up()
        await office.ended(alice)
    wrapup = card(page, "wrapup", "Jadwiga")
    await expect(wrapup).to_be_visible()
    await page.keyboard.press("c")
    await expect(wrapup).to_be_focused()
    await page.keyboard.press("2")  # "Call again"
    await page.keyboard.press("m")
    await page.keyboard.type("Forty phones for the warehouse")
    await page.keyboard.press("Escape")
    await page.keyboard.press("t")
    await wrapup.get_by_label("Next contact").select_option("1d")
    await shoot("day-3-wrapup", alice=page)
    await page.keyboard.press("Control+Enter")
    await expect(wrapup).to_have_count(0)
    deal = await of_the_caller(crm)
    assert (deal["owner"], deal["stage_name"]) == ("alice", "Unsorted")
    assert deal["next_contact_at"][:10] >= TOMORROW


async def the_deal_is_moved_by_keyboard(crm: Pbxcrm, page: Page) -> None:
    await go(page, crm, "/board")
    await page.locator(".card .title", has_text="Jadwiga").focus()
    await page.keyboard.press("Space")
    await expect(page.locator("#say")).to_have_text(re.compile("Jadwiga Nowak lifted"))
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Space")
    await expect(column(page, "New").locator(".title", has_text="Jadwiga")).to_be_focused()
    await expect(page.locator("#say")).to_have_text("Moved to New")
    assert (await of_the_caller(crm))["stage_name"] == "New"
    await shoot("day-4-moved", alice=page)


async def a_missed_call_is_called_back(bed: Asterisk, crm: Pbxcrm, page: Page) -> None:
    async with Office(bed) as office:
        customer = await office.incoming("30", caller=MISSED, name="Henryk Maj")
        alice, bob = await office.alice.rings(), await office.bob.rings()
        await customer.hang_up()
        await office.ended(alice, bob)
    await go(page, crm, "/calls/missed")
    waits = page.locator("tbody tr", has_text="Henryk Maj")
    await expect(waits).to_be_visible()
    await shoot("day-5-missed", alice=page)
    async with Office(bed) as office:
        await waits.get_by_role("button", name="Call back").click()
        alice = await office.alice.rings()
        await alice.answer()
        customer = await office.outside.answers()
        await office.talk(customer, alice)
        await customer.hang_up()
        await office.ended(alice)
    await go(page, crm, "/calls/missed")
    await expect(waits).to_have_count(0)
    calls = await asyncio.to_thread(calls_of, crm, MISSED)
    assert sorted((call["direction"], call["outcome"]) for call in calls) == [
        ("inbound", "missed"),
        ("outbound", "answered"),
    ]


async def a_meeting_stands_in_the_calendar(crm: Pbxcrm, page: Page) -> None:
    deal = await of_the_caller(crm)
    await go(page, crm, f"/deals/{deal['id']}")
    form = page.get_by_role("form", name="New task")
    await form.get_by_label("Kind").select_option("meeting")
    await form.get_by_label("Title").fill("Show the phones at the warehouse")
    await form.get_by_label("Day").fill(TOMORROW)
    await form.get_by_label("Time").fill("11:00")
    await form.get_by_role("button", name="Add").click()
    await expect(page.locator("body")).to_contain_text("Show the phones at the warehouse")
    await go(page, crm, "/calendar?day=" + TOMORROW)
    await expect(page.locator("main")).to_contain_text("Show the phones at the warehouse")
    await shoot("day-6-calendar", alice=page)


async def a_lead_becomes_a_customer(crm: Pbxcrm, page: Page) -> None:
    lead = {"name": "Ewa Lis", "company": "Lis Transport", "number": LEAD, "owner": None}
    status, made = await asyncio.to_thread(crm.call, "/api/v1/leads", lead)
    assert status == 201, made
    await go(page, crm, "/leads")
    await page.locator("tr", has_text="Ewa Lis").get_by_role("button", name="Take it").click()
    await expect(page.get_by_role("button", name="Give back")).to_be_visible()
    await page.get_by_role("link", name="Make a customer of it").click()
    dialog = page.locator("form[action$='/qualify']")
    await dialog.get_by_label("Title of a new deal").fill("Radios for lorries")
    await dialog.get_by_label("Value").fill("8000")
    await shoot("day-7-qualify", alice=page)
    await dialog.get_by_role("button", name="Make a customer of it").click()
    await page.wait_for_url(re.compile(r"/deals/\d+$"))
    (deal,) = await asyncio.to_thread(deals_of, crm, LEAD)
    assert (deal["title"], deal["owner"], deal["value"]) == ("Radios for lorries", "alice", "8000.00")


async def everything_is_found(crm: Pbxcrm, page: Page) -> None:
    await go(page, crm, "/board")
    for words, shown in (("jadwi", "Jadwiga Nowak"), ("550803", "Ewa Lis"), ("warehouse", "Jadwiga Nowak")):
        await page.locator("main").press("/")
        await page.keyboard.press("Control+a")
        await page.keyboard.type(words)
        await page.keyboard.press("Enter")
        await page.wait_for_url(re.compile(r"/search\?"))
        await expect(page.locator("main")).to_contain_text(shown)
    await shoot("day-8-found", alice=page)


async def the_day_says_what_was_promised(crm: Pbxcrm, page: Page) -> None:
    await go(page, crm, "/day")
    main = page.locator("main")
    await expect(main).to_contain_text("Radios for lorries")  # without a next step
    await expect(main.get_by_role("button", name="Call back")).to_have_count(0)
    await shoot("day-9-day", alice=page)
