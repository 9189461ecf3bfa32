"""Deals on their way through a pipeline, counted from the stage history."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, and_, case, func, select, true

from pbxcrm.crm.access import Scope
from pbxcrm.crm.funnel import Passage
from pbxcrm.crm.looking import NOBODY
from pbxcrm.crm.reports import Selection
from pbxcrm.store.planner import unsought
from pbxcrm.store.schema import deals, stage_history, stages, teams, users

_h = stage_history.c
_LAST = 2**31 - 1  # of a pipeline's positions: won is further on than any stage
Key = tuple[int, int | None]  # a stage and an owner


def owned(scope: Scope, sel: Selection, column: ColumnElement[Any] = deals.c.owner_id) -> ColumnElement[bool]:
    """What is theirs to see and asked for; `column` says whose it is."""
    asked: list[tuple[bool, Any]] = [
        (not scope.sees_all, lambda: column == scope.user_id),
        (sel.owner == NOBODY, lambda: column.is_(None)),
        (sel.owner not in ("", NOBODY), lambda: column.in_(select(users.c.id).where(users.c.name == sel.owner))),
        (bool(sel.team), lambda: column.in_(_team(sel.team))),
    ]
    return and_(true(), *(condition() for given, condition in asked if given))


def _team(name: str) -> Select[Any]:
    return select(users.c.id).join(teams, teams.c.id == users.c.team_id).where(teams.c.name == name)


def seen(scope: Scope, sel: Selection) -> ColumnElement[bool]:
    """The deals of a selection, whenever they are of."""
    return and_(deals.c.pipeline_id == sel.pipeline_id, owned(scope, sel))


def moved(scope: Scope, sel: Selection) -> ColumnElement[bool]:
    """The same, for what begins with moves of a time: these are to be found first, not all deals of the pipeline."""
    return and_(unsought(deals.c.pipeline_id) == sel.pipeline_id, owned(scope, sel))


def passages(conn: Connection, scope: Scope, sel: Selection) -> dict[Key, Passage]:
    """By stage and owner."""
    in_, out = _entered(conn, scope, sel), _left(conn, scope, sel)
    return {key: Passage(*in_.get(key, (0, 0, 0)), *out.get(key, (0, 0))) for key in {*in_, *out}}


def entries(sel: Selection) -> Subquery:
    """Deals that came into a stage where they are worked on in that time, each once a stage: deal_id, stage_id, passed
    (1: ever after the first time in a stage further on, or won; else 0).

    A deal's moves are numbered in their order. What comes after the first of several entries is most, so that the most
    of all entries tells, and one way through the moves is enough.
    """
    reached = case((stages.c.kind == "won", _LAST), (stages.c.kind == "open", stages.c.position))
    way = (
        select(
            *(_h.deal_id, _h.stage_id, _h.at, stages.c.position, stages.c.pipeline_id, stages.c.kind),
            func.max(reached)
            .over(partition_by=unsought(_h.deal_id), order_by=_h.id.desc(), rows=(None, -1))
            .label("furthest"),
        )
        .join(stages, stages.c.id == _h.stage_id)
        .where(_h.at >= sel.since)
        .subquery("way")
    )
    w = way.c
    return (
        select(w.deal_id, w.stage_id, func.max(case((w.furthest > w.position, 1), else_=0)).label("passed"))
        .where(w.at < sel.until, w.pipeline_id == sel.pipeline_id, w.kind.in_(("unsorted", "open")))
        .group_by(w.deal_id, w.stage_id)
        .subquery("first")
    )


def _entered(conn: Connection, scope: Scope, sel: Selection) -> dict[Key, tuple[int, int, int]]:
    """Entered, converted, still there."""
    first = entries(sel)
    statement = (
        select(
            first.c.stage_id,
            deals.c.owner_id,
            func.count(),
            func.sum(first.c.passed),
            func.count(case((deals.c.stage_id == first.c.stage_id, 1))),
        )
        .select_from(first.join(deals, deals.c.id == first.c.deal_id))
        .where(moved(scope, sel))
        .group_by(first.c.stage_id, deals.c.owner_id)
    )
    return {(row[0], row[1]): (int(row[2]), int(row[3]), int(row[4])) for row in conn.execute(statement)}


def left(sel: Selection) -> ColumnElement[bool]:
    """Rows of the history by which a deal left a stage in that time."""
    return and_(_h.at >= sel.since, _h.at < sel.until, _h.from_stage_id.is_not(None))


def _left(conn: Connection, scope: Scope, sel: Selection) -> dict[Key, tuple[int, int]]:
    lost = func.max(case((stages.c.kind == "lost", 1), else_=0)).label("lost")
    each = (  # a deal once a stage: to sort so many for counting the different ones takes longer
        select(_h.deal_id, _h.from_stage_id, lost)
        .join(stages, stages.c.id == _h.stage_id)
        .where(left(sel))
        .group_by(_h.deal_id, _h.from_stage_id)
        .subquery("each")
    )
    statement = (
        select(each.c.from_stage_id, deals.c.owner_id, func.count(), func.sum(each.c.lost))
        .select_from(each.join(deals, deals.c.id == each.c.deal_id))
        .where(moved(scope, sel))
        .group_by(each.c.from_stage_id, deals.c.owner_id)
    )
    return {(row[0], row[1]): (int(row[2]), int(row[3])) for row in conn.execute(statement)}


def flow(conn: Connection, scope: Scope, sel: Selection) -> tuple[int, int]:
    """Deals made and deals closed in that time."""
    where = seen(scope, sel)
    counts = (
        select(func.count()).select_from(deals).where(where, column >= sel.since, column < sel.until)
        for column in (deals.c.created_at, deals.c.closed_at)
    )
    made, closed = (int(conn.execute(one).scalar_one()) for one in counts)
    return made, closed
