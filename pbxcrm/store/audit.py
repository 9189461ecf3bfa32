"""The audit log: who saw and changed what. Rows are added and read; only privacy and retention ever take some away."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, false, insert, or_, select, tuple_

from pbxcrm.crm.access import Scope
from pbxcrm.crm.views import View, iso
from pbxcrm.store.prepared import Command
from pbxcrm.store.schema import audit

_a = audit.c
_NEWEST = (_a.at.desc(), _a.id.desc())
_ADD = Command(insert(audit))
_MANY = 500  # ids of one kind of thing that one statement asks for


def add(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """New rows: {at, name, peer, action, thing, thing_id, changes (JSON text), times}."""
    _ADD.run(conn, rows)


def some(
    conn: Connection, scope: Scope, limit: int, filters: Mapping[str, Any], after: tuple[float, int] | None = None
) -> list[tuple[float, View]]:
    """A page with the times (epoch seconds), the newest on top; for those who see all, nothing for others."""
    where = [_CONDITIONS[name](value) for name, value in filters.items()]
    if not scope.sees_all:
        where.append(false())
    if after is not None:
        where.append(tuple_(_a.at, _a.id) < tuple_(*after))
    found = conn.execute(select(audit).where(and_(True, *where)).order_by(*_NEWEST).limit(limit))
    return [(row.at, _view(row)) for row in found]


_CONDITIONS: dict[str, Any] = {
    "user": lambda value: _a.name == value,
    "action": lambda value: _a.action == value,
    "thing": lambda value: _a.thing == value,
    "thing_id": lambda value: _a.thing_id == value,
    "since": lambda value: _a.at >= value,
    "until": lambda value: _a.at < value,
}


def about(conn: Connection, _scope: Scope, things: Mapping[str, Iterable[object]]) -> list[View]:
    """All rows about these things ({thing: ids}), the oldest first. For those who export or erase a person."""
    found: dict[int, View] = {}
    for thing, ids in things.items():
        wanted = sorted({str(one) for one in ids})
        for start in range(0, len(wanted), _MANY):
            part = and_(_a.thing == thing, _a.thing_id.in_(wanted[start : start + _MANY]))
            found.update((row.id, _view(row)) for row in conn.execute(select(audit).where(or_(part))))
    return [found[key] for key in sorted(found)]


def changes_of(conn: Connection, _scope: Scope, thing: str, thing_id: int, limit: int) -> list[View]:
    """How this thing was changed, the newest first. For whoever was let see the thing."""
    here = (_a.thing == thing) & (_a.thing_id == str(thing_id)) & (_a.action == f"{thing}.changed")
    return [_view(row) for row in conn.execute(select(audit).where(here).order_by(*_NEWEST).limit(limit))]


def _view(row: Row[Any]) -> View:
    return {
        "id": str(row.id),
        "at": iso(row.at),
        "user": row.name,
        "peer": row.peer,
        "action": row.action,
        "thing": row.thing,
        "thing_id": row.thing_id,
        "changes": json.loads(row.changes),
        "times": row.times,
    }
