"""What the journal says of a change, and who hears it."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.custom import Values
from pbxcrm.crm.views import ContactRow, DealRow, TaskRow
from pbxcrm.service import audit, custom_fields
from pbxcrm.store.db import EVERYBODY, Journalled, Work, audience, only
from pbxcrm.store.lookup import House

# What of a deal the audit log tells: columns of the row, names instead of ids.
_DEAL = (
    "title", "stage_name", "owner_name", "contact_id", "number", "value", "currency", "source", "priority", "note",
    "next_contact_at", "close_reason",
)  # fmt: skip


def deal(work: Work, kind: str, before: DealRow | None, after: DealRow, scope: Scope) -> None:
    """deal.created, deal.changed or deal.moved: the deal as it is, `before` as far as sums and columns need it, `by`.

    A person's doing goes into the audit log too.

    An owner who lost it hears of it in a row of their own, {id, gone: true, before}; managers keep seeing it.
    """
    was = None if before is None else _before(before)
    lost = before["owner_id"] if before else None
    if before is not None and lost is not None and lost != after["owner_id"]:
        work.journal("deal.changed", {"id": str(after["id"]), "gone": True, "before": was}, only(lost))
    data = {**views.deal(after), "before": was, "by": scope.name if scope.user_id else None}
    work.journal(kind, data, audience(after["owner_id"]))
    changes = audit.between(before and _audited(before), _audited(after), _DEAL)
    if changes:
        audit.note(work, scope, kind, "deal", after["id"], changes)


def _audited(row: DealRow) -> dict[str, Any]:
    """A deal as the audit log tells it: sums with their currency, times as everywhere."""
    value = f"{views.money(row['value'], row['currency'])} {row['currency']}" if row["value"] else None
    return {**row, "value": value, "next_contact_at": views.iso(row["next_contact_at"])}


def merged(work: Work, row: DealRow, into: int, scope: Scope) -> None:
    """deal.changed, {id, gone: true, before, into}: it is part of another now, for all who saw it."""
    data = {"id": str(row["id"]), "gone": True, "before": _before(row), "into": str(into)}
    work.journal("deal.changed", data, audience(row["owner_id"]))
    lost = {name: (value, None) for name, value in _audited(row).items() if name in _DEAL and value}
    audit.note(work, scope, "deal.merged", "deal", row["id"], {**lost, "into": (None, str(into))})


def _before(row: DealRow) -> dict[str, Any]:
    return {
        "stage": str(row["stage_id"]),
        "owner": row["owner_name"],
        "value": views.money(row["value"], row["currency"]),
        "currency": row["currency"],
    }


def note(work: Work, row: DealRow, view: Mapping[str, Any], scope: Scope) -> None:
    """note.added: the note and whose deal it is on."""
    audit.note(work, scope, "note.added", "deal", row["id"])
    work.journal("note.added", {**view, "deal_id": str(row["id"])}, audience(row["owner_id"]))


def task_audience(house: House, row: TaskRow) -> str | None:
    """Who sees a task: its person; a call back that nobody has taken, its team, or everybody."""
    if row["user_id"] is not None:
        return audience(row["user_id"])
    if row["kind"] != "callback":
        return None
    return audience(*house.team(row["team_id"])) if row["team_id"] is not None else EVERYBODY


def task(work: Journalled, house: House, row: TaskRow, was: TaskRow | None = None) -> None:
    """task.due: it is there to do, as it stands; task.done: it is no more. Who saw it before hears it too."""
    kind = "task.due" if row["done_at"] is None else "task.done"
    heard = task_audience(house, row)
    if was is not None and (before := task_audience(house, was)) != heard:
        heard = _wider(heard, before)
    work.journal(kind, views.task(row), heard)


def _wider(one: str | None, other: str | None) -> str | None:
    if EVERYBODY in (one, other):
        return EVERYBODY
    ids = {int(part) for text in (one, other) if text for part in text.strip("|").split("|")}
    return audience(*ids)


def contact(
    work: Journalled,
    conn: Connection,
    kind: str,
    row: ContactRow,
    numbers: list[str],
    *ids: int | None,
    own: Callable[[str], Values] | None = None,
) -> None:
    """contact.created or contact.changed, for its owner and those who have open deals with it.

    `own`: custom_fields.seeing, of many.
    """
    own = own or custom_fields.seeing(conn, "contact")
    work.journal(kind, views.contact(row, numbers, own(row["details"])), audience(*ids))
