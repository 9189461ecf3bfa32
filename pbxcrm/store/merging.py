"""Making one of two: every row of every table that speaks of the one then speaks of the other."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Connection, Table, UniqueConstraint, and_, delete, exists, select, update

from pbxcrm.crm.access import Scope
from pbxcrm.store.columns import metadata
from pbxcrm.store.schema import calls, contacts, deals, stage_history


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
