"""Calls as pages: the log, one call with its reasons, the missed ones; and the search."""

from urllib.parse import urlencode

from aiohttp import web

from pbxcrm.http import i18n
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import day_filter, missed_count, show, viewer
from pbxcrm.service import calls, contacts, deals, lead_settings, leads, tasks


def setup(app: web.Application) -> None:
    """Add the routes of calls and of the search."""
    app.router.add_get("/calls", log)
    app.router.add_get("/calls/missed", missed)
    app.router.add_get("/calls/missed/count", count)
    app.router.add_get("/calls/{id:[0-9a-f-]{36}}", one)
    app.router.add_get("/search", search)


async def log(request: web.Request) -> web.Response:
    """The calls one may see, of a day if one is chosen, the newest on top."""
    cursor, day = request.query.get("cursor"), request.query.get("day", "").strip()[:20]
    filters = day_filter(viewer(request), day)
    page = await calls.list_calls(request.app[DEPS].db, request[PERSON].scope, None, cursor, filters)
    older = urlencode({"day": day, "cursor": page["next"]} if filters else {"cursor": page["next"]})
    return await show(
        request,
        "calls.html",
        here="calls",
        calls=page["items"],
        next=older if page["next"] else "",
        newest=not cursor and not filters,
        day=day if filters else "",
        filters=urlencode(filters),
    )


async def missed(request: web.Request) -> web.Response:
    """Who waits for a call back."""
    cursor = request.query.get("cursor")
    page = await tasks.missed(request.app[DEPS].db, request[PERSON].scope, None, cursor)
    return await show(request, "missed.html", here="missed", tasks=page["items"], next=page["next"], first=not cursor)


async def count(request: web.Request) -> web.Response:
    """How many wait, for the badge."""
    return json_response({"n": await missed_count(request)})


async def one(request: web.Request) -> web.Response:
    """A call with all we know of it, and why."""
    call = await calls.page_of(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    return await show(request, "call.html", here="calls", call=call)


async def search(request: web.Request) -> web.Response:
    """People by name, company or number, with their deals that one may see; and deals by their words and notes."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    q = " ".join(i18n.latin(request.query.get("q", "")).split())[:100]
    found = (await contacts.list_contacts(db, scope, 30, None, q))["items"] if q else []
    for person in found:
        theirs = await deals.list_deals(db, scope, 5, None, {"contact_id": person["id"]})
        person["deals"] = theirs["items"]
    shown = {deal["id"] for person in found for deal in person["deals"]}
    named = (await deals.list_deals(db, scope, 30, None, {"q": q}))["items"] if q else []
    too = bool(q) and "leads" in request.query and await lead_settings.used(db)
    return await show(
        request,
        "search.html",
        q=q,
        people=found,
        deals=[d for d in named if d["id"] not in shown],
        too="leads" in request.query,
        found_leads=(await leads.list_leads(db, scope, 30, None, {"q": q}))["items"] if too else [],
    )
