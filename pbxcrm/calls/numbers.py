"""Phone numbers as people dial and PBXs show them: cleaned, E.164 where they can be read so."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers

# What PBXs and carriers put in the place of a number that the caller withheld.
_WITHHELD = frozenset(
    {"", "anonymous", "unknown", "restricted", "private", "withheld", "unavailable", "<unknown>", "s"}
)
_DIALLABLE = re.compile(r"\+?[0-9]{2,15}")
_SEPARATORS = re.compile(r"[\s().\-/\u2010-\u2015]+")
_SHORT = 7  # fewer digits, no "+": an extension, a feature code or a service number, the same in every country


def clean(text: str, limit: int = 80) -> str:
    """Text from the wire without control, bidi and other invisible characters, at most `limit` long."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(" " if c in "\t\r\n" else c for c in text if c in "\t\r\n" or _visible(c))
    return text.strip()[:limit].rstrip()


_NOT_SHOWN = re.compile(r"[^\w .,'-]+")


def display(text: str, limit: int) -> str:
    """A name for a phone's display: foreign text of which letters, digits and a few signs are left."""
    return " ".join(_NOT_SHOWN.sub(" ", clean(text, limit)).split())


def _visible(c: str) -> bool:
    return unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or c == "\u200c"


def fold_digits(text: str) -> str:
    """Persian, Arabic and any other decimal digits as 0-9."""
    return text if text.isascii() else "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


@lru_cache(maxsize=8192)
def normalise(text: str, region: str | None) -> str | None:
    """E.164 where `text` is a number of `region` (ISO 3166) or an international one; else as dialled; None: withheld.

    Extensions and feature codes first: phonenumbers would make +98101 of "101" and +143 of "*43".
    """
    text = clean(fold_digits(text))
    if text.casefold() in _WITHHELD:
        return None
    dialled = _SEPARATORS.sub("", text)
    if not _DIALLABLE.fullmatch(dialled) or (len(dialled) < _SHORT and not dialled.startswith("+")):
        return dialled or None
    return _e164(dialled, region) or dialled


def _e164(dialled: str, region: str | None) -> str | None:
    if dialled.startswith("+"):
        return _format(dialled, None, possible=True)
    if dialled.startswith("00") and (found := _format("+" + dialled[2:], None, possible=True)):
        return found
    # A trunk may leave out the "+": 48601234567 is no Polish national number, but is one of the world's.
    return (
        (_format(dialled, region) if region else None)
        or (_format("+" + dialled, None) if not dialled.startswith("0") else None)
        # A 0 for an outside line, or from before the country gave it up: 0601234567 is no Polish number either.
        or (_format(dialled.lstrip("0"), region) if region and dialled.startswith("0") else None)
        or (_format(dialled, region, possible=True) if region else None)
    )


def _format(text: str, region: str | None, *, possible: bool = False) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    good = phonenumbers.is_possible_number(number) if possible else phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if good else None


def parse(text: str, region: str | None) -> str | None:
    """A number that may be dialled, or None: what comes out matches `+?[0-9]{2,15}`, whatever went in.

    Nothing else is taken: `100&PJSIP/trunk/1900` is no number (the dial string's `&`, `,`, `@`, `/`, `;`).
    """
    text = fold_digits(text).strip()
    if not re.fullmatch(r"\+?[0-9][0-9\s().\-]*", text, re.ASCII):
        return None
    number = normalise(text, region)
    return number if number and _DIALLABLE.fullmatch(number) else None


def digits(number: str) -> str:
    """Only the digits."""
    return "".join(c for c in fold_digits(number) if c in "0123456789")
