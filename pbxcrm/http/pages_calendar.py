"""The calendar: what was promised, by month and by week, in the reader's own calendar and time zone. All is links."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from pbxcrm.crm.views import epoch
from pbxcrm.http import months
from pbxcrm.http.i18n import Reader
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.months import Sheet
from pbxcrm.http.pages_common import show, viewer
from pbxcrm.http.pages_tasks import staff
from pbxcrm.service import day as days
from pbxcrm.service.day import TEAM, Promise

VIEWS = ("month", "week")
LANES = 3  # beside each other in a week: a fourth could not be read
SHOWN = 4  # of a day in a month; the others unfold
OFFICE = (8, 18)  # the hours a week shows at least
AWAKE = (6, 22)  # and at most: what is at night stands above them


@dataclass(frozen=True, slots=True)
class Entry:
    """A promise where a week draws it: from half hour `row` of its column on, over `rows` of them; 0: above all."""

    one: Promise
    row: int = 0
    rows: int = 1
    lane: int = 1

    @property
    def end(self) -> int:
        """The row after its last one."""
        return self.row + self.rows


@dataclass(slots=True)
class Cluster:
    """Entries that stand beside each other, for each is on while another is; their rows count from its own.

    `more`: those for whom there was no lane to be read in.
    """

    row: int
    rows: int
    entries: list[Entry]
    more: list[Entry]


def setup(app: web.Application) -> None:
    """Add the route."""
    app.router.add_get("/calendar", calendar)


async def calendar(request: web.Request) -> web.Response:
    """A month or a week; a manager may choose a colleague's or a team's."""
    me, query, scope = viewer(request), request.query, request[PERSON].scope
    view = query.get("show") if query.get("show") in VIEWS else "month"
    day, who = _day(query.get("day", ""), me.r.today()), query.get("who", "")
    begins, rest = me.r.week
    sheet = months.week(day, begins) if view == "week" else months.month(day, begins, me.r.calendar)
    shown = sheet.days
    since, until = me.r.midnight(shown[0]), me.r.midnight(shown[-1] + months.DAY)
    span = (shown[0].isoformat(), shown[-1].isoformat())
    found = await days.calendar(request.app[DEPS].db, scope, since, until, span, me.r.day_of, who)
    of_day = {one: [p for p in found if _when(me.r, p) == one] for one in shown}
    hours = _hours(me.r, found) if view == "week" else OFFICE

    def address(to: date, view: str | None = view) -> str:
        return "/calendar?" + urlencode({"show": view, "day": to.isoformat(), **({"who": who} if who else {})})

    people = await staff(request)
    return await show(
        request,
        "calendar.html",
        here="calendar",
        view=view,
        sheet=sheet,
        title=_title(me.r, sheet, str(view)),
        weeks=[[_cell(me.r, one, sheet, rest, of_day[one], hours) for one in week] for week in sheet.weeks],
        hours=range(*hours),
        shown=SHOWN,
        who=who or me.name,
        own=who in ("", me.name),
        staff=people,
        teams=sorted({f"{TEAM}{member.team}" for member in people if member.team}),
        to={"before": address(sheet.before), "after": address(sheet.after), "today": address(me.r.today())},
        views={one: address(day, one) for one in VIEWS},
        back=request.rel_url.raw_path_qs,
    )


def _day(text: str, otherwise: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return otherwise
    return day if months.YEARS[0] <= day.year < months.YEARS[1] else otherwise


def _when(r: Reader, one: Promise) -> date:
    return date.fromisoformat(one.closes) if one.closes else r.day_of(one.at)


def _title(r: Reader, sheet: Sheet, view: str) -> str:
    if view == "month":
        return r.month_of_year(sheet.first)
    return f"{r.short_day(sheet.first)} – {r.short_day(sheet.last)}"


def _hours(r: Reader, found: list[Promise]) -> tuple[int, int]:
    """From which hour until before which one a week is drawn."""
    begin, end = OFFICE
    for one in found:
        start = None if one.closes else r.local(one.at)
        if start is not None and AWAKE[0] <= start.hour < AWAKE[1]:
            begin, end = min(begin, start.hour), max(end, start.hour + 1)
    return begin, end


def _cell(
    r: Reader, day: date, sheet: Sheet, rest: frozenset[int], found: list[Promise], hours: tuple[int, int]
) -> dict[str, Any]:
    entries = [_entry(r, one, hours) for one in found]
    return {
        "day": day,
        "n": r.number(months.day_of_month(day, r.calendar)),
        "name": r.weekday(day),
        "short": r.weekday(day, short=True),
        "text": r.short_day(day),
        "field": r.date_field(r.noon(day.isoformat())),
        "off": not sheet.first <= day <= sheet.last,
        "rest": day.weekday() in rest,
        "today": day == r.today(),
        "entries": entries,
        "above": [one for one in entries if not one.row],
        "clusters": _clusters([one for one in entries if one.row]),
    }


def _entry(r: Reader, one: Promise, hours: tuple[int, int]) -> Entry:
    start = None if one.closes else r.local(one.at)
    if start is None or not hours[0] <= start.hour < hours[1]:
        return Entry(one)
    row = (start.hour - hours[0]) * 2 + start.minute // 30 + 1
    ends = epoch(one.task["ends_at"]) if one.task and one.task["ends_at"] else one.at
    rows = -(-int(ends - one.at) // 1800)
    return Entry(one, row, max(1, min(rows, (hours[1] - hours[0]) * 2 - row + 1)))


def _laned(entries: list[Entry]) -> Cluster:
    """Each in the first lane that is free by then; the last lane unfolds those that would need more of them."""
    first = entries[0].row
    free: list[int] = []  # the row from which on each lane is
    placed: list[Entry] = []
    for one in entries:
        lane = next((n for n, row in enumerate(free) if row <= one.row), len(free))
        free[lane : lane + 1] = [one.end]
        placed.append(replace(one, row=one.row - first + 1, lane=lane + 1))
    last = LANES if len(free) <= LANES else LANES - 1
    shown, more = ([one for one in placed if (one.lane <= last) is within] for within in (True, False))
    return Cluster(first, max(one.end for one in entries) - first, shown, more)


def _clusters(entries: list[Entry]) -> list[Cluster]:
    """In the order of their rows; entries come in the order of time."""
    found: list[list[Entry]] = []
    until = 0
    for one in entries:
        if one.row >= until:
            found.append([])
        found[-1].append(one)
        until = max(until, one.end)
    return [_laned(those) for those in found]
