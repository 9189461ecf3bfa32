"""The board: all of it at one moment, or what somebody looks for on it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.fields import ident
from pbxcrm.crm.looking import Looking, looking
from pbxcrm.crm.pipelines import asked
from pbxcrm.crm.views import DealRow
from pbxcrm.service.errors import NotFound
from pbxcrm.service.paging import after, cursor, limit_of, page
from pbxcrm.service.transact import checked, key, read
from pbxcrm.store import board as found
from pbxcrm.store import deals, journal, lookup, stages
from pbxcrm.store.board import NO_DUES
from pbxcrm.store.db import Database
from pbxcrm.store.stages import Pipeline, Stage
from pbxcrm.store.totals import Total, totals

ALL = Looking()


async def board(db: Database, scope: Scope, pipeline_id: object = None, per_column: int = 50) -> dict[str, Any]:
    """The board at one moment: {pipeline: {id, name}, pipelines, as_of, currency, stages: [column]}.

    `as_of` is the journal id it is true at. A column: {id, name, kind, probability, guidance, needs, count, value,
    other, deals, next}; `value` is the sum in `currency`, `other` those in other ones. A seller's are their own.
    """
    wanted = None if pipeline_id is None else key(pipeline_id)
    return await read(db, partial(_board, scope=scope, wanted=wanted, per_column=limit_of(per_column)))


class Asked:
    """What a person asks the board for: `filters` as they stand in the address, at `now`, their day ending then."""

    def __init__(self, filters: Mapping[str, str], now: float, day_ends: float) -> None:
        self._filters, self._now, self._day_ends = filters, now, day_ends

    def look(self, currency: str) -> Looking:
        """Raises Invalid, field by field."""
        return checked(lambda: looking(self._filters, currency, self._now, self._day_ends))


async def looked(
    db: Database, scope: Scope, asked: Asked, pipeline_id: object = None, per_column: int = 50, ids: Sequence[str] = ()
) -> dict[str, Any]:
    """The board as somebody looks at it: count, value and deals of each column are of what is looked for.

    A column further has `dues`: {overdue, today, planned, none}, how many open deals have such a next step, whichever
    of these is looked for. `these`: of `ids` the deals that are looked for. Raises NotFound, Invalid.
    """
    wanted = None if pipeline_id is None else key(pipeline_id)
    size, keys = limit_of(per_column), [int(one) for one in ids if _is_id(one)]

    def run(conn: Connection) -> dict[str, Any]:
        currency = lookup.currency(conn, scope)
        look = asked.look(currency)
        found_ = _board(conn, scope, wanted, size, look)
        dues = found.dues(conn, scope, int(found_["pipeline"]["id"]), look, currency)
        for column_ in found_["stages"]:
            column_["dues"] = dues.get(int(column_["id"]), NO_DUES)._asdict()
        these = found.these(conn, scope, keys, look, currency)
        return {**found_, "looking": bool(look), "these": [views.deal(row) for row in these]}

    return await read(db, run)


def _is_id(text: str) -> bool:
    try:
        return ident(text) > 0
    except ValueError:
        return False


async def column(
    db: Database,
    scope: Scope,
    stage_id: object,
    start: str | None = None,
    limit: int | None = None,
    asked: Asked | None = None,
) -> dict[str, Any]:
    """More of one column: {items, next}."""
    wanted, size, since = key(stage_id), limit_of(limit), after(start)

    def run(conn: Connection) -> dict[str, Any]:
        if stages.stage(conn, scope, wanted) is None:
            raise NotFound
        currency = lookup.currency(conn, scope)
        rows = _column(conn, scope, wanted, size + 1, asked.look(currency) if asked else ALL, currency, since)
        shown, following = page(rows, size, mark)
        return {"items": [views.deal(row) for row in shown], "next": following}

    return await read(db, run)


def _column(
    conn: Connection,
    scope: Scope,
    stage_id: int,
    limit: int,
    look: Looking,
    currency: str,
    since: tuple[float, int] | None = None,
) -> list[DealRow]:
    if look:
        return found.column(conn, scope, stage_id, limit, look, currency, since)
    return deals.column(conn, scope, stage_id, limit, since)  # the same, by a statement that is built already


def chosen(conn: Connection, scope: Scope, wanted: int | None) -> tuple[Pipeline, list[Pipeline]]:
    """This pipeline, the first where none is named, and all there are. Raises NotFound."""
    known = stages.pipelines(conn, scope)
    pipeline = next((one for one in known if wanted in (None, one.id)), None)
    if pipeline is None:
        raise NotFound
    return pipeline, known


def _board(conn: Connection, scope: Scope, wanted: int | None, per_column: int, look: Looking = ALL) -> dict[str, Any]:
    pipeline, known = chosen(conn, scope, wanted)
    currency = lookup.currency(conn, scope)
    sums = _Sums(found.totals(conn, scope, pipeline.id, look, currency) if look else totals(conn, scope), currency)
    columns = []
    for stage in stages.stages(conn, scope, pipeline.id):
        rows = _column(conn, scope, stage.id, per_column + 1, look, currency)
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
    """Count and value of each stage."""

    def __init__(self, all_: Sequence[Total], currency: str) -> None:
        self._currency = currency
        self._totals = all_

    def of(self, stage: Stage) -> dict[str, Any]:
        mine = [total for total in self._totals if total.stage_id == stage.id]
        value = sum(total.value for total in mine if total.currency == self._currency)
        others = {t.currency: t.value for t in mine if t.currency != self._currency and t.count}
        return {
            "id": str(stage.id),
            "name": stage.name,
            "kind": stage.kind,
            "probability": stage.probability,
            "guidance": stage.guidance,
            "needs": list(asked(stage.needs)),
            "count": sum(total.count for total in mine),
            "value": views.money(value, self._currency),
            "other": {code: views.money(sum_, code) for code, sum_ in sorted(others.items())},
        }


def mark(row: DealRow) -> str:
    """Where a page of deals ended."""
    return cursor(row["created_at"], row["id"])


async def choices(db: Database, scope: Scope) -> dict[str, list[str]]:
    """What can be chosen in a filter: {sources}, of the deals this person sees."""
    return await read(db, lambda conn: {"sources": found.sources(conn, scope)})
