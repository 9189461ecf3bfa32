"""Pictures of every screen, for somebody to look at: var/screenshots. PBXCRM_PICTURE=1 renews the README's."""

import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from pbxcrm.crm.views import iso
from pbxcrm.service import imports, tasks
from tests.browser.conftest import ROOT, SHOTS, Open
from tests.browser.world import World, busy_week

Shoot = Callable[[Page, str], Awaitable[None]]
README = ROOT / "docs" / "images" / "board.png"
ELA = {"name": "Elżbieta Wójcik", "company": "Nordlicht Solar"}
PHONE = {"width": 390, "height": 844}


async def calls_of_the_day(firm: World, who: str, other: str) -> None:
    """Some calls in the log: answered, missed, a call back."""
    for n, (number, name) in enumerate((("+48221239901", None), ("+442079460188", "Okafor"), (None, None))):
        call = firm.call(number, caller_name=name)
        await call.rings(who, other)
        await (call.answered(who) if n != 1 else call.ended("missed"))
        if n != 1:
            await call.ended(talked=75.0 + 60 * n)
    await firm.call("+33142345678").ended("abandoned")


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("look", "who", "options"),
    [
        ("light", "anna", {}),
        ("dark", "anna", {"color_scheme": "dark"}),
        ("fa-dark", "sara", {"color_scheme": "dark"}),
        ("phone", "maria", {"viewport": PHONE, "has_touch": True}),
        ("fa-phone", "sara", {"viewport": PHONE, "has_touch": True}),
    ],
)
async def test_pages(firm: World, open_page: Open, shoot: Shoot, look: str, who: str, options: dict) -> None:
    await busy_week(firm)
    await calls_of_the_day(firm, "maria", "tomek")
    page = await open_page(who, **options)
    await shoot(page, f"board-{look}")
    await page.locator(".col .title").nth(7).click()
    await expect(page.locator("#side h1")).to_be_visible()
    await shoot(page, f"panel-{look}")
    deal = page.url.removeprefix(firm.url)
    for name, path in (("calls", "/calls"), ("missed", "/calls/missed"), ("deal", deal), ("new", "/deals/new")):
        await page.goto(firm.url + path)
        await shoot(page, f"{name}-{look}")


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("look", "who", "options"),
    [
        ("light", "maria", {}),
        ("fa-dark", "sara", {"color_scheme": "dark"}),
        ("phone", "maria", {"viewport": PHONE, "has_touch": True}),
    ],
)
async def test_the_caller_card(firm: World, open_page: Open, shoot: Shoot, look: str, who: str, options: dict) -> None:
    await busy_week(firm)
    number = "+48221239901"
    await firm.deal(who, "Offer", title="40 phones, new office", number=number, **ELA)
    page = await open_page(who, **options)
    call = firm.call(number)
    await call.rings(who, "tomek")
    await expect(page.locator('.caller[data-state="ringing"]')).to_be_visible()
    await shoot(page, f"caller-ringing-{look}")
    await call.answered(who)
    await expect(page.locator('.caller[data-state="talking"]')).to_be_visible()
    await shoot(page, f"caller-talking-{look}")
    await firm.call("+442079460111", caller_name="J Okafor").rings(who)
    await call.ended()
    await expect(page.locator('.caller[data-state="wrapup"]')).to_be_visible()
    await shoot(page, f"caller-wrapup-{look}")


TABLE = """Name;Company;Phone;E-mail;City
Elżbieta Wójcik;Nordlicht Solar;+48 22 123 99 01;ela@nordlicht.example;Warszawa
سارا احمدی;پارس سیستم;۰۰۹۸ ۲۱ ۸۸۱۲ ۳۴۵۶;sara@pars.example;تهران
Ibrahim Okafor;Quay Logistics;+44 20 7946 0188;i.okafor@quay.example;London
Nobody;;12;not an address;
"""


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("look", "who", "options"),
    [
        ("light", "maria", {}),
        ("fa-dark", "sara", {"color_scheme": "dark"}),
        ("phone", "maria", {"viewport": PHONE, "has_touch": True}),
    ],
)
async def test_promises_and_a_table_that_comes_in(
    firm: World, open_page: Open, shoot: Shoot, tmp_path: Path, look: str, who: str, options: dict
) -> None:
    now, scope = firm.db.clock(), firm.scopes[who]
    for hours, title in (
        (-30, "40 phones, new office"),
        (2, "Second site"),
        (None, "Radios"),
    ):
        due = iso(now + hours * 3600) if hours else None
        await firm.deal(who, "Offer", title=title, number=f"+4822123990{len(title) % 9}", next_contact_at=due, **ELA)
    meeting = {"kind": "meeting", "title": "Show the phones", "due_at": iso(now + 5400), "ends_at": iso(now + 9000)}
    await tasks.create(firm.db, scope, {**meeting, "place": "Nordlicht, 2nd floor"})
    await tasks.create(firm.db, scope, {"kind": "mail", "title": "Send the price list", "due_at": iso(now - 7200)})
    (tmp_path / "table.csv").write_text(TABLE)
    table = await imports.start(firm.db, scope, "contacts", "fair 2026.csv", tmp_path / "table.csv")
    page = await open_page(who, f"/imports/{table['id']}", **options)
    await shoot(page, f"import-{look}")
    await calls_of_the_day(firm, who, "tomek")
    for name, path in (("day", "/day"), ("promises-missed", "/calls/missed")):
        await page.goto(firm.url + path)
        await page.wait_for_selector('#live[data-state="on"]', state="attached")
        await shoot(page, f"{name}-{look}")


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_moments(firm: World, open_page: Open, shoot: Shoot) -> None:
    await busy_week(firm)
    page = await open_page("anna")
    card = page.locator(".col").nth(2).locator(".card").first
    box = await card.bounding_box()
    assert box
    await page.mouse.move(box["x"] + 60, box["y"] + 14)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 340, box["y"] + 190, steps=5)
    await shoot(page, "moment-drag")
    await page.mouse.up()
    await expect(page.locator(".toast")).to_be_visible()
    await shoot(page, "moment-moved")
    await page.locator(".top .menu > summary").click()
    await shoot(page, "moment-menu")
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await expect(page.locator("dialog h1")).to_be_visible()
    await shoot(page, "moment-new")
    await page.keyboard.press("Escape")
    await firm.set_link(up=False, reason="The PBX closed the connection.")
    await expect(page.locator(".banner")).to_be_visible()
    await shoot(page, "moment-link-down")
    await page.goto(firm.url + "/pbx")
    await shoot(page, "moment-pbx")
    await page.goto(firm.url + "/login?lang=fa")
    door = await open_page(None, "/login?lang=fa")
    await shoot(door, "login-fa")
    door = await open_page(None, "/login")
    await shoot(door, "login")


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_two_browsers_side_by_side(firm: World, open_page: Open, shoot: Shoot) -> None:
    size = {"width": 1000, "height": 640}
    maria, tomek = await open_page("maria", viewport=size), await open_page("tomek", viewport=size)
    call = firm.call("+48221239901")
    await call.rings("maria", "tomek")
    for name, page in (("101", maria), ("102", tomek)):
        await expect(page.locator(".caller")).to_have_count(1)
        await shoot(page, f"pair-ringing-{name}")
    await call.answered("tomek")
    await expect(maria.locator(".caller")).to_have_count(0)
    await expect(tomek.locator(".card")).to_have_count(1)
    for name, page in (("101", maria), ("102", tomek)):
        await shoot(page, f"pair-answered-{name}")


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_the_picture_of_the_readme(firm: World, open_page: Open, shoot: Shoot) -> None:
    await busy_week(firm)
    number = "+48221239901"
    await firm.deal("anna", "Offer", title="40 phones, new office", number=number, **ELA)
    page = await open_page("anna", viewport={"width": 1560, "height": 820})
    await firm.call(number).rings("anna", "maria")
    await expect(page.locator(".caller")).to_be_visible()
    await shoot(page, "readme")
    if os.environ.get("PBXCRM_PICTURE"):
        README.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHOTS / "readme.png", README)


def test_the_picture_is_there_and_small() -> None:
    assert README.stat().st_size <= 300 * 1024
