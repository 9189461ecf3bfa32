"""axe-core finds nothing on any page: light and dark, from the left and from the right, wide and narrow."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser import every_page
from tests.browser.conftest import Open
from tests.browser.furnished import furnish
from tests.browser.world import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


async def clean(page: Page, what: str) -> None:
    """The page as it stands has no violation."""
    assert await violations(page) == [], what


async def violations(page: Page) -> list[object]:
    """What axe-core has against the page as it stands."""
    await page.evaluate(
        "() => Promise.all(document.getAnimations()"
        ".filter(a => a.effect.getComputedTiming().iterations === 1).map(a => a.finished))"
    )
    await page.evaluate(f"if (!window.axe) {{ {AXE} }}")
    found: list[object] = await page.evaluate(
        "async tags => (await axe.run(document, {runOnly: tags})).violations"
        ".map(v => [v.id, v.nodes.slice(0, 4).map(n => n.html.slice(0, 200) + ' ' + n.failureSummary)])",
        RULES,
    )
    return found


@pytest.mark.parametrize("who", ["rita", "reza"])
async def test_every_page(firm: World, open_page: Open, who: str) -> None:
    """The LOOKS of every_page: rita reads from the left, reza from the right."""
    things = vars(await furnish(firm))
    page = await open_page(who)
    found: list[object] = []
    looks: Any = (("light", WIDE), ("dark", WIDE), ("light", PHONE))
    for address, shows in (one for pages in every_page.PAGES.values() for one in pages):
        await page.goto(firm.url + address.format_map(things))
        await page.wait_for_selector('#live[data-state="on"]', state="attached")
        if shows not in await page.locator("#main").inner_html():
            found.append((address, "lacks", shows))
        await page.evaluate("for (const one of document.querySelectorAll('#main li > details')) one.open = true")
        for scheme, size in looks:
            await page.emulate_media(color_scheme=scheme)
            await page.set_viewport_size(size)
            found += [(address, scheme, size["width"], one) for one in await violations(page)]
        if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append((address, "is wider than a phone"))
        await page.set_viewport_size(WIDE)
    assert not found, "\n".join(map(str, found))


@pytest.mark.parametrize(("scheme", "who"), [("light", "maria"), ("dark", "layla")])
async def test_everything_that_opens(firm: World, open_page: Open, scheme: str, who: str) -> None:
    await firm.deal(who, title="Trial", value="100", number="+48221234599", name="Ela")
    page = await open_page(who, color_scheme=scheme)
    call, other = firm.call("+48221234599"), firm.call("+48221234577", caller_name="Else")
    await call.rings(who)
    await expect(page.locator(".caller")).to_have_count(1)
    await clean(page, "ringing")
    await call.answered(who)
    await other.rings(who)
    await expect(page.locator(".caller")).to_have_count(2)
    await clean(page, "talking and ringing")
    await call.ended()
    await other.ended()
    await expect(page.locator('.caller[data-state="wrapup"]')).to_have_count(1)
    await clean(page, "wrapping up")
    await page.locator(".card [data-move]").last.click()
    await clean(page, "list of stages")
    await page.locator(".move-menu .item").nth(2).click()
    await expect(page.locator(".toast")).to_be_visible()
    await clean(page, "moved")
    await page.locator(".card .title").last.click()
    await expect(page.locator("#side h1")).to_be_visible()
    await clean(page, "panel")
    await page.locator('#side .stages [data-kind="won"]').click()
    await expect(page.locator("dialog [name=cause]")).to_be_focused()
    await clean(page, "won")
    await page.keyboard.press("Escape")
    await page.locator("#side [data-close]").click()
    await page.locator('[data-key="KeyN"]').click()
    await expect(page.locator("dialog h1")).to_be_visible()
    await clean(page, "dialog")
    await page.keyboard.press("Escape")
    await page.locator(".top .menu > summary").click()
    await clean(page, "menu")
    await firm.set_link(up=False, reason="refused")
    await expect(page.locator(".banner")).to_be_visible()
    await clean(page, "link down")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_door_is_open_to_all(open_page: Open, scheme: str) -> None:
    await clean(await open_page(None, "/login", color_scheme=scheme), "login")


async def test_an_error_is_readable_to_all(open_page: Open) -> None:
    await clean(await open_page("maria", "/deals/404", allow=("status of 404",)), "error")


async def test_targets_are_large_enough(firm: World, open_page: Open) -> None:
    """24 px each way, so that they can be hit."""
    await firm.deal("maria", "Unsorted", title="Trial", number="+48221234599")
    page = await open_page("maria")
    small = await page.evaluate(
        """() => [...document.querySelectorAll('button, a, summary, input, select')].filter(e => e.checkVisibility())
            .map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])
            .filter(([html, r]) => (r.width < 24 || r.height < 24) && !/class="(skip|title)/.test(html))
            .map(([html]) => html)"""
    )
    assert small == []


@pytest.mark.parametrize(("scheme", "who"), [("light", "maria"), ("dark", "layla")])
async def test_the_question_before_a_new_country(firm: World, open_page: Open, scheme: str, who: str) -> None:
    await firm.deal(who, title="Trial", number="+4930123456")
    page = await open_page(who, color_scheme=scheme)
    await page.locator(".card [data-dial]").click()
    await expect(page.locator("dialog [name=password]")).to_be_focused()
    await clean(page, "new country")


async def test_the_managers_pages_are_found(firm: World, open_page: Open) -> None:
    page = await open_page("anna")
    for path in ("/settings/webhooks", "/audit", "/calls/disagreements"):
        await page.locator(".top .menu > summary").click()
        await page.locator(f'.top .menu [href="{path}"]').click()
        await expect(page).to_have_url(firm.url + path)
