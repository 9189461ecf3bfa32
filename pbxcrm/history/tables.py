"""CEL and CDR in tables: FreePBX's `asteriskcdrdb`, cel_pgsql, cdr_adaptive_odbc, cel_odbc and what is like them.

Columns are found by looking, under whatever of their usual names. Times are the PBX's local ones unless the column
itself knows a zone. The SQL is spoken in store/foreign.py.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pbxcrm.calls.rows import CDR_COLUMNS, CDR_NEEDED, CDR_TIMES, CEL_COLUMNS, CEL_NEEDED, CEL_TIMES, Row, moment
from pbxcrm.history import columns as names
from pbxcrm.history.clock import Clock
from pbxcrm.history.errors import SourceError
from pbxcrm.history.sources import PAGE, Found, Kind, Page
from pbxcrm.store.errors import DatabaseUnusable
from pbxcrm.store.foreign import ForeignTable, Shape

_NEEDED = {"cel": CEL_NEEDED, "cdr": CDR_NEEDED}
_TIME = {"cel": CEL_TIMES[0], "cdr": CDR_TIMES[0]}
_KNOWN = {"cel": frozenset(CEL_COLUMNS), "cdr": frozenset(CDR_COLUMNS)}
# A row's key is given when it is written: CDR rows at the end of their calls, CEL rows at once but for the batch.
_WRITTEN_WITHIN = {"cel": 3_600.0, "cdr": 86_400.0}
_MOST = 16 * PAGE  # rows of one and the same moment

Raw = Mapping[str, Any]


class SqlTable:
    """A source over one table. `url` may name the table: …/asteriskcdrdb?table=cel."""

    def __init__(self, kind: Kind, url: str, clock: Clock, page: int = PAGE) -> None:
        self.kind: Kind = kind
        self._clock = clock
        self._page = page
        try:
            self._table = ForeignTable(url, kind)
        except DatabaseUnusable as error:
            raise SourceError(error.message) from error
        self._names: dict[str, str] = {}  # usual name -> the table's

    @property
    def name(self) -> str:
        """See Source.name."""
        return self._table.where

    async def pages(self, since: float, cursor: str = "") -> AsyncIterator[Page]:
        """See Source.pages. Done and total are keys, or seconds where the table has no key."""
        try:
            shape = await self._shape()
            walk = self._by_key(shape, since, cursor) if shape.key else self._by_time(since, cursor)
            async for page in walk:
                yield page
        except DatabaseUnusable as error:
            raise SourceError(error.message) from error
        finally:
            await self._table.close()

    async def look(self) -> Found:
        """See Source.look."""
        try:
            await self._shape()
            newest = await self._table.newest(self._names[_TIME[self.kind]])
        except DatabaseUnusable as error:
            raise SourceError(error.message) from error
        finally:
            await self._table.close()
        at = None if newest is None else self._clock.epoch(_text(newest))
        return Found(self.name, tuple(self._names), at)

    async def _shape(self) -> Shape:
        shape = await self._table.shape()
        self._names = {}
        for column in shape.columns:
            usual = names.named(self.kind, column)
            if usual in _KNOWN[self.kind]:
                self._names.setdefault(usual, column)
        missing = [name for name in _NEEDED[self.kind] if name not in self._names]
        if missing:
            raise SourceError(
                f"{self.name} has no column {', '.join(missing)} (it has {', '.join(shape.columns)}). Nothing was "
                f"read. Is it the PBX's {self.kind.upper()} table? docs/history.md says which columns are needed."
            )
        return shape

    async def _by_key(self, shape: Shape, since: float, cursor: str) -> AsyncIterator[Page]:
        low, high = await self._table.keys()
        after: int = json.loads(cursor)["key"] if cursor else await self._before(shape, since, low, high)
        first = after
        while rows := await self._table.by_key(after, self._page):
            after = int(rows[-1][shape.key or ""])
            yield self._made(rows, since, json.dumps({"key": after}), float(after - first), float(high - first))
            if len(rows) < self._page:
                return

    async def _before(self, shape: Shape, since: float, low: int, high: int) -> int:
        """A key before all rows that may be as new as `since`: halving, a look at one row each time."""
        start, column = since - _WRITTEN_WITHIN[self.kind], self._names[_TIME[self.kind]]
        low, high = low - 1, high + 1
        while high - low > 1:
            middle = (low + high) // 2
            rows = await self._table.by_key(middle - 1, 1)
            at = self._clock.epoch(_text(rows[0][column])) if rows else None
            if rows and (at is None or at < start):
                low = max(middle, int(rows[0][shape.key or ""]))
            else:
                high = middle
        return low

    async def _by_time(self, since: float, cursor: str) -> AsyncIterator[Page]:
        column = self._names[_TIME[self.kind]]
        newest = await self._table.newest(column)
        if newest is None:
            return
        begin = since if not cursor else float(json.loads(cursor)["at"])
        end = self._clock.epoch(_text(newest)) or begin
        at = self._like(newest, begin)
        limit = self._page
        while rows := await self._table.by_time(column, at, limit):
            last = rows[-1][column]
            whole = rows if len(rows) < limit else [row for row in rows if row[column] != last]
            if not whole:  # a moment with more rows than a page has
                limit *= 2
                if limit > _MOST:
                    raise SourceError(
                        f"{self.name} has more than {_MOST} rows of one moment ({last}). What came before is stored. "
                        "Give the table a whole-number primary key."
                    )
                continue
            reached = self._clock.epoch(_text(whole[-1][column])) or begin
            yield self._made(whole, since, json.dumps({"at": reached}), reached - begin, end - begin)
            if len(rows) < limit:
                return
            at, limit = last, self._page

    def _like(self, example: Any, at: float) -> Any:
        """A moment as this column holds them."""
        if isinstance(example, datetime):
            return datetime.fromtimestamp(at, UTC) if example.tzinfo else self._clock.local(at)
        if isinstance(example, str):
            return f"{at:.6f}" if example.replace(".", "").isdigit() else self._clock.local(at).isoformat(" ")
        return at

    def _made(self, rows: Sequence[Raw], since: float, cursor: str, done: float, total: float) -> Page:
        made: list[Row] = []
        broken = 0
        for raw in rows:
            row = names.row(self.kind, {usual: _text(raw[own]) for usual, own in self._names.items()}, self._clock)
            if row is None:
                broken += 1
            elif (moment(row, _TIME[self.kind]) or 0.0) >= since:
                made.append(row)
        return Page(made, cursor, done, total, broken)


def _text(value: Any) -> str:
    """A column's value as the files would write it."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value if isinstance(value, str) else str(value)
