"""Tasks: what somebody has to do, by when; calls back among them."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    tuple_,
    update,
)

from pbxcrm.crm.access import Scope
from pbxcrm.crm.views import TaskRow
from pbxcrm.store.prepared import Command, Query
from pbxcrm.store.schema import calls, contacts, tasks, teams, users

_t = tasks.c
_doers = users.alias("doers")
_TABLES = (
    tasks.outerjoin(users, users.c.id == _t.user_id)
    .outerjoin(_doers, _doers.c.id == _t.done_by)
    .outerjoin(teams, teams.c.id == _t.team_id)
    .outerjoin(contacts, contacts.c.id == _t.contact_id)
    .outerjoin(calls, calls.c.id == _t.call_id)
)
_ROWS: Select[Any] = select(
    *tasks.columns,
    users.c.name.label("user_name"),
    _doers.c.name.label("done_by_name"),
    teams.c.name.label("team_name"),
    contacts.c.name.label("contact_name"),
    contacts.c.company,
    calls.c.outcome,
    calls.c.ended_at.label("called_at"),
).select_from(_TABLES)


def _visible(scope: Scope) -> ColumnElement[bool]:
    """One's own, and calls back that nobody has taken yet: those of one's team and those of no team."""
    if scope.sees_all:
        return _t.id.is_not(None)
    team = or_(_t.team_id.is_(None), _t.team_id == (scope.team_id or 0))
    return or_(_t.user_id == scope.user_id, and_(_t.user_id.is_(None), _t.kind == "callback", team))


def _rows(conn: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[TaskRow]:
    return [cast("TaskRow", dict(row)) for row in conn.execute(statement, values).mappings()]


def one(conn: Connection, scope: Scope, task_id: int) -> TaskRow | None:
    """This task, if it is theirs to see."""
    rows = _rows(conn, _ROWS.where(_t.id == task_id, _visible(scope)), {})
    return rows[0] if rows else None


def some(
    conn: Connection,
    scope: Scope,
    limit: int,
    filters: Mapping[str, Any],
    after: tuple[float, int] | None = None,
) -> list[TaskRow]:
    """A page of tasks, the most urgent first. Filters: kind, kinds, deal_id, contact_id, done (False: still to do),
    since, until (of due_at, epoch seconds: from the first, before the second).
    """
    where = [_visible(scope)]
    if "kind" in filters:
        where.append(_t.kind == filters["kind"])
    if "kinds" in filters:
        where.append(_t.kind.in_(filters["kinds"]))
    if "since" in filters:
        where.append(_t.due_at >= filters["since"])
    if "until" in filters:
        where.append(_t.due_at < filters["until"])
    if "deal_id" in filters:
        where.append(_t.deal_id == filters["deal_id"])
    if "contact_id" in filters:
        where.append(_t.contact_id == filters["contact_id"])
    if "done" in filters:
        where.append(_t.done_at.is_not(None) if filters["done"] else _t.done_at.is_(None))
    if after is not None:
        where.append(tuple_(_t.due_at, _t.id) > tuple_(*after))
    return _rows(conn, _ROWS.where(*where).order_by(_t.due_at, _t.id).limit(limit), {})


_OPEN_OF_DEAL = _ROWS.where(_t.deal_id == bindparam("deal_id"), _t.done_at.is_(None)).order_by(_t.id)
_OF_DEAL = _ROWS.where(_t.deal_id == bindparam("deal_id")).order_by(_t.id)
_OF_IDS = _ROWS.where(_t.id.in_(bindparam("ids", expanding=True))).order_by(_t.id)
_THEIRS = or_(
    _t.contact_id.in_(bindparam("contacts", expanding=True)), _t.number.in_(bindparam("numbers", expanding=True))
)
_OPEN_CALLS = Query(_ROWS.where(_t.done_at.is_(None), _THEIRS).order_by(_t.id), "contacts", "numbers")
_OPEN_DEVICES = select(_t.title).where(_t.kind == "device", _t.done_at.is_(None))


def of_deal(conn: Connection, _scope: Scope, deal_id: int, *, open_only: bool = False) -> list[TaskRow]:
    """A deal's tasks, whoever's they are. Ask first whether the deal may be seen."""
    return _rows(conn, _OPEN_OF_DEAL if open_only else _OF_DEAL, {"deal_id": deal_id})


def of_lead(conn: Connection, _scope: Scope, lead_id: int) -> list[TaskRow]:
    """A lead's tasks. Ask first whether the lead may be seen."""
    return _rows(conn, _ROWS.where(_t.lead_id == lead_id).order_by(_t.id), {})


def of_ids(conn: Connection, _scope: Scope, ids: Sequence[int]) -> list[TaskRow]:
    """These tasks as they stand, for the journal."""
    return _rows(conn, _OF_IDS, {"ids": list(ids)}) if ids else []


def open_of_callers(
    conn: Connection, _scope: Scope, contact_ids: Sequence[int], numbers: Sequence[str]
) -> list[TaskRow]:
    """What is still to do about these callers: calls back, and looks at what a colleague said to them."""
    if not contact_ids and not numbers:
        return []
    found = _OPEN_CALLS.dicts(conn, {"contacts": contact_ids, "numbers": numbers})
    return [cast("TaskRow", row) for row in found]


def open_devices(conn: Connection, _scope: Scope) -> set[str]:
    """The devices of nobody that somebody has already been told of."""
    return set(conn.execute(_OPEN_DEVICES).scalars())


_INSERT = insert(tasks).returning(_t.id, sort_by_parameter_order=True)
_STORED = (  # of the tasks that calls make
    *("id", "kind", "title", "deal_id", "contact_id", "call_id", "number", "user_id", "team_id", "times"),
    *("created_at", "due_at", "done_at"),
)
_INSERT_KNOWN = Command(insert(tasks))
_DONE = Command(
    update(tasks)
    .where(_t.id == bindparam("task"), _t.done_at.is_(None))
    .values(done_at=bindparam("at"), done_by=bindparam("by"), remind_at=null())
)
_AGAIN = Command(
    update(tasks)
    .where(_t.id == bindparam("task"))
    .values(times=_t.times + bindparam("more"), call_id=bindparam("call"), deal_id=bindparam("deal"))
)
_HAND = update(tasks).where(_t.id == bindparam("task")).values(user_id=bindparam("user"))


def add(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """New tasks; gives their ids in the order of the rows."""
    return list(conn.execute(_INSERT, list(rows)).scalars())


def add_known(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """New tasks whose ids are reserved."""
    _INSERT_KNOWN.run(conn, [{name: row[name] for name in _STORED} for row in rows])


def done(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """These are done: [{task, at, by}]. One that is done already stays as it is."""
    _DONE.run(conn, rows)


def again(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """The caller tried once more: [{task, more, call, deal}]."""
    _AGAIN.run(conn, rows)


def hand(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Give these to a person: [{task, user}]."""
    conn.execute(_HAND, list(rows))


def change(conn: Connection, task_id: int, version: int, values: Mapping[str, Any]) -> bool:
    """Set these columns if the task still has this version and is still to do; counts the version up."""
    here = and_(_t.id == task_id, _t.version == version, _t.done_at.is_(None))
    return conn.execute(update(tasks).where(here).values(**values, version=version + 1)).rowcount == 1


def remove(conn: Connection, task_ids: Sequence[int]) -> None:
    """These were made by mistake."""
    conn.execute(delete(tasks).where(_t.id.in_(task_ids)))


def made_by_stages(conn: Connection, _scope: Scope, deal_id: int) -> dict[int, TaskRow]:
    """The open tasks of a deal that stages made: {what of the stage made it: the task}. Ask first whether it may be
    seen.
    """
    found = _ROWS.where(_t.deal_id == deal_id, _t.done_at.is_(None), _t.stage_task_id.is_not(None))
    return {row["stage_task_id"]: cast("TaskRow", dict(row)) for row in conn.execute(found).mappings()}


def result_is(conn: Connection, task_id: int, result: str) -> None:
    """What came of it."""
    conn.execute(update(tasks).where(_t.id == task_id).values(result=result))


_REMIND = and_(_t.remind_at.is_not(None), _t.done_at.is_(None), _t.user_id.is_not(None))
_TO_REMIND = (
    _ROWS.where(_REMIND, _t.remind_at <= bindparam("now")).order_by(_t.remind_at, _t.id).limit(bindparam("limit"))
)
_NEXT_REMINDER = select(func.min(_t.remind_at)).where(_REMIND)
_REMINDED = update(tasks).where(_t.id == bindparam("task"), _t.remind_at == bindparam("at")).values(remind_at=None)


def to_remind(conn: Connection, _scope: Scope, now: float, limit: int) -> list[TaskRow]:
    """Whose reminder is due, the longest first."""
    return _rows(conn, _TO_REMIND, {"now": now, "limit": limit})


def next_reminder(conn: Connection, _scope: Scope) -> float | None:
    """When the next reminder is due (epoch seconds), past ones included."""
    at: float | None = conn.execute(_NEXT_REMINDER).scalar()
    return at


def reminded(conn: Connection, row: TaskRow) -> bool:
    """It pops up now, and not again: false where another process was first."""
    return conn.execute(_REMINDED, {"task": row["id"], "at": row["remind_at"]}).rowcount == 1
