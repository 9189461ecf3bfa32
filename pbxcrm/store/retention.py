"""What is older than it may be: counted, and taken away a batch at a time."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from pbxcrm.crm.access import Scope
from pbxcrm.store import imports
from pbxcrm.store.columns import metadata
from pbxcrm.store.schema import audit, calls, dials, journal

KINDS = ("journal", "calls", "dials", "audit", "imports")


_OLD: dict[str, tuple[Table, Callable[[float], ColumnElement[bool]]]] = {
    "journal": (journal, lambda bound: journal.c.id < bound),
    "calls": (calls, lambda bound: (calls.c.started_at < bound) & calls.c.ended_at.is_not(None)),
    "dials": (dials, lambda bound: dials.c.created_at < bound),
    "audit": (audit, lambda bound: audit.c.at < bound),
}


def bound(conn: Connection, _scope: Scope, kind: str, before: float) -> float:
    """What `count` and `prune` take for `before` (epoch seconds): found once, for it may take long.

    Of the journal it is an id. It goes from the beginning without a hole: a reader's cursor is either before the first
    row there is, or after no gap. The newest row stays: it is the cursor of whoever comes next.
    """
    if kind != "journal":
        return before
    first_kept = conn.execute(
        select(journal.c.id).where(journal.c.at >= before).order_by(journal.c.id).limit(1)
    ).scalar()
    if first_kept is None:
        first_kept = conn.execute(select(func.max(journal.c.id))).scalar()
    return float(first_kept or 0)


def count(conn: Connection, scope: Scope, kind: str, bound: float) -> int:
    """How many of this kind there are below this bound; of imports their rows."""
    if kind == "imports":
        return imports.count_old(conn, scope, bound)
    table, old = _OLD[kind]
    return int(conn.execute(select(func.count()).select_from(table).where(old(bound))).scalar_one())


def prune(conn: Connection, kind: str, bound: float, limit: int) -> int:
    """Take away `limit` of this kind, of the journal the oldest, with what hangs on them; gives how many there were."""
    if kind == "imports":
        return imports.drop_old(conn, bound, limit)
    table, old = _OLD[kind]
    ids = list(conn.execute(select(table.c.id).where(old(bound)).order_by(table.c.id).limit(limit)).scalars())
    if ids:
        _let_go(conn, table, ids)
        conn.execute(delete(table).where(table.c.id.in_(ids)))
    return len(ids)


def _let_go(conn: Connection, table: Table, ids: list[Any]) -> None:
    """What refers to these rows refers to nothing, or goes with them where it cannot."""
    for other in metadata.sorted_tables:
        for key in other.foreign_keys:
            if key.column.table is table:
                column = key.parent
                if column.nullable:
                    conn.execute(update(other).where(column.in_(ids)).values({column: None}))
                else:
                    conn.execute(delete(other).where(column.in_(ids)))
