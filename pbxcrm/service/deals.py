"""Deals as people use them: the board, a deal's page, New deal, change, claim, note. Moving one: service/moves.py.

Every function takes who is asking; what is not theirs is NotFound. Each change keeps the totals and the stage history
in its own transaction and tells the journal what the deal was before, so that a reader can keep sums by arithmetic.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import custom, views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.details import NAMES
from pbxcrm.crm.fields import (
    DealFields,
    Parser,
    deal_fields,
    ident,
    line,
    note_text,
    parse,
    truth,
)
from pbxcrm.crm.folding import folded
from pbxcrm.crm.pipelines import demand
from pbxcrm.crm.views import DealRow
from pbxcrm.service import audit, custom_fields, stage_steps, tell
from pbxcrm.service import companies as company_service
from pbxcrm.service import contacts as contact_service
from pbxcrm.service.board import board, column, mark
from pbxcrm.service.errors import Conflict, NotFound
from pbxcrm.service.paging import after, limit_of, page
from pbxcrm.service.timeline import timeline
from pbxcrm.service.transact import checked, key, read, unchanged, write, wrong
from pbxcrm.store import companies, contacts, deals, details, lookup, stages, tasks
from pbxcrm.store.db import Database, Work
from pbxcrm.store.stages import Stage
from pbxcrm.store.totals import Ledger

__all__ = [
    "add_note",
    "again",
    "board",
    "change",
    "claim",
    "column",
    "create",
    "get",
    "list_deals",
    "timeline",
    "unclaimed",
]

Fields = Mapping[str, object]
_BESIDE = (*NAMES, "tags", "custom")  # of what is given that which is no column


def _page(conn: Connection, scope: Scope, rows: list[DealRow], size: int) -> dict[str, Any]:
    shown, following = page(rows, size, mark)
    own = custom_fields.of_deals(conn, scope, [row["id"] for row in shown])
    return {"items": [{**views.deal(row), "custom": own[row["id"]]} for row in shown], "next": following}


async def list_deals(
    db: Database, scope: Scope, limit: int | None = None, cursor: str | None = None, filters: Fields | None = None
) -> dict[str, Any]:
    """A page of deals, the newest on top: {items, next}. Filters: stage, owner, open, contact_id, number, source."""
    size, start, wanted = limit_of(limit), after(cursor), _filters(filters or {})
    return await read(db, lambda conn: _page(conn, scope, deals.some(conn, scope, size + 1, wanted, start), size))


def _filters(given: Fields) -> dict[str, Any]:
    known: dict[str, Parser] = {
        "stage": ident,
        "owner": line,
        "open": truth,
        "contact_id": ident,
        "company_id": ident,
        "number": line,
        "source": line,
        "q": line,
    }
    parsed = checked(lambda: parse(given, known))
    return {"stage_id" if name == "stage" else name: value for name, value in parsed.items()}


async def unclaimed(db: Database, scope: Scope, limit: int | None = None) -> dict[str, Any]:
    """Open deals that nobody owns and this person may claim: {items}."""
    size = limit_of(limit)
    return {"items": await read(db, lambda c: [views.deal(row) for row in deals.unclaimed(c, scope, size)])}


async def get(db: Database, scope: Scope, deal_id: object) -> dict[str, Any]:
    """One deal."""
    wanted = key(deal_id)
    return await read(db, lambda conn: shown(conn, scope, _seen(conn, scope, wanted)))


def shown(conn: Connection, scope: Scope, row: DealRow) -> dict[str, Any]:
    """A deal, and `custom`: what the house's own fields show of it."""
    return {**views.deal(row), "custom": custom_fields.of_deals(conn, scope, [row["id"]])[row["id"]]}


def _seen(conn: Connection, scope: Scope, deal_id: int) -> DealRow:
    row = deals.one(conn, scope, deal_id)
    if row is None:
        raise NotFound
    return row


async def create(db: Database, scope: Scope, fields: Fields) -> dict[str, Any]:
    """A new deal, in the first pipeline's first open stage (Unsorted is for calls) unless `stage` names one.

    A seller's deal is their own. With a `number` and no `contact_id` the contact of that number is taken, or made.
    Raises Invalid.
    """
    return await write(db, lambda work: _create(work, scope, fields, db.region))


def _create(work: Work, scope: Scope, fields: Fields, region: str | None) -> dict[str, Any]:
    return shown(work.conn, scope, add(work, scope, fields, region))


def add(work: Work, scope: Scope, fields: Fields, region: str | None) -> DealRow:
    """Create a deal within a transaction that does more."""
    conn = work.conn
    house = lookup.house(conn, scope)
    given = checked(lambda: deal_fields(fields, house.currency, region))
    given = custom_fields.taken(conn, "deal", given, {}, region)
    stage = _first_stage(conn, scope, given, house)
    if stage.kind == "lost":
        raise wrong({"stage": "A new deal cannot be lost yet; make it, then move it."})
    owner = scope.user_id or None
    if "owner" in given and scope.sees_all:
        owner = _owner(house, given["owner"])
    elif given.get("owner", scope.name) != scope.name:
        raise wrong({"owner": "Your deals are your own; a manager can give them to somebody else."})
    given = _at_company(work, scope, given)
    contact_id, number = _contact(work, scope, given, owner)
    row = {
        "title": given.get("title") or number or "",
        "pipeline_id": stage.pipeline_id,
        "stage_id": stage.id,
        "open": stage.open,
        "owner_id": owner,
        "contact_id": contact_id,
        "number": number,
        "value": given.get("value", 0),
        "currency": given.get("currency", house.currency),
        "source": given.get("source", ""),
        "priority": given.get("priority", 0),
        "note": given.get("note", ""),
        "next_contact_at": given.get("next_contact_at"),
        "company_id": _company(conn, scope, given),
        "expected_close": given.get("expected_close"),
        "created_at": work.at,
        "stage_since": work.at,
        "active_at": work.at,
        "closed_at": None if stage.open else work.at,
        "changed_by": scope.user_id or None,
    }
    if not row["title"]:
        raise wrong({"title": "This is needed."})
    said: dict[str, Any] = {name: str(given.get(name, "")) for name in NAMES if given.get(name)}
    said = custom.put(said, given.get("custom", {}))
    checked(lambda: demand(stage.needs, {**row, **said}))
    row |= stage_steps.next_contact(stage, row, work.at)
    made = enter(work, scope, [row])[0]
    stage_steps.entered(work, scope, None, made, stage)
    if said:
        details.put(conn, made["id"], said)
    if given.get("tags"):
        details.tag(conn, "deal", made["id"], given["tags"])
    return made


def _at_company(work: Work, scope: Scope, given: DealFields) -> DealFields:
    """With the company that is called as was typed, if they see one, else with a new one."""
    if "company" not in given or given.get("company_id") is not None:
        return given
    name = given["company"]
    known = companies.of_name(work.conn, scope, name) if name else None
    if name and known is None:
        known = company_service.add(work, scope, {"name": name})
    return {**given, "company_id": known["id"] if known else None}


def _company(conn: Connection, scope: Scope, given: DealFields) -> int | None:
    """The company that was named; without one that of the customer."""
    if (company_id := given.get("company_id")) is not None:
        if companies.one(conn, scope, company_id) is None:
            raise wrong({"company_id": "There is no such company."})
        return company_id
    contact = contacts.one(conn, scope, given.get("contact_id") or 0) if "company_id" not in given else None
    return contact["company_id"] if contact is not None else None


def enter(work: Work, scope: Scope, new: list[dict[str, Any]]) -> list[DealRow]:
    """Put new deals into the tables: the row, its first stage, the totals, the journal."""
    ledger = Ledger()
    made = deals.of_ids(work.conn, scope, deals.add(work.conn, new))
    for row in made:
        ledger.enters(row["stage_id"], row["owner_id"], row["currency"], row["value"])
    deals.enters(work.conn, [_entry(scope, row, None) for row in made])
    ledger.write(work.conn)
    for row in made:
        tell.deal(work, "deal.created", None, row, scope)
    return made


def _entry(scope: Scope, row: DealRow, before: int | None, reason: str = "") -> dict[str, Any]:
    return {
        "deal_id": row["id"],
        "from_stage_id": before,
        "stage_id": row["stage_id"],
        "at": row["stage_since"],
        "user_id": scope.user_id or None,
        "owner_id": row["owner_id"],
        "value": row["value"],
        "currency": row["currency"],
        "reason": reason,
        "version": row["version"],
    }


def _first_stage(conn: Connection, scope: Scope, given: DealFields, house: lookup.House) -> Stage:
    if "stage" not in given:
        known = stages.stages(conn, scope, house.pipeline.id)
        return next((stage for stage in known if stage.kind == "open"), house.unsorted)
    stage = stages.stage(conn, scope, given["stage"])
    if stage is None:
        raise wrong({"stage": "There is no such stage."})
    return stage


def _owner(house: lookup.House, name: str | None) -> int | None:
    if name is None:
        return None
    user = house.users.get(name)
    if user is None or not user.active:
        raise wrong({"owner": "There is no such person."})
    return user.id


def _contact(work: Work, scope: Scope, given: DealFields, owner: int | None) -> tuple[int | None, str | None]:
    """The contact and number of a deal; a contact is found or made for a number that comes alone."""
    contact_id, number = given.get("contact_id"), given.get("number")
    if contact_id is not None:
        if contacts.one(work.conn, scope, contact_id) is None:
            raise wrong({"contact_id": "There is no such contact."})
        known = contacts.numbers(work.conn, scope, [contact_id])[contact_id]
        return contact_id, number or (known[0] if known else None)
    if number is None:
        return None, None
    return contact_service.of_number(work, scope, number, owner), number


async def change(db: Database, scope: Scope, deal_id: object, version: int, fields: Fields) -> dict[str, Any]:
    """Set fields of a deal that still has this version. Raises NotFound, Conflict, Invalid. `stage`: see `move`."""
    wanted = key(deal_id)
    return await write(db, lambda work: _change(work, scope, wanted, version, fields, db.region))


def _change(work: Work, scope: Scope, deal_id: int, version: int, fields: Fields, region: str | None) -> dict[str, Any]:
    before = current(work.conn, scope, deal_id, version)
    held = details.of_deal(work.conn, scope, deal_id)
    given = checked(lambda: deal_fields(fields, before["currency"], region))
    given = custom_fields.taken(work.conn, "deal", given, held.get("custom", {}), region)
    if "stage" in given:
        raise wrong({"stage": "A deal changes its stage by a move."})
    given = _at_company(work, scope, given)
    values: dict[str, Any] = {k: v for k, v in given.items() if k not in ("owner", "company")}
    if "owner" in given:
        if not scope.sees_all and given["owner"] != scope.name:
            raise wrong({"owner": "Only a manager gives a deal to somebody else."})
        values["owner_id"] = _owner(lookup.house(work.conn, scope), given["owner"])
    if given.get("contact_id") is not None and contacts.one(work.conn, scope, given["contact_id"] or 0) is None:
        raise wrong({"contact_id": "There is no such contact."})
    if "currency" in values and values["currency"] != before["currency"] and "value" not in values:
        raise wrong({"currency": "Say the value in the new currency too."})
    if given.get("company_id") is not None:
        _company(work.conn, scope, given)
    if "custom" in given:
        values["custom"] = custom.put(held, given["custom"]).get("custom", {})
    known: dict[str, Any] = {**dict.fromkeys(NAMES, ""), "custom": {}, **before, **held}
    known["tags"] = details.tags_of(work.conn, scope, "deal", deal_id)
    if "tags" in values:
        values["tags"] = sorted(values["tags"])
    values = {k: v for k, v in values.items() if v != known[k]}
    if not values:
        raise unchanged(shown(work.conn, scope, before))
    return shown(work.conn, scope, store_change(work, scope, before, values))


def store_change(
    work: Work, scope: Scope, before: DealRow, values: Mapping[str, Any], kind: str = "deal.changed", reason: str = ""
) -> DealRow:
    """Write changed columns and details of a deal with all that follows: version, totals, history of a new stage, the
    journal.
    """
    said = {name: value for name, value in values.items() if name in _BESIDE}
    values = {name: value for name, value in values.items() if name not in _BESIDE}
    touched: dict[str, object] = {"active_at": work.at, "changed_by": scope.user_id or None}
    if "title" in values or "note" in values:
        touched["search"] = folded(values.get("title", before["title"]), values.get("note", before["note"]))
    if not deals.change(work.conn, before["id"], before["version"], {**values, **touched}):
        raise Conflict("Somebody else was changing this deal at the same moment. Nothing was stored; try again.")
    if said:
        _say_details(work, scope, before["id"], said)
    after_ = deals.of_ids(work.conn, scope, [before["id"]])[0]
    ledger = Ledger()
    ledger.leaves(before)
    ledger.enters(after_["stage_id"], after_["owner_id"], after_["currency"], after_["value"])
    ledger.write(work.conn)
    if after_["stage_id"] != before["stage_id"]:
        deals.enters(work.conn, [_entry(scope, after_, before["stage_id"], reason)])
    if after_["owner_id"] != before["owner_id"]:
        _hand_over(work, scope, before, after_)
    tell.deal(work, kind, before, after_, scope)
    return after_


def _say_details(work: Work, scope: Scope, deal_id: int, said: Mapping[str, Any]) -> None:
    before: dict[str, Any] = details.of_deal(work.conn, scope, deal_id)
    details.put(work.conn, deal_id, {**before, **{name: text for name, text in said.items() if name != "tags"}})
    if "tags" in said:
        before["tags"] = ", ".join(details.tags_of(work.conn, scope, "deal", deal_id))
        details.tag(work.conn, "deal", deal_id, said["tags"])
        said = {**said, "tags": ", ".join(said["tags"])}
    changes = {name: (before.get(name), value or None) for name, value in said.items() if name != "custom"}
    if "custom" in said:
        changes |= custom_fields.differing(before.get("custom", {}), said["custom"])
    audit.note(work, scope, "deal.changed", "deal", deal_id, changes)


def _hand_over(work: Work, scope: Scope, before: DealRow, after_: DealRow) -> None:
    """What is still to do on a deal goes to its new owner."""
    moved = [
        task
        for task in tasks.of_deal(work.conn, scope, before["id"], open_only=True)
        if task["user_id"] == before["owner_id"] and task["kind"] not in ("look", "device")
    ]
    if moved and after_["owner_id"] is not None:
        tasks.hand(work.conn, [{"task": task["id"], "user": after_["owner_id"]} for task in moved])
        house = lookup.house(work.conn, scope)
        for was, now in zip(moved, tasks.of_ids(work.conn, scope, [t["id"] for t in moved]), strict=True):
            tell.task(work, house, now, was)


def current(conn: Connection, scope: Scope, deal_id: int, version: int) -> DealRow:
    """The deal as it is, if it still has this version. Raises NotFound, Conflict."""
    row = _seen(conn, scope, deal_id)
    if row["version"] != version:
        by, moved = deals.changed_by(conn, scope, row)
        who = by or "A call"
        did = f"moved this deal to {row['stage_name']}" if moved else "changed this deal"
        raise Conflict(
            f"{who} {did} meanwhile. Nothing of yours was stored; look at it as it is now, then try again.",
            current=shown(conn, scope, row),
            by=by,
        )
    return row


async def again(db: Database, scope: Scope, deal_id: object) -> dict[str, Any]:
    """A new deal out of one that was won (a repeat order, a renewal): the same customer, company, people, product,
    value and tags, in the first open stage of its pipeline. Raises NotFound, Invalid.
    """
    wanted = key(deal_id)
    return await write(
        db, lambda work: shown(work.conn, scope, _again(work, scope, _seen(work.conn, scope, wanted), db.region))
    )


def _again(work: Work, scope: Scope, old: DealRow, region: str | None) -> DealRow:
    conn = work.conn
    if old["open"]:
        raise wrong({"stage": "This deal is still open; a new one is made of a deal that is over."})
    known = stages.stages(conn, scope, old["pipeline_id"])
    first = next((stage for stage in known if stage.kind == "open"), known[0])
    said = details.of_deal(conn, scope, old["id"])
    fields: dict[str, object] = {
        "title": old["title"] or old["number"] or "",
        "stage": str(first.id),
        "value": views.money(old["value"], old["currency"]),
        "source": old["source"],
        "tags": details.tags_of(conn, scope, "deal", old["id"]),
        **{name: said[name] for name in ("product", "preferences", "contact_by", "process") if said.get(name)},
    }
    fields |= {name: str(old[name]) for name in ("contact_id", "company_id") if old[name] is not None}
    fields |= {name: old[name] for name in ("currency", "number") if old[name]}
    if old["owner_name"] and scope.sees_all:
        fields["owner"] = old["owner_name"]
    made = add(work, scope, fields, region)
    for one in details.people(conn, scope, old["id"]):
        details.has_say(conn, made["id"], one["contact_id"], one["role"], one["note"])
    return made


async def claim(db: Database, scope: Scope, deal_id: object) -> dict[str, Any]:
    """Take a deal that nobody owns. Raises NotFound where it is not this person's to claim, Conflict when too late."""
    wanted = key(deal_id)
    return await write(db, lambda work: _claim(work, scope, wanted))


def _claim(work: Work, scope: Scope, deal_id: int) -> dict[str, Any]:
    mine = deals.one(work.conn, scope, deal_id)
    if mine is not None and mine["owner_id"] == scope.user_id:
        raise unchanged(shown(work.conn, scope, mine))
    if mine is not None and mine["owner_id"] is not None:
        raise Conflict(
            f"{mine['owner_name']} owns this deal already.",
            current=shown(work.conn, scope, mine),
            by=mine["owner_name"],
        )
    row = deals.claimable(work.conn, scope, deal_id)
    if row is None:
        raise NotFound
    return shown(work.conn, scope, store_change(work, scope, row, {"owner_id": scope.user_id}))


async def add_note(
    db: Database, scope: Scope, deal_id: object, text: object, *, coaching: bool = False
) -> dict[str, Any]:
    """Write a note on a deal: {kind: note, id, at, by, text, coaching}. Raises NotFound, Invalid.

    `coaching`: a manager's, for the owner to learn from; nobody reads it but those who see the deal.
    """
    wanted = key(deal_id)
    said = checked(lambda: note_text(text))
    if coaching and not scope.sees_all:
        raise wrong({"coaching": "Only a manager coaches."})
    return await write(db, lambda work: noted(work, scope, _seen(work.conn, scope, wanted), said, coaching=coaching))


def noted(work: Work, scope: Scope, row: DealRow, text: str, *, coaching: bool = False) -> dict[str, Any]:
    """Write a note on this deal within a transaction that does more."""
    made = deals.add_note(work.conn, row["id"], scope.user_id or None, work.at, text, coaching=coaching)
    deals.touch(work.conn, [{"deal": row["id"], "moment": work.at}])
    view: dict[str, Any] = {"kind": "note", "id": str(made), "at": views.iso(work.at), "by": scope.name, "text": text}
    view["coaching"] = coaching
    tell.note(work, row, view, scope)
    return view
