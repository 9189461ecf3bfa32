"""Days as people write them in tables: Gregorian or Jalali, any digits, the year first or last."""

import re
from datetime import date

import jdatetime

from pbxcrm.calls.numbers import fold_digits

_DAY = re.compile(r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})(?:[ T].*)?")
_JALALI = range(1200, 1700)  # years that can only be Jalali ones: nobody's customer was born so long ago


def day(text: str) -> str:
    """A day like 2026-12-31, or "" where the text is none. The day comes before the month, unless that cannot be."""
    found = _DAY.fullmatch(fold_digits(text).strip())
    if not found:
        return ""
    first, month, last = (int(part) for part in found.groups())
    if len(found[1]) == 4:
        return _real(first, month, last)
    if len(found[3]) != 4:
        return ""
    return _real(last, month, first) or _real(last, first, month)


def _real(year: int, month: int, dom: int) -> str:
    try:
        if year in _JALALI:
            return str(jdatetime.date(year, month, dom).togregorian().isoformat())
        return date(year, month, dom).isoformat() if year >= _JALALI.stop else ""
    except ValueError:
        return ""
