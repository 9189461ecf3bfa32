"""Whose a new lead is, where nobody says: whoever claims it, the sellers in turn, or whom a manager gives it to."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.folding import folded
from pbxcrm.service.lead_settings import settings_of
from pbxcrm.store import leads, lookup
from pbxcrm.store.transaction import alone

_TURN = 0x6C656164  # the lock under which turns are taken


def placed(conn: Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    """A new lead's columns with its team by its source, and with an owner where the house gives leads in turn."""
    said, made = settings_of(conn), dict(row)
    if made.get("team_id") is None and (team := _team(conn, said["teams"], made.get("source", ""))):
        made["team_id"] = team
    if made.get("owner_id") is None and said["rule"] == "turn":
        made["owner_id"] = next_seller(conn, made.get("team_id"), said["limit"])
    return made


def _team(conn: Connection, teams: str, source: str) -> int | None:
    """The team that the house's lines `source = team` name for this source."""
    wanted = folded(source)
    for line in teams.splitlines() if wanted else ():
        known, _, team = line.partition("=")
        if folded(known) == wanted:
            house = lookup.house(conn, SYSTEM)
            return next((key for key, name in house.teams.items() if folded(name) == folded(team)), None)
    return None


def next_seller(conn: Connection, team_id: int | None, limit: int) -> int | None:
    """Who is next: of the sellers (of that team) with room for one more, who got theirs the longest ago."""
    alone(conn, _TURN)  # two who are asked at one moment are two
    for seller in leads.in_turn(conn, SYSTEM, team_id):
        own = seller["lead_limit"]
        if seller["held"] < (limit if own is None else own):
            return int(seller["id"])
    return None
