"""Calls, who took part in them, and the deals they are about."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    bindparam,
    exists,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from pbxcrm.crm.access import Scope
from pbxcrm.crm.views import View, with_links
from pbxcrm.store.schema import call_deals, call_people, calls, deals, users

_c = calls.c
_ROWS: Select[Any] = select(_c.id, _c.started_at, _c.contact_id, _c.deal_id, _c.recording, _c.data)
_NEWEST = (_c.started_at.desc(), _c.id.desc())


def _visible(scope: Scope) -> ColumnElement[bool]:
    """Calls that rang at one's phones or that one spoke in, and those of one's deals."""
    if scope.sees_all:
        return _c.id.is_not(None)
    me = scope.user_id
    return or_(
        exists().where(call_people.c.call_id == _c.id, call_people.c.user_id == me),
        exists().where(call_deals.c.call_id == _c.id, call_deals.c.deal_id == deals.c.id, deals.c.owner_id == me),
    )


def _view(row: Row[Any]) -> View:
    return with_links(json.loads(row.data), row.contact_id, row.deal_id, row.recording)


def one(conn: Connection, scope: Scope, call_id: str) -> View | None:
    """This call, if it is theirs to see."""
    row = conn.execute(_ROWS.where(_c.id == call_id, _visible(scope))).first()
    return _view(row) if row else None


def some(
    conn: Connection, scope: Scope, limit: int, filters: Mapping[str, Any], after: tuple[float, str] | None = None
) -> list[tuple[float, View]]:
    """A page of calls with their beginnings (epoch seconds), the newest on top."""
    where = [_visible(scope), *(_CONDITIONS[name](value) for name, value in filters.items())]
    if after is not None:
        where.append(tuple_(_c.started_at, _c.id) < tuple_(*after))
    rows = conn.execute(_ROWS.where(*where).order_by(*_NEWEST).limit(limit))
    return [(row.started_at, _view(row)) for row in rows]


def _of_user(name: str) -> ColumnElement[bool]:
    took_part = call_people.join(users, users.c.id == call_people.c.user_id)
    return _c.id.in_(select(call_people.c.call_id).select_from(took_part).where(users.c.name == name))


_CONDITIONS: dict[str, Any] = {
    "direction": lambda value: _c.direction == value,
    "outcome": lambda value: _c.outcome == value,
    "number": lambda value: _c.number == value,
    "did": lambda value: _c.did == value,
    "user": _of_user,
    "contact_id": lambda value: _c.contact_id == value,
    "deal_id": lambda value: _c.id.in_(select(call_deals.c.call_id).where(call_deals.c.deal_id == value)),
    "since": lambda value: _c.started_at >= value,
    "until": lambda value: _c.started_at < value,
}


def of_deal(conn: Connection, _scope: Scope, deal_id: int, limit: int) -> list[View]:
    """A deal's calls, the newest first. Ask first whether the deal may be seen."""
    statement = _ROWS.join(call_deals, call_deals.c.call_id == _c.id).where(call_deals.c.deal_id == deal_id)
    return [_view(row) for row in conn.execute(statement.order_by(*_NEWEST).limit(limit))]


def ongoing(conn: Connection, scope: Scope) -> list[View]:
    """Calls that go on now, the oldest first, of those this person may see."""
    statement = _ROWS.where(_c.ended_at.is_(None), _visible(scope)).order_by(_c.started_at, _c.id)
    return [_view(row) for row in conn.execute(statement)]


_DEALS_OF = select(call_deals.c.deal_id).where(call_deals.c.call_id == bindparam("call_id"))


def deals_of(conn: Connection, _scope: Scope, call_id: str) -> list[int]:
    """The deals a call is on. Ask first whether the call may be seen."""
    return list(conn.execute(_DEALS_OF, {"call_id": call_id}).scalars())


_LINK = insert(call_deals)
_ABOUT = (
    update(calls).where(_c.id == bindparam("call")).values(contact_id=bindparam("contact"), deal_id=bindparam("deal"))
)


def link(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put calls on deals: [{call_id, deal_id}], each pair new."""
    conn.execute(_LINK, list(rows))


def about(conn: Connection, call_id: str, contact_id: int | None, deal_id: int | None) -> None:
    """Whom and what a call was about."""
    conn.execute(_ABOUT, {"call": call_id, "contact": contact_id, "deal": deal_id})
