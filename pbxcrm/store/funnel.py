"""Deals on their way through a pipeline, counted from the stage history."""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    case,
    distinct,
    exists,
    func,
    or_,
    select,
    true,
)

from pbxcrm.crm.access import Scope
from pbxcrm.crm.funnel import Passage
from pbxcrm.crm.looking import NOBODY
from pbxcrm.crm.reports import Selection
from pbxcrm.store.schema import deals, stage_history, stages, teams, users

_h = stage_history.c
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
    """The same, for what begins with moves of a time: SQLite shall find these first, not all deals of the pipeline."""
    return and_(deals.c.pipeline_id + 0 == sel.pipeline_id, owned(scope, sel))


def passages(conn: Connection, scope: Scope, sel: Selection) -> dict[Key, Passage]:
    """By stage and owner."""
    in_, out = _entered(conn, scope, sel), _left(conn, scope, sel)
    return {key: Passage(*in_.get(key, (0, 0, 0)), *out.get(key, (0, 0))) for key in {*in_, *out}}


def entries(sel: Selection) -> Subquery:
    """A deal's first entry into each stage in that time: deal_id, stage_id, first (ids stand in the order of moves)."""
    return (
        select(_h.deal_id, _h.stage_id, func.min(_h.id).label("first"))
        .where(_h.at >= sel.since, _h.at < sel.until)
        .group_by(_h.deal_id, _h.stage_id)
        .subquery()
    )


def passed(first: Subquery, here: Any) -> ColumnElement[bool]:
    """Whether the deal was ever, after that entry, in a stage further on than `here`, or won."""
    later, there = stage_history.alias("later"), stages.alias("there")
    further = or_(there.c.kind == "won", and_(there.c.kind == "open", there.c.position > here.c.position))
    return exists(
        select(later.c.id)
        .join(there, there.c.id == later.c.stage_id)
        .where(later.c.deal_id == first.c.deal_id, later.c.id > first.c.first, further)
    )


def _entered(conn: Connection, scope: Scope, sel: Selection) -> dict[Key, tuple[int, int, int]]:
    """Entered, converted, still there."""
    first, here = entries(sel), stages.alias("here")
    statement = (
        select(
            first.c.stage_id,
            deals.c.owner_id,
            func.count(),
            func.count(case((passed(first, here), 1))),
            func.count(case((deals.c.stage_id == first.c.stage_id, 1))),
        )
        .select_from(first.join(deals, deals.c.id == first.c.deal_id).join(here, here.c.id == first.c.stage_id))
        .where(here.c.pipeline_id == sel.pipeline_id, here.c.kind.in_(("unsorted", "open")), moved(scope, sel))
        .group_by(first.c.stage_id, deals.c.owner_id)
    )
    return {(row[0], row[1]): (int(row[2]), int(row[3]), int(row[4])) for row in conn.execute(statement)}


def left(sel: Selection) -> ColumnElement[bool]:
    """Rows of the history by which a deal left a stage in that time."""
    return and_(_h.at >= sel.since, _h.at < sel.until, _h.from_stage_id.is_not(None))


def _left(conn: Connection, scope: Scope, sel: Selection) -> dict[Key, tuple[int, int]]:
    lost = case((stages.c.kind == "lost", _h.deal_id))
    statement = (
        select(_h.from_stage_id, deals.c.owner_id, func.count(distinct(_h.deal_id)), func.count(distinct(lost)))
        .select_from(stage_history.join(deals, deals.c.id == _h.deal_id).join(stages, stages.c.id == _h.stage_id))
        .where(left(sel), moved(scope, sel))
        .group_by(_h.from_stage_id, deals.c.owner_id)
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
