"""Price offers: lines of text, count and price in; exact sums out, in whole minor units. Pure."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TypedDict

from pbxcrm.calls.numbers import fold_digits
from pbxcrm.crm import details
from pbxcrm.crm.fields import Parser, WrongError, currency, line, long_text, needed_line, parse
from pbxcrm.crm.money import LARGEST, is_currency, money, parse_money
from pbxcrm.crm.views import View, ident, iso

STATES = ("draft", "sent", "accepted", "declined")
MOST_LINES = 100
_COUNT = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,3})?")
_MINUS = "-\u2212\u2013"


class Line(TypedDict):
    """`count`: a decimal with at most three places, as text; `price` of one, in minor units: below 0 for a discount."""

    text: str
    count: str
    price: int


class OfferFields(TypedDict, total=False):
    """Columns of an offer."""

    title: str
    currency: str
    items: list[Line]
    send_on: str | None
    valid_until: str | None
    note: str


class OfferRow(TypedDict):
    """A row of `offers` with names beside it; `items` parsed; `newest`: no later revision of it."""

    id: int
    deal_id: int
    state: str
    created_at: float
    by: str | None
    send_on: str | None
    sent_at: float | None
    decided_at: float | None
    valid_until: str | None
    currency: str
    items: list[Line]
    total: int
    note: str
    version: int
    title: str
    revision: int
    first_id: int | None
    task_id: int | None
    newest: bool


def worth(one: Line) -> int:
    """What a line comes to: half a minor unit is rounded away from nothing."""
    exact = one["price"] * int(Decimal(one["count"]) * 1000)  # in thousandths: whole numbers have no error
    rounded = (abs(exact) + 500) // 1000
    return rounded if exact >= 0 else -rounded


def total(lines: Iterable[Line]) -> int:
    """What an offer comes to: the sum of its lines as they are shown."""
    return sum(worth(one) for one in lines)


def _count(value: object) -> str:
    text = fold_digits(str(value if value not in (None, "") else "1").strip()).replace("٫", ".").replace(",", ".")
    if not _COUNT.fullmatch(text) or not Decimal(text):
        raise WrongError("A count is a number above 0 like 2 or 1.5, with at most 3 decimals.")
    return f"{Decimal(text).normalize():f}"


def _price(value: object, code: str) -> int:
    text = str(value if value not in (None, "") else "0").strip()
    minus = text[:1] in _MINUS and bool(text)
    amount = parse_money(text[1:] if minus else text, code)
    return -amount if minus else amount


def _items(value: object, code: str) -> list[Line]:
    """Lines as they were given, [{text, count, price}]: one of which all is empty is none."""
    if not isinstance(value, list) or not all(isinstance(one, Mapping) for one in value):
        raise WrongError("This must be a list of lines: text, count, price.")
    given = [one for one in value if any(str(one.get(name) or "").strip() for name in Line.__annotations__)]
    if len(given) > MOST_LINES:
        raise WrongError(f"At most {MOST_LINES} lines fit.")
    if any(set(one) - set(Line.__annotations__) for one in given):
        raise WrongError("This must be a list of lines: text, count, price.")
    found = []
    for n, one in enumerate(given, 1):
        try:
            text = needed_line(one.get("text", ""))
            found.append(Line(text=text, count=_count(one.get("count")), price=_price(one.get("price"), code)))
        except ValueError as error:
            raise WrongError(f"Line {n}: {error}") from None
    if not 0 <= total(found) <= LARGEST or any(abs(worth(one)) > LARGEST for one in found):
        raise WrongError(f"An offer comes to an amount from 0 to {money(LARGEST, code)}.")
    return found


def offer_fields(given: Mapping[str, object], code: str) -> OfferFields:
    """The columns of an offer in `code`'s currency (its own, if it names one). Raises BadFields."""
    named = given.get("currency")
    unit = named if isinstance(named, str) and is_currency(named) else code
    known: dict[str, Parser] = {
        "title": line,
        "currency": currency,
        "items": lambda value: _items(value, unit),
        "send_on": lambda value: details.day(value) or None,
        "valid_until": lambda value: details.day(value) or None,
        "note": long_text,
    }
    parsed: OfferFields = {}
    parsed.update(parse(given, known))  # type: ignore[typeddict-item]
    return parsed


def view(row: OfferRow) -> View:
    """An offer as JSON has it: `number` is the same in all its revisions; a line has what it is `worth`."""
    code = row["currency"]
    items = [
        {
            "text": one["text"],
            "count": one["count"],
            "price": money(one["price"], code),
            "worth": money(worth(one), code),
        }
        for one in row["items"]
    ]
    plain: View = {name: row[name] for name in _PLAIN}  # type: ignore[literal-required]
    return {
        **plain,
        "id": str(row["id"]),
        "number": str(row["first_id"] or row["id"]),
        "deal_id": str(row["deal_id"]),
        "task_id": ident(row["task_id"]),
        "items": items,
        "total": money(row["total"], code),
        **{name: iso(row[name]) for name in ("created_at", "sent_at", "decided_at")},
    }


_PLAIN = ("state", "revision", "newest", "title", "currency", "send_on", "valid_until", "note", "by", "version")
