"""Deals on their way through a pipeline, counted from the stage history."""

from sqlalchemy import ColumnElement, Connection, and_, case, distinct, exists, func, or_, select, true

from pbxcrm.crm.access import Scope
from pbxcrm.crm.funnel import Passage
from pbxcrm.store.schema import deals, stage_history, stages, users

_h = stage_history.c


def passages(conn: Connection, scope: Scope, pipeline_id: int, owner: str, since: float) -> dict[int, Passage]:
    """By stage, from `since` on; of one owner's deals where one is named."""
    entered = _entered(conn, scope, pipeline_id, owner, since)
    left = _left(conn, scope, pipeline_id, owner, since)
    return {key: Passage(*entered.get(key, (0, 0, 0)), *left.get(key, (0, 0))) for key in {*entered, *left}}


def _seen(scope: Scope, pipeline_id: int, owner: str) -> ColumnElement[bool]:
    mine = true() if scope.sees_all else deals.c.owner_id == scope.user_id
    named = deals.c.owner_id.in_(select(users.c.id).where(users.c.name == owner)) if owner else true()
    return and_(deals.c.pipeline_id == pipeline_id, mine, named)


def _entered(
    conn: Connection, scope: Scope, pipeline_id: int, owner: str, since: float
) -> dict[int, tuple[int, int, int]]:
    """Entered, converted, still there. A deal's rows have ids in the order of its moves."""
    first = (
        select(_h.deal_id, _h.stage_id, func.min(_h.id).label("first"))
        .where(_h.at >= since)
        .group_by(_h.deal_id, _h.stage_id)
        .subquery()
    )
    here, later, there = stages.alias("here"), stage_history.alias("later"), stages.alias("there")
    further = or_(there.c.kind == "won", and_(there.c.kind == "open", there.c.position > here.c.position))
    passed = exists(
        select(later.c.id)
        .join(there, there.c.id == later.c.stage_id)
        .where(later.c.deal_id == first.c.deal_id, later.c.id > first.c.first, further)
    )
    statement = (
        select(
            first.c.stage_id,
            func.count(),
            func.count(case((passed, 1))),
            func.count(case((deals.c.stage_id == first.c.stage_id, 1))),
        )
        .select_from(first.join(deals, deals.c.id == first.c.deal_id).join(here, here.c.id == first.c.stage_id))
        .where(here.c.pipeline_id == pipeline_id, _seen(scope, pipeline_id, owner))
        .group_by(first.c.stage_id)
    )
    return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in conn.execute(statement)}


def _left(conn: Connection, scope: Scope, pipeline_id: int, owner: str, since: float) -> dict[int, tuple[int, int]]:
    lost = case((stages.c.kind == "lost", _h.deal_id))
    statement = (
        select(_h.from_stage_id, func.count(distinct(_h.deal_id)), func.count(distinct(lost)))
        .select_from(stage_history.join(deals, deals.c.id == _h.deal_id).join(stages, stages.c.id == _h.stage_id))
        .where(_h.at >= since, _h.from_stage_id.is_not(None), _seen(scope, pipeline_id, owner))
        .group_by(_h.from_stage_id)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in conn.execute(statement)}


def flow(conn: Connection, scope: Scope, pipeline_id: int, owner: str, since: float) -> tuple[int, int]:
    """Deals made and deals closed since then."""
    seen = _seen(scope, pipeline_id, owner)
    made = select(func.count()).select_from(deals).where(seen, deals.c.created_at >= since)
    closed = select(func.count()).select_from(deals).where(seen, deals.c.closed_at >= since)
    return int(conn.execute(made).scalar_one()), int(conn.execute(closed).scalar_one())
