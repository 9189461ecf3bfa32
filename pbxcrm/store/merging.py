"""Making one of two: every row of every table that speaks of the one then speaks of the other."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Table,
    UniqueConstraint,
    and_,
    delete,
    distinct,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from pbxcrm.crm.access import Scope
from pbxcrm.store.columns import metadata
from pbxcrm.store.schema import call_people, calls, contacts, deals, stage_history, tasks
from pbxcrm.store.schema_sales import companies, deal_people, import_rows, imports, leads, merged, relations

KEYS: dict[str, Column[Any]] = {"contact": contacts.c.id, "company": companies.c.id}
_IMPORTS = {"contact": "contacts", "company": "companies"}


def _speak_of(key: Column[Any]) -> Iterator[Column[Any]]:
    """Each column of each table that names a row by this key; not the history of stages: that is a deal's own way."""
    for table in metadata.sorted_tables:
        if table is not stage_history:
            yield from (c for c in table.columns if any(one.column is key for one in c.foreign_keys))


def _once(table: Table, column: Column[Any]) -> list[list[Column[Any]]]:
    """The other columns of each key that may stand only once with this column."""
    keys = [table.primary_key, *(one for one in table.constraints if isinstance(one, UniqueConstraint))]
    return [[c for c in key.columns if c is not column] for key in keys if column.name in key.columns]


def _repoint(conn: Connection, key: Column[Any], one: int, to: int) -> None:
    for column in _speak_of(key):
        table = column.table
        assert isinstance(table, Table)
        for others in _once(table, column):
            twin = table.alias()
            same = and_(twin.c[column.name] == to, *(twin.c[c.name] == c for c in others))
            conn.execute(delete(table).where(column == one, exists(select(twin.c[column.name]).where(same))))
        conn.execute(update(table).where(column == one).values({column: to}))


def deal_is(conn: Connection, deal_id: int, to: int) -> None:
    """All that is about one deal is about the other. What `to` has already (a tag, a person) is not had twice."""
    _repoint(conn, deals.c.id, deal_id, to)


def contact_is(conn: Connection, contact_id: int, to: int) -> None:
    """The same of contacts, whose numbers go along; the one is no more."""
    _repoint(conn, contacts.c.id, contact_id, to)
    conn.execute(delete(contacts).where(contacts.c.id == contact_id))


def company_is(conn: Connection, company_id: int, to: int) -> None:
    """The same of companies."""
    _repoint(conn, companies.c.id, company_id, to)
    conn.execute(delete(companies).where(companies.c.id == company_id))


def give_way(conn: Connection) -> None:
    """In this transaction rather fail than let calls wait: of two that wait for each other it is not the call."""
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")  # well below deadlock_timeout


def became(conn: Connection, thing: str, was: int, to: int) -> None:
    """What was imported as the one is the other now, nobody is related to themselves, and the old id leads on."""
    brought = select(imports.c.id).where(imports.c.kind == _IMPORTS[thing])
    theirs = and_(import_rows.c.thing_id == was, import_rows.c.import_id.in_(brought))
    conn.execute(update(import_rows).where(theirs).values(thing_id=to))
    mine, other = relations.c[f"{thing}_id"], relations.c[f"other_{thing}_id"]
    conn.execute(delete(relations).where(mine == to, other == to))
    conn.execute(delete(merged).where(merged.c.thing == thing, merged.c.was == was))
    conn.execute(insert(merged).values({"thing": thing, "was": was, f"{thing}_id": to}))


def leads_to(conn: Connection, _scope: Scope, thing: str, was: int) -> int | None:
    """The id that stayed, of one that is no more."""
    found = select(merged.c[f"{thing}_id"]).where(merged.c.thing == thing, merged.c.was == was)
    to = conn.execute(found).scalar()
    return None if to is None else int(to)


def others_have(conn: Connection, scope: Scope, thing: str, ids: Sequence[int]) -> bool:
    """Whether a deal, lead, task or person of somebody else hangs on these; a deal that nobody has is not theirs."""
    me, column = scope.user_id, f"{thing}_id"
    checks = [
        select(table.c.id).where(table.c[column].in_(ids), or_(owner.is_(None), owner != me))
        for table, owner in ((deals, deals.c.owner_id), (leads, leads.c.owner_id))
    ]
    checks.append(select(tasks.c.id).where(tasks.c[column].in_(ids), tasks.c.user_id != me))
    if thing == "company":
        mine = or_(contacts.c.owner_id.is_(None), contacts.c.owner_id != me)
        checks.append(select(contacts.c.id).where(contacts.c.company_id.in_(ids), mine))
    else:
        say = select(deals.c.id).join(deal_people, deal_people.c.deal_id == deals.c.id)
        foreign = or_(deals.c.owner_id.is_(None), deals.c.owner_id != me)
        checks.append(say.where(deal_people.c.contact_id.in_(ids), foreign))
    return any(conn.execute(one.limit(1)).first() for one in checks)


def hanging(conn: Connection, scope: Scope, thing: str, ids: Sequence[int]) -> dict[str, int]:
    """How much hangs on these, by table: {deals: 3, calls: 12, …}; of calls those that this person sees."""
    found: dict[str, int] = {}
    for column in _speak_of(KEYS[thing]):
        about = select(func.count()).select_from(column.table).where(column.in_(ids))
        if column.table is calls and not scope.sees_all:
            mine = and_(call_people.c.call_id == calls.c.id, call_people.c.user_id == scope.user_id)
            about = select(func.count(distinct(calls.c.id))).join(call_people, mine).where(column.in_(ids))
        if n := int(conn.execute(about).scalar() or 0):
            found[str(column.table.name)] = found.get(str(column.table.name), 0) + n
    return found


def no_maker(conn: Connection, deal_id: int) -> None:
    """No call made this deal: what is told of one later does not say who owns it."""
    conn.execute(update(calls).where(calls.c.deal_id == deal_id).values(made_deal=False))


def forget(conn: Connection, deal_id: int) -> None:
    """The deal is no more, nor its way through the stages. Say `deal_is` first."""
    conn.execute(delete(stage_history).where(stage_history.c.deal_id == deal_id))
    conn.execute(delete(deals).where(deals.c.id == deal_id))


def calls_of(conn: Connection, _scope: Scope, deal_id: int) -> list[str]:
    """The calls that are about this deal."""
    return list(conn.execute(select(calls.c.id).where(calls.c.deal_id == deal_id)).scalars())
