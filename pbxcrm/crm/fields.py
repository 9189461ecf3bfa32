"""What a person or a program may write into a deal, a contact, a task: a closed vocabulary, checked and put in order.

Pure: names and values as they came in, columns and values out. Wrong ones raise BadFields, all of them at once.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TypedDict

from pbxcrm.calls.numbers import clean, digits, normalise
from pbxcrm.crm import details
from pbxcrm.crm.money import is_currency, parse_money, real

LONGEST_TEXT = 10_000
LONGEST_LINE = 200
_MOST_KEYS = 100
OWN_TASKS = ("todo", "call", "mail", "meeting")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


class WrongError(ValueError):
    """One value that cannot be, in words for the person who gave it."""


class BadFields(ValueError):  # noqa: N818
    """`fields` says for each field what is wrong with it."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {what}" for name, what in fields.items()))
        self.fields = dict(fields)


class DealFields(TypedDict, total=False):
    """Columns of a deal; `owner` and `stage` still as they were named."""

    title: str
    stage: int
    owner: str | None
    contact_id: int | None
    number: str | None
    value: int
    currency: str
    source: str
    priority: int
    note: str
    next_contact_at: float | None
    company_id: int | None
    company: str
    tags: list[str]
    expected_close: str | None
    custom: Mapping[str, object]


class ContactFields(TypedDict, total=False):
    """Columns of a contact; `numbers` normalised, each once."""

    name: str
    company: str
    email: str
    note: str
    numbers: list[str]
    owner: str | None
    company_id: int | None
    job_title: str
    city: str
    extension: str
    birth_date: str
    contact_by: str
    emails: list[str]
    addresses: list[str]
    sites: list[str]
    socials: list[str]
    first_contact_by: str
    tags: list[str]
    custom: Mapping[str, object]


class CompanyFields(TypedDict, total=False):
    """Columns of a company; `owner` still as they were named."""

    name: str
    relation: str
    number: str | None
    email: str
    site: str
    address: str
    city: str
    note: str
    owner: str | None
    custom: Mapping[str, object]


class TaskFields(TypedDict, total=False):
    """Columns of a person's own task; `user` still as they were named."""

    kind: str
    title: str
    deal_id: int | None
    contact_id: int | None
    due_at: float
    ends_at: float | None
    place: str
    note: str
    remind_at: float | None
    user: str | None


def line(value: object) -> str:
    """One line of text, cleaned of what cannot be seen."""
    if not isinstance(value, str):
        raise WrongError("This must be text.")
    text = clean(value, LONGEST_LINE + 1)
    if len(text) > LONGEST_LINE:
        raise WrongError(f"This is too long; {LONGEST_LINE} characters fit.")
    return text


def email(value: object) -> str:
    """An e-mail address, in small letters: two spellings of one are one."""
    return line(value).lower()


def needed_line(value: object) -> str:
    """One line of text that is not empty."""
    text = line(value)
    if not text:
        raise WrongError("This may not be empty.")
    return text


def long_text(value: object) -> str:
    """Text of several lines."""
    if not isinstance(value, str):
        raise WrongError("This must be text.")
    if len(value) > LONGEST_TEXT:
        raise WrongError(f"This is too long; {LONGEST_TEXT} characters fit.")
    return "\n".join(clean(one, LONGEST_TEXT) for one in value.splitlines()).strip()


def by_key(value: object) -> dict[str, object]:
    """Values by their keys, still as they were given: which keys there are is the house's own (crm/custom.py)."""
    if not isinstance(value, dict) or len(value) > _MOST_KEYS or not all(isinstance(key, str) for key in value):
        raise WrongError("This must be an object of fields.")
    return dict(value)


def name_or_none(value: object) -> str | None:
    """A person's name, or nobody."""
    return None if value is None or value == "" else line(value)


def ident(value: object) -> int:
    """An id: opaque outside, a number here."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and 0 < len(value) < 19:
        return int(value)
    raise WrongError("There is no such thing here.")


def ident_or_none(value: object) -> int | None:
    """An id, or none."""
    return None if value is None or value == "" else ident(value)


def moment_or_none(value: object) -> float | None:
    """An ISO 8601 time with its offset as epoch seconds, or none."""
    return None if value is None or value == "" else moment(value)


def moment(value: object) -> float:
    """An ISO 8601 time with its offset as epoch seconds."""
    if not isinstance(value, str):
        raise WrongError("This must be a time like 2026-01-31T09:30:00Z.")
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        raise WrongError("This is no time; write it like 2026-01-31T09:30:00Z.") from None
    if at.tzinfo is None:
        raise WrongError("This time has no offset from UTC; write it like 2026-01-31T09:30:00Z.")
    if not 1970 < at.year < 9999:
        raise WrongError("This time is too far away.")
    return at.timestamp()


def truth(value: object) -> bool:
    """Yes or no, as JSON or a query string writes it."""
    if value in (True, "true", "1"):
        return True
    if value in (False, "false", "0"):
        return False
    raise WrongError("This must be true or false.")


def priority(value: object) -> int:
    """-9 to 9; 0 is usual, less is less urgent."""
    if isinstance(value, str) and value.removeprefix("-").isdecimal():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not -9 <= value <= 9:
        raise WrongError("This must be a whole number from -9 to 9.")
    return value


def currency(value: object) -> str:
    """An ISO 4217 code; IRT, toman, is the rial counted by ten."""
    if not isinstance(value, str) or not is_currency(value):
        raise WrongError("This must be an ISO 4217 code like EUR.")
    return real(value)


def amount(value: object, code: str) -> int:
    """Minor units of a decimal string (a whole number will do)."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise WrongError('This must be an amount in quotes, like "1500.50": numbers with a point are not exact.')
    return parse_money(value or "0", code)


def phone(value: object, region: str | None) -> str:
    """A phone number: E.164 where it can be read so, else as it was written."""
    number = normalise(value, region) if isinstance(value, str) else None
    if number is None or not digits(number):
        raise WrongError("This is no phone number.")
    if len(number) > 40:
        raise WrongError("This is too long for a phone number.")
    return number


Parser = Callable[[object], object]


def parse(given: Mapping[str, object], known: Mapping[str, Parser], needed: Iterable[str] = ()) -> dict[str, object]:
    """Each value through its own parser. Raises BadFields with all that is wrong."""
    parsed: dict[str, object] = {}
    wrong = {name: "This is needed." for name in needed if name not in given}
    for name, value in given.items():
        parser = known.get(name)
        if parser is None:
            wrong[name] = "There is no such field here."
            continue
        try:
            parsed[name] = parser(value)
        except ValueError as error:
            wrong[name] = str(error)
    if wrong:
        raise BadFields(wrong)
    return parsed


def deal_fields(given: Mapping[str, object], code: str, region: str | None) -> DealFields:
    """The columns of a deal in `code`'s currency (its own, if it names one), and details of it. Raises BadFields."""
    named = given.get("currency")
    unit = named if isinstance(named, str) and is_currency(named) else code
    known: dict[str, Parser] = {
        "title": needed_line,
        "stage": ident,
        "owner": name_or_none,
        "contact_id": ident_or_none,
        "number": lambda value: None if value in (None, "") else phone(value, region),
        "value": lambda value: amount(value, unit),
        "currency": currency,
        "source": line,
        "priority": priority,
        "note": long_text,
        "next_contact_at": moment_or_none,
        "company_id": ident_or_none,
        "company": line,
        "tags": details.words,
        "expected_close": lambda value: details.day(value) or None,
        "custom": by_key,
        **details.parsers(long_text, unit),
    }
    parsed: DealFields = {}
    parsed.update(parse(given, known))  # type: ignore[typeddict-item]
    return parsed


def contact_fields(given: Mapping[str, object], region: str | None) -> ContactFields:
    """The columns of a contact. Raises BadFields."""

    def phones(value: object) -> list[str]:
        if not isinstance(value, list):
            raise WrongError("This must be a list of phone numbers.")
        if len(value) > 20:
            raise WrongError("At most 20 numbers fit.")
        return list(dict.fromkeys(phone(one, region) for one in value))

    known: dict[str, Parser] = {
        "name": line,
        "company": line,
        "email": email,
        "note": long_text,
        "numbers": phones,
        "owner": name_or_none,
        "company_id": ident_or_none,
        "job_title": line,
        "city": line,
        "extension": line,
        "birth_date": details.day,
        "contact_by": details.choice(*details.CHOICES["contact_by"]),
        **dict.fromkeys(details.ADDRESSES, _lines),
        "emails": lambda value: list(dict.fromkeys(email(one) for one in _lines(value))),
        "first_contact_by": details.choice(*details.MET),
        "tags": details.words,
        "custom": by_key,
    }
    parsed: ContactFields = {}
    parsed.update(parse(given, known))  # type: ignore[typeddict-item]
    return parsed


def _lines(value: object) -> list[str]:
    if not isinstance(value, list) or len(value) > 20:
        raise WrongError("This must be a list of at most 20 lines.")
    return list(dict.fromkeys(text for one in value if (text := line(one))))


def company_fields(given: Mapping[str, object], region: str | None, needed: Iterable[str] = ()) -> CompanyFields:
    """The columns of a company. Raises BadFields."""
    known: dict[str, Parser] = {
        "name": needed_line,
        "relation": lambda value: details.choice(*details.RELATIONS)(value) or details.RELATIONS[0],
        "number": lambda value: None if value in (None, "") else phone(value, region),
        "email": email,
        "site": line,
        "address": line,
        "city": line,
        "note": long_text,
        "owner": name_or_none,
        "custom": by_key,
    }
    parsed: CompanyFields = {}
    parsed.update(parse(given, known, needed))  # type: ignore[typeddict-item]
    return parsed


def task_kind(value: object) -> str:
    """What a person may set themselves to do."""
    if value not in OWN_TASKS:
        raise WrongError(f"This must be one of {', '.join(OWN_TASKS)}.")
    return str(value)


def task_fields(given: Mapping[str, object], needed: Iterable[str] = ("title", "due_at")) -> TaskFields:
    """The columns of a person's own task. Raises BadFields."""
    known: dict[str, Parser] = {
        "kind": task_kind,
        "title": needed_line,
        "deal_id": ident_or_none,
        "contact_id": ident_or_none,
        "due_at": moment,
        "ends_at": moment_or_none,
        "place": line,
        "note": long_text,
        "remind_at": moment_or_none,
        "user": name_or_none,
    }
    parsed: TaskFields = {}
    parsed.update(parse(given, known, needed))  # type: ignore[typeddict-item]
    return parsed


def task_result(result: object) -> str:
    """What came of a task; nothing is an answer too. Raises BadFields."""
    return str(parse({"result": result or ""}, {"result": long_text})["result"])


def move_fields(stage: object, reason: object) -> tuple[int, str]:
    """Where to, and why. Raises BadFields."""
    parsed = parse({"stage": stage, "reason": reason or ""}, {"stage": ident, "reason": line})
    return int(str(parsed["stage"])), str(parsed["reason"])


def note_text(text: object) -> str:
    """What a note says. Raises BadFields."""
    said = str(parse({"text": text}, {"text": long_text})["text"])
    if not said:
        raise BadFields({"text": "This may not be empty."})
    return said
