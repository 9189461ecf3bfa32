"""Wire to screen: from the bytes of an AMI event to the message at each of 50 browsers, through a real Asterisk.

pbxcrm and Asterisk with its phones each have a process of their own; here are the browsers. The clock is the
machine's monotonic one, the same in every process. A sample is one message at one client that it concerns:

    ringing   first word that a person's phone rings (Newstate or DialState) -> first call.ringing that names them
    answered  second channel of the call in its bridge (BridgeEnter)         -> first call.answered
    ended     Hangup of the caller's channel                                 -> call.ended

Who must get it: every manager, and for ringing the person, for the others everybody whose phone rang.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from pbxcrm.service import people
from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate
from tests.bench.cpu import ahead, used
from tests.bench.tap import Heard, read
from tests.fakes.process import Pbxcrm

DEVICES = {"101": "alice", "102": "bob", "103": "carol", "104": "dave", "106": "frank"}
AGENTS = [*DEVICES.values(), *(f"agent{i}" for i in range(35))]
MANAGERS = [f"manager{i}" for i in range(10)]
BY_TOKEN = {"manager8", "manager9", "agent34"}  # programs that listen; the others are browsers
PASSWORD = "a long enough word"
KINDS = ("ringing", "answered", "ended")

Key = tuple[str, str, str]  # kind, Uniqueid of the caller's channel, person (ringing only)


@dataclass
class Client:
    """One live connection and what came, when."""

    name: str
    got: list[tuple[float, str]] = field(default_factory=list)

    async def listen(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        async for message in ws:
            self.got.append((time.monotonic(), message.data))


@dataclass(frozen=True)
class Result:
    """What one rate gave. Samples in seconds by kind; CPU in seconds; `lag` and `disk`: the machine's own delays."""

    rate: float
    audio: bool
    calls: int
    wall: float
    samples: Mapping[str, list[float]]
    missing: int
    wrong: int
    cpu: Mapping[str, float]
    lag: list[float]
    disk: list[float]


class Pbx:
    """The process of tests/bench/pbx.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.pbx"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.pid = self._process.pid
        self.about = self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process with the PBX and the phones has ended")
        return dict(json.loads(line))

    def play(self, rate: float, seconds: float, *, audio: bool) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"rate": rate, "seconds": seconds, "audio": audio}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)


@contextmanager
def pbx() -> Iterator[Pbx]:
    running = Pbx()
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def tapping(about: Mapping[str, Any], path: Path) -> Iterator[subprocess.Popen[str]]:
    """The second manager connection, logged in."""
    words = [about["host"], str(about["port"]), "pbxcrm", str(path)]
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.tap", *words], stdin=subprocess.PIPE, text=True)
    try:
        assert process.stdin is not None
        process.stdin.write(about["secret"] + "\n")
        process.stdin.flush()
        while not (path.exists() and b"Authentication accepted" in path.read_bytes()):
            if process.poll() is not None:
                raise RuntimeError("the second manager connection was refused")
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        process.wait(10)


async def settle(crm: Pbxcrm) -> dict[str, str]:
    """The office's people; gives the tokens of those who listen by token."""
    db = Database(crm.environ["PBXCRM_DATABASE_URL"])
    try:
        await migrate(db)
        devices = {person: [f"PJSIP/{number}"] for number, person in DEVICES.items()}
        for name in AGENTS:
            await people.add_user(db, name, "agent", devices.get(name, []), full_name=name.title(), password=PASSWORD)
        for name in MANAGERS:
            await people.add_user(db, name, "manager", full_name=name.title(), password=PASSWORD)
        return {name: await people.create_token(db, name) for name in BY_TOKEN}
    finally:
        await db.close()


@asynccontextmanager
async def office(crm: Pbxcrm, tokens: Mapping[str, str]) -> AsyncIterator[list[Client]]:
    """Fifty people with the board open."""
    clients: list[Client] = []
    async with contextlib.AsyncExitStack() as stack:
        jar = aiohttp.DummyCookieJar()
        http = await stack.enter_async_context(aiohttp.ClientSession(crm.url, cookie_jar=jar))
        for name in [*AGENTS, *MANAGERS]:
            client = Client(name)
            if name in tokens:
                headers, path = {"Authorization": f"Bearer {tokens[name]}"}, "/api/v1/live"
            else:
                headers, path = {"Cookie": await _log_in(http, crm, name), "Origin": crm.url}, "/live?html=1"
            ws = await stack.enter_async_context(http.ws_connect(path, headers=headers, max_msg_size=0))
            clients.append(client)
            listening = asyncio.create_task(client.listen(ws))
            stack.callback(listening.cancel)
        yield clients


async def _log_in(http: aiohttp.ClientSession, crm: Pbxcrm, name: str) -> str:
    form = {"name": name, "password": PASSWORD}
    async with http.post("/login", data=form, headers={"Origin": crm.url}, allow_redirects=False) as answer:
        if answer.status != 303:
            raise RuntimeError(f"{name} cannot log in: {answer.status}")
        return f"pbxcrm_session={answer.cookies['pbxcrm_session'].value}"


async def measure(
    crm: Pbxcrm, pbx: Pbx, tap: Path, clients: Sequence[Client], rate: float, seconds: float, *, audio: bool
) -> Result:
    """One rate, from the first call to the last message of the last."""
    for client in clients:
        client.got.clear()
    before, start = _cpu(crm, pbx), time.monotonic()
    lag: list[float] = []
    disk: list[float] = []
    probes = [asyncio.create_task(_probe(lag)), asyncio.create_task(_disk_probe(tap.parent, disk))]
    played = await asyncio.to_thread(pbx.play, rate, seconds, audio=audio)
    wall = time.monotonic() - start
    cpu = {name: now - before[name] for name, now in _cpu(crm, pbx).items()}
    await _quiet(clients)
    for probe in probes:
        probe.cancel()
    await asyncio.gather(*probes, return_exceptions=True)
    if played["trouble"]:
        raise RuntimeError(f"the phones had trouble: {played['trouble'][:3]}")
    heard = [one for one in read(tap) if one.at >= start]
    due = wire(heard)
    samples, missing = compare(due, clients)
    wrong = misjudged(clients, played["calls"])
    assert len(played["calls"]) == sum(key[0] == "ended" for key in due), "the tap saw other calls"
    return Result(rate, audio, len(played["calls"]), wall, samples, missing, wrong, cpu, lag, disk)


def _cpu(crm: Pbxcrm, pbx: Pbx) -> dict[str, float]:
    assert crm.process is not None
    return {
        "pbxcrm": used(crm.process.pid),
        "asterisk": used(pbx.about["pid"]),
        "phones": used(pbx.pid),
        "browsers": used(),
    }


async def _probe(lag: list[float]) -> None:
    """How late this machine wakes a process that has nothing to do: what is noise in the figures above."""
    while True:
        due = time.monotonic() + 0.01
        await asyncio.sleep(0.01)
        lag.append(time.monotonic() - due)


async def _disk_probe(folder: Path, took: list[float]) -> None:
    """How long this disk takes for a page that must be safe: each commit of pbxcrm waits for one or two of these."""

    def write(file: int) -> float:
        start = time.monotonic()
        os.pwrite(file, bytes(4096), 0)
        os.fsync(file)
        return time.monotonic() - start

    with (folder / "probe").open("wb") as out:
        while True:
            took.append(await asyncio.to_thread(write, out.fileno()))
            await asyncio.sleep(0.1)


async def _quiet(clients: Sequence[Client]) -> None:
    """Until nothing has come for half a second."""
    count = -1
    while count != (count := sum(len(client.got) for client in clients)):  # noqa: ASYNC110 - silence has no event
        await asyncio.sleep(0.5)


def wire(heard: Iterable[Heard]) -> dict[Key, float]:
    """When the bytes were there that say it."""
    due: dict[Key, float] = {}
    dialled: dict[str, float] = {}
    bridged: dict[str, int] = {}
    rings: dict[str, tuple[str, str, float]] = {}
    for one in heard:
        h = one.headers
        match h.get("Event"):
            case "DialBegin":
                dialled[h["DestUniqueid"]] = one.at
            case "Newstate" if h["ChannelStateDesc"] == "Ringing":
                rings.setdefault(h["Uniqueid"], (h["Linkedid"], h["Channel"], one.at))
            case "DialState" if h["DialStatus"] == "RINGING":
                rings.setdefault(h["DestUniqueid"], (h["DestLinkedid"], h["DestChannel"], one.at))
            case "BridgeEnter":
                bridged[h["Linkedid"]] = bridged.get(h["Linkedid"], 0) + 1
                if bridged[h["Linkedid"]] == 2:
                    due["answered", h["Linkedid"], ""] = one.at
            case "Hangup" if h["Uniqueid"] == h["Linkedid"]:
                due["ended", h["Linkedid"], ""] = one.at
    for channel, (call, name, at) in rings.items():
        person = DEVICES[name.partition("/")[2].partition("-")[0]]
        due["ringing", call, person] = max(at, dialled[channel])
    return due


def arrived(client: Client) -> dict[Key, float]:
    """When a client first had each message."""
    got: dict[Key, float] = {}
    for at, text in client.got:
        message = json.loads(text)
        kind = message["kind"].removeprefix("call.")
        if kind not in KINDS or not message["kind"].startswith("call."):
            continue
        call = message["data"]["linkedids"][0]
        for person in message["data"]["ringing"] if kind == "ringing" else [""]:
            got.setdefault((kind, call, person), at)
    return got


def compare(due: Mapping[Key, float], clients: Sequence[Client]) -> tuple[dict[str, list[float]], int]:
    """Seconds from wire to client by kind, and how many messages never came."""
    rang: dict[str, set[str]] = {}
    for kind, call, person in due:
        if kind == "ringing":
            rang.setdefault(call, set()).add(person)
    samples: dict[str, list[float]] = {kind: [] for kind in KINDS}
    missing = 0
    for client in clients:
        got = arrived(client)
        for (kind, call, person), at in due.items():
            if client.name not in MANAGERS and client.name not in ({person} if person else rang.get(call, ())):
                continue
            if (kind, call, person) in got:
                samples[kind].append(got[kind, call, person] - at)
            else:
                missing += 1
    return samples, missing


def misjudged(clients: Sequence[Client], plans: Sequence[Mapping[str, Any]]) -> int:
    """Calls whose end, as a manager's browser has it, names another answerer than the phones'."""
    manager = next(client for client in clients if client.name == MANAGERS[0])
    said = sorted(
        (m["data"]["number"], m["data"]["first_answered_by"])
        for m in (json.loads(text) for _, text in manager.got)
        if m["kind"] == "call.ended"
    )
    truth = sorted((plan["number"], DEVICES[plan["answerer"]]) for plan in plans)
    return len(set(said) ^ set(truth)) + abs(len(said) - len(truth))


def run(rounds: Sequence[tuple[float, float, bool]], *, first: bool = False) -> list[Result]:
    """Rounds of (calls a second, seconds, audio). `first`: ahead of other work on this machine."""
    with tempfile.TemporaryDirectory() as name, pbx() as exchange:
        folder = Path(name)
        about = exchange.about
        if first:
            ahead(about["pid"])  # Asterisk has a session of its own
        crm = Pbxcrm(
            folder,
            ami_host=about["host"],
            ami_port=str(about["port"]),
            ami_username="pbxcrm",
            ami_secret=about["secret"],
            default_region="PL",
        )
        tokens = asyncio.run(settle(crm))
        try:
            crm.start().ready()
            with tapping(about, folder / "tap"):
                return asyncio.run(_rounds(crm, exchange, folder / "tap", tokens, rounds))
        finally:
            if crm.process is not None:
                crm.stop()


async def _rounds(
    crm: Pbxcrm, exchange: Pbx, tap: Path, tokens: Mapping[str, str], rounds: Sequence[tuple[float, float, bool]]
) -> list[Result]:
    results: list[Result] = []
    async with office(crm, tokens) as clients:
        await measure(crm, exchange, tap, clients, 4, 3, audio=False)  # templates read, caches warm
        for rate, seconds, audio in rounds:
            results.append(await measure(crm, exchange, tap, clients, rate, seconds, audio=audio))
            print(f"  {rate:g} calls/s for {seconds:g} s: done", file=sys.stderr)
    return results
