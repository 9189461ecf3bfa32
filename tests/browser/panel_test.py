"""An open deal's panel: answers that come late, live changes, and somebody at work in it."""

import asyncio
import re

import pytest
from playwright.async_api import Page, Route, expect

from pbxcrm.service import deals, moves
from tests.browser.conftest import Line, Open
from tests.browser.world import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_what_is_written_in_the_panel_is_not_swept_away(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial", value="500")
    page = await open_page("maria")
    await page.locator(".card .title").click()
    side = page.locator("#side")
    was = await side.get_by_label("Value").input_value()
    await side.get_by_label("Value").fill("7700")
    await side.locator("h1").click()  # the cursor is elsewhere
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await moves.move(firm.db, firm.scopes["anna"], deal["id"], firm.stages["Offer"], deal["version"])
    await expect(page.locator(f'.col[data-stage="{firm.stages["Offer"]}"] .card')).to_have_count(1)
    assert f"{firm.url}/deals/{deal['id']}" not in asked
    await expect(side.get_by_label("Value")).to_have_value("7700")
    await side.get_by_label("Value").fill(was)
    await side.locator("h1").click()
    await moves.move(firm.db, firm.scopes["anna"], deal["id"], firm.stages["Won"], deal["version"] + 1)
    await expect(side.locator('.stages [aria-current="step"]')).to_have_text("Won")  # nothing is written now


async def test_what_is_written_while_an_answer_is_on_its_way_stays(firm: World, open_page: Open) -> None:
    """The panel read anew after a move came late, over a note begun meanwhile: the note was gone."""
    deal = await firm.deal("maria", title="Trial", value="500")
    page = await open_page("maria")
    await page.locator(".card .title").click()
    side = page.locator("#side")
    late = asyncio.Event()

    async def hold(route: Route) -> None:
        await late.wait()
        await route.continue_()

    await page.route(f"**/deals/{deal['id']}", hold)
    await side.get_by_role("button", name="Negotiation").click()
    await expect(page.locator(f'.col[data-stage="{firm.stages["Negotiation"]}"] .card')).to_have_count(1)
    await side.get_by_label("Value").fill("700")
    await side.get_by_placeholder("Add a note…").press_sequentially("Called t")
    late.set()
    await expect(side.locator('.stages [aria-current="step"]')).to_have_text("Negotiation")
    await page.keyboard.type("wice")  # the cursor stands where it stood
    await expect(side.get_by_placeholder("Add a note…")).to_have_value("Called twice")
    await side.locator("form.say").get_by_role("button", name="Add", exact=True).click()
    await expect(side.locator(".line-of")).to_contain_text("Called twice")
    await expect(side.get_by_placeholder("Add a note…")).to_have_value("")
    await expect(side.get_by_label("Value")).to_have_value("700")
    await side.get_by_role("button", name="Save").click()
    await expect(side.locator('[name="value"][value="700"]')).to_have_count(1)  # the server's own
    saved = await firm.get(deal["id"])
    assert (saved["value"], saved["stage_name"]) == ("700.00", "Negotiation")


class Held:
    """Answers about one address that are on their way: read by the server when asked, shown to the page when let go."""

    def __init__(self) -> None:
        self.read = asyncio.Event()
        self._go = asyncio.Event()
        self._over = asyncio.Event()

    async def first(self, page: Page, address: str) -> None:
        await page.route(address, self._one, times=1)

    async def _one(self, route: Route) -> None:
        answer = await route.fetch()
        self.read.set()
        await self._go.wait()
        await route.fulfill(response=answer)
        self._over.set()

    async def comes(self, page: Page) -> None:
        """It has come, and what the page makes of it is done."""
        self._go.set()
        await self._over.wait()
        await page.evaluate("() => fetch('/healthz').then(() => new Promise((done) => setTimeout(done)))")


async def moved(firm: World, open_page: Open) -> tuple[Page, Held]:
    """An open deal that was moved by its panel, which is being read anew: by the move's own answer, no live line."""
    deal = await firm.deal("maria", title="Trial")
    page = await open_page("maria", line=(line := Line()))
    line.up = False
    await line.cut()  # the move's own answer alone has the panel read anew
    await page.locator(".card .title").click()
    late = Held()
    await late.first(page, f"**/deals/{deal['id']}")
    await page.locator("#side").get_by_role("button", name="Negotiation").click()
    await late.read.wait()
    return page, late


async def test_what_is_pressed_as_the_panel_comes_anew_counts(firm: World, open_page: Open) -> None:
    """The panel that a move brought came between the press on Add and the release: the note was not added."""
    page, late = await moved(firm, open_page)
    side = page.locator("#side")
    await side.get_by_placeholder("Add a note…").fill("Called twice")
    add = await side.locator("form.say").get_by_role("button", name="Add", exact=True).bounding_box()
    assert add
    await page.mouse.move(add["x"] + 5, add["y"] + 5)
    await page.mouse.down()
    await late.comes(page)
    await page.mouse.up()
    await expect(side.locator(".line-of")).to_contain_text("Called twice")
    await expect(side.get_by_placeholder("Add a note…")).to_have_value("")


async def test_an_older_reading_of_a_panel_comes_too_late(firm: World, open_page: Open) -> None:
    """It was laid over the newer one: a note that was added stood there no more."""
    deal = await firm.deal("maria", title="Trial")
    page = await open_page("maria")
    await page.locator(".card .title").click()
    side = page.locator("#side")
    await expect(side.locator("h1")).to_have_text("Trial")
    late = Held()
    await late.first(page, f"**/deals/{deal['id']}")
    await moves.move(firm.db, firm.scopes["anna"], deal["id"], firm.stages["Offer"], deal["version"])
    await late.read.wait()
    await side.get_by_placeholder("Add a note…").fill("Called twice")
    await side.locator("form.say").get_by_role("button", name="Add", exact=True).click()
    await expect(side.locator(".line-of")).to_contain_text("Called twice")
    await late.comes(page)
    await expect(side.locator(".line-of")).to_contain_text("Called twice")


async def test_the_card_clicked_last_is_the_one_shown(firm: World, open_page: Open) -> None:
    one, two = await firm.deal("maria", title="One"), await firm.deal("maria", title="Two")
    page = await open_page("maria")
    side = page.locator("#side")
    late = Held()
    await late.first(page, f"**/deals/{one['id']}")
    await page.locator(f"#deal-{one['id']} .title").click()
    await late.read.wait()
    await page.locator(f"#deal-{two['id']} .title").click()
    await expect(side.locator("h1")).to_have_text("Two")
    await late.comes(page)
    await expect(side.locator("h1")).to_have_text("Two")
    assert page.url.endswith(f"/deals/{two['id']}")


async def test_an_answer_leads_nobody_back_to_a_deal_they_have_left(firm: World, open_page: Open) -> None:
    """A note's answer came late: the panel jumped back to its deal, or the note stood there to be saved again."""
    one, two = await firm.deal("maria", title="One"), await firm.deal("maria", title="Two")
    page = await open_page("maria")
    side = page.locator("#side")
    note = side.get_by_placeholder("Add a note…")
    await page.locator(f"#deal-{one['id']} .title").click()
    late = Held()
    await late.first(page, f"**/deals/{one['id']}/wrapup")
    await note.fill("Called twice")
    await side.locator("form.say").get_by_role("button", name="Add", exact=True).click()
    await late.read.wait()
    await page.locator(f"#deal-{two['id']} .title").click()
    await expect(side.locator("h1")).to_have_text("Two")
    await late.comes(page)
    await expect(page.locator(".toast")).to_have_count(1)
    await expect(side.locator("h1")).to_have_text("Two")
    await page.locator(f"#deal-{one['id']} .title").click()
    await expect(side.locator(".line-of")).to_contain_text("Called twice")
    await expect(note).to_have_value("")


async def test_a_panel_that_comes_anew_takes_nobody_out_of_a_field(firm: World, open_page: Open) -> None:
    """The heading took the focus from an empty field: the letters were keys of the board."""
    page, late = await moved(firm, open_page)
    side = page.locator("#side")
    note = side.get_by_placeholder("Add a note…")
    await note.click()
    await late.comes(page)
    await expect(side.locator('.stages [aria-current="step"]')).to_have_text("Negotiation")
    await page.keyboard.type("Called")
    await expect(note).to_have_value("Called")


async def test_the_panel_of_a_deal_given_away_closes(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial")
    page = await open_page("maria", allow=("404",))
    await page.locator(".card .title").click()
    await expect(page.locator("#side h1")).to_have_text("Trial")
    await deals.change(firm.db, firm.scopes["anna"], deal["id"], deal["version"], {"owner": "tomek"})
    await expect(page.locator("#side")).to_be_hidden()
    await expect(page.locator(".toast.bad")).to_contain_text("not yours")
    await expect(page).to_have_url(re.compile("/board"))


async def test_what_was_written_in_a_panel_stands_there_again(firm: World, open_page: Open) -> None:
    """It was gone when another card was opened, or the panel closed."""
    one, two = await firm.deal("maria", title="One"), await firm.deal("maria", title="Two")
    page = await open_page("maria")
    side = page.locator("#side")
    note = side.get_by_placeholder("Add a note…")
    await page.locator(f"#deal-{one['id']} .title").click()
    await note.fill("Wants forty")
    await page.locator(f"#deal-{two['id']} .title").click()
    await expect(side.locator("h1")).to_have_text("Two")
    await expect(note).to_have_value("")
    await note.fill("Wants fifty")
    await side.locator("h1").press("Escape")
    await expect(side).to_be_hidden()
    for deal, title, text in ((one, "One", "Wants forty"), (two, "Two", "Wants fifty")):
        await page.locator(f"#deal-{deal['id']} .title").click()
        await expect(side.locator("h1")).to_have_text(title)
        await expect(note).to_have_value(text)
        await side.locator("form.say").get_by_role("button", name="Add", exact=True).click()
        await expect(side.locator(".line-of")).to_contain_text(text)
        await expect(note).to_have_value("")
    await page.locator(f"#deal-{one['id']} .title").click()
    await expect(side.locator("h1")).to_have_text("One")
    await expect(note).to_have_value("")


async def test_what_is_carried_over_does_not_write_over_somebody_else(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial", value="500")
    page = await open_page("maria")
    await page.locator(".card .title").click()
    side = page.locator("#side")
    await side.get_by_label("Value").fill("700")
    await deals.change(firm.db, firm.scopes["anna"], deal["id"], deal["version"], {"value": "900"})
    await side.get_by_placeholder("Add a note…").fill("Called twice")
    await side.locator("form.say").get_by_role("button", name="Add", exact=True).click()
    await expect(side.locator(".line-of")).to_contain_text("Called twice")
    await expect(side.get_by_label("Value")).to_have_value("700")
    await side.get_by_role("button", name="Save").click()
    await expect(side.locator(".note.bad")).to_contain_text("Anna Kowalska was faster")
    assert (await firm.get(deal["id"]))["value"] == "900.00"
    await expect(side.get_by_label("Value")).to_have_value("700")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    now = await firm.get(deal["id"])
    await moves.move(firm.db, firm.scopes["anna"], deal["id"], firm.stages["Offer"], now["version"])
    await expect(page.locator(f'.col[data-stage="{firm.stages["Offer"]}"] .card')).to_have_count(1)
    assert f"{firm.url}/deals/{deal['id']}" not in asked  # what came back unsaved is not swept away
    await side.get_by_placeholder("Add a note…").fill("Called once more")
    await side.locator("form.say").get_by_role("button", name="Add", exact=True).click()
    await expect(side.locator(".line-of")).to_contain_text("Called once more")
    await expect(side.get_by_label("Value")).to_have_value("700")


async def test_a_panel_read_anew_leaves_the_cursor_where_it_is(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial", value="500")
    page = await open_page("maria")
    await page.locator(".card .title").click()
    side, find = page.locator("#side"), page.get_by_role("searchbox")
    await expect(side.locator("h1")).to_be_focused()
    await find.press_sequentially("Ja")
    await moves.move(firm.db, firm.scopes["anna"], deal["id"], firm.stages["Offer"], deal["version"])
    await expect(side.locator('.stages [aria-current="step"]')).to_have_text("Offer")
    await page.keyboard.type("n")
    await expect(find).to_have_value("Jan")
    unfolded = side.locator("summary", has_text="New task")
    await unfolded.press("Enter")
    await expect(side.locator("details[open]")).to_have_count(1)
    await moves.move(firm.db, firm.scopes["anna"], deal["id"], firm.stages["Won"], deal["version"] + 1)
    await expect(side.locator('.stages [aria-current="step"]')).to_have_text("Won")
    await expect(unfolded).to_be_focused()
    await expect(side.locator("details[open]")).to_have_count(1)
    await side.locator("h1").press("Escape")
    await expect(side).to_be_hidden()


async def test_a_panel_catches_up_once_nobody_writes_in_it(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial", value="500")
    page = await open_page("maria")
    await page.locator(".card .title").click()
    side = page.locator("#side")
    await side.get_by_placeholder("Add a note…").focus()
    await moves.move(firm.db, firm.scopes["anna"], deal["id"], firm.stages["Offer"], deal["version"])
    await expect(page.locator(f'.col[data-stage="{firm.stages["Offer"]}"] .card')).to_have_count(1)
    await expect(side.locator('.stages [aria-current="step"]')).to_have_text("New")
    await side.locator("h1").click()
    await expect(side.locator('.stages [aria-current="step"]')).to_have_text("Offer")
    button = await side.get_by_role("button", name="Qualified").bounding_box()
    assert button
    await page.mouse.move(button["x"] + 5, button["y"] + 5)
    await page.mouse.down()  # pressed, not let go yet: it must still be there then
    await deals.add_note(firm.db, firm.scopes["anna"], deal["id"], "Listen first")
    now = await firm.get(deal["id"])
    await deals.change(firm.db, firm.scopes["anna"], deal["id"], now["version"], {"title": "Seen"})
    await expect(page.locator(".card .title")).to_have_text("Seen")
    await expect(side.locator("h1")).to_have_text("Trial")
    await page.mouse.up()
    await expect(side.locator("h1")).to_have_text("Seen")
