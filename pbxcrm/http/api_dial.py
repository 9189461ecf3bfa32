"""REST: click-to-call."""

from aiohttp import web

from pbxcrm.http.body import Field, fields, ident, read_json, text, uuid_in_path
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service.errors import Invalid

_DIAL = {"deal_id": Field(ident), "contact_id": Field(ident), "number": Field(text(60))}


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_post(prefix + "/dial", dial)
    app.router.add_get(prefix + "/dial/{id}", get)


async def dial(request: web.Request) -> web.Response:
    """POST /dial {deal_id|contact_id|number}, Idempotency-Key: 202 asked now, 200 asked before and not again."""
    keys = request.headers.getall("Idempotency-Key", [])
    if len(keys) != 1:
        raise Invalid(
            "Idempotency-Key: send this header once, a new value a click. Nothing was dialled.",
            {"Idempotency-Key": "This is needed, once."},
        )
    given = fields(await read_json(request), _DIAL)
    view, asked = await request.app[DEPS].dialler.dial(request[PERSON].scope, key=keys[0], **given)
    return json_response(view, 202 if asked else 200)


async def get(request: web.Request) -> web.Response:
    """GET /dial/{id}: how it went."""
    return json_response(await request.app[DEPS].dialler.get(request[PERSON].scope, uuid_in_path(request)))
