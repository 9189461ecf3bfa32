"""The board: all of it at one moment."""

from functools import partial
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.views import DealRow
from pbxcrm.service.errors import NotFound
from pbxcrm.service.paging import cursor, limit_of, page
from pbxcrm.service.transact import key, read
from pbxcrm.store import deals, journal, lookup, stages
from pbxcrm.store.db import Database
from pbxcrm.store.stages import Stage
from pbxcrm.store.totals import totals


async def board(db: Database, scope: Scope, pipeline_id: object = None, per_column: int = 50) -> dict[str, Any]:
    """The board at one moment: {pipeline: {id, name}, pipelines, as_of, currency, stages: [column]}.

    `as_of` is the journal id it is true at. A column: {id, name, kind, probability, count, value, other, deals, next};
    `value` is the sum in `currency`, `other` the sums in other ones. A seller's sums are their own.
    """
    wanted = None if pipeline_id is None else key(pipeline_id)
    return await read(db, partial(_board, scope=scope, wanted=wanted, per_column=limit_of(per_column)))


def _board(conn: Connection, scope: Scope, wanted: int | None, per_column: int) -> dict[str, Any]:
    known = stages.pipelines(conn, scope)
    pipeline = next((one for one in known if wanted in (None, one.id)), None)
    if pipeline is None:
        raise NotFound
    currency = lookup.currency(conn, scope)
    sums = _Sums(conn, scope, currency)
    columns = []
    for stage in stages.stages(conn, scope, pipeline.id):
        rows = deals.column(conn, scope, stage.id, per_column + 1)
        shown, following = page(rows, per_column, mark)
        columns.append(sums.of(stage) | {"deals": [views.deal(row) for row in shown], "next": following})
    return {
        "pipeline": {"id": str(pipeline.id), "name": pipeline.name},
        "pipelines": [{"id": str(one.id), "name": one.name} for one in known],
        "as_of": journal.last_id(conn),
        "currency": currency,
        "stages": columns,
    }


class _Sums:
    """Count and value of each stage, as the counter has them."""

    def __init__(self, conn: Connection, scope: Scope, currency: str) -> None:
        self._currency = currency
        self._totals = totals(conn, scope)

    def of(self, stage: Stage) -> dict[str, Any]:
        mine = [total for total in self._totals if total.stage_id == stage.id]
        value = sum(total.value for total in mine if total.currency == self._currency)
        others = {t.currency: t.value for t in mine if t.currency != self._currency and t.count}
        return {
            "id": str(stage.id),
            "name": stage.name,
            "kind": stage.kind,
            "probability": stage.probability,
            "count": sum(total.count for total in mine),
            "value": views.money(value, self._currency),
            "other": {code: views.money(sum_, code) for code, sum_ in sorted(others.items())},
        }


def mark(row: DealRow) -> str:
    """Where a page of deals ended."""
    return cursor(row["created_at"], row["id"])
