"""Words, numbers, money and times as one person reads them: language, time zone and calendar are the person's own.

The catalogues are `web/locale/<locale>/LC_MESSAGES/messages.po`, read once and kept in memory; nothing is compiled
to disk. Money is written by one small rule (sign, grouping, digits), the same in `web/static/js/words.js`.
"""

import io
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock_time
from decimal import Decimal
from functools import cache, lru_cache
from time import time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jdatetime
import phonenumbers
from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_timedelta, get_day_names
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_percent, get_currency_symbol
from babel.support import Translations

from pbxcrm.crm.money import TOMAN, parse_money, unit_of
from pbxcrm.crm.money import money as plain_money
from pbxcrm.http.static import web_root

LOCALES = {"en": "English", "fa": "فارسی", "ar": "العربية", "pl": "Polski", "ru": "Русский"}
RTL = frozenset({"fa", "ar"})
CALENDARS = ("gregorian", "jalali")
_LATIN = "0123456789"
_DIGITS = {"fa": "۰۱۲۳۴۵۶۷۸۹", "ar": "٠١٢٣٤٥٦٧٨٩"}
_ALL_DIGITS = {ord(d): _LATIN[i] for digits in _DIGITS.values() for i, d in enumerate(digits)}
_JALALI_FA = ["فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "آبان", "آذر", "دی", "بهمن", "اسفند"]
_JALALI = [
    "Farvardin",
    "Ordibehesht",
    "Khordad",
    "Tir",
    "Mordad",
    "Shahrivar",
    "Mehr",
    "Aban",
    "Azar",
    "Dey",
    "Bahman",
    "Esfand",
]
_MARKS = re.compile("[\u200e\u200f\u061c]")


@cache
def catalogue(locale: str) -> Translations:
    """The messages of one language; raises FileNotFoundError for a language we do not speak."""
    with (web_root() / "locale" / locale / "LC_MESSAGES" / "messages.po").open("rb") as source:
        messages = read_po(source, locale=locale)
    compiled = io.BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return Translations(compiled)


def choose(accept_language: str | None) -> str:
    """The first of our languages that a browser's Accept-Language asks for, English when none."""
    wanted: list[tuple[float, str]] = []
    for part in (accept_language or "").split(",")[:20]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), tag.split("-")[0].lower()))
        except ValueError:
            continue
    return next((tag for _, tag in sorted(wanted, key=lambda w: w[0]) if tag in LOCALES), "en")


def latin(text: str) -> str:
    """Persian and Arabic digits as 0-9; the rest untouched."""
    return text.translate(_ALL_DIGITS)


@lru_cache(maxsize=4096)
def phone(number: str) -> str:
    """E.164 grouped as its country writes it (`+48 22 123 45 67`); anything else as it is."""
    if not number.startswith("+"):
        return number
    try:
        return phonenumbers.format_number(
            phonenumbers.parse(number, None), phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
    except phonenumbers.NumberParseException:
        return number


def zone(name: str) -> tzinfo:
    """The time zone of that IANA name; UTC for one that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


@lru_cache(maxsize=256)
def money_rule(locale: str, currency: str) -> tuple[str, str, str, str]:
    """What goes before the amount, what after it, the sign between thousands, the decimal sign."""
    cldr = Locale(locale)
    symbol = _MARKS.sub("", get_currency_symbol(currency, locale=cldr))
    if currency == TOMAN:
        symbol = catalogue(locale).gettext("toman")
    before = cldr.currency_formats["standard"].pattern.split(";")[0].lstrip("\u200e\u200f").startswith("¤")
    if locale in RTL or len(symbol) > 1:
        # A word for a sign ("PLN", "ریال") needs air; in right-to-left text it follows the amount.
        symbol = f"{symbol}\u00a0" if before and locale not in RTL else f"\u00a0{symbol}"
        before = before and locale not in RTL
    elif not before:
        symbol = f"\u00a0{symbol}"
    signs = cldr.number_symbols.get("arab" if locale == "ar" else "arabext" if locale == "fa" else "latn", {})
    group, point = signs.get("group", ","), signs.get("decimal", ".")
    return (symbol if before else "", "" if before else symbol, group, point)


@dataclass(frozen=True)
class Reader:
    """How one person reads: immutable, cheap to share between requests."""

    locale: str = "en"
    time_zone: str = "UTC"
    calendar: str = "gregorian"
    clock: Callable[[], float] = field(default=time, compare=False)
    toman: bool = False  # counts rials by ten

    @property
    def rtl(self) -> bool:
        """Whether this language is written from right to left."""
        return self.locale in RTL

    def gettext(self, message: str, **values: object) -> str:
        """The message in this person's language, `%(name)s` filled in."""
        text = catalogue(self.locale).gettext(message)
        return text % values if values else text

    def ngettext(self, one: str, many: str, n: int, **values: object) -> str:
        """The form of the message that goes with `n`; `%(n)s` is n in this person's digits."""
        return catalogue(self.locale).ngettext(one, many, n) % {"n": self.number(n), **values}

    def digits(self, text: str) -> str:
        """The text with its 0-9 as this language writes them."""
        own = _DIGITS.get(self.locale)
        return text.translate({ord(d): own[i] for i, d in enumerate(_LATIN)}) if own else text

    def number(self, n: int) -> str:
        """A whole number with its thousands grouped."""
        return self.digits(f"{n:,}".replace(",", money_rule(self.locale, "EUR")[2]))

    def fraction(self, text: str) -> str:
        """A decimal like 1.5 as it is, with this language's digits and decimal sign."""
        return self.digits(text.replace(".", money_rule(self.locale, "EUR")[3]))

    def percent(self, n: int) -> str:
        """`62%`, or `۶۲٪`."""
        return format_percent(n / 100, locale=self.locale) if self.locale not in _DIGITS else self.digits(f"{n}٪")

    def money(self, amount: str, currency: str) -> str:
        """A decimal string and its currency: `€12,400`, `12 400,50 zł`; an all-zero fraction is left out."""
        unit, value = self.unit(currency), Decimal(amount or "0")
        before, after, group, point = money_rule(self.locale, unit)
        value = value / 10 if unit == TOMAN else value
        whole, _, fraction = f"{abs(value):f}".partition(".")
        text = f"{int(whole):,}".replace(",", group)
        if fraction.strip("0"):
            text += point + fraction
        sign = ("\u200e−" if self.rtl else "−") if value < 0 else ""  # a mark keeps it before its digits
        return f"{sign}{before}{self.digits(text)}{after}"

    def unit(self, currency: str) -> str:
        """In what this person counts sums of this currency: its code, IRT for toman."""
        return unit_of(currency, toman=self.toman)

    def money_field(self, amount: str, currency: str) -> str:
        """For an input beside `unit`: plain digits, nothing for nothing."""
        if not float(amount or "0"):
            return ""
        minor, unit = parse_money(amount, currency), self.unit(currency)
        whole, _, fraction = plain_money(minor, unit).partition(".")
        return f"{whole}.{fraction}" if fraction.strip("0") else whole

    # -- times ---------------------------------------------------------------------------------------------------

    def local(self, at: str | float | None) -> datetime | None:
        """A contract time (ISO 8601) or epoch seconds in this person's zone."""
        if at is None or at == "":
            return None
        moment = datetime.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at, UTC)
        return moment.astimezone(zone(self.time_zone))

    def today(self) -> date:
        """The day it is where this person is."""
        return datetime.fromtimestamp(self.clock(), zone(self.time_zone)).date()

    def day_of(self, at: float) -> date:
        """The day it is then where this person is."""
        return datetime.fromtimestamp(at, zone(self.time_zone)).date()

    def day_ends(self, at: float) -> float:
        """Epoch seconds of the midnight that ends the day of `at`."""
        there = zone(self.time_zone)
        after = datetime.fromtimestamp(at, there).date() + timedelta(days=1)
        return datetime.combine(after, clock_time(), there).timestamp()

    def hour(self, at: str | float | None) -> str:
        """`14:03`."""
        moment = self.local(at)
        return self.digits(f"{moment:%H:%M}") if moment else ""

    def day(self, at: str | float | None) -> str:
        """`12 Mar`, with the year when it is not this one."""
        moment = self.local(at)
        if moment is None:
            return ""
        return _day(self.locale, self.calendar, moment.date(), self.today())

    def short_day(self, day: date) -> str:
        """`12 Mar`, with the year when it is not this one."""
        return _day(self.locale, self.calendar, day, self.today())

    def month(self, day: date) -> str:
        """`Mar`, or `Farvardin`: the month of a day as an axis has it."""
        if self.calendar == "jalali":
            return _jalali_month(self.locale, jdatetime.date.fromgregorian(date=day).month)
        name: str = format_date(day, "LLL", locale=self.locale)
        return name

    def decimal(self, n: float) -> str:
        """A number with one decimal, or none where that is zero."""
        whole, _, tenth = f"{n:,.1f}".partition(".")
        _before, _after, group, point = money_rule(self.locale, "EUR")
        return self.digits(whole.replace(",", group) + (point + tenth if tenth != "0" else ""))

    def midnight(self, day: date) -> float:
        """When that day begins where this person is, epoch seconds."""
        return self._at(day, clock_time.min)

    @property
    def week(self) -> tuple[int, frozenset[int]]:
        """The day that weeks begin with where this person is, and the days of rest; 0 is Monday."""
        return _week(self.locale, self.time_zone)

    def weekday(self, day: date, *, short: bool = False) -> str:
        """`Sunday`, or `Sun`."""
        names = get_day_names("abbreviated" if short else "wide", "stand-alone", locale=self.locale)
        return str(names[day.weekday()])

    def month_of_year(self, day: date) -> str:
        """`March 2026`, or `Esfand 1404`."""
        if self.calendar == "jalali":
            there = jdatetime.date.fromgregorian(date=day)
            return self.digits(f"{_jalali_month(self.locale, there.month)} {there.year}")
        return self.digits(format_date(day, "LLLL y", locale=self.locale))

    def near(self, at: str | float | None) -> str:
        """As short as can be: `14:03` today, `yesterday 14:03`, else the day."""
        moment = self.local(at)
        if moment is None:
            return ""
        away = (moment.date() - self.today()).days
        if away == 0:
            return self.hour(at)
        if away == -1:
            return self.gettext("yesterday %(time)s", time=self.hour(at))
        if away == 1:
            return self.gettext("tomorrow %(time)s", time=self.hour(at))
        return self.day(at)

    def brief(self, at: str | float | None) -> str:
        """The hour today, else the day: for narrow places."""
        moment = self.local(at)
        return "" if moment is None else self.hour(at) if moment.date() == self.today() else self.day(at)

    def full(self, at: str | float | None) -> str:
        """Day and time, for a tooltip or a log."""
        comma = "،" if self.rtl else ","
        return f"{self.day(at)}{comma} {self.hour(at)}" if at else ""

    def days_since(self, at: str) -> int:
        """Whole days that have gone by since then."""
        return int((self.clock() - datetime.fromisoformat(at).timestamp()) // 86400)

    def span(self, seconds: float) -> str:
        """A length of talk: `0:42`, `12:05`, `1:02:03`."""
        whole = max(0, round(seconds))
        hours, rest = divmod(whole, 3600)
        minutes, left = divmod(rest, 60)
        return self.digits(f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}")

    def length(self, seconds: float) -> str:
        """A length of time in words, as roughly as one says it: `12 minutes`, `3 hours`."""
        return self.digits(format_timedelta(timedelta(seconds=max(seconds, 60.0)), locale=self.locale))

    def lasted(self, start: str, end: str | None = None) -> str:
        """The same between two times (ISO 8601); until now where the second is left out."""
        until = datetime.fromisoformat(end).timestamp() if end else self.clock()
        return self.length(until - datetime.fromisoformat(start).timestamp())

    def due(self, at: str | None) -> str:
        """Which of overdue | today | planned | none a next contact is."""
        moment = self.local(at)
        if moment is None:
            return "none"
        if moment.timestamp() < self.clock():
            return "overdue"
        return "today" if moment.date() == self.today() else "planned"

    def stays(self, since: str, idle_at: str | None) -> int:
        """Days that something has stood since then, once it stands too long; 0 before."""
        if idle_at is None or datetime.fromisoformat(idle_at).timestamp() > self.clock():
            return 0
        return max(1, int((self.clock() - datetime.fromisoformat(since).timestamp()) // 86400))

    # -- what a person typed --------------------------------------------------------------------------------------

    def date_field(self, at: str | float | None) -> str:
        """For a date input: `2026-03-12`, or `1404/12/21` where the calendar is Jalali."""
        moment = self.local(at)
        if moment is None:
            return ""
        if self.calendar == "jalali":
            return self.digits(jdatetime.date.fromgregorian(date=moment.date()).strftime("%Y/%m/%d"))
        return moment.date().isoformat()

    def time_field(self, at: str | None) -> str:
        """For a time input: `14:03`, always Latin digits (browsers want them)."""
        moment = self.local(at)
        return f"{moment:%H:%M}" if moment else ""

    def moment(self, day: str, hour: str) -> float | None:
        """Epoch seconds of what `date_field` and `time_field` hold; None when there is no day. Raises ValueError."""
        if not day.strip():
            return None
        clock = datetime.strptime((latin(hour).strip() or "09:00")[:5], "%H:%M").replace(tzinfo=UTC).time()
        return self._at(_typed(day), clock)

    def noon(self, day: str) -> float:
        """The middle of a day like 2026-12-31, epoch seconds."""
        return self._at(date.fromisoformat(day), clock_time(12))

    def whole_day(self, day: str) -> tuple[float, float] | None:
        """When a day as `date_field` holds it begins and the next one does, epoch seconds; None when there is no day.

        Not 24 hours apart where clocks are changed. Raises ValueError.
        """
        if not day.strip():
            return None
        there = _typed(day)
        try:
            return self._at(there, clock_time.min), self._at(there + timedelta(days=1), clock_time.min)
        except OverflowError as error:
            raise ValueError(day) from error

    def _at(self, day: date, clock: clock_time) -> float:
        return datetime.combine(day, clock, zone(self.time_zone)).timestamp()


def _typed(day: str) -> date:
    """A day that somebody typed, in either calendar and any digits. Raises ValueError."""
    year, month, dom = (int(part) for part in re.split(r"[/.\-]", latin(day).strip()))
    return jdatetime.date(year, month, dom).togregorian() if year < 1700 else date(year, month, dom)


_HOME = {"fa": "IR", "ar": "EG"}


@cache
def _week(locale: str, time_zone: str) -> tuple[int, frozenset[int]]:
    """As it is where the time zone is; where that says nothing, as it is where most speak this language."""
    for territory in (get_global("zone_territories").get(time_zone), _HOME.get(locale)):
        with suppress(UnknownLocaleError):
            there = Locale(locale, territory) if territory else None
            if there is not None:
                rest = frozenset(range(there.weekend_start, there.weekend_end + 1))
                return there.first_week_day, rest
    return 0, frozenset({5, 6})


def _jalali_month(locale: str, month: int) -> str:
    return (_JALALI_FA if locale in RTL else _JALALI)[month - 1]


@lru_cache(maxsize=4096)
def _day(locale: str, calendar: str, day: date, today: date) -> str:
    """`12 Mar`, or `21 Esfand`; kept, for a board shows the same few days over and over."""
    if calendar == "jalali":
        there, now = jdatetime.date.fromgregorian(date=day), jdatetime.date.fromgregorian(date=today)
        month = _jalali_month(locale, there.month)
        text = f"{there.day} {month}" + ("" if there.year == now.year else f" {there.year}")
    else:
        text = format_date(day, "d MMM" if day.year == today.year else "d MMM y", locale=locale)
    return Reader(locale).digits(text)
