"""Companies: what we are to each other, their people and their deals; and notes on companies and people."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import custom, views
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.custom import Values
from pbxcrm.crm.fields import CompanyFields, company_fields, note_text
from pbxcrm.crm.views import CompanyRow
from pbxcrm.service import audit, contact_scores, custom_fields, owners
from pbxcrm.service.errors import Conflict, Merged, NotFound
from pbxcrm.service.paging import after, cursor, limit_of, page
from pbxcrm.service.transact import checked, key, read, unchanged, write
from pbxcrm.store import companies, contacts, details, merging
from pbxcrm.store.contact_scores import of_company
from pbxcrm.store.db import Database, Work, audience

Fields = Mapping[str, object]
_AUDITED = ("name", "relation", "number", "email", "site", "address", "city", "note", "owner_name")


async def list_companies(
    db: Database, scope: Scope, limit: int | None = None, start: str | None = None, q: str = ""
) -> dict[str, Any]:
    """A page, the newest on top: {items, next}; each with how many `people` and open `deals` of theirs one sees."""
    size, past = limit_of(limit), after(start)

    def run(conn: Connection) -> dict[str, Any]:
        found = companies.some(conn, scope, size + 1, q[:200], past[1] if past else None)
        rows, following = page(found, size, lambda row: cursor(row["created_at"], row["id"]))
        counts = companies.counts(conn, scope, [row["id"] for row in rows])
        own = custom_fields.seeing(conn, "company")

        def told(row: CompanyRow) -> dict[str, Any]:
            people, deals = counts[row["id"]]
            return {**views.company(row, own(row["details"])), "people": people, "deals": deals}

        return {"items": [told(row) for row in rows], "next": following}

    return await read(db, run)


async def get(db: Database, scope: Scope, company_id: object) -> dict[str, Any]:
    """One company. Raises NotFound; Merged, where it is part of another one now."""
    wanted = key(company_id)
    return await read(db, lambda conn: _view(conn, _seen(conn, scope, wanted)))


def _view(conn: Connection, row: CompanyRow) -> dict[str, Any]:
    return views.company(row, custom_fields.seen(conn, "company", row["details"]))


def _seen(conn: Connection, scope: Scope, company_id: int) -> CompanyRow:
    row = companies.one(conn, scope, company_id)
    if row is None:
        into = merging.leads_to(conn, scope, "company", company_id)
        raise NotFound if into is None or companies.one(conn, scope, into) is None else Merged(str(into))
    return row


async def create(db: Database, scope: Scope, fields: Fields) -> dict[str, Any]:
    """A new company; a seller's is their own. Raises Invalid."""
    given = checked(lambda: company_fields(fields, db.region, ("name",)))

    def run(work: Work) -> dict[str, Any]:
        whole = custom_fields.taken(work.conn, "company", given, {}, db.region)
        return _view(work.conn, add(work, scope, whole))

    return await write(db, run)


def add(work: Work, scope: Scope, given: CompanyFields) -> CompanyRow:
    """Create a company within a transaction that does more."""
    values = columns("{}", given)
    owner = owners.of_new(work.conn, scope, given, "company")
    made = companies.add(work.conn, {**values, "owner_id": owner, "created_at": work.at})
    row = _seen(work.conn, SYSTEM, made)
    told(work, scope, "company.created", None, row)
    return row


def columns(details: str, given: CompanyFields) -> dict[str, Any]:
    """The columns of what was given, beside the owner."""
    values: dict[str, Any] = {k: v for k, v in given.items() if k not in ("owner", "custom")}
    if "custom" in given:
        values["details"] = json.dumps(custom.put(json.loads(details), given["custom"]), ensure_ascii=False)
    return values


def told(
    work: Work,
    scope: Scope,
    kind: str,
    before: CompanyRow | None,
    row: CompanyRow,
    own: Callable[[str], Values] | None = None,
) -> None:
    """Tell the journal and the audit log; `own`: custom_fields.seeing, of many."""
    heard = (before["owner_id"] if before else None, row["owner_id"])
    own = own or custom_fields.seeing(work.conn, "company")
    work.journal(kind, views.company(row, own(row["details"])), audience(*heard))
    house = custom_fields.changes(before["details"] if before else "{}", row["details"])
    audit.note(work, scope, kind, "company", row["id"], {**audit.between(before, row, _AUDITED), **house})


async def change(db: Database, scope: Scope, company_id: object, version: int, fields: Fields) -> dict[str, Any]:
    """Set fields of a company that still has this version. Raises NotFound, Conflict, Invalid."""
    wanted = key(company_id)
    given = checked(lambda: company_fields(fields, db.region))

    def run(work: Work) -> dict[str, Any]:
        had = _seen(work.conn, scope, wanted)["details"]
        whole = custom_fields.taken(work.conn, "company", given, custom.kept(had), db.region)
        return store_change(work, scope, wanted, version, whole)

    return await write(db, run)


def store_change(work: Work, scope: Scope, company_id: int, version: int, given: CompanyFields) -> dict[str, Any]:
    """Change a company within a transaction that does more."""
    before = _seen(work.conn, scope, company_id)
    if before["version"] != version:
        raise Conflict(
            "Somebody changed this company meanwhile. Nothing of yours was stored; look at it and try again.",
            current=_view(work.conn, before),
        )
    values = columns(before["details"], given)
    if "owner" in given:
        values["owner_id"] = owners.named(work.conn, scope, given["owner"], "company")
    values = {k: v for k, v in values.items() if v != before[k]}  # type: ignore[literal-required]
    if not values:
        raise unchanged(_view(work.conn, before))
    if not companies.change(work.conn, before, values):
        raise Conflict("Somebody else was changing this company at the same moment. Nothing was stored; try again.")
    if "name" in values:
        companies.renamed(work.conn, company_id, values["name"])
        contact_scores.rescore(work, of_company(work.conn, SYSTEM, company_id))
    row = _seen(work.conn, SYSTEM, company_id)
    told(work, scope, "company.changed", before, row)
    return _view(work.conn, row)


def related(work: Work, scope: Scope, before: CompanyRow, relation: str) -> CompanyRow:
    """What a company is to us, set within a transaction that does more. Raises Conflict."""
    if not companies.change(work.conn, before, {"relation": relation}):
        raise Conflict("Somebody else was changing this company at the same moment. Nothing was stored; try again.")
    row = _seen(work.conn, SYSTEM, before["id"])
    told(work, scope, "company.changed", before, row)
    return row


# -- notes ---------------------------------------------------------------------------------------------------------


def _owner_of(conn: Connection, scope: Scope, thing: str, wanted: int) -> int | None:
    row = contacts.one(conn, scope, wanted) if thing == "contact" else companies.one(conn, scope, wanted)
    if row is None:
        raise NotFound
    return row["owner_id"]


async def notes_of(db: Database, scope: Scope, thing: str, thing_id: object) -> list[dict[str, Any]]:
    """The notes on a contact or a company, the newest first: [{id, at, by, text}]. Raises NotFound."""
    wanted = key(thing_id)

    def run(conn: Connection) -> list[dict[str, Any]]:
        _owner_of(conn, scope, thing, wanted)
        found = details.notes_of(conn, scope, thing, wanted)
        return [{**one, "id": str(one["id"]), "at": views.iso(one["at"])} for one in found]

    return await read(db, run)


async def add_note(db: Database, scope: Scope, thing: str, thing_id: object, text: object) -> dict[str, Any]:
    """Write a note on a contact or a company: {kind: note, id, at, by, text}. Raises NotFound, Invalid."""
    wanted = key(thing_id)
    said = checked(lambda: note_text(text))

    def run(work: Work) -> dict[str, Any]:
        owner = _owner_of(work.conn, scope, thing, wanted)
        made = details.add_note(work.conn, thing, wanted, scope.user_id or None, work.at, said)
        view = {"kind": "note", "id": str(made), "at": views.iso(work.at), "by": scope.name, "text": said}
        audit.note(work, scope, "note.added", thing, wanted)
        work.journal("note.added", {**view, f"{thing}_id": str(wanted)}, audience(owner))
        return view

    return await write(db, run)
