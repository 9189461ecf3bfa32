"""`pbxcrm reconcile`: what the PBX wrote down, from a moment on, into the CRM. Beside a running `serve` or without.

Page by page: rows into calls, calls into the database, and how far we are. Killed at any moment it goes on, from
before the oldest call that was not over; what is read again changes nothing.
"""

import re
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from pbxcrm.calls.model import Call
from pbxcrm.calls.rows import Row, moment
from pbxcrm.history.clock import astray
from pbxcrm.history.errors import SourceError
from pbxcrm.history.sources import Page, Source

BATCH = 1_000  # calls in one transaction, at most
LEAD = 4 * 3600.0  # seconds before `since` from which rows are read: a call that goes on then has begun earlier
ENOUGH = 3  # rows that tell whether the zone is right
_AGO = re.compile(r"(\d+)\s*([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_TIME = {"cel": "eventtime", "cdr": "calldate"}


class Reader(Protocol):
    """Rows into calls: calls.cel.Cel and calls.cdr.Cdr."""

    def feed(self, row: Row, /) -> list[Call]:
        """The calls that are over with this row."""

    def end(self) -> list[Call]:
        """No more rows: what can be said of the rest."""


Apply = Callable[[Sequence[Call]], Awaitable[tuple[int, ...]]]  # gives service.history.Counts
Say = Callable[[str, float, float, Counter[str]], None]  # source, done, total, counts
COUNTS = ("new", "same", "mended", "disagreeing")


def when(text: str, now: float, zone: ZoneInfo) -> float:
    """`3d`, `12h` ago, or an ISO date or time in `zone`: epoch seconds. Raises ValueError with what would do."""
    if found := _AGO.fullmatch(text.strip()):
        return now - int(found[1]) * _UNITS[found[2]]
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: write 2026-03-01, 2026-03-01T08:00 or 3d (days), 12h, 2w ago."
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).timestamp()


def check_zone(source: Source, rows: Sequence[Row]) -> None:
    """Of ENOUGH rows. Raises SourceError where the zone in which they are read cannot be right."""
    if (far := astray(rows, _TIME[source.kind])) is not None:
        hours = far.total_seconds() / 3600
        raise SourceError(
            f"The times in {source.name} are {abs(hours):.2g} hours {'after' if hours > 0 else 'before'} what "
            "their Uniqueids say. Nothing was stored. PBXCRM_HISTORY_ZONE must name the zone in which the PBX "
            "writes them: UTC where cdr.conf has usegmtime=yes."
        )


@dataclass(slots=True)
class Reading:
    """One source, from `since` to `until`. `safe` is the cursor from which nothing that goes on would be missed."""

    source: Source
    reader: Reader
    apply: Apply
    since: float
    until: float
    cursor: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    _starts: deque[tuple[float, str]] = field(default_factory=deque)
    _checked: bool = False

    async def run(self, reached: Callable[[Page, str], Awaitable[None]]) -> None:
        """Read it all; after each page `reached` is told the page and the safe cursor. Raises SourceError."""
        cursor = self.cursor
        async for page in self.source.pages(self.since - LEAD, cursor):
            self._check(page)
            calls: list[Call] = []
            newest = 0.0
            for row in page.rows:
                at = moment(row, _TIME[self.source.kind]) or 0.0
                newest = max(newest, at)
                if at <= self.until + LEAD:
                    calls += self.reader.feed(row)
            await self._store(calls)
            self.counts["rows"] += len(page.rows)
            self.counts["broken"] += page.broken
            await reached(page, self._safe(newest, cursor))
            cursor = page.cursor
            if page.rows and (moment(page.rows[0], _TIME[self.source.kind]) or 0.0) > self.until + LEAD:
                break
        await self._store(self.reader.end())

    async def _store(self, calls: list[Call]) -> None:
        wanted = [call for call in calls if self.since <= (call.ended_at or call.started_at) <= self.until]
        for start in range(0, len(wanted), BATCH):
            done = await self.apply(wanted[start : start + BATCH])
            self.counts.update(dict(zip(COUNTS, done, strict=True)))

    def _safe(self, newest: float, before: str) -> str:
        """The cursor of the newest page that begins so long ago that its calls are over."""
        self._starts.append((newest, before))
        while len(self._starts) > 1 and self._starts[1][0] < newest - LEAD:
            self._starts.popleft()
        return self._starts[0][1]

    def _check(self, page: Page) -> None:
        """Raises SourceError where the zone cannot be right."""
        if not self._checked and len(page.rows) >= ENOUGH:
            self._checked = True
            check_zone(self.source, page.rows)
