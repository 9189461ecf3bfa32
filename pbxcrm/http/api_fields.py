"""REST: the fields of the house's own."""

from typing import Any

from aiohttp import web

from pbxcrm.http.body import Page, listing, read_json
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import custom_fields


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/fields", every)
    app.router.add_post(prefix + "/fields", create)
    app.router.add_patch(prefix + "/fields/{id}", change)


async def every(request: web.Request) -> web.Response:
    """GET /fields?thing=: in their order; the retired ones too, for administrators."""
    db, scope = request.app[DEPS].db, request[PERSON].scope

    async def some(page: Page) -> dict[str, Any]:
        found = await custom_fields.fields(db, scope, page.filters.get("thing"), retired=scope.administers)
        return {"items": [custom_fields.view(field) for field in found]}

    return json_response(await listing(request, ("thing",), some, ()))


async def create(request: web.Request) -> web.Response:
    """POST /fields {thing, name, type, choices?}: for administrators."""
    made = await custom_fields.create(request.app[DEPS].db, request[PERSON].scope, await read_json(request))
    return json_response(made, 201)


async def change(request: web.Request) -> web.Response:
    """PATCH /fields/{id} {name?, choices?, retired?}: for administrators."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await custom_fields.change(db, scope, request.match_info["id"], await read_json(request)))
