"""A call's recording for a browser."""

from aiohttp import web

from pbxcrm.http.files import send
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import recordings


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes: for pages and for programs."""
    app.router.add_get("/calls/{id:[0-9a-f-]{36}}/recording", recording)
    app.router.add_get(prefix + "/calls/{id}/recording", recording)


async def recording(request: web.Request) -> web.StreamResponse:
    """GET /calls/{id}/recording: 200, 206 with Range, 416; 404 also for a call of somebody else's."""
    deps = request.app[DEPS]
    sound = await recordings.sound(deps.db, request[PERSON].scope, deps.recordings, request.match_info["id"])
    return await send(request, sound.file, sound.size, sound.kind, f'inline; filename="{sound.name}"')
