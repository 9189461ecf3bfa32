"""Leads as people use them: the base, claim up to a limit, give, work on, release, decline. Qualify: lead_qualify.py.

Neither the journal nor the audit log is told a lead's name, number or note: who is declined leaves no trace there.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import custom, views
from pbxcrm.crm import leads as rules
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.custom import Values
from pbxcrm.crm.fields import note_text, task_fields
from pbxcrm.crm.leads import LeadRow
from pbxcrm.service import audit, custom_fields, lead_scores, owners, tell
from pbxcrm.service.errors import Conflict, NotFound, Refused
from pbxcrm.service.lead_scores import Scoring
from pbxcrm.service.lead_settings import on, settings_of
from pbxcrm.service.lead_turns import Turns
from pbxcrm.service.paging import after, limit_of, page
from pbxcrm.service.paging import cursor as cursor_of
from pbxcrm.service.tasks import fits
from pbxcrm.service.transact import checked, key, read, unchanged, write, wrong
from pbxcrm.store import calls, details, erasure, leads, lookup, tasks
from pbxcrm.store.db import EVERYBODY, Database, Work, audience

Fields = Mapping[str, object]
_AUDITED = ("status", "owner_name", "team_name", "source", "score")
_IN_DETAILS = ("quality", "employees", "budget")
_MOST_CALLS = 50
_OF_TASK = ("kind", "title", "due_at", "ends_at", "remind_at", "place", "note")
FILTERS = ("show", "status", "source", "owner", "q", "sort", "tag")
_RESPONSES = 30 * 86_400.0  # seconds back that the average of first responses looks


# -- read --------------------------------------------------------------------------------------------------------------


async def list_leads(
    db: Database, scope: Scope, limit: int | None = None, cursor: str | None = None, filters: Fields | None = None
) -> dict[str, Any]:
    """A page: {items, next}. Filters: show (new: the base that one may claim from; stale: those of it that wait too
    long; mine; all), status, source, owner, tag, q, sort (newest, score). Nobody's leads show a seller what is needed
    to choose, no more; `q` and `tag` look into their own.
    """
    size, start = limit_of(limit), after(cursor)
    wanted = checked(lambda: rules.filters(filters or {}))
    by_score = wanted.get("sort") == "score"

    def mark(row: LeadRow) -> str:
        return cursor_of(row["score"] if by_score else row["created_at"], row["id"])

    def run(conn: Connection) -> dict[str, Any]:
        on(conn)
        if wanted.get("show") == "stale":
            wanted["before"] = db.clock() - settings_of(conn)["stale"] * 3600.0
        rows, following = page(leads.some(conn, scope, size + 1, wanted, start), size, mark)
        own = custom_fields.seeing(conn, "lead")
        return {"items": [_shown(scope, row, own) for row in rows], "next": following}

    return await read(db, run)


def _shown(scope: Scope, row: LeadRow, own: Callable[[str], Values]) -> views.View:
    mine = scope.sees_all or row["owner_id"] == scope.user_id
    return rules.lead(row, own(row["details"])) if mine else rules.glimpse(row)


def view(conn: Connection, row: LeadRow) -> dict[str, Any]:
    """A lead as JSON has it, for those whose it is."""
    return rules.lead(row, custom_fields.seen(conn, "lead", row["details"]))


async def overview(db: Database, scope: Scope) -> dict[str, Any]:
    """{new, stale, held, limit, sources, rule, response}: what waits in the base and what of it too long, how many one
    holds of how many, their sources, whose new leads are, seconds to the first call on average (managers: else None).
    """

    def run(conn: Connection) -> dict[str, Any]:
        on(conn)
        own, said, now = leads.limit_of(conn, scope.user_id), settings_of(conn), db.clock()
        return {
            "rule": said["rule"],
            "stale": leads.waiting(conn, scope, now - said["stale"] * 3600.0),
            "response": leads.first_response(conn, scope, now - _RESPONSES) if scope.sees_all else None,
            "new": leads.count_new(conn, scope),
            "held": leads.held(conn, scope, scope.user_id),
            "limit": said["limit"] if own is None else own,
            "sources": leads.sources(conn, scope),
        }

    return await read(db, run)


async def get(db: Database, scope: Scope, lead_id: object) -> dict[str, Any]:
    """One lead, with its `tags` and `reasons` of its score. Raises NotFound: nobody's is claimed first."""
    wanted = key(lead_id)

    def run(conn: Connection) -> dict[str, Any]:
        row = seen(conn, scope, wanted)
        tags = details.tags_of(conn, scope, "lead", wanted)
        return {**view(conn, row), "tags": tags, "reasons": lead_scores.why(conn, row, db.clock())}

    return await read(db, run)


def seen(conn: Connection, scope: Scope, lead_id: int) -> LeadRow:
    """The lead, if it is theirs. Raises NotFound."""
    on(conn)
    row = leads.one(conn, scope, lead_id)
    if row is None:
        raise NotFound
    return row


async def trail(db: Database, scope: Scope, lead_id: object) -> list[dict[str, Any]]:
    """Notes, tasks and the calls with its number that one may see, the newest on top: [{kind, at, …}]."""
    wanted = key(lead_id)

    def run(conn: Connection) -> list[dict[str, Any]]:
        row = seen(conn, scope, wanted)
        return sorted(_trail(conn, scope, row), key=lambda item: str(item["at"]), reverse=True)

    return await read(db, run)


def _trail(conn: Connection, scope: Scope, row: LeadRow) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = [
        {"kind": "note", "id": str(one["id"]), "at": views.iso(one["at"]), "by": one["by"], "text": one["text"]}
        for one in leads.notes_of(conn, scope, row["id"])
    ]
    for task in tasks.of_lead(conn, scope, row["id"]):
        view = views.task(task)
        said.append({"kind": "task", "at": view["created_at"], "task": view})
    if row["number"]:
        for _at, call in calls.some(conn, scope, _MOST_CALLS, {"number": row["number"]}):
            said.append({"kind": "call", "at": call["started_at"], "call": {**call, "wrapups": []}})
    return said


# -- write -------------------------------------------------------------------------------------------------------------


async def create(db: Database, scope: Scope, fields: Fields) -> dict[str, Any]:
    """A new lead: a seller's is their own, a manager's goes into the base unless `owner` is named. Raises Invalid."""
    given = checked(lambda: rules.lead_fields(fields, db.region))
    if not any(given.get(name) for name in ("name", "company", "number", "email")):
        raise wrong({"name": "Give a name, a company, a number or an e-mail address."})

    def run(work: Work) -> dict[str, Any]:
        on(work.conn)
        whole = custom_fields.taken(work.conn, "lead", given, {}, db.region)
        values = _columns(work.conn, scope, whole, None)
        if not scope.sees_all:
            values.setdefault("owner_id", scope.user_id)
        made = add(work, scope, values)
        tag(work, made["id"], given.get("tags", []))
        return view(work.conn, made)

    return await write(db, run)


def add(work: Work, scope: Scope, values: Mapping[str, Any]) -> LeadRow:
    """Create a lead of these columns within a transaction that does more."""
    row = new(values, work.at, Turns(work.conn), Scoring(work.conn, [values.get("number")]))
    made = leads.of_ids(work.conn, SYSTEM, [leads.add(work.conn, row)])[0]
    told(work, scope, "lead.created", None, made)
    return made


def new(values: Mapping[str, Any], at: float, turns: Turns, scoring: Scoring) -> dict[str, Any]:
    """The columns of a new lead: whose it is, and what it is worth."""
    row = {**turns.placed(values), "created_at": at, "active_at": at}
    if row.get("owner_id"):
        row["claimed_at"] = at
    return {**row, "score": scoring.of(row, at)}


def _columns(conn: Connection, scope: Scope, given: Mapping[str, Any], before: LeadRow | None) -> dict[str, Any]:
    """Columns of what was given, names looked up."""
    values = {
        name: value for name, value in given.items() if name not in ("owner", "team", "tags", "custom", *_IN_DETAILS)
    }
    if "owner" in given:
        values["owner_id"] = owners.named(conn, scope, given["owner"], "lead")
    if "team" in given:
        values["team_id"] = _team(lookup.house(conn, scope), scope, given["team"])
    said = {name: given[name] for name in _IN_DETAILS if name in given}
    if said or "custom" in given:
        details = {**(json.loads(before["details"]) if before else {}), **said}
        values["details"] = json.dumps(custom.put(details, given.get("custom", {})), ensure_ascii=False)
    return values


def _team(known: lookup.House, scope: Scope, name: str | None) -> int | None:
    if not scope.sees_all:
        raise wrong({"team": "Only a manager says whose people may claim a lead."})
    found = next((key for key, theirs in known.teams.items() if theirs == name), None)
    if name and found is None:
        raise wrong({"team": "There is no such team."})
    return found


async def change(db: Database, scope: Scope, lead_id: object, version: int, fields: Fields) -> dict[str, Any]:
    """Set fields of a lead that still has this version. Raises NotFound, Conflict, Invalid."""
    wanted = key(lead_id)
    given = checked(lambda: rules.lead_fields(fields, db.region))

    def run(work: Work) -> dict[str, Any]:
        before = current(work.conn, scope, wanted, version)
        whole = custom_fields.taken(work.conn, "lead", given, custom.kept(before["details"]), db.region)
        values = _columns(work.conn, scope, whole, before)
        values = {name: value for name, value in values.items() if value != before[name]}  # type: ignore[literal-required]
        had = details.tags_of(work.conn, scope, "lead", wanted)
        tags = sorted(given.get("tags", had))
        if not values and tags == had:
            raise unchanged(view(work.conn, before))
        if tags != had:
            details.tag(work.conn, "lead", wanted, tags)
        if "owner_id" in values:
            values["claimed_at"] = work.at if values["owner_id"] else None
        return view(work.conn, store_change(work, scope, before, values))

    return await write(db, run)


def current(conn: Connection, scope: Scope, lead_id: int, version: int) -> LeadRow:
    """The lead as it is, if it still has this version and is still one. Raises NotFound, Conflict."""
    row = seen(conn, scope, lead_id)
    if row["qualified_at"] is not None:
        raise Conflict(
            "This lead has become a customer already. Nothing was stored; go on with the customer.",
            current=view(conn, row),
            code="qualified",
        )
    if row["version"] != version:
        raise Conflict(
            "Somebody changed this lead meanwhile. Nothing of yours was stored; look at it and try again.",
            current=view(conn, row),
        )
    return row


def store_change(
    work: Work, scope: Scope, before: LeadRow, values: Mapping[str, Any], kind: str = "lead.changed"
) -> LeadRow:
    """Write changed columns with what follows: version, tasks of a new owner, the room they have, the journal."""
    score = lead_scores.of(work.conn, {**before, **values}, work.at)
    if not leads.change(work.conn, before, {**values, "score": score, "active_at": work.at}):
        raise Conflict("Somebody else was changing this lead at the same moment. Nothing was stored; try again.")
    after_ = leads.of_ids(work.conn, SYSTEM, [before["id"]])[0]
    if after_["owner_id"] != before["owner_id"]:
        _hand_tasks(work, scope, after_)
    told(work, scope, kind, before, after_)
    return after_


def _hand_tasks(work: Work, scope: Scope, row: LeadRow) -> None:
    """What is still to do goes to whom the lead is now; in the base it waits for the next."""
    waiting = [task for task in tasks.of_lead(work.conn, scope, row["id"]) if task["done_at"] is None]
    if waiting:
        tasks.hand(work.conn, [{"task": task["id"], "user": row["owner_id"]} for task in waiting])
        known = lookup.house(work.conn, scope)
        for was, now in zip(waiting, tasks.of_ids(work.conn, scope, [one["id"] for one in waiting]), strict=True):
            tell.task(work, known, now, was)


def told(
    work: Work, scope: Scope, kind: str, before: LeadRow | None, after_: LeadRow, house: lookup.House | None = None
) -> None:
    """The journal hears which lead, for its people; the audit log what of it changed that names nobody.

    `house`: as it stands, where that was read.
    """
    owners = {after_["owner_id"], before["owner_id"] if before else None}
    data = {"id": str(after_["id"]), "status": after_["status"], "owner": after_["owner_name"]}
    work.journal(kind, {**data, "version": after_["version"]}, audience(*owners))
    if None in owners and after_["owner_id"] != (before["owner_id"] if before else 0):
        _tell_base(work, after_["team_id"], house)
    audit.note(work, scope, kind, "lead", after_["id"], audit.between(before, after_, _AUDITED))


def _tell_base(work: Work, team_id: int | None, house: lookup.House | None) -> None:
    """lead.base: somebody came into the base or left it, for those who may claim; once a transaction."""
    heard: str | None = EVERYBODY
    if team_id is not None:
        heard = audience(*(house or lookup.house(work.conn, SYSTEM)).team(team_id))
    if not any((row["kind"], row["audience"]) == ("lead.base", heard) for row in work.rows):
        work.journal("lead.base", {}, heard)


async def claim(db: Database, scope: Scope, lead_id: object) -> dict[str, Any]:
    """Take a lead that nobody owns. Raises NotFound where it is not theirs to claim, Conflict where it has an owner,
    Refused (lead_limit) where they hold as many as they may.
    """
    wanted = key(lead_id)

    def run(work: Work) -> dict[str, Any]:
        on(work.conn)
        mine = leads.one(work.conn, scope, wanted)
        if mine is not None and mine["owner_id"] == scope.user_id:
            raise unchanged(view(work.conn, mine))
        if mine is not None and mine["owner_id"] is not None:
            by = mine["owner_name"]
            raise Conflict(f"{by} works on this lead already.", current=view(work.conn, mine), by=by)
        if settings_of(work.conn)["rule"] == "manager" and not scope.sees_all:
            raise Refused("In this house a manager gives leads. Nothing was claimed; ask yours.", code="lead_manager")
        room(work.conn, scope)
        row = leads.claimable(work.conn, scope, wanted)
        if row is None:
            raise NotFound
        values = {"owner_id": scope.user_id, "claimed_at": work.at}
        return view(work.conn, store_change(work, scope, row, values, "lead.claimed"))

    return await write(db, run)


def _limit(conn: Connection, user_id: int) -> int:
    own = leads.limit_of(conn, user_id, lock=True)
    return int(settings_of(conn)["limit"]) if own is None else own


def _held(conn: Connection, scope: Scope) -> tuple[int, int]:
    """How many this person may hold, and how many they do."""
    return _limit(conn, scope.user_id), leads.held(conn, scope, scope.user_id)


def left(conn: Connection, scope: Scope) -> int:
    """How many more leads this person may hold."""
    limit, held = _held(conn, scope)
    return limit - held


def room(conn: Connection, scope: Scope) -> None:
    """Raises Refused where this person holds as many leads as they may."""
    limit, held = _held(conn, scope)
    if held >= limit:
        raise Refused(
            f"You hold {limit} leads, as many as you may. Nothing was claimed; finish or release one first.",
            code="lead_limit",
        )


async def release(db: Database, scope: Scope, lead_id: object) -> dict[str, Any]:
    """Give a lead back into the base, as it was seen there. What one wrote on it stays. Raises NotFound, Conflict."""
    wanted = key(lead_id)

    def run(work: Work) -> dict[str, Any]:
        row = seen(work.conn, scope, wanted)
        row = current(work.conn, scope, wanted, row["version"])
        if row["owner_id"] is None:
            raise unchanged(dict(rules.glimpse(row)))
        after_ = store_change(work, scope, row, {"owner_id": None, "claimed_at": None}, "lead.released")
        return dict(_shown(scope, after_, custom_fields.seeing(work.conn, "lead")))

    return await write(db, run)


async def assign(db: Database, scope: Scope, fields: Fields) -> dict[str, Any]:
    """Give leads (`ids`) to a person (`owner`), or back to the base (None): {items}, those that were moved. For
    managers. Raises Invalid, Refused (their_limit) where that is more than they may hold, unless `beyond`, and NotFound
    where one of them is not there: then none is moved.
    """
    if not scope.sees_all:
        raise NotFound
    ids, name, beyond = checked(lambda: rules.assigned(fields))

    def run(work: Work) -> dict[str, Any]:
        on(work.conn)
        owner = owners.named(work.conn, scope, name, "lead")
        rows = leads.of_ids(work.conn, scope, ids)
        if len(rows) < len(ids):
            raise NotFound
        moved = [row for row in rows if row["owner_id"] != owner and row["qualified_at"] is None]
        if not moved:
            raise unchanged({"items": []})
        if owner is not None and not beyond:
            _fits(work.conn, owner, name, sum(row["status"] not in rules.OVER for row in moved))
        values = {"owner_id": owner, "claimed_at": work.at if owner else None}
        return {"items": [view(work.conn, store_change(work, scope, row, values)) for row in moved]}

    return await write(db, run)


def _fits(conn: Connection, owner: int, name: str | None, more: int) -> None:
    limit, held = _limit(conn, owner), leads.held(conn, SYSTEM, owner)
    if held + more > limit:
        raise Refused(
            f"{name} holds {held} leads and may hold {limit}. Nothing was given; choose fewer, somebody else, or say "
            "that it may be more.",
            code="their_limit",
        )


async def add_note(db: Database, scope: Scope, lead_id: object, text: object) -> dict[str, Any]:
    """Write a note on a lead: {kind: note, id, at, by, text}. Raises NotFound, Invalid."""
    wanted, said = key(lead_id), checked(lambda: note_text(text))

    return await write(db, lambda work: noted(work, scope, seen(work.conn, scope, wanted), said))


def noted(work: Work, scope: Scope, row: LeadRow, text: str) -> dict[str, Any]:
    """Write a note on this lead within a transaction that does more."""
    made = leads.add_note(work.conn, row["id"], scope.user_id or None, work.at, text)
    touched(work, row)
    audit.note(work, scope, "note.added", "lead", row["id"])
    return {"kind": "note", "id": str(made), "at": views.iso(work.at), "by": scope.name, "text": text}


def tag(work: Work, lead_id: int, names: Sequence[str]) -> None:
    """These tags too."""
    had = details.tags_of(work.conn, SYSTEM, "lead", lead_id)
    details.tag(work.conn, "lead", lead_id, sorted({*had, *names}))


def touched(work: Work, row: LeadRow) -> None:
    """Something happened with it. Its version stays: nobody's form is spoiled by a note."""
    leads.touch(work.conn, row["id"], work.at)
    data = {"id": str(row["id"]), "status": row["status"], "owner": row["owner_name"], "version": row["version"]}
    work.journal("lead.noted", data, audience(row["owner_id"]))


async def add_task(db: Database, scope: Scope, lead_id: object, fields: Fields) -> dict[str, Any]:
    """Something to do with a lead, for its owner: {title, due_at, kind, ends_at, remind_at, place, note}.

    Raises NotFound, Invalid.
    """
    wanted, given = key(lead_id), checked(lambda: task_fields(fields))
    own = {name: value for name, value in given.items() if name in _OF_TASK}
    fits(given.get("kind", "todo"), given["due_at"], given.get("ends_at"))

    def run(work: Work) -> dict[str, Any]:
        row = seen(work.conn, scope, wanted)
        new = {
            "kind": "todo",
            **own,
            "lead_id": wanted,
            "number": row["number"],
            "user_id": row["owner_id"] or scope.user_id,
            "created_by": scope.user_id or None,
            "created_at": work.at,
        }
        made = tasks.of_ids(work.conn, scope, tasks.add(work.conn, [new]))[0]
        tell.task(work, lookup.house(work.conn, scope), made)
        audit.note(work, scope, "task.created", "task", made["id"])
        touched(work, row)
        return dict(views.task(made))

    return await write(db, run)


async def decline(db: Database, scope: Scope, lead_id: object) -> None:
    """Delete a lead with its notes and tasks; the audit log says only that one was declined. Calls with that number
    are the PBX's and stay. Raises NotFound, Conflict where it became a customer.
    """
    wanted = key(lead_id)

    def run(work: Work) -> None:
        row = current(work.conn, scope, wanted, seen(work.conn, scope, wanted)["version"])
        erasure.forget_lead(work.conn, row)
        work.journal("lead.declined", {"id": str(wanted), "gone": True}, audience(row["owner_id"]))
        audit.note(work, scope, "lead.declined", "lead")

    await write(db, run)
