"""Calls that two witnesses tell differently: for managers."""

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, select, tuple_, update

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema import disagreements, users

_d = disagreements.c
_SEEN = users.alias("seen")
_ROWS: Select[Any] = select(*disagreements.columns, _SEEN.c.name.label("seen_by_name")).select_from(
    disagreements.outerjoin(_SEEN, _SEEN.c.id == _d.seen_by)
)


def _row(row: RowMapping) -> dict[str, Any]:
    told = dict(row)
    fields = [name for name in told["fields"].split(",") if name]
    return {**told, "fields": fields, "ours": json.loads(told["ours"]), "theirs": json.loads(told["theirs"])}


def some(
    conn: Connection, scope: Scope, limit: int, *, seen: bool | None = None, after: tuple[float, str] | None = None
) -> list[dict[str, Any]]:
    """A page of disagreements, the newest call on top, for who sees all; for others there are none."""
    if not scope.sees_all:
        return []
    where: list[ColumnElement[bool]] = []
    if seen is not None:
        where.append(_d.seen_at.is_not(None) if seen else _d.seen_at.is_(None))
    if after is not None:
        where.append(tuple_(_d.call_at, _d.call_id) < tuple_(*after))
    newest = (_d.call_at.desc(), _d.call_id.desc())
    return [_row(row) for row in conn.execute(_ROWS.where(*where).order_by(*newest).limit(limit)).mappings()]


def one(conn: Connection, scope: Scope, call_id: str) -> dict[str, Any] | None:
    """The disagreement about this call, for who sees all."""
    row = conn.execute(_ROWS.where(_d.call_id == call_id)).mappings().first() if scope.sees_all else None
    return _row(row) if row else None


def see(conn: Connection, call_id: str, at: float, user_id: int | None) -> bool:
    """Somebody has looked at it; False when it had been seen already."""
    statement = update(disagreements).where(_d.call_id == call_id, _d.seen_at.is_(None))
    return conn.execute(statement.values(seen_at=at, seen_by=user_id or None)).rowcount == 1
