"""Open deals that have stood too long: since the last talk with the customer, or since they came into their stage."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, true, tuple_

from pbxcrm.crm.access import Scope
from pbxcrm.crm.reports import DAY, Selection, Sum
from pbxcrm.crm.views import DealRow
from pbxcrm.store.deals import ROWS
from pbxcrm.store.funnel import seen
from pbxcrm.store.schema import contacts, deals, stages

_d = deals.c
LEFT_ALONE = 30  # days after which a deal is old in a stage that sets no limit of its own


class Wanted(NamedTuple):
    """`days`: older than that; None: as each stage says. `stage_id`: of one alone. `low`: those of low priority too."""

    now: float
    days: int | None = None
    stage_id: int | None = None
    low: bool = False


def _since() -> ColumnElement[Any]:
    """Since when nothing has happened."""
    talked = contacts.c.last_talk_at
    return case((talked > _d.stage_since, talked), else_=_d.stage_since)


def _old(scope: Scope, sel: Selection, wanted: Wanted) -> ColumnElement[bool]:
    # A stage's limit is DAYS * 86400; where a number was asked for, that is the limit of all.
    limit = func.coalesce(stages.c.idle_days, LEFT_ALONE) if wanted.days is None else wanted.days
    ahead = or_(_d.next_contact_at.is_(None), _d.next_contact_at <= wanted.now)
    important = true() if wanted.low else _d.priority >= 0
    return and_(_d.open.is_(True), seen(scope, sel), _since() <= wanted.now - limit * DAY, ahead, important)


def by_stage(conn: Connection, scope: Scope, sel: Selection, wanted: Wanted, currency: str) -> dict[int, Sum]:
    """How many in each stage."""
    ours = _d.currency == currency
    statement = (
        select(
            _d.stage_id,
            func.count(),
            func.sum(case((ours, _d.value), else_=0)),
            func.count(case((~ours, 1))),
        )
        .select_from(deals.join(stages, stages.c.id == _d.stage_id).outerjoin(contacts, contacts.c.id == _d.contact_id))
        .where(_old(scope, sel, wanted))
        .group_by(_d.stage_id)
    )
    return {row[0]: Sum(int(row[1]), int(row[2]), int(row[3])) for row in conn.execute(statement)}


def some(
    conn: Connection, scope: Scope, sel: Selection, wanted: Wanted, limit: int, after: tuple[float, int] | None
) -> list[tuple[float, DealRow]]:
    """A page of them with that moment, the oldest on top."""
    where = [_old(scope, sel, wanted)]
    if wanted.stage_id is not None:
        where.append(_d.stage_id == wanted.stage_id)
    if after is not None:
        where.append(tuple_(_since(), _d.id) > tuple_(*after))
    found = conn.execute(
        ROWS.add_columns(_since().label("since")).where(*where).order_by(_since(), _d.id).limit(limit)
    ).mappings()
    rows: Sequence[dict[str, Any]] = [dict(row) for row in found]
    return [(float(row.pop("since")), cast("DealRow", row)) for row in rows]
