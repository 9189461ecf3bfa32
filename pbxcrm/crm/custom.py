"""Fields that the house made itself: what one may be, how a value is read, what is kept and what is shown. Pure.

Values stand in a thing's JSON `details` under "custom": {key: value}, each of its field's type; what a field does not
hold is left out. A field that was retired keeps its values, and nobody sees them until it is brought back.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pbxcrm.calls.numbers import digits
from pbxcrm.crm.details import day
from pbxcrm.crm.fields import EMAIL, BadFields, Parser, WrongError, email, line, needed_line, parse, phone
from pbxcrm.crm.folding import folded
from pbxcrm.crm.money import plain_decimal

THINGS = ("contact", "company", "deal", "lead")
TYPES = ("text", "number", "date", "select", "yes_no", "email", "phone")
MOST = 50  # fields of a thing, those that were retired among them
MOST_CHOICES = 100
LONGEST_NAME = 60  # characters of a field's name, and of a choice
_LONGEST_KEY = 40
_KEY = "custom"
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_EXACT = 15  # digits that a number of JSON keeps wherever it is read
# How tables and programs write it, folded.
_YES = frozenset({"yes", "true", "1", "y", "x", "+", "بله", "بلی", "اری", "نعم", "tak", "да"})
_NO = frozenset({"no", "false", "0", "n", "-", "خیر", "نه", "لا", "nie", "нет"})

Value = str | int | float | bool
Values = dict[str, Value]


class Field(NamedTuple):
    """One field. `key` is made of its first name and stays; `thing`: of THINGS; `type`: of TYPES."""

    id: int
    thing: str
    key: str
    name: str
    type: str
    choices: tuple[str, ...] = ()
    position: int = 0
    retired: bool = False


# -- what a field may be -----------------------------------------------------------------------------------------------


def key_of(name: str, taken: Iterable[str]) -> str:
    """The key of a new field: its name in small letters with `_` between words, and a number where that is taken."""
    plain = re.sub(r"[\W_]+", "_", folded(name)).strip("_")[:_LONGEST_KEY].rstrip("_") or "field"
    known, key, n = set(taken), plain, 1
    while key in known:
        n += 1
        key = f"{plain}_{n}"
    return key


def _name(value: object) -> str:
    text = needed_line(value)
    if len(text) > LONGEST_NAME:
        raise WrongError(f"This is too long; {LONGEST_NAME} characters fit.")
    return text


def _one_of(known: Sequence[str]) -> Parser:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in known:
            raise WrongError("Choose one of the list.")
        return value

    return check


def _choices(value: object) -> tuple[str, ...]:
    """A list, or text with a line each: each once."""
    given = value.splitlines() if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        raise WrongError("This must be a list of choices.")
    if len(given) > 10 * MOST_CHOICES:
        raise WrongError(f"At most {MOST_CHOICES} choices fit.")
    found: dict[str, str] = {}
    for one in given:
        if text := line(one):
            found.setdefault(folded(text), text)
    if len(found) > MOST_CHOICES:
        raise WrongError(f"At most {MOST_CHOICES} choices fit.")
    if any(len(text) > LONGEST_NAME for text in found.values()):
        raise WrongError("A choice is too long; 60 characters fit.")
    return tuple(found.values())


def new(given: Mapping[str, object], thing: str | None = None) -> Field:
    """A field as somebody wrote it, {thing, name, type, choices}; without id, key and position. Raises BadFields."""
    known: dict[str, Parser] = {
        "thing": _one_of(THINGS),
        "name": _name,
        "type": _one_of(TYPES),
        "choices": _choices,
    }
    whole = given if thing is None else {**given, "thing": thing}
    parsed = parse(whole, known, ("thing", "name", "type"))
    made = Field(0, key="", **parsed)  # type: ignore[arg-type]
    return fit(made)


def changed(field: Field, given: Mapping[str, object]) -> Field:
    """The field with {name, choices, retired} as somebody wrote them. Raises BadFields."""
    known: dict[str, Parser] = {"name": _name, "choices": _choices, "retired": _retired}
    return fit(field._replace(**parse(given, known)))  # type: ignore[arg-type]


def _retired(value: object) -> bool:
    if not isinstance(value, bool):
        raise WrongError("This must be true or false.")
    return value


def fit(field: Field) -> Field:
    """The field, if it can be: a list to choose from has choices, and nothing else has. Raises BadFields."""
    if field.type == "select" and not field.choices:
        raise BadFields({"choices": "Write at least one choice, a line each."})
    return field if field.type == "select" else field._replace(choices=())


# -- values ------------------------------------------------------------------------------------------------------------


def _text(value: object) -> str:
    return line(str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value)


def _email(value: object) -> str:
    text = email(value)
    if not EMAIL.fullmatch(text):
        raise WrongError("This is no e-mail address.")
    return text


def _number(value: object) -> int | float:
    """Up to 15 digits, before and after the point together; with a decimal comma and digits of any script too."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongError("This is no number; write it like 12 or 1.5.")
    text = plain_decimal(str(value).replace("−", "-"))
    if not _NUMBER.fullmatch(text) or len(digits(text)) > _EXACT:
        raise WrongError("This is no number; write it like 12 or 1.5.")
    whole = float(text)
    return int(whole) if whole.is_integer() else whole


def _day(value: object) -> str:
    if not isinstance(value, str):
        raise WrongError("This is no day; write it like 2026-12-31.")
    return day(value)


def _yes_no(value: object) -> bool:
    said = folded(str(value)) if isinstance(value, str | bool | int) else ""
    if said not in _YES | _NO:
        raise WrongError("This must be yes or no.")
    return said in _YES


def _reader(field: Field, had: Value | None, region: str | None) -> Callable[[object], Value]:
    def number(value: object) -> str:
        written = phone(value, region)
        if len(digits(written)) < 3 or re.search(r"[^\W\d_]{3}", written):
            raise WrongError("This is no phone number.")
        return written

    def chosen(value: object) -> str:
        known = {folded(one): one for one in field.choices}
        if isinstance(value, str) and (value == had or folded(value) in known):
            return known.get(folded(value), value)  # what was chosen once stays, though it is offered no more
        raise WrongError("Choose one of the list.")

    readers: dict[str, Callable[[object], Value]] = {
        "text": _text,
        "email": _email,
        "phone": number,
        "select": chosen,
        "number": _number,
        "date": _day,
        "yes_no": _yes_no,
    }
    return readers[field.type]


def read(field: Field, value: object, had: Value | None = None, region: str | None = None) -> Value | None:
    """A value of this field; None for none. `had`: what it holds; `region`: of national numbers. Raises ValueError."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _reader(field, had, region)(value)


def taken(
    fields: Iterable[Field], given: Mapping[str, object], had: Mapping[str, Value], region: str | None
) -> dict[str, Value | None]:
    """What was given, {key: value}, each of its type; None: it is to be empty. Raises BadFields, of `custom.<key>`."""
    known = {field.key: field for field in fields if not field.retired}
    found: dict[str, Value | None] = {}
    wrong: dict[str, str] = {}
    for key, value in given.items():
        if key not in known:
            wrong[f"{_KEY}.{key}"] = "There is no such field here."
            continue
        try:
            found[key] = read(known[key], value, had.get(key), region)
        except ValueError as error:
            wrong[f"{_KEY}.{key}"] = str(error)
    if wrong:
        raise BadFields(wrong)
    return found


def kept(details: str) -> Values:
    """All values in a thing's details, those of retired fields among them."""
    return dict(json.loads(details).get(_KEY, {})) if f'"{_KEY}"' in details else {}


def put(said: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    """Details with these values; what is not given stays, None takes it away."""
    held = said.get(_KEY)
    every = {**(held if isinstance(held, dict) else {}), **given}
    values = {key: value for key, value in every.items() if value is not None}
    both: dict[str, object] = {**said, _KEY: values}
    return {name: value for name, value in both.items() if name != _KEY or values}


def shown(fields: Iterable[Field], values: Mapping[str, Value]) -> Values:
    """Of these values what anybody sees, in the order of the fields."""
    return {field.key: values[field.key] for field in fields if not field.retired and field.key in values}


def text(value: Value) -> str:
    """A value as text that a person may choose by, beside others."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def flat(values: Mapping[str, object]) -> dict[str, object]:
    """{"custom.<key>": value}: as errors, forms, tables and the audit log name them."""
    return {f"{_KEY}.{key}": value for key, value in values.items()}


def fitting(fields: Iterable[Field], others: Iterable[Field], values: Mapping[str, Value]) -> Values:
    """Of the values of one thing's `others` what fits `fields` of another thing: the same key and type."""
    types = {field.key: field.type for field in others if not field.retired}
    return {
        field.key: values[field.key]
        for field in fields
        if not field.retired and field.key in values and types.get(field.key) == field.type
        if field.type != "select" or values[field.key] in field.choices
    }
