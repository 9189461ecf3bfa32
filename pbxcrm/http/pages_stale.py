"""Deals that stand too long, the oldest first, and what a manager does with several at once."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiMapping

from pbxcrm.http.errors import status_of
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.labels import REASONS
from pbxcrm.http.pages_common import show, viewer
from pbxcrm.http.report_address import Figures
from pbxcrm.http.said import said
from pbxcrm.service import people, stale
from pbxcrm.service.errors import Invalid, ServiceError
from pbxcrm.service.reports import Asked
from pbxcrm.service.stale import Refusal

DAYS = ("14", "30", "60", "90", "180", "365")
_KEPT = ("days", "stage", "low", "pipeline", "owner")
_MOST = 10**9


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get("/reports/stale", listing)
    app.router.add_post("/reports/stale", several)


def _given(query: MultiMapping[Any]) -> dict[str, str]:
    given = {name: str(query.get(name, ""))[:64] for name in _KEPT}
    given["days"] = given["days"] if given["days"] in DAYS else ""
    return given


async def listing(request: web.Request) -> web.Response:
    """The list, or what is more of it."""
    text = request.query.get("done", "")
    done = int(text) if text.isdecimal() and len(text) < 4 else None
    return await _page(request, _given(request.query), done=done)


async def _page(
    request: web.Request,
    given: dict[str, str],
    *,
    done: int | None = None,
    refused: Sequence[Refusal] = (),
    error: ServiceError | None = None,
) -> web.Response:
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    found = await stale.listing(
        db,
        scope,
        Asked(0, _MOST * 10, given["pipeline"], given["owner"]),
        days=int(given["days"]) if given["days"] else None,
        stage=given["stage"],
        low=bool(given["low"]),
        start=request.query.get("cursor"),
    )
    kept = {name: value for name, value in given.items() if value}
    return await show(
        request,
        "report_stale.html",
        status=status_of(error) if error else 200 if not refused else 409,
        here="reports",
        tab="stale",
        report=found,
        given=given,
        to=lambda **more: "/reports/stale?" + urlencode({k: v for k, v in {**kept, **more}.items() if v}),
        days=DAYS,
        reasons=REASONS,
        staff=[one for one in await people.list_people(db) if one.active] if scope.sees_all else [],
        f=Figures(me.r, found["currency"]),
        done=done,
        refused=[(one, said(me, one.error)) for one in refused],
        wrong=said(me, error) if error else "",
    )


async def several(request: web.Request) -> web.Response:
    """Lower their priority, or close them as lost: those ticked, or all that the page showed."""
    db, scope, form = request.app[DEPS].db, request[PERSON].scope, await request.post()
    given = _given(form)
    picked = _picked(form)
    try:
        if form.get("do") == "lose":
            reason = str(form.get("words", "")).strip() or str(form.get("reason", ""))
            done, refused = await stale.lose(db, scope, picked, reason)
        else:
            done, refused = await stale.lower(db, scope, picked)
    except Invalid as error:
        return await _page(request, given, error=error)
    if refused:
        return await _page(request, given, done=done, refused=refused)
    kept = {name: value for name, value in given.items() if value}
    raise web.HTTPSeeOther("/reports/stale?" + urlencode({**kept, "done": done}))


def _picked(form: MultiMapping[Any]) -> list[tuple[str, int]]:
    """Ids and versions; what is none is left out."""
    found = []
    for text in form.getall("shown" if form.get("all") else "pick", []):
        one, _, version = str(text)[:40].partition(":")
        if one.isdecimal() and version.isdecimal():
            found.append((one, min(int(version), _MOST)))
    return found
