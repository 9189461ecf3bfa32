"""A deal's way through the stages, by forms that work without scripts: move, claim, accept, reject, advance, lower."""

import itertools
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from pbxcrm.crm.details import CLOSING
from pbxcrm.crm.pipelines import NEEDS
from pbxcrm.crm.views import iso
from pbxcrm.http.deal_words import conflict
from pbxcrm.http.errors import status_of
from pbxcrm.http.forms import entry, moment, version_of
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.labels import NOT_A_LEAD, REASONS, Labels
from pbxcrm.http.pages_common import fragment, go, refused, show, viewer
from pbxcrm.http.pages_deals import Deal, card, contact_of, deal_page, stages_of
from pbxcrm.http.render import Viewer
from pbxcrm.http.said import fields as fields_said
from pbxcrm.http.said import said
from pbxcrm.service import deals, moves
from pbxcrm.service.errors import Conflict, Invalid, NotFound, ServiceError

FOLLOW_UPS = ("7", "30", "90", "365")  # days after which to ask how they are getting on


def setup(app: web.Application) -> None:
    """Add the routes."""
    for name, handler in (
        ("move", move),
        ("claim", claim),
        ("accept", accept),
        ("reject", reject),
        ("advance", advance),
        ("lower", lower),
    ):
        app.router.add_post(f"/deals/{{id:\\d+}}/{name}", handler)


async def move(request: web.Request) -> web.Response:
    """The one way into another stage: by drag, list, keyboard, stage bar or the form of a stage's question."""
    form = await request.post()
    reason = entry(form, "words") or entry(form, "reason") or None
    return await _move(request, entry(form, "stage"), version_of(form), reason, form)


async def _move(
    request: web.Request, stage: str, version: int, reason: str | None, form: Mapping[str, Any] | None = None
) -> web.Response:
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    deal_id, given = request.match_info["id"], form or {}
    try:
        fields = await _answers(request, given)
        asks, undo = "asked" not in given, "undo" in given
        following = _follow_up(me, given)
        deal = await moves.move(db, scope, deal_id, stage, version, reason, fields, following, asks=asks, undo=undo)
    except Invalid as error:
        if "stage" in error.fields:
            return await _not_moved(request, error)
        return await _question(request, stage, error, given, asked=reason is not None or "asked" in given)
    except Conflict as error:
        return await _not_moved(request, error)
    return _moved(
        request, deal, me.r.gettext("Moved to %(stage)s", stage=Labels(me.r.locale).fixed(deal["stage_name"]))
    )


async def _answers(request: web.Request, form: Mapping[str, Any]) -> dict[str, object]:
    """What the form of a stage's question brought, empty answers left out. A customer named there is found, or made."""
    me = viewer(request)
    names = (*NEEDS, *CLOSING, "currency")
    fields: dict[str, object] = {name: text for name in names if (text := entry(form, name))}
    if entry(form, "next_day"):
        given = {"next_day": entry(form, "next_day"), "next_hour": entry(form, "next_hour")}
        fields["next_contact_at"] = moment(me, given)
    if entry(form, "customer"):
        deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
        named = {"contact_name": entry(form, "customer"), "company": "", "number": deal["number"] or ""}
        fields["contact_id"] = await contact_of(request, named)
    return fields


def _follow_up(me: Viewer, form: Mapping[str, Any]) -> dict[str, object] | None:
    """The task that the form of a won deal asks for."""
    days = entry(form, "follow_up")
    if days not in FOLLOW_UPS:
        return None
    day = (me.r.today() + timedelta(days=int(days))).isoformat()
    title = entry(form, "follow_up_title") or me.r.gettext("Ask how they are getting on")
    return {"kind": "call", "title": title, "due_at": iso(me.r.moment(day, "09:00"))}


def _back(request: web.Request, deal_id: str) -> str:
    """Where a browser without scripts goes after a form on the board or on the deal's page."""
    came = request.headers.get("Referer", "")
    return f"/deals/{deal_id}" if f"/deals/{deal_id}" in came else f"/board#deal-{deal_id}"


def _moved(request: web.Request, deal: Deal, say: str) -> web.Response:
    deal_id = deal["id"]
    if fragment(request):
        return go(request, f"/deals/{deal_id}", html=card(request, deal), say=say)
    raise web.HTTPSeeOther(_back(request, deal_id))


async def _question(
    request: web.Request, stage_id: str, error: Invalid, given: Mapping[str, Any], *, asked: bool
) -> web.Response:
    """A stage wants to know something first: its small form, with the message only when it was tried before."""
    deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    stage = next((s for s in await stages_of(request, deal) if s["id"] == stage_id), None)
    if stage is None:
        raise NotFound
    me = viewer(request)
    fields = fields_said(me, error.fields) if asked else {}
    filled = [name for name in stage["needs"] if entry(given, name)]  # asked for again: nothing typed is lost
    return await show(
        request,
        "move.html",
        status=422,
        here="board",
        deal=deal,
        stage=stage,
        fields=fields,
        needs=[name for name in stage["needs"] if name in error.fields or name in filled],
        given={name: str(text) for name, text in given.items()},
        message="",
        reasons=REASONS,
        closing=CLOSING if stage["kind"] in ("won", "lost") else (),
        follow_ups=FOLLOW_UPS,
    )


async def _not_moved(request: web.Request, error: ServiceError) -> web.Response:
    """Taken back: how the deal stands now, and who was faster."""
    me = viewer(request)
    deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    message = conflict(me, error, deal) if isinstance(error, Conflict) else said(me, error)
    if fragment(request):
        return refused(request, type(error)(message, code=error.code), status_of(error), html=card(request, deal))
    return await deal_page(request, deal, status=status_of(error), notice=message)


async def claim(request: web.Request) -> web.Response:
    """Take a deal that nobody owns."""
    form = await request.post()
    try:
        deal = await deals.claim(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    except Conflict as error:
        return await _not_moved(request, error)
    if form.get("open") and not fragment(request):
        raise web.HTTPSeeOther(f"/deals/{deal['id']}")
    return _moved(request, deal, viewer(request).r.gettext("The deal is yours now"))


async def accept(request: web.Request) -> web.Response:
    """Out of Unsorted, into the first stage of work."""
    form = await request.post()
    deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    first = next((s["id"] for s in await stages_of(request, deal) if s["kind"] == "open"), "")
    return await _move(request, first, version_of(form) or deal["version"], None)


async def reject(request: web.Request) -> web.Response:
    """Not a lead: lost, for that reason."""
    form = await request.post()
    deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    lost = next((s["id"] for s in await stages_of(request, deal) if s["kind"] == "lost"), "")
    return await _move(request, lost, version_of(form) or deal["version"], NOT_A_LEAD)


async def advance(request: web.Request) -> web.Response:
    """It has stayed too long: on into the next stage."""
    form = await request.post()
    deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    ids = [s["id"] for s in await stages_of(request, deal) if s["kind"] in ("unsorted", "open", "won")]
    following = dict(itertools.pairwise(ids)).get(deal["stage"], deal["stage"])
    return await _move(request, following, version_of(form) or deal["version"], None)


async def lower(request: web.Request) -> web.Response:
    """It has stayed too long: let it wait, and work on others."""
    form, db, scope = await request.post(), request.app[DEPS].db, request[PERSON].scope
    deal = await deals.get(db, scope, request.match_info["id"])
    try:
        deal = await deals.change(db, scope, deal["id"], version_of(form) or deal["version"], {"priority": -1})
    except Conflict as error:
        return await _not_moved(request, error)
    return _moved(request, deal, viewer(request).r.gettext("Its priority is low now"))
