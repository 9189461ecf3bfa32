"""Fields of the house's own: an administrator makes one, a seller fills it in."""

import pytest
from playwright.async_api import expect

from pbxcrm.service import contacts, people
from tests.browser.conftest import Open
from tests.browser.world import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_field_is_made_and_filled_in(firm: World, open_page: Open) -> None:
    await people.add_user(firm.db, "rita", "admin", [], password=PASSWORD)
    customer = await contacts.create(firm.db, firm.scopes["maria"], {"name": "Ela"})
    page = await open_page("rita", "/settings/fields")
    new = page.locator(".new-field")
    await new.get_by_label("Name").fill("Favourite colour")
    await expect(new.get_by_label("Choices")).to_be_hidden()
    await new.get_by_label("What it holds").select_option("select")
    await new.get_by_label("Choices").fill("Red\nDark blue")
    await new.get_by_role("button", name="Add the field").click()
    await expect(page.locator(".fields li")).to_contain_text("Red · Dark blue")
    await new.get_by_label("Name").fill("Member since")
    await new.get_by_label("What it holds").select_option("date")
    await new.get_by_role("button", name="Add the field").click()
    await page.get_by_role("button", name="Move Member since up").click()
    await expect(page.locator(".fields li").first).to_contain_text("Member since")
    seller = await open_page("maria", f"/contacts/{customer['id']}")
    await seller.get_by_label("Favourite colour").select_option("Dark blue")
    await seller.get_by_label("Member since").fill("2024-05-01")
    await seller.get_by_role("button", name="Save").click()
    await expect(seller.locator(".note.good")).to_be_visible()
    await expect(seller.get_by_label("Member since")).to_have_value("2024-05-01")
    found = await contacts.get(firm.db, firm.scopes["maria"], customer["id"])
    assert found["custom"] == {"member_since": "2024-05-01", "favourite_colour": "Dark blue"}
    await page.locator(".fields summary").first.click()
    await page.get_by_role("button", name="Retire the field").click()
    await expect(page.get_by_role("button", name="Bring back Member since")).to_be_visible()
    await seller.reload()
    await expect(seller.get_by_label("Favourite colour")).to_have_value("Dark blue")
    await expect(seller.get_by_label("Member since")).to_have_count(0)
