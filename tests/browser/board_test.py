"""The board in a browser: what it shows, and the three ways to move a card."""

import asyncio
import re

import pytest
from playwright.async_api import Page, Route, expect

from pbxcrm.crm.access import Scope
from pbxcrm.service import deals, moves, pipelines
from tests.browser.conftest import Line, Open
from tests.browser.world import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def column(page: Page, world: World, stage: str):
    return page.locator(f'.col[data-stage="{world.stages[stage]}"]')


async def heads(page: Page) -> dict[str, tuple[str, str]]:
    """What each column's head says: name -> (count, sum)."""
    found = {}
    for col in await page.locator(".col").all():
        name, n, total = [await col.locator(f"[data-{k}]").first.text_content() for k in ("name", "n", "sum")]
        found[str(name)] = (str(n), str(total))
    return found


async def drag(page: Page, card, target) -> None:
    start, end = await card.bounding_box(), await target.bounding_box()
    await page.mouse.move(start["x"] + 40, start["y"] + 12)
    await page.mouse.down()
    await page.mouse.move(start["x"] + 60, start["y"] + 30, steps=3)
    await page.mouse.move(end["x"] + end["width"] / 2, end["y"] + 80, steps=6)
    await page.mouse.up()


async def test_cards_stand_by_date_with_count_and_sum(firm: World, open_page: Open) -> None:
    for title, value in (("First", "100.50"), ("Second", "1200"), ("Third", "0")):
        await firm.deal("maria", title=title, value=value, name="Elżbieta", company="Nordlicht", number="+48221234567")
    page = await open_page("maria")
    titles = await column(page, firm, "New").locator(".title").all_text_contents()
    assert titles == ["Third", "Second", "First"]
    assert (await heads(page))["New"] == ("3", "€1,300.50")
    await expect(page.locator("#sum-up")).to_have_text("Open deals: 3 · €1,300.50")
    first = page.locator(".card", has_text="First")
    await expect(first).to_contain_text("Elżbieta · Nordlicht")
    await expect(first).to_contain_text("+48 22 123 45 67")
    await expect(first.locator(".face")).to_have_count(0)


async def test_a_manager_sees_whose_card_it_is_and_an_agent_sees_own_only(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Hers")
    await firm.deal("tomek", title="His")
    boss, tomek = await open_page("anna"), await open_page("tomek")
    await expect(boss.locator(".card")).to_have_count(2)
    await expect(boss.get_by_role("img", name="Owner: Maria Nowak")).to_be_visible()
    await expect(tomek.locator(".card .title")).to_have_text(["His"])


async def test_drag_moves_at_once_and_for_everybody(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial", value="500")
    page, boss = await open_page("maria"), await open_page("anna")
    await drag(page, page.locator(".card"), column(page, firm, "Offer"))
    await expect(column(page, firm, "Offer").locator(".title")).to_have_text("Trial")
    await expect(column(boss, firm, "Offer").locator(".title")).to_have_text("Trial")
    assert (await firm.get(deal["id"]))["stage"] == firm.stages["Offer"]
    assert (await heads(page))["Offer"] == (await heads(boss))["Offer"] == ("1", "€500")
    assert (await heads(boss))["New"] == ("0", "")
    await expect(page.locator("#side")).to_be_hidden()


async def test_undo_brings_it_back(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial")
    page = await open_page("maria")
    await drag(page, page.locator(".card"), column(page, firm, "Negotiation"))
    await page.get_by_role("button", name="Undo").click()
    await expect(column(page, firm, "New").locator(".title")).to_have_text("Trial")
    await expect(page.locator('.card[aria-busy="true"]')).to_have_count(0)
    assert (await firm.get(deal["id"]))["stage"] == firm.stages["New"]


async def test_dropping_on_lost_asks_why(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial")
    page = await open_page("maria")
    card = page.locator(".card")
    box = await card.bounding_box()
    await page.mouse.move(box["x"] + 40, box["y"] + 12)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 90, box["y"] + 60, steps=4)
    zone = await page.locator('.zone[data-kind="lost"]').bounding_box()
    await page.mouse.move(zone["x"] + 30, zone["y"] + 20, steps=4)
    await page.mouse.up()
    await expect(page.get_by_role("heading", name="Why was it lost?")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(column(page, firm, "New").locator(".card")).to_have_count(1)
    await page.locator("[data-move]").click()
    await page.get_by_role("menuitemradio", name="Lost").click()
    await page.get_by_label("Chose a competitor").check()
    await page.get_by_role("button", name="Move to Lost").click()
    await expect(column(page, firm, "Lost").locator(".card")).to_contain_text("Chose a competitor")
    assert (await firm.get(deal["id"]))["close_reason"] == "Chose a competitor"


async def test_the_list_on_the_card(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Trial")
    page = await open_page("maria")
    await page.get_by_role("button", name="Move Trial to…").click()
    await page.keyboard.press("ArrowDown")
    await page.get_by_role("menuitemradio", name="Qualified").click()
    await expect(column(page, firm, "Qualified").locator(".title")).to_have_text("Trial")
    await expect(column(page, firm, "Qualified").locator(".title")).to_be_focused()


async def test_the_keyboard_alone(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Older")
    await firm.deal("maria", title="Newer")
    await firm.deal("maria", stage="Offer", title="Far")
    page = await open_page("maria")
    await page.locator(".card .title", has_text="Newer").focus()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(".title", has_text="Older")).to_be_focused()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator(".title", has_text="Far")).to_be_focused()
    await page.keyboard.press("Space")
    await expect(page.locator("#say")).to_have_text(re.compile("Far lifted"))
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#say")).to_have_text("Over Negotiation")
    await page.keyboard.press("Escape")
    await expect(column(page, firm, "Offer").locator(".title")).to_have_text("Far")
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Space")
    await expect(column(page, firm, "Negotiation").locator(".title")).to_have_text("Far")
    await expect(page.locator(".title", has_text="Far")).to_be_focused()
    await expect(page.locator("#say")).to_have_text("Moved to Negotiation")
    # One tab stop: the card in focus, and after it that card's own buttons.
    assert await page.locator('.card .title[tabindex="0"]').count() == 1


async def test_right_to_left_the_arrows_follow_the_eye(firm: World, open_page: Open) -> None:
    await firm.deal("layla", title="صفقة")
    page = await open_page("layla")
    await page.locator(".card .title").focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Space")
    await expect(column(page, firm, "Qualified").locator(".title")).to_have_text("صفقة")


async def test_somebody_was_faster(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial", value="300")
    page = await open_page("maria", line=Line(up=False))
    await moves.move(firm.db, firm.scopes["anna"], deal["id"], firm.stages["Qualified"], deal["version"])
    await drag(page, page.locator(".card"), column(page, firm, "Offer"))
    await expect(page.locator(".toast.bad")).to_contain_text("Anna Kowalska was faster: the deal is in Qualified now")
    await expect(column(page, firm, "Qualified").locator(".card")).to_have_count(1)
    await expect(column(page, firm, "Qualified").locator("[data-n]")).to_have_text("1")
    await expect(column(page, firm, "Offer").locator("[data-n]")).to_have_text("0")


async def test_a_move_that_never_arrives_is_taken_back(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Trial")
    page = await open_page("maria", allow=("ERR_FAILED",))
    await page.route("**/move", lambda route: route.abort())
    await drag(page, page.locator(".card"), column(page, firm, "Offer"))
    await expect(page.locator(".toast.bad")).to_contain_text("The server did not answer.")
    await expect(column(page, firm, "New").locator(".card")).to_have_count(1)


async def test_new_deal_in_a_dialog(firm: World, open_page: Open) -> None:
    page, boss = await open_page("maria"), await open_page("anna")
    await page.keyboard.press("n")
    await expect(page.get_by_role("heading", name="New deal")).to_be_visible()
    await page.get_by_label("Value").fill("abc")
    await page.get_by_label("What is it about?").fill("Forty phones")
    await page.get_by_role("button", name="Create deal").click()
    await expect(page.locator("dialog .wrong")).to_have_text("This is not an amount; write it like 1500.50.")
    await page.get_by_label("Value").fill("۱۲۵۰")
    await page.get_by_label("Customer").fill("Elżbieta")
    await page.get_by_label("Phone number").fill("22 123 45 67")
    await page.get_by_role("button", name="Create deal").click()
    await expect(column(page, firm, "New").locator(".card")).to_contain_text("Forty phones")
    await expect(column(boss, firm, "New").locator(".card")).to_contain_text("Elżbieta")
    await expect(column(boss, firm, "New").locator("[data-sum]")).to_have_text("€1,250")
    await expect(page.locator(".card")).to_have_count(1)


async def test_accept_and_not_a_lead(firm: World, open_page: Open) -> None:
    await firm.deal("maria", "Unsorted", title="Good")
    await firm.deal("maria", "Unsorted", title="Bad")
    page = await open_page("maria")
    await page.locator(".card", has_text="Good").get_by_role("button", name="Accept").click()
    await expect(column(page, firm, "New").locator(".title")).to_have_text("Good")
    await page.locator(".card", has_text="Bad").get_by_role("button", name="Not a lead").click()
    await expect(column(page, firm, "Lost").locator(".card")).to_contain_text("Not a lead")


async def test_a_deal_of_nobody_is_taken(firm: World, open_page: Open) -> None:
    deal = await firm.deal(None, "Unsorted", title="Free")
    page = await open_page("anna")
    await page.get_by_role("button", name="Take it").click()
    await expect(page.get_by_role("img", name="Owner: Anna Kowalska")).to_be_visible()
    assert (await firm.get(deal["id"]))["owner"] == "anna"


async def test_fifty_a_column_then_more_on_scroll(firm: World, open_page: Open) -> None:
    for n in range(60):
        await firm.deal("maria", title=f"Deal {n:02}")
    page = await open_page("maria")
    new = column(page, firm, "New")
    await expect(new.locator(".card")).to_have_count(50)
    await new.locator(".cards").evaluate("list => list.scrollTo(0, list.scrollHeight)")
    await expect(new.locator(".card")).to_have_count(60)
    assert await new.locator(".title").last.text_content() == "Deal 00"
    await expect(new.locator("[data-n]")).to_have_text("60")


@pytest.mark.parametrize("way", ["list", "mouse", "keyboard"])
@pytest.mark.parametrize("meanwhile", ["renamed", "moved", "given away"])
async def test_a_card_that_changes_while_it_is_lifted(firm: World, open_page: Open, way: str, meanwhile: str) -> None:
    """It was drawn anew under the hand: the old card came back beside the new one."""
    deal = await firm.deal("maria", title="Trial", value="100")
    page, boss = await open_page("maria"), firm.scopes["anna"]
    mine = page.locator(f"#deal-{deal['id']}")
    title = mine.locator(".title")
    if way == "list":
        await mine.locator("[data-move]").click()
    elif way == "keyboard":
        await title.press(" ")
        await title.press("ArrowRight")
    else:
        await title.hover()
        await page.mouse.down()
        box = await column(page, firm, "Qualified").bounding_box()
        assert box
        await page.mouse.move(box["x"] + 60, box["y"] + 90, steps=4)
    if meanwhile == "renamed":
        await deals.change(firm.db, boss, deal["id"], deal["version"], {"title": "Seen"})
        await expect(title).to_have_text("Seen")
    elif meanwhile == "moved":
        await moves.move(firm.db, boss, deal["id"], firm.stages["Offer"], deal["version"])
        await expect(column(page, firm, "Offer").locator(".card")).to_have_count(1)
    else:
        await deals.change(firm.db, boss, deal["id"], deal["version"], {"owner": "tomek"})
        await expect(mine).to_have_count(0)
    if way == "list":
        await page.get_by_role("menuitemradio", name="Qualified").click()
    elif way == "keyboard":
        await page.keyboard.press(" ")
    else:
        await page.mouse.up()
    if meanwhile == "moved":
        await expect(page.locator(".toast.bad")).to_contain_text("Anna Kowalska was faster")
        await expect(column(page, firm, "Offer").locator(".card")).to_have_count(1)
    elif meanwhile == "renamed":
        await expect(column(page, firm, "Qualified").locator(".card .title")).to_have_text("Seen")
    await expect(page.locator(".board .card")).to_have_count(0 if meanwhile == "given away" else 1)
    await expect(page.locator(".ghost, .card[aria-busy]")).to_have_count(0)  # answered by the server
    stage = {"renamed": "Qualified", "moved": "Offer", "given away": "New"}[meanwhile]
    assert (await firm.get(deal["id"]))["stage_name"] == stage


async def test_a_board_read_anew_stays_where_one_was(firm: World, open_page: Open) -> None:
    for n in range(60):
        await firm.deal("maria", title=f"Deal {n:02}")
    page = await open_page("maria")
    new = column(page, firm, "New")
    await expect(new.locator(".card")).to_have_count(50)
    await new.locator(".title").nth(30).focus()
    await new.locator(".cards").evaluate("list => list.scrollTo(0, 1500)")
    root = Scope(0, "root", "admin", peer="test")
    await pipelines.change_stage(firm.db, root, firm.stages["New"], {"name": "Fresh"})
    await expect(new.locator("[data-name]")).to_have_text("Fresh")
    await expect(new.locator(".card")).to_have_count(50)
    await expect(new.locator(".title").nth(30)).to_be_focused()
    assert abs(await new.locator(".cards").evaluate("list => list.scrollTop") - 1500) < 2


async def test_a_deal_that_left_while_more_came_stays_away(firm: World, open_page: Open) -> None:
    made = [await firm.deal("maria", title=f"Deal {n:02}") for n in range(30)]
    page = await open_page("maria")
    asked, go = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        asked.set()
        await go.wait()
        await route.fulfill(response=answer)

    await page.route("**/board?*cursor=*", late)
    await page.reload()
    await page.wait_for_selector('#live[data-state="on"]', state="attached")
    await asked.wait()
    left, moved = made[0], made[1]
    await deals.change(firm.db, firm.scopes["anna"], left["id"], left["version"], {"owner": "tomek"})
    await moves.move(firm.db, firm.scopes["maria"], moved["id"], firm.stages["Offer"], moved["version"])
    new = column(page, firm, "New")
    await expect(new.locator("[data-n]")).to_have_text("28")
    await expect(column(page, firm, "Offer").locator(".card")).to_have_count(1)
    go.set()
    await expect(new.locator(".card")).to_have_count(28)
    assert await new.locator(".title").all_text_contents() == [f"Deal {n:02}" for n in range(29, 1, -1)]


async def test_it_works_without_scripts(firm: World, open_page: Open) -> None:
    deal = await firm.deal("maria", title="Trial")
    page = await open_page("maria", java_script_enabled=False)
    await page.locator(".card select").select_option(label="Offer")
    await page.locator(".card").get_by_role("button", name="Move", exact=True).click()
    await expect(column(page, firm, "Offer").locator(".title")).to_have_text("Trial")
    await page.locator(".card select").select_option(label="Lost")
    await page.locator(".card").get_by_role("button", name="Move", exact=True).click()
    await page.get_by_label("Too expensive").check()
    await page.get_by_role("button", name="Move to Lost").click()
    assert (await firm.get(deal["id"]))["close_reason"] == "Too expensive"
    await page.goto(firm.url + "/board")
    await page.get_by_role("link", name="New deal", exact=True).click()
    await page.get_by_role("button", name="Create deal").click()
    await expect(page.locator(".wrong").first).to_be_visible()
    await page.get_by_label("What is it about?").fill("By hand")
    await page.get_by_role("button", name="Create deal").click()
    await expect(page.get_by_role("heading", name="By hand")).to_be_visible()


async def test_touch_moves_after_a_long_press_and_scrolls_before(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Trial")
    page = await open_page("maria", viewport={"width": 390, "height": 800}, has_touch=True)
    touch = await page.context.new_cdp_session(page)
    await page.locator(".board").evaluate("b => b.scrollTo(300, 0)")
    box = await page.locator(".card").bounding_box()
    x, y = box["x"] + 60, box["y"] + 12

    async def point(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": a, "y": b} for a, b in points]
        await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    await point("touchStart", (x, y))
    await page.wait_for_selector("body.dragging")
    zone = await page.locator('.zone[data-kind="won"]').bounding_box()
    await point("touchMove", (x + 5, y + 40))
    await point("touchMove", (zone["x"] + 20, zone["y"] + 20))
    await expect(page.locator('.zone[data-kind="won"]')).to_have_class(re.compile("over"))
    await point("touchEnd")
    await expect(column(page, firm, "Won").locator(".title")).to_have_text("Trial")
