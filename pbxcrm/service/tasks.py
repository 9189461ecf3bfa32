"""Tasks and the missed-call list."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import fields as given_fields
from pbxcrm.crm import views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.views import TaskRow
from pbxcrm.service import audit, tell
from pbxcrm.service.errors import Conflict, NotFound
from pbxcrm.service.paging import after, limit_of, page
from pbxcrm.service.paging import cursor as cursor_of
from pbxcrm.service.transact import checked, key, read, unchanged, write, wrong
from pbxcrm.store import contacts, deals, lookup, tasks
from pbxcrm.store.db import Database, Work

Fields = Mapping[str, object]
KINDS = ("callback", "look", "device", *given_fields.OWN_TASKS)


async def list_tasks(
    db: Database, scope: Scope, limit: int | None = None, cursor: str | None = None, filters: Fields | None = None
) -> dict[str, Any]:
    """A page, the most urgent first: {items, next}. Filters: kind, deal_id, contact_id, done (without: to do)."""
    size, start, wanted = limit_of(limit), after(cursor), _filters(filters or {})

    def run(conn: Connection) -> dict[str, Any]:
        rows, following = page(tasks.some(conn, scope, size + 1, wanted, start), size, _mark)
        return {"items": [views.task(row) for row in rows], "next": following}

    return await read(db, run)


def _mark(row: TaskRow) -> str:
    return cursor_of(row["due_at"], row["id"])


def _filters(given: Fields) -> dict[str, Any]:
    def kind(value: object) -> object:
        if value not in KINDS:
            raise given_fields.WrongError(f"This must be one of {', '.join(KINDS)}.")
        return value

    known: dict[str, given_fields.Parser] = {"kind": kind, "done": given_fields.truth}
    known |= dict.fromkeys(("deal_id", "contact_id"), given_fields.ident)
    return {"done": False} | checked(lambda: given_fields.parse(given, known))


async def missed(db: Database, scope: Scope, limit: int | None = None, cursor: str | None = None) -> dict[str, Any]:
    """Callers nobody has talked with since: one row a caller, the most overdue first: {items, next}."""
    return await list_tasks(db, scope, limit, cursor, {"kind": "callback"})


async def get(db: Database, scope: Scope, task_id: object) -> dict[str, Any]:
    """One task. Raises NotFound."""
    wanted = key(task_id)
    return await read(db, lambda conn: views.task(_seen(conn, scope, wanted)))


def _seen(conn: Connection, scope: Scope, task_id: int) -> TaskRow:
    row = tasks.one(conn, scope, task_id)
    if row is None:
        raise NotFound
    return row


async def create(db: Database, scope: Scope, fields: Fields) -> dict[str, Any]:
    """A person's own task: title, due_at; kind (else todo), deal_id, contact_id, ends_at and place (of a meeting),
    note, remind_at, user (a manager may give it to somebody). Raises Invalid.
    """
    given = checked(lambda: given_fields.task_fields(fields))
    return await write(db, lambda work: views.task(make(work, scope, given)))


def make(work: Work, scope: Scope, given: given_fields.TaskFields) -> TaskRow:
    """Make a person's own task within a transaction that does more."""
    kind = given.get("kind", "todo")
    row: dict[str, Any] = {
        "kind": kind,
        "title": given["title"],
        "due_at": given["due_at"],
        "ends_at": given.get("ends_at"),
        "place": given.get("place", ""),
        "note": given.get("note", ""),
        "remind_at": given.get("remind_at"),
        **_about(work, scope, given),
        "user_id": _user(work, scope, given.get("user") or scope.name),
        "created_by": scope.user_id or None,
        "created_at": work.at,
    }
    fits(kind, row["due_at"], row["ends_at"])
    return added(work, scope, row)


def _user(work: Work, scope: Scope, name: str) -> int:
    if not scope.sees_all and name != scope.name:
        raise wrong({"user": "Only a manager gives a task to somebody else."})
    user = lookup.house(work.conn, scope).users.get(name)
    if user is None or not user.active:
        raise wrong({"user": "There is no such person."})
    return int(user.id)


def _about(work: Work, scope: Scope, given: given_fields.TaskFields) -> dict[str, Any]:
    """Whom it is about: a deal with its customer, or a customer alone."""
    deal_id, contact_id = given.get("deal_id"), given.get("contact_id")
    deal = deals.one(work.conn, scope, deal_id) if deal_id is not None else None
    if deal_id is not None and deal is None:
        raise wrong({"deal_id": "There is no such deal."})
    if contact_id is not None and contacts.one(work.conn, scope, contact_id) is None:
        raise wrong({"contact_id": "There is no such contact."})
    if deal is not None and contact_id in (None, deal["contact_id"]):
        return {"deal_id": deal_id, "contact_id": deal["contact_id"], "number": deal["number"]}
    known = contacts.numbers(work.conn, scope, [contact_id])[contact_id] if contact_id is not None else []
    return {"deal_id": deal_id, "contact_id": contact_id, "number": known[0] if known else None}


def fits(kind: str, due_at: float, ends_at: float | None) -> None:
    """Raises Invalid where a task of this kind cannot end then."""
    if ends_at is not None and kind != "meeting":
        raise wrong({"ends_at": "Only a meeting has an end."})
    if ends_at is not None and ends_at <= due_at:
        raise wrong({"ends_at": "A meeting ends after it begins."})


def added(work: Work, scope: Scope, row: dict[str, Any]) -> TaskRow:
    """Make a task of these columns within a transaction that does more."""
    made = tasks.of_ids(work.conn, scope, tasks.add(work.conn, [row]))[0]
    tell.task(work, lookup.house(work.conn, scope), made)
    said = {"title": (None, made["title"]), "user": (None, made["user_name"])}
    audit.note(work, scope, "task.created", "task", made["id"], said)
    return made


# What of a task a person may change, and the audit log tells.
_CHANGES = ("title", "kind", "due_at", "ends_at", "place", "note", "remind_at", "user_name", "deal_id", "contact_id")


async def change(db: Database, scope: Scope, task_id: object, version: int, fields: Fields) -> dict[str, Any]:
    """Set fields of a task that still has this version and is still to do. Moved to another time, what was not said
    anew moves along: its end, and a reminder still to come. Raises NotFound, Conflict, Invalid.
    """
    wanted = key(task_id)
    given = checked(lambda: given_fields.task_fields(fields, ()))
    return await write(db, lambda work: _change(work, scope, wanted, version, given))


def _change(work: Work, scope: Scope, task_id: int, version: int, given: given_fields.TaskFields) -> dict[str, Any]:
    before = _seen(work.conn, scope, task_id)
    if before["version"] != version or before["done_at"] is not None:
        raise Conflict(
            "This task was changed or done meanwhile. Nothing of yours was stored; look at it as it is now.",
            current=views.task(before),
        )
    if "kind" in given and given["kind"] != before["kind"] and before["kind"] not in given_fields.OWN_TASKS:
        raise wrong({"kind": "What a call asked for stays what it is."})
    values: dict[str, Any] = {name: value for name, value in given.items() if name != "user"}
    if "deal_id" in given or "contact_id" in given:
        values |= _about(work, scope, given)
    if given.get("user") is not None:
        values["user_id"] = _user(work, scope, str(given["user"]))
    later = values.get("due_at", before["due_at"]) - before["due_at"]
    for name in ("ends_at", "remind_at"):
        if later and name not in values and (at := before[name]) is not None:
            values[name] = at + later
    kind = values.get("kind", before["kind"])
    if kind != "meeting" and "ends_at" not in given:
        values["ends_at"] = None
    fits(kind, values.get("due_at", before["due_at"]), values.get("ends_at", before["ends_at"]))
    values = {name: value for name, value in values.items() if value != before[name]}  # type: ignore[literal-required]
    if not values:
        raise unchanged(views.task(before))
    if not tasks.change(work.conn, task_id, version, values):
        raise Conflict("Somebody else was changing this task at the same moment. Nothing was stored; try again.")
    after_ = tasks.of_ids(work.conn, scope, [task_id])[0]
    tell.task(work, lookup.house(work.conn, scope), after_, before)
    audit.note(work, scope, "task.changed", "task", task_id, audit.between(_told(before), _told(after_), _CHANGES))
    return views.task(after_)


def _told(row: TaskRow) -> dict[str, Any]:
    """A task as the audit log tells it: times as everywhere."""
    return {**row, **{name: views.iso(row[name]) for name in ("due_at", "ends_at", "remind_at")}}


async def done(db: Database, scope: Scope, task_id: object, result: object = "") -> dict[str, Any]:
    """It is done, and `result` came of it. Doing it twice changes nothing. Raises NotFound, Invalid."""
    wanted = key(task_id)
    said = checked(lambda: given_fields.task_result(result))
    return await write(db, lambda work: _done(work, scope, wanted, said))


def _done(work: Work, scope: Scope, task_id: int, result: str) -> dict[str, Any]:
    row = _seen(work.conn, scope, task_id)
    if row["done_at"] is not None:
        raise unchanged(views.task(row))
    tasks.done(work.conn, [{"task": task_id, "at": work.at, "by": scope.user_id or None}])
    if result:
        tasks.result_is(work.conn, task_id, result)
    after_ = tasks.of_ids(work.conn, scope, [task_id])[0]
    tell.task(work, lookup.house(work.conn, scope), after_)
    audit.note(work, scope, "task.done", "task", task_id, {"result": (None, result)} if result else None)
    return views.task(after_)


def to_call(work: Work, scope: Scope, call: Mapping[str, Any], at: float) -> None:
    """A call to make to whom this call was with, when there is no deal to set the date on. Raises Invalid."""
    if call["number"] is None:
        raise wrong(
            {"next_contact_at": "This caller hid their number: make a deal of the call, then set its next contact."}
        )
    row = {
        "kind": "call",
        "title": call["caller_name"] or call["number"],
        "contact_id": int(call["contact_id"]) if call["contact_id"] else None,
        "call_id": call["id"],
        "number": call["number"],
        "user_id": scope.user_id,
        "created_by": scope.user_id,
        "created_at": work.at,
        "due_at": at,
    }
    added(work, scope, row)
