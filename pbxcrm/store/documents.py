"""Documents: the library's, by team, and those of deals. What is in them lies in files (service/documents.py)."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, insert, or_, select, update

from pbxcrm.crm.access import Scope
from pbxcrm.crm.documents import DocumentRow
from pbxcrm.store.schema import deals, teams, users
from pbxcrm.store.schema_sales import documents

_d = documents.c
_ROWS: Select[Any] = select(
    *(column for column in documents.columns if column.name != "user_id"),
    users.c.name.label("by"),
    teams.c.name.label("team"),
).select_from(
    documents.outerjoin(users, users.c.id == _d.user_id)
    .outerjoin(teams, teams.c.id == _d.team_id)
    .outerjoin(deals, deals.c.id == _d.deal_id)
)


def _visible(scope: Scope) -> ColumnElement[bool]:
    """The library, as far as it is for one's team; those of one's own deals; offers to learn from."""
    if scope.sees_all:
        return _d.id.is_not(None)
    ours = or_(_d.team_id.is_(None), _d.team_id == (scope.team_id or 0))
    return or_(and_(_d.deal_id.is_(None), ours), deals.c.owner_id == scope.user_id, _d.shared.is_(True))


def _rows(conn: Connection, *where: ColumnElement[bool]) -> list[DocumentRow]:
    found = conn.execute(_ROWS.where(*where).order_by(_d.id.desc())).mappings()
    return [cast("DocumentRow", dict(row)) for row in found]


def one(conn: Connection, scope: Scope, document_id: int) -> DocumentRow | None:
    """This document, if it is theirs to read."""
    rows = _rows(conn, _d.id == document_id, _visible(scope))
    return rows[0] if rows else None


def library(conn: Connection, scope: Scope) -> list[DocumentRow]:
    """What is no deal's, and the offers to learn from."""
    return _rows(conn, _visible(scope), or_(_d.deal_id.is_(None), _d.shared.is_(True)))


def of_deals(conn: Connection, _scope: Scope, deal_ids: Sequence[int]) -> list[DocumentRow]:
    """Those of these deals. Ask first whether the deals may be seen."""
    return _rows(conn, _d.deal_id.in_(deal_ids))


def add(conn: Connection, row: Mapping[str, Any]) -> int:
    """A new one; gives its id."""
    return int(conn.execute(insert(documents).values(row).returning(_d.id)).scalar_one())


def change(conn: Connection, document_id: int, values: Mapping[str, Any]) -> None:
    """Set these columns."""
    conn.execute(update(documents).where(_d.id == document_id).values(values))


def remove(conn: Connection, ids: Sequence[int]) -> None:
    """These are no more."""
    conn.execute(delete(documents).where(_d.id.in_(ids)))


def files(conn: Connection, _scope: Scope) -> set[str]:
    """The names of all files that there are rows of."""
    return set(conn.execute(select(_d.file)).scalars())


def closed_before(conn: Connection, _scope: Scope, at: float, limit: int | None = None) -> list[tuple[int, str]]:
    """(id, file) of documents of deals that were closed before that moment and are not there to learn from."""
    found = select(_d.id, _d.file).join(deals, deals.c.id == _d.deal_id)
    found = found.where(deals.c.closed_at < at, _d.shared.is_(False)).order_by(_d.id).limit(limit)
    return [(row.id, row.file) for row in conn.execute(found)]
