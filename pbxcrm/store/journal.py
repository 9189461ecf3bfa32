"""The journal as readers see it: rows after an id, of those that are for them to hear."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select

from pbxcrm.crm.access import Scope
from pbxcrm.store.db import EVERYBODY
from pbxcrm.store.schema import journal

_j = journal.c
# Two statements: each is one step in the index; min and max in one would read every row on SQLite.
_FIRST = select(func.min(_j.id))
_LAST = select(func.max(_j.id))
_OF_KIND = (
    select(_j.data)
    .where(_j.id > bindparam("after"), _j.id <= bindparam("until"), _j.kind == bindparam("kind"))
    .order_by(_j.id)
)
_NEWEST_OF = (
    select(_j.at)
    .where(_j.kind.in_(bindparam("kinds", expanding=True)), _j.at < bindparam("before"))
    .order_by(_j.id.desc())
    .limit(1)
)
_AFTER = select(_j.id, _j.at, _j.kind, _j.audience, _j.data).where(_j.id > bindparam("after")).order_by(_j.id)
_AFTER = _AFTER.limit(bindparam("limit"))
_MINE = _j.audience.contains(bindparam("me"))
_FOR = {
    True: _AFTER.where(or_(_j.audience.is_(None), _j.audience.not_like("=%"), _MINE)),
    False: _AFTER.where(or_(_j.audience == EVERYBODY, _MINE)),
}


def last_id(conn: Connection) -> int:
    """The id of the newest row, 0 when there is none: what a page that is read now is true at."""
    return int(conn.execute(_LAST).scalar() or 0)


def ends(conn: Connection) -> tuple[int, int]:
    """The oldest and the newest id, (0, 0) when there is none."""
    return int(conn.execute(_FIRST).scalar() or 0), last_id(conn)


def of_kind(conn: Connection, kind: str, after: int, until: int) -> list[str]:
    """The data (JSON text) of every row of this kind with after < id <= until, whoever it is for: to count by."""
    return list(conn.execute(_OF_KIND, {"kind": kind, "after": after, "until": until}).scalars())


def newest_at(conn: Connection, kinds: Sequence[str], before: float) -> float | None:
    """When the newest row of these kinds was written, of those before a moment; None where there is none."""
    return conn.execute(_NEWEST_OF, {"kinds": list(kinds), "before": before}).scalar()


def after(conn: Connection, scope: Scope, last: int, limit: int) -> list[dict[str, Any]]:
    """The next rows that this person may hear: [{id, at, kind, audience, data}], data decoded."""
    values = {"after": last, "limit": limit, "me": f"|{scope.user_id}|"}
    return [_row(row) for row in conn.execute(_FOR[scope.sees_all], values)]


def every(conn: Connection, last: int, limit: int) -> list[dict[str, Any]]:
    """The next rows, whoever they are for: the hub deals them out with `hears`."""
    return [_row(row) for row in conn.execute(_AFTER, {"after": last, "limit": limit})]


def _row(row: Any) -> dict[str, Any]:
    return {"id": row.id, "at": row.at, "kind": row.kind, "audience": row.audience, "data": json.loads(row.data)}


def hears(scope: Scope, audience: str | None) -> bool:
    """Whether a row with this audience is for this person; the same in Python as `after` says it in SQL."""
    mine = audience is not None and f"|{scope.user_id}|" in audience
    if scope.sees_all:
        return mine or audience is None or not audience.startswith("=")
    return mine or audience == EVERYBODY
