"""axe-core finds nothing on any page: light and dark, from the left and from the right, wide and narrow."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from pbxcrm.crm.access import Scope
from pbxcrm.service import contacts, custom_fields, deals, documents, leads, offers, people, pipelines, webhooks
from tests.browser.conftest import Open
from tests.browser.world import PASSWORD, World, busy_week

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOKS = [
    ("anna", "light", {"width": 1440, "height": 900}),
    ("anna", "dark", {"width": 1440, "height": 900}),
    ("sara", "dark", {"width": 1440, "height": 900}),
    ("sara", "light", {"width": 390, "height": 844}),
]


async def clean(page: Page, what: str) -> None:
    """The page as it stands has no violation."""
    await page.evaluate(
        "() => Promise.all(document.getAnimations()"
        ".filter(a => a.effect.getComputedTiming().iterations === 1).map(a => a.finished))"
    )
    await page.evaluate(AXE)
    found = await page.evaluate(
        "async tags => (await axe.run(document, {runOnly: tags})).violations"
        ".map(v => [v.id, v.nodes.slice(0, 4).map(n => n.html.slice(0, 200) + ' ' + n.failureSummary)])",
        RULES,
    )
    assert found == [], what


@pytest.mark.parametrize(("who", "scheme", "size"), LOOKS, ids=lambda v: v if isinstance(v, str) else "")
async def test_every_page(firm: World, open_page: Open, who: str, scheme: str, size: dict[str, int]) -> None:
    await busy_week(firm)
    call = firm.call("+48221234501", caller_name="Somebody New")
    await call.rings("maria")
    await call.answered("maria")
    await call.ended()
    await firm.call("+48221234502").ended("abandoned")
    lead = await leads.create(firm.db, firm.scopes["anna"], {"name": "Ela Nowa", "company": "Acme", "tags": "vip"})
    page = await open_page(who, viewport=size, color_scheme=scheme)
    await clean(page, "board")
    for path in (
        "/calls",
        f"/calls/{call.call.id}",
        "/calls/missed",
        "/deals/5",
        "/deals/new",
        "/deals/1/link",
        "/board/filter",
        "/board?due=none",
        "/help/keys",
        "/me",
        "/pbx",
        "/search?q=a",
        "/leads",
        "/leads/new",
        "/imports",
        "/imports/new",
        "/contacts",
        "/contacts/1",
        "/contacts/new",
        "/contacts/duplicates",
        "/contacts/1/merge?with=2",
        "/companies",
        "/companies/new",
        "/leads?show=mine",
        "/leads/provider",
        f"/leads/{lead['id']}",
        f"/leads/{lead['id']}/qualify",
        "/day",
        "/calendar",
        "/calendar?show=week",
        "/tasks/new?kind=meeting",
        "/reports",
        "/reports/stages",
        "/reports/lost",
        "/reports/sources",
        "/reports/deals?what=created",
        "/reports/stale?days=14",
    ):
        await page.goto(firm.url + path)
        await page.wait_for_selector('#live[data-state="on"]', state="attached")
        await clean(page, path)


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
    await page.locator(".card [data-dial] button").click()
    await expect(page.locator("dialog [name=password]")).to_be_focused()
    await clean(page, "new country")


@pytest.mark.parametrize(
    ("who", "scheme", "width"), [("anna", "light", 1280), ("sara", "dark", 1280), ("anna", "light", 390)]
)
async def test_the_managers_pages(firm: World, open_page: Open, who: str, scheme: str, width: int) -> None:
    """Each is found in the menu, and readable to all."""
    await firm.deal(who, title="Trial", number="+48221234599", name="Ela")
    contact = (await contacts.list_contacts(firm.db, firm.scopes[who], 1))["items"][0]
    wanted = {"url": "https://example.com/hook", "kinds": ["call.ended"]}
    hook = await webhooks.register(firm.db, firm.scopes[who], wanted)
    page = await open_page(who, color_scheme=scheme, viewport={"width": width, "height": 800})
    for path in ("/settings/webhooks", "/audit", "/calls/disagreements"):
        await page.locator(".top .menu > summary").click()
        await page.locator(f'.top .menu [href="{path}"]').click()
        await expect(page).to_have_url(firm.url + path)
        await clean(page, path)
    for path in (f"/settings/webhooks/{hook['id']}", f"/contacts/{contact['id']}/privacy"):
        await page.goto(firm.url + path)
        await clean(page, path)


@pytest.mark.parametrize(
    ("locale", "scheme", "width"), [("en", "light", 1280), ("fa", "dark", 1280), ("en", "light", 390)]
)
async def test_stages_that_lead_offers_and_documents(
    firm: World, open_page: Open, locale: str, scheme: str, width: int
) -> None:
    """The editors of pipelines and fields, a deal in a stage that leads, an offer in all its states, the library."""
    db = firm.db
    made = await people.add_user(db, "rita", "admin", [], password=PASSWORD, locale=locale)
    rita = Scope(made, "rita", "admin")
    pipeline = await pipelines.create(db, rita, "", "five")
    stage = (await pipelines.get(db, rita, pipeline))["stages"][2]
    job = {"id": "", "kind": "call", "title": "Ask for the budget", "days": "1"}
    await pipelines.change_stage(db, rita, stage["id"], {"advice": "Listen first", "tasks": [job]})
    deal = await firm.deal("maria", title="Trial", number="+48221234599", name="Ela", budget_amount="4000")
    led = await deals.create(db, rita, {"title": "Led", "owner": "maria", "stage": stage["id"]})
    lines = [{"text": "Phone", "count": "1.5", "price": "89.90"}, {"text": "Discount", "count": "1", "price": "-9"}]
    draft = await offers.create(db, rita, deal["id"], {"items": lines, "note": "Thank you", "send_on": "2027-01-11"})
    sent = await offers.create(db, rita, deal["id"], {"items": lines})
    await offers.send(db, rita, sent["id"], sent["version"])
    with documents.coming(firm.papers) as path:
        path.write_bytes(b"%PDF-1.7")
        await documents.add(
            db, rita, path, "A price list with a rather long name for a phone.pdf", {"kind": "price_list"}
        )
    page = await open_page("rita", color_scheme=scheme, viewport={"width": width, "height": 800})
    for name, type_, choices in (
        ("Favourite colour", "select", "Red\nBlue"),
        ("تاریخ عضویت", "date", ""),
        ("Size", "number", ""),
    ):
        for thing in ("contact", "deal"):
            one = {"thing": thing, "name": name, "type": type_, "choices": choices}
            field = await custom_fields.create(db, rita, one)
    await custom_fields.change(db, rita, field["id"], {"retired": True})
    custom = {"favourite_colour": "Red", "size": 3}
    customer = await contacts.create(db, rita, {"name": "Ela", "custom": custom})
    for path_ in (
        "/settings/fields",
        "/settings/fields?thing=deal",
        f"/contacts/{customer['id']}",
        "/settings/pipelines",
        f"/settings/pipelines/{pipeline}",
        f"/deals/{led['id']}",
        f"/deals/{deal['id']}/offers/new",
        f"/offers/{draft['id']}",
        f"/offers/{sent['id']}",
        f"/offers/{sent['id']}/print",
        "/documents",
    ):
        await page.goto(firm.url + path_)
        for summary in await page.locator("main li > details > summary").all():
            await summary.click()
        await clean(page, path_)
        assert await page.evaluate("document.querySelector('main').scrollWidth <= innerWidth"), path_
    await page.goto(f"{firm.url}/deals/{deal['id']}")
    await page.locator('.stages [data-kind="won"]').click()
    await expect(page.locator("[name=cause]")).to_be_focused()
    await clean(page, "won")
