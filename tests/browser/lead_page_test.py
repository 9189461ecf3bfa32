"""A lead's own page shows what others do with it by itself, and sweeps away nothing that is being written."""

import pytest
from playwright.async_api import expect

from pbxcrm.service import leads
from tests.browser.conftest import Open
from tests.browser.world import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_it_is_live_and_leaves_what_is_being_written(firm: World, open_page: Open) -> None:
    db, anna = firm.db, firm.scopes["anna"]
    lead = await leads.create(db, anna, {"name": "Ela Nowa", "owner": "maria"})
    page = await open_page("maria", f"/leads/{lead['id']}", allow=("status of 404",))
    main, note = page.locator("#main"), page.locator("#lead-note")
    changed = await leads.change(db, anna, lead["id"], lead["version"], {"status": "hot", "city": "Łódź"})
    await expect(page.locator('[aria-current="step"]')).to_have_attribute("value", "hot")
    await expect(page.locator('[name="city"]')).to_have_value("Łódź")
    await note.fill("They said")
    await leads.add_note(db, anna, lead["id"], "Talked at the fair")
    await page.locator("h1").click()  # focus is elsewhere, but the words are not saved yet
    async with page.expect_response("**/calls/missed/count"):
        await leads.change(db, anna, lead["id"], changed["version"], {"name": "Ela Nowak"})
    async with page.expect_response("**/calls/missed/count"):  # by now the page would have been read anew
        await leads.add_note(db, anna, lead["id"], "And once more")
    await expect(note).to_have_value("They said")
    await note.fill("")
    await page.locator(".brand").focus()  # left: now it is read anew
    await expect(main).to_contain_text("Talked at the fair")
    await expect(page.locator("h1")).to_have_text("Ela Nowak")
    await leads.assign(db, anna, {"ids": [lead["id"]], "owner": "tomek"})
    await expect(page.locator(".toast")).to_contain_text("not yours")
