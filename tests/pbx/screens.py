"""People's browsers beside the real Asterisk, and what pbxcrm says of a number."""

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from tests.fakes.process import Pbxcrm

PASSWORD = "open sesame please"
SHOTS = Path(__file__).parents[2] / "var" / "screenshots"


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
