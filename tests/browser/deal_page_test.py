"""A deal's page and panel, the person's own settings, the door, and errors."""

import re

import pytest
from playwright.async_api import expect

from pbxcrm.service import deals, moves
from tests.browser.conftest import Open
from tests.browser.world import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_the_panel_has_its_own_address(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial", value="500")
    page = await open_page("maria")
    await page.locator(".card .title").click()
    await expect(page.locator("#side h1")).to_have_text("Trial")
    assert page.url.endswith(f"/deals/{deal['id']}")
    await page.go_back()
    await expect(page.locator("#side")).to_be_hidden()
    await page.go_forward()
    await expect(page.locator("#side h1")).to_have_text("Trial")
    await page.reload()
    await expect(page.locator("main h1")).to_have_text("Trial")
    await expect(page.locator(".board")).to_have_count(0)


async def test_fields_are_saved_and_shown_on_the_board_at_once(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Trial", value="500")
    page, boss = await open_page("maria"), await open_page("anna")
    await page.locator(".card .title").click()
    side = page.locator("#side")
    await side.get_by_label("Value").fill("1 250,50")
    await side.get_by_label("Next contact: day").fill("2027-03-01")
    await side.locator("[data-save]").get_by_label("Time", exact=True).fill("10:30")
    await side.get_by_label("Priority").select_option("2")
    await side.get_by_label("Needs and details").fill("Forty seats\nby May")
    await side.get_by_role("button", name="Save").click()
    await expect(boss.locator(".card")).to_contain_text("€1,250.50")
    await expect(boss.locator(".card .chip.planned")).to_have_text("1 Mar 2027")
    await expect(page.locator(".toast")).to_contain_text("Saved.")
    await expect(side.get_by_label("Value")).to_have_value("1250.50")
    await side.get_by_label("Value").fill("lots")
    await side.get_by_role("button", name="Save").click()
    await expect(side.locator(".wrong")).to_have_text("This is not an amount; write it like 1500.50.")
    await expect(side.get_by_label("Value")).to_be_focused()


async def test_two_people_in_one_deal(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial", value="500")
    page = await open_page("maria", f"/deals/{deal['id']}")
    await moves.move(firm.db, firm.scopes["anna"], deal["id"], firm.stages["Offer"], deal["version"])
    await page.get_by_label("Value").fill("1")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".note.bad")).to_contain_text("Anna Kowalska was faster. Nothing of yours is saved yet")
    assert (await firm.get(deal["id"]))["value"] == "500.00"
    await expect(page.locator('.stages [aria-current="step"]')).to_have_text("Offer")
    await expect(page.get_by_label("Value")).to_have_value("1")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator(".note.good")).to_contain_text("Saved.")
    saved = await firm.get(deal["id"])
    assert (saved["value"], saved["stage_name"]) == ("1.00", "Offer")


async def test_the_stage_bar_and_a_note(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial")
    page = await open_page("maria")
    await page.locator(".card .title").click()
    side = page.locator("#side")
    await side.get_by_role("button", name="Negotiation").click()
    await expect(side.locator('.stages [aria-current="step"]')).to_have_text("Negotiation")
    await expect(page.locator(f'.col[data-stage="{firm.stages["Negotiation"]}"] .card')).to_have_count(1)
    await side.get_by_placeholder("Add a note…").fill("Called twice")
    await side.locator("form.say").get_by_role("button", name="Add", exact=True).click()
    await expect(side.locator(".line-of")).to_contain_text("Called twice")
    await expect(side.locator(".line-of")).to_contain_text("moved it from New to Negotiation")
    await side.get_by_role("button", name="Lost").click()
    await page.get_by_label("In your own words").fill("Moved to Mars")
    await page.get_by_role("button", name="Move to Lost").click()
    await expect(page.locator("#side")).to_contain_text("Moved to Mars")
    assert (await firm.get(deal["id"]))["close_reason"] == "Moved to Mars"


async def test_a_call_appears_on_the_open_deal(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial", number="+48221234599")
    page = await open_page("maria", f"/deals/{deal['id']}")
    call = firm.call("+48221234599")
    await call.rings("maria")
    await call.answered("maria")
    await expect(page.locator(".line-of > li").first).to_contain_text("Incoming")
    await call.ended()
    await expect(page.locator(".line-of > li").first).to_contain_text("talked 2:05")
    await page.get_by_text("Why is this so?").click()
    await expect(page.locator(".line-of .why")).to_contain_text("PJSIP/101")


async def test_the_door(firm: World, open_page: Open) -> None:
    page = await open_page(None, "/deals/99", java_script_enabled=False)
    await expect(page).to_have_url(re.compile("/login"))
    await page.get_by_label("Name").fill("maria")
    await page.get_by_label("Password").fill("wrong")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_role("alert")).to_contain_text("The name or the password is not right")
    await expect(page.get_by_label("Name")).to_have_value("maria")
    await page.get_by_role("link", name="Polski").click()
    await expect(page.get_by_label("Hasło")).to_be_visible()
    await page.get_by_label("Nazwa").fill("maria")
    await page.get_by_label("Hasło").fill(PASSWORD)
    await page.get_by_role("button", name="Zaloguj się").click()
    await expect(page).to_have_url(re.compile("/board"))
    await page.locator(".top .menu > summary").click()
    await page.get_by_role("button", name="Log out").click()
    await expect(page).to_have_url(re.compile("/login"))


async def test_after_login_nobody_is_sent_elsewhere(firm: World, open_page: Open) -> None:
    for path in ("//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"):
        page = await open_page(None, f"/login?next={path}")
        assert await page.locator('[name="next"]').input_value() == "/board"


async def test_foreign_deals_are_not_there(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Secret")
    page = await open_page("tomek", f"/deals/{deal['id']}", allow=("status of 404",))
    await expect(page.get_by_role("heading", name="Not found")).to_be_visible()
    await expect(page.locator("body")).not_to_contain_text("Secret")
    await page.goto(firm.url + "/search?q=secret")
    await expect(page.locator("main")).not_to_contain_text("Secret")


async def test_language_theme_and_calendar_are_the_persons(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Trial", value="1234")
    page = await open_page("maria")
    await page.locator(".top .menu > summary").click()
    await page.get_by_role("button", name="Dark").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await page.locator(".top .menu > summary").click()
    await page.get_by_role("button", name="فارسی").click()
    await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await expect(page.locator(".card .worth")).to_have_text("۱٬۲۳۴ €")
    await page.goto(firm.url + "/me")
    await page.locator('[name="calendar"]').select_option("jalali")
    await page.locator('[name="time_zone"]').fill("Mars/Olympus")
    await page.locator("main button.primary").click()
    await expect(page.locator(".wrong")).to_be_visible()
    await page.locator('[name="time_zone"]').fill("Asia/Tehran")
    await page.locator('[name="calendar"]').select_option("jalali")
    await page.locator("main button.primary").click()
    await expect(page.locator(".note.good")).to_be_visible()
    await page.goto(firm.url + "/deals/1")
    await page.locator('[name="next_day"]').fill("۱۴۰۶/۰۱/۱۵")
    await page.locator('[name="next_hour"]').fill("10:00")
    await page.locator("[data-save] button").click()
    await expect(page.locator('[name="next_day"]')).to_have_value("۱۴۰۶/۰۱/۱۵")
    assert (await firm.get("1"))["next_contact_at"] == "2027-04-04T06:30:00.000Z"


async def test_search_finds_people_and_their_deals(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Forty phones", name="Elżbieta Wójcik", company="Nordlicht", number="+48221234567")
    page = await open_page("maria")
    await page.keyboard.press("/")
    await expect(page.locator("#q")).to_be_focused()
    for words in ("elżbieta", "nordl", "4567", "۴۵۶۷"):
        await page.locator("#q").fill(words)
        await page.keyboard.press("Enter")
        await expect(page.locator("main .deal-link")).to_contain_text("Forty phones")
    noted = await firm.deal("maria", title="Headsets", name="Jan", number="+48221234568")
    await deals.add_note(firm.db, firm.scopes["maria"], noted["id"], "pays in March")
    await page.locator("#q").fill("in march")
    await page.keyboard.press("Enter")
    await expect(page.locator("main .deal-link")).to_have_text(["Headsets"])
    await page.locator("#q").fill("nobody at all")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Nobody found")).to_be_visible()


async def test_content_policy_holds_on_every_page(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Trial")
    page = await open_page("maria")
    for path in ("/board", "/calls", "/calls/missed", "/deals/1", "/deals/new", "/me", "/pbx", "/search"):
        response = await page.goto(firm.url + path)
        assert response is not None
        policy = response.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert response.headers["cache-control"] == "no-store"
        assert await page.locator("[style], style, script:not([src])").count() == 0
