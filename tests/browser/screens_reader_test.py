"""How one person reads: digits, money, calendars, and what they type."""

from datetime import datetime

import pytest

from pbxcrm.http import i18n
from pbxcrm.http.i18n import LOCALES, Reader
from pbxcrm.http.labels import Labels

NOW = 1_795_000_000.0  # 18 November 2026, 11:06:40 UTC


def reader(locale: str = "en", zone: str = "UTC", calendar: str = "gregorian") -> Reader:
    return Reader(locale, zone, calendar, lambda: NOW)


@pytest.mark.parametrize(
    ("locale", "amount", "currency", "text"),
    [
        ("en", "12400.00", "EUR", "€12,400"),
        ("en", "1499.50", "EUR", "€1,499.50"),
        ("en", "0.00", "EUR", "€0"),
        ("en", "-3.10", "USD", "−$3.10"),
        ("en", "1500", "JPY", "¥1,500"),
        ("pl", "12400.50", "PLN", "12\u00a0400,50\u00a0zł"),
        ("ru", "1000000.00", "RUB", "1\u00a0000\u00a0000\u00a0₽"),
        ("fa", "250000000.00", "IRR", "۲۵۰٬۰۰۰٬۰۰۰\u00a0ریال"),
        ("ar", "99.90", "EUR", "٩٩٫٩٠\u00a0€"),
    ],
)
def test_money(locale: str, amount: str, currency: str, text: str) -> None:
    assert reader(locale).money(amount, currency) == text


def test_times_are_the_persons_own() -> None:
    assert reader().hour(NOW) == "11:06"
    assert reader(zone="Asia/Tehran").hour(NOW) == "14:36"
    assert reader("fa", "Asia/Tehran").hour(NOW) == "۱۴:۳۶"
    assert reader().hour("2026-11-18T11:06:40.000Z") == "11:06"


def test_the_hour_that_comes_twice_is_shown_twice_on_one_day() -> None:
    first, warsaw = 1_792_888_200.0, reader(zone="Europe/Warsaw")  # 2026-10-25T00:30Z, 02:30 in summer time
    assert [warsaw.hour(first + seconds) for seconds in (0, 3600, 7200)] == ["02:30", "02:30", "03:30"]
    assert len({warsaw.day(first + seconds) for seconds in (-2 * 3600, 0, 3600, 22 * 3600)}) == 1


def epoch(utc: str) -> float:
    return datetime.fromisoformat(utc + "+00:00").timestamp()


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("UTC", "2026-11-18", "2026-11-18T00:00", 24),
        ("Europe/Warsaw", "2026-03-29", "2026-03-28T23:00", 23),
        ("Europe/Warsaw", "2026-10-25", "2026-10-24T22:00", 25),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", 24.5),  # half an hour of summer time
        ("Africa/Cairo", "2026-04-24", "2026-04-23T22:00", 23),  # clocks go forward at midnight: no 00:00 there
        ("America/Havana", "2025-11-02", "2025-11-02T04:00", 25),  # back at one: 00:00 comes twice
        ("Asia/Tehran", "1405/01/01", "2026-03-20T20:30", 24),
        ("Asia/Tehran", "۱۴۰۴/۱۲/۲۹", "2026-03-19T20:30", 24),  # the year's last, for 1404 is no leap year
        ("Asia/Tehran", "1401/01/01", "2022-03-20T20:30", 24),
        ("Asia/Tehran", "1401/01/02", "2022-03-21T20:30", 23),  # the last summer time there, from midnight on
        ("Asia/Tehran", "1401/06/30", "2022-09-20T19:30", 25),
    ],
)
def test_a_day_is_as_long_as_it_was_there(zone: str, day: str, begins: str, hours: float) -> None:
    start = epoch(begins)
    assert reader(zone=zone).whole_day(day) == (start, start + hours * 3600)


@pytest.mark.parametrize("day", ["x", "2026-02-30", "1404/12/30", "2026", "9999-12-31", "2026-1-1-1", "99999999/1/1"])
def test_what_is_no_day(day: str) -> None:
    with pytest.raises(ValueError):
        reader().whole_day(day)
    assert reader().whole_day(" ") is None


def test_days_in_both_calendars() -> None:
    assert reader().day(NOW) == "18 Nov"
    assert reader().day(NOW - 400 * 86400) == "14 Oct 2025"
    assert reader("fa", "Asia/Tehran", "jalali").day(NOW) == "۲۷ آبان"
    assert reader("en", "UTC", "jalali").day(NOW) == "27 Aban"
    assert reader("fa", "UTC", "jalali").day(NOW - 400 * 86400) == "۲۲ مهر ۱۴۰۴"


def test_near_times_are_short() -> None:
    assert reader().near(NOW) == "11:06"
    assert reader().near(NOW - 86400) == "yesterday 11:06"
    assert reader().near(NOW + 86400) == "tomorrow 11:06"
    assert reader().near(NOW + 5 * 86400) == "23 Nov"
    assert reader().brief(NOW + 86400) == "19 Nov"
    assert reader().near(None) == ""


def test_what_is_due() -> None:
    def at(offset: float) -> str:
        from pbxcrm.crm.views import iso

        return str(iso(NOW + offset))

    assert [reader().due(t) for t in (None, at(-1), at(60), at(2 * 86400))] == ["none", "overdue", "today", "planned"]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("calendar", ["gregorian", "jalali"])
def test_what_a_field_shows_it_also_understands(locale: str, calendar: str) -> None:
    one = reader(locale, "Asia/Tehran", calendar)
    minute = "2026-11-18T11:06:00.000Z"
    assert one.moment(one.date_field(minute), one.time_field(minute)) == NOW - 40


def test_a_day_may_be_typed_in_any_digits_and_either_calendar() -> None:
    one = reader("fa", "Asia/Tehran", "jalali")
    assert one.moment("۱۴۰۵/۸/۲۷", "14:36") == one.moment("1405-08-27", "14:36") == one.moment("2026-11-18", "14:36")
    assert one.moment("", "14:36") is None
    for wrong in ("tomorrow", "1405/13/01", "2026-02-30", "1/2", "1405/08/27/1"):
        with pytest.raises(ValueError):
            one.moment(wrong, "")


def test_talk_time() -> None:
    assert [reader().span(s) for s in (0, 42.4, 725, 3723)] == ["0:00", "0:42", "12:05", "1:02:03"]
    assert reader("ar").span(65) == "١:٠٥"


def test_numbers_as_their_country_writes_them() -> None:
    assert i18n.phone("+48221234567") == "+48 22 123 45 67"
    assert i18n.phone("101") == "101"
    assert i18n.phone("+1") == "+1"


def test_the_browsers_language_is_taken() -> None:
    assert i18n.choose("de-DE,de;q=0.9,fa;q=0.8,en;q=0.7") == "fa"
    assert i18n.choose("ru") == "ru"
    assert i18n.choose("de") == i18n.choose(None) == i18n.choose("x;q=banana") == "en"


def test_stages_we_brought_are_translated_and_others_are_not() -> None:
    assert Labels("pl").fixed("Won") == "Wygrane"
    assert Labels("pl").fixed("Gutachten") == "Gutachten"


def test_an_unanswered_call_of_ours_is_not_called_missed() -> None:
    assert Labels("en").outcome({"outcome": "missed", "direction": "outbound"}) == "no answer"
    assert Labels("en").outcome({"outcome": "missed", "direction": "inbound"}) == "missed"
