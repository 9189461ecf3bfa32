"""The FastAGI port under attack: whoever connects, the loop ticks on and nobody is waited for."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from pbxcrm.ami.agi import AT_ONCE, HEAD, AgiServer, Lookup, Question
from tests.fakes.ami import until

pytestmark = pytest.mark.asyncio
ASKS = b"agi_network: yes\nagi_network_script: caller\nagi_callerid: +48225550101\n\n"


async def anna(_question: Question) -> Mapping[str, str]:
    return {"PBXCRM_NAME": 'Anna "K"', "PBXCRM_OWNER": "PJSIP/101"}


@asynccontextmanager
async def serving(lookup: Lookup = anna, peers: tuple[str, ...] = ("127.0.0.1",), **more: float) -> AsyncIterator[int]:
    server = AgiServer({"caller": lookup}, peers, **more)
    port = await server.start("127.0.0.1", 0)
    try:
        yield port
    finally:
        await server.close()


async def said(port: int, *parts: bytes, answers: bytes = b"200 result=1\n") -> bytes:
    """What the server says until it closes; each of its lines is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    with contextlib.suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(10):
            while line := await reader.readline():
                heard += line
                writer.write(answers)
    writer.close()
    return heard


async def test_a_question_is_answered() -> None:
    async with serving() as port:
        expected = b'SET VARIABLE PBXCRM_NAME "Anna K"\nSET VARIABLE PBXCRM_OWNER "PJSIP/101"\n'
        assert await said(port, ASKS) == expected
        assert await said(port, *(bytes([byte]) for byte in ASKS)) == expected
        assert await said(port, ASKS.replace(b"caller\n", b"unknown\n")) == b""


async def test_many_who_connect_and_close_cost_nothing() -> None:
    """panoramisk's server spins for ever when a peer connects and closes."""
    async with serving() as port:
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
        await asyncio.sleep(0)
        before, began = time.process_time(), time.monotonic()
        while time.monotonic() - began < 0.3:  # noqa: ASYNC110 - time itself is what is measured
            await asyncio.sleep(0.01)
        assert time.process_time() - before < 0.2
        assert await said(port, ASKS)
        assert len(asyncio.all_tasks()) < 5


async def test_a_drip_is_let_go() -> None:
    async with serving(seconds=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(b"a")
                    await asyncio.sleep(0.01)
                    if reader.at_eof() or await _closed(reader):
                        break
        writer.close()


async def _closed(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.001):
            return await reader.read(1) == b""
    except TimeoutError:
        return False


async def test_ten_megabytes_are_not_read() -> None:
    async with serving() as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        sent = 0
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                for _ in range(160):
                    writer.write(b"agi_x: " + b"y" * 65_000 + b"\n")
                    await writer.drain()
                    sent += 65_008
                await writer.wait_closed()
        writer.close()
        assert sent < 10_000_000
        assert await said(port, ASKS)


@pytest.mark.parametrize("nonsense", [b"GET / HTTP/1.0\n\n", b"\x16\x03\x01\x00\xff\n\n", b"\n\n", b"x" * HEAD * 3])
async def test_nonsense_is_let_go(nonsense: bytes) -> None:
    async with serving() as port:
        assert await said(port, nonsense) == b""
        assert await said(port, ASKS)


async def test_a_slow_database_is_not_waited_for() -> None:
    async def never(_question: Question) -> Mapping[str, str]:
        await asyncio.Event().wait()
        return {}

    async with serving(never) as port:
        began = time.monotonic()
        assert await said(port, ASKS) == b""
        assert 0.25 < time.monotonic() - began < 5


async def test_an_error_is_no_answer() -> None:
    async def fails(_question: Question) -> Mapping[str, str]:
        raise RuntimeError

    async with serving(fails) as port:
        assert await said(port, ASKS) == b""


async def test_a_pbx_that_does_not_answer_is_let_go() -> None:
    async with serving(seconds=0.1) as port:
        assert await said(port, ASKS, answers=b"") == b'SET VARIABLE PBXCRM_NAME "Anna K"\n'


async def test_who_is_not_on_the_list_is_not_heard() -> None:
    asked: list[Question] = []

    async def notes(question: Question) -> Mapping[str, str]:
        asked.append(question)
        return {"PBXCRM_NAME": "Anna"}

    async with serving(notes, peers=("127.0.0.2", "10.0.0.0/8", "::1")) as port:
        assert await said(port, ASKS) == b""
    assert asked == []


async def test_so_many_at_once_and_no_more() -> None:
    async with serving() as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(AT_ONCE)]
        await asyncio.sleep(0)
        await until(lambda: len(asyncio.all_tasks()) > AT_ONCE)
        assert await said(port, ASKS) == b""
        for _, writer in idle:
            writer.close()
        await until(lambda: len(asyncio.all_tasks()) < 5)
        assert await said(port, ASKS)


async def test_a_look_that_takes_too_long_comes_to_its_end_and_so_many_are_not_heaped_up() -> None:
    """A query that is broken off costs its connection: the next callers would wait for a new one."""
    ended, asked, go_on = 0, 0, asyncio.Event()

    async def slow(_question: Question) -> Mapping[str, str]:
        nonlocal asked, ended
        asked += 1
        await go_on.wait()
        ended += 1
        return {}

    async with serving(slow, answer=0.01) as port:
        for _ in range(AT_ONCE):
            assert await said(port, ASKS) == b""
        assert asked == AT_ONCE
        assert await said(port, ASKS) == b""  # no room for another
        assert (asked, ended) == (AT_ONCE, 0)
        go_on.set()
        await until(lambda: ended == AT_ONCE)
        assert await said(port, ASKS) == b""
        assert ended == AT_ONCE + 1


async def test_at_the_end_nothing_is_looked_for_any_more() -> None:
    broken_off = asyncio.Event()

    async def never(_question: Question) -> Mapping[str, str]:
        try:
            await asyncio.Event().wait()
        finally:
            broken_off.set()
        return {}

    async with serving(never, answer=0.01) as port:
        assert await said(port, ASKS) == b""
        assert not broken_off.is_set()
    assert broken_off.is_set()
