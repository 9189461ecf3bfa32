"""The sheets of a calendar: which days a month or a week shows, in either calendar. Days are `datetime.date`. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import jdatetime

DAY = timedelta(days=1)
YEARS = (1900, 2200)  # beyond them nobody has appointments, and calendars end


@dataclass(frozen=True, slots=True)
class Sheet:
    """`weeks` of seven days each; `first` to `last` are the days it is about; the sheets around it hold those days."""

    weeks: tuple[tuple[date, ...], ...]
    first: date
    last: date
    before: date
    after: date

    @property
    def days(self) -> list[date]:
        """All that are shown."""
        return [day for week in self.weeks for day in week]


def week(day: date, begins: int) -> Sheet:
    """The week of that day; `begins`: its first day, 0 is Monday."""
    first = _week_of(day, begins)
    last = first + 6 * DAY
    return Sheet((_seven(first),), first, last, first - DAY, last + DAY)


def month(day: date, begins: int, calendar: str) -> Sheet:
    """The month of that day with the whole weeks it touches; `calendar`: gregorian or jalali."""
    first = _FIRST[calendar](day)
    after = _FIRST[calendar](first + 31 * DAY)
    weeks, start = [], _week_of(first, begins)
    while start < after:
        weeks.append(_seven(start))
        start += 7 * DAY
    return Sheet(tuple(weeks), first, after - DAY, first - DAY, after)


def _seven(first: date) -> tuple[date, ...]:
    return tuple(first + n * DAY for n in range(7))


def _week_of(day: date, begins: int) -> date:
    return day - (day.weekday() - begins) % 7 * DAY


def _jalali_first(day: date) -> date:
    there = jdatetime.date.fromgregorian(date=day)
    first: date = jdatetime.date(there.year, there.month, 1).togregorian()
    return first


_FIRST: dict[str, Callable[[date], date]] = {
    "gregorian": lambda day: day.replace(day=1),
    "jalali": _jalali_first,
}


def day_of_month(day: date, calendar: str) -> int:
    """Which day of its month it is."""
    return int(jdatetime.date.fromgregorian(date=day).day) if calendar == "jalali" else day.day
