"""A file for a browser: parts of it too, so that one can jump about in it."""

import asyncio
from typing import BinaryIO

from aiohttp import web

_CHUNK = 64 * 1024


async def send(request: web.Request, file: BinaryIO, size: int, mime: str, disposition: str) -> web.StreamResponse:
    """200, 206 with Range, 416: this opened file of `size` bytes, which is closed then."""
    with file:
        return await _send(request, file, size, mime, disposition)


async def _send(request: web.Request, file: BinaryIO, size: int, mime: str, disposition: str) -> web.StreamResponse:
    headers = {"Accept-Ranges": "bytes", "Content-Disposition": disposition}
    part = _part(request, size)
    if part is None:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    start, stop, partly = part
    if partly:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    response = web.StreamResponse(status=206 if partly else 200, headers=headers)
    response.content_type, response.content_length = mime, stop - start
    await response.prepare(request)
    if request.method != "HEAD":
        await _copy(file, start, stop, response)
    await response.write_eof()
    return response


def _part(request: web.Request, size: int) -> tuple[int, int, bool] | None:
    """(start, stop, whether a part was asked for) in bytes; None where there is no such part. Nonsense asks for all."""
    try:
        asked = request.http_range
    except ValueError:
        return 0, size, False
    if "Range" not in request.headers:
        return 0, size, False
    start, stop, _ = asked.indices(size)
    return (start, stop, True) if start < stop else None


async def _copy(file: BinaryIO, start: int, stop: int, response: web.StreamResponse) -> None:
    file.seek(start)
    while start < stop:
        data = await asyncio.to_thread(file.read, min(_CHUNK, stop - start))
        if not data:
            break  # it was cut meanwhile: the length we promised tells the browser
        await response.write(data)
        start += len(data)
