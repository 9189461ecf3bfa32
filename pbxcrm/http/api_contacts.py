"""REST: contacts."""

from aiohttp import web

from pbxcrm.http.body import listing, read_json, take_version
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import contacts


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/contacts", list_contacts)
    app.router.add_post(prefix + "/contacts", create)
    app.router.add_get(prefix + "/contacts/{id}", get)
    app.router.add_patch(prefix + "/contacts/{id}", change)


async def list_contacts(request: web.Request) -> web.Response:
    """GET /contacts?q=&sort=: by words of the name, or the end of a number; the newest or the best score first."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(
        await listing(
            request,
            ("q", "sort"),
            lambda p: contacts.list_contacts(
                db, scope, p.limit, p.cursor, p.filters.get("q", ""), sort=p.filters.get("sort", "newest")
            ),
        )
    )


async def create(request: web.Request) -> web.Response:
    """POST /contacts."""
    body = await read_json(request)
    made = await contacts.create(request.app[DEPS].db, request[PERSON].scope, body)
    return json_response(made, 201, {"Location": f"/api/v1/contacts/{made['id']}"})


async def get(request: web.Request) -> web.Response:
    """GET /contacts/{id}."""
    return json_response(await contacts.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]))


async def change(request: web.Request) -> web.Response:
    """PATCH /contacts/{id} {version, …}: only what is sent changes; `numbers` are all its numbers."""
    body = await read_json(request)
    version = take_version(body)
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await contacts.change(db, scope, request.match_info["id"], version, body))
