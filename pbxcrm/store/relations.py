"""Who knows whom: people and companies, each row read from both ends."""

from typing import Any

from sqlalchemy import Connection, and_, delete, insert, or_, select

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema_sales import relations

_r = relations.c
_ENDS = {"contact": (_r.contact_id, _r.other_contact_id), "company": (_r.company_id, _r.other_company_id)}


def of(conn: Connection, _scope: Scope, thing: str, key: int) -> list[dict[str, Any]]:
    """All of a contact's or company's, the oldest first: [{id, kind, note, back, thing, thing_id}].

    `thing` and `thing_id` are the other end; `back`: it was said of the other end, so it is read backwards here. Ask
    whether each end may be seen.
    """
    here, there = _ENDS[thing]
    found = conn.execute(select(relations).where(or_(here == key, there == key)).order_by(_r.id)).mappings()
    return [_seen_from(dict(row), back=row[here.name] != key) for row in found]


def _seen_from(row: dict[str, Any], *, back: bool) -> dict[str, Any]:
    prefix = "" if back else "other_"
    thing = "contact" if row[f"{prefix}contact_id"] is not None else "company"
    told = {name: row[name] for name in ("id", "kind", "note")}
    return {**told, "back": back, "thing": thing, "thing_id": row[f"{prefix}{thing}_id"]}


def add(conn: Connection, one: tuple[str, int], kind: str, other: tuple[str, int], note: str, at: float) -> int:
    """`other` is (kind) of `one`; each is (thing, id). Gives its id."""
    values = {f"{one[0]}_id": one[1], f"other_{other[0]}_id": other[1], "kind": kind, "note": note, "created_at": at}
    return int(conn.execute(insert(relations).values(values).returning(_r.id)).scalar_one())


def known(conn: Connection, _scope: Scope, one: tuple[str, int], kind: str, other: tuple[str, int]) -> bool:
    """Whether this is said already, from whichever end."""
    mine, theirs = _ENDS[one[0]], _ENDS[other[0]]
    ends = or_(and_(mine[0] == one[1], theirs[1] == other[1]), and_(theirs[0] == other[1], mine[1] == one[1]))
    return conn.execute(select(_r.id).where(_r.kind == kind, ends).limit(1)).first() is not None


def remove(conn: Connection, key: int) -> None:
    """It is said no more."""
    conn.execute(delete(relations).where(_r.id == key))
