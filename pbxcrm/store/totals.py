"""How many deals, and worth how much, each person has in each stage: kept, never counted.

Every change of a deal's stage, owner, value or currency goes through a Ledger written in the same transaction.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from pbxcrm.crm.access import Scope
from pbxcrm.crm.views import DealRow
from pbxcrm.store.prepared import Command
from pbxcrm.store.schema import stage_totals as t


@dataclass(frozen=True, slots=True)
class Total:
    """Of one stage and currency; `value` in minor units."""

    stage_id: int
    currency: str
    count: int
    value: int


class Ledger:
    """What a transaction adds to and takes from the totals."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[int, int, str], list[int]] = defaultdict(lambda: [0, 0])

    def enters(self, stage_id: int, owner_id: int | None, currency: str, value: int) -> None:
        """A deal is now there."""
        self._add((stage_id, owner_id or 0, currency), 1, value)

    def leaves(self, row: DealRow) -> None:
        """The deal is no longer where `row` has it."""
        self._add((row["stage_id"], row["owner_id"] or 0, row["currency"]), -1, -row["value"])

    def _add(self, key: tuple[int, int, str], count: int, value: int) -> None:
        sums = self._sums[key]
        sums[0] += count
        sums[1] += value

    def write(self, conn: Connection) -> None:
        """Add it up in the table, in one order for all writers."""
        rows = [
            {"stage_id": stage, "owner_id": owner, "currency": currency, "count": count, "value": value}
            for (stage, owner, currency), (count, value) in sorted(self._sums.items())
            if count or value
        ]
        if rows:
            _ADD.run(conn, rows)


def _add(insert: Any) -> Any:
    row = insert(t)
    return row.on_conflict_do_update(
        index_elements=["stage_id", "owner_id", "currency"],
        set_={"count": t.c.count + row.excluded.count, "value": t.c.value + row.excluded.value},
    )


_ADD = Command(sqlite=_add(sqlite_insert), postgresql=_add(postgres_insert))

_ALL = select(t.c.stage_id, t.c.currency, func.sum(t.c.count).label("n"), func.sum(t.c.value).label("value")).group_by(
    t.c.stage_id, t.c.currency
)
_OWN = _ALL.where(t.c.owner_id == bindparam("me"))


def totals(conn: Connection, scope: Scope) -> Sequence[Total]:
    """Of all stages: everybody's for who sees all, else one's own."""
    rows = conn.execute(_ALL) if scope.sees_all else conn.execute(_OWN, {"me": scope.user_id})
    return [Total(r.stage_id, r.currency, int(r.n), int(r.value)) for r in rows]
