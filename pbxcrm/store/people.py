"""People, their devices and their tokens. An agent as asker finds only themselves here."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, delete, insert, select, true, update

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema import devices, teams, tokens, users


def _visible(scope: Scope) -> ColumnElement[bool]:
    return true() if scope.sees_all else users.c.id == scope.user_id


def by_name(conn: Connection, scope: Scope, name: str) -> Any | None:
    """The users row of this name, or None."""
    return conn.execute(select(users).where(users.c.name == name, _visible(scope))).first()


def by_id(conn: Connection, scope: Scope, user_id: int) -> Any | None:
    """The users row of this id, or None."""
    return conn.execute(select(users).where(users.c.id == user_id, _visible(scope))).first()


def preferences(conn: Connection, scope: Scope) -> str:
    """How this person likes their screens, JSON."""
    return str(conn.execute(select(users.c.preferences).where(users.c.id == scope.user_id)).scalar() or "{}")


def listing(conn: Connection, scope: Scope) -> Sequence[Any]:
    """Users rows with `team` (its name or None), by name."""
    query = select(users, teams.c.name.label("team")).outerjoin(teams, teams.c.id == users.c.team_id)
    return conn.execute(query.where(_visible(scope)).order_by(users.c.name)).all()


_PATTERNS = (
    select(devices.c.pattern, devices.c.user_id, users.c.name.label("user_name"), users.c.active)
    .join(users, users.c.id == devices.c.user_id)
    .order_by(devices.c.id)
)
# Asked with every request: built once, for building a statement costs more than running it.
_PATTERNS_OF = _PATTERNS.where(devices.c.user_id == bindparam("user_id"))
_BY_TOKEN = (
    select(users, tokens.c.id.label("token_id"))
    .join(tokens, tokens.c.user_id == users.c.id)
    .where(tokens.c.token_hash == bindparam("token_hash"))
)


_BY_FEED = select(users).where(users.c.feed_hash == bindparam("feed_hash"))
_FEED = select(users.c.feed_hash).where(users.c.id == bindparam("user_id"))


def patterns(conn: Connection, scope: Scope) -> Sequence[Any]:
    """Rows (pattern, user_id, user_name, active), in the order they were added."""
    return conn.execute(_PATTERNS.where(_visible(scope))).all()


def patterns_of(conn: Connection, scope: Scope, user_id: int) -> list[str]:
    """One person's device patterns, in the order they were added; an agent is given their own only."""
    if not scope.sees_all and scope.user_id != user_id:
        return []
    return [row.pattern for row in conn.execute(_PATTERNS_OF, {"user_id": user_id})]


def insert_user(conn: Connection, values: dict[str, Any]) -> int:
    """A new person; gives the id."""
    return int(conn.execute(insert(users).values(values).returning(users.c.id)).scalar_one())


def update_user(conn: Connection, user_id: int, values: dict[str, Any]) -> None:
    """Change a person's row."""
    conn.execute(update(users).where(users.c.id == user_id).values(values))


def insert_device(conn: Connection, user_id: int, pattern: str) -> None:
    """One more device of this person."""
    conn.execute(insert(devices).values(user_id=user_id, pattern=pattern))


def team_id(conn: Connection, scope: Scope, name: str) -> int | None:
    """The id of the team of this name; None when there is none, or an agent asks for a team not their own."""
    query = select(teams.c.id).where(teams.c.name == name)
    if not scope.sees_all:
        query = query.where(teams.c.id == scope.team_id)
    return conn.execute(query).scalar_one_or_none()


def insert_team(conn: Connection, name: str) -> int:
    """A new team; gives the id."""
    return int(conn.execute(insert(teams).values(name=name).returning(teams.c.id)).scalar_one())


def insert_token(conn: Connection, user_id: int, name: str, token_hash: str, at: float) -> int:
    """A token's hash; gives the row's id."""
    row = insert(tokens).values(user_id=user_id, name=name, token_hash=token_hash, created_at=at)
    return int(conn.execute(row.returning(tokens.c.id)).scalar_one())


def by_token(conn: Connection, scope: Scope, token_hash: str) -> Any | None:
    """The users row, with `token_id`, that this token's hash belongs to; an agent finds their own only."""
    row = conn.execute(_BY_TOKEN, {"token_hash": token_hash}).first()
    return row if row is not None and (scope.sees_all or row.id == scope.user_id) else None


def by_feed(conn: Connection, scope: Scope, feed_hash: str) -> Any | None:
    """The users row whose calendar's address has this hash; for the house itself alone to ask."""
    return conn.execute(_BY_FEED, {"feed_hash": feed_hash}).first() if scope.sees_all else None


def has_feed(conn: Connection, scope: Scope) -> bool:
    """Whether this person's calendar has an address."""
    return conn.execute(_FEED, {"user_id": scope.user_id}).scalar() is not None


def delete_tokens(conn: Connection, user_id: int) -> int:
    """Forget all tokens of this person; gives how many there were."""
    return conn.execute(delete(tokens).where(tokens.c.user_id == user_id)).rowcount
