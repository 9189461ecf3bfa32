"""Statements that every call runs: built by SQLAlchemy once, run as near to the driver as may be.

On SQLite SQLAlchemy's own work for each execution costs several times what the statement does; here the text it
compiled goes straight to the driver. On PostgreSQL the round trip outweighs it, and the statement goes the usual way;
what is inserted by the thousand goes in one statement there.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    BinaryExpression,
    Boolean,
    ColumnElement,
    Connection,
    Delete,
    Insert,
    Select,
    Update,
    any_,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.compiler import SQLCompiler

Row = Sequence[Any]
_FEW = 20  # rows, up to which a statement for each of them is as good
_Text = tuple[str, tuple[str, ...], dict[str, Any]]  # SQL, the parameters' names in their order, constant ones


class Query:
    """A select whose values are bind parameters; those named in `lists` are lists (an expanding `IN`).

    PostgreSQL is given a list as one array: as a parameter each, every length would be a statement of its own to it.
    """

    def __init__(self, statement: Select[Any], *lists: str) -> None:
        self._statement = statement
        self._with_arrays = _with_arrays(statement, lists)
        self._lists = lists
        self._texts: dict[tuple[int, ...], _Text] = {}
        columns = list(statement.selected_columns)
        self.names = tuple(str(column.name) for column in columns)
        # The driver knows no booleans: it gives 0 and 1.
        self._booleans = [i for i, column in enumerate(columns) if isinstance(column.type, Boolean)]

    def rows(self, conn: Connection, values: Mapping[str, Any]) -> Sequence[Row]:
        """What it selects, in the order of `names`."""
        if conn.dialect.name != "sqlite":
            lists = {name: list(values[name]) for name in self._lists}
            return conn.execute(self._with_arrays, {**values, **lists}).all()
        given = {**values, **{name: _padded(values[name]) for name in self._lists}}
        lengths = tuple(len(given[name]) for name in self._lists)
        text, order, constants = self._texts.get(lengths) or self._expand(conn, lengths, given)
        flat = {**constants, **given}
        for name in self._lists:
            flat.update((f"{name}_{i}", value) for i, value in enumerate(given[name], 1))
        found: list[Row] = _driver(conn).execute(text, [flat[name] for name in order]).fetchall()
        return [self._with_booleans(row) for row in found] if self._booleans else found

    def dicts(self, conn: Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The same, each row by its columns' names."""
        names = self.names
        return [dict(zip(names, row, strict=True)) for row in self.rows(conn, values)]

    def _expand(self, conn: Connection, lengths: tuple[int, ...], given: Mapping[str, Any]) -> _Text:
        state = _compile(self._statement, conn).construct_expanded_state(dict(given))
        ours = {name for names in state.parameter_expansion.values() for name in names} | set(given)
        constants = {name: value for name, value in state.parameters.items() if name not in ours}
        # A list of ours may have been expanded, and so may a constant one of the statement's own: keep those.
        for name, names in state.parameter_expansion.items():
            if name not in self._lists:
                constants.update((one, state.parameters[one]) for one in names)
        text = self._texts[lengths] = (state.statement, tuple(state.positiontup or ()), constants)
        return text

    def _with_booleans(self, row: Row) -> Row:
        changed = list(row)
        for i in self._booleans:
            changed[i] = None if changed[i] is None else bool(changed[i])
        return changed


def _with_arrays(statement: Select[Any], lists: Sequence[str]) -> Select[Any]:
    """The same select, each of its lists an array that a column is looked for in."""

    def array(element: Any, **_more: Any) -> ColumnElement[bool] | None:
        if not isinstance(element, BinaryExpression) or element.operator is not operators.in_op:
            return None
        name = getattr(element.right, "key", None)
        return element.left == any_(bindparam(name, type_=ARRAY(element.left.type))) if name in lists else None

    return cast("Select[Any]", visitors.replacement_traverse(statement, {}, array))


class Command:
    """An insert or update that is run for many rows; the columns are those that the rows name."""

    def __init__(self, *statements: Insert | Update | Delete, **by_dialect: Insert | Update | Delete) -> None:
        self._statements = by_dialect or {"sqlite": statements[0], "postgresql": statements[0]}
        self._texts: dict[tuple[str, ...], tuple[str, tuple[str, ...]]] = {}

    def run(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it for each of these rows; all name the same columns."""
        statement = self._statements[conn.dialect.name]
        if conn.dialect.name != "sqlite":
            conn.execute(statement, list(rows))
            return
        keys = tuple(rows[0])
        found = self._texts.get(keys)
        if found is None:
            compiled = _compile(statement, conn, list(keys))
            found = self._texts[keys] = (compiled.string, tuple(compiled.positiontup or ()))
        text, order = found
        _driver(conn).executemany(text, [[row[name] for name in order] for row in rows])


class Insertion(Command):
    """An insert of rows, many at once and in no order, which no two of the statement's own conflicts tie together.

    PostgreSQL takes them as an array a column (`unnest`): a message for each row costs as much as the row itself.
    """

    def __init__(self, *statements: Insert, **by_dialect: Insert) -> None:
        super().__init__(*statements, **by_dialect)
        self._at_once: dict[tuple[str, ...], Insert] = {}

    def run(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """See Command.run."""
        if conn.dialect.name == "sqlite" or len(rows) <= _FEW:
            super().run(conn, rows)
            return
        keys = tuple(rows[0])
        statement = self._at_once.get(keys)
        if statement is None:
            statement = self._at_once[keys] = _unnested(cast("Insert", self._statements[conn.dialect.name]), keys)
        conn.execute(statement, {f"all_{name}": [row[name] for row in rows] for name in keys})


def _unnested(statement: Insert, keys: Sequence[str]) -> Insert:
    """The same insert, its rows out of arrays `all_<column>`."""
    columns = [statement.table.c[name] for name in keys]
    arrays = [bindparam(f"all_{one.name}", type_=ARRAY(one.type)) for one in columns]
    rows = func.unnest(*arrays).table_valued(*(column(one.name, one.type) for one in columns)).render_derived("many")
    return statement.from_select(list(keys), select(*rows.c))


def last_inserted(conn: Connection) -> int:
    """The id of the row this connection inserted last, on SQLite; 0 elsewhere, where asking is a round trip."""
    if conn.dialect.name != "sqlite":
        return 0
    return int(_driver(conn).execute("SELECT last_insert_rowid()").fetchone()[0])


def _compile(statement: Any, conn: Connection, keys: list[str] | None = None) -> SQLCompiler:
    return cast("SQLCompiler", statement.compile(dialect=cast("DefaultDialect", conn.dialect), column_keys=keys))


def _driver(conn: Connection) -> Any:
    return conn.connection.driver_connection


def _padded(values: Sequence[Any]) -> Sequence[Any]:
    """To a power of two, by repeating the last: few lengths mean few texts."""
    if not values:
        return [None]
    length = 1 << (len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (length - len(values))]
