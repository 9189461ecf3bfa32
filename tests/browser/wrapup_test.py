"""After the talk: what came of it, by mouse and by keys, while the next call rings, on all tabs and devices."""

import asyncio
import re
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from pbxcrm.calls.model import Talk, Transfer
from pbxcrm.http import live
from pbxcrm.service import calls, deals, tasks
from tests.browser.conftest import Line, Open
from tests.browser.world import DEVICES, Story, World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
NUMBER = "+48221234599"
PHONE = {"width": 390, "height": 844}


def card(page: Page, state: str = "") -> Locator:
    return page.locator(f'.caller[data-state="{state}"]' if state else ".caller")


async def talked(firm: World, who: str = "maria", number: str | None = NUMBER) -> Story:
    call = firm.call(number)
    await call.rings(who)
    await call.answered(who)
    await call.ended()
    return call


async def said(firm: World, call: Story) -> list[tuple[str, str, str]]:
    found = await calls.get(firm.db, firm.scopes["anna"], call.call.id)
    return [(one["by"], one["outcome"], one["note"]) for one in found["wrapups"]]


async def the_deal(firm: World) -> dict[str, Any]:
    (deal,) = (await deals.list_deals(firm.db, firm.scopes["anna"]))["items"]
    return deal


async def tab(page: Page, firm: World) -> Page:
    """Another tab of the same browser."""
    other = await page.context.new_page()
    await other.goto(firm.url + "/calls")
    await other.wait_for_selector('#live[data-state="on"]', state="attached")
    return other


async def test_by_keys_alone(firm: World, open_page: Open) -> None:
    page = await open_page("maria")
    call = await talked(firm)
    await expect(card(page, "wrapup")).to_be_visible()
    await page.keyboard.press("c")
    await expect(card(page)).to_be_focused()
    await page.keyboard.press("2")
    await expect(card(page).get_by_role("radio", name="Call again")).to_be_checked()
    await page.keyboard.press("m")
    await page.keyboard.type("Rings on Monday, mornings")
    await page.keyboard.press("Escape")
    await expect(card(page)).to_be_focused()
    await page.keyboard.press("t")
    await expect(card(page).get_by_label("Next contact")).to_be_focused()
    await card(page).get_by_label("Next contact").select_option("7d")
    await page.keyboard.press("Control+Enter")
    await expect(card(page)).to_have_count(0)
    assert await said(firm, call) == [("maria", "again", "Rings on Monday, mornings")]
    assert (await the_deal(firm))["next_contact_at"] is not None
    await page.goto(f"{firm.url}/deals/{(await the_deal(firm))['id']}")
    await expect(page.locator("[data-timeline] .said")).to_contain_text("Call again")
    await expect(page.get_by_text("Rings on Monday, mornings")).to_have_count(1)  # once: on the call it came of


async def test_the_keys_are_off_where_the_person_says_so(firm: World, open_page: Open) -> None:
    page = await open_page("maria")
    await page.evaluate("localStorage.setItem('pbxcrm.shortcuts', 'off')")
    await talked(firm)
    await expect(card(page, "wrapup")).to_be_visible()
    await page.keyboard.press("c")
    await expect(card(page)).not_to_be_focused()


async def test_the_next_call_rings_while_this_one_is_wrapped_up(firm: World, open_page: Open) -> None:
    page = await open_page("maria")
    first = await talked(firm)
    note = card(page, "wrapup").get_by_label("Note")
    await note.click()
    await page.keyboard.type("Forty pho")
    second = firm.call("+48221234502")
    await second.rings("maria")
    await expect(card(page)).to_have_count(2)
    await expect(card(page).first).to_have_attribute("data-state", "ringing")
    await expect(note).to_be_focused()
    await page.keyboard.type("nes")
    await second.answered("maria")
    await expect(card(page, "talking")).to_have_count(1)
    await page.keyboard.type(", white")
    await expect(note).to_have_value("Forty phones, white")
    await second.ended()
    await expect(card(page, "wrapup")).to_have_count(2)
    mine = page.locator(f"#call-{first.call.id}")
    await mine.get_by_role("button", name="Save").click()
    await expect(mine).to_have_count(0)
    await expect(card(page, "wrapup")).to_have_count(1)
    assert await said(firm, first) == [("maria", "", "Forty phones, white")]
    assert await said(firm, second) == []


async def test_it_survives_the_next_page_and_a_reload_with_all_that_was_typed(firm: World, open_page: Open) -> None:
    page = await open_page("maria")
    await talked(firm)
    form = card(page, "wrapup")
    await form.get_by_role("radio", name="Agreed").check()
    await form.get_by_label("Note").fill("Half a sen")
    await form.get_by_label("Next contact").select_option("at")
    await form.get_by_label("On which day").fill("2027-03-01")
    await form.get_by_label("Tags").fill("fair")
    for step in (page.reload(), page.goto(firm.url + "/calls")):
        await step
        await page.wait_for_selector('#live[data-state="on"]', state="attached")
        await expect(form.get_by_role("radio", name="Agreed")).to_be_checked()
        await expect(form.get_by_label("Note")).to_have_value("Half a sen")
        await expect(form.get_by_label("On which day")).to_have_value("2027-03-01")
        await expect(form.get_by_label("Tags")).to_have_value("fair")
    await form.get_by_role("button", name="Save").click()
    await expect(form).to_have_count(0)
    assert (await the_deal(firm))["next_contact_at"] == "2027-03-01T08:00:00.000Z"
    await page.reload()
    await page.wait_for_selector('#live[data-state="on"]', state="attached")
    await expect(card(page)).to_have_count(0)
    assert await page.evaluate("Object.keys(JSON.parse(localStorage['pbxcrm.drafts.maria'])).length") == 0


async def test_two_tabs_are_one_person(firm: World, open_page: Open) -> None:
    first = await open_page("maria")
    second = await tab(first, firm)
    await talked(firm)
    for page in (first, second):
        await expect(card(page, "wrapup")).to_have_count(1)
    await card(first).get_by_label("Note").fill("Typed in one")
    await expect(card(second).get_by_label("Note")).to_have_value("Typed in one")
    await card(second).get_by_role("button", name="Save").click()
    for page in (first, second):
        await expect(card(page)).to_have_count(0)
        await expect(page.locator(".toast", has_text="elsewhere")).to_have_count(0)


async def test_two_devices_are_one_person_and_nothing_typed_is_lost(firm: World, open_page: Open) -> None:
    desk, home = await open_page("maria"), await open_page("maria")
    call = await talked(firm)
    for page in (desk, home):
        await expect(card(page, "wrapup")).to_have_count(1)
    await card(home).get_by_label("Note").fill("Typed at home")
    await card(desk).get_by_role("radio", name="Agreed").check()
    await card(desk).get_by_label("Note").fill("Typed at the desk")
    await card(desk).get_by_role("button", name="Save").click()
    await expect(card(desk)).to_have_count(0)
    await expect(home.locator(".toast")).to_contain_text("What you typed here is not saved yet")
    await card(home).get_by_role("button", name="Save").click()
    await expect(card(home)).to_have_count(0)
    assert await said(firm, call) == [("maria", "agreed", "Typed at the desk\nTyped at home")]


async def test_put_away_on_one_device_is_away_on_all(firm: World, open_page: Open) -> None:
    desk, home = await open_page("maria"), await open_page("maria")
    await talked(firm)
    await expect(card(home, "wrapup")).to_have_count(1)
    await card(desk).get_by_role("button", name="Hide this call").click()
    for page in (desk, home):
        await expect(card(page)).to_have_count(0)
        await page.reload()
        await page.wait_for_selector('#live[data-state="on"]', state="attached")
        await expect(card(page)).to_have_count(0)


async def test_a_ringing_card_put_away_comes_back_with_the_talk(firm: World, open_page: Open) -> None:
    desk, home = await open_page("maria"), await open_page("maria")
    call = firm.call(NUMBER)
    await call.rings("maria")
    await expect(card(home, "ringing")).to_have_count(1)
    await card(desk).get_by_role("button", name="Hide this call").click()
    for page in (desk, home):
        await expect(card(page)).to_have_count(0)
    await call.rings("maria", "tomek")
    await expect(home.locator("#say")).not_to_have_text("")
    await expect(card(home)).to_have_count(0)
    await call.answered("maria")
    for page in (desk, home):
        await expect(card(page, "talking")).to_have_count(1)


async def test_a_passed_on_call_leaves_who_passed_it_on_their_wrap_up(firm: World, open_page: Open) -> None:
    maria, tomek = await open_page("maria"), await open_page("tomek")
    call = firm.call(NUMBER)
    await call.rings("maria")
    await call.answered("maria")
    await card(maria, "talking").get_by_label("Note").fill("Asks for Tomasz")
    now = firm.db.clock()
    talks = (*(_over(talk, now) for talk in call.call.talks), Talk("tomek", DEVICES["tomek"], now, None))
    passed = Transfer("attended", now, "maria", "tomek")
    await call._tell("transferred", talking=("tomek",), talks=talks, transfers=(passed,), last_answered_by="tomek")
    await expect(card(tomek, "talking")).to_have_count(1)
    await expect(card(maria, "wrapup")).to_contain_text("Passed on to Tomasz Zieliński")
    await card(maria).get_by_role("button", name="Save").click()
    await expect(card(maria)).to_have_count(0)
    await call.ended()
    await expect(card(tomek, "wrapup")).to_have_count(1)
    await expect(card(maria)).to_have_count(0)
    await maria.reload()
    await maria.wait_for_selector('#live[data-state="on"]', state="attached")
    await expect(card(maria)).to_have_count(0)
    assert await said(firm, call) == [("maria", "", "Asks for Tomasz")]


def _over(talk: Talk, at: float) -> Talk:
    return Talk(talk.user, talk.device, talk.start, at)


async def test_an_anonymous_call_gets_its_deal_by_one_key(firm: World, open_page: Open) -> None:
    page = await open_page("maria")
    call = firm.call(None)
    await call.rings("maria")
    await call.answered("maria")
    await expect(card(page, "talking")).to_contain_text("Hidden number")
    await page.keyboard.press("c")
    await page.keyboard.press("d")
    await expect(card(page).locator(".deal-link")).to_have_count(1)
    await expect(page.locator("#side h1")).to_be_visible()
    await call.ended()
    await card(page, "wrapup").get_by_label("Note").fill("Wants a visit")
    await card(page).get_by_role("button", name="Save").click()
    await expect(card(page)).to_have_count(0)
    line = await deals.timeline(firm.db, firm.scopes["maria"], (await the_deal(firm))["id"])
    assert [item["text"] for item in line if item["kind"] == "note"] == ["Wants a visit"]


async def test_not_a_lead_is_one_click(firm: World, open_page: Open) -> None:
    page = await open_page("maria")
    await talked(firm)
    await card(page, "wrapup").get_by_role("button", name="Not a lead").click()
    await expect(card(page)).to_have_count(0)
    deal = await the_deal(firm)
    assert (deal["stage_kind"], deal["close_reason"]) == ("lost", "Not a lead")


async def test_a_jalali_day_and_what_is_no_day(firm: World, open_page: Open) -> None:
    page = await open_page("sara", allow=("status of 422",))
    await talked(firm, "sara")
    form = card(page, "wrapup")
    await form.locator('select[name="next"]').select_option("at")
    day = form.locator('[name="next_day"]')
    await form.locator("textarea").fill("شنبه")
    await form.locator(".primary").click()
    await expect(page.locator(".toast.bad")).to_be_visible()
    await day.fill("۱۴۰۵/۱۳/۴۵")
    await form.locator(".primary").click()
    await expect(page.locator(".toast.bad")).to_have_count(2)
    await expect(form.locator("textarea")).to_have_value("شنبه")
    await page.reload()
    await page.wait_for_selector('#live[data-state="on"]', state="attached")
    await expect(form.locator("textarea")).to_have_value("شنبه")
    await day.fill("۱۴۰۵/۱۲/۰۱")
    await form.locator('[name="next_hour"]').fill("10:30")
    await form.locator(".primary").click()
    await expect(form).to_have_count(0)
    assert (await the_deal(firm))["next_contact_at"] == "2027-02-20T07:00:00.000Z"  # half past ten in Tehran


async def test_only_one_hidden_tab_announces_and_takes_it_back(firm: World, open_page: Open) -> None:
    first = await open_page("maria")
    await first.context.add_init_script(
        """
        Object.defineProperty(document, "hidden", { get: () => true });
        window.rung = []; window.gone = [];
        window.Notification = class extends EventTarget {
            static permission = "granted";
            constructor(title, options) { super(); this.tag = options.tag; window.rung.push(title); }
            close() { window.gone.push(this.tag); }
        };
        """
    )
    await first.reload()
    pages = [first, *[await tab(first, firm) for _ in range(3)]]
    call = firm.call(NUMBER)
    await call.rings("maria", "tomek")

    async def count(name: str) -> int:
        return sum([await page.evaluate(f"{name}.length") for page in pages])

    for page in pages:
        await expect(card(page, "ringing")).to_have_count(1)
    async with asyncio.timeout(15):
        while not await count("rung"):
            await first.evaluate("true")
    assert await count("rung") == 1
    await call.answered("tomek")
    for page in pages:
        await expect(card(page)).to_have_count(0)
    assert (await count("rung"), await count("gone")) == (1, 1)


async def test_what_a_gap_hid_is_read_anew(firm: World, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line()
    page = await open_page("maria", line=line)
    old = await talked(firm)
    await expect(card(page, "wrapup")).to_have_count(1)
    await card(page).get_by_label("Note").fill("Kept")
    line.up = False
    await line.cut()
    ringing = firm.call("+48221234502")
    await ringing.rings("maria")
    monkeypatch.setattr(live, "FAR_BEHIND", 0)
    line.up = True
    await line.cut()
    await expect(card(page, "ringing")).to_have_count(1, timeout=20_000)
    await expect(page.locator(f"#call-{old.call.id}").get_by_label("Note")).to_have_value("Kept")


async def test_on_a_phone_it_is_a_sheet_that_covers_no_column(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Far away")
    page = await open_page("maria", viewport=PHONE, has_touch=True)
    await talked(firm)
    await expect(card(page, "wrapup")).to_be_visible()
    rail, board = await page.locator("#rail").bounding_box(), await page.locator(".board").bounding_box()
    assert rail is not None
    assert board is not None
    assert board["y"] + board["height"] <= rail["y"] + 1
    assert board["height"] > 150
    await expect(card(page).get_by_role("button", name="Save")).to_be_in_viewport(ratio=1)
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await card(page).get_by_label("Tags").click()
    await firm.call("+48221234502").rings("maria")
    await expect(card(page, "ringing")).to_be_in_viewport(ratio=0.95)
    await expect(card(page).get_by_label("Tags")).to_be_focused()


async def test_without_scripts_it_is_a_form(firm: World, open_page: Open) -> None:
    call = await talked(firm)
    page = await open_page("maria", java_script_enabled=False)
    await card(page, "wrapup").get_by_role("radio", name="Agreed").check()
    await card(page).get_by_label("Note").fill("By hand")
    await card(page).get_by_role("button", name="Save").click()
    await expect(page).to_have_url(re.compile(r"/deals/\d+$"))
    await expect(card(page)).to_have_count(0)
    assert await said(firm, call) == [("maria", "agreed", "By hand")]
    await talked(firm)
    await page.goto(firm.url + "/board")
    await card(page).get_by_role("button", name="Hide this call").click()
    await expect(card(page)).to_have_count(0)


async def test_without_a_deal_the_next_contact_is_a_call_to_make(firm: World, open_page: Open) -> None:
    page = await open_page("maria")
    call = firm.call("+48221234577", direction="outbound", did=None, caller="maria")
    await call.answered("maria")
    await call.ended()
    await expect(card(page, "wrapup").get_by_role("button", name="Create deal")).to_be_visible()
    await card(page).get_by_label("Next contact").select_option("1d")
    await card(page).get_by_role("button", name="Save").click()
    await expect(card(page)).to_have_count(0)
    found = (await tasks.list_tasks(firm.db, firm.scopes["maria"]))["items"]
    assert [(task["kind"], task["number"]) for task in found] == [("call", "+48221234577")]
