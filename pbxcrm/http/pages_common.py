"""What every page needs: the frame around it, fragments for scripts, words for scripts, errors in words."""

from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from pbxcrm.crm.money import TOMAN
from pbxcrm.crm.views import iso
from pbxcrm.http import i18n, render
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.render import Viewer
from pbxcrm.http.said import in_words, said
from pbxcrm.http.sums import short_rule
from pbxcrm.service import calls, house, lead_settings, people, tasks
from pbxcrm.service.errors import Conflict, ServiceError
from pbxcrm.service.watch import journal_ends

MOST_MISSED = 99
LARGE = 16_000  # characters of HTML worth packing: a board packs to a thirtieth
LANGUAGE, THEME, DENSITY = "pbxcrm_language", "pbxcrm_theme", "pbxcrm_density"
HOUR = 3600.0
CURRENCIES = ("EUR", "USD", "PLN", "RUB", "IRR", "AED", "SAR", "IQD", "GBP", "TRY")
MODULES = (
    "app.js",
    "board.js",
    "dom.js",
    "words.js",
    "panel.js",
    "recordings.js",
    "drag.js",
    "keys.js",
    "caller.js",
    "live.js",
    "leads.js",
)


def viewer(request: web.Request) -> Viewer:
    """Who looks; a stranger reads in the language they chose on the login page, else in their browser's."""
    person = request.get(PERSON)
    if person is not None:
        return render.viewer(person)
    chosen = request.query.get("lang") or request.cookies.get(LANGUAGE, "")
    locale = chosen if chosen in i18n.LOCALES else i18n.choose(request.headers.get("Accept-Language"))
    return render.stranger(locale)


def fragment(request: web.Request) -> bool:
    """Whether our own script asks, and wants the part of the page that is new to it."""
    return "X-Fragment" in request.headers


def layout(request: web.Request) -> str:
    """The template a page extends."""
    return "bare.html" if fragment(request) else "base.html"


def day_filter(me: Viewer, day: str) -> dict[str, str]:
    """`since` and `until` of a day as the reader writes it, in their zone; nothing for what is no day."""
    try:
        span = me.r.whole_day(day)
        return {name: str(iso(at)) for name, at in zip(("since", "until"), span or (), strict=False)}
    except ValueError:
        return {}


def theme(request: web.Request) -> str:
    """light, dark, or "" for whatever the browser prefers."""
    chosen = request.cookies.get(THEME, "")
    return chosen if chosen in ("light", "dark") else ""


def density(request: web.Request) -> str:
    """compact, or "" for cards with room."""
    return "compact" if request.cookies.get(DENSITY) == "compact" else ""


async def show(
    request: web.Request,
    template: str,
    *,
    status: int = 200,
    here: str = "",
    as_of: int | None = None,
    currency: str = "EUR",
    whole: bool = False,
    **context: Any,
) -> web.Response:
    """A page: whole, or as a fragment for our script, unless that takes its part of the whole."""
    me = viewer(request)
    if fragment(request) and not whole:
        return _html(render.page(template, me, layout="bare.html", **context), status)
    frame = {**await _frame(request, me, as_of), "words": words(me.r.locale, me.r.unit(currency))}
    return _html(render.page(template, me, layout="base.html", **{**frame, "here": here, **context}), status)


async def _frame(request: web.Request, me: Viewer, as_of: int | None) -> dict[str, Any]:
    """What stands around the page. The journal id comes first: what is read later is only newer than it."""
    deps = request.app[DEPS]
    plain = _plain_frame(request)
    if not me.name:
        return plain
    scope = request[PERSON].scope
    plain["as_of"] = (await journal_ends(deps.db))[1] if as_of is None else as_of
    render.know({member.name: member.full_name for member in await people.list_people(deps.db)})
    plain["live_calls"] = await calls.live(deps.db, scope)
    plain["missed"] = await missed_count(request)
    plain["leads"] = await lead_settings.used(deps.db)
    return plain


async def missed_count(request: web.Request) -> int:
    """How many callers wait for a call back; counted as far as a badge has room."""
    page = await tasks.missed(request.app[DEPS].db, request[PERSON].scope, MOST_MISSED)
    return len(page["items"])


def _plain_frame(request: web.Request) -> dict[str, Any]:
    """The frame as far as it needs no database."""
    deps, me, person = request.app[DEPS], viewer(request), request.get(PERSON)
    link = deps.link_state()
    return {
        "link": {"up": link.up, "since": link.since, "reason": link.reason},
        "database": deps.db.presence,
        "demo": deps.demo,
        "theme": theme(request),
        "path": request.rel_url.raw_path_qs,
        "modules": MODULES,
        "words": words(me.r.locale),
        "devices": person.devices if person else (),
        "now": deps.db.clock(),
        "as_of": 0,
        "live_calls": [],
        "missed": 0,
        "leads": False,
        "here": "",
    }


def _html(text: str, status: int) -> web.Response:
    response = web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
    if len(text) > LARGE:
        response.enable_compression()
    return response


def go(request: web.Request, path: str, **body: Any) -> web.Response:
    """After a form: our script is told where to look, a browser is sent there."""
    if fragment(request):
        return json_response({"go": path, **body})
    raise web.HTTPSeeOther(path)


def inside(path: str) -> str:
    """A path of ours to go to next; anything that could lead elsewhere becomes the board."""
    parts = urlsplit(path)
    ours = not parts.scheme and not parts.netloc and path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if ours and "\\" not in path and path.isprintable() else "/board"


async def unit(request: web.Request) -> str:
    """In what the reader counts sums in the house's currency: its code, IRT for toman."""
    return viewer(request).r.unit(await house.setting(request.app[DEPS].db, "currency") or CURRENCIES[0])


def soon(me: Viewer, choice: str) -> float | None:
    """Epoch seconds of a quick choice: in an hour, or at nine on a later day."""
    if choice == "1h":
        return me.r.clock() + HOUR
    days = {"1d": 1, "3d": 3, "7d": 7, "30d": 30, "90d": 90}.get(choice)
    if days is None:
        return None
    return me.r.moment((me.r.today() + timedelta(days=days)).isoformat(), "09:00")


def typed_day(me: Viewer, text: str) -> str:
    """A day as a person writes it, in their calendar, as 2026-12-31; what is none stays as it is, to be refused."""
    try:
        there = me.r.local(me.r.moment(text, "12:00"))
    except (ValueError, OverflowError):
        return text
    return there.date().isoformat() if there else ""


def shown_day(me: Viewer, day: str | None) -> str:
    """The other way round: 2026-12-31 as a date field shows it."""
    return me.r.date_field(me.r.noon(day)) if day else ""


def refused(request: web.Request, error: ServiceError, status: int, **more: Any) -> web.Response:
    """For our script: why not, and how it stands now."""
    body: dict[str, Any] = {"code": error.code, "message": said(viewer(request), error), **more}
    if isinstance(error, Conflict) and error.by:
        body["by"] = error.by
    return json_response({"error": body}, status)


def error_page(request: web.Request, status: int, message: str, number: str) -> web.Response:
    """How a person sees an error. Needs no database: that may be what is broken."""
    me = viewer(request)
    _ = me.r.gettext
    headings = {
        401: _("Please log in"),
        403: _("Not allowed"),
        404: _("Not found"),
        409: _("Somebody was faster"),
        429: _("Too often"),
        503: _("Not possible just now"),
    }
    heading = headings.get(status, _("That did not work"))
    context = {"heading": heading, "message": in_words(me, message), "number": number if status >= 500 else ""}
    if fragment(request):
        return json_response({"error": {"message": context["message"]}}, status)
    page = render.page("error.html", me, layout="base.html", **_plain_frame(request), **context)
    return _html(page, status)


@lru_cache(maxsize=len(i18n.LOCALES) * 16)
def words(locale: str, currency: str = "EUR") -> dict[str, Any]:
    """The texts that scripts show, and the money rule of the board."""
    _ = i18n.Reader(locale).gettext
    return {
        "digits": i18n.Reader(locale).digits("0123456789"),
        "money": [*i18n.money_rule(locale, currency), int(currency == TOMAN)],
        "short": short_rule(locale, currency),
        "open": _("Open deals: %(n)s"),
        "moved": _("Moved to %(stage)s"),
        "undo": _("Undo"),
        "close": _("Close"),
        "again": _("Try again"),
        "lifted": _("%(name)s lifted. Arrows choose a stage, Space drops it, Escape leaves it."),
        "over": _("Over %(stage)s"),
        "left": _("Left where it was"),
        "rings": _("Call from %(name)s"),
        "incoming": _("Incoming call"),
        "dialling": _("Your phone rings. Pick it up."),
        "dial_over": _("The call is over"),
        "elsewhere": _("You finished this call elsewhere. What you typed here is not saved yet: save it, or hide it."),
        "live_on": _("Live: changes appear by themselves"),
        "live_off": _("Not live just now: connecting again. What you see may be old."),
        "logged_out": _("Your session is over. What you saved is safe; log in again to go on."),
        "log_in": _("Log in"),
        "offline": _("The server cannot be reached. Nothing was changed; try again in a moment."),
        "unsure": _("The server did not answer. If your change arrived it will show by itself; if not, do it again."),
        "broken": _("Something broke on our side. Reload the page and look whether your change was saved."),
        "notify_on": _("Calls are announced when this tab is hidden"),
        "overdue": _("Overdue: %(n)s"),
        "today": _("Due today: %(n)s"),
        "planned": _("Planned: %(n)s"),
        "none": _("No next step: %(n)s"),
        "remind": _("Reminder: %(title)s"),
        "look": _("Open"),
        "to_go": _("%(time)s left"),
        "late": _("%(time)s late"),
        "notify_off": _("Your browser blocks notifications. Allow them for this site in its settings."),
    }
