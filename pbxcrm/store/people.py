"""People, their devices and their tokens. An agent as asker finds only themselves here."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema import devices, teams, tokens, users


def _visible(scope: Scope) -> ColumnElement[bool]:
    return true() if scope.sees_all else users.c.id == scope.user_id


async def by_name(conn: AsyncConnection, scope: Scope, name: str) -> Any | None:
    """The users row of this name, or None."""
    return (await conn.execute(select(users).where(users.c.name == name, _visible(scope)))).first()


async def by_id(conn: AsyncConnection, scope: Scope, user_id: int) -> Any | None:
    """The users row of this id, or None."""
    return (await conn.execute(select(users).where(users.c.id == user_id, _visible(scope)))).first()


async def listing(conn: AsyncConnection, scope: Scope) -> Sequence[Any]:
    """Users rows with `team` (its name or None), by name."""
    query = select(users, teams.c.name.label("team")).outerjoin(teams, teams.c.id == users.c.team_id)
    return (await conn.execute(query.where(_visible(scope)).order_by(users.c.name))).all()


async def patterns(conn: AsyncConnection, scope: Scope, user_id: int | None = None) -> Sequence[Any]:
    """Rows (pattern, user_id, user_name, active), in the order they were added; of one person, or of all."""
    query = (
        select(devices.c.pattern, devices.c.user_id, users.c.name.label("user_name"), users.c.active)
        .join(users, users.c.id == devices.c.user_id)
        .where(_visible(scope))
        .order_by(devices.c.id)
    )
    if user_id is not None:
        query = query.where(devices.c.user_id == user_id)
    return (await conn.execute(query)).all()


async def insert_user(conn: AsyncConnection, values: dict[str, Any]) -> int:
    """A new person; gives the id."""
    return int((await conn.execute(insert(users).values(values).returning(users.c.id))).scalar_one())


async def update_user(conn: AsyncConnection, user_id: int, values: dict[str, Any]) -> None:
    """Change a person's row."""
    await conn.execute(update(users).where(users.c.id == user_id).values(values))


async def insert_device(conn: AsyncConnection, user_id: int, pattern: str) -> None:
    """One more device of this person."""
    await conn.execute(insert(devices).values(user_id=user_id, pattern=pattern))


async def team_id(conn: AsyncConnection, scope: Scope, name: str) -> int | None:
    """The id of the team of this name; None when there is none, or an agent asks for a team not their own."""
    query = select(teams.c.id).where(teams.c.name == name)
    if not scope.sees_all:
        query = query.where(teams.c.id == scope.team_id)
    return (await conn.execute(query)).scalar_one_or_none()


async def insert_team(conn: AsyncConnection, name: str) -> int:
    """A new team; gives the id."""
    return int((await conn.execute(insert(teams).values(name=name).returning(teams.c.id))).scalar_one())


async def insert_token(conn: AsyncConnection, user_id: int, name: str, token_hash: str, at: float) -> int:
    """A token's hash; gives the row's id."""
    row = insert(tokens).values(user_id=user_id, name=name, token_hash=token_hash, created_at=at)
    return int((await conn.execute(row.returning(tokens.c.id))).scalar_one())


async def by_token(conn: AsyncConnection, scope: Scope, token_hash: str) -> Any | None:
    """The users row, with `token_id`, that this token's hash belongs to."""
    query = (
        select(users, tokens.c.id.label("token_id"))
        .join(tokens, tokens.c.user_id == users.c.id)
        .where(tokens.c.token_hash == token_hash, _visible(scope))
    )
    return (await conn.execute(query)).first()


async def delete_tokens(conn: AsyncConnection, user_id: int) -> int:
    """Forget all tokens of this person; gives how many there were."""
    return (await conn.execute(delete(tokens).where(tokens.c.user_id == user_id))).rowcount
