"""Ids before the rows: whoever writes many rows that name each other asks for the ids first."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import count
from typing import Any, cast

from sqlalchemy import Connection, DefaultClause, Table, bindparam, func, insert, select

from pbxcrm.store import schema, schema_sales
from pbxcrm.store.prepared import Insertion, Query

_SERIAL = select(func.nextval(func.pg_get_serial_sequence(bindparam("table"), "id"))).select_from(
    func.generate_series(1, bindparam("count"))
)


_TABLES = (schema.contacts, schema.deals, schema.tasks, schema_sales.companies, schema_sales.leads)
_NEWEST = {table.name: Query(select(func.max(table.c.id))) for table in _TABLES}


Spare = dict[str, list[int]]  # ids of tables that were reserved and not used, for a later transaction


class Ids:
    """The ids of rows that this transaction will add, reserved `at_once` at a time."""

    def __init__(self, conn: Connection, at_once: int, spare: Spare | None = None) -> None:
        self._conn = conn
        self._at_once = at_once
        self._spare = {} if spare is None else spare
        self._free: dict[str, Iterator[int]] = {}

    def next(self, table: Table) -> int:
        """An id that nobody else gets. Those not used stay in `spare` (PostgreSQL), or are free again (SQLite)."""
        if self._conn.dialect.name != "sqlite":
            return self._serial(table)
        if table.name not in self._free:
            self._free[table.name] = self._beyond(table)
        return next(self._free[table.name])

    def _beyond(self, table: Table) -> Iterator[int]:
        # A writer is alone here, and this is how SQLite itself finds the next id.
        return count((_NEWEST[table.name].rows(self._conn, {})[0][0] or 0) + 1)

    def _serial(self, table: Table) -> int:
        spare = self._spare.setdefault(table.name, [])
        if not spare:
            found = self._conn.execute(_SERIAL, {"table": table.name, "count": self._at_once})
            spare.extend(sorted(found.scalars(), reverse=True))
        return spare.pop()


# In the order in which they may name each other.
_INSERTS = {
    table.name: Insertion(insert(table))
    for table in (schema_sales.companies, schema.contacts, schema.contact_numbers, schema_sales.leads)
}


class NewRows:
    """Rows that this transaction adds: each has its id at once, and all are written together, a statement a table."""

    def __init__(self, conn: Connection, at_once: int, spare: Spare | None = None) -> None:
        self._conn = conn
        self._ids = Ids(conn, at_once, spare)
        self._rows: dict[str, list[Mapping[str, Any]]] = {}

    def add(self, table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
        """A new row of these columns, as it will stand in the table."""
        row = {**_usual(table), **values, "id": self._ids.next(table)}
        self.put(table, row)
        return {**row}  # whoever asked may add to it

    def put(self, table: Table, row: Mapping[str, Any]) -> None:
        """A new row whose id nobody needs; all of its table name the same columns."""
        self._rows.setdefault(table.name, []).append(row)

    def write(self) -> None:
        """Write what is gathered: before anything else reads, or refers to it."""
        for name, insertion in _INSERTS.items():
            if rows := self._rows.pop(name, []):
                insertion.run(self._conn, rows)


@cache
def _usual(table: Table) -> dict[str, Any]:
    """What the table itself puts into a column that nobody names."""
    found: dict[str, Any] = {}
    for column in table.columns:
        said = column.server_default
        found[column.name] = column.type.python_type(cast("DefaultClause", said).arg) if said is not None else None
    return found
