"""Moments as PBXs write them, into epoch seconds UTC."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from pbxcrm.calls.rows import Row, moment

_LOCAL = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d):(\d\d(?:\.\d+)?)(Z|[+-]\d\d(?::?\d\d)?)?")
_EPOCH = re.compile(r"\d{9,11}(?:\.\d+)?")
_UNIQUEID = re.compile(r"(\d{9,10})\.\d+")
_SLACK = 120.0  # seconds a channel's row may seem to be older than the channel
_FAR = 900.0  # no zone is nearer to another than a quarter of an hour
_ZONES = 26 * 3600.0  # seconds: from UTC-12 to UTC+14


class Clock:
    """The PBX's zone. Takes epoch seconds, `2026-03-29 02:30:00[.123]` in that zone, and ISO times that name their own.

    An hour that comes twice in autumn is told apart by the Uniqueid, which begins with the channel's birth in UTC.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._minute = lru_cache(maxsize=4096)(self._candidates)

    def epoch(self, text: str, uniqueid: str = "") -> float | None:
        """Epoch seconds, None where `text` is no moment ("" or all zeros, as tables write it)."""
        if _EPOCH.fullmatch(text):
            return float(text)
        found = _LOCAL.fullmatch(text)
        if found is None:
            return None
        day, minute, seconds, offset = found.groups()
        try:
            if offset:
                return datetime.fromisoformat(f"{day}T{minute}:{seconds}{offset}").timestamp()
            early, late = self._minute(f"{day}T{minute}")
        except ValueError:
            return None
        if early != late and (born := born_at(uniqueid)) is not None and early + float(seconds) < born - _SLACK:
            return late + float(seconds)
        return early + float(seconds)

    def _candidates(self, minute: str) -> tuple[float, float]:
        """The moments that this minute of the wall clock may be: two in the hour that comes twice."""
        local = datetime.fromisoformat(minute).replace(tzinfo=self.zone)
        return local.timestamp(), local.replace(fold=1).timestamp()

    def local(self, at: float) -> datetime:
        """A moment as the PBX's wall clock shows it, without a zone: what a table of local times is asked for."""
        return datetime.fromtimestamp(at, self.zone).replace(tzinfo=None)

    def earliest(self, local: datetime) -> float:
        """The first moment at which the wall clock shows this."""
        return local.replace(tzinfo=self.zone, fold=0).timestamp()


def born_at(uniqueid: str) -> float | None:
    """When a channel was born, by its Uniqueid; None where whoever asked for the channel chose it."""
    found = _UNIQUEID.search(uniqueid)
    return float(found[1]) if found else None


def astray(rows: Iterable[Row], column: str) -> timedelta | None:
    """How far these rows' moments are from their own Uniqueids: a zone that is not the PBX's. None: they agree.

    A row is never older than its channel, and of many rows some are of its first moments: so the smallest of
    the differences tells. No two zones are further apart than 26 hours: beyond that the Uniqueids are no times of
    these rows (another machine's clock, ids made by a program) and tell nothing.
    """
    gaps = []
    for row in rows:
        at, born = moment(row, column), born_at(row.get("uniqueid", ""))
        if at is not None and born is not None:
            gaps.append(at - born)
    nearest = min(gaps, key=abs, default=0.0)
    return timedelta(seconds=round(nearest)) if _FAR < abs(nearest) <= _ZONES else None
