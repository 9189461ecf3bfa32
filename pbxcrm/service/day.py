"""A person's day: what they promised, what is late, who waits. A deal's next contact is a promise like a task."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import views
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.fields import OWN_TASKS
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import read
from pbxcrm.store import deals, lookup, tasks
from pbxcrm.store.db import Database

MOST = 200  # of each list: nobody does more in a day
_PROMISES = (*OWN_TASKS, "look", "device")

Day = Callable[[float], Hashable]  # epoch seconds -> which day that is where the reader is


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of a day: a task, or the next contact of a deal (`task` is None)."""

    at: float
    task: dict[str, Any] | None
    deal: dict[str, Any] | None


def whose(conn: Connection, scope: Scope, name: str) -> Scope:
    """The person of that name as an asker who sees what is theirs; oneself for "". Raises NotFound.

    Only managers look at another person's day.
    """
    wanted = name or scope.name
    user = lookup.house(conn, SYSTEM).users.get(wanted)
    if user is None or (wanted != scope.name and not scope.sees_all):
        raise NotFound
    return Scope(user.id, user.name, "agent", user.team_id)


async def my_day(db: Database, scope: Scope, now: float, ends: float, day: Day, name: str = "") -> dict[str, Any]:
    """What a person has to do until their day `ends` (epoch seconds): {who, overdue, today, missed, idle}.

    overdue, today: [Promise], in order of time; missed: callers who wait, [task]; idle: their open deals without a next
    contact. Each at most MOST.
    """

    def run(conn: Connection) -> dict[str, Any]:
        theirs = whose(conn, scope, name)
        all_ = promises(conn, theirs, 0, ends, day)
        waiting = tasks.some(conn, theirs, MOST, {"kind": "callback", "done": False})
        return {
            "who": theirs.name,
            "overdue": [one for one in all_ if one.at < now],
            "today": [one for one in all_ if one.at >= now],
            "missed": [views.task(row) for row in waiting],
            "idle": [views.deal(row) for row in deals.without_step(conn, theirs, MOST)],
        }

    return await read(db, run)


async def between(db: Database, scope: Scope, since: float, until: float, day: Day, name: str = "") -> dict[str, Any]:
    """What a person promised for that time: {who, items: [Promise]}, in order; what is done is left out."""

    def run(conn: Connection) -> dict[str, Any]:
        theirs = whose(conn, scope, name)
        return {"who": theirs.name, "items": promises(conn, theirs, since, until, day)}

    return await read(db, run)


def promises(conn: Connection, theirs: Scope, since: float, until: float, day: Day) -> list[Promise]:
    """Tasks still to do and next contacts. A next contact on whose day the deal has a call to make is that call."""
    span = {"since": since, "until": until}
    found = tasks.some(conn, theirs, MOST, {"kinds": _PROMISES, "done": False, **span})
    promised = deals.promised(conn, theirs, since, until, MOST)
    calls = {(row["deal_id"], day(row["due_at"])) for row in found if row["kind"] == "call"}
    of_deals = [
        Promise(row["next_contact_at"] or 0.0, None, views.deal(row))
        for row in promised
        if (row["id"], day(row["next_contact_at"] or 0.0)) not in calls
    ]
    return sorted(
        [*(Promise(row["due_at"], views.task(row), None) for row in found), *of_deals], key=lambda one: one.at
    )
