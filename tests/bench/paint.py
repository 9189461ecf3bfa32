"""Ring to painted card: from the bytes that say a phone rings to the frame that shows the card, in 20 real browsers.

The wire is that of wire.py: the real Asterisk, its phones, `pbxcrm serve` and a second manager connection, a process
each. The browsers are Chromium's: 20 people in a context of their own (five whose phones ring, twelve other agents,
three managers), each with a board of 300 deals open. A sample is one card at one browser: from the first word that this
person's phone rings (Newstate or DialState) to the moment after the frame in which their card was drawn. `dom` is when
the card was in the document, before layout and paint.

The browser's clock is the machine's: timeOrigin + now(), which Chromium takes from the wall clock; the wire's is
monotonic, and the distance between the two is taken beside.
"""

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

from pbxcrm.crm.access import SYSTEM
from pbxcrm.service import deals, people
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.bench import wire
from tests.bench.cpu import ahead, descendants, used
from tests.bench.tap import read
from tests.bench.wire import DEVICES, PASSWORD, Pbx, pbx, tapping
from tests.fakes.process import Pbxcrm

PHONES = tuple(DEVICES.values())
AGENTS = tuple(f"agent{i}" for i in range(12))
MANAGERS = tuple(f"manager{i}" for i in range(3))
DEALS, CALLS, RATE = 300, 200, 1.0
ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
WATCH = """() => {
    window.painted = {};
    const stamp = () => performance.timeOrigin + performance.now();
    const look = () => {
        for (const card of document.querySelectorAll('.caller[data-state="ringing"]')) {
            const id = card.dataset.call;
            if (painted[id]) continue;
            const seen = painted[id] = [stamp(), 0];
            requestAnimationFrame(() => {
                const after = new MessageChannel();
                after.port1.onmessage = () => { seen[1] = stamp(); };
                after.port2.postMessage(0);
            });
        }
    };
    new MutationObserver(look).observe(document.querySelector('#rail'), {childList: true, subtree: true});
}"""


@dataclass(frozen=True)
class Result:
    """Seconds from the wire to the document and to the frame; `load`: the machine's load average before and after."""

    calls: int
    dom: list[float]
    painted: list[float]
    missing: int
    load: tuple[float, float]
    lag: list[float]
    cpu: Mapping[str, float]


async def settle(crm: Pbxcrm) -> str:
    """Twenty people and a board; gives a manager's token."""
    db = Database(crm.environ["PBXCRM_DATABASE_URL"], region="PL")
    try:
        await migrate(db)
        devices = {person: [f"PJSIP/{number}"] for number, person in DEVICES.items()}
        for name in (*PHONES, *AGENTS):
            await people.add_user(db, name, "agent", devices.get(name, []), full_name=name.title(), password=PASSWORD)
        for name in MANAGERS:
            await people.add_user(db, name, "manager", full_name=name.title(), password=PASSWORD)
        owners = [*PHONES, *AGENTS]
        for n in range(DEALS):
            fields = {"title": f"Offer {n}", "owner": owners[n % len(owners)], "value": str(100 + n)}
            await deals.create(db, SYSTEM, fields)
        return await people.create_token(db, MANAGERS[0])
    finally:
        await db.close()


@asynccontextmanager
async def browsers(crm: Pbxcrm) -> AsyncIterator[dict[str, Page]]:
    """Everybody's board, live and watched."""
    path = shutil.which("chromium")
    if path is None:
        raise RuntimeError("this takes Debian's Chromium: apt-get install chromium")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=ARGS)
        yield {name: await _open(chromium, crm, name) for name in (*PHONES, *AGENTS, *MANAGERS)}
        await chromium.close()


async def _open(chromium: Browser, crm: Pbxcrm, name: str) -> Page:
    context = await chromium.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    page = await context.new_page()
    await page.goto(crm.url + "/login")
    await page.fill("input[name=name]", name)
    await page.fill("input[name=password]", PASSWORD)
    await page.press("input[name=password]", "Enter")
    await page.wait_for_selector('#live[data-state="on"]', state="attached")
    await page.evaluate(WATCH)
    return page


async def measure(crm: Pbxcrm, exchange: Pbx, tap: Path, calls: int, rate: float, *, first: bool) -> Result:
    """So many calls at about that rate, after a few that warm up."""
    async with browsers(crm) as pages:
        chromium = [pid for pid in descendants() if _is_chromium(pid)]
        for pid in chromium if first else ():
            ahead(pid)  # it made a session of its own
        await asyncio.to_thread(exchange.play, 2.0, 3.0, audio=False)
        start, before = time.monotonic(), os.getloadavg()[0]
        lag: list[float] = []
        probe = asyncio.create_task(wire._probe(lag))
        was = _cpu(crm, exchange, chromium)
        played = await asyncio.to_thread(exchange.play, rate, calls / rate, audio=False)
        cpu = {name: now - was[name] for name, now in _cpu(crm, exchange, chromium).items()}
        probe.cancel()
        ahead_by = time.time() - time.monotonic()
        stamps = {name: await page.evaluate("painted") for name, page in pages.items()}
    due = {key: at for key, at in wire.wire([one for one in read(tap) if one.at >= start]).items() if key[2]}
    dom, painted, missing = compare(due, stamps, await asyncio.to_thread(_ids, crm), ahead_by)
    return Result(len(played["calls"]), dom, painted, missing, (before, os.getloadavg()[0]), lag, cpu)


def _is_chromium(pid: int) -> bool:
    try:
        return b"chromium" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _cpu(crm: Pbxcrm, exchange: Pbx, chromium: Sequence[int]) -> dict[str, float]:
    assert crm.process is not None
    return {
        "pbxcrm": used(crm.process.pid),
        "asterisk": used(exchange.about["pid"]),
        "browsers": sum(used(pid) for pid in chromium if Path(f"/proc/{pid}").exists()),
    }


def _ids(crm: Pbxcrm) -> dict[str, str]:
    """Uniqueid of the caller's channel -> our id of the call."""
    found, cursor = {}, ""
    while cursor is not None:
        status, page = crm.call(f"/api/v1/calls?limit=200{cursor and '&cursor=' + cursor}")
        if status != 200:
            raise RuntimeError(f"the calls cannot be read: {status}")
        found.update({call["linkedids"][0]: call["id"] for call in page["items"]})
        cursor = page["next"]
    return found


def compare(
    due: Mapping[wire.Key, float],
    stamps: Mapping[str, Mapping[str, Sequence[float]]],
    ids: Mapping[str, str],
    off: float,
) -> tuple[list[float], list[float], int]:
    """(seconds to the document, seconds to the frame, cards that never came); `off`: wall clock less monotonic."""
    dom, painted, missing = [], [], 0
    for (_, call, person), at in due.items():
        seen = stamps[person].get(ids.get(call, ""))
        if seen is None or not seen[1]:
            missing += 1
            continue
        dom.append(seen[0] / 1000 - off - at)
        painted.append(seen[1] / 1000 - off - at)
    return dom, painted, missing


def run(*, calls: int = CALLS, rate: float = RATE, first: bool = False) -> Result:
    """`first`: ahead of other work on this machine."""
    with tempfile.TemporaryDirectory() as name, pbx() as exchange:
        folder, about = Path(name), exchange.about
        if first:
            ahead(about["pid"])
        crm = _crm(folder, about)
        crm.token = asyncio.run(settle(crm)).strip()
        try:
            crm.start().ready()
            with tapping(about, folder / "tap"):
                return asyncio.run(measure(crm, exchange, folder / "tap", calls, rate, first=first))
        finally:
            if crm.process is not None:
                crm.stop()


def _crm(folder: Path, about: Mapping[str, Any]) -> Pbxcrm:
    words = {"ami_host": about["host"], "ami_port": str(about["port"]), "ami_username": "pbxcrm"}
    return Pbxcrm(folder, **words, ami_secret=about["secret"], default_region="PL")
