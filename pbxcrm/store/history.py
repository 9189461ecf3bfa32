"""Calls of the past beside what is stored, and where the two disagree."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from pbxcrm.crm.access import Scope
from pbxcrm.store.prepared import Command, Query
from pbxcrm.store.schema import calls, disagreements, witness_totals

_c = calls.c
_t = witness_totals.c


class Stored(NamedTuple):
    """What is stored of a call, as far as another account is held against it."""

    id: str
    pbx: str
    boot: str
    uid: str
    n: int
    direction: str
    outcome: str
    started_at: float
    ended_at: float | None
    talk_seconds: float
    first_answered_by: str | None
    last_answered_by: str | None
    contact_id: int | None
    deal_id: int | None
    recording: str | None
    origin: str
    witness: str | None


_COLUMNS = [_c[name] for name in Stored._fields]
_BY_UIDS = Query(select(*_COLUMNS).where(_c.uid.in_(bindparam("uids", expanding=True))).order_by(_c.id), "uids")
_VIEWS = Query(select(_c.id, _c.data).where(_c.id.in_(bindparam("ids", expanding=True))), "ids")


def by_uids(conn: Connection, _scope: Scope, uids: Sequence[str]) -> list[Stored]:
    """The calls with these uniqueids, of whatever PBX and boot."""
    return [Stored(*row) for row in _BY_UIDS.rows(conn, {"uids": list(uids)})] if uids else []


def views(conn: Connection, _scope: Scope, ids: Sequence[str]) -> dict[str, str]:
    """The stored views of these calls, as JSON text."""
    return {row[0]: row[1] for row in _VIEWS.rows(conn, {"ids": list(ids)})} if ids else {}


_MARK = Command(
    update(calls).where(_c.id == bindparam("call")).values(origin=bindparam("told_by"), witness=bindparam("beside"))
)
_DIFFER = Command(
    sqlite=sqlite_insert(disagreements).on_conflict_do_nothing(index_elements=["call_id"]),
    postgresql=postgres_insert(disagreements).on_conflict_do_nothing(index_elements=["call_id"]),
)


def _more(make: Any) -> Any:
    row = make(witness_totals)
    return row.on_conflict_do_update(index_elements=["key"], set_={"count": _t.count + row.excluded.count})


_COUNT = Command(sqlite=_more(sqlite_insert), postgresql=_more(postgres_insert))


def mark(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Who told of these calls, and which second witness was asked: [{call, told_by, beside}]."""
    _MARK.run(conn, rows)


def differ(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of disagreements; one that is there stays as it is."""
    _DIFFER.run(conn, rows)


def count(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add to the totals: [{key, count}], in one order for all writers."""
    _COUNT.run(conn, sorted(rows, key=lambda row: str(row["key"])))


def totals(conn: Connection, _scope: Scope) -> dict[str, int]:
    """How often the witnesses agreed ("agreed"), and how often each field differed."""
    return {row[0]: int(row[1]) for row in conn.execute(select(_t.key, _t["count"]))}
