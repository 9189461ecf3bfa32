"""Webhooks: who outside is told of what. Only managers register them, for what is told is everybody's.

What is to be told is read from the journal after the webhook's cursor, so that nothing is lost, whatever stops.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection

from pbxcrm.crm import fields as given_fields
from pbxcrm.crm import webhooks as rules
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.views import iso
from pbxcrm.service import audit, tell
from pbxcrm.service.errors import Conflict, NotFound
from pbxcrm.service.transact import checked, key, read, write
from pbxcrm.store import journal, lookup, tasks, webhooks
from pbxcrm.store.db import Database, Work
from pbxcrm.store.webhooks import Event

Fields = Mapping[str, object]
MOST = 20
BATCH = 20


class Tried(NamedTuple):
    """A try to deliver: the receiver's status (None: no answer), and why it was in vain ("" when it was taken)."""

    event: Event
    at: float
    status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as the sender needs it."""

    id: int
    url: str
    kinds: tuple[str, ...]
    secret: str
    cursor: int
    tries: int
    retry_at: float | None


async def list_webhooks(db: Database, scope: Scope) -> dict[str, Any]:
    """All of them: {items}. Raises NotFound for agents."""
    _managers(scope)
    return {"items": await read(db, lambda conn: [_view(row) for row in webhooks.some(conn, scope)])}


async def get(db: Database, scope: Scope, hook_id: object) -> dict[str, Any]:
    """One of them. Raises NotFound."""
    wanted = key(hook_id)
    return await read(db, lambda conn: _view(_seen(conn, scope, wanted)))


async def register(db: Database, scope: Scope, fields: Fields) -> dict[str, Any]:
    """A new one: url, kinds, secret? It is told what happens from now on. Gives it with its secret, this once.

    Raises NotFound for agents, Invalid, Conflict when there are enough.
    """
    _managers(scope)
    given = checked(lambda: given_fields.parse(fields, {**_FIELDS, "secret": _secret}, ("url", "kinds")))
    secret = str(given.get("secret") or secrets.token_urlsafe(32))

    def run(work: Work) -> dict[str, Any]:
        if webhooks.count(work.conn, scope) >= MOST:
            raise Conflict(f"There are {MOST} webhooks already, which is the most. Nothing was stored.")
        row = {
            **_columns(given),
            "secret": secret,
            "cursor": journal.last_id(work.conn),
            "created_by": scope.user_id or None,
            "created_at": work.at,
        }
        made = _seen(work.conn, scope, webhooks.add(work.conn, row))
        _noted(work, scope, "webhook.added", None, made)
        return {**_view(made), "secret": secret}

    return await write(db, run)


async def change(db: Database, scope: Scope, hook_id: object, fields: Fields) -> dict[str, Any]:
    """Set url, kinds or active. One that is switched on again goes on where it stopped. Raises NotFound, Invalid."""
    wanted = key(hook_id)
    _managers(scope)
    given = checked(lambda: given_fields.parse(fields, {**_FIELDS, "active": given_fields.truth}))

    def run(work: Work) -> dict[str, Any]:
        before = _seen(work.conn, scope, wanted)
        again = {"tries": 0, "failing_since": None, "retry_at": None, "reason": ""}
        webhooks.change(work.conn, wanted, {**_columns(given), **again})
        after = _seen(work.conn, scope, wanted)
        _noted(work, scope, "webhook.changed", before, after)
        return _view(after)

    return await write(db, run)


async def remove(db: Database, scope: Scope, hook_id: object) -> None:
    """Forget it: nothing more is told. Raises NotFound."""
    wanted = key(hook_id)

    def run(work: Work) -> None:
        row = _seen(work.conn, scope, wanted)
        webhooks.remove(work.conn, wanted)
        _noted(work, scope, "webhook.removed", row, row)

    await write(db, run)


async def test(db: Database, scope: Scope, hook_id: object) -> dict[str, Any]:
    """Tell it `webhook.test`, in its turn, and try now what was waiting. Raises NotFound."""
    wanted = key(hook_id)

    def run(work: Work) -> dict[str, Any]:
        row = _seen(work.conn, scope, wanted)
        webhooks.change(work.conn, wanted, {"retry_at": None})
        work.journal(rules.TEST, _told(row, scope), None)
        return _view(row)

    return await write(db, run)


async def deliveries(db: Database, scope: Scope, hook_id: object) -> dict[str, Any]:
    """Its last deliveries, the newest first: {items}. Raises NotFound."""
    wanted = key(hook_id)

    def run(conn: Connection) -> dict[str, Any]:
        _seen(conn, scope, wanted)
        return {"items": [_delivery(row) for row in webhooks.deliveries(conn, scope, wanted)]}

    return await read(db, run)


def _secret(value: object) -> str:
    if not isinstance(value, str) or not 16 <= len(value) <= 128 or not value.isascii() or not value.isprintable():
        raise given_fields.WrongError("This must be 16 to 128 plain characters.")
    return value


_FIELDS: dict[str, given_fields.Parser] = {"url": lambda value: rules.address(value)[0], "kinds": rules.kinds}


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in given.items() if name in ("url", "active")}
    return kept | ({"kinds": ",".join(given["kinds"])} if "kinds" in given else {})


def _managers(scope: Scope) -> None:
    if not scope.sees_all:
        raise NotFound


def _seen(conn: Connection, scope: Scope, hook_id: int) -> Any:
    row = webhooks.one(conn, scope, hook_id)
    if row is None:
        raise NotFound
    return row


def _view(row: Any) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "url": row.url,
        "kinds": row.kinds.split(","),
        "active": row.active,
        "created_by": row.created_by_name,
        "created_at": iso(row.created_at),
        "failing_since": iso(row.failing_since),
        "retry_at": iso(row.retry_at),
        "reason": row.reason,
    }


def _delivery(row: Any) -> dict[str, Any]:
    return {
        "id": rules.delivery_id(row.webhook_id, row.journal_id),
        "event": str(row.journal_id),
        "kind": row.kind,
        "at": iso(row.at),
        "tries": row.tries,
        "status": row.status,
        "reason": row.reason,
    }


def _told(row: Any, scope: Scope) -> dict[str, Any]:
    """What the journal says of a webhook: never its secret, and of its address the host alone."""
    return {"id": str(row.id), "host": rules.address(row.url)[1].host, "by": scope.name}


def _noted(work: Work, scope: Scope, kind: str, before: Any, after: Any) -> None:
    """In the journal and in the audit log. Of an address, which may hold a password, the host alone."""
    changes = audit.between(before and _plain(before), _plain(after), ("host", "kinds", "active"))
    audit.note(work, scope, kind, "webhook", after.id, changes)
    work.journal(kind, _told(after, scope), None)


def _plain(row: Any) -> dict[str, Any]:
    return {"host": rules.address(row.url)[1].host, "kinds": row.kinds, "active": row.active}


# ---- for the sender


async def active(db: Database) -> list[Hook]:
    """Those that are to be told."""

    def run(conn: Connection) -> list[Hook]:
        return [
            Hook(row.id, row.url, tuple(row.kinds.split(",")), row.secret, row.cursor, row.tries, row.retry_at)
            for row in webhooks.some(conn, SYSTEM)
            if row.active
        ]

    return await read(db, run)


async def waiting(db: Database, hook: Hook, after: int) -> tuple[list[Event], int]:
    """What is to be told next, after this journal id, and how far there is nothing else to tell."""
    return await read(db, lambda conn: webhooks.events(conn, SYSTEM, hook.id, hook.kinds, after, BATCH))


async def tried(db: Database, hook: Hook, results: Sequence[Tried]) -> None:
    """What became of these deliveries, in order; only the last may have been in vain.

    One that was in vain for GIVE_UP, or whose receiver says it is gone (410), is switched off, and whoever registered
    it finds a task. Changed or removed meanwhile: nothing is noted, and it is told again as it is now.
    """

    def run(work: Work) -> None:
        row = webhooks.one(work.conn, SYSTEM, hook.id)
        if row is None or row.cursor != hook.cursor:
            work.journal("webhook.delivered", {"id": str(hook.id), "events": 0}, None)
            return
        last = results[-1]
        taken = [one for one in results if not one.reason]
        cursor = taken[-1].event.id if taken else hook.cursor
        values: dict[str, Any] = {"cursor": cursor, "tries": 0, "failing_since": None, "retry_at": None, "reason": ""}
        tries = (0 if taken else row.tries) + 1
        if last.reason:
            since = row.failing_since if not taken and row.failing_since is not None else work.at
            values |= {
                "tries": tries,
                "failing_since": since,
                "retry_at": work.at + rules.wait(tries),
                "reason": last.reason,
                "active": last.status != 410 and work.at - since < rules.GIVE_UP,
            }
        webhooks.advance(work.conn, hook.id, hook.cursor, values)
        webhooks.note(work.conn, hook.id, [_row(hook, one, tries if one.reason else row.tries + 1) for one in results])
        kind = "webhook.failed" if last.reason else "webhook.delivered"
        work.journal(kind, {"id": str(hook.id), "events": len(taken), "reason": last.reason}, None)
        if not values.get("active", True):
            _switched_off(work, row, last)

    await write(db, run, durable=False)


def _row(hook: Hook, one: Tried, tries: int) -> dict[str, Any]:
    return {
        "webhook_id": hook.id,
        "journal_id": one.event.id,
        "kind": one.event.kind,
        "at": one.at,
        "tries": tries,
        "status": one.status,
        "reason": one.reason,
    }


def _switched_off(work: Work, row: Any, last: Tried) -> None:
    """A notice for whoever registered it: a task in their list, in no language but the host's name and the reason."""
    told = _told(row, SYSTEM)
    work.journal("webhook.off", {**told, "reason": last.reason}, None)
    if row.created_by is None:
        return
    task = {
        "kind": "todo",
        "title": f"Webhook {told['host']}: {last.reason}"[:200],
        "user_id": row.created_by,
        "created_at": work.at,
        "due_at": work.at,
    }
    made = tasks.of_ids(work.conn, SYSTEM, tasks.add(work.conn, [task]))[0]
    tell.task(work, lookup.house(work.conn, SYSTEM), made)
