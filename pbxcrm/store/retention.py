"""What is older than it may be: counted, and taken away a batch at a time."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema import audit, calls, dials, journal, metadata

KINDS = ("journal", "calls", "dials", "audit")


def _old_journal(conn: Connection, before: float) -> ColumnElement[bool]:
    # From the beginning without a hole: a reader's cursor is either before the first row there is, or after no gap. The
    # newest row stays: it is the cursor of whoever comes next.
    first_kept = conn.execute(select(func.min(journal.c.id)).where(journal.c.at >= before)).scalar()
    newest = conn.execute(select(func.max(journal.c.id))).scalar() or 0
    return journal.c.id < (newest if first_kept is None else first_kept)


_OLD: dict[str, tuple[Table, Callable[[Connection, float], ColumnElement[bool]]]] = {
    "journal": (journal, _old_journal),
    "calls": (calls, lambda _, before: (calls.c.started_at < before) & calls.c.ended_at.is_not(None)),
    "dials": (dials, lambda _, before: dials.c.created_at < before),
    "audit": (audit, lambda _, before: audit.c.at < before),
}


def count(conn: Connection, _scope: Scope, kind: str, before: float) -> int:
    """How many of this kind are older than `before` (epoch seconds)."""
    table, old = _OLD[kind]
    return int(conn.execute(select(func.count()).select_from(table).where(old(conn, before))).scalar_one())


def prune(conn: Connection, kind: str, before: float, limit: int) -> int:
    """Take away the oldest `limit` of this kind, with what hangs on them; gives how many there were."""
    table, old = _OLD[kind]
    some = select(table.c.id).where(old(conn, before)).order_by(table.c.id).limit(limit)
    ids = list(conn.execute(some).scalars())
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
