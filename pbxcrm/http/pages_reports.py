"""The quick reports: how a pipeline does, stage by stage, why deals are lost, where they come from."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from pbxcrm.crm import sheet
from pbxcrm.crm.looking import NOBODY
from pbxcrm.http import periods
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.labels import Labels
from pbxcrm.http.pages_common import show, viewer
from pbxcrm.http.render import Viewer, full_name
from pbxcrm.http.report_address import Address, Figures
from pbxcrm.http.report_tables import TABLES
from pbxcrm.service import audit, people, reports
from pbxcrm.service.errors import NotFound
from pbxcrm.service.reports import Number, Who

Report = dict[str, Any]
Make = Callable[[web.Request, Address], Awaitable[Report]]


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get("/reports", overview)
    app.router.add_get("/reports/stages", by_stage)
    app.router.add_get("/reports/lost", why_lost)
    app.router.add_get("/reports/sources", by_source)
    app.router.add_get("/reports/deals", behind)
    app.router.add_get("/reports/{name:[a-z]+}.csv", table)


def address_of(request: web.Request) -> Address:
    """What the address asks for, in the reader's calendar."""
    return Address.of(viewer(request).r, request.query, request.app[DEPS].db.clock())


async def frame(request: web.Request, address: Address, template: str, tab: str, report: Report) -> web.Response:
    """The page of a report, with the choice of time and people above it."""
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    staff = await people.list_people(db) if scope.sees_all else []
    period = address.period
    return await show(
        request,
        template,
        here="reports",
        tab=tab,
        address=address,
        periods=[(key, me.r.gettext(text)) for key, text in periods.CHOICES.items()],
        days=(me.r.date_field(period.since), me.r.date_field(periods.begins(me.r, period.last))),
        span=(me.r.short_day(period.first), me.r.short_day(period.last)),
        staff=[one for one in staff if one.active],
        teams=sorted({one.team for one in staff if one.team}),
        report=report,
        f=Figures(me.r, report["currency"]),
        person=lambda who: named(me, who),
        nobody=NOBODY,
    )


def named(me: Viewer, who: Who) -> str:
    """What to call a row's person or team."""
    if who.kind == "all":
        return me.r.gettext("All together")
    return me.r.gettext("Nobody's") if who.name == NOBODY else full_name(who.name) if who.kind == "person" else who.name


async def _overview(request: web.Request, address: Address) -> Report:
    steps = periods.steps(viewer(request).r, address.period)
    edges = periods.edges(viewer(request).r, steps)
    found = await reports.overview(request.app[DEPS].db, request[PERSON].scope, address.asked, edges)
    return {**found, "steps": steps}


async def _by_stage(request: web.Request, address: Address) -> Report:
    return await reports.by_stage(request.app[DEPS].db, request[PERSON].scope, address.asked)


async def _why_lost(request: web.Request, address: Address) -> Report:
    return await reports.why_lost(request.app[DEPS].db, request[PERSON].scope, address.asked)


async def _by_source(request: web.Request, address: Address) -> Report:
    return await reports.by_source(request.app[DEPS].db, request[PERSON].scope, address.asked)


async def overview(request: web.Request) -> web.Response:
    """What was won, how fast, and what stands where."""
    address = address_of(request)
    return await frame(request, address, "report_overview.html", "overview", await _overview(request, address))


async def by_stage(request: web.Request) -> web.Response:
    """Each stage of each person and team, side by side."""
    address = address_of(request)
    return await frame(request, address, "report_stages.html", "stages", await _by_stage(request, address))


async def why_lost(request: web.Request) -> web.Response:
    """Reasons by stage and by person; competitors and objections."""
    address = address_of(request)
    return await frame(request, address, "report_lost.html", "lost", await _why_lost(request, address))


async def by_source(request: web.Request) -> web.Response:
    """Which sources bring most, the best, the most money; which need repair."""
    address = address_of(request)
    return await frame(request, address, "report_sources.html", "sources", await _by_source(request, address))


# -- the deals behind a number, and tables ---------------------------------------------------------------------------


async def behind(request: web.Request) -> web.Response:
    """The deals that a number counts, with their calls."""
    address, query = address_of(request), request.query
    number = Number(
        query.get("what", ""), query.get("stage", "")[:18], _given(query.get("reason")), _given(query.get("source"))
    )
    found = await reports.behind(
        request.app[DEPS].db, request[PERSON].scope, address.asked, number, query.get("cursor")
    )
    stage = next((one["name"] for one in found["stages"] if one["id"] == number.stage), "")
    more = {"what": number.what, "stage": number.stage or None, "reason": number.reason, "source": number.source}
    following = address.to("/reports/deals", None, **more, cursor=found["next"]) if found["next"] else ""
    report = {
        **found,
        "what": number.what,
        "stage": stage,
        "reason": number.reason,
        "source": number.source,
        "following": following,
        "more": more,
    }
    return await frame(request, address, "report_deals.html", _TABS.get(number.what, "overview"), report)


_TABS = {
    **dict.fromkeys(("entered", "converted", "still", "left", "dropped"), "stages"),
    **dict.fromkeys(("source", "sold"), "sources"),
    "lost": "lost",
}


def _given(text: str | None) -> str | None:
    return None if text is None else text[:200]


_MAKE: dict[str, Make] = {
    "overview": _overview,
    "people": _overview,
    "stages": _by_stage,
    "lost": _why_lost,
    "sources": _by_source,
}


async def table(request: web.Request) -> web.Response:
    """A report as a table for spreadsheets; who took it is noted first."""
    name, me, address = request.match_info["name"], viewer(request), address_of(request)
    if name not in _MAKE:
        raise NotFound
    report = await _MAKE[name](request, address)
    db, scope = request.app[DEPS].db, request[PERSON].scope
    await people.list_people(db)
    await audit.noted(db, scope, "exported", "reports", "", {"name": (None, name)})
    lines = TABLES[name](report, Labels(me.r.locale), lambda who: named(me, who))
    text = sheet.BOM + "".join(sheet.line(line) for line in lines)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return web.Response(text=text, content_type="text/csv", charset="utf-8", headers=headers)
