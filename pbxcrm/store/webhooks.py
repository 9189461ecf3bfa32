"""Webhooks, their cursors in the journal, and their last deliveries. Managers see all of them, agents none."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, false, func, insert, or_, select, true, update

from pbxcrm.crm.access import Scope
from pbxcrm.crm.webhooks import TEST
from pbxcrm.store.schema import journal, users, webhook_deliveries, webhooks

_h, _d, _j = webhooks.c, webhook_deliveries.c, journal.c
KEPT = 50  # deliveries of each webhook


class Event(NamedTuple):
    """A row of the journal that a webhook is to be told of."""

    id: int
    at: float
    kind: str
    data: dict[str, Any]


def _visible(scope: Scope) -> ColumnElement[bool]:
    return true() if scope.sees_all else false()


_ROWS = select(webhooks, users.c.name.label("created_by_name")).outerjoin(users, users.c.id == _h.created_by)


def some(conn: Connection, scope: Scope) -> Sequence[Any]:
    """All of them, the oldest first."""
    return conn.execute(_ROWS.where(_visible(scope)).order_by(_h.id)).all()


def one(conn: Connection, scope: Scope, hook_id: int) -> Any | None:
    """One, if it may be seen."""
    return conn.execute(_ROWS.where(_h.id == hook_id, _visible(scope))).first()


def count(conn: Connection, _scope: Scope) -> int:
    """How many there are."""
    return int(conn.execute(select(func.count()).select_from(webhooks)).scalar_one())


def add(conn: Connection, values: dict[str, Any]) -> int:
    """A new one; gives its id."""
    return int(conn.execute(insert(webhooks).values(values).returning(_h.id)).scalar_one())


def change(conn: Connection, hook_id: int, values: dict[str, Any]) -> None:
    """Set these columns."""
    conn.execute(update(webhooks).where(_h.id == hook_id).values(values))


def advance(conn: Connection, hook_id: int, cursor: int, values: dict[str, Any]) -> bool:
    """Set these columns if its cursor still stands there: of two processes that told the same, one goes on."""
    where = (_h.id == hook_id, _h.cursor == cursor)
    return conn.execute(update(webhooks).where(*where).values(values)).rowcount == 1


def remove(conn: Connection, hook_id: int) -> None:
    """Forget it and what became of its deliveries."""
    conn.execute(delete(webhook_deliveries).where(_d.webhook_id == hook_id))
    conn.execute(delete(webhooks).where(_h.id == hook_id))


def events(
    conn: Connection, _scope: Scope, hook_id: int, kinds: Sequence[str], after: int, limit: int
) -> tuple[list[Event], int]:
    """What a webhook is to be told next, and how far the journal was looked through for it.

    Rows for one person alone (`=|3|`) say again what another row says, for a screen: they are passed over.
    """
    last = int(conn.execute(select(func.max(_j.id))).scalar() or 0)
    wanted = select(_j.id, _j.at, _j.kind, _j.data).where(_j.id > after, _j.kind.in_([*kinds, TEST]))
    rows = wanted.where(or_(_j.audience.is_(None), _j.audience.not_like("=%"))).order_by(_j.id).limit(limit)
    found = [Event(row.id, row.at, row.kind, json.loads(row.data)) for row in conn.execute(rows)]
    mine = [event for event in found if event.kind != TEST or event.data["id"] == str(hook_id)]
    return mine, found[-1].id if len(found) == limit else max(last, after)


def note(conn: Connection, hook_id: int, rows: Sequence[dict[str, Any]]) -> None:
    """What became of these deliveries: a row an event, replaced at each try; the oldest beyond KEPT are dropped."""
    ids = [row["journal_id"] for row in rows]
    conn.execute(delete(webhook_deliveries).where(_d.webhook_id == hook_id, _d.journal_id.in_(ids)))
    conn.execute(insert(webhook_deliveries), list(rows))
    oldest = select(_d.id).where(_d.webhook_id == hook_id).order_by(_d.id.desc()).offset(KEPT).limit(1)
    if (edge := conn.execute(oldest).scalar()) is not None:
        conn.execute(delete(webhook_deliveries).where(_d.webhook_id == hook_id, _d.id <= edge))


def deliveries(conn: Connection, _scope: Scope, hook_id: int) -> Sequence[Any]:
    """Its last deliveries, the newest first. Ask first whether the webhook may be seen."""
    return conn.execute(select(webhook_deliveries).where(_d.webhook_id == hook_id).order_by(_d.id.desc())).all()
