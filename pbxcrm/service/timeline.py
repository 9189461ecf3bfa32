"""All that happened on a deal, in one row."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import offers as offer_rules
from pbxcrm.crm import views, wrapup
from pbxcrm.crm.access import Scope
from pbxcrm.crm.views import DealRow
from pbxcrm.service.documents import view as document_view
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import key, read
from pbxcrm.store import audit, calls, deals, documents, offers, stages, tasks, wrapups
from pbxcrm.store.db import Database

MOST_CALLS = MOST_CHANGES = 200


async def timeline(db: Database, scope: Scope, deal_id: object) -> list[dict[str, Any]]:
    """The newest first: [{kind: call|stage|note|task|change|offer|document, at, …}].

    call: {call: the call}. stage: {from, to, from_name, to_name, by, reason, value, currency}.
    note: {id, by, text, coaching}. task: {task: the task}. offer: {what: sent|accepted|declined, by, offer}.
    change: {by, changes: {field: [old, new]}}. document: {by, document}. The newest 200 calls and changes.
    """
    wanted = key(deal_id)
    return await read(db, lambda conn: _timeline(conn, scope, wanted))


def _timeline(conn: Connection, scope: Scope, deal_id: int) -> list[dict[str, Any]]:
    row = deals.one(conn, scope, deal_id)
    if row is None:
        raise NotFound
    items = [
        *(
            {"kind": "call", "at": view["started_at"], "call": view}
            for view in with_wrapups(conn, scope, calls.of_deal(conn, scope, deal_id, MOST_CALLS))
        ),
        *stages_of(conn, scope, row),
        *(_note(note) for note in deals.notes_of(conn, scope, deal_id)),
        *(_task(views.task(task)) for task in tasks.of_deal(conn, scope, deal_id)),
        *_changes(audit.changes_of(conn, scope, "deal", deal_id, MOST_CHANGES)),
        *(told for offer in offers.of_deal(conn, scope, deal_id) for told in _offer(offer_rules.view(offer))),
        *(_document(document_view(one)) for one in documents.of_deals(conn, scope, [deal_id])),
    ]
    return sorted(items, key=lambda item: str(item["at"]), reverse=True)


def with_wrapups(conn: Connection, scope: Scope, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """These calls with what was said of each: `wrapups`, [{by, at, outcome, note, tags}]."""
    said = wrapups.of_calls(conn, scope, [str(one["id"]) for one in found])
    return [{**one, "wrapups": [wrapup.view(row) for row in said.get(str(one["id"]), ())]} for one in found]


def stages_of(conn: Connection, scope: Scope, row: DealRow) -> list[dict[str, Any]]:
    """Every stage a deal entered, as the timeline tells it."""
    names = stages.names(conn, scope, row["pipeline_id"])
    return [
        {
            "kind": "stage",
            "at": views.iso(entry["at"]),
            "from": views.ident(entry["from_stage_id"]),
            "from_name": names.get(entry["from_stage_id"]),
            "to": str(entry["stage_id"]),
            "to_name": entry["stage_name"],
            "to_kind": entry["stage_kind"],
            "by": entry["by"],
            "reason": entry["reason"],
            "value": views.money(entry["value"], entry["currency"]),
            "currency": entry["currency"],
        }
        for entry in deals.history(conn, scope, row["id"])
    ]


def _changes(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What one person changed at one moment is one item, in however many tables it stands."""
    items: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in entries:
        at, by = entry["at"], entry["user"]
        item = items.setdefault((at, by), {"kind": "change", "at": at, "by": by, "changes": {}})
        item["changes"] |= entry["changes"]
    return [*items.values()]


def _note(note: dict[str, Any]) -> dict[str, Any]:
    told = {name: note[name] for name in ("by", "text", "coaching")}
    return {"kind": "note", "id": str(note["id"]), "at": views.iso(note["at"]), **told}


def _offer(view: dict[str, Any]) -> list[dict[str, Any]]:
    """What became of an offer, each at its time; a draft has not happened yet."""
    sent = {"kind": "offer", "what": "sent", "at": view["sent_at"], "by": view["by"], "offer": view}
    over = {"kind": "offer", "what": view["state"], "at": view["decided_at"], "by": None, "offer": view}
    return [one for one in (sent, over) if one["at"] is not None]


def _document(view: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "document", "at": view["created_at"], "by": view["by"], "document": view}


def _task(view: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "task", "at": view["created_at"], "task": view}
