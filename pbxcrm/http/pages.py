"""Pages of people: routes, login, own settings, the PBX page; board, deals and calls have files of their own."""

from zoneinfo import available_timezones

from aiohttp import web

from pbxcrm.http import (
    i18n,
    login,
    pages_audit,
    pages_board,
    pages_calendar,
    pages_calls,
    pages_deals,
    pages_disagreements,
    pages_documents,
    pages_feed,
    pages_fields,
    pages_imports,
    pages_leads,
    pages_link,
    pages_merge,
    pages_moves,
    pages_offers,
    pages_people,
    pages_pipelines,
    pages_provider,
    pages_reports,
    pages_scores,
    pages_stale,
    pages_tasks,
    pages_webhooks,
    pages_wrapup,
)
from pbxcrm.http.keys import DEPS, ERROR_PAGE, PERSON
from pbxcrm.http.pages_common import DENSITY, LANGUAGE, THEME, error_page, inside, show, viewer
from pbxcrm.http.said import fields as fields_said
from pbxcrm.http.said import said
from pbxcrm.service import feed, people
from pbxcrm.service.auth import LoginFailed
from pbxcrm.service.errors import Invalid, ServiceError, TooMany

YEAR = 365 * 86400
SKEW = 2.0  # seconds between the PBX's clock and ours that a person should know of; so does `pbxcrm doctor`


def setup(app: web.Application) -> None:
    """Add every page to the application."""
    app[ERROR_PAGE] = error_page
    app.router.add_get("/", home)
    app.router.add_get("/login", login_form)
    app.router.add_post("/login", log_in)
    app.router.add_post("/logout", log_out)
    app.router.add_get("/me", settings)
    app.router.add_post("/me", save_settings)
    app.router.add_get("/pbx", pbx)
    pages_board.setup(app)
    pages_deals.setup(app)
    pages_moves.setup(app)
    pages_link.setup(app)
    pages_people.setup(app)
    pages_merge.setup(app)
    pages_pipelines.setup(app)
    pages_calls.setup(app)
    pages_provider.setup(app)
    pages_leads.setup(app)
    pages_scores.setup(app)
    pages_tasks.setup(app)
    pages_calendar.setup(app)
    pages_feed.setup(app)
    pages_fields.setup(app)
    pages_wrapup.setup(app)
    pages_disagreements.setup(app)
    pages_audit.setup(app)
    pages_webhooks.setup(app)
    pages_imports.setup(app)
    pages_reports.setup(app)
    pages_stale.setup(app)
    pages_offers.setup(app)
    pages_documents.setup(app)


async def home(_request: web.Request) -> web.Response:
    """The board is home."""
    raise web.HTTPSeeOther("/board")


async def login_form(request: web.Request) -> web.Response:
    """The door."""
    if request.get(PERSON) is not None:
        raise web.HTTPSeeOther("/board")
    response = await show(
        request, "login.html", name="", message="", kind="bad", next=inside(request.query.get("next", "/board"))
    )
    if (lang := request.query.get("lang")) in i18n.LOCALES:
        _cookie(request, response, LANGUAGE, str(lang))
    return response


async def log_in(request: web.Request) -> web.Response:
    """Name and password to a session, or the form again with what went wrong."""
    form = await request.post()
    name, password, after = str(form.get("name", "")), str(form.get("password", "")), str(form.get("next", ""))
    try:
        raw = await login.log_in(request, name.strip(), password)
    except (LoginFailed, TooMany) as error:
        return await _not_in(request, error, name, after)
    response = web.HTTPSeeOther(inside(after))
    login.set_cookie(request, response, raw)
    raise response


async def _not_in(request: web.Request, error: ServiceError, name: str, after: str) -> web.Response:
    me = viewer(request)
    if isinstance(error, TooMany):
        _ = me.r.gettext
        message = _(
            "Too many tries to log in. Nothing was changed; try again in %(seconds)s seconds.",
            seconds=me.r.number(error.retry_after),
        )
    else:
        message = said(me, error)
    status = 429 if isinstance(error, TooMany) else 401
    return await show(
        request, "login.html", status=status, name=name[:64], message=message, kind="bad", next=inside(after)
    )


async def log_out(request: web.Request) -> web.Response:
    """End the session, back to the door."""
    response = web.HTTPSeeOther("/login")
    await login.log_out(request, response)
    raise response


async def settings(request: web.Request) -> web.Response:
    """One's own language, calendar and time zone."""
    zones = sorted(z for z in available_timezones() if "/" in z and not z.startswith(("Etc/", "posix/", "right/")))
    notice = viewer(request).r.gettext("Saved.") if "saved" in request.query else ""
    fed = await feed.is_on(request.app[DEPS].db, request[PERSON].scope)
    return await show(request, "me.html", zones=["UTC", *zones], notice=notice, fields={}, fed=fed)


async def save_settings(request: web.Request) -> web.Response:
    """Save what the form brought; how it looks stays with the browser."""
    form = await request.post()
    after = inside(str(form.get("next", "")))
    response = web.HTTPSeeOther("/me?saved" if after == "/me" else after)
    for field, name in (("theme", THEME), ("density", DENSITY)):
        if field in form:
            _cookie(request, response, name, str(form[field]))
    changes = {k: str(form[k]) for k in ("locale", "calendar", "time_zone", "rial") if k in form}
    if changes:
        try:
            await people.set_preferences(request.app[DEPS].db, request[PERSON].scope, **changes)
        except Invalid as error:
            fields = fields_said(viewer(request), error.fields)
            return await show(request, "me.html", status=422, zones=["UTC"], notice="", fields=fields, fed=None)
        if "locale" in changes:
            _cookie(request, response, LANGUAGE, changes["locale"])
    raise response


async def pbx(request: web.Request) -> web.Response:
    """How the link to the PBX is, and how to connect one's own."""
    skew = request.app[DEPS].skew()
    return await show(request, "pbx.html", skew=round(skew, 1) if skew is not None and abs(skew) > SKEW else 0)


def _cookie(request: web.Request, response: web.StreamResponse, name: str, value: str) -> None:
    secure = request.app[DEPS].settings.secure
    response.set_cookie(name, value[:8], max_age=YEAR, path="/", httponly=True, samesite="Lax", secure=secure)
