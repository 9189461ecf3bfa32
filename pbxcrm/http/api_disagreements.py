"""REST: calls that two witnesses tell differently."""

from aiohttp import web

from pbxcrm.http.body import listing, uuid_in_path
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import disagreements
from pbxcrm.service.errors import NotFound


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/disagreements", list_disagreements)
    app.router.add_post(prefix + "/disagreements/{id}/seen", seen)


async def list_disagreements(request: web.Request) -> web.Response:
    """GET /disagreements: the newest call on top; for managers."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    if not scope.sees_all:
        raise NotFound
    found = await listing(
        request,
        disagreements.FILTERS,
        lambda p: disagreements.list_disagreements(db, scope, p.limit, p.cursor, p.filters),
    )
    return json_response(found)


async def seen(request: web.Request) -> web.Response:
    """POST /disagreements/{id}/seen: somebody has looked at it."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await disagreements.seen(db, scope, uuid_in_path(request)))
