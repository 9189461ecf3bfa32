"""A call's recording for a browser, and its picture."""

import asyncio
from collections.abc import Iterable

from aiohttp import web

from pbxcrm.http.files import send
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import recordings
from pbxcrm.service.waveform import BARS, loudness


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes: for pages and for programs."""
    app.router.add_get("/calls/{id:[0-9a-f-]{36}}/recording", recording)
    app.router.add_get("/calls/{id:[0-9a-f-]{36}}/waveform.svg", waveform)
    app.router.add_get(prefix + "/calls/{id}/recording", recording)


async def recording(request: web.Request) -> web.StreamResponse:
    """GET /calls/{id}/recording: 200, 206 with Range, 416; 404 also for a call of somebody else's."""
    deps = request.app[DEPS]
    sound = await recordings.sound(deps.db, request[PERSON].scope, deps.recordings, request.match_info["id"])
    return await send(request, sound.file, sound.size, sound.kind, f'inline; filename="{sound.name}"')


_HEIGHT = 32
_UNKNOWN = 1  # as wide as this is the picture of what the browser has to decode itself (recordings.js)


async def waveform(request: web.Request) -> web.Response:
    """GET /calls/{id}/waveform.svg: how loud the recording is over its length; 404 as for the recording."""
    deps = request.app[DEPS]
    sound = await recordings.sound(deps.db, request[PERSON].scope, deps.recordings, request.match_info["id"])
    with sound.file:
        bars = await asyncio.to_thread(loudness, sound.file)
    return web.Response(text=_picture(bars), content_type="image/svg+xml")


def _picture(bars: list[int]) -> str:
    size = f'width="{4 * BARS if bars else _UNKNOWN}" height="{_HEIGHT}" viewBox="0 0 {4 * BARS} {_HEIGHT}"'
    lines = f'<path d="{_lines(bars or [0] * BARS)}" stroke="#7d8799" stroke-width="2.4"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} preserveAspectRatio="none">{lines}</svg>'


def _lines(bars: Iterable[int]) -> str:
    """A line a bar, from the middle up and down."""
    heights = [max(1, round(bar * _HEIGHT / 100)) for bar in bars]
    return "".join(f"M{4 * at + 2} {(_HEIGHT - height) / 2:g}v{height}" for at, height in enumerate(heights))
