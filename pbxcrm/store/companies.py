"""Companies."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, or_, select

from pbxcrm.crm.access import Scope
from pbxcrm.crm.folding import folded
from pbxcrm.crm.matching import tail
from pbxcrm.store.schema_sales import companies

_c = companies.c
_SEARCHED = ("name", "email", "site", "city", "note")


def _visible(scope: Scope) -> ColumnElement[bool]:
    return _c.id.is_not(None) if scope.sees_all else _c.owner_id == scope.user_id


def of_id(conn: Connection, scope: Scope, company_id: int) -> dict[str, Any] | None:
    """This company, if it is theirs to see: {id, name}."""
    row = conn.execute(select(_c.id, _c.name).where(_c.id == company_id, _visible(scope))).mappings().first()
    return dict(row) if row else None


def alike(conn: Connection, scope: Scope, name: str, number: str | None, email: str) -> list[dict[str, Any]]:
    """Companies of theirs with this name, number or e-mail address: [{id, name}]."""
    same = [_c.name == name] if name else []
    same += [_c.tail == tail(number)] if number else []
    same += [_c.email == email] if email else []
    if not same:
        return []
    found = select(_c.id, _c.name).where(or_(*same), _visible(scope)).order_by(_c.id).limit(5)
    return [dict(row) for row in conn.execute(found).mappings()]


def add(conn: Connection, row: Mapping[str, Any]) -> int:
    """A new company; gives its id."""
    number = row.get("number")
    more = {
        "tail": tail(number) if number else None,
        "search": folded(*(row.get(name, "") for name in _SEARCHED)),
    }
    return int(conn.execute(insert(companies).values(**row, **more).returning(_c.id)).scalar_one())
