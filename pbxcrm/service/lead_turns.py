"""Whose a new lead is, where nobody says: whoever claims it, the sellers in turn, or whom a manager gives it to."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.folding import folded
from pbxcrm.service.lead_settings import settings_of
from pbxcrm.store import leads, lookup
from pbxcrm.store.transaction import alone

_TURN = 0x6C656164  # the lock under which turns are taken


class Turns:
    """Whose the new leads of one transaction are, by the house's rule as it stands.

    `settle` writes those that were made and are not written yet.
    """

    def __init__(self, conn: Connection, settle: Callable[[], None] = lambda: None) -> None:
        self._conn = conn
        self._settle = settle
        self._said = settings_of(conn)
        self._queues: dict[int | None, list[dict[str, Any]]] = {}  # the sellers of a team (None: all), in turn

    @cached_property
    def house(self) -> lookup.House:
        """People and teams."""
        return lookup.house(self._conn, SYSTEM)

    def placed(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A new lead's columns with its team by its source, and with an owner where the house gives leads in turn."""
        made = dict(row)
        if made.get("team_id") is None and (team := self._team(made.get("source", ""))):
            made["team_id"] = team
        if made.get("owner_id") is None and self._said["rule"] == "turn":
            made["owner_id"] = self._next(made.get("team_id"))
        return made

    def _team(self, source: str) -> int | None:
        """The team that the house's lines `source = team` name for this source."""
        wanted = folded(source)
        for line in self._said["teams"].splitlines() if wanted else ():
            known, _, team = line.partition("=")
            if folded(known) == wanted:
                return next((key for key, name in self.house.teams.items() if folded(name) == folded(team)), None)
        return None

    def _next(self, team_id: int | None) -> int | None:
        """Who is next: of the sellers (of that team) with room for one more, who got theirs the longest ago."""
        if not self._queues:
            alone(self._conn, _TURN)  # two who are asked at one moment are two
        if team_id not in self._queues:
            self._settle()
            self._queues[team_id] = leads.in_turn(self._conn, SYSTEM, team_id)
        limit = self._said["limit"]
        for seller in self._queues[team_id]:
            own = seller["lead_limit"]
            if seller["held"] < (limit if own is None else own):
                for queue in self._queues.values():
                    _has_one(queue, seller["id"])
                return int(seller["id"])
        return None


def _has_one(queue: list[dict[str, Any]], user_id: int) -> None:
    """This seller holds one more, and is the last to get another."""
    for seller in queue:
        if seller["id"] == user_id:
            seller["held"] += 1
            queue.remove(seller)
            queue.append(seller)
            return
