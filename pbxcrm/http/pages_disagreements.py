"""Calls that two witnesses tell differently, side by side, for managers."""

from aiohttp import web

from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import go, show
from pbxcrm.service import disagreements

PATH = "/calls/disagreements"


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get(PATH, every)
    app.router.add_post(PATH + "/{id:[0-9a-f-]{36}}/seen", seen)


async def every(request: web.Request) -> web.Response:
    """Those nobody has looked at, or all of them (?all)."""
    filters = {} if "all" in request.query else {"seen": "false"}
    db, scope, cursor = request.app[DEPS].db, request[PERSON].scope, request.query.get("cursor")
    found = await disagreements.list_disagreements(db, scope, 20, cursor, filters)
    return await show(
        request, "disagreements.html", here="calls", found=found["items"], next=found["next"], everything=not filters
    )


async def seen(request: web.Request) -> web.Response:
    """Looked at."""
    await disagreements.seen(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    return go(request, PATH)
