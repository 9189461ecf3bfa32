"""The lead provider: whom we know and who may become a customer, by filters that can be kept, put among the leads."""

from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from pbxcrm.http.i18n import latin
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import go, show, viewer
from pbxcrm.http.said import fields as fields_said
from pbxcrm.service import provider, saved
from pbxcrm.service.errors import Invalid

PAGE = "/leads/provider"


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get(PAGE, look)
    app.router.add_post(PAGE, add)
    app.router.add_post(PAGE + "/filters/{id:\\d+}/remove", forget)


def _who(request: web.Request) -> tuple[Any, Any]:
    return request.app[DEPS].db, request[PERSON].scope


def _given(values: Any) -> dict[str, str]:
    given = {name: str(values.get(name, "")).strip()[:200] for name in provider.NAMES}
    return {**given, "quiet": latin(given["quiet"]), "among": given["among"] or "contacts"}


async def look(request: web.Request) -> web.Response:
    """The filters, and whom they find."""
    return await _look(request, _given(request.query))


async def _look(
    request: web.Request, given: dict[str, str], wrong: dict[str, str] | None = None, name: str = ""
) -> web.Response:
    db, scope = _who(request)
    try:
        found = await provider.look(db, scope, given)
    except Invalid as error:
        wrong = fields_said(viewer(request), error.fields)
        found = {"count": 0, "more": False, "items": []}
    query = _query(given)
    return await show(
        request,
        "provider.html",
        status=422 if wrong else 200,
        here="leads",
        given=given,
        found=found,
        fields=wrong or {},
        name=name,
        query=query,
        kept=await saved.views(db, scope, "provider"),
    )


def _query(given: dict[str, str]) -> str:
    return urlencode({name: value for name, value in given.items() if value})


async def add(request: web.Request) -> web.Response:
    """Put them all among the leads; `do` keep: only keep the filters under that name."""
    db, scope = _who(request)
    form = await request.post()
    given, name = _given(form), str(form.get("name", "")).strip()
    try:
        if form.get("do") == "keep":
            await saved.save(db, scope, "provider", name, _query(given), shared=scope.sees_all)
            return go(request, f"{PAGE}?{_query(given)}")
        made = await provider.add(db, scope, given, name)
    except Invalid as error:
        return await _look(request, given, fields_said(viewer(request), error.fields), name)
    return go(request, f"/imports/{made}")


async def forget(request: web.Request) -> web.Response:
    """Keep these filters no longer."""
    await saved.remove(*_who(request), request.match_info["id"])
    return go(request, PAGE)
