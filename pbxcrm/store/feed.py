"""The journal as watchers read it: where it begins and ends, and rows of one kind."""

from sqlalchemy import ColumnElement, Connection, func, or_, select, true

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema import journal


def _visible(scope: Scope) -> ColumnElement[bool]:
    if scope.sees_all:
        return true()
    return or_(journal.c.audience == "*", journal.c.audience.contains(f"|{scope.user_id}|"))


def ends(conn: Connection, scope: Scope) -> tuple[int, int]:
    """The oldest and the newest journal id that this scope may see, (0, 0) when there is none."""
    # Two statements: each is one step in the index; min and max in one would read every row on SQLite.
    first = conn.execute(select(func.min(journal.c.id)).where(_visible(scope))).scalar()
    last = conn.execute(select(func.max(journal.c.id)).where(_visible(scope))).scalar()
    return int(first or 0), int(last or 0)


def data_of(conn: Connection, scope: Scope, kind: str, after: int, until: int) -> list[str]:
    """The data (JSON text) of the rows of this kind with after < id <= until."""
    query = select(journal.c.data).where(
        journal.c.id > after, journal.c.id <= until, journal.c.kind == kind, _visible(scope)
    )
    return list(conn.execute(query.order_by(journal.c.id)).scalars())
