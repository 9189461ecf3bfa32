"""Contacts: people and companies we talk with, found by number or by words."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import custom, views
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.custom import Values
from pbxcrm.crm.details import ADDRESSES, PERSON
from pbxcrm.crm.fields import ContactFields, contact_fields
from pbxcrm.crm.folding import folded
from pbxcrm.crm.leads import SORTS
from pbxcrm.crm.matching import tail
from pbxcrm.crm.views import ContactRow
from pbxcrm.service import audit, contact_scores, custom_fields, owners, tell
from pbxcrm.service.errors import Conflict, Merged, NotFound
from pbxcrm.service.paging import after, limit_of, page
from pbxcrm.service.paging import cursor as cursor_of
from pbxcrm.service.transact import checked, key, read, unchanged, write, wrong
from pbxcrm.store import companies, contacts, deals, details, lookup, merging, tasks
from pbxcrm.store.db import Database, Work

Fields = Mapping[str, object]
_AUDITED = ("name", "company", "email", "note", "owner_name", "numbers", "job_title", "city", *PERSON, *ADDRESSES)
_AUDITED += ("first_contact_by", "tags")
_PLAIN = ("name", "company", "email", "note", "job_title", "city")


async def list_contacts(
    db: Database,
    scope: Scope,
    limit: int | None = None,
    cursor: str | None = None,
    q: str = "",
    company_id: object = None,
    sort: str = "newest",
) -> dict[str, Any]:
    """A page, the newest (or those of the best `score`) on top: {items, next}. `q`: parts of words of theirs, or any
    part of a number; `company_id`: who works there. Raises Invalid.
    """
    if sort not in SORTS:
        raise wrong({"sort": f"This must be one of {', '.join(SORTS)}."})
    by_score = sort == "score"
    size, start = limit_of(limit), after(cursor)
    company = key(company_id) if company_id is not None else None

    def mark(row: ContactRow) -> str:
        return cursor_of(row["score"] if by_score else row["created_at"], row["id"])

    def run(conn: Connection) -> dict[str, Any]:
        rows, following = page(
            contacts.some(conn, scope, size + 1, q[:200], start, company, by_score=by_score), size, mark
        )
        numbers = contacts.numbers(conn, scope, [row["id"] for row in rows])
        own = custom_fields.seeing(conn, "contact")
        items = [views.contact(row, numbers[row["id"]], own(row["details"])) for row in rows]
        return {"items": items, "next": following}

    return await read(db, run)


async def get(db: Database, scope: Scope, contact_id: object) -> dict[str, Any]:
    """One contact. Raises NotFound; Merged, where it is part of another one now."""
    wanted = key(contact_id)
    return await read(db, lambda conn: _view(conn, scope, _seen(conn, scope, wanted)))


def _seen(conn: Connection, scope: Scope, contact_id: int) -> ContactRow:
    row = contacts.one(conn, scope, contact_id)
    if row is None:
        into = merging.leads_to(conn, scope, "contact", contact_id)
        raise NotFound if into is None or contacts.one(conn, scope, into) is None else Merged(str(into))
    return row


def _view(conn: Connection, scope: Scope, row: ContactRow) -> dict[str, Any]:
    numbers = contacts.numbers(conn, scope, [row["id"]])[row["id"]]
    more = details.addresses(conn, scope, row["id"]), details.tags_of(conn, scope, "contact", row["id"])
    return views.person(row, numbers, custom_fields.seen(conn, "contact", row["details"]), *more)


async def create(db: Database, scope: Scope, fields: Fields) -> dict[str, Any]:
    """A new contact; a seller's is their own. Nothing is merged: two contacts may have one number. Raises Invalid."""
    given = checked(lambda: contact_fields(fields, db.region))
    if not any(given.get(name) for name in ("name", "company", "numbers")):
        raise wrong({"name": "Give a name, a company or a number."})

    def run(work: Work) -> dict[str, Any]:
        owner = owners.of_new(work.conn, scope, given, "contact")
        whole = custom_fields.taken(work.conn, "contact", given, {}, db.region)
        made = add(work, scope, at_company(work.conn, scope, whole), owner)
        return _view(work.conn, scope, made)

    return await write(db, run)


def add(
    work: Work, scope: Scope, given: ContactFields, owner: int | None, more: Mapping[str, object] = MappingProxyType({})
) -> ContactRow:
    """Create a contact within a transaction that does more; `more`: further columns, as a lead brings them."""
    numbers = given.get("numbers", [])
    made = contacts.add(work.conn, [{**columns(given, owner, work.at), **more}])[0]
    if numbers:
        contacts.add_numbers(work.conn, [contacts.number_row(made, number) for number in numbers])
    _hang(work, made, given)
    contact_scores.rescore(work, [made])
    found = contacts.of_ids(work.conn, scope, [made])[made]
    created(work, scope, found, given)
    return found


def columns(given: ContactFields, owner: int | None, at: float) -> dict[str, Any]:
    """The columns of a new contact."""
    return {
        **{name: given.get(name, "") for name in _PLAIN},
        "company_id": given.get("company_id"),
        "details": _own({}, given),
        "changed_at": at,
        **_met(given, at),
        "owner_id": owner,
        "created_at": at,
        "search": search_text(given),
    }


def created(
    work: Work, scope: Scope, row: ContactRow, given: ContactFields, own: Callable[[str], Values] | None = None
) -> None:
    """Tell the journal and the audit log of a new contact; `own`: custom_fields.seeing, of many."""
    numbers = given.get("numbers", [])
    tell.contact(work, work.conn, "contact.created", row, numbers, row["owner_id"], own=own)
    hanging = {**{name: given.get(name, []) for name in ADDRESSES}, "tags": ", ".join(sorted(given.get("tags", [])))}
    told = {**row, **{name: given.get(name, "") for name in PERSON}, **hanging, "numbers": numbers}
    changes = {**audit.between(None, told, _AUDITED), **custom_fields.changes("{}", row["details"])}
    audit.note(work, scope, "contact.created", "contact", row["id"], changes)


def at_company(conn: Connection, scope: Scope, given: ContactFields) -> ContactFields:
    """With the company that was chosen, or that is called as was typed. Raises Invalid."""
    if (chosen := given.get("company_id")) is not None:
        company = companies.one(conn, scope, chosen)
        if company is None:
            raise wrong({"company_id": "There is no such company."})
    elif given.get("company"):
        company = companies.of_name(conn, scope, given["company"])
    elif "company" in given or "company_id" in given:
        return {**given, "company_id": None}
    else:
        return given
    return (
        {**given, "company_id": company["id"], "company": company["name"]} if company else {**given, "company_id": None}
    )


def own_of(row: ContactRow) -> dict[str, Any]:
    """What is known of a contact beside its columns: {field: value}."""
    return dict(json.loads(row["details"]))


def _own(before: Mapping[str, Any], given: ContactFields) -> str:
    said = {**before, **{name: value for name, value in given.items() if name in PERSON}}
    said = custom.put(said, given.get("custom", {}))
    return json.dumps({name: value for name, value in said.items() if value}, ensure_ascii=False)


def _met(given: ContactFields, at: float) -> dict[str, Any]:
    """When and how somebody was met first, where it is said. Of others the first talk will say it."""
    how = given.get("first_contact_by")
    return {"first_contact_at": at, "first_contact_by": how} if how else {}


def _hang(work: Work, contact_id: int, given: ContactFields) -> None:
    for name, kind in ADDRESSES.items():
        if name in given:
            details.put_addresses(work.conn, contact_id, kind, given[name])  # type: ignore[literal-required]
    if "tags" in given:
        details.tag(work.conn, "contact", contact_id, given["tags"])


def _told(work: Work, scope: Scope, row: ContactRow, numbers: list[str]) -> dict[str, Any]:
    """A contact as the audit log tells it."""
    own = own_of(row)
    known = details.addresses(work.conn, scope, row["id"])
    hanging = {
        **{name: known.get(kind, []) for name, kind in ADDRESSES.items()},
        "tags": ", ".join(details.tags_of(work.conn, scope, "contact", row["id"])),
    }
    return {**row, **{name: own.get(name, "") for name in PERSON}, **hanging, "numbers": numbers}


def of_number(work: Work, scope: Scope, number: str, owner: int | None) -> int:
    """The contact of this very number that this person may see, else a new one."""
    known = contacts.by_tails(work.conn, scope, [tail(number)])
    for contact_id, theirs, _ in known:
        if theirs == number and contacts.one(work.conn, scope, contact_id) is not None:
            return contact_id
    return add(work, scope, {"numbers": [number]}, owner)["id"]


def search_text(row: Mapping[str, Any]) -> str:
    return folded(*(row.get(name, "") for name in ("name", "company", "email", "note")))


def tell_cards(work: Work, scope: Scope, contact_id: int) -> None:
    """Deals and tasks show their contact's name: whoever has them on the screen hears of a new one."""
    for row in deals.of_contact(work.conn, SYSTEM, contact_id):
        tell.deal(work, "deal.changed", row, row, scope)
    house = lookup.house(work.conn, SYSTEM)
    for task in tasks.open_of_callers(work.conn, SYSTEM, [contact_id], []):
        tell.task(work, house, task)


async def change(db: Database, scope: Scope, contact_id: object, version: int, fields: Fields) -> dict[str, Any]:
    """Set fields of a contact that still has this version; `numbers` are all its numbers. Raises NotFound, Conflict,
    Invalid.
    """
    wanted = key(contact_id)
    given = checked(lambda: contact_fields(fields, db.region))

    def run(work: Work) -> dict[str, Any]:
        had = _seen(work.conn, scope, wanted)["details"]
        whole = custom_fields.taken(work.conn, "contact", given, custom.kept(had), db.region)
        return store_change(work, scope, wanted, version, whole)

    return await write(db, run)


def store_change(work: Work, scope: Scope, contact_id: int, version: int, given: ContactFields) -> dict[str, Any]:
    """Change a contact within a transaction that does more."""
    conn = work.conn
    before = _seen(conn, scope, contact_id)
    if before["version"] != version:
        raise Conflict(
            "Somebody changed this contact meanwhile. Nothing of yours was stored; look at it and try again.",
            current=_view(conn, scope, before),
        )
    given = at_company(conn, scope, given)
    values: dict[str, Any] = {k: v for k, v in given.items() if k in (*_PLAIN, "company_id")}
    values["details"] = _own(own_of(before), given)
    if given.get("first_contact_by"):
        values |= _met(given, before["first_contact_at"] or work.at)
    if "owner" in given:
        values["owner_id"] = owners.named(conn, scope, given["owner"], "contact")
    values = {k: v for k, v in values.items() if v != before[k]}  # type: ignore[literal-required]
    had = contacts.numbers(conn, scope, [contact_id])[contact_id]
    same_numbers = given.get("numbers") in (None, had)
    was = _told(work, scope, before, had)
    same = same_numbers and all(was[k] == (", ".join(sorted(v)) if k == "tags" else v) for k, v in _hung(given).items())
    if not values and same:
        raise unchanged(_view(conn, scope, before))
    values |= {"search": search_text({**before, **values}), "changed_at": work.at}
    if not contacts.change(conn, contact_id, version, values):
        raise Conflict("Somebody else was changing this contact at the same moment. Nothing was stored; try again.")
    if not same_numbers:
        contacts.replace_numbers(conn, contact_id, given["numbers"])
    _hang(work, contact_id, given)
    contact_scores.rescore(work, [contact_id])
    after_ = contacts.of_ids(conn, scope, [contact_id])[contact_id]
    numbers = contacts.numbers(conn, scope, [contact_id])[contact_id]
    heard = (before["owner_id"], after_["owner_id"], *contacts.open_deal_owners(conn, scope, contact_id))
    tell.contact(work, work.conn, "contact.changed", after_, numbers, *heard)
    changes = audit.between(was, _told(work, scope, after_, numbers), _AUDITED)
    changes = {**changes, **custom_fields.changes(before["details"], after_["details"])}
    audit.note(work, scope, "contact.changed", "contact", contact_id, changes)
    if (after_["name"], after_["company"]) != (before["name"], before["company"]):
        tell_cards(work, scope, contact_id)
    return _view(conn, scope, after_)


def _hung(given: ContactFields) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in (*ADDRESSES, "tags")}
