"""What hangs on a deal or a contact: details, people with their roles, tags, further addresses, notes."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, bindparam, delete, insert, select, update

from pbxcrm.crm.access import Scope
from pbxcrm.crm.folding import folded
from pbxcrm.store.prepared import Query
from pbxcrm.store.schema import contacts, notes, users
from pbxcrm.store.schema_sales import (
    contact_addresses,
    contact_tags,
    deal_details,
    deal_people,
    deal_tags,
    lead_tags,
    tags,
)

_TAGGED = {
    "deal": (deal_tags, deal_tags.c.deal_id),
    "contact": (contact_tags, contact_tags.c.contact_id),
    "lead": (lead_tags, lead_tags.c.lead_id),
}
_ABOUT = {"contact": notes.c.contact_id, "company": notes.c.company_id}


def of_deal(conn: Connection, _scope: Scope, deal_id: int) -> dict[str, Any]:
    """A deal's details, {name: text} and `custom` {key: value}. Ask whether it may be seen first; so for all here."""
    found = conn.execute(select(deal_details.c.details).where(deal_details.c.deal_id == deal_id)).scalar()
    return dict(json.loads(found)) if found else {}


_OF_DEALS = Query(
    select(deal_details.c.deal_id, deal_details.c.details).where(
        deal_details.c.deal_id.in_(bindparam("ids", expanding=True))
    ),
    "ids",
)


def of_deals(conn: Connection, _scope: Scope, ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """The details of those of these deals that have some: {deal: {name: text}}."""
    if not ids:
        return {}
    return {int(key): dict(json.loads(text)) for key, text in _OF_DEALS.rows(conn, {"ids": list(ids)})}


def put(conn: Connection, deal_id: int, said: Mapping[str, object]) -> None:
    """These details, and no others."""
    text = json.dumps({name: value for name, value in said.items() if value}, ensure_ascii=False)
    where = deal_details.c.deal_id == deal_id
    if not conn.execute(update(deal_details).where(where).values(details=text)).rowcount:
        conn.execute(insert(deal_details).values(deal_id=deal_id, details=text))


def people(conn: Connection, _scope: Scope, deal_id: int) -> list[dict[str, Any]]:
    """Who has a say in a deal: [{contact_id, name, company, role, note}]."""
    p = deal_people.c
    columns = (p.contact_id, contacts.c.name, contacts.c.company, p.role, p.note)
    found = select(*columns).join(contacts, contacts.c.id == p.contact_id).where(p.deal_id == deal_id)
    return [dict(row) for row in conn.execute(found.order_by(p.contact_id)).mappings()]


def has_say(conn: Connection, deal_id: int, contact_id: int, role: str | None, note: str) -> None:
    """This person's role in a deal; None: none."""
    mine = (deal_people.c.deal_id == deal_id, deal_people.c.contact_id == contact_id)
    conn.execute(delete(deal_people).where(*mine))
    if role is not None:
        conn.execute(insert(deal_people).values(deal_id=deal_id, contact_id=contact_id, role=role, note=note))


def tags_of(conn: Connection, _scope: Scope, thing: str, key: int) -> list[str]:
    """The tags of a deal, contact or lead, by name."""
    table, column = _TAGGED[thing]
    found = select(tags.c.name).join(table, table.c.tag_id == tags.c.id).where(column == key)
    return list(conn.execute(found.order_by(tags.c.name)).scalars())


def tag(conn: Connection, thing: str, key: int, names: Sequence[str]) -> None:
    """These tags, and no others."""
    table, column = _TAGGED[thing]
    conn.execute(delete(table).where(column == key))
    for name in names:
        conn.execute(insert(table).values({column.name: key, "tag_id": _tag(conn, name)}))


def _tag(conn: Connection, name: str) -> int:
    known = conn.execute(select(tags.c.id).where(tags.c.name == name)).scalar()
    return known or int(conn.execute(insert(tags).values(name=name).returning(tags.c.id)).scalar_one())


def addresses(conn: Connection, _scope: Scope, contact_id: int) -> dict[str, list[str]]:
    """A contact's further addresses: {email | post | site | social: [text]}."""
    a, found = contact_addresses.c, dict[str, list[str]]()
    for row in conn.execute(select(a.kind, a.text).where(a.contact_id == contact_id).order_by(a.id)):
        found.setdefault(row.kind, []).append(row.text)
    return found


def put_addresses(conn: Connection, contact_id: int, kind: str, wanted: Sequence[str]) -> None:
    """These further addresses of this kind, and no others."""
    a = contact_addresses.c
    conn.execute(delete(contact_addresses).where(a.contact_id == contact_id, a.kind == kind))
    for text in wanted:
        conn.execute(insert(contact_addresses).values(contact_id=contact_id, kind=kind, text=text))


def notes_of(conn: Connection, _scope: Scope, thing: str, key: int) -> list[dict[str, Any]]:
    """The notes on a contact or company, the newest first: [{id, at, text, by}]."""
    columns = (notes.c.id, notes.c.at, notes.c.text, users.c.name.label("by"))
    joined = notes.outerjoin(users, users.c.id == notes.c.user_id)
    found = select(*columns).select_from(joined).where(_ABOUT[thing] == key).order_by(notes.c.id.desc()).limit(200)
    return [dict(row) for row in conn.execute(found).mappings()]


def add_note(conn: Connection, thing: str, key: int, user_id: int | None, at: float, text: str) -> int:
    """A new note on a contact or company; gives its id."""
    about: Column[Any] = _ABOUT[thing]
    values = {about.name: key, "user_id": user_id, "at": at, "text": text, "search": folded(text)}
    return int(conn.execute(insert(notes).values(values).returning(notes.c.id)).scalar_one())
