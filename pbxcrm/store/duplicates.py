"""Who may be there twice: by a number, an e-mail address, or name and company."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, true, union_all

from pbxcrm.crm.access import Scope
from pbxcrm.crm.folding import folded
from pbxcrm.crm.matching import tail
from pbxcrm.store import contacts as contact_store
from pbxcrm.store.schema import contact_numbers, contacts
from pbxcrm.store.schema_sales import companies, contact_addresses
from pbxcrm.store.words import containing

_SHORTEST = 7  # digits: what is shorter is an extension or a service, and many have it


class Pair(NamedTuple):
    """Two ids that may be one; `why`: number | email | name."""

    one: int
    other: int
    why: str


def _mine(scope: Scope, table: Any) -> ColumnElement[bool]:
    """Whose twins are looked for: a manager's all, a seller's own."""
    return true() if scope.sees_all else table.c.owner_id == scope.user_id


def _pairs(conn: Connection, key: Any, by: list[Any], where: list[Any], joined: Any, limit: int) -> list[Any]:
    statement: Select[Any] = select(func.min(key), func.max(key)).select_from(joined).where(*where).group_by(*by)
    return list(conn.execute(statement.having(func.min(key) < func.max(key)).limit(limit)))


def of_contacts(conn: Connection, scope: Scope, limit: int) -> list[Pair]:
    """Pairs of contacts: of one number first, then of one address, then of one name in one company."""
    n, c, a = contact_numbers.c, contacts.c, contact_addresses.c
    mine = _mine(scope, contacts)
    numbered = contact_numbers.join(contacts, c.id == n.contact_id)
    rows = _pairs(conn, n.contact_id, [n.tail], [mine, func.length(n.tail) >= _SHORTEST], numbered, limit)
    found = [Pair(row[0], row[1], "number") for row in rows]
    further = select(a.contact_id.label("id"), func.lower(a.text).label("email")).where(a.kind == "email")
    mails = union_all(select(c.id, func.lower(c.email).label("email")).where(c.email != ""), further).subquery()
    written = mails.join(contacts, c.id == mails.c.id)
    found += [
        Pair(row[0], row[1], "email") for row in _pairs(conn, mails.c.id, [mails.c.email], [mine], written, limit)
    ]
    named = [mine, c.name != "", c.company != ""]
    rows = _pairs(conn, c.id, [func.lower(c.name), func.lower(c.company)], named, contacts, limit)
    return _once([*found, *(Pair(row[0], row[1], "name") for row in rows)], limit)


def of_companies(conn: Connection, scope: Scope, limit: int) -> list[Pair]:
    """Pairs of companies, the same way."""
    c, found = companies.c, []
    for why, by in (("number", c.tail), ("email", func.lower(c.email)), ("name", func.lower(c.name))):
        rows = _pairs(conn, c.id, [by], [_mine(scope, companies), by.is_not(None), by != ""], companies, limit)
        found += [Pair(row[0], row[1], why) for row in rows]
    return _once(found, limit)


def _once(pairs: Iterable[Pair], limit: int) -> list[Pair]:
    known: dict[tuple[int, int], Pair] = {}
    for pair in pairs:
        known.setdefault((pair.one, pair.other), pair)
    return list(known.values())[:limit]


def of_contact(conn: Connection, scope: Scope, row: Any, numbers: Iterable[str], limit: int = 5) -> list[int]:
    """Contacts that this person sees and that may be this one: found by the indexes, quickly."""
    c, key = contacts.c, row["id"]
    tails = [tail(number) for number in numbers if len(tail(number)) >= _SHORTEST]
    found = [one for one, _, _ in contact_store.by_tails(conn, scope, tails)]
    if row["email"]:
        same = and_(
            containing(conn, c.search, folded(row["email"]).split()), func.lower(c.email) == row["email"].lower()
        )
        found += conn.execute(select(c.id).where(same).limit(limit + 1)).scalars()
    if row["name"] and row["company"]:
        words = containing(conn, c.search, folded(row["name"], row["company"]).split())
        same = and_(words, func.lower(c.name) == func.lower(row["name"]), c.company == row["company"])
        found += conn.execute(select(c.id).where(same).limit(limit + 1)).scalars()
    others = [one for one in dict.fromkeys(found) if one != key]
    return [one for one in others[: 4 * limit] if contact_store.one(conn, scope, one) is not None][:limit]
