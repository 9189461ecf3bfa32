"""Two accounts of one call, side by side: managers see both and say that they have looked; others find nothing."""

import dataclasses

import pytest
from playwright.async_api import expect

from pbxcrm.calls.model import Evidence, Talk
from pbxcrm.crm.rules import Rules
from pbxcrm.service import history
from tests.browser.access_test import clean
from tests.browser.conftest import Open
from tests.browser.pictures_test import PHONE, Shoot
from tests.browser.world import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
PATH = "/calls/disagreements"
HOSTILE = "<img src=x onerror=alert(1)>"


async def told_differently(firm: World, number: str = "+48221239901", **change: object) -> str:
    """A call that maria answered, and of which CDR says that tomek did; gives its id."""
    story = firm.call(number, caller_name=HOSTILE)
    await story.rings("maria", "tomek")
    await story.answered("maria")
    call = await story.ended(talked=75.0)
    talk = Talk("tomek", "PJSIP/102", call.started_at + 5, call.ended_at)
    evidence = (Evidence(call.started_at, "CDR", f"from CDR: {HOSTILE} to PJSIP/102, dial, ANSWERED, 80 s"),)
    names = {"first_answered_by": "tomek", "last_answered_by": "tomek", "talks": (talk,), "evidence": evidence}
    told = dataclasses.replace(call, boot="cdr", **{**names, **change})  # type: ignore[arg-type]
    counts = await history.apply(firm.db, [told], source="cdr", rules=Rules())
    assert counts.disagreeing == 1
    return call.id


async def test_a_manager_sees_both_and_says_so(firm: World, open_page: Open) -> None:
    await told_differently(firm)
    page = await open_page("anna", "/calls")
    await page.locator("main a", has_text="Told differently").click()
    first, second = page.locator(".account").first, page.locator(".account").nth(1)
    await expect(first).to_contain_text("As we followed it")
    await expect(first).to_contain_text("believed")
    await expect(first.locator(".differs").first).to_contain_text("Maria Nowak")
    await expect(second).to_contain_text("As the PBX wrote it down (CDR)")
    await expect(second.locator(".differs").first).to_contain_text("Tomasz")
    await second.locator("summary").click()
    await expect(second).to_contain_text(HOSTILE)
    await page.locator("main button", has_text="Looked at").click()
    await expect(page.locator("main")).to_contain_text("Both tell the same")
    await page.goto(f"{firm.url}{PATH}?all")
    await expect(page.locator("main")).to_contain_text("Looked at by Anna")


async def test_an_agent_finds_nothing(firm: World, open_page: Open) -> None:
    await told_differently(firm)
    page = await open_page("maria", "/calls")
    await expect(page.locator("main a", has_text="Told differently")).to_have_count(0)
    found = await page.request.get(firm.url + PATH)
    assert found.status == 404


@pytest.mark.parametrize(
    ("look", "who", "options"),
    [
        ("light", "anna", {}),
        ("fa-dark", "sara", {"color_scheme": "dark"}),
        ("fa-phone", "sara", {"viewport": PHONE, "has_touch": True}),
    ],
)
async def test_it_looks_like_the_house(
    firm: World, open_page: Open, shoot: Shoot, look: str, who: str, options: dict
) -> None:
    await told_differently(firm)
    await told_differently(firm, "+447700900123", outcome="missed", talks=(), first_answered_by=None, talk_seconds=0.0)
    page = await open_page(who, PATH, **options)
    await expect(page.locator(".differing")).to_have_count(2)
    await clean(page, look)
    wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    await shoot(page, f"disagreements-{look}")
