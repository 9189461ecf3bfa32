"""Whether the house uses leads, how many one may hold, and what of the quality test a customer needs."""

from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import leads as rules
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.folding import folded
from pbxcrm.service import audit
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import read, unchanged, write, wrong
from pbxcrm.store import house, lookup
from pbxcrm.store.db import EVERYBODY, Database, Work

_KEYS = ["leads", "lead_limit", "lead_needs", "lead_rule", "lead_stale", "lead_teams"]


def uses(conn: Connection) -> bool:
    """Whether the house uses leads."""
    return house.get(conn, SYSTEM, "leads") != "off"


def on(conn: Connection) -> None:
    """Raises NotFound where the house does without leads."""
    if not uses(conn):
        raise NotFound


async def used(db: Database) -> bool:
    """Whether the house uses leads."""
    return await read(db, uses)


async def settings(db: Database, scope: Scope) -> dict[str, Any]:
    """{used, limit, needs, rule, stale, teams}: whether leads are used, how many one holds, how many yes of the quality
    test they need, whose new ones are, after how many hours one of nobody waits too long, lines `source = team`.
    """
    if not scope.sees_all:
        raise NotFound
    return await read(db, settings_of)


def settings_of(conn: Connection) -> dict[str, Any]:
    """The same, within a transaction."""
    said = house.some(conn, SYSTEM, _KEYS)
    return {
        "used": said.get("leads") != "off",
        "limit": int(said.get("lead_limit", rules.LIMIT)),
        "needs": int(said.get("lead_needs", 0)),
        "rule": said.get("lead_rule", rules.RULES[0]),
        "stale": int(said.get("lead_stale", rules.STALE)),
        "teams": said.get("lead_teams", ""),
    }


async def change_settings(
    db: Database,
    scope: Scope,
    *,
    used: bool,
    limit: object,
    needs: object,
    rule: object = rules.RULES[0],
    stale: object = rules.STALE,
    teams: object = "",
) -> None:
    """Set all of them. For administrators; NotFound for others. Raises Invalid."""
    if not scope.administers:
        raise NotFound
    given = {"leads": "on" if used else "off", "lead_limit": str(limit), "lead_needs": str(needs)}
    given |= {"lead_rule": str(rule), "lead_stale": str(stale), "lead_teams": str(teams).strip()}
    bad = {}
    if rule not in rules.RULES:
        bad["rule"] = "Choose one of the list."
    if not given["lead_stale"].isdecimal() or not 1 <= int(given["lead_stale"][:9]) <= 10_000:
        bad["stale"] = "This must be a whole number from 1 to 10000."
    if not given["lead_limit"].isdecimal() or not 1 <= int(given["lead_limit"][:9]) <= 10_000:
        bad["limit"] = "This must be a whole number from 1 to 10000."
    if not given["lead_needs"].isdecimal() or int(given["lead_needs"][:9]) > len(rules.QUALITY):
        bad["needs"] = "This must be a whole number from 0 to 5."
    if bad:
        raise wrong(bad)

    def run(work: Work) -> None:
        teams_ = {folded(name) for name in lookup.house(work.conn, scope).teams.values()}
        lines = [line.partition("=") for line in given["lead_teams"].splitlines() if line.strip()]
        if len(given["lead_teams"]) > 5_000 or any(not way or folded(team) not in teams_ for _, way, team in lines):
            raise wrong({"teams": "Write a line for each source, like: fair = North. The team must be there."})
        before = house.some(work.conn, SYSTEM, list(given))
        changes = {name: (before.get(name), value) for name, value in given.items() if before.get(name) != value}
        if not changes:
            raise unchanged(None)
        for name in changes:
            house.put(work.conn, name, given[name])
        work.journal("settings.changed", {"changed": sorted(changes)}, EVERYBODY)
        audit.note(work, scope, "settings.changed", "setting", "leads", changes)

    await write(db, run)
