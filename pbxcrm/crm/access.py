"""Who is asking, and what they may see: every read of the store takes a Scope."""

from dataclasses import dataclass, field
from typing import Literal

Role = Literal["agent", "manager", "admin"]
ROLES: tuple[Role, ...] = ("agent", "manager", "admin")


@dataclass(frozen=True, slots=True)
class Scope:
    """A person as an asker. Agents see their own cards and calls, managers and admins see all.

    `user_id` 0 is the system itself (intake, command line). `peer`: where they ask from, for the audit log.
    """

    user_id: int
    name: str
    role: Role
    team_id: int | None = None
    peer: str = field(default="", compare=False)

    @property
    def sees_all(self) -> bool:
        """Whether foreign cards are visible."""
        return self.role != "agent"

    @property
    def administers(self) -> bool:
        """Whether people, stages and settings may be changed."""
        return self.role == "admin"


SYSTEM = Scope(0, "pbxcrm", "admin")
COMMAND_LINE = Scope(0, "pbxcrm", "admin", peer="command line")
