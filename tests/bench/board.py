"""The board in Chromium: until 400 cards can be worked with, a move's round trip, and what a page weighs."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from pbxcrm.http.static import web_root
from tests.browser.conftest import ARGS
from tests.browser.world import World, world

CARDS, LOADS, MOVES = 400, 15, 200
REST = 0.5  # seconds before a load: the last one's process has ended then, and the empty page has been set up
OPEN = ("Unsorted", "New", "Qualified", "Offer", "Negotiation")
WIDE = {"width": 1440, "height": 900}
# From the navigation's start: the first card is painted; the scripts have taken the board over.
READY = """() => new Promise(done => {
    const look = () => document.documentElement.dataset.ready === undefined ? requestAnimationFrame(look)
        : requestAnimationFrame(() => setTimeout(() => done(performance.now())));
    look();
})"""
MOVE = """async ([id, stage]) => {
    const url = document.querySelector('script[type=module]').src;
    const modules = [...document.querySelectorAll('link[rel=modulepreload]')].map(l => l.href);
    const board = await import(modules.find(m => m.includes('board')));
    const card = document.getElementById(`deal-${id}`);
    const began = performance.now();
    await board.move(card, stage, { undo: false });
    return performance.now() - began;
}"""


def at(values: list[float], share: float) -> float:
    """The value that so large a share is not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def line(what: str, values: list[float], goal: str) -> str:
    """A row of the table."""
    return f"| {what} | {len(values)} | {at(values, 0.5):.0f} | {at(values, 0.99):.0f} | {max(values):.0f} | {goal} |"


async def fill(firm: World) -> list[str]:
    """CARDS deals of one seller, over the open stages; gives their ids."""
    made = []
    for n in range(CARDS):
        deal = await firm.deal(
            "maria",
            OPEN[n % len(OPEN)],
            title=f"Forty phones {n}",
            name=f"Person {n}",
            company=f"Firm {n % 50}",
            number=f"+4822{1000000 + n}",
            value=str(100 + n),
            source=("Website", "Reception", "")[n % 3],
        )
        made.append(deal["id"])
    return made


async def open_board(browser: Browser, firm: World, cookie: dict[str, object]) -> tuple[Page, float]:
    """A fresh browser of hers (nothing cached) on the board; milliseconds until it can be worked with."""
    context = await browser.new_context(viewport=WIDE)
    await context.add_cookies([cookie])  # type: ignore[list-item]
    page = await context.new_page()
    await asyncio.sleep(REST)
    await page.goto(f"{firm.url}/board")
    return page, float(await page.evaluate(READY))


async def whole(page: Page) -> None:
    """Wait until a column has its first 50 cards: the page brings 10."""
    for column in await page.locator(".col:has(.more)").all():
        await column.locator(".card").nth(49).wait_for(state="attached")


async def measure(folder: Path) -> str:
    """The table, and the weights."""
    async with world(folder) as firm, async_playwright() as play:
        ids = await fill(firm)
        path = shutil.which("chromium") or "/usr/bin/chromium"
        browser = await play.chromium.launch(executable_path=path, args=ARGS)
        cookie = await firm.cookie("maria")
        loads = []
        for _ in range(LOADS):
            page, took = await open_board(browser, firm, cookie)
            loads.append(took)
            await whole(page)
            cards = await page.locator(".card").count()
            await page.context.close()
        page, _ = await open_board(browser, firm, cookie)
        again = []
        for _ in range(LOADS):
            await whole(page)
            await asyncio.sleep(REST)
            await page.reload()
            again.append(float(await page.evaluate(READY)))
        await page.wait_for_selector('#live[data-state="on"]', state="attached")
        moves = []
        known = [one for one in ids if await page.locator(f"#deal-{one}").count()]
        for n in range(MOVES):
            to = firm.stages[("Qualified", "Offer", "Negotiation", "New")[n % 4]]
            one = known[n % len(known)]
            if await page.evaluate(
                "([id, to]) => document.getElementById(`deal-${id}`).dataset.stage !== to", [one, to]
            ):
                moves.append(float(await page.evaluate(MOVE, [one, to])))
        weight = await page.evaluate("() => performance.getEntriesByType('navigation')[0].encodedBodySize")
        await browser.close()
    rows = [
        f"Board of {CARDS} deals, {cards} cards on the page ({CARDS - cards} more on scroll)",
        "",
        "| what | times | p50 ms | p99 ms | max ms | goal |",
        "|---|--:|--:|--:|--:|--:|",
        line("until it can be worked with, nothing cached", loads, "300"),
        line("the same, read again", again, "300"),
        line("a move: from the drop to the server's card in place", moves, "50"),
        "",
        f"Page {weight / 1024:.1f} KiB packed; {weights()}",
    ]
    return "\n".join(rows)


def weights() -> str:
    """Scripts and styles as they travel."""
    static = web_root() / "static"
    packed = {
        name: sum(len(gzip.compress(path.read_bytes(), mtime=0)) for path in sorted((static / name).glob(f"*.{name}")))
        for name in ("js", "css")
    }
    return f"scripts {packed['js'] / 1024:.1f} KiB of 30, styles {packed['css'] / 1024:.1f} KiB of 12"


def run() -> str:
    """The figures of docs/performance.md."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure(Path(folder)))
