"""REST: tasks, the missed calls among them."""

from aiohttp import web

from pbxcrm.http.body import listing, read_json
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import tasks

FILTERS = ("kind", "deal_id", "done")


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/tasks", list_tasks)
    app.router.add_post(prefix + "/tasks", create)
    app.router.add_post(prefix + "/tasks/{id}/done", done)


async def list_tasks(request: web.Request) -> web.Response:
    """GET /tasks: the most urgent first; `kind=callback` is the missed-call list."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    found = await listing(request, FILTERS, lambda p: tasks.list_tasks(db, scope, p.limit, p.cursor, p.filters))
    return json_response(found)


async def create(request: web.Request) -> web.Response:
    """POST /tasks."""
    body = await read_json(request)
    return json_response(await tasks.create(request.app[DEPS].db, request[PERSON].scope, body), 201)


async def done(request: web.Request) -> web.Response:
    """POST /tasks/{id}/done."""
    return json_response(await tasks.done(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]))
