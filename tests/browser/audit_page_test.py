"""The audit log and a customer's privacy page, as a manager meets them."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.world import World, busy_week

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
Shoot = Callable[[Page, str], Awaitable[None]]
PHONE = {"width": 390, "height": 844}
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    ("look", "lang", "options"),
    [("light", "en", {}), ("fa-dark", "fa", {"color_scheme": "dark"}), ("phone", "pl", {"viewport": PHONE})],
)
async def test_what_somebody_did_is_there_to_read(
    firm: World, open_page: Open, shoot: Shoot, look: str, lang: str, options: dict[str, object]
) -> None:
    await busy_week(firm)
    maria = await open_page("maria")
    await maria.locator(".col .title").first.click()
    await expect(maria.locator("#side h1")).to_be_visible()
    await maria.locator('#side form[data-save] input[name="title"]').fill(HOSTILE)
    await maria.locator("#side form[data-save] button.primary").click()
    await expect(maria.locator(".col .title", has_text=HOSTILE).first).to_be_visible()
    boss = await open_page("anna", "/audit?user=maria", **options)
    if lang != "en":
        await boss.locator(".top details.menu summary").last.click()
        await boss.locator(f'button[name="locale"][value="{lang}"]').click()
        await expect(boss.locator("html")).to_have_attribute("lang", lang)
    await expect(boss.locator("ins", has_text=HOSTILE).first).to_be_visible()
    assert await boss.locator('img, [onerror], [src="x"]').count() == 0
    await shoot(boss, f"audit-{look}")
    await boss.goto(firm.url + "/audit?thing=user&day=2001-01-01")
    await expect(boss.locator(".nothing")).to_be_visible()


async def test_an_agent_finds_no_such_page(firm: World, open_page: Open) -> None:
    page = await open_page("maria", "/board")
    assert await page.locator('a[href="/audit"]').count() == 0
    answer = await page.request.get(firm.url + "/audit")
    assert answer.status == 404


@pytest.mark.parametrize("look", ["light", "ar"])
async def test_a_person_is_erased_only_by_the_right_words(
    firm: World, open_page: Open, shoot: Shoot, look: str
) -> None:
    deal = await firm.deal("maria", "Offer", title="40 phones", number="+48221239901", name="Ela Quetzal")
    page = await open_page("anna", f"/deals/{deal['id']}")
    if look == "ar":
        await page.locator(".top details.menu summary").last.click()
        await page.locator('button[name="locale"][value="ar"]').click()
        await expect(page.locator("html")).to_have_attribute("dir", "rtl")
    await page.locator('a[href$="/privacy"]').click()
    await expect(page.locator("form.form h2")).to_be_visible()
    await shoot(page, f"privacy-{look}")
    async with page.expect_download() as got:
        await page.locator("a[download]").click()
    assert (await got.value).suggested_filename.endswith(".json")
    await page.locator('input[name="confirm"]').fill("yes")
    await page.locator("button.danger").click()
    await expect(page.locator(".note.bad")).to_be_visible()
    await page.locator('input[name="confirm"]').fill("+48221239901")
    await page.locator("button.danger").click()
    await page.wait_for_url("**/audit?thing=contact")
    await page.goto(firm.url + "/search?q=Quetzal")
    await expect(page.locator(".nothing")).to_be_visible()
    await page.goto(firm.url + f"/deals/{deal['id']}")
    await expect(page.locator("h1")).not_to_contain_text("40 phones")
