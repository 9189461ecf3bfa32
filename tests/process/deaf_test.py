"""Browsers by the hundred that never read: the program keeps little for each, lets them go, and others get everything.

`PBXCRM_TEST_DEAF=1900 pytest -s tests/process/deaf_test.py` for more of them; docs/performance.md has the figures.
"""

import asyncio
import json
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from pbxcrm.service import people
from pbxcrm.store.db import EVERYBODY, Database, Work
from pbxcrm.store.migrations import migrate
from tests.fakes.process import Pbxcrm

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(900)]

DEAF = int(os.environ.get("PBXCRM_TEST_DEAF", "200"))
A_TOKEN = 6  # streams that one token may have open
ROWS, LONG = 150, 4000  # messages, and bytes of each
MOST_KB = 150  # of the program's memory for each that does not read


def deaf(crm: Pbxcrm, token: str) -> socket.socket:
    """A stream that is opened and never read from again."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", crm.port))
    lines = (
        "GET /api/v1/live HTTP/1.1",
        f"Host: 127.0.0.1:{crm.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"Authorization: Bearer {token}",
    )
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return sock


@contextmanager
def sockets(count: int) -> Iterator[list[socket.socket]]:
    """Room for so many, all closed at the end."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, count + 500)), hard))
    found: list[socket.socket] = []
    try:
        yield found
    finally:
        for sock in found:
            sock.close()


def memory(crm: Pbxcrm, name: str) -> int:
    """VmRSS now or VmHWM at its highest, KiB."""
    assert crm.process is not None
    lines = Path(f"/proc/{crm.process.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name + ":")))


def metric(crm: Pbxcrm, name: str) -> float:
    lines = str(crm.call("/metrics")[1]).splitlines()
    return float(next((line.split()[1] for line in lines if line.startswith(name + " ")), -1))


def speak(work: Work) -> None:
    for n in range(ROWS):
        work.journal("deal.changed", {"id": str(n), "padding": "x" * LONG}, EVERYBODY)


async def test_who_never_reads_costs_little_is_let_go_and_a_healthy_one_gets_all(tmp_path: Path) -> None:
    crm = Pbxcrm(tmp_path, ami_host="127.0.0.1", ami_username="x", ami_secret="y", ami_port="1")
    db = Database(crm.environ["PBXCRM_DATABASE_URL"])
    await migrate(db)
    tokens = []
    for n in range(-(-DEAF // A_TOKEN) + 1):
        await people.add_user(db, f"p{n}", "agent" if n else "manager", [])
        tokens.append(await people.create_token(db, f"p{n}"))
    await asyncio.to_thread(crm.start)
    crm.token = tokens[0]
    try:
        await storm(crm, db, tokens)
    finally:
        await asyncio.to_thread(crm.kill)
        await db.close()


async def storm(crm: Pbxcrm, db: Database, tokens: list[str]) -> None:
    with sockets(DEAF) as deaf_ones:
        async with (
            ClientSession(headers={"Authorization": f"Bearer {tokens[0]}"}) as http,
            http.ws_connect(f"{crm.url}/api/v1/live") as healthy,
        ):
            reading = asyncio.create_task(read(healthy))
            deaf_ones += [await asyncio.to_thread(deaf, crm, tokens[1 + n // A_TOKEN]) for n in range(DEAF)]
            await asyncio.to_thread(crm.until, lambda: metric(crm, "pbxcrm_live_clients") == DEAF + 1, "let them in")
            before = memory(crm, "VmRSS")
            await db.writing(speak)
            assert await asyncio.wait_for(reading, 300) == list(range(ROWS))
            await asyncio.to_thread(crm.until, lambda: metric(crm, "pbxcrm_live_clients") == 1, "let them go")
            grown = memory(crm, "VmHWM") - before
            print(f"{DEAF} deaf clients: {before} KiB before, {grown} KiB more at most, {grown / DEAF:.1f} KiB each")
            assert metric(crm, "pbxcrm_live_dropped_total") == DEAF
            assert grown < MOST_KB * DEAF


async def read(ws: object) -> list[int]:
    """The numbers of the messages, until all have come."""
    seen: list[int] = []
    while len(seen) < ROWS:
        said = json.loads(await ws.receive_str())  # type: ignore[attr-defined]
        seen += [int(said["data"]["id"])] if said["kind"] == "deal.changed" else []
    return seen
