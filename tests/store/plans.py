"""How a database goes about what a function asks: its plans, where no table is small enough to be read whole."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event

from pbxcrm.store.db import Database


async def plans(db: Database, ask: Callable[[Connection], object]) -> str:
    """The plans of all statements that `ask` runs, a step a line.

    PostgreSQL is told not to read a table whole where any index helps at all, as it would not if there were many rows.
    """
    said: list[tuple[str, Any]] = []

    def hear(_conn: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        said.append((statement, values))

    def run(conn: Connection) -> list[str]:
        if not db.sqlite:
            conn.exec_driver_sql("SET LOCAL enable_seqscan = off")
        event.listen(conn, "before_cursor_execute", hear)
        try:
            ask(conn)
        finally:
            event.remove(conn, "before_cursor_execute", hear)
        how = "EXPLAIN QUERY PLAN " if db.sqlite else "EXPLAIN "
        rows = [row for one, values in said for row in conn.exec_driver_sql(how + one, values)]
        return [str(row[3] if db.sqlite else row[0]) for row in rows]

    found = await db.reading(run)
    assert found, "nothing was asked"
    return "\n".join(found)


def read_whole(plan: str, table: str) -> list[str]:
    """The steps that read all of this table, in its own order or in an index's."""
    steps = [line.strip().removeprefix("->").strip() for line in plan.splitlines()]
    whole = (f"SCAN {table}", f"Seq Scan on {table}", f"Parallel Seq Scan on {table}")
    return [step for step in steps if step == whole[0] or step.startswith(tuple(f"{one} " for one in whole))]
