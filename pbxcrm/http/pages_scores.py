"""The rules of scoring, for administrators: what gives a lead its points, and how many leads each rule reaches."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pbxcrm.http import lead_words
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import go, show, viewer
from pbxcrm.http.said import fields as fields_said
from pbxcrm.service import lead_scores
from pbxcrm.service.errors import Invalid

ALL = "/settings/scores"
_NAMES = ("field", "full", "points", "part", "part_points")
_EMPTY = {"field": "city", "full": "", "points": "20", "part": "", "part_points": "10"}


def setup(app: web.Application) -> None:
    """Add the routes of scoring."""
    app.router.add_get(ALL, every)
    app.router.add_post(ALL, save)
    app.router.add_get(ALL + "/reach", reach)
    app.router.add_post(ALL + "/{id:\\d+}", save)
    app.router.add_post(ALL + "/{id:\\d+}/remove", remove)


def _who(request: web.Request) -> tuple[Any, Any]:
    return request.app[DEPS].db, request[PERSON].scope


def _given(form: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(form.get(name, "")).strip() for name in _NAMES}


async def every(request: web.Request) -> web.Response:
    """All rules, and a new one."""
    return await _every(request)


async def _every(
    request: web.Request,
    form: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
    found: Mapping[str, int] | None = None,
    rule_id: str = "",
) -> web.Response:
    """`form`, `fields` and `found` (how many it would reach) are of the rule `rule_id`, or of a new one."""
    me = viewer(request)
    db, scope = _who(request)
    return await show(
        request,
        "score_rules.html",
        status=422 if fields else 200,
        rules=await lead_scores.rules(db, scope),
        groups=lead_words.groups(me),
        form=form or _EMPTY,
        fields=fields or {},
        found=found,
        at=rule_id,
        notice=me.r.gettext("Saved. Scores are counted anew.") if "saved" in request.query else "",
    )


async def save(request: web.Request) -> web.Response:
    """Add or change a rule; `do` preview: only say how many it would reach."""
    db, scope = _who(request)
    form = await request.post()
    given, rule_id = _given(form), request.match_info.get("id")
    try:
        if form.get("do") == "preview":
            found = await lead_scores.preview(db, scope, given)
            return await _every(request, given, found=found, rule_id=rule_id or "")
        await lead_scores.save(db, scope, rule_id, given)
    except Invalid as error:
        return await _every(request, given, fields_said(viewer(request), error.fields), rule_id=rule_id or "")
    return go(request, ALL + "?saved")


async def reach(request: web.Request) -> web.Response:
    """How many leads a rule would reach, while it is being written."""
    db, scope = _who(request)
    try:
        found: dict[str, int] | None = await lead_scores.preview(db, scope, _given(request.query))
    except Invalid:
        found = None  # not written to its end
    return await show(request, "score_reach.html", found=found)


async def remove(request: web.Request) -> web.Response:
    """Take a rule away."""
    db, scope = _who(request)
    await lead_scores.remove(db, scope, request.match_info["id"])
    return go(request, ALL + "?saved")
