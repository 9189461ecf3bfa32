"""Sums of rials where there is little room: `۱٫۲ میلیون تومان`. Other currencies are written out."""

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from babel import Locale

from pbxcrm.crm.money import TOMAN
from pbxcrm.http.i18n import Reader, money_rule


@lru_cache(maxsize=32)
def short_rule(locale: str, unit: str) -> tuple[tuple[int, str], ...]:
    """From how many zeros on which word stands for them, the largest first (CLDR's short forms); most have none."""
    if unit not in ("IRR", TOMAN):
        return ()
    words = Locale(locale).compact_decimal_formats["short"]["other"]
    return tuple((zeros, words[str(10**zeros)].pattern.replace("0", "")) for zeros in (9, 6))


def short(r: Reader, amount: str, currency: str) -> str:
    """As Reader.money, but millions and milliards of rials or toman in words, rounded to two decimals."""
    unit = r.unit(currency)
    value = Decimal(amount or "0") / (10 if unit == TOMAN else 1)
    fitting = ((zeros, word) for zeros, word in short_rule(r.locale, unit) if abs(value) >= 10**zeros)
    zeros, word = next(fitting, (0, ""))
    if not zeros:
        return r.money(amount, currency)
    before, after, group, point = money_rule(r.locale, unit)
    few = (abs(value) / 10**zeros).quantize(Decimal("0.01"), ROUND_HALF_UP)
    text = f"{few:,}".rstrip("0").rstrip(".").replace(",", "\0").replace(".", point).replace("\0", group)
    sign = ("\u200e−" if r.rtl else "−") if value < 0 else ""  # a mark keeps it before its digits
    return f"{sign}{before}{r.digits(text)}{word}{after}"
