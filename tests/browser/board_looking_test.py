"""Looking for something on the board in a browser: filters, bars, live changes while one looks, keys, tabs, linking."""

import re

import pytest
from playwright.async_api import expect

from pbxcrm.crm.views import iso
from pbxcrm.service import deals
from tests.browser.board_test import column, heads
from tests.browser.conftest import Open
from tests.browser.world import DAY, World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def steps(firm: World, who: str = "maria") -> None:
    """A deal of each state of the next step."""
    now = firm.db.clock()
    await firm.deal(who, title="Late", value="100", next_contact_at=iso(now - 3600))
    await firm.deal(who, title="Far", value="20", next_contact_at=iso(now + 9 * DAY))
    await firm.deal(who, title="Bare", value="3")


async def test_the_bar_of_a_column_shows_only_these(firm: World, open_page: Open) -> None:
    await steps(firm)
    page = await open_page("maria")
    parts = column(page, firm, "New").locator(".bar a:visible")
    assert await parts.count() == 3
    await parts.first.click()
    await expect(page.locator(".card .title")).to_have_text(["Late"])
    assert (await heads(page))["New"] == ("1", "€100")
    await expect(page.locator("#sum-up")).to_have_text("Open deals: 1 · €100")
    await expect(page).to_have_url(firm.url + "/board?due=overdue")
    await page.locator(".step.overdue").click()  # once more: all again
    await expect(page.locator(".card")).to_have_count(3)


async def test_what_happens_while_one_looks(firm: World, open_page: Open) -> None:
    """A change brings a deal into view or takes it out, and the heads stay honest."""
    await steps(firm)
    page = await open_page("anna", "/board?due=none&owner=maria")
    await expect(page.locator(".card .title")).to_have_text(["Bare"])
    await firm.deal("tomek", title="Not looked for")
    made = await firm.deal("maria", title="Another", value="4")
    await expect(page.locator(".card .title")).to_have_text(["Another", "Bare"])
    await expect(column(page, firm, "New").locator("[data-n]")).to_have_text("2")
    soon = iso(firm.db.clock() + DAY * 3)
    await deals.change(firm.db, firm.scopes["maria"], made["id"], made["version"], {"next_contact_at": soon})
    await expect(page.locator(".card .title")).to_have_text(["Bare"])
    await expect(column(page, firm, "New").locator("[data-sum]")).to_have_text("€3")


async def test_bars_and_quick_links_follow_live(firm: World, open_page: Open) -> None:
    await steps(firm)
    page = await open_page("maria")
    await expect(page.locator('[data-due-sum="none"]')).to_have_text("1")
    await firm.deal("maria", title="Another")
    await expect(page.locator('[data-due-sum="none"]')).to_have_text("2")
    await expect(column(page, firm, "New").locator(".bar .none")).to_have_attribute("title", "No next step: 2")


async def test_a_next_step_turns_red_when_its_time_comes(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Soon", next_contact_at=iso(firm.db.clock() + 8))
    page = await open_page("maria")
    await expect(page.locator(".card .chip.overdue")).to_have_text(re.compile("late"), timeout=60_000)


async def test_the_filter_in_a_dialog_and_without_scripts(firm: World, open_page: Open) -> None:
    await steps(firm)
    page = await open_page("anna")
    await page.keyboard.press("f")
    await expect(page.get_by_role("heading", name="Show only…")).to_be_visible()
    await page.get_by_label("Value from").fill("۱۰")
    await page.get_by_label("up to").fill("50")
    await page.locator("dialog").get_by_role("button", name="Show", exact=True).click()
    await expect(page.locator(".card .title")).to_have_text(["Far"])
    await page.get_by_role("link", name=re.compile("up to")).click()
    await expect(page.locator(".card .title")).to_have_text(["Far", "Late"])
    plain = await open_page("anna", "/board", java_script_enabled=False)
    await plain.get_by_role("link", name="Filter").click()
    await plain.get_by_label("Words, name or number").fill("bare")
    await plain.get_by_role("button", name="Show", exact=True).click()
    await expect(plain.locator(".card .title")).to_have_text(["Bare"])


@pytest.mark.parametrize(("key", "code"), [("?", "Slash"), ("؟", "Slash"), ("?", "Digit7"), (",", "Slash")])
async def test_the_help_sheet_in_every_layout_until_it_is_off(
    firm: World, open_page: Open, key: str, code: str
) -> None:
    page = await open_page("maria")
    press = """([key, code]) => document.body.dispatchEvent(
        new KeyboardEvent('keydown', {key, code, shiftKey: true, bubbles: true, cancelable: true}))"""
    await page.evaluate(press, [key, code])
    sheet = page.get_by_role("heading", name="Keyboard")
    await expect(sheet).to_be_visible()
    switch = page.get_by_role("button", name="Keyboard shortcuts")
    await expect(switch).to_have_attribute("aria-pressed", "true")
    await switch.click()
    await expect(switch).to_have_attribute("aria-pressed", "false")
    await page.keyboard.press("Escape")
    await page.evaluate(press, [key, code])
    await page.keyboard.press("n")
    await expect(page.locator("dialog[open]")).to_have_count(0)


async def test_on_a_phone_one_column_at_a_time(firm: World, open_page: Open) -> None:
    await firm.deal("maria", "Offer", title="Far along")
    page = await open_page("maria", viewport={"width": 390, "height": 800}, has_touch=True)
    tab = page.locator(".strip").get_by_role("link", name="Offer 1")
    await tab.click()
    await expect(page.locator(".card .title", has_text="Far along")).to_be_in_viewport()
    await expect(tab).to_have_attribute("aria-current", "true")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_an_unsorted_deal_is_linked_by_search(firm: World, open_page: Open) -> None:
    target = await firm.deal("maria", "Offer", title="Forty phones", name="Ela", number="+48221234501")
    for n in range(3):
        await firm.deal("maria", title=f"Other {n}")
    call = firm.call("+48221234577")
    await call.rings("maria")
    await call.answered("maria")
    page = await open_page("maria")
    await page.locator(".caller textarea").fill("Wants forty")
    await column(page, firm, "Unsorted").get_by_role("link", name="Link…").click()
    box = page.locator("dialog")
    await box.get_by_label("Deal, name or number").fill("nothing like it")
    await box.get_by_role("button", name="Search").click()
    await expect(box).to_contain_text("No open deal of yours matches that.")
    await box.get_by_label("Deal, name or number").fill("forty")
    await box.get_by_role("button", name="Search").click()
    await box.get_by_role("button", name=re.compile("Forty phones")).click()
    await expect(page.locator("#side h1")).to_have_text("Forty phones")
    await expect(column(page, firm, "Unsorted").locator(".card")).to_have_count(0)
    # The call that goes on is about that deal now: what was being typed is saved there.
    await expect(page.locator(".caller .deal-link")).to_contain_text("Forty phones")
    await expect(page.locator(".caller textarea")).to_have_value("Wants forty")
    await page.locator(".caller").get_by_role("button", name="Save").click()
    await expect(page.locator(".toast", has_text="Saved.")).to_be_visible()
    said = [i["text"] for i in await deals.timeline(firm.db, firm.scopes["maria"], target["id"]) if i["kind"] == "note"]
    assert said == ["Wants forty"]
