"""SIGTERM: over at once, whatever is open, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pbxcrm import app
from pbxcrm.http import live, server
from pbxcrm.service import people
from pbxcrm.settings import Settings
from pbxcrm.store.db import Database
from tests.fakes.ami import fake_ami
from tests.fakes.process import Pbxcrm, free_port
from tests.unit.calls.wire import Ids, Wire

# Seconds from SIGTERM to the end of the process: 0.4 on an idle machine, of which 0.3 are for the one who never reads.
# That nobody else is waited for is proved below, with every time limit far beyond this; a busy machine is not.
AT_ONCE, BUSY = 1.0, 10.0
FOR_EVER = 600.0


def test_what_it_waits_for_at_most() -> None:
    assert live.FAREWELL + server.SHUTDOWN < AT_ONCE


@pytest.mark.asyncio
async def test_with_open_streams_a_call_and_a_client_that_never_reads(tmp_path: Path) -> None:
    async with fake_ami() as fake:
        crm = Pbxcrm(tmp_path, ami_host="127.0.0.1", ami_port=str(fake.port), ami_username=fake.username,
                     ami_secret=fake.secret, default_region="PL")  # fmt: skip
        crm.must("user", "add", "mona", "--role", "manager")
        crm.must("user", "add", "alice", "--role", "agent", "--device", "PJSIP/101")
        crm.token = crm.must("token", "create", "mona").strip()
        await asyncio.to_thread(lambda: crm.start().ready())
        try:
            headers = {"Authorization": f"Bearer {crm.token}"}
            wire = Wire(Ids(), time.time())
            async with aiohttp.ClientSession(headers=headers) as session:
                streams = [await session.ws_connect(crm.url + "/api/v1/live") for _ in range(5)]
                deaf = never_reads(crm)
                trunk = wire.new("PJSIP/trunk", state="4", number="+48600100200", exten="10")
                phone = wire.new("PJSIP/101", number="101", linked=trunk)
                wire.dial(trunk, phone)
                wire.rings(trunk, phone)
                fake.channels = [dict(chan.headers()) for chan in (trunk, phone)]
                await fake.send(b"".join(frame.encode() for frame in wire.frames))
                await asyncio.to_thread(crm.until, lambda: crm.items("/calls"), "see the call")
                began = time.monotonic()
                assert await asyncio.to_thread(crm.stop) == 0
                assert time.monotonic() - began < AT_ONCE + BUSY
                for stream in streams:
                    while (message := await stream.receive(30)).type is aiohttp.WSMsgType.TEXT:
                        pass
                    # Told that we stop, so that browsers come back by themselves.
                    assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1001)
            deaf.close()
            assert "Traceback" not in crm.log.read_text()
            await asyncio.to_thread(lambda: crm.start().ready())
            (call,) = await asyncio.to_thread(crm.items, "/calls")
            assert call["outcome"] == "ongoing"  # the PBX has it still
        finally:
            if crm.process is not None:
                crm.kill()


@pytest.mark.asyncio
async def test_pages_are_told_first_and_nothing_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every time limit of the stop set to ten minutes it is over as soon as everybody has answered."""
    monkeypatch.setattr(live, "FAREWELL", FOR_EVER)
    monkeypatch.setattr(server, "SHUTDOWN", FOR_EVER)
    order: list[str] = []

    def noted(owner: Any, name: str, what: str) -> None:
        before = getattr(owner, name)

        async def note(*args: Any) -> Any:
            order.append(what)
            return await before(*args)

        monkeypatch.setattr(owner, name, note)

    noted(live.Streams, "close_all", "pages")
    noted(app._Tasks, "__aexit__", "tasks")
    noted(Database, "close", "database")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with fake_ami() as fake, aiohttp.ClientSession() as browser:
        settings = Settings(database_url=f"sqlite+aiosqlite:///{tmp_path}/pbxcrm.db", ami_host="127.0.0.1",
                            ami_port=fake.port, ami_username=fake.username, ami_secret=fake.secret,
                            http_port=port)  # fmt: skip
        async with asyncio.timeout(60), app.running(settings) as process:
            for name in ("mona", "maria", "anna", "ewa"):
                await people.add_user(process.db, name, "manager", [])
            tokens = [await people.create_token(process.db, name) for name in ("mona", "maria", "anna", "ewa")]
            says = [{"Authorization": f"Bearer {token}"} for token in tokens for _ in range(5)]
            streams = [await browser.ws_connect(url + "/api/v1/live", headers=one) for one in says]
            idle = await browser.get(url + "/healthz")  # a connection that is kept, as browsers keep theirs
            assert idle.status == 200

            async def goodbye(stream: aiohttp.ClientWebSocketResponse) -> tuple[int | None, bool]:
                while (await stream.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
                try:
                    await asyncio.open_connection("127.0.0.1", port)
                except ConnectionRefusedError:
                    return stream.close_code, True
                return stream.close_code, False

            told = [asyncio.create_task(goodbye(stream)) for stream in streams]
            order.clear()
        # Nobody was let in any more when they heard it.
        assert set(await asyncio.gather(*told)) == {(1001, True)}
        assert [what for n, what in enumerate(order) if what not in order[:n]] == ["pages", "tasks", "database"]


def never_reads(crm: Pbxcrm) -> socket.socket:
    """A live client whose receive buffer is tiny, and who reads nothing after the handshake."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    sock.connect(("127.0.0.1", crm.port))
    sock.sendall(
        f"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1:{crm.port}\r\nAuthorization: Bearer {crm.token}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    assert sock.recv(12) == b"HTTP/1.1 101"
    return sock
