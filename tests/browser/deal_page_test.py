"""A deal's page and panel, the person's own settings, the door, and errors."""

import asyncio
import re
import struct
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from pbxcrm.service import deals, moves, recordings
from tests.browser.conftest import Line, Open
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


async def test_what_is_pressed_as_the_panel_comes_anew_counts(firm: World, open_page: Open) -> None:
    """The panel that a move brought came between the press on Add and the release: the note was not added."""
    deal = await firm.deal("maria", title="Trial")
    page = await open_page("maria", line=(line := Line()))
    line.up = False
    await line.cut()  # the move's own answer alone has the panel read anew
    await page.locator(".card .title").click()
    side = page.locator("#side")
    late = Held()
    await late.first(page, f"**/deals/{deal['id']}")
    await side.get_by_role("button", name="Negotiation").click()
    await late.read.wait()
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
    deal = await firm.deal("maria", title="Trial")
    page = await open_page("maria", line=(line := Line()))
    line.up = False
    await line.cut()  # the move's own answer alone has the panel read anew
    await page.locator(".card .title").click()
    side = page.locator("#side")
    note = side.get_by_placeholder("Add a note…")
    late = Held()
    await late.first(page, f"**/deals/{deal['id']}")
    await side.get_by_role("button", name="Negotiation").click()
    await late.read.wait()
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


async def a_talk(firm: World, sound: bytes) -> dict[str, Any]:
    """A deal of Maria's with a call that was recorded; gives the deal."""
    deal = await firm.deal("maria", title="Trial", number="+48221234599")
    call = firm.call("+48221234599")
    await call.rings("maria")
    await call.answered("maria")
    told = await call.ended()
    (firm.recordings / "call.wav").write_bytes(sound)
    await recordings.keep(firm.db, told.id, "call.wav")
    return deal


def minute(*, silent: int = 30, format_tag: int = 1) -> bytes:
    """A WAV file of a minute, 8 bits a sample, of which the first seconds are silent."""
    nothing, loud = {1: (b"\x80", b"\xf0\x10"), 6: (b"\xd5", b"\x2a\xaa")}[format_tag]
    data = nothing * 8000 * silent + loud * 4000 * (60 - silent)
    head = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, format_tag, 1, 8000, 8000, 1, 8, b"data", len(data))
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(data)) + b"WAVE" + head + data


async def test_a_recording_is_heard_to_its_end(firm: World, open_page: Open) -> None:
    deal = await a_talk(firm, minute())
    page = await open_page("maria", "/board")
    await page.locator(f"#deal-{deal['id']} .title").click()
    audio = page.locator("#side audio")
    await audio.evaluate("one => one.play()")
    await moves.move(firm.db, firm.scopes["anna"], deal["id"], firm.stages["Offer"], deal["version"])
    await expect(page.locator(f'.col[data-stage="{firm.stages["Offer"]}"] .card')).to_have_count(1)
    assert await audio.evaluate("one => !one.paused")
    await audio.evaluate("one => one.pause()")
    await expect(page.locator('#side .stages [aria-current="step"]')).to_have_text("Offer")


async def test_a_recordings_picture_leads_into_it(firm: World, open_page: Open) -> None:
    deal = await a_talk(firm, minute())
    page = await open_page("maria", f"/deals/{deal['id']}")
    picture = page.locator(".wave img")
    await expect(picture).to_have_js_property("naturalWidth", 640)
    await picture.scroll_into_view_if_needed()
    box = await picture.bounding_box()
    assert box
    await picture.click(position={"x": box["width"] * 0.75, "y": 10})
    audio = page.locator("audio")
    await expect(page.locator(".wave i")).to_have_attribute("style", re.compile(r"inline-size: 7\d"))
    assert 44 < float(await audio.evaluate("one => one.currentTime")) < 60
    assert await audio.evaluate("one => !one.paused")
    await page.get_by_label("Speed").select_option("2")
    assert await audio.evaluate("one => one.playbackRate") == 2


async def test_what_the_server_cannot_draw_the_browser_does(firm: World, open_page: Open) -> None:
    deal = await a_talk(firm, minute(format_tag=6))  # A-law
    page = await open_page("maria", f"/deals/{deal['id']}")
    await expect(page.locator(".wave img")).to_have_js_property("naturalWidth", 1)
    await page.locator("audio").evaluate("one => one.play()")
    drawn = page.locator(".wave canvas")
    await expect(drawn).to_have_count(1)
    line = await drawn.evaluate("one => [...one.getContext('2d').getImageData(0, 2, 640, 1).data]")
    assert (line[4 * 42 + 3], line[4 * 602 + 3]) == (0, 255)  # nothing, then something


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
