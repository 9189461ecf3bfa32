"""Where the second witness tells a call otherwise: both accounts, for managers, until somebody has looked."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import fields as given_fields
from pbxcrm.crm import views, witness
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.service import audit
from pbxcrm.service.errors import NotFound
from pbxcrm.service.paging import after, limit_of, page
from pbxcrm.service.paging import cursor as cursor_of
from pbxcrm.service.transact import checked, read, unchanged, write
from pbxcrm.store import disagreements, history
from pbxcrm.store.db import Database, Work

FILTERS = ("seen",)


def view(row: Mapping[str, Any]) -> dict[str, Any]:
    """{id (the call's), source: cel|cdr, at, started_at, fields, ours, theirs, believed, why, seen_at, seen_by}.

    `ours` and `theirs` are calls in the usual shape; `why` is a key for the words that say why one is believed.
    """
    return {
        "id": row["call_id"],
        "source": row["source"],
        "at": views.iso(row["at"]),
        "started_at": views.iso(row["call_at"]),
        "fields": row["fields"],
        "ours": row["ours"],
        "theirs": row["theirs"],
        "believed": witness.believed(row["fields"]),
        "why": witness.why(row["fields"], row["source"]),
        "seen_at": views.iso(row["seen_at"]),
        "seen_by": row["seen_by_name"],
    }


async def list_disagreements(
    db: Database,
    scope: Scope,
    limit: int | None = None,
    cursor: str | None = None,
    filters: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """A page, the newest call on top: {items, next}. Filter: seen (true, false). NotFound for who does not see all."""
    _may(scope)
    size, start = limit_of(limit), after(cursor, str)
    known: dict[str, given_fields.Parser] = {"seen": given_fields.truth}
    wanted: Any = checked(lambda: given_fields.parse(filters or {}, known))

    def run(conn: Connection) -> dict[str, Any]:
        found = disagreements.some(conn, scope, size + 1, seen=wanted.get("seen"), after=start)
        shown, following = page(found, size, lambda row: cursor_of(row["call_at"], row["call_id"]))
        return {"items": [view(row) for row in shown], "next": following}

    return await read(db, run)


async def seen(db: Database, scope: Scope, call_id: str) -> dict[str, Any]:
    """Somebody has looked at it. Doing it twice changes nothing. Raises NotFound."""
    _may(scope)
    return await write(db, lambda work: _see(work, scope, call_id))


def _see(work: Work, scope: Scope, call_id: str) -> dict[str, Any]:
    row = disagreements.one(work.conn, scope, call_id)
    if row is None:
        raise NotFound
    if not disagreements.see(work.conn, call_id, work.at, scope.user_id):
        raise unchanged(view(row))
    audit.note(work, scope, "disagreement.seen", "call", call_id)
    work.journal("disagreement.seen", {"id": call_id, "by": scope.name}, None)
    found = disagreements.one(work.conn, scope, call_id)
    assert found is not None
    return view(found)


def _may(scope: Scope) -> None:
    if not scope.sees_all:
        raise NotFound


async def totals(db: Database) -> dict[str, int]:
    """How often the witnesses agreed ("agreed"), disagreed ("disagreed"), and each field differed: for /metrics."""
    return await read(db, lambda conn: history.totals(conn, SYSTEM))
