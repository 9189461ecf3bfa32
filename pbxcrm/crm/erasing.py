"""What of a person is in a text or in one of our views, and the same without them. Pure.

A view keeps its shape: texts become empty, numbers null, so that whoever reads it reads on.
"""

import re
from collections.abc import Iterable, Mapping

import phonenumbers

from pbxcrm.calls.numbers import digits
from pbxcrm.crm.matching import tail

_TEXTS = frozenset(
    {"name", "company", "email", "note", "title", "text", "contact_name", "caller_name", "reason", "close_reason"}
    | {"needs", "budget", "interest"}
)
_NUMBERS = frozenset({"number", "recording"})
_SHORTEST = 7  # fewer digits are an extension or a year: nothing to search other texts for
_WORD = 3  # letters of a word of a name that tells who is meant


def spellings(numbers: Iterable[str]) -> list[str]:
    """Every run of digits that a stored text may hold for these numbers, the longest first."""
    found: set[str] = set()
    for number in numbers:
        whole = digits(number)
        if len(whole) < _SHORTEST:
            continue
        plain = {whole, tail(number), _national(number) or whole}
        found |= plain | {f"+{whole}", f"00{whole}"} | {f"0{text}" for text in plain}
        found |= {text[::-1] for text in plain}
    return sorted(found, key=lambda text: (-len(text), text))


def _national(number: str) -> str | None:
    try:
        return str(phonenumbers.national_significant_number(phonenumbers.parse(number, None)))
    except phonenumbers.NumberParseException:
        return None


def without(value: object, numbers: Iterable[str]) -> object:
    """A view (or a part of one) without the person: what only they have is empty, their numbers are cut out."""
    pattern = _pattern(spellings(numbers))
    return _without(value, pattern)


def _pattern(texts: Iterable[str]) -> "re.Pattern[str] | None":
    alternatives = "|".join(re.escape(text) for text in texts)
    return re.compile(alternatives) if alternatives else None


def _without(value: object, pattern: "re.Pattern[str] | None") -> object:
    if isinstance(value, str):
        return pattern.sub("", value) if pattern else value
    if isinstance(value, list):
        return [_without(one, pattern) for one in value]
    if isinstance(value, Mapping):
        return {name: _field(name, inside, pattern) for name, inside in value.items()}
    return value


def _field(name: str, value: object, pattern: "re.Pattern[str] | None") -> object:
    if name in _NUMBERS:
        return None
    if name in ("numbers", "reasons"):
        return []
    if name == "custom":
        return {}
    if name == "changes":  # of the audit log: which fields, not what was in them
        return {field: [None, None] for field in value} if isinstance(value, Mapping) else value
    if name in _TEXTS and isinstance(value, str):
        return ""
    return _without(value, pattern)


def tells(text: str, names: Iterable[str], numbers: Iterable[str]) -> bool:
    """Whether this text, which is about the person, says who they are: a word of their name, or their number."""
    folded = text.casefold()
    words = {word for name in names for word in name.casefold().split() if len(word) >= _WORD}
    return any(word in folded for word in words) or any(one in text for one in spellings(numbers))
