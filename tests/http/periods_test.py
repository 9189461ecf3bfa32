"""Which time a report is of: months, quarters and years of the reader's calendar, where clocks are changed too."""

import itertools
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from pbxcrm.http import periods
from pbxcrm.http.i18n import Reader

HOUR = 3600.0


def at(*when: int, zone: str = "UTC") -> float:
    return datetime(*when, tzinfo=ZoneInfo(zone)).timestamp()  # type: ignore[misc,arg-type]


def reader(zone: str = "UTC", calendar: str = "gregorian", now: float = 0.0, locale: str = "en") -> Reader:
    return Reader(locale, zone, calendar, lambda: now)


NOW = at(2026, 11, 22, 10)


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("month", date(2026, 11, 1), date(2026, 11, 30)),
        ("last_month", date(2026, 10, 1), date(2026, 10, 31)),
        ("quarter", date(2026, 10, 1), date(2026, 12, 31)),
        ("last_quarter", date(2026, 7, 1), date(2026, 9, 30)),
        ("year", date(2026, 1, 1), date(2026, 12, 31)),
        ("last_year", date(2025, 1, 1), date(2025, 12, 31)),
        ("days30", date(2026, 10, 24), date(2026, 11, 22)),
        ("days90", date(2026, 8, 25), date(2026, 11, 22)),
    ],
)
def test_each_choice(key: str, first: date, last: date) -> None:
    found = periods.of(reader(), {"period": key}, NOW)
    assert (found.first, found.last, found.wrong) == (first, last, False)


@pytest.mark.parametrize(
    ("key", "first", "last"),
    [
        ("month", date(2026, 11, 22), date(2026, 12, 21)),  # Azar 1405
        ("last_month", date(2026, 10, 23), date(2026, 11, 21)),
        ("quarter", date(2026, 9, 23), date(2026, 12, 21)),  # autumn: Mehr, Aban, Azar
        ("last_quarter", date(2026, 6, 22), date(2026, 9, 22)),
        ("year", date(2026, 3, 21), date(2027, 3, 20)),  # 1405
        ("last_year", date(2025, 3, 21), date(2026, 3, 20)),  # 1404
    ],
)
def test_months_of_the_jalali_calendar(key: str, first: date, last: date) -> None:
    found = periods.of(reader("Asia/Tehran", "jalali"), {"period": key}, NOW)
    assert (found.first, found.last) == (first, last)
    assert found.since == at(first.year, first.month, first.day, zone="Asia/Tehran")


def test_in_january_the_last_month_and_quarter_are_of_last_year() -> None:
    now = at(2026, 1, 5)
    assert periods.of(reader(), {"period": "last_month"}, now).first == date(2025, 12, 1)
    found = periods.of(reader(), {"period": "last_quarter"}, now)
    assert (found.first, found.last) == (date(2025, 10, 1), date(2025, 12, 31))
    farvardin = periods.of(reader("Asia/Tehran", "jalali"), {"period": "last_month"}, at(2026, 3, 25))
    assert (farvardin.first, farvardin.last) == (date(2026, 2, 20), date(2026, 3, 20))  # Esfand 1404 has 29 days


def test_a_month_in_which_clocks_change_is_an_hour_longer_or_shorter() -> None:
    warsaw = reader("Europe/Warsaw")
    march = periods.of(warsaw, {"period": "month"}, at(2026, 3, 10))
    october = periods.of(warsaw, {"period": "month"}, at(2026, 10, 10))
    assert march.until - march.since == 31 * 24 * HOUR - HOUR
    assert october.until - october.since == 31 * 24 * HOUR + HOUR
    edges = periods.edges(warsaw, periods.steps(warsaw, october))
    days = [int((b - a) / HOUR) for a, b in itertools.pairwise(edges)]
    assert days == [24] * 24 + [25] + [24] * 6
    assert edges[-1] == october.until


def test_whose_day_it_is() -> None:
    """New Year's Eve at 23:30 in London is next year in Warsaw, and the other month."""
    now = at(2025, 12, 31, 23, 30)
    assert periods.of(reader("Europe/London"), {"period": "month"}, now).first == date(2025, 12, 1)
    assert periods.of(reader("Europe/Warsaw"), {"period": "month"}, now).first == date(2026, 1, 1)


def test_from_a_day_to_a_day_as_the_reader_writes_it() -> None:
    found = periods.of(reader(), {"period": "own", "from": "2026-02-03", "to": "2026-02-03"}, NOW)
    assert (found.since, found.until) == (at(2026, 2, 3), at(2026, 2, 4))
    jalali = {"period": "own", "from": "۱۴۰۵/۰۱/۰۱", "to": "۱۴۰۵/۰۱/۳۱"}
    found = periods.of(reader("Asia/Tehran", "jalali", locale="fa"), jalali, NOW)
    assert (found.first, found.last) == (date(2026, 3, 21), date(2026, 4, 20))
    only = periods.of(reader(), {"period": "own", "from": "2026-11-01"}, NOW)
    assert (only.first, only.last) == (date(2026, 11, 1), date(2026, 11, 22))


@pytest.mark.parametrize(
    "given",
    [
        {"period": "own", "from": "2026-05-01", "to": "2026-04-01"},
        {"period": "own", "from": "yesterday"},
        {"period": "own", "to": "9999-99-99"},
        {"period": "own", "from": "0001-01-01", "to": "9999-12-31"},
        {"period": "decade"},
    ],
)
def test_what_is_no_time_is_this_quarter_and_said(given: dict[str, str]) -> None:
    found = periods.of(reader(), given, NOW)
    assert (found.first, found.key, found.wrong) == (date(2026, 10, 1), "quarter", True)


def test_a_very_long_time_is_cut() -> None:
    found = periods.of(reader(), {"period": "own", "from": "1900-01-01", "to": "2026-11-22"}, NOW)
    assert (found.after - found.first).days == periods.LONGEST + 1


@pytest.mark.parametrize(
    ("given", "bars"),
    [
        ({"period": "month"}, 30),
        ({"period": "quarter"}, 14),  # 92 days are 13 weeks and a day
        ({"period": "year"}, 12),
        ({"period": "own", "from": "2017-01-01", "to": "2026-11-22"}, 10),
    ],
)
def test_bars_of_a_chart_cover_all_of_it(given: dict[str, str], bars: int) -> None:
    for zone, calendar in (("UTC", "gregorian"), ("America/New_York", "gregorian")):
        r = reader(zone, calendar, NOW)
        found = periods.of(r, given, NOW)
        steps = periods.steps(r, found)
        assert len(steps) == bars
        assert (steps[0].first, steps[-1].after) == (found.first, found.after)
        assert all(a.after == b.first for a, b in itertools.pairwise(steps))


def test_a_bar_of_a_jalali_year_is_a_jalali_month() -> None:
    r = reader("Asia/Tehran", "jalali", NOW)
    steps = periods.steps(r, periods.of(r, {"period": "year"}, NOW))
    assert [(step.name, (step.after - step.first).days) for step in steps][5:8] == [
        ("Shahrivar", 31), ("Mehr", 30), ("Aban", 30)
    ]  # fmt: skip
    assert datetime.fromtimestamp(periods.begins(r, steps[0].first), UTC) == datetime(2026, 3, 20, 20, 30, tzinfo=UTC)
