"""The database is away: every open page says so, and stops saying so; what was typed is still there."""

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Open
from tests.browser.world import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

GONE = "status of 503"


def goes(firm: World, reason: str) -> None:
    """Say that the database is away; what is written all the same (who saw what) says nothing to the contrary."""
    firm.db.presence.back = lambda: None  # type: ignore[method-assign]
    firm.db.presence.lost(reason)


def comes_back(firm: World) -> None:
    del firm.db.presence.back
    firm.db.presence.back()


@pytest.mark.parametrize(
    ("who", "says"),
    [
        ("anna", "The database is away since"),
        ("sara", "پایگاه داده از"),
        ("layla", "قاعدة البيانات غير متاحة منذ"),
    ],
)
async def test_every_page_says_so_and_stops_by_itself(firm: World, open_page: Open, shoot, who: str, says: str) -> None:
    await firm.deal(who, title="Here")
    page = await open_page(who)
    banner = page.locator("[data-database=down]")
    await expect(banner).to_have_count(0)
    goes(firm, "The disk is full.")
    await expect(banner).to_contain_text(says)
    await expect(banner).to_be_visible()
    place, page_head = await banner.bounding_box(), await page.locator("#main .head").bounding_box()
    assert place
    assert page_head
    assert -1 < page_head["y"] - (place["y"] + place["height"]) < 120
    assert place["height"] < 60  # it takes a line, not half of the window
    await shoot(page, f"away-{who}")
    await page.reload()  # reading goes on: the banner comes with the page
    await page.wait_for_selector('#live[data-state="on"]', state="attached")
    await expect(banner).to_contain_text(says)
    await expect(page.locator(".title", has_text="Here")).to_have_count(1)
    comes_back(firm)
    await expect(banner).to_have_count(0)
    await page.reload()
    await expect(banner).to_have_count(0)


async def test_a_page_that_missed_the_return_hears_of_it(firm: World, open_page: Open) -> None:
    goes(firm, "The disk is full.")
    page = await open_page("anna", "/calls")
    await expect(page.locator("[data-database=down]")).to_have_count(1)
    comes_back(firm)
    await expect(page.locator("[data-database=down]")).to_have_count(0)


async def test_what_was_typed_stays_in_the_form_and_is_saved_later(firm: World, open_page: Open, shoot) -> None:
    page = await open_page("anna", allow=(GONE,))
    await page.keyboard.press("n")
    dialog = page.locator("dialog[open]")
    await dialog.locator("[name=title]").fill("Forty phones")
    goes(firm, "The disk is full.")
    await dialog.locator("form button:not([data-close])").last.click()
    await expect(page.locator(".toast.bad")).to_contain_text("was not saved")
    await expect(dialog.locator("[name=title]")).to_have_value("Forty phones")
    await shoot(page, "away-form")
    comes_back(firm)
    await dialog.locator("form button:not([data-close])").last.click()
    await expect(page.locator(".title", has_text="Forty phones")).to_have_count(1)


async def test_a_page_without_any_database_tries_again_by_itself(firm: World, open_page: Open, shoot) -> None:
    goes(firm, "Connection refused.")
    firm.db.presence.ready = False
    page = await open_page(None, "/board", allow=(GONE,), locale="pl-PL")
    await expect(page.locator("main")).to_contain_text("Nic nie zginęło")
    await shoot(page, "away-start")
    comes_back(firm)
    await expect(page.locator("input[name=password]")).to_be_visible()
