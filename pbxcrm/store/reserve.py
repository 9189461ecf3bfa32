"""Ids before the rows: whoever writes many rows that name each other asks for the ids first."""

from collections.abc import Iterator
from itertools import count

from sqlalchemy import Connection, Table, bindparam, func, select

from pbxcrm.store import schema
from pbxcrm.store.prepared import Query

_SERIAL = select(func.nextval(func.pg_get_serial_sequence(bindparam("table"), "id"))).select_from(
    func.generate_series(1, bindparam("count"))
)


_TABLES = (schema.contacts, schema.deals, schema.tasks)
_NEWEST = {table.name: Query(select(func.max(table.c.id))) for table in _TABLES}


class Ids:
    """The ids of rows that this transaction will add, reserved `at_once` at a time."""

    def __init__(self, conn: Connection, at_once: int) -> None:
        self._conn = conn
        self._at_once = at_once
        self._free: dict[str, Iterator[int]] = {}

    def next(self, table: Table) -> int:
        """An id that nobody else gets. Those not used are lost (PostgreSQL), or free again (SQLite)."""
        free = self._free.get(table.name)
        if free is None:
            free = self._free[table.name] = (
                self._beyond(table) if self._conn.dialect.name == "sqlite" else self._serial(table)
            )
        return next(free)

    def _beyond(self, table: Table) -> Iterator[int]:
        # A writer is alone here, and this is how SQLite itself finds the next id.
        return count((_NEWEST[table.name].rows(self._conn, {})[0][0] or 0) + 1)

    def _serial(self, table: Table) -> Iterator[int]:
        while True:
            yield from self._conn.execute(_SERIAL, {"table": table.name, "count": self._at_once}).scalars().all()
