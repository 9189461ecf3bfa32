"""REST: tables as CSV, of what one may see, page by page so that a million rows are never in memory."""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from aiohttp import web

from pbxcrm.crm import custom, sheet
from pbxcrm.http import api_calls, api_deals, api_tasks, custom_form
from pbxcrm.http.body import listing
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import audit, calls, companies, contacts, deals, leads, tasks
from pbxcrm.service.errors import ServiceError

log = logging.getLogger(__name__)
PAGE = 200

Read = Callable[[str | None], Awaitable[dict[str, Any]]]


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/deals.csv", export_deals)
    app.router.add_get(prefix + "/contacts.csv", export_contacts)
    app.router.add_get(prefix + "/calls.csv", export_calls)
    app.router.add_get(prefix + "/companies.csv", export_companies)
    app.router.add_get(prefix + "/leads.csv", export_leads)
    app.router.add_get(prefix + "/tasks.csv", export_tasks)


async def export_deals(request: web.Request) -> web.StreamResponse:
    """GET /deals.csv, with the filters of GET /deals."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    given = await _filters(request, api_deals.FILTERS)
    return await _send(
        request, "deals", given, sheet.DEALS, lambda at: deals.list_deals(db, scope, PAGE, at, given)
    )  # fmt: skip


async def export_contacts(request: web.Request) -> web.StreamResponse:
    """GET /contacts.csv, with the `q` of GET /contacts."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    given = await _filters(request, ("q",))
    q = given.get("q", "")
    return await _send(
        request, "contacts", given, sheet.CONTACTS, lambda at: contacts.list_contacts(db, scope, PAGE, at, q)
    )


async def export_calls(request: web.Request) -> web.StreamResponse:
    """GET /calls.csv, with the filters of GET /calls."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    given = await _filters(request, api_calls.FILTERS)
    return await _send(request, "calls", given, sheet.CALLS, lambda at: calls.list_calls(db, scope, PAGE, at, given))


async def export_companies(request: web.Request) -> web.StreamResponse:
    """GET /companies.csv, with the `q` of GET /companies."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    given = await _filters(request, ("q",))
    q = given.get("q", "")
    return await _send(
        request, "companies", given, sheet.COMPANIES, lambda at: companies.list_companies(db, scope, PAGE, at, q)
    )


async def export_leads(request: web.Request) -> web.StreamResponse:
    """GET /leads.csv, with the filters of GET /leads."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    given = await _filters(request, leads.FILTERS)
    return await _send(request, "leads", given, sheet.LEADS, lambda at: leads.list_leads(db, scope, PAGE, at, given))


async def export_tasks(request: web.Request) -> web.StreamResponse:
    """GET /tasks.csv, with the filters of GET /tasks."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    given = await _filters(request, api_tasks.FILTERS)
    return await _send(request, "tasks", given, sheet.TASKS, lambda at: tasks.list_tasks(db, scope, PAGE, at, given))


async def _filters(request: web.Request, names: Collection[str]) -> dict[str, str]:
    async def take(page: Any) -> dict[str, Any]:
        return dict(page.filters)

    return await listing(request, names, take, ())


_OWN = {"deals": "deal", "contacts": "contact", "companies": "company", "leads": "lead"}  # with the house's own fields


async def _house(request: web.Request, table: str) -> list[str]:
    """The columns of the house's own fields."""
    if table not in _OWN:
        return []
    return custom_form.names(await custom_form.fields_of(request, _OWN[table]))


def _flat(view: Mapping[str, Any]) -> Mapping[str, Any]:
    values = view.get("custom")
    return {**view, **custom.flat({key: custom.text(value) for key, value in values.items()})} if values else view


async def _send(
    request: web.Request, thing: str, filters: Mapping[str, str], columns: Sequence[str], read: Read
) -> web.StreamResponse:
    """The whole table. What is wrong with the filters is said before anything is sent; who took it is noted first."""
    page = await listing(request, filters, lambda _: read(None), ())
    changes = {name: (None, value) for name, value in filters.items()}
    await audit.noted(request.app[DEPS].db, request[PERSON].scope, "exported", thing, "", changes)
    response = web.StreamResponse(headers={"Content-Disposition": f'attachment; filename="{thing}.csv"'})
    response.content_type, response.charset = "text/csv", "utf-8"
    columns = [*columns, *await _house(request, thing)]
    await response.prepare(request)
    await response.write((sheet.BOM + sheet.line(columns)).encode())
    while True:
        await response.write(sheet.rows(map(_flat, page["items"]), columns).encode("utf-8", "replace"))
        if page["next"] is None:
            break
        try:
            page = await read(page["next"])
        except ServiceError as error:
            # Half a table must not look like a whole one: without the last chunk every client says that it is broken.
            log.warning("an export of %s broke off: %s", thing, error.code)
            if request.transport is not None:
                request.transport.abort()
            return response
    await response.write_eof()
    return response
