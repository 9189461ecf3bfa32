"""A person's day: what they promised, what is late, who waits. A deal's next contact is a promise like a task."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import leads as of_leads
from pbxcrm.crm import views
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.fields import OWN_TASKS
from pbxcrm.crm.views import TaskRow
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import read
from pbxcrm.store import deals, house, leads, lookup, tasks
from pbxcrm.store.db import Database

MOST = 200  # of each list: nobody does more in a day
MOST_OF_MONTH = 1000  # of each list of a calendar
TEAM = "team:"  # before a team's name, where a calendar is a team's
_PROMISES = (*OWN_TASKS, "look", "device")

Day = Callable[[float], Hashable]  # epoch seconds -> which day that is where the reader is


@dataclass(frozen=True, slots=True)
class Promise:
    """One line of a day: a task, or the next contact of a deal or a lead.

    `closes`: the day (2026-12-31) on which the deal is expected to close; it has no hour. `who`: whose it is.
    """

    at: float
    task: dict[str, Any] | None = None
    deal: dict[str, Any] | None = None
    lead: dict[str, Any] | None = None
    closes: str = ""
    who: str = ""


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


def promises(conn: Connection, theirs: Scope, since: float, until: float, day: Day, most: int = MOST) -> list[Promise]:
    """Tasks still to do and next contacts. A next contact on whose day the deal has a call to make is that call."""
    span = {"since": since, "until": until, "done": False}
    return _in_order(conn, theirs, tasks.some(conn, theirs, most, {"kinds": _PROMISES, **span}), span, day, most)


def _in_order(
    conn: Connection, theirs: Scope, found: Sequence[TaskRow], span: Mapping[str, float], day: Day, most: int
) -> list[Promise]:
    since, until, who = span["since"], span["until"], theirs.name
    calls = {(row["deal_id"], day(row["due_at"])) for row in found if row["kind"] == "call"}
    of_deals = [
        Promise(row["next_contact_at"] or 0.0, deal=views.deal(row), who=who)
        for row in deals.promised(conn, theirs, since, until, most)
        if (row["id"], day(row["next_contact_at"] or 0.0)) not in calls
    ]
    used = house.get(conn, SYSTEM, "leads") != "off"
    to_lead = leads.promised(conn, theirs, since, until, most) if used else []
    return sorted(
        [
            *(Promise(row["due_at"], task=views.task(row), who=who) for row in found),
            *of_deals,
            *(Promise(row["next_contact_at"] or 0.0, lead=of_leads.lead(row, {}), who=who) for row in to_lead),
        ],
        key=lambda one: one.at,
    )


async def calendar(
    db: Database, scope: Scope, since: float, until: float, days: tuple[str, str], day: Day, name: str = ""
) -> list[Promise]:
    """All there is in that time, what is done too, in order: of a person, oneself for "", or of TEAM and its name.

    `days`: the first day and the last (2026-12-31), in which deals may be expected to close. Raises NotFound: only
    managers look at the calendars of others.
    """

    def run(conn: Connection) -> list[Promise]:
        return [one for theirs in _whose(conn, scope, name) for one in _all(conn, theirs, since, until, days, day)]

    return sorted(await read(db, run), key=lambda one: (one.closes == "", one.at))


def _whose(conn: Connection, scope: Scope, name: str) -> list[Scope]:
    if not name.startswith(TEAM):
        return [whose(conn, scope, name)]
    known = lookup.house(conn, SYSTEM)
    team = next((key for key, text in known.teams.items() if text == name.removeprefix(TEAM)), None)
    if team is None or not scope.sees_all:
        raise NotFound
    members = [user for user in known.users.values() if user.team_id == team and user.active]
    return [Scope(user.id, user.name, "agent", user.team_id) for user in members]


def _all(conn: Connection, theirs: Scope, since: float, until: float, days: tuple[str, str], day: Day) -> list[Promise]:
    span = {"since": since, "until": until}
    found = tasks.some(conn, theirs, MOST_OF_MONTH, {"kinds": _PROMISES, **span})
    closing = deals.closing(conn, theirs, *days, MOST_OF_MONTH)
    return [
        *_in_order(conn, theirs, found, span, day, MOST_OF_MONTH),
        *(Promise(0.0, deal=views.deal(row), closes=row["expected_close"] or "", who=theirs.name) for row in closing),
    ]
