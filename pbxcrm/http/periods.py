"""Which time a report is of, in the calendar and time zone of who asks: months and quarters are theirs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock_time

import jdatetime

from pbxcrm.http.i18n import Reader, zone
from pbxcrm.http.labels import N_

CHOICES = {
    "month": N_("This month"),
    "last_month": N_("Last month"),
    "quarter": N_("This quarter"),
    "last_quarter": N_("Last quarter"),
    "year": N_("This year"),
    "last_year": N_("Last year"),
    "days30": N_("The last 30 days"),
    "days90": N_("The last 90 days"),
    "own": N_("From … to …"),
}
USUAL = "quarter"
LONGEST = 3660  # days: what is longer is cut
_BY_DAY, _BY_WEEK, _BY_MONTH = 35, 184, 1500  # days up to which a chart has a bar for each day, week, month


@dataclass(frozen=True, slots=True)
class Period:
    """From the beginning of day `first` to that of day `after`; `since` and `until` are these as epoch seconds."""

    key: str
    first: date
    after: date
    since: float
    until: float
    wrong: bool = False  # what was typed is no time, so the usual one is shown

    @property
    def last(self) -> date:
        """The last day of it."""
        return self.after - timedelta(days=1)


def begins(r: Reader, day: date) -> float:
    """Epoch seconds at which a day begins where the reader is."""
    return datetime.combine(day, clock_time(), zone(r.time_zone)).timestamp()


def _month(r: Reader, day: date) -> tuple[int, int]:
    """Year and month of a day, in the reader's calendar."""
    if r.calendar == "jalali":
        there = jdatetime.date.fromgregorian(date=day)
        return there.year, there.month
    return day.year, day.month


def _month_begins(r: Reader, year: int, month: int) -> date:
    """The first day of that month; months may be counted beyond the year, and below it."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return jdatetime.date(year, month, 1).togregorian() if r.calendar == "jalali" else date(year, month, 1)


def _named(r: Reader, key: str, today: date) -> tuple[date, date]:
    if key.startswith("days"):
        return today - timedelta(days=int(key[4:]) - 1), today + timedelta(days=1)
    year, month = _month(r, today)
    length = 12 if key.endswith("year") else 3 if key.endswith("quarter") else 1
    begin = month - (month - 1) % length
    if key.startswith("last_"):
        begin -= length
    return _month_begins(r, year, begin), _month_begins(r, year, begin + length)


def of(r: Reader, given: Mapping[str, str], now: float) -> Period:
    """What an address asks for: `period`, and for "own" the days `from` and `to` as `Reader.date_field` writes them."""
    key = given.get("period", USUAL)
    wrong = key not in CHOICES
    today = r.day_of(now)
    first, after = _named(r, USUAL if wrong or key == "own" else key, today)
    if key == "own":
        try:
            first, after = _typed(r, given, today)
        except (ValueError, OverflowError):
            wrong = True
    return Period(USUAL if wrong else key, first, after, begins(r, first), begins(r, after), wrong)


def _typed(r: Reader, given: Mapping[str, str], today: date) -> tuple[date, date]:
    """Either may be left out. Raises ValueError for what is no day, and for an end before its beginning."""
    from_, to = (r.whole_day(given.get(name, "")) for name in ("from", "to"))
    last = r.day_of(to[0]) if to else today
    first = r.day_of(from_[0]) if from_ else last - timedelta(days=364)
    if last < first:
        raise ValueError("It ends before it begins.")
    return max(first, last - timedelta(days=LONGEST)), last + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """A bar's time; `name` as short as an axis has room for."""

    name: str
    first: date
    after: date


def steps(r: Reader, period: Period) -> list[Step]:
    """The period in days, weeks, months or years, as its length asks for; the first and the last may be cut."""
    days = (period.after - period.first).days
    if days <= _BY_DAY:
        return _even(r, period, 1)
    if days <= _BY_WEEK:
        return _even(r, period, 7)
    found, begin, length = [], period.first, 1 if days <= _BY_MONTH else 12
    while begin < period.after:
        year, month = _month(r, begin)
        following = _month_begins(r, year, (1 if length == 12 else month) + length)
        end = min(following, period.after)
        found.append(Step(r.month(begin) if length == 1 else r.digits(str(year)), begin, end))
        begin = following
    return found


def _even(r: Reader, period: Period, length: int) -> list[Step]:
    found, begin = [], period.first
    while begin < period.after:
        end = min(begin + timedelta(days=length), period.after)
        found.append(Step(r.short_day(begin), begin, end))
        begin = end
    return found


def edges(r: Reader, found: list[Step]) -> list[float]:
    """When each step begins, and when the last one ends: epoch seconds."""
    return [begins(r, step.first) for step in found] + [begins(r, found[-1].after)]
