"""Money: whole minor units inside, a decimal string and an ISO 4217 code outside."""

import re

from pbxcrm.calls.numbers import fold_digits

# How many decimals a currency has (ISO 4217, but for the rial, of which nobody has seen a hundredth); 2 where it is not
# listed.
_NONE = (
    *("IRR", "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
    *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
)
_THREE = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_FOUR = ("CLF", "UYW")
# What Iranians count in: ten rials, so with one decimal its minor unit is the rial itself. No currency of its own: it
# is read and shown, never stored.
TOMAN, _RIAL = "IRT", "IRR"
_DECIMALS = dict.fromkeys(_NONE, 0) | {TOMAN: 1} | dict.fromkeys(_THREE, 3) | dict.fromkeys(_FOUR, 4)

# The largest amount: a million such deals still add up within 64 bits.
LARGEST = 9_000_000_000_000

_CURRENCY = re.compile(r"[A-Z]{3}")
_PLAIN = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")


def decimals(currency: str) -> int:
    """How many decimals this currency has."""
    return _DECIMALS.get(currency, 2)


def real(code: str) -> str:
    """The currency that is stored: the rial where somebody counts in toman."""
    return _RIAL if code == TOMAN else code


def unit_of(code: str, *, toman: bool) -> str:
    """In what a person counts sums of this currency: toman instead of rials, where they said so."""
    return TOMAN if toman and code == _RIAL else code


def is_currency(code: str) -> bool:
    """Whether this looks like an ISO 4217 code."""
    return _CURRENCY.fullmatch(code) is not None


def money(minor: int, currency: str) -> str:
    """150050 EUR -> "1500.50", 1500 JPY -> "1500"."""
    places = decimals(currency)
    if not places:
        return str(minor)
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def parse_money(text: str, currency: str) -> int:
    """The minor units of "1500.5", "1,500.50", "1.500,50" or "۱۵۰۰٫۵": 150050 (EUR).

    A comma before three digits groups thousands. Raises ValueError, in words for the person who typed it,
    where it is no amount or could mean two.
    """
    plain = plain_decimal(text)
    found = _PLAIN.fullmatch(plain)
    if not found:
        raise ValueError("This is not an amount; write it like 1500.50.")
    whole, fraction, places = found[1], found[2] or "", decimals(currency)
    if len(fraction.rstrip("0")) > places or (len(fraction) > places and len(fraction) == 3):
        raise ValueError(f"{currency} has {places} decimals; write the amount like {money(150000, currency)}.")
    minor = int(whole + fraction[:places].ljust(places, "0"))
    if minor > LARGEST:
        raise ValueError(f"This is too much; the largest amount is {money(LARGEST, currency)}.")
    return minor


def plain_decimal(text: str) -> str:
    """Latin digits, a point for decimals, nothing between thousands; what fits no pattern is left as it is."""
    plain = "".join(c for c in fold_digits(text.strip()) if not (c in "٬'’_" or c.isspace()))
    plain = plain.replace("٫", ".").replace("،", ",")
    whole, point, fraction = plain.partition(".")
    if "," in whole and _GROUPED.fullmatch(whole):
        return whole.replace(",", "") + point + fraction
    if not point and plain.count(",") == 1:
        return plain.replace(",", ".")
    if point and fraction.count(",") == 1 and "." not in fraction:  # 1.500,50
        head, _, tail = fraction.partition(",")
        return whole + head + "." + tail if len(head) == 3 else plain
    return plain
