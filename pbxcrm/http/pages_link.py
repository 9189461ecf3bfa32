"""Linking a deal of Unsorted to one there is already: search, choose, done. Works without scripts."""

from aiohttp import web

from pbxcrm.http.errors import status_of
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import fragment, go, refused, show, viewer
from pbxcrm.http.said import fields as fields_said
from pbxcrm.http.said import said
from pbxcrm.service import merging
from pbxcrm.service.errors import Conflict, Invalid


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get("/deals/{id:\\d+}/link", choose)
    app.router.add_post("/deals/{id:\\d+}/link", link)


async def choose(request: web.Request) -> web.Response:
    """The deals it may belong to; `?q=` looks for others."""
    return await _choose(request, request.query.get("q", ""))


async def _choose(request: web.Request, q: str, status: int = 200, wrong: str = "") -> web.Response:
    db, scope = request.app[DEPS].db, request[PERSON].scope
    found = await merging.candidates(db, scope, request.match_info["id"], q[:200])
    return await show(request, "link.html", status=status, here="board", q=q, wrong=wrong, **found)


async def link(request: web.Request) -> web.Response:
    """Make it part of the chosen deal."""
    form, me = await request.post(), viewer(request)
    deal_id, version = request.match_info["id"], str(form.get("version", ""))
    try:
        deal = await merging.into(
            request.app[DEPS].db,
            request[PERSON].scope,
            deal_id,
            int(version) if version.isdecimal() and len(version) < 10 else 0,
            str(form.get("to", "")),
        )
    except Invalid as error:
        return await _choose(request, str(form.get("q", "")), 422, " ".join(fields_said(me, error.fields).values()))
    except Conflict as error:
        if fragment(request):
            return refused(request, error, status_of(error))
        return await _choose(request, "", status_of(error), said(me, error))
    return go(
        request,
        f"/deals/{deal['id']}",
        say=me.r.gettext("Linked. Its calls and notes are on this deal now."),
        panel=True,
    )
