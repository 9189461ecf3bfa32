"""What the rules of scoring look at in contacts, and the points that are kept with each of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select, union_all, update

from pbxcrm.crm.access import Scope
from pbxcrm.store.prepared import Command, Query
from pbxcrm.store.schema import calls, contact_numbers, contacts, deals
from pbxcrm.store.schema_sales import leads
from pbxcrm.store.score_rules import NOTHING, counts

_c, _n = contacts.c, contact_numbers.c
_IDS: BindParameter[int] = bindparam("ids", expanding=True)
_FACTS = Query(
    select(_c.id, _c.company, _c.job_title, _c.city, _c.source, _c.score, _c.score_why)
    .where(_c.id.in_(_IDS))
    .order_by(_c.id),
    "ids",
)
# What they were before they were customers: the newest lead's word counts.
_LEADS = Query(
    select(leads.c.contact_id, leads.c.interest, leads.c.details)
    .where(leads.c.contact_id.in_(_IDS))
    .order_by(leads.c.id),
    "ids",
)
_NUMBERS = Query(select(_n.contact_id, _n.number).where(_n.contact_id.in_(_IDS)).order_by(_n.id), "ids")
# Calls of theirs, and those with their numbers from before they were known.
_LOOKED_AT = (calls.c.talk_seconds, calls.c.direction, calls.c.ended_at)
_CALLS = union_all(
    select(calls.c.contact_id, *_LOOKED_AT).where(calls.c.contact_id.in_(_IDS), calls.c.ended_at.is_not(None)),
    select(_n.contact_id, *_LOOKED_AT)
    .select_from(contact_numbers.join(calls, calls.c.number == _n.number))
    .where(_n.contact_id.in_(_IDS), calls.c.contact_id.is_(None), calls.c.ended_at.is_not(None)),
).subquery()
_STATS = Query(select(_CALLS.c.contact_id, *counts(_CALLS.c)).group_by(_CALLS.c.contact_id), "ids")
_SCORED = Command(
    update(contacts).where(_c.id == bindparam("contact")).values(score=bindparam("points"), score_why=bindparam("why"))
)


def facts(conn: Connection, _scope: Scope, ids: Sequence[int]) -> list[dict[str, Any]]:
    """What is known of these contacts, by id: {id, score, score_why, calls}, and as crm.leads.subject wants it."""
    if not ids:
        return []
    asked = {"ids": list(ids)}
    rows = {row["id"]: {**row, "numbers": [], "calls": NOTHING} for row in _FACTS.dicts(conn, asked)}
    for contact_id, number in _NUMBERS.rows(conn, asked):
        rows[contact_id]["numbers"].append(number)
    for one in (*_LEADS.dicts(conn, asked), *({"calls": row, **row} for row in _STATS.dicts(conn, asked))):
        rows[one["contact_id"]] |= one
    return list(rows.values())


_PART = select(_c.id).where(_c.id > bindparam("after")).order_by(_c.id).limit(bindparam("limit"))
_OF_COMPANY = select(_c.id).where(_c.company_id == bindparam("company")).order_by(_c.id)


def part(conn: Connection, _scope: Scope, after: int, limit: int) -> list[int]:
    """The next contacts, by id."""
    return list(conn.execute(_PART, {"after": after, "limit": limit}).scalars())


def of_company(conn: Connection, _scope: Scope, company_id: int) -> list[int]:
    """The contacts who work there."""
    return list(conn.execute(_OF_COMPANY, {"company": company_id}).scalars())


def their_deals(conn: Connection, _scope: Scope, ids: Sequence[int]) -> list[int]:
    """The ids of these contacts' deals, whoever's they are."""
    found = select(deals.c.id).where(deals.c.contact_id.in_(ids)).order_by(deals.c.id)
    return list(conn.execute(found).scalars()) if ids else []


def scored(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """New scores: [{contact, points, why}]. Versions stay: nobody's form is spoiled by it."""
    if rows:
        _SCORED.run(conn, rows)
