"""A file in a request, written to disk as it comes: never in memory as a whole."""

import asyncio
from collections.abc import Collection
from pathlib import Path

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from pbxcrm.http.errors import BadRequest
from pbxcrm.service.errors import Invalid

BODIES = ("text/csv", "text/plain", "text/tab-separated-values", "application/octet-stream", "application/vnd.ms-excel")
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TABLES = (*BODIES, WORKBOOK)
_PART = 256 * 1024
_LONGEST_FIELD = 2_000


class _Sink:
    """Writes up to `most` bytes. Raises Invalid beyond."""

    def __init__(self, path: Path, most: int) -> None:
        self._path, self._left = path, most

    async def write(self, part: bytes) -> None:
        self._left -= len(part)
        if self._left < 0:
            said = "This file is too big. Nothing was stored. Bring it in parts."
            raise Invalid(said, {"file": said})
        await asyncio.to_thread(self._append, part)

    def _append(self, part: bytes) -> None:
        with self._path.open("ab") as file:
            file.write(part)


async def take(request: web.Request, path: Path, most: int, bodies: Collection[str] = TABLES) -> dict[str, str]:
    """Write the request's file to `path`; gives its other fields and `name`, what the file is called.

    multipart/form-data with a part `file`, or the file as the body (one of `bodies`, its fields in the query). Raises
    Invalid where it
    is bigger than `most` bytes, BadRequest where a form cannot be read,
    web.HTTPUnsupportedMediaType where the body is neither.
    """
    await asyncio.to_thread(path.touch)
    sink = _Sink(path, most)
    if request.content_type != "multipart/form-data":
        if request.content_type not in bodies:
            raise web.HTTPUnsupportedMediaType
        async for part in request.content.iter_chunked(_PART):
            await sink.write(part)
        return dict(request.query)
    try:
        return await _parts(request, sink)
    except (ValueError, AssertionError, RuntimeError, HttpProcessingError) as error:
        raise BadRequest("The body is no multipart/form-data that can be read. Nothing was stored.") from error


async def _parts(request: web.Request, sink: _Sink) -> dict[str, str]:
    given = dict(request.query)
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            raise BadRequest("A part of the body has no name. Nothing was stored.")
        if part.name == "file":
            given["name"] = Path((part.filename or "").replace("\\", "/")).name
            while piece := await part.read_chunk(_PART):
                await sink.write(piece)
        else:
            given[part.name] = await _field(part)
    return given


async def _field(part: BodyPartReader) -> str:
    text = b""
    while piece := await part.read_chunk(_PART):
        text += piece
        if len(text) > _LONGEST_FIELD:
            raise BadRequest("A field of the form is too long. Nothing was stored.")
    return text.decode("utf-8", "replace")
