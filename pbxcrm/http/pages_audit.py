"""For managers: the audit log, and what is kept of one person, with the way to give it out and to erase it."""

from collections.abc import Mapping
from urllib.parse import urlencode

from aiohttp import web

from pbxcrm.http.audited import changes
from pbxcrm.http.errors import status_of
from pbxcrm.http.keys import DEPS, PERSON, TRAIL
from pbxcrm.http.labels import Labels
from pbxcrm.http.pages_common import day_filter, show, viewer
from pbxcrm.http.render import Viewer
from pbxcrm.http.said import said
from pbxcrm.service import audit, people, privacy
from pbxcrm.service.errors import Conflict, Invalid, NotFound, ServiceError

LINKED = {"deal": "/deals/{}", "call": "/calls/{}", "contact": "/contacts/{}/privacy"}


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get("/audit", log)
    app.router.add_get("/contacts/{id:\\d+}/privacy", person)
    app.router.add_get("/contacts/{id:\\d+}/export", export)
    app.router.add_post("/contacts/{id:\\d+}/erase", erase)


async def log(request: web.Request) -> web.Response:
    """Who saw and changed what, by person, thing and day."""
    me, db, scope = viewer(request), request.app[DEPS].db, request[PERSON].scope
    if not scope.sees_all:
        raise NotFound
    await request.app[TRAIL].flush()
    chosen = {name: request.query.get(name, "").strip()[:64] for name in ("user", "thing", "day")}
    cursor = request.query.get("cursor")
    page = await audit.list_audit(db, scope, None, cursor, _filters(me, chosen))
    keep = {name: value for name, value in chosen.items() if value}
    return await show(
        request,
        "audit.html",
        here="audit",
        entries=[{**entry, "href": _link(entry), "told": changes(me, entry["changes"])} for entry in page["items"]],
        next=urlencode({**keep, "cursor": page["next"]}) if page["next"] else "",
        chosen=chosen,
        people=[(member.name, member.full_name) for member in await people.list_people(db, scope)],
        things=Labels(me.r.locale).things(),
    )


def _filters(me: Viewer, chosen: Mapping[str, str]) -> dict[str, object]:
    filters: dict[str, object] = {name: chosen[name] for name in ("user", "thing") if chosen[name]}
    return filters | day_filter(me, chosen["day"])


def _link(entry: Mapping[str, str]) -> str:
    return LINKED[entry["thing"]].format(entry["thing_id"]) if entry["thing"] in LINKED and entry["thing_id"] else ""


async def _subject(request: web.Request) -> privacy.Subject:
    return await privacy.subject(request.app[DEPS].db, request[PERSON].scope, "id:" + request.match_info["id"])


async def person(request: web.Request) -> web.Response:
    """What is kept of a customer, and what an erasure would do."""
    return await _person(request)


async def _person(request: web.Request, error: ServiceError | None = None) -> web.Response:
    plan = await privacy.preview(request.app[DEPS].db, request[PERSON].scope, await _subject(request))
    wrong = said(viewer(request), error) if error is not None else ""
    status = 200 if error is None else status_of(error)
    return await show(request, "privacy.html", status=status, plan=plan, wrong=wrong)


async def export(request: web.Request) -> web.Response:
    """All of it, as a file."""
    found = await privacy.export(request.app[DEPS].db, request[PERSON].scope, await _subject(request))
    name = f"person-{request.match_info['id']}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(text=privacy.as_text(found), content_type="application/json", headers=headers)


async def erase(request: web.Request) -> web.Response:
    """Take them out of everything, if the right words were typed."""
    form = await request.post()
    who = await _subject(request)
    try:
        deps, typed = request.app[DEPS], str(form.get("confirm", ""))
        await privacy.erase(deps.db, request[PERSON].scope, who, typed, deps.recordings, deps.documents)
    except (Invalid, Conflict) as error:
        return await _person(request, error)
    raise web.HTTPSeeOther("/audit?thing=contact")
