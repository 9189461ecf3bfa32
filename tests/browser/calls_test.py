"""Calls on screen: the caller card through its life, on whose screens it is, and what it must never do."""

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from pbxcrm.crm.access import Scope
from pbxcrm.service import deals, lead_scores
from tests.browser.conftest import Open
from tests.browser.world import PASSWORD, World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
HOSTILE = "<img src=x onerror=alert(1)>"


def card(page: Page, state: str = ""):
    return page.locator(f'.caller[data-state="{state}"]' if state else ".caller")


async def test_ring_answer_withdrawal_talk_and_the_end(firm: World, open_page: Open) -> None:
    maria, tomek, boss = await open_page("maria"), await open_page("tomek"), await open_page("anna")
    call = firm.call("+48221234599")
    await call.rings("maria", "tomek")
    for page in (maria, tomek):
        await expect(card(page, "ringing")).to_contain_text("+48 22 123 45 99")
    await expect(card(maria)).to_contain_text("Also ringing: Tomasz Zieliński")
    await expect(card(boss)).to_have_count(0)
    await call.answered("tomek")
    await expect(card(maria)).to_have_count(0)
    await expect(maria.locator("#say")).to_have_text("Answered by Tomasz Zieliński")
    await expect(card(tomek, "talking").locator("[data-since]")).to_have_text(re.compile(r"^0:0\d$"))
    # The deal is there, on his board and the manager's, and on the card.
    unsorted = f'.col[data-stage="{firm.stages["Unsorted"]}"] .card'
    await expect(tomek.locator(unsorted)).to_have_count(1)
    await expect(boss.locator(unsorted)).to_have_count(1)
    await expect(maria.locator(unsorted)).to_have_count(0)
    await expect(card(tomek).locator(".deal-link")).to_have_count(1)
    await call.ended()
    await expect(card(tomek, "wrapup")).to_contain_text("2:05")


async def test_a_note_is_kept_while_the_call_goes_on_and_saved_after_it(firm: World, open_page: Open) -> None:
    tomek = await open_page("tomek")
    call = firm.call()
    await call.rings("tomek")
    await call.answered("tomek")
    note = card(tomek).get_by_label("Note")
    await note.fill("Wants forty")
    await call.ended()
    await expect(card(tomek, "wrapup")).to_have_count(1)
    await expect(note).to_have_value("Wants forty")
    await expect(note).to_be_focused()
    await tomek.goto(firm.url + "/calls")
    await expect(note).to_have_value("Wants forty")
    await card(tomek).get_by_label("Next contact").select_option("1d")
    await card(tomek).get_by_role("button", name="Save").click()
    await expect(card(tomek)).to_have_count(0)
    made = (await deals.list_deals(firm.db, firm.scopes["tomek"]))["items"][0]
    line = await deals.timeline(firm.db, firm.scopes["tomek"], made["id"])
    assert [item["text"] for item in line if item["kind"] == "note"] == ["Wants forty"]
    assert (await firm.get(made["id"]))["next_contact_at"].endswith("08:00:00.000Z")  # nine in Warsaw, in winter


async def test_what_could_not_be_saved_stands_in_the_card_as_it_is_now(firm: World, open_page: Open) -> None:
    """The card was drawn anew while its note was on the way; the note did not arrive, and was gone from both."""
    tomek = await open_page("tomek", allow=("ERR_FAILED",))
    call = firm.call()
    await call.rings("tomek")
    await call.answered("tomek")
    sent, lost = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        sent.set()
        await lost.wait()
        await route.abort()

    await tomek.route("**/wrapup", hold)
    await card(tomek).get_by_label("Note").fill("Wants forty")
    await card(tomek).get_by_role("button", name="Save").click()
    await sent.wait()
    await call.ended()
    await expect(card(tomek, "wrapup")).to_have_count(1)
    lost.set()
    await expect(tomek.locator(".toast.bad")).to_have_count(1)
    await expect(card(tomek, "wrapup").get_by_label("Note")).to_have_value("Wants forty")
    await tomek.goto(firm.url + "/calls")
    await expect(card(tomek, "wrapup").get_by_label("Note")).to_have_value("Wants forty")


async def test_it_never_takes_the_focus_and_never_covers_a_column(firm: World, open_page: Open) -> None:
    await firm.deal("maria", stage="Lost", title="Far away")
    page = await open_page("maria")
    await page.locator("#q").fill("Wój")
    call = firm.call()
    await call.rings("maria")
    await expect(card(page, "ringing")).to_be_visible()
    await expect(page.locator("#q")).to_be_focused()
    await page.keyboard.type("cik")
    await expect(page.locator("#q")).to_have_value("Wójcik")
    rail, board = await page.locator("#rail").bounding_box(), await page.locator(".board").bounding_box()
    assert board["x"] + board["width"] <= rail["x"] + 1


async def test_one_card_a_call_on_all_tabs(firm: World, open_page: Open) -> None:
    first = await open_page("maria")
    second = await first.context.new_page()
    await second.goto(firm.url + "/calls")
    await second.wait_for_selector('#live[data-state="on"]', state="attached")
    call = firm.call()
    await call.rings("maria")
    await expect(card(first)).to_have_count(1)
    await expect(card(second)).to_have_count(1)
    await card(second).get_by_role("button", name="Hide this call").click()
    await expect(card(second)).to_have_count(0)
    await expect(card(first)).to_have_count(0)
    await first.reload()
    await first.wait_for_selector('#live[data-state="on"]', state="attached")
    await expect(card(first)).to_have_count(0)


async def test_a_page_opened_in_the_middle_of_a_call_shows_it(firm: World, open_page: Open) -> None:
    call = firm.call()
    await call.rings("maria")
    page = await open_page("maria", "/calls")
    await expect(card(page, "ringing")).to_have_count(1)
    await call.answered("maria")
    await expect(card(page, "talking")).to_have_count(1)
    await page.goto(firm.url + "/board")
    await expect(card(page, "talking")).to_have_count(1)


async def test_a_hostile_name_is_text_and_nothing_else(firm: World, open_page: Open) -> None:
    page = await open_page("maria")
    alerts: list[Any] = []
    page.on("dialog", lambda dialog: alerts.append(dialog))
    call = firm.call(caller_name=HOSTILE)
    await call.rings("maria")
    await expect(card(page).locator(".name")).to_have_text(HOSTILE)
    await call.answered("maria")
    await call.ended()
    await expect(page.locator(".col .title").first).to_have_text(HOSTILE)
    for path in ("/calls", f"/calls/{call.call.id}", "/deals/1", "/calls/missed", "/search?q=img"):
        await page.goto(firm.url + path)
        await page.wait_for_selector('#live[data-state="on"]', state="attached")
        assert await page.locator('img, [onerror], [src="x"]').count() == 0
    await page.goto(firm.url + f"/calls/{call.call.id}")
    await expect(page.get_by_text(HOSTILE).first).to_be_visible()
    assert alerts == []


async def test_a_known_customer_is_named_with_deals_and_last_talk(firm: World, open_page: Open) -> None:
    await firm.deal("maria", "Offer", title="Forty phones", name="Elżbieta", company="Nordlicht", number="+48221234599")
    earlier = firm.call("+48221234599")
    await earlier.rings("maria")
    await earlier.answered("maria")
    await earlier.ended()
    maria, tomek = await open_page("maria"), await open_page("tomek")
    call = firm.call("+48221234599", caller_name="Somebody")
    await call.rings("maria", "tomek")
    for part in ("Elżbieta", "Nordlicht", "known customer", "Last talk"):
        await expect(card(maria, "ringing")).to_contain_text(part)
    await expect(card(maria, "ringing").locator(".deal-link")).to_contain_text("Forty phones")
    # A colleague hears that there is a deal, and whose; no more.
    await expect(card(tomek)).to_contain_text("Open deal with Maria Nowak")
    await expect(card(tomek)).not_to_contain_text("Forty phones")
    await card(maria, "ringing").locator(".deal-link").click()
    await expect(maria.locator("#side h1")).to_have_text("Forty phones")


async def test_a_known_customers_score_is_on_the_card_and_on_the_board_as_it_changes(
    firm: World, open_page: Open
) -> None:
    root = Scope(0, "root", "admin", peer="test")
    rule = {"field": "talks", "full": "2", "part": "1", "points": "20", "part_points": "10"}
    await lead_scores.save(firm.db, root, None, rule)
    deal = await firm.deal("maria", "Offer", title="Forty phones", name="Elżbieta", number="+48221234599")
    page = await open_page("maria")
    score = page.locator(f"#deal-{deal['id']} .pts")
    await expect(score).to_have_count(0)
    for points in ("10", "20"):
        call = firm.call("+48221234599")
        await call.rings("maria")
        await call.answered("maria")
        await call.ended()
        await expect(score).to_have_text(points)
    await firm.call("+48221234599").rings("maria")
    await card(page, "ringing").get_by_text("Why 20 points?").click()
    await expect(card(page, "ringing")).to_contain_text("Talks with us, at least 2")


async def test_a_press_is_not_lost_when_the_card_changes_meanwhile(firm: World, open_page: Open) -> None:
    await firm.deal("maria", "Offer", title="Forty phones", name="Elżbieta", number="+48221234599")
    page, other = await open_page("maria"), await open_page("maria")
    call = firm.call("+48221234599")
    await call.rings("maria")
    link = await card(page, "ringing").locator(".deal-link").bounding_box()
    assert link
    await page.mouse.move(link["x"] + 9, link["y"] + 9)
    await page.mouse.down()
    await call.answered("maria")
    await expect(card(other, "talking")).to_be_visible()
    await page.mouse.up()
    await expect(page.locator("#side h1")).to_have_text("Forty phones")
    await expect(card(page, "talking")).to_be_visible()


async def test_two_calls_at_once_are_two_cards(firm: World, open_page: Open) -> None:
    page = await open_page("maria")
    first, second = firm.call("+48221234501"), firm.call("+48221234502")
    await first.rings("maria")
    await first.answered("maria")
    await second.rings("maria")
    await expect(card(page)).to_have_count(2)
    await expect(card(page).first).to_have_attribute("data-state", "ringing")


async def test_the_log_and_the_missed_list(firm: World, open_page: Open) -> None:
    page = await open_page("maria", "/calls")
    call = firm.call("+48221234567")
    await call.rings("maria")
    await expect(page.locator("table tbody tr")).to_have_count(1)
    await expect(page.locator("tbody tr .chip")).to_have_text("in progress")
    await call.ended()
    await expect(page.locator("tbody tr .chip")).to_have_text("missed")
    await expect(page.locator("#missed-count")).to_have_text("1")
    await page.get_by_role("link", name="Missed").click()
    row = page.locator("tbody tr")
    await expect(row).to_contain_text("+48 22 123 45 67")
    await row.get_by_role("button", name="Take it").click()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await page.goto(firm.url + "/calls/missed")
    await page.get_by_role("button", name="Done").click()
    await expect(page.get_by_text("Nobody waits for a call back")).to_be_visible()


async def test_the_missed_list_keeps_itself(firm: World, open_page: Open) -> None:
    page = await open_page("tomek", "/calls/missed")
    await expect(page.get_by_text("Nobody waits for a call back")).to_be_visible()
    call = firm.call("+48221234567")
    await call.rings("maria")
    await call.ended()
    await expect(page.locator("tbody tr")).to_contain_text("+48 22 123 45 67")
    back = firm.call("+48221234567")
    await back.rings("maria")
    await back.answered("maria")
    await expect(page.get_by_text("Nobody waits for a call back")).to_be_visible()
    await expect(page.locator("#missed-count")).to_be_hidden()


async def test_a_hidden_tab_rings_too_and_only_once_asked(firm: World, open_page: Open) -> None:
    page = await open_page("maria")
    await page.context.grant_permissions(["notifications"])
    await page.evaluate(
        """() => {
            window.rung = [];
            window.Notification = class extends EventTarget {
                static permission = "granted";
                constructor(title, options) { super(); window.rung.push([title, options.body, options.tag]); }
            };
        }"""
    )
    first = firm.call("+48221234501")
    await first.rings("maria")
    await expect(card(page, "ringing")).to_have_count(1)
    assert await page.title() == "☎ +48 22 123 45 01"
    assert await page.evaluate("rung") == []  # it is in view
    await page.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", { get: () => true });
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    second = firm.call("+48221234502")
    await second.rings("maria")
    await expect(card(page, "ringing")).to_have_count(2)
    async with asyncio.timeout(15):
        while not await page.evaluate("rung.length"):  # the page's policy forbids what wait_for_function does
            await page.evaluate("new Promise(requestAnimationFrame)")
    assert await page.evaluate("rung") == [["+48 22 123 45 02", "Incoming call", second.call.id]]


async def test_why_a_call_is_as_it_is(firm: World, open_page: Open) -> None:
    call = firm.call()
    await call.rings("maria", "tomek")
    await call.answered("tomek")
    await call.ended()
    page = await open_page("tomek", "/calls")
    await page.get_by_role("link", name="Details").click()
    await expect(page.locator("#side")).to_contain_text("PJSIP/102 and the caller's channel were in one conversation")


async def test_click_to_call_says_honestly_how_it_goes(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Trial", number="+48221234567")
    page = await open_page("maria", allow=("status of 503",))
    await page.get_by_role("button", name="Call Trial").click()
    await expect(card(page, "dialling")).to_contain_text("Your phone rings")
    assert [sent["exten"] for sent in firm.pbx.sent] == ["+48221234567"]
    ours = firm.call("+48221234567", direction="outbound", did=None, action_id=firm.pbx.sent[0]["id"])
    await ours.answered("maria")
    await expect(card(page)).to_have_count(1)
    await expect(card(page, "talking")).to_contain_text("You called")
    await ours.ended()
    await expect(card(page, "wrapup")).to_have_count(1)
    await card(page).get_by_role("button", name="Hide this call").click()
    await firm.set_link(up=False)
    await expect(page.locator("#link .banner")).to_contain_text("PBX not seen since")
    await page.get_by_role("button", name="Call Trial").click()
    await expect(page.locator(".toast.bad")).to_contain_text("The PBX is out of sight just now, so nothing was dialled")
    assert len(firm.pbx.sent) == 1
    await firm.set_link(up=True)
    await expect(page.locator("#link .banner")).to_have_count(0)


async def test_a_double_click_is_one_call(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Trial", number="+48221234567")
    page = await open_page("maria")
    await page.get_by_role("button", name="Call Trial").dblclick()
    await expect(card(page, "dialling")).to_have_count(1)
    assert len(firm.pbx.sent) == 1


async def test_a_phone_that_was_not_picked_up(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Trial", number="+48221234567")
    page = await open_page("maria")
    await page.get_by_role("button", name="Call Trial").click()
    await expect(card(page, "dialling")).to_have_count(1)
    ours = firm.call("+48221234567", direction="outbound", did=None, action_id=firm.pbx.sent[0]["id"])
    await ours.ended("failed")
    await expect(card(page).locator("[data-what]")).to_have_text("No conversation: failed")


async def test_the_first_call_to_a_country_asks_who_it_is_and_the_click_is_not_lost(
    firm: World, open_page: Open
) -> None:
    await firm.deal("maria", title="Trial", number="+4930123456")
    page = await open_page("maria")
    call = page.get_by_role("button", name="Call Trial")
    await call.focus()
    await page.keyboard.press("Enter")
    asked = page.locator("dialog[open]")
    await expect(asked.locator("h1")).to_have_text("Call Germany?")
    await expect(asked.get_by_label("Password")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(asked).to_have_count(0)
    await expect(call).not_to_have_attribute("aria-disabled", "true")
    await call.focus()
    await page.keyboard.press("Enter")
    await asked.get_by_label("Password").fill("guessed")
    await page.keyboard.press("Enter")
    await expect(asked.locator(".wrong")).to_have_text("The password is not right. Nothing was dialled; try again.")
    assert firm.pbx.sent == []
    await asked.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(card(page, "dialling")).to_have_count(1)
    await expect(asked).to_have_count(0)
    assert [sent["exten"] for sent in firm.pbx.sent] == ["+4930123456"]
