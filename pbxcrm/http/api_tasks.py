"""REST: tasks, the missed calls among them."""

from aiohttp import web

from pbxcrm.http.body import Field, fields, listing, read_json, take_version, text
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import tasks

FILTERS = ("kind", "deal_id", "contact_id", "done")


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/tasks", list_tasks)
    app.router.add_post(prefix + "/tasks", create)
    app.router.add_get(prefix + "/tasks/{id}", one)
    app.router.add_patch(prefix + "/tasks/{id}", change)
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


async def one(request: web.Request) -> web.Response:
    """GET /tasks/{id}."""
    return json_response(await tasks.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]))


async def change(request: web.Request) -> web.Response:
    """PATCH /tasks/{id} {version, …}: only what is sent changes."""
    body = await read_json(request)
    db, scope, version = request.app[DEPS].db, request[PERSON].scope, take_version(body)
    return json_response(await tasks.change(db, scope, request.match_info["id"], version, body))


async def done(request: web.Request) -> web.Response:
    """POST /tasks/{id}/done {result?}."""
    given = fields(await read_json(request), {"result": Field(text(10_000))}) if request.can_read_body else {}
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await tasks.done(db, scope, request.match_info["id"], given.get("result", "")))
