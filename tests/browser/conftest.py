"""Debian's Chromium, one for all tests; each test has a firm of its own, and each person a browser of their own."""

import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, WebSocketRoute, async_playwright, expect

from tests.browser import world as worlds
from tests.browser.world import World

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "var" / "screenshots"
ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=15_000)  # a condition is waited for; this long only when it never comes
WIDE = {"width": 1440, "height": 900}

# Chromium reports every refusal of ours as an error of the page; these are answers.
ANSWERS = ("status of 401", "status of 409", "status of 422")


class Line:
    """A page's WebSocket in our hands: cut it, and say whether the next one gets through."""

    def __init__(self, *, up: bool = True) -> None:
        self.up = up
        self._sockets: list[WebSocketRoute] = []

    def connect(self, socket: WebSocketRoute) -> None:
        self._sockets.append(socket)
        if self.up:
            socket.connect_to_server()

    async def cut(self) -> None:
        for socket in self._sockets:
            await socket.close()
        self._sockets.clear()


class Diary:
    """What was done on a page and what it asked for, with the milliseconds: told when its test fails."""

    ACTS = """for (const kind of ["pointerdown", "pointerup", "click", "submit"])
        addEventListener(kind, ({ target }) => console.debug(kind, target.outerHTML?.slice(0, 120)), true);"""

    def __init__(self, page: Page) -> None:
        self.page, self.lines, self.began = page, [f"-- {page.url}"], time.monotonic()
        page.on("console", lambda m: self.write(m.text))
        page.on("request", lambda r: self.write(f"asks    {r.method} {r.url}"))
        page.on("requestfinished", lambda r: self.write(f"has got {r.method} {r.url}"))

    def write(self, line: str) -> None:
        self.lines.append(f"{(time.monotonic() - self.began) * 1000:8.0f} {line}")

    async def tell(self) -> None:
        print("\n".join(self.lines))
        print(await self.page.locator("body").aria_snapshot())


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


Open = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    path = shutil.which("chromium")
    assert path, "These tests drive Debian's Chromium: apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def firm(tmp_path: Path) -> AsyncIterator[World]:
    async with worlds.world(tmp_path) as served:
        yield served


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(chromium: Browser, firm: World, request: pytest.FixtureRequest) -> AsyncIterator[Open]:
    """`await open_page("maria", "/board")`: a page of that person's own browser; a stranger's for None.

    Nothing may go wrong on any page: an error on its console fails the test.
    """
    contexts, diaries, wrong = [], [], []

    async def open_one(
        name: str | None,
        path: str = "/board",
        *,
        allow: tuple[str, ...] = (),
        line: "Line | None" = None,
        **options: Any,
    ) -> Page:
        context = await chromium.new_context(**{"viewport": WIDE, "locale": "en-GB", **options})
        contexts.append(context)
        if name:
            await context.add_cookies([await firm.cookie(name)])  # type: ignore[list-item]
        await context.add_init_script(Diary.ACTS)
        page = await context.new_page()
        diaries.append(Diary(page))
        page.set_default_timeout(10_000)
        if line is not None:
            await page.route_web_socket("**/live*", line.connect)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda m: (
                wrong.append(m.text)
                if m.type in ("error", "warning") and not any(a in m.text for a in (*allow, *ANSWERS))
                else None
            ),
        )
        await page.goto(firm.url + path)
        if name and options.get("java_script_enabled", True):
            await page.wait_for_selector('#live[data-state="on"]', state="attached")
        return page

    yield open_one
    if request.node.stash.get(FAILED, False):
        for diary in diaries:
            await diary.tell()
    for context in contexts:
        await context.close()
    assert not wrong, wrong


@pytest.fixture
def shoot() -> Callable[[Page, str], Awaitable[None]]:
    """`await shoot(page, "board")` leaves var/screenshots/board.png, for somebody to look at."""

    async def take(page: Page, name: str) -> None:
        SHOTS.mkdir(parents=True, exist_ok=True)
        await page.evaluate(
            "Promise.all(document.getAnimations().map(a => a.effect.getTiming().iterations === 1 && a.finished))"
        )
        await page.screenshot(path=SHOTS / f"{name}.png")

    return take
