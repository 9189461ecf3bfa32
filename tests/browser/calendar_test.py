"""The calendar by click and by key, and the countdown of a missed call."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.world import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_day_makes_a_meeting_and_keys_turn_the_sheets(firm: World, open_page: Open) -> None:
    page = await open_page("maria", "/calendar?day=2031-05-14")
    title = page.locator(".head h1")
    await expect(title).to_have_text("May 2031")
    cell = page.locator("td", has=page.locator(".n", has_text=re.compile(r"^14$")))
    await cell.click(position={"x": 60, "y": 80})  # anywhere on the day
    dialog = page.locator("dialog")
    await expect(dialog.locator('[name="day"]')).to_have_value("2031-05-14")
    await dialog.locator('[name="title"]').fill("Visit Nordlicht")
    await dialog.locator('[name="hour"]').fill("10:00")
    await dialog.locator('[name="until"]').fill("11:30")
    await dialog.locator('[name="place"]').fill("Prosta 51")
    await dialog.locator(".primary").click()
    await expect(cell.locator(".ev.meeting")).to_contain_text("Visit Nordlicht")  # by itself, and on its day
    await page.keyboard.press("ArrowRight")
    await expect(title).to_have_text("June 2031")
    await page.keyboard.press("ArrowLeft")
    await expect(title).to_have_text("May 2031")
    await page.goto(firm.url + "/calendar?show=week&day=2031-05-14")
    await expect(page.locator(".beside .ev")).to_contain_text("Prosta 51")
    await page.keyboard.press("KeyT")
    await expect(page.locator('[aria-current="date"]')).to_have_count(1)
    wide = await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert wide


@pytest.mark.parametrize("who", ["maria", "layla"])
async def test_it_works_without_scripts_and_fits_a_phone(open_page: Open, who: str) -> None:
    page = await open_page(who, "/calendar", java_script_enabled=False, viewport={"width": 390, "height": 844})
    await page.locator('td[aria-current="date"] .date').click()
    await page.locator('[name="title"]').fill("On foot")
    await page.locator("#main .primary").click()
    await expect(page.locator('td[aria-current="date"] .ev')).to_contain_text("On foot")


async def test_a_missed_call_counts_down_and_says_how_late_it_is(firm: World, open_page: Open) -> None:
    await firm.call("+48221234502").ended("missed")
    page = await open_page("maria", "/pbx")
    await page.clock.install()
    for path in ("/calls/missed", "/day"):
        await page.goto(firm.url + path)
        chip = page.locator(".chip:has([data-until])")
        await expect(chip).to_have_text(re.compile(r"[0-4]:\d\d left"))
        await page.clock.fast_forward(301_000)
        await expect(chip).to_have_text(re.compile(r"\d+:\d\d late"))
        await expect(chip).to_have_class(re.compile("overdue"))
