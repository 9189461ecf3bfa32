"""Two that are one: pages that find them, show both side by side, and make them one."""

from typing import Any

from aiohttp import web

from pbxcrm.http.api_companies import THINGS
from pbxcrm.http.audited import changes
from pbxcrm.http.errors import status_of
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.labels import N_
from pbxcrm.http.pages_common import go, show, viewer
from pbxcrm.http.render import Viewer
from pbxcrm.http.said import said
from pbxcrm.service import merge
from pbxcrm.service.errors import Conflict, Invalid, Refused

WHY = {"number": N_("the same number"), "email": N_("the same e-mail"), "name": N_("the same name")}
MOVES = {
    "deals": N_("Deals"),
    "calls": N_("Calls"),
    "tasks": N_("Tasks"),
    "notes": N_("Notes"),
    "leads": N_("Leads"),
    "contacts": N_("People"),
    "contact_numbers": N_("Numbers"),
    "contact_addresses": N_("Addresses"),
    "contact_tags": N_("Tags"),
    "relations": N_("Relations"),
    "deal_people": N_("Roles in deals"),
}


def setup(app: web.Application) -> None:
    """Add the routes."""
    for things in THINGS:
        app.router.add_get(f"/{things}/duplicates", duplicates)
        app.router.add_get(f"/{things}/{{id:\\d+}}/merge", preview)
        app.router.add_post(f"/{things}/{{id:\\d+}}/merge", do)


def _things(request: web.Request) -> str:
    return request.path.split("/")[1]


async def duplicates(request: web.Request) -> web.Response:
    """Who may be there twice."""
    me, things = viewer(request), _things(request)
    pairs = await merge.candidates(request.app[DEPS].db, request[PERSON].scope, THINGS[things])
    words = {why: me.r.gettext(text) for why, text in WHY.items()}
    return await show(
        request, "duplicates.html", here="contacts", things=things, pairs=pairs, words=words, most=merge.MOST
    )


async def preview(request: web.Request) -> web.Response:
    """Both side by side: what stays of each, what goes along."""
    return await _preview(request, request.match_info["id"], request.query.get("with", ""))


async def _preview(request: web.Request, one: str, other: str, status: int = 200, notice: str = "") -> web.Response:
    me, db, scope, things = viewer(request), request.app[DEPS].db, request[PERSON].scope, _things(request)
    plan: dict[str, Any] = {"fields": [], "items": [], "moves": []}
    try:
        found = await merge.preview(db, scope, THINGS[things], one, other)
        plan = {**found, "fields": [_worded(me, field) for field in found["fields"]], "moves": _moves(me, found)}
    except (Refused, Invalid) as error:
        status, notice = status_of(error), said(me, error)
    return await show(
        request, "merge.html", status=status, here="contacts", things=things, one=one, notice=notice, **plan
    )


def _worded(me: Viewer, field: dict[str, Any]) -> dict[str, Any]:
    ((label, *values),) = changes(me, {field["name"]: field["values"]})
    return {**field, "label": field["label"] or label, "values": values}


def _moves(me: Viewer, plan: dict[str, Any]) -> list[tuple[str, int]]:
    return [(me.r.gettext(text), plan["moves"][name]) for name, text in MOVES.items() if name in plan["moves"]]


async def do(request: web.Request) -> web.Response:
    """Make them one."""
    form, me, things = await request.post(), viewer(request), _things(request)
    one, other = request.match_info["id"], str(form.get("with", ""))
    versions = (_number(form.get("version", "")), _number(form.get("with_version", "")))
    take = {name.removeprefix("take-"): str(value) for name, value in form.items() if name.startswith("take-")}
    try:
        kept = await merge.merge(
            request.app[DEPS].db, request[PERSON].scope, THINGS[things], one, other, versions, take
        )
    except (Conflict, Refused, Invalid) as error:
        return await _preview(request, one, other, status_of(error), said(me, error))
    return go(request, f"/{things}/{kept}?saved")


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 10 else 0
