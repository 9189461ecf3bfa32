"""Wrap-ups: which calls a person has yet to say something of, and what was said. A row a call and person.

`at` is when the last talk began that it is about, by the PBX's clock; `done_at` NULL: nothing was said yet.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection, bindparam, null, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from pbxcrm.crm.access import Scope
from pbxcrm.crm.wrapup import WrapupRow
from pbxcrm.store.prepared import Command, Query
from pbxcrm.store.schema import users, wrapups

_w = wrapups.c


def _begin(insert: Any) -> Any:
    # Once more only for a later talk: what was said of this one stays said.
    new = insert(wrapups)
    return new.on_conflict_do_update(
        index_elements=["call_id", "user_id"],
        set_={"at": new.excluded.at, "done_at": null()},
        where=_w.at < new.excluded.at,
    )


_BEGIN = Command(sqlite=_begin(sqlite_insert), postgresql=_begin(postgres_insert))


def begin(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """These have talked, and not yet said what came of it: [{call_id, user_id, at}]."""
    _BEGIN.run(conn, rows)


_WAITING = (
    select(_w.call_id)
    .where(_w.user_id == bindparam("me"), _w.done_at.is_(None), _w.at > bindparam("since"))
    .order_by(_w.at.desc())
    .limit(bindparam("limit"))
)


def waiting(conn: Connection, scope: Scope, since: float, limit: int) -> list[str]:
    """This person's calls that wait for a word since then, the newest first."""
    return list(conn.execute(_WAITING, {"me": scope.user_id, "since": since, "limit": limit}).scalars())


_ROW = select(wrapups).where(_w.user_id == bindparam("me"), _w.call_id == bindparam("call"))


def one(conn: Connection, scope: Scope, call_id: str) -> Mapping[str, Any] | None:
    """What this person has to say, or has said, of this call."""
    row = conn.execute(_ROW, {"me": scope.user_id, "call": call_id}).mappings().first()
    return dict(row) if row else None


_FINISHED = Query(
    select(_w.call_id, users.c.name, _w.at)
    .join(users, users.c.id == _w.user_id)
    .where(_w.call_id.in_(bindparam("calls", expanding=True)), _w.done_at.is_not(None)),
    "calls",
)


def finished(conn: Connection, _scope: Scope, call_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """{call: {who has finished with it: when the talk began that they finished with}}."""
    found: dict[str, dict[str, float]] = {}
    for call_id, name, at in _FINISHED.rows(conn, {"calls": list(call_ids)}) if call_ids else ():
        found.setdefault(call_id, {})[name] = at
    return found


def _finish(insert: Any) -> Any:
    new = insert(wrapups)
    said = ("at", "done_at", "outcome", "note", "tags")
    return new.on_conflict_do_update(
        index_elements=["call_id", "user_id"], set_={name: getattr(new.excluded, name) for name in said}
    )


_FINISH = {"sqlite": _finish(sqlite_insert), "postgresql": _finish(postgres_insert)}


def finish(conn: Connection, row: Mapping[str, Any]) -> None:
    """It is done: all of the table's columns."""
    conn.execute(_FINISH[conn.dialect.name], row)


_SAID = (
    select(_w.call_id, _w.done_at, _w.outcome, _w.note, _w.tags, users.c.name.label("by"))
    .join(users, users.c.id == _w.user_id)
    .where(_w.call_id.in_(bindparam("calls", expanding=True)), _w.done_at.is_not(None))
    .where((_w.outcome != "") | (_w.note != "") | (_w.tags != ""))
    .order_by(_w.done_at)
)


def of_calls(conn: Connection, _scope: Scope, call_ids: Sequence[str]) -> dict[str, list[WrapupRow]]:
    """What was said of these calls, by whomever, the oldest first. Ask first whether the calls may be seen."""
    found: dict[str, list[WrapupRow]] = {}
    for row in conn.execute(_SAID, {"calls": list(call_ids)}).mappings() if call_ids else ():
        found.setdefault(row["call_id"], []).append(cast("WrapupRow", dict(row)))
    return found
