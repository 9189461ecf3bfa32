"""Queries of the table `settings`: key and value."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema import settings

_GET = select(settings.c.value).where(settings.c.key == bindparam("k"))
_SOME = select(settings.c.key, settings.c.value).where(settings.c.key.in_(bindparam("keys", expanding=True)))
_MANY = 500  # keys that one statement asks for
_DROP = delete(settings).where(settings.c.key == bindparam("k"))


def get(conn: Connection, _scope: Scope, key: str) -> str | None:
    """The value of a setting, None where it was never set."""
    value = conn.execute(_GET, {"k": key}).scalar()
    return None if value is None else str(value)


def some(conn: Connection, _scope: Scope, keys: Sequence[str]) -> dict[str, str]:
    """The values of those of these settings that are set."""
    found: dict[str, str] = {}
    for start in range(0, len(keys), _MANY):
        rows = conn.execute(_SOME, {"keys": list(keys[start : start + _MANY])})
        found.update((row.key, row.value) for row in rows)
    return found


def put(conn: Connection, key: str, value: str) -> None:
    """Set it."""
    conn.execute(_DROP, {"k": key})
    conn.execute(insert(settings), {"key": key, "value": value})
