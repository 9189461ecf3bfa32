"""Price offers on deals: written, sent on the day agreed, revised, accepted or declined.

A draft is changed as often as one likes. What was sent stays as it was sent: another word is another revision.
"""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from pbxcrm.crm import views
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.money import money
from pbxcrm.crm.offers import OfferFields, OfferRow, offer_fields, total, view
from pbxcrm.crm.views import DealRow
from pbxcrm.service import audit, tell
from pbxcrm.service import tasks as task_service
from pbxcrm.service.deals import store_change
from pbxcrm.service.errors import Conflict, NotFound
from pbxcrm.service.transact import checked, key, read, unchanged, write, wrong
from pbxcrm.store import deals, details, lookup, offers, people, tasks
from pbxcrm.store.db import Database, Work, audience

Fields = Mapping[str, object]
AT = time(9)  # of the day an offer is to be sent, where its sender is
_TOLD = ("title", "total", "send_on", "valid_until", "note")


def _seen(conn: Connection, scope: Scope, offer_id: int) -> tuple[OfferRow, DealRow]:
    row = offers.one(conn, scope, offer_id)
    deal = deals.one(conn, scope, row["deal_id"]) if row is not None else None
    if row is None or deal is None:
        raise NotFound
    return row, deal


def _deal(conn: Connection, scope: Scope, deal_id: int) -> DealRow:
    deal = deals.one(conn, scope, deal_id)
    if deal is None:
        raise NotFound
    return deal


async def of_deal(db: Database, scope: Scope, deal_id: object) -> list[dict[str, Any]]:
    """A deal's offers, the newest on top, each with its earlier revisions below it. Raises NotFound."""
    wanted = key(deal_id)
    return await read(db, lambda conn: _of_deal(conn, scope, wanted))


def _of_deal(conn: Connection, scope: Scope, deal_id: int) -> list[dict[str, Any]]:
    _deal(conn, scope, deal_id)
    return [view(row) for row in offers.of_deal(conn, scope, deal_id)]


async def get(db: Database, scope: Scope, offer_id: object) -> dict[str, Any]:
    """One. Raises NotFound."""
    wanted = key(offer_id)
    return await read(db, lambda conn: view(_seen(conn, scope, wanted)[0]))


async def beside(db: Database, scope: Scope, deal_id: object) -> dict[str, Any]:
    """What whoever writes an offer should have in sight: {deal, details}. Raises NotFound."""
    wanted = key(deal_id)

    def run(conn: Connection) -> dict[str, Any]:
        deal = _deal(conn, scope, wanted)
        return {"deal": views.deal(deal), "details": details.of_deal(conn, scope, wanted)}

    return await read(db, run)


# -- writing one -----------------------------------------------------------------------------------------------------


async def create(db: Database, scope: Scope, deal_id: object, fields: Fields) -> dict[str, Any]:
    """A draft on a deal: title (else the deal's), items, currency (else the deal's), send_on, valid_until, note.

    Who owns the deal is reminded on the day it is to be sent. Raises NotFound, Invalid.
    """
    wanted = key(deal_id)

    def run(work: Work) -> dict[str, Any]:
        deal = _deal(work.conn, scope, wanted)
        given = checked(lambda: offer_fields(fields, deal["currency"]))
        row: dict[str, Any] = {"currency": deal["currency"], "items": [], **given, "deal_id": wanted}
        row["title"] = row.get("title") or deal["title"]
        row["total"] = total(row["items"])
        row |= {"created_at": work.at, "created_by": scope.user_id or None}
        made = offers.add(work.conn, row)
        return view(_told(work, scope, deal, None, made, "offer.created"))

    return await write(db, run)


def _told(work: Work, scope: Scope, deal: DealRow, before: OfferRow | None, offer_id: int, kind: str) -> OfferRow:
    """The offer as it is now, its promise kept in step, journal and audit log told."""
    _promise(work, scope, deal, _now(work, scope, offer_id))
    row = _now(work, scope, offer_id)
    work.journal(kind, view(row), audience(deal["owner_id"]))
    said = audit.between(before and _audited(before), _audited(row), _TOLD)
    audit.note(work, scope, kind, "offer", offer_id, said)
    deals.touch(work.conn, [{"deal": deal["id"], "moment": work.at}])
    return row


def _now(work: Work, scope: Scope, offer_id: int) -> OfferRow:
    row = offers.one(work.conn, scope, offer_id)
    assert row is not None
    return row


def _audited(row: OfferRow) -> dict[str, Any]:
    return {**row, "total": f"{money(row['total'], row['currency'])} {row['currency']}"}


def _promise(work: Work, scope: Scope, deal: DealRow, row: OfferRow) -> None:
    """The task to send it on the day agreed: made, moved to another day, done once it is sent, gone with the day."""
    task = next(iter(tasks.of_ids(work.conn, SYSTEM, [row["task_id"]])), None) if row["task_id"] else None
    if row["state"] != "draft" or row["send_on"] is None:
        if task is not None and task["done_at"] is None:
            _kept(work, scope, task)
        return
    at = _morning(work.conn, deal["owner_id"] or scope.user_id, row["send_on"])
    if task is not None and task["done_at"] is not None and task["due_at"] == at:
        return  # it was sent, but for saying so here
    if task is None or task["done_at"] is not None:
        made = task_service.added(work, scope, _to_send(work, scope, deal, row, at))
        offers.promised(work.conn, row["id"], made["id"])
    elif (task["due_at"], task["title"]) != (at, row["title"]):
        tasks.change(work.conn, task["id"], task["version"], {"due_at": at, "remind_at": at, "title": row["title"]})
        tell.task(work, lookup.house(work.conn, scope), tasks.of_ids(work.conn, scope, [task["id"]])[0])


def _to_send(work: Work, scope: Scope, deal: DealRow, row: OfferRow, at: float) -> dict[str, Any]:
    return {
        "kind": "mail",
        "title": row["title"] or deal["title"],
        "deal_id": deal["id"],
        "contact_id": deal["contact_id"],
        "number": deal["number"],
        "user_id": deal["owner_id"] or scope.user_id or None,
        "created_by": scope.user_id or None,
        "created_at": work.at,
        "due_at": at,
        "remind_at": at,
    }


def _kept(work: Work, scope: Scope, task: views.TaskRow) -> None:
    tasks.done(work.conn, [{"task": task["id"], "at": work.at, "by": scope.user_id or None}])
    tell.task(work, lookup.house(work.conn, scope), tasks.of_ids(work.conn, scope, [task["id"]])[0])


def _morning(conn: Connection, user_id: int, day: str) -> float:
    """Nine o'clock of that day where this person is, epoch seconds."""
    user = people.by_id(conn, SYSTEM, user_id) if user_id else None
    try:
        there = ZoneInfo(user.time_zone if user is not None else "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        there = ZoneInfo("UTC")
    return datetime.combine(date.fromisoformat(day), AT, there).timestamp()


def _current(conn: Connection, scope: Scope, offer_id: int, version: int, *states: str) -> tuple[OfferRow, DealRow]:
    row, deal = _seen(conn, scope, offer_id)
    if row["version"] != version:
        raise Conflict(
            "Somebody changed this offer meanwhile. Nothing of yours was stored; look at it as it is now.",
            current=view(row),
        )
    if row["state"] not in states:
        raise Conflict(
            "An offer stays as it was sent. Nothing was stored; revise it to say something else.",
            current=view(row),
            code="offer_frozen",
        )
    return row, deal


def _changed(
    work: Work, scope: Scope, deal: DealRow, row: OfferRow, values: Mapping[str, Any], kind: str
) -> dict[str, Any]:
    if not offers.change(work.conn, row, values):
        raise Conflict("Somebody else was changing this offer at the same moment. Nothing was stored; try again.")
    return view(_told(work, scope, deal, row, row["id"], kind))


async def change(db: Database, scope: Scope, offer_id: object, version: int, fields: Fields) -> dict[str, Any]:
    """Set fields of a draft that still has this version. Raises NotFound, Conflict (also once it is sent), Invalid."""
    wanted = key(offer_id)

    def run(work: Work) -> dict[str, Any]:
        row, deal = _current(work.conn, scope, wanted, version, "draft")
        given = checked(lambda: offer_fields(fields, row["currency"]))
        if given.get("currency", row["currency"]) != row["currency"] and "items" not in given and row["items"]:
            raise wrong({"currency": "Say the prices in the new currency too."})
        values = {name: value for name, value in _summed(given).items() if value != row[name]}  # type: ignore[literal-required]
        if not values:
            raise unchanged(view(row))
        return _changed(work, scope, deal, row, values, "offer.changed")

    return await write(db, run)


def _summed(given: OfferFields) -> dict[str, Any]:
    return {**given, "total": total(given["items"])} if "items" in given else dict(given)


# -- its way ---------------------------------------------------------------------------------------------------------


async def send(db: Database, scope: Scope, offer_id: object, version: int) -> dict[str, Any]:
    """It was sent: from now on it stays as it is. Raises NotFound, Conflict, Invalid (there is no line in it)."""
    wanted = key(offer_id)

    def run(work: Work) -> dict[str, Any]:
        row, deal = _current(work.conn, scope, wanted, version, "draft")
        if not row["items"]:
            raise wrong({"items": "Write at least one line before it is sent."})
        return _changed(work, scope, deal, row, {"state": "sent", "sent_at": work.at}, "offer.sent")

    return await write(db, run)


async def decide(
    db: Database, scope: Scope, offer_id: object, version: int, *, accepted: bool, value: bool = False
) -> dict[str, Any]:
    """The customer accepted it, or declined. `value`: its total becomes the deal's value. Raises NotFound, Conflict."""
    wanted = key(offer_id)

    def run(work: Work) -> dict[str, Any]:
        row, deal = _current(work.conn, scope, wanted, version, "sent")
        if accepted and value:
            worth = {"value": row["total"], "currency": row["currency"]}
            if any(deal[name] != one for name, one in worth.items()):  # type: ignore[literal-required]
                deal = store_change(work, scope, deal, worth)
        state = "accepted" if accepted else "declined"
        return _changed(work, scope, deal, row, {"state": state, "decided_at": work.at}, f"offer.{state}")

    return await write(db, run)


async def revise(db: Database, scope: Scope, offer_id: object) -> dict[str, Any]:
    """The next revision of what was sent, a draft to begin with; the draft there is already, if there is one.

    Raises NotFound, Conflict (it is a draft itself).
    """
    wanted = key(offer_id)

    def run(work: Work) -> dict[str, Any]:
        row, deal = _seen(work.conn, scope, wanted)
        _current(work.conn, scope, wanted, row["version"], "sent", "accepted", "declined")
        number = row["first_id"] or row["id"]
        if (draft := offers.draft_of(work.conn, scope, number)) is not None:
            raise unchanged(view(draft))
        newest = max(
            one["revision"]
            for one in offers.of_deal(work.conn, scope, deal["id"])
            if number in (one["first_id"], one["id"])
        )
        copied = {name: row[name] for name in ("deal_id", "currency", "items", "total", "note", "title")}
        more = {"first_id": number, "revision": newest + 1, "created_at": work.at, "created_by": scope.user_id or None}
        made = offers.add(work.conn, {**copied, **more})
        return view(_told(work, scope, deal, None, made, "offer.created"))

    return await write(db, run)


async def discard(db: Database, scope: Scope, offer_id: object, version: int) -> str:
    """Throw a draft away; gives its deal's id. Raises NotFound, Conflict (it was sent)."""
    wanted = key(offer_id)

    def run(work: Work) -> str:
        row, deal = _current(work.conn, scope, wanted, version, "draft")
        if row["task_id"] is not None:
            _promise(work, scope, deal, {**row, "send_on": None})
        offers.remove(work.conn, wanted)
        work.journal("offer.removed", {"id": str(wanted), "deal_id": str(deal["id"])}, audience(deal["owner_id"]))
        audit.note(work, scope, "offer.removed", "offer", wanted, {"title": (row["title"], None)})
        return str(deal["id"])

    return await write(db, run)
