"""What changes seldom and every call asks for: people, teams, dialled numbers, the stage that calls fall into."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from pbxcrm.crm.access import Scope
from pbxcrm.store import schema, stages


class User(NamedTuple):
    """A person; `operator`: answers for others."""

    id: int
    name: str
    full_name: str
    role: str
    team_id: int | None
    operator: bool
    active: bool


class Did(NamedTuple):
    """A number of ours that is called."""

    did: str
    source: str
    team_id: int | None


_u = schema.users.c
_USERS = select(_u.id, _u.name, _u.full_name, _u.role, _u.team_id, _u.operator, _u.active)
_BY_NAME = _USERS.where(_u.name == bindparam("name"))
_DIDS = select(schema.dids.c.did, schema.dids.c.source, schema.dids.c.team_id)
_TEAMS = select(schema.teams.c.id, schema.teams.c.name)
_SETTING = select(schema.settings.c.value).where(schema.settings.c.key == bindparam("key"))


@dataclass(frozen=True, slots=True)
class House:
    """The whole of it at one moment. `pipeline` and `unsorted` are where deals made by calls go."""

    users: dict[str, User]
    dids: dict[str, Did]
    pipeline: stages.Pipeline
    unsorted: stages.Stage
    currency: str
    names: dict[int, User] = field(default_factory=dict)
    teams: dict[int, str] = field(default_factory=dict)

    def id_of(self, name: str | None) -> int | None:
        """A person's id; None for a name that is nobody's."""
        user = self.users.get(name) if name else None
        return user.id if user else None

    def team(self, team_id: int) -> Iterable[int]:
        """The ids of a team's people."""
        return [user.id for user in self.users.values() if user.team_id == team_id]


def house(conn: Connection, scope: Scope) -> House:
    """Read it anew."""
    users = {user.name: user for user in (User(*row) for row in conn.execute(_USERS))}
    dids = {did.did: did for did in (Did(*row) for row in conn.execute(_DIDS))}
    pipeline = stages.pipelines(conn, scope)[0]
    unsorted = next(stage for stage in stages.stages(conn, scope, pipeline.id) if stage.open)
    names = {user.id: user for user in users.values()}
    teams = {row.id: row.name for row in conn.execute(_TEAMS)}
    return House(users, dids, pipeline, unsorted, currency(conn, scope), names, teams)


def user(conn: Connection, _scope: Scope, name: str) -> User | None:
    """The active person of this name."""
    row = conn.execute(_BY_NAME, {"name": name}).first()
    return User(*row) if row and row.active else None


def users(conn: Connection, _scope: Scope, names: Collection[str]) -> dict[str, User]:
    """The people of these names, active or not."""
    return {row.name: User(*row) for row in conn.execute(_USERS.where(_u.name.in_(names)))}


def currency(conn: Connection, _scope: Scope) -> str:
    """The one that sums are shown in and new deals have: the setting `currency`, EUR where it was never set."""
    return conn.execute(_SETTING, {"key": "currency"}).scalar() or "EUR"
