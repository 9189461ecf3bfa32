"""REST: leads."""

from typing import Any

from aiohttp import web

from pbxcrm.http.body import Field, fields, listing, read_json, take_version, text
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import lead_qualify, leads

_NOTE = {"text": Field(text(10_000), required=True)}


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    one = prefix + "/leads/{id}"
    app.router.add_get(prefix + "/leads", list_leads)
    app.router.add_post(prefix + "/leads", create)
    app.router.add_post(prefix + "/leads/assign", assign)
    app.router.add_get(one, get)
    app.router.add_patch(one, change)
    app.router.add_delete(one, decline)
    app.router.add_post(one + "/claim", claim)
    app.router.add_post(one + "/release", release)
    app.router.add_post(one + "/notes", note)
    app.router.add_post(one + "/tasks", task)
    app.router.add_get(one + "/timeline", timeline)
    app.router.add_post(one + "/qualify", qualify)


def _who(request: web.Request) -> tuple[Any, Any, str]:
    return request.app[DEPS].db, request[PERSON].scope, request.match_info.get("id", "")


async def list_leads(request: web.Request) -> web.Response:
    """GET /leads: one's own and those of nobody that one may claim."""
    db, scope, _ = _who(request)
    found = await listing(request, leads.FILTERS, lambda p: leads.list_leads(db, scope, p.limit, p.cursor, p.filters))
    return json_response(found)


async def create(request: web.Request) -> web.Response:
    """POST /leads."""
    db, scope, _ = _who(request)
    made = await leads.create(db, scope, await read_json(request))
    return json_response(made, 201, {"Location": f"/api/v1/leads/{made['id']}"})


async def assign(request: web.Request) -> web.Response:
    """POST /leads/assign {ids, owner}: for managers."""
    db, scope, _ = _who(request)
    return json_response(await leads.assign(db, scope, await read_json(request)))


async def get(request: web.Request) -> web.Response:
    """GET /leads/{id}."""
    return json_response(await leads.get(*_who(request)))


async def change(request: web.Request) -> web.Response:
    """PATCH /leads/{id} {version, …}: only what is sent changes."""
    body = await read_json(request)
    version = take_version(body)
    return json_response(await leads.change(*_who(request), version, body))


async def decline(request: web.Request) -> web.Response:
    """DELETE /leads/{id}: without a trace."""
    await leads.decline(*_who(request))
    return web.Response(status=204)


async def claim(request: web.Request) -> web.Response:
    """POST /leads/{id}/claim."""
    return json_response(await leads.claim(*_who(request)))


async def release(request: web.Request) -> web.Response:
    """POST /leads/{id}/release."""
    return json_response(await leads.release(*_who(request)))


async def note(request: web.Request) -> web.Response:
    """POST /leads/{id}/notes {text}."""
    given = fields(await read_json(request), _NOTE)
    return json_response(await leads.add_note(*_who(request), given["text"]), 201)


async def task(request: web.Request) -> web.Response:
    """POST /leads/{id}/tasks {title, due_at}."""
    return json_response(await leads.add_task(*_who(request), await read_json(request)), 201)


async def timeline(request: web.Request) -> web.Response:
    """GET /leads/{id}/timeline: notes, tasks, calls with its number."""
    return json_response({"items": await leads.trail(*_who(request))})


async def qualify(request: web.Request) -> web.Response:
    """POST /leads/{id}/qualify {version, company?, contact?, deal?, title?, value?, currency?}."""
    body = await read_json(request)
    version = take_version(body)
    return json_response(await lead_qualify.qualify(*_who(request), version, body))
