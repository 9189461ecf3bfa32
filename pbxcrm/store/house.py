"""Queries of the table `settings`: key and value."""

from sqlalchemy import Connection, bindparam, delete, insert, select

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema import settings

_GET = select(settings.c.value).where(settings.c.key == bindparam("k"))
_DROP = delete(settings).where(settings.c.key == bindparam("k"))


def get(conn: Connection, _scope: Scope, key: str) -> str | None:
    """The value of a setting, None where it was never set."""
    value = conn.execute(_GET, {"k": key}).scalar()
    return None if value is None else str(value)


def put(conn: Connection, key: str, value: str) -> None:
    """Set it."""
    conn.execute(_DROP, {"k": key})
    conn.execute(insert(settings), {"key": key, "value": value})
