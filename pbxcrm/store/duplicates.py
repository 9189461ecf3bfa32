"""Who may be there twice: by a number, an e-mail address, or name and company."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select, union_all

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


def _pairs(conn: Connection, key: Any, by: list[Any], where: list[Any], joined: Any, limit: int) -> list[Any]:
    statement = select(func.min(key).label("one"), func.max(key).label("other")).select_from(joined).where(*where)
    # Apart from the limit: PostgreSQL, which expects pairs everywhere, would else go row by row until it has some.
    pairs = statement.group_by(*by).having(func.min(key) < func.max(key)).cte("pairs")
    pairs = pairs.prefix_with("MATERIALIZED", dialect="postgresql")
    return list(conn.execute(select(pairs.c.one, pairs.c.other).limit(limit)))


def of_contacts(conn: Connection, scope: Scope, limit: int) -> list[Pair]:
    """Pairs of contacts: of one number first, then of one address, then of one name in one company."""
    n, c = contact_numbers.c, contacts.c
    mine = [] if scope.sees_all else [c.owner_id == scope.user_id]  # a seller's own
    # Nothing but the index is read for who sees all; only whose they are stands with the contacts.
    numbered = contact_numbers.join(contacts, c.id == n.contact_id) if mine else contact_numbers
    long = func.length(n.tail) >= _SHORTEST
    found = [
        Pair(row[0], row[1], "number") for row in _pairs(conn, n.contact_id, [n.tail], [*mine, long], numbered, limit)
    ]
    found += [
        Pair(row[0], row[1], "email") for row in _pairs(conn, c.id, [c.email], [*mine, c.email != ""], contacts, limit)
    ]
    found += [Pair(row[0], row[1], "email") for row in _further(conn, mine, limit)]
    named = [*mine, c.name != "", c.company != ""]
    by_name = [func.lower(c.name), func.lower(c.company)]
    if len(_once(found, limit)) < limit:  # all there are must be sorted for it
        found += [Pair(row[0], row[1], "name") for row in _pairs(conn, c.id, by_name, named, contacts, limit)]
    return _once(found, limit)


def _further(conn: Connection, mine: list[ColumnElement[bool]], limit: int) -> list[Any]:
    """Pairs by further addresses, of which few have one: two that both have it, or it is the first of the other."""
    c, a = contacts.c, contact_addresses.c
    further = select(a.contact_id.label("id"), func.lower(a.text).label("email")).where(a.kind == "email")
    written = further.cte("written")
    same = select(c.id, c.email).join(written, written.c.email == c.email)
    mails = union_all(select(written.c.id, written.c.email), same).subquery("mails")
    joined = mails.join(contacts, c.id == mails.c.id)
    return _pairs(conn, mails.c.id, [mails.c.email], mine, joined, limit)


def of_companies(conn: Connection, scope: Scope, limit: int) -> list[Pair]:
    """Pairs of companies, the same way."""
    c, found = companies.c, []
    mine = [] if scope.sees_all else [c.owner_id == scope.user_id]
    for why, by in (("number", c.tail), ("email", c.email), ("name", func.lower(c.name))):
        rows = _pairs(conn, c.id, [by], [*mine, by.is_not(None), by != ""], companies, limit)
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
