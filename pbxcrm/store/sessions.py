"""Sessions: only the hash of a session's token is ever stored."""

from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema import sessions, users

# Asked with every request: built once, for building a statement costs more than running it.
_FIND = (
    select(users, sessions.c.seen_at, sessions.c.ends_at)
    .join(sessions, sessions.c.user_id == users.c.id)
    .where(sessions.c.token_hash == bindparam("token_hash"))
)


def find(conn: Connection, scope: Scope, token_hash: str) -> Any | None:
    """The users row with `seen_at` and `ends_at` of this session; an agent as asker finds their own only."""
    row = conn.execute(_FIND, {"token_hash": token_hash}).first()
    return row if row is not None and (scope.sees_all or row.id == scope.user_id) else None


def start(conn: Connection, user_id: int, token_hash: str, at: float, ends_at: float) -> None:
    """A new session of this person."""
    row = {"token_hash": token_hash, "user_id": user_id, "created_at": at, "seen_at": at, "ends_at": ends_at}
    conn.execute(insert(sessions).values(row))


def touch(conn: Connection, token_hash: str, at: float) -> int:
    """The person was here; gives 0 when the session is gone."""
    return conn.execute(update(sessions).where(sessions.c.token_hash == token_hash).values(seen_at=at)).rowcount


def end(conn: Connection, token_hash: str) -> int:
    """End one session; gives 0 when it was gone already."""
    return conn.execute(delete(sessions).where(sessions.c.token_hash == token_hash)).rowcount


def end_all(conn: Connection, user_id: int) -> int:
    """End every session of this person; gives how many there were."""
    return conn.execute(delete(sessions).where(sessions.c.user_id == user_id)).rowcount


def sweep(conn: Connection, at: float, idle: float) -> None:
    """Forget the sessions that ended by themselves: too old, or unused for `idle` seconds."""
    conn.execute(delete(sessions).where((sessions.c.ends_at < at) | (sessions.c.seen_at < at - idle)))
