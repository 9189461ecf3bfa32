"""The library of documents, and documents of deals: brought, read, shared, removed."""

from typing import Any

from aiohttp import web

from pbxcrm.crm.documents import KINDS, TYPES
from pbxcrm.http.api_documents import brought, download
from pbxcrm.http.errors import status_of
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import go, show, viewer
from pbxcrm.http.pages_deals import deal_page
from pbxcrm.http.said import fields as fields_said
from pbxcrm.http.said import said
from pbxcrm.service import deals, documents
from pbxcrm.service.errors import Invalid, ServiceError, Unavailable

PATH = "/documents"


def setup(app: web.Application) -> None:
    """Add the routes."""
    one = PATH + "/{id:\\d+}"
    app.router.add_get(PATH, library)
    app.router.add_post(PATH, add)
    app.router.add_post("/deals/{id:\\d+}/documents", add_to_deal)
    app.router.add_get(one + "/file", download)
    app.router.add_post(one + "/share", share)
    app.router.add_post(one + "/remove", remove)


async def library(request: web.Request) -> web.Response:
    """All that one may read."""
    return await _library(request)


async def _library(request: web.Request, error: ServiceError | None = None, status: int = 200) -> web.Response:
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    context: dict[str, Any] = {"found": await documents.library(db, scope), "kinds": KINDS, "types": ",".join(TYPES)}
    context["teams"] = await documents.teams(db, scope) if scope.sees_all else []
    context["fields"] = fields_said(me, error.fields) if isinstance(error, Invalid) else {}
    context["message"] = next(iter(context["fields"].values()), said(me, error)) if error else ""
    return await show(request, "documents.html", status=status, here="documents", **context)


async def add(request: web.Request) -> web.Response:
    """A file for the library."""
    try:
        await brought(request, ())
    except Invalid as error:
        return await _library(request, error, 422)
    except Unavailable as error:
        return await _library(request, error, 503)
    return go(request, PATH)


async def add_to_deal(request: web.Request) -> web.Response:
    """A file for a deal."""
    deal_id = request.match_info["id"]
    try:
        await brought(request, ())
    except (Invalid, Unavailable) as error:
        me = viewer(request)
        wrong = fields_said(me, error.fields) if isinstance(error, Invalid) else {}
        deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, deal_id)
        return await deal_page(
            request, deal, status=status_of(error), notice=next(iter(wrong.values()), said(me, error))
        )
    return go(request, f"/deals/{deal_id}")


async def share(request: web.Request) -> web.Response:
    """Let everybody learn from it, or no more."""
    form = await request.post()
    db, scope = request.app[DEPS].db, request[PERSON].scope
    made = await documents.share(db, scope, request.match_info["id"], str(form.get("shared", "1")))
    return go(request, f"/deals/{made['deal_id']}")


async def remove(request: web.Request) -> web.Response:
    """Away with it."""
    deps, scope = request.app[DEPS], request[PERSON].scope
    gone = await documents.remove(deps.db, scope, deps.documents, request.match_info["id"])
    return go(request, f"/deals/{gone['deal_id']}" if gone["deal_id"] else PATH)
