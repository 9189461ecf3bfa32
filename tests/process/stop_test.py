"""SIGTERM: over at once, whatever is open, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import aiohttp
import pytest

from tests.fakes.ami import fake_ami
from tests.fakes.process import Pbxcrm
from tests.unit.calls.wire import Ids, Wire

# It takes 0.3 s on an idle machine. A test machine may be several times slower; what it must never do is wait for
# those who are connected: each of them would cost 10 seconds and more.
AT_ONCE = 4.0


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
                assert time.monotonic() - began < AT_ONCE
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
