"""A call's recording for a browser: parts of it too, so that one can jump about in it."""

import asyncio
from typing import BinaryIO

from aiohttp import web

from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import recordings
from pbxcrm.service.recordings import Sound

_CHUNK = 64 * 1024


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes: for pages and for programs."""
    app.router.add_get("/calls/{id:[0-9a-f-]{36}}/recording", recording)
    app.router.add_get(prefix + "/calls/{id}/recording", recording)


async def recording(request: web.Request) -> web.StreamResponse:
    """GET /calls/{id}/recording: 200, 206 with Range, 416; 404 also for a call of somebody else's."""
    deps = request.app[DEPS]
    sound = await recordings.sound(deps.db, request[PERSON].scope, deps.recordings, request.match_info["id"])
    try:
        return await _send(request, sound)
    finally:
        sound.file.close()


async def _send(request: web.Request, sound: Sound) -> web.StreamResponse:
    headers = {"Accept-Ranges": "bytes", "Content-Disposition": f'inline; filename="{sound.name}"'}
    part = _part(request, sound.size)
    if part is None:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{sound.size}"})
    start, stop, partly = part
    if partly:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{sound.size}"
    response = web.StreamResponse(status=206 if partly else 200, headers=headers)
    response.content_type, response.content_length = sound.kind, stop - start
    await response.prepare(request)
    if request.method != "HEAD":
        await _copy(sound.file, start, stop, response)
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
