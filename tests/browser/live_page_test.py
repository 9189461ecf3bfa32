"""The page after live events is the page read anew; and what happens when live is not."""

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from pbxcrm.http.keys import HttpSettings
from pbxcrm.service import deals, moves
from pbxcrm.service.auth import Auth
from tests.browser.conftest import Line, Open
from tests.browser.world import World, busy_week

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

# All of a card's text, seen or scrolled away; what is there for browsers without scripts does not count.
STATE = """() => { const text = card => {
    const copy = card.cloneNode(true);
    copy.querySelectorAll('noscript').forEach(n => n.remove());
    return copy.textContent.replace(/\\s+/g, ' ').trim();
}; return [...document.querySelectorAll('.col')].map(col => [
    col.dataset.count, col.dataset.value, col.querySelector('[data-n]').textContent,
    col.querySelector('[data-sum]').textContent.trim(),
    [...col.querySelectorAll('.card')].map(c => [c.id, c.dataset.version, text(c)])
]).concat([document.querySelector('#sum-up').textContent]) }"""


async def same_as_anew(page: Page) -> None:
    """Live state equals the state read anew, to the letter."""
    live = await page.evaluate(STATE)
    await page.reload()
    await page.wait_for_selector('#live[data-state="on"]', state="attached")
    assert live == await page.evaluate(STATE)


async def a_day(firm: World) -> None:
    """Everything that changes a board, once."""
    boss, maria = firm.scopes["anna"], firm.scopes["maria"]
    one = await firm.deal("maria", title="One", value="100.25", number="+48221234501")
    two = await firm.deal("maria", title="Two", value="999")
    three = await firm.deal(None, "Unsorted", title="Three", value="10")
    await firm.deal("tomek", title="Dollars", value="50", currency="USD")
    one = await moves.move(firm.db, maria, one["id"], firm.stages["Offer"], one["version"])
    one = await deals.change(firm.db, maria, one["id"], one["version"], {"value": "250.75", "title": "One, dearer"})
    await deals.claim(firm.db, maria, three["id"])
    two = await deals.change(firm.db, boss, two["id"], two["version"], {"owner": "tomek"})
    await moves.move(firm.db, boss, two["id"], firm.stages["Lost"], two["version"], "Too expensive")
    await moves.move(firm.db, maria, one["id"], firm.stages["Won"], one["version"])
    call = firm.call("+48221234599", caller_name="Somebody")
    await call.rings("maria", "tomek")
    await call.answered("maria")
    await call.ended()
    await firm.call("+48221234588").ended("missed")
    await firm.deal("maria", title="The last", value="1")


@pytest.mark.parametrize("who", ["anna", "maria", "tomek", "sara"])
async def test_live_is_the_same_as_anew(firm: World, open_page: Open, who: str) -> None:
    await busy_week(firm)
    page = await open_page(who)
    await a_day(firm)
    mine = "The last" if who != "tomek" else "+48 22 123 45 88"
    if who == "tomek":
        await firm.deal("tomek", title="The very last")
        mine = "The very last"
    await expect(page.locator(".title", has_text=mine)).to_have_count(1)
    await expect(page.locator('.card[aria-busy="true"]')).to_have_count(0)
    await same_as_anew(page)


async def test_what_happened_while_the_line_was_down_comes_after(firm: World, open_page: Open) -> None:
    await firm.deal("maria", title="Here")
    line = Line()
    page = await open_page("maria", line=line)
    line.up = False
    await line.cut()
    await firm.deal("maria", title="Meanwhile")
    await expect(page.locator(".title", has_text="Meanwhile")).to_have_count(0)
    line.up = True
    await line.cut()
    await expect(page.locator(".title", has_text="Meanwhile")).to_have_count(1, timeout=20_000)
    await same_as_anew(page)


async def test_a_page_that_is_not_live_says_so(firm: World, open_page: Open) -> None:
    line = Line()
    page = await open_page("maria", line=line)

    async def refuse(socket: WebSocketRoute) -> None:
        await socket.close()

    await page.route_web_socket("**/live*", refuse)
    await line.cut()
    await expect(page.get_by_role("img", name="Not live just now")).to_be_visible()


async def test_a_session_that_ended_is_said(firm: World, open_page: Open) -> None:
    page = await open_page("maria")
    await Auth(firm.db).logout_all(firm.scopes["maria"])
    await expect(page.locator(".toast.bad")).to_contain_text("Your session is over.")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_label("Password")).to_be_visible()


async def test_the_scripts_write_money_as_the_server_does(firm: World, open_page: Open) -> None:
    from pbxcrm.http.i18n import LOCALES, Reader, money_rule
    from pbxcrm.http.sums import short, short_rule

    page = await open_page("maria")
    for locale in LOCALES:
        for currency, places in (("EUR", 2), ("IRR", 0), ("IRT", 0), ("JPY", 0), ("KWD", 3)):
            for units in (0, 5, 1250, 100000, 999_995, 12_000_000, 123456789, -4250, -2_345_678_901):
                digits = f"{abs(units):0{places + 1}d}"
                amount = (digits[:-places] + "." + digits[-places:]) if places else digits
                toman = currency == "IRT"
                reader = Reader(locale, toman=toman)
                asked = ("-" if units < 0 else "") + amount, "IRR" if toman else currency
                unit = reader.unit(asked[1])
                got = await page.evaluate(
                    """async ([rule, digits, short, units, places]) => {
                        const url = document.querySelector('script[type=module]').src.replace('app.js', 'words.js');
                        const words = await import(url);
                        const n = BigInt(units);
                        return [words.moneyAs(rule, digits, n, places), words.shortAs(rule, digits, short, n, places)];
                    }""",
                    [
                        [*money_rule(locale, unit), int(toman)],
                        Reader(locale).digits("0123456789"),
                        short_rule(locale, unit),
                        str(units),
                        places,
                    ],
                )
                assert got == [reader.money(*asked), short(reader, *asked)]


async def test_the_oldest_of_seven_tabs_sleeps_until_it_is_looked_at(firm: World, open_page: Open) -> None:
    first = await open_page("maria")
    others = []
    for _ in range(HttpSettings().max_streams_session):
        page = await first.context.new_page()
        await page.goto(firm.url + "/board")
        await expect(page.locator('#live[data-state="on"]')).to_be_attached()
        others.append(page)
    await expect(first.locator('#live[data-state="off"]')).to_be_attached()
    await firm.deal("maria", title="While it slept")
    for page in others:
        await expect(page.locator(".title", has_text="While it slept")).to_have_count(1)
    # It does not come back by itself: that would throw out another, which would throw out the next.
    await expect(first.locator(".title", has_text="While it slept")).to_have_count(0)
    await expect(first.locator('#live[data-state="off"]')).to_be_attached()
    await first.bring_to_front()
    await first.evaluate("dispatchEvent(new Event('focus'))")  # where there are no windows none has the focus
    await expect(first.locator('#live[data-state="on"]')).to_be_attached()
    await expect(first.locator(".title", has_text="While it slept")).to_have_count(1)
    await expect(others[0].locator('#live[data-state="off"]')).to_be_attached()  # now the oldest
    await same_as_anew(first)
