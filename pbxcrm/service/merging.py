"""A deal of Unsorted that belongs to a deal there is already: its calls, notes and tasks go along, nothing is lost."""

from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import views
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.views import DealRow
from pbxcrm.service import tell
from pbxcrm.service.calls import retell
from pbxcrm.service.deals import current, store_change
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import key, read, write, wrong
from pbxcrm.store import contacts, deals, lookup, merging, tasks
from pbxcrm.store.db import Database, Work
from pbxcrm.store.totals import Ledger

MOST = 12  # deals to choose from


async def candidates(db: Database, scope: Scope, deal_id: object, q: str = "") -> dict[str, Any]:
    """Open deals of theirs that this one may belong to: {deal, items}. Without words those of its contact and number
    first, then the newest.
    """
    wanted = key(deal_id)

    def run(conn: Connection) -> dict[str, Any]:
        row = _seen(conn, scope, wanted)
        filters: list[dict[str, Any]] = [{"open": True, "q": q}] if q.strip() else []
        if not filters:
            filters = [{"open": True, "contact_id": row["contact_id"]}] if row["contact_id"] is not None else []
            filters += [{"open": True, "number": row["number"]}] if row["number"] else []
            filters.append({"open": True})
        found = {one["id"]: one for by in filters for one in deals.some(conn, scope, MOST + 1, by)}
        found.pop(wanted, None)
        # A deal of Unsorted is what somebody sorts, not what they sort into.
        chosen = [one for one in found.values() if one["stage_kind"] != "unsorted"]
        return {"deal": views.deal(row), "items": [views.deal(one) for one in chosen[:MOST]]}

    return await read(db, run)


def _seen(conn: Connection, scope: Scope, deal_id: int) -> DealRow:
    row = deals.one(conn, scope, deal_id)
    if row is None:
        raise NotFound
    return row


async def into(db: Database, scope: Scope, deal_id: object, version: int, to: object) -> dict[str, Any]:
    """Make a deal of Unsorted part of the open deal `to`; gives that one. The first is no more.

    What `to` lacks (contact, number, source, value, next contact) it gets; a note of the first becomes one on its
    timeline. Raises NotFound, Conflict, Invalid.
    """
    wanted = key(deal_id)
    return await write(db, lambda work: views.deal(_into(work, scope, wanted, version, to)))


def _into(work: Work, scope: Scope, deal_id: int, version: int, to: object) -> DealRow:
    conn = work.conn
    row = current(conn, scope, deal_id, version)
    if row["stage_kind"] != "unsorted":
        raise wrong({"to": "Only a deal of Unsorted is linked to another; this one is sorted already."})
    target = deals.one(conn, scope, _target(to)) if to else None
    if target is None or not target["open"] or target["id"] == deal_id:
        raise wrong({"to": "Choose an open deal of yours."})
    calls = merging.calls_of(conn, scope, deal_id)
    before = tasks.of_deal(conn, scope, deal_id)
    merging.no_maker(conn, deal_id)
    merging.deal_is(conn, deal_id, target["id"])
    merging.forget(conn, deal_id)
    ledger = Ledger()
    ledger.leaves(row)
    ledger.write(conn)
    tell.merged(work, row, target["id"], scope)
    values = _lacking(row, target)
    if values.get("contact_id") is None:
        _join_contacts(work, row, target)
    _keep_note(work, scope, row, target)
    made = store_change(work, scope, target, values)
    house = lookup.house(conn, scope)
    was = {task["id"]: task for task in before}
    for task in tasks.of_ids(conn, scope, list(was)):
        tell.task(work, house, task, was[task["id"]])
    for call_id in calls:
        retell(work, scope, call_id, made["owner_id"])
    return made


def _target(to: object) -> int:
    try:
        return key(to)
    except NotFound:
        raise wrong({"to": "Choose an open deal of yours."}) from None


def _lacking(row: DealRow, target: DealRow) -> dict[str, Any]:
    """What the target gets, for it has none."""
    values: dict[str, Any] = {}
    if target["contact_id"] is None and row["contact_id"] is not None:
        values["contact_id"] = row["contact_id"]
    if not target["number"] and row["number"]:
        values["number"] = row["number"]
    if not target["source"] and row["source"]:
        values["source"] = row["source"]
    if target["next_contact_at"] is None and row["next_contact_at"] is not None:
        values["next_contact_at"] = row["next_contact_at"]
    if not target["value"] and row["value"]:
        values |= {"value": row["value"], "currency": row["currency"]}
    return values


def _join_contacts(work: Work, row: DealRow, target: DealRow) -> None:
    """A caller of whom nothing but a number is known is the target's contact, calling from another number."""
    one, to = row["contact_id"], target["contact_id"]
    if one is None or to is None or one == to:
        return
    known = contacts.of_ids(work.conn, SYSTEM, [one, to])
    if any(known[one][name] for name in ("name", "company", "email", "note")):
        return  # somebody else: they stay who they are, and their calls stay theirs
    merging.contact_is(work.conn, one, to)
    numbers = contacts.numbers(work.conn, SYSTEM, [to])[to]
    heard = (known[to]["owner_id"], *contacts.open_deal_owners(work.conn, SYSTEM, to))
    tell.contact(work, work.conn, "contact.changed", known[to], numbers, *heard)


def _keep_note(work: Work, scope: Scope, row: DealRow, target: DealRow) -> None:
    if not row["note"]:
        return
    text = f"{row['title']}\n{row['note']}"
    made = deals.add_note(work.conn, target["id"], scope.user_id or None, work.at, text)
    view = {
        "kind": "note",
        "id": str(made),
        "at": views.iso(work.at),
        "by": scope.name,
        "text": text,
        "coaching": False,
    }
    tell.note(work, target, view, scope)
