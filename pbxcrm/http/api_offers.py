"""REST: price offers on deals."""

from aiohttp import web

from pbxcrm.crm.access import Scope
from pbxcrm.http.body import MAX_VERSION, Field, boolean, fields, integer, read_json, take_version
from pbxcrm.http.errors import BadRequest, json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import offers
from pbxcrm.store.db import Database

_SEND = {"version": Field(integer(1, MAX_VERSION), required=True)}
_ACCEPT = {**_SEND, "value": Field(boolean)}


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    of_deal, one = prefix + "/deals/{id}/offers", prefix + "/offers/{id}"
    app.router.add_get(of_deal, every)
    app.router.add_post(of_deal, create)
    app.router.add_get(one, get)
    app.router.add_patch(one, change)
    app.router.add_delete(one, discard)
    app.router.add_post(one + "/send", send)
    app.router.add_post(one + "/accept", accept)
    app.router.add_post(one + "/decline", decline)
    app.router.add_post(one + "/revise", revise)


def _who(request: web.Request) -> tuple[Database, Scope, str]:
    return request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]


async def every(request: web.Request) -> web.Response:
    """GET /deals/{id}/offers: the newest on top."""
    return json_response({"items": await offers.of_deal(*_who(request))})


async def create(request: web.Request) -> web.Response:
    """POST /deals/{id}/offers: a draft."""
    made = await offers.create(*_who(request), await read_json(request))
    return json_response(made, 201, {"Location": f"/api/v1/offers/{made['id']}"})


async def get(request: web.Request) -> web.Response:
    """GET /offers/{id}."""
    return json_response(await offers.get(*_who(request)))


async def change(request: web.Request) -> web.Response:
    """PATCH /offers/{id} {version, …}: only what is sent changes, of a draft."""
    body = await read_json(request)
    version = take_version(body)
    return json_response(await offers.change(*_who(request), version, body))


async def discard(request: web.Request) -> web.Response:
    """DELETE /offers/{id}?version=: a draft."""
    version = request.query.get("version", "")
    if set(request.query) != {"version"} or not version.isascii() or not version.isdigit() or len(version) > 9:
        raise BadRequest("Say which version of the draft is thrown away: ?version=1. Nothing was changed.")
    await offers.discard(*_who(request), int(version))
    return web.Response(status=204)


async def send(request: web.Request) -> web.Response:
    """POST /offers/{id}/send {version}."""
    given = fields(await read_json(request), _SEND)
    return json_response(await offers.send(*_who(request), given["version"]))


async def accept(request: web.Request) -> web.Response:
    """POST /offers/{id}/accept {version, value?}."""
    given = fields(await read_json(request), _ACCEPT)
    value = given.get("value", False)
    return json_response(await offers.decide(*_who(request), given["version"], accepted=True, value=value))


async def decline(request: web.Request) -> web.Response:
    """POST /offers/{id}/decline {version}."""
    given = fields(await read_json(request), _SEND)
    return json_response(await offers.decide(*_who(request), given["version"], accepted=False))


async def revise(request: web.Request) -> web.Response:
    """POST /offers/{id}/revise: its next revision, a draft."""
    return json_response(await offers.revise(*_who(request)))
