"""Companies: one's own, and those of one's contacts and deals."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, func, insert, or_, select, update

from pbxcrm.crm.access import Scope
from pbxcrm.crm.folding import folded
from pbxcrm.crm.importing import name_key
from pbxcrm.crm.matching import tail
from pbxcrm.crm.views import CompanyRow
from pbxcrm.store.prepared import Query
from pbxcrm.store.schema import contacts, deals, users
from pbxcrm.store.schema_sales import companies
from pbxcrm.store.words import containing

_c = companies.c
_ROWS: Select[Any] = select(
    *(c for c in companies.columns if c.name not in ("search", "tail", "key")), users.c.name.label("owner_name")
).select_from(companies.outerjoin(users, users.c.id == _c.owner_id))


def visible(scope: Scope) -> ColumnElement[bool]:
    if scope.sees_all:
        return _c.id.is_not(None)
    me = scope.user_id
    return or_(
        _c.owner_id == me,
        exists().where(deals.c.company_id == _c.id, deals.c.owner_id == me),
        exists().where(contacts.c.company_id == _c.id, contacts.c.owner_id == me),
    )


def _rows(conn: Connection, statement: Select[Any]) -> list[CompanyRow]:
    return [cast("CompanyRow", dict(row)) for row in conn.execute(statement).mappings()]


# For who sees all, as imports do, which ask for each row; the first of several is enough.
_ONE = Query(_ROWS.where(_c.id == bindparam("company")))
_NAMED = Query(_ROWS.where(_c.key == bindparam("key")).order_by(_c.id).limit(1))
_INSERT = insert(companies).returning(_c.id)


_BY_IDS = Query(_ROWS.where(_c.id.in_(bindparam("ids", expanding=True))), "ids")
_CALLED = select(_c.key, _c.id, _c.name).where(_c.key.in_(bindparam("keys", expanding=True))).order_by(_c.id.desc())
_ALL_CALLED = Query(_CALLED, "keys")


def _first(conn: Connection, query: Query, values: Mapping[str, Any]) -> CompanyRow | None:
    rows = query.dicts(conn, values)
    return cast("CompanyRow", rows[0]) if rows else None


def one(conn: Connection, scope: Scope, company_id: int) -> CompanyRow | None:
    """This company, if it is theirs to see."""
    if scope.sees_all:
        return _first(conn, _ONE, {"company": company_id})
    rows = _rows(conn, _ROWS.where(_c.id == company_id, visible(scope)))
    return rows[0] if rows else None


def of_ids(conn: Connection, _scope: Scope, ids: Iterable[int]) -> dict[int, CompanyRow]:
    """These companies, whoever's they are."""
    wanted = list(ids)
    return {row["id"]: cast("CompanyRow", row) for row in _BY_IDS.dicts(conn, {"ids": wanted})} if wanted else {}


def seen(conn: Connection, scope: Scope, ids: Collection[int]) -> set[int]:
    """Those of these companies that are theirs to see."""
    return set(conn.execute(select(_c.id).where(_c.id.in_(ids), visible(scope))).scalars())


def some(conn: Connection, scope: Scope, limit: int, q: str = "", after: int | None = None) -> list[CompanyRow]:
    """A page of companies, the newest on top; `q`: parts of words of theirs."""
    where = [visible(scope), containing(conn, _c.search, folded(q).split())]
    if after is not None:
        where.append(_c.id < after)
    return _rows(conn, _ROWS.where(*where).order_by(_c.id.desc()).limit(limit))


def of_name(conn: Connection, scope: Scope, name: str) -> CompanyRow | None:
    """The first company they see that is called so, in whatever spelling."""
    if scope.sees_all:
        return _first(conn, _NAMED, {"key": name_key(name)})
    rows = _rows(conn, _ROWS.where(_c.key == name_key(name), visible(scope)).order_by(_c.id).limit(1))
    return rows[0] if rows else None


def called(conn: Connection, scope: Scope, keys: Collection[str]) -> dict[str, tuple[int, str]]:
    """Of each of these keys of names (crm.importing.name_key) the first company they see: {key: (id, name)}."""
    if not keys:
        return {}
    wanted = {"keys": sorted(keys)}
    if scope.sees_all:
        return {row[0]: (row[1], row[2]) for row in _ALL_CALLED.rows(conn, wanted)}
    return {row[0]: (row[1], row[2]) for row in conn.execute(_CALLED.where(visible(scope)), wanted)}


def counts(conn: Connection, scope: Scope, ids: list[int]) -> dict[int, tuple[int, int]]:
    """How many people and open deals each has, of those that this person sees: {id: (people, deals)}."""
    mine = [] if scope.sees_all else [scope.user_id]
    people = select(contacts.c.company_id, func.count()).where(contacts.c.company_id.in_(ids))
    open_ = select(deals.c.company_id, func.count()).where(deals.c.company_id.in_(ids), deals.c.open.is_(True))
    if mine:
        people, open_ = people.where(contacts.c.owner_id.in_(mine)), open_.where(deals.c.owner_id.in_(mine))
    n: dict[int, int] = {row[0]: row[1] for row in conn.execute(people.group_by(contacts.c.company_id))}
    m: dict[int, int] = {row[0]: row[1] for row in conn.execute(open_.group_by(deals.c.company_id))}
    return {key: (n.get(key, 0), m.get(key, 0)) for key in ids}


def derived(row: Mapping[str, Any]) -> dict[str, Any]:
    """What is looked for of a company: the words of a search, the end of its number, the key of its name."""
    number = row.get("number")
    words = (row.get(name) or "" for name in ("name", "email", "site", "city", "note"))
    return {"search": folded(*words), "tail": tail(number) if number else None, "key": name_key(row["name"])}


def add(conn: Connection, row: Mapping[str, Any]) -> int:
    """A new company; gives its id."""
    return int(conn.execute(_INSERT, {**row, **derived(row)}).scalar_one())


def change(conn: Connection, before: CompanyRow, values: Mapping[str, Any]) -> bool:
    """Set these columns if the company still has this version, and count the version up."""
    statement = update(companies).where(_c.id == before["id"], _c.version == before["version"])
    more = derived({**before, **values})
    return conn.execute(statement.values(**values, **more, version=before["version"] + 1)).rowcount == 1


def put(conn: Connection, company_id: int, values: Mapping[str, Any]) -> None:
    """Set these columns, whatever they were; the name and the number must be among them."""
    conn.execute(update(companies).where(_c.id == company_id).values(**values, **derived(values)))


def renamed(conn: Connection, company_id: int, name: str) -> None:
    """The name that its people show beside theirs."""
    conn.execute(update(contacts).where(contacts.c.company_id == company_id).values(company=name))


def of_id(conn: Connection, scope: Scope, company_id: int) -> dict[str, Any] | None:
    """This company, if it is theirs to see: {id, name}."""
    row = one(conn, scope, company_id)
    return {"id": row["id"], "name": row["name"]} if row is not None else None


def alike(conn: Connection, scope: Scope, name: str, number: str | None, email: str) -> list[dict[str, Any]]:
    """Companies they see with this name, number or e-mail address: [{id, name}]."""
    same = [_c.key == name_key(name)] if name else []
    same += [_c.tail == tail(number)] if number else []
    same += [_c.email == email] if email else []
    if not same:
        return []
    found = select(_c.id, _c.name).where(or_(*same), visible(scope)).order_by(_c.id).limit(5)
    return [dict(row) for row in conn.execute(found).mappings()]
