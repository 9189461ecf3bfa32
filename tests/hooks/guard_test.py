"""Server-side request forgery: whatever a URL, a name server or a redirect says, nothing of ours is reached."""

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import pytest
import pytest_asyncio

from pbxcrm.crm import webhooks as rules
from pbxcrm.crm.fields import WrongError
from pbxcrm.hooks.guard import Guard, public
from pbxcrm.hooks.outbox import Outbox
from tests.hooks.sink import Sink, sink

# `{}` is the sink's port. Each of these leads to this machine, to its network, or to nobody.
INWARD = [
    "http://127.0.0.1:{}/",
    "http://127.1:{}/",
    "http://127.0.1:{}/",
    "http://0x7f.0.0.1:{}/",
    "http://0x7f000001:{}/",
    "http://2130706433:{}/",
    "http://017700000001:{}/",
    "http://0177.0.0.1:{}/",
    "http://127.255.255.254:{}/",
    "http://0.0.0.0:{}/",
    "http://0:{}/",
    "http://localhost:{}/",
    "http://LOCALHOST:{}/",
    "http://[::1]:{}/",
    "http://[::]:{}/",
    "http://[0:0:0:0:0:0:0:1]:{}/",
    "http://[::ffff:127.0.0.1]:{}/",
    "http://[::ffff:7f00:1]:{}/",
    "http://[::127.0.0.1]:{}/",
    "http://[::ffff:0:127.0.0.1]:{}/",
    "http://[64:ff9b::7f00:1]:{}/",
    "http://[64:ff9b:1::7f00:1]:{}/",
    "http://[2002:7f00:1::]:{}/",
    "http://[2001:0:7f00:1::]:{}/",
    "http://[fe80::1]:{}/",
    "http://[fc00::1]:{}/",
    "http://[fec0::1]:{}/",
    "http://[ff02::1]:{}/",
    "http://[2001:db8::1]:{}/",
    "http://169.254.169.254:{}/latest/meta-data/",
    "http://[::ffff:169.254.169.254]:{}/",
    "http://[fd00:ec2::254]:{}/",
    "http://10.0.0.1:{}/",
    "http://172.16.0.1:{}/",
    "http://192.168.1.1:{}/",
    "http://100.64.0.1:{}/",
    "http://192.0.0.1:{}/",
    "http://192.0.2.1:{}/",
    "http://198.18.0.1:{}/",
    "http://224.0.0.1:{}/",
    "http://240.0.0.1:{}/",
    "http://255.255.255.255:{}/",
    "https://127.0.0.1:{}/",
]
ODD = [
    url
    for url in INWARD
    if url[7:].split(":")[0] in ["127.1", "127.0.1", "2130706433", "017700000001", "0177.0.0.1", "0"]
]
# No address for a webhook at all: never stored, and not asked even if one were.
NONE = [
    "ftp://127.0.0.1:{}/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{}/_x",
    "unix:///run/pbxcrm.sock",
    "http://user@127.0.0.1:{}/",
    "http://example.com@127.0.0.1:{}/",
    "http://127.0.0.1:{}\\@example.com/",
    "http://127.0.0.1:{}#@example.com/",
    "http://127.0.0.1%2f:{}/",
    "http://①②⑦.⓪.⓪.①:{}/",
    "http://127。0。0。1:{}/",
    "http://[::1%25lo]:{}/",
    "http://[::1]]:{}/",
    "http://example.com:{}\r\nHost: x/",
    "http://ex ample.com/",
    "http:/127.0.0.1:{}/",
    "//127.0.0.1:{}/",
    "http://127.0.0.1.:{}/",
    "http://",
    "",
]


@pytest_asyncio.fixture
async def trap() -> AsyncIterator[Sink]:
    async with sink() as found:
        yield found


@pytest.mark.asyncio
@pytest.mark.parametrize("url", INWARD)
async def test_nothing_of_ours_is_reached(trap: Sink, url: str) -> None:
    # The sink's port is allowed here: it is the address that must stop it.
    async with Outbox(ports=[trap.port], seconds=10) as outbox:
        status, reason = await outbox.post(url.format(trap.port), b"{}", {})
        # Numbers that are no address to aiohttp do not come as far as the guard.
        assert (status, reason) == (None, "unreachable" if reason != "not_public" and url in ODD else "not_public")
    assert trap.connections == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("url", NONE)
async def test_what_is_no_address_is_neither_stored_nor_asked(trap: Sink, url: str) -> None:
    with pytest.raises(WrongError):
        rules.address(url.format(trap.port))
    async with Outbox(ports=[trap.port]) as outbox:
        assert await outbox.post(url.format(trap.port), b"{}", {}) == (None, "unreachable")
    assert trap.connections == 0


@pytest.mark.asyncio
async def test_the_trap_would_have_been_sprung(trap: Sink) -> None:
    async with Outbox([f"127.0.0.1:{trap.port}"]) as outbox:
        assert await outbox.post(f"http://127.0.0.1:{trap.port}/", b"{}", {}) == (204, "")
    assert trap.connections == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("answers", [["127.0.0.1"], ["::1"], ["93.184.216.34", "127.0.0.1"], ["10.0.0.1", "127.0.0.1"]])
async def test_a_name_that_turns_inward(trap: Sink, monkeypatch: pytest.MonkeyPatch, answers: list[str]) -> None:
    """A rebinding name server: public when it is first asked, ours when we connect, or both in one answer."""
    asked: list[str] = []

    async def getaddrinfo(_loop: Any, host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        first = len(asked) == 1
        found = ["93.184.216.34"] if first else answers
        six = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            (six[":" in one], socket.SOCK_STREAM, 6, "", (one, port, 0, 0) if ":" in one else (one, port))
            for one in found
        ]

    async def nowhere(_loop: Any, _socket: Any, address: Any) -> None:
        assert address[0] == "93.184.216.34", "a packet would have left for this machine"
        raise ConnectionRefusedError

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(type(loop), "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(type(loop), "sock_connect", nowhere)
    async with Outbox(ports=[trap.port]) as outbox:
        for _ in range(3):
            status, reason = await outbox.post(f"http://rebind.example:{trap.port}/", b"{}", {})
            assert (status, reason in ("not_public", "unreachable")) == (None, True)
    assert len(asked) == 3  # an old answer is not kept, and a new one is no way in
    assert trap.connections == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(trap: Sink, status: int) -> None:
    """The receiver is one the operator named; where it sends us is not."""
    async with sink() as named, Outbox([f"127.0.0.1:{named.port}"], ports=[trap.port]) as outbox:
        there = f"Location: http://127.0.0.1:{trap.port}/\r\nContent-Length: 0"
        named.answer = f"HTTP/1.1 {status} Elsewhere\r\n{there}\r\n\r\n".encode()
        assert await outbox.post(f"http://127.0.0.1:{named.port}/", b"{}", {}) == (status, "redirect")
        assert named.connections == 1
    assert trap.connections == 0


@pytest.mark.asyncio
async def test_a_named_receiver_is_named_with_its_port(trap: Sink) -> None:
    async with Outbox(["127.0.0.1", "localhost:1"], ports=rules.PORTS) as outbox:
        for host in ("127.0.0.1", "localhost"):
            assert await outbox.post(f"http://{host}:{trap.port}/", b"{}", {}) == (None, "not_public")
    assert trap.connections == 0


@pytest.mark.asyncio
async def test_ports_of_other_services_are_not_asked() -> None:
    guard = Guard()
    assert guard.allows("93.184.216.34", 443)
    for port in (22, 25, 5038, 5060, 5432, 3306, 6379, 11211, 0, 65535):
        assert not guard.allows("93.184.216.34", port)


@pytest.mark.parametrize("url", [url for url in INWARD if "[" in url or url[7:8].isdigit()])
def test_no_inward_address_is_public(url: str) -> None:
    _, where = rules.address(url.format(8080))
    try:
        address = ip_address(where.host)
    except ValueError:
        address = ip_address(socket.getaddrinfo(where.host, None)[0][4][0])
    assert not public(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1", "2002:101:101::"]
)
def test_the_public_is_public(address: str) -> None:
    assert public(ip_address(address))


@pytest.mark.asyncio
async def test_a_receiver_gets_ten_seconds_and_no_more_of_our_time_or_memory(trap: Sink) -> None:
    name = f"127.0.0.1:{trap.port}"
    async with Outbox([name], seconds=0.3) as outbox:
        trap.answer = None
        assert await outbox.post(f"http://{name}/", b"{}", {}) == (None, "timeout")
    async with Outbox([name]) as outbox:
        trap.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 1_000_000
        assert await outbox.post(f"http://{name}/", b"{}", {}) == (200, "")
        trap.answer = b"HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nno!"
        assert await outbox.post(f"http://{name}/", b"{}", {}) == (500, "status")
        for nonsense in (b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000):
            trap.answer = nonsense
            assert await outbox.post(f"http://{name}/", b"{}", {}) == (None, "unreachable")
