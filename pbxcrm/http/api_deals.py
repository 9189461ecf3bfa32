"""REST: deals and the board."""

from aiohttp import web

from pbxcrm.http.body import MAX_VERSION, Field, Wrong, fields, integer, listing, read_json, take_version, text
from pbxcrm.http.body import ident as ident_field
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import board as board_service
from pbxcrm.service import deals, moves
from pbxcrm.service import timeline as timeline_service

FILTERS = ("stage", "owner", "open", "contact_id", "number", "source")


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Wrong("This must be an object of fields.")
    return value


_MOVE = {
    "stage": Field(ident_field, required=True),
    "version": Field(integer(1, MAX_VERSION), required=True),
    "reason": Field(text(1000)),
    "fields": Field(_object),
}
_NOTE = {"text": Field(text(10_000), required=True)}


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/board", board)
    app.router.add_get(prefix + "/deals", list_deals)
    app.router.add_post(prefix + "/deals", create)
    app.router.add_get(prefix + "/deals/{id}", get)
    app.router.add_patch(prefix + "/deals/{id}", change)
    app.router.add_post(prefix + "/deals/{id}/move", move)
    app.router.add_post(prefix + "/deals/{id}/claim", claim)
    app.router.add_post(prefix + "/deals/{id}/notes", add_note)
    app.router.add_get(prefix + "/deals/{id}/timeline", timeline)
    app.router.add_get(prefix + "/unclaimed", unclaimed)


async def board(request: web.Request) -> web.Response:
    """GET /board?pipeline=: counts and sums a stage, true at the journal id `as_of`."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    found = await listing(
        request, ("pipeline",), lambda p: board_service.board(db, scope, p.filters.get("pipeline"), per_column=1), ()
    )
    stages = [{k: v for k, v in stage.items() if k not in ("deals", "next")} for stage in found["stages"]]
    return json_response({**found, "as_of": str(found["as_of"]), "stages": stages})


async def list_deals(request: web.Request) -> web.Response:
    """GET /deals: an agent's own, a manager's all."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    found = await listing(request, FILTERS, lambda p: deals.list_deals(db, scope, p.limit, p.cursor, p.filters))
    return json_response(found)


async def create(request: web.Request) -> web.Response:
    """POST /deals."""
    body = await read_json(request)
    made = await deals.create(request.app[DEPS].db, request[PERSON].scope, body)
    return json_response(made, 201, {"Location": f"/api/v1/deals/{made['id']}"})


async def get(request: web.Request) -> web.Response:
    """GET /deals/{id}."""
    return json_response(await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]))


async def change(request: web.Request) -> web.Response:
    """PATCH /deals/{id} {version, …}: only what is sent changes."""
    body = await read_json(request)
    version = take_version(body)
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await deals.change(db, scope, request.match_info["id"], version, body))


async def move(request: web.Request) -> web.Response:
    """POST /deals/{id}/move {stage, version, reason?, fields?}."""
    given = fields(await read_json(request), _MOVE)
    db, scope = request.app[DEPS].db, request[PERSON].scope
    deal_id, stage, reason = request.match_info["id"], given["stage"], given.get("reason")
    return json_response(await moves.move(db, scope, deal_id, stage, given["version"], reason, given.get("fields")))


async def claim(request: web.Request) -> web.Response:
    """POST /deals/{id}/claim: take a deal that nobody owns."""
    return json_response(await deals.claim(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]))


async def add_note(request: web.Request) -> web.Response:
    """POST /deals/{id}/notes {text}."""
    given = fields(await read_json(request), _NOTE)
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await deals.add_note(db, scope, request.match_info["id"], given["text"]), 201)


async def timeline(request: web.Request) -> web.Response:
    """GET /deals/{id}/timeline: calls, stages, notes and tasks, in order."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response({"items": await timeline_service.timeline(db, scope, request.match_info["id"])})


async def unclaimed(request: web.Request) -> web.Response:
    """GET /unclaimed: open deals that nobody owns and the asker may claim."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    found = await listing(request, (), lambda p: deals.unclaimed(db, scope, p.limit), ("limit",))
    return json_response({"next": None, **found})
