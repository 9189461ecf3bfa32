"""Contacts and their numbers."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy import update as sql_update

from pbxcrm.crm.access import Scope
from pbxcrm.crm.folding import folded
from pbxcrm.crm.matching import tail
from pbxcrm.crm.views import ContactRow
from pbxcrm.store.prepared import Command, Insertion, Query
from pbxcrm.store.schema import call_people, calls, contact_numbers, contacts, deals, users
from pbxcrm.store.words import containing, number_part

_c = contacts.c
_n = contact_numbers.c
_ROWS: Select[Any] = select(
    *(c for c in contacts.columns if c.name != "search"), users.c.name.label("owner_name")
).select_from(contacts.outerjoin(users, users.c.id == _c.owner_id))


def visible(scope: Scope) -> ColumnElement[bool]:
    """One's own, one's deals' and one's callers'."""
    if scope.sees_all:
        return _c.id.is_not(None)
    me = scope.user_id
    return or_(
        _c.owner_id == me,
        exists().where(deals.c.contact_id == _c.id, deals.c.owner_id == me),
        exists().where(calls.c.contact_id == _c.id, calls.c.id == call_people.c.call_id, call_people.c.user_id == me),
    )


def _rows(conn: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[ContactRow]:
    return [cast("ContactRow", dict(row)) for row in conn.execute(statement, values).mappings()]


_BY_IDS = Query(_ROWS.where(_c.id.in_(bindparam("ids", expanding=True))), "ids")
_BY_TAILS = Query(
    select(_n.contact_id, _n.number, _n.tail)
    .where(_n.tail.in_(bindparam("tails", expanding=True)))
    .order_by(_n.contact_id, _n.id),
    "tails",
)
_NUMBERS = Query(
    select(_n.contact_id, _n.number).where(_n.contact_id.in_(bindparam("ids", expanding=True))).order_by(_n.id), "ids"
)


def one(conn: Connection, scope: Scope, contact_id: int) -> ContactRow | None:
    """This contact, if it is theirs to see."""
    rows = _rows(conn, _ROWS.where(_c.id == contact_id, visible(scope)), {})
    return rows[0] if rows else None


def seen(conn: Connection, scope: Scope, ids: Collection[int]) -> set[int]:
    """Those of these contacts that are theirs to see."""
    return set(conn.execute(select(_c.id).where(_c.id.in_(ids), visible(scope))).scalars())


def some(
    conn: Connection,
    scope: Scope,
    limit: int,
    q: str = "",
    after: tuple[float, int] | None = None,
    company_id: int | None = None,
    *,
    by_score: bool = False,
) -> list[ContactRow]:
    """A page of contacts, the newest (or those of the best score) on top.

    `q`: parts of words of theirs, or any part of a number; `company_id`: who works there.
    """
    where = [visible(scope), _found(conn, q)]
    if company_id is not None:
        where.append(_c.company_id == company_id)
    if by_score:
        if after is not None:
            where.append(tuple_(_c.score, _c.id) < tuple_(*after))
        return _rows(conn, _ROWS.where(and_(*where)).order_by(_c.score.desc(), _c.id.desc()).limit(limit), {})
    if after is not None:
        where.append(_c.id < after[1])
    # By id alone: a database walks its key from the end and stops at the limit, however many fit.
    return _rows(conn, _ROWS.where(and_(*where)).order_by(_c.id.desc()).limit(limit), {})


def _found(conn: Connection, q: str) -> ColumnElement[bool]:
    if part := number_part(q):
        return _c.id.in_(select(_n.contact_id).where(containing(conn, _n.number, [part])))
    return containing(conn, _c.search, folded(q).split())


def of_ids(conn: Connection, _scope: Scope, ids: Iterable[int]) -> dict[int, ContactRow]:
    """These contacts, whoever's they are: for calls and their cards."""
    wanted = list(ids)
    return {row["id"]: cast("ContactRow", row) for row in _BY_IDS.dicts(conn, {"ids": wanted})} if wanted else {}


def by_tails(conn: Connection, _scope: Scope, tails: Iterable[str]) -> list[tuple[int, str, str]]:
    """Every (contact, number, tail) that ends so, whoever's it is: for calls."""
    wanted = list(tails)
    return [(row[0], row[1], row[2]) for row in _BY_TAILS.rows(conn, {"tails": wanted})] if wanted else []


def numbers(conn: Connection, _scope: Scope, ids: Iterable[int]) -> dict[int, list[str]]:
    """The numbers of these contacts, in the order they were given."""
    found: dict[int, list[str]] = {key: [] for key in ids}
    if found:
        for contact_id, number in _NUMBERS.rows(conn, {"ids": list(found)}):
            found[contact_id].append(number)
    return found


def open_deal_owners(conn: Connection, _scope: Scope, contact_id: int) -> list[int]:
    """Who owns open deals of this contact: they hear of its changes."""
    found = select(deals.c.owner_id).where(
        deals.c.contact_id == contact_id, deals.c.open.is_(True), deals.c.owner_id.is_not(None)
    )
    return list(conn.execute(found.distinct()).scalars())


_INSERT = insert(contacts).returning(_c.id, sort_by_parameter_order=True)
_INSERT_KNOWN = Insertion(insert(contacts))
_INSERT_NUMBERS = Insertion(insert(contact_numbers))
_TALKED = Command(
    sql_update(contacts)
    .where(_c.id == bindparam("contact"), or_(_c.last_talk_at.is_(None), _c.last_talk_at < bindparam("at")))
    .values(
        last_talk_at=bindparam("at"),
        last_talk_by=bindparam("by"),
        first_contact_by=case((_c.first_contact_at.is_(None), literal_column("'call'")), else_=_c.first_contact_by),
        first_contact_at=func.coalesce(_c.first_contact_at, bindparam("at")),
    )
)


def add(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """New contacts; gives their ids in the order of the rows."""
    return list(conn.execute(_INSERT, list(rows)).scalars())


def add_known(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """New contacts whose ids are reserved."""
    _INSERT_KNOWN.run(conn, rows)


def number_row(contact_id: int, number: str) -> dict[str, Any]:
    """A row of contact_numbers."""
    return {"contact_id": contact_id, "number": number, "tail": tail(number)}


def add_numbers(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of contact_numbers."""
    _INSERT_NUMBERS.run(conn, rows)


def replace_numbers(conn: Connection, contact_id: int, wanted: Sequence[str]) -> None:
    """These numbers and no others."""
    conn.execute(delete(contact_numbers).where(_n.contact_id == contact_id))
    if wanted:
        add_numbers(conn, [number_row(contact_id, number) for number in wanted])


def change(conn: Connection, contact_id: int, version: int, values: Mapping[str, Any]) -> bool:
    """Set these columns if the contact still has this version, and count the version up."""
    statement = sql_update(contacts).where(_c.id == contact_id, _c.version == version)
    return conn.execute(statement.values(**values, version=version + 1)).rowcount == 1


def put(conn: Connection, contact_id: int, values: Mapping[str, Any]) -> None:
    """Set these columns, whatever they were."""
    conn.execute(sql_update(contacts).where(_c.id == contact_id).values(**values))


def talked(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Somebody talked with these: [{contact, at, by}]."""
    _TALKED.run(conn, rows)
