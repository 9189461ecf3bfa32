"""Tasks and the missed-call list."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import fields as given_fields
from pbxcrm.crm import views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.views import TaskRow
from pbxcrm.service import audit, tell
from pbxcrm.service.errors import NotFound
from pbxcrm.service.paging import after, limit_of, page
from pbxcrm.service.paging import cursor as cursor_of
from pbxcrm.service.transact import checked, key, read, unchanged, write, wrong
from pbxcrm.store import deals, lookup, tasks
from pbxcrm.store.db import Database, Work

Fields = Mapping[str, object]
KINDS = ("callback", "look", "device", "todo")


async def list_tasks(
    db: Database, scope: Scope, limit: int | None = None, cursor: str | None = None, filters: Fields | None = None
) -> dict[str, Any]:
    """A page, the most urgent first: {items, next}. Filters: kind, deal_id, done (left out: still to do)."""
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

    known: dict[str, given_fields.Parser] = {"kind": kind, "deal_id": given_fields.ident, "done": given_fields.truth}
    return {"done": False} | checked(lambda: given_fields.parse(given, known))


async def missed(db: Database, scope: Scope, limit: int | None = None, cursor: str | None = None) -> dict[str, Any]:
    """Callers nobody has talked with since: one row a caller, the most overdue first: {items, next}."""
    return await list_tasks(db, scope, limit, cursor, {"kind": "callback"})


async def create(db: Database, scope: Scope, fields: Fields) -> dict[str, Any]:
    """A person's own task: title, due_at, deal_id?, user? (a manager may give it to somebody). Raises Invalid."""
    given = checked(lambda: given_fields.task_fields(fields))
    return await write(db, lambda work: _create(work, scope, given))


def _create(work: Work, scope: Scope, given: given_fields.TaskFields) -> dict[str, Any]:
    house = lookup.house(work.conn, scope)
    name = given.get("user", scope.name)
    if not scope.sees_all and name != scope.name:
        raise wrong({"user": "Only a manager gives a task to somebody else."})
    user_id = house.id_of(name)
    if user_id is None:
        raise wrong({"user": "There is no such person."})
    deal_id = given.get("deal_id")
    deal = deals.one(work.conn, scope, deal_id) if deal_id is not None else None
    if deal_id is not None and deal is None:
        raise wrong({"deal_id": "There is no such deal."})
    row = {
        "kind": "todo",
        "title": given["title"],
        "deal_id": deal_id,
        "contact_id": deal["contact_id"] if deal else None,
        "number": deal["number"] if deal else None,
        "user_id": user_id,
        "created_at": work.at,
        "due_at": given["due_at"],
    }
    made = tasks.of_ids(work.conn, scope, tasks.add(work.conn, [row]))[0]
    tell.task(work, house, made)
    audit.note(work, scope, "task.created", "task", made["id"], {"title": (None, made["title"]), "user": (None, name)})
    return views.task(made)


async def done(db: Database, scope: Scope, task_id: object) -> dict[str, Any]:
    """It is done. Doing it twice changes nothing. Raises NotFound."""
    wanted = key(task_id)
    return await write(db, lambda work: _done(work, scope, wanted))


def _done(work: Work, scope: Scope, task_id: int) -> dict[str, Any]:
    row = tasks.one(work.conn, scope, task_id)
    if row is None:
        raise NotFound
    if row["done_at"] is not None:
        raise unchanged(views.task(row))
    tasks.done(work.conn, [{"task": task_id, "at": work.at, "by": scope.user_id or None}])
    after_ = tasks.of_ids(work.conn, scope, [task_id])[0]
    tell.task(work, lookup.house(work.conn, scope), after_)
    audit.note(work, scope, "task.done", "task", task_id)
    return views.task(after_)


def to_call(work: Work, scope: Scope, call: Mapping[str, Any], at: float) -> None:
    """A call to make to whom this call was with, when there is no deal to set the date on. Raises Invalid."""
    if call["number"] is None:
        raise wrong(
            {"next_contact_at": "This caller hid their number: make a deal of the call, then set its next contact."}
        )
    row = {
        "kind": "todo",
        "title": call["caller_name"] or call["number"],
        "contact_id": int(call["contact_id"]) if call["contact_id"] else None,
        "call_id": call["id"],
        "number": call["number"],
        "user_id": scope.user_id,
        "created_at": work.at,
        "due_at": at,
    }
    made = tasks.of_ids(work.conn, scope, tasks.add(work.conn, [row]))[0]
    tell.task(work, lookup.house(work.conn, scope), made)
    audit.note(work, scope, "task.created", "task", made["id"], {"title": (None, made["title"])})
