"""REST: calls."""

from aiohttp import web

from pbxcrm.http.body import listing, uuid_in_path
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import calls

FILTERS = ("outcome", "direction", "number", "did", "user", "contact_id", "deal_id", "since", "until")


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/calls", list_calls)
    app.router.add_get(prefix + "/calls/{id}", get)


async def list_calls(request: web.Request) -> web.Response:
    """GET /calls: the newest first; an agent's are those they took part in and those of their deals."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    found = await listing(request, FILTERS, lambda p: calls.list_calls(db, scope, p.limit, p.cursor, p.filters))
    return json_response(found)


async def get(request: web.Request) -> web.Response:
    """GET /calls/{id}."""
    return json_response(await calls.get(request.app[DEPS].db, request[PERSON].scope, uuid_in_path(request)))
