"""What cannot be read as HTTP is answered, and is one line in the log."""

import asyncio
import logging

import pytest
from aiohttp import web

from pbxcrm.http.server import build, runner
from tests.http.bed import House

pytestmark = pytest.mark.asyncio


LONG_LINE = b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n"
LONG_HEADER = b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n"
TLS = b"\x16\x03\x01\x02\x00\x01\r\n\r\n"


@pytest.mark.parametrize("sent", [LONG_LINE, LONG_HEADER, TLS], ids=["long line", "long header", "TLS"])
async def test_a_request_that_cannot_be_read_is_one_line(
    house: House, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    serving = runner(build(house.deps))
    await serving.setup()
    site = web.TCPSite(serving, "127.0.0.1", 0)
    await site.start()
    reader, writer = await asyncio.open_connection(*serving.addresses[0][:2])
    writer.write(sent)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await serving.cleanup()
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400", b"HTTP/1.1 431", b"HTTP/1.1 414"))
    assert b"Traceback" not in answer
    records = [r for r in caplog.records if r.name in ("pbxcrm.http.server", "aiohttp.server")]
    assert len(records) == (sent is not TLS)
    for record in records:
        assert record.levelno == logging.INFO
        assert record.exc_info is None
        assert len(record.getMessage()) < 300
        assert "\n" not in record.getMessage()
