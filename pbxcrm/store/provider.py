"""Prospects among whom we know already: contacts, companies and callers that fit what a person looks for."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, literal, or_, select

from pbxcrm.crm.access import Scope
from pbxcrm.crm.folding import folded
from pbxcrm.store.companies import visible as company_visible
from pbxcrm.store.contacts import visible as contact_visible
from pbxcrm.store.schema import call_people, calls, contact_numbers, contacts, deals
from pbxcrm.store.schema_sales import companies, leads
from pbxcrm.store.words import containing

_c, _f, _k, _n = contacts.c, companies.c, calls.c, contact_numbers.c
COLUMNS = ("name", "company", "job_title", "email", "phone", "city", "source")


def found(conn: Connection, scope: Scope, wanted: Mapping[str, Any], limit: int) -> list[tuple[str, ...]]:
    """At most so many, in the order of COLUMNS, the newest first; whoever is a lead by number is none any more."""
    statement = _KINDS[wanted["among"]](conn, scope, wanted)
    return [tuple(text or "" for text in row) for row in conn.execute(statement.limit(limit))]


def _contacts(conn: Connection, scope: Scope, wanted: Mapping[str, Any]) -> Select[Any]:
    number = select(_n.number).where(_n.contact_id == _c.id).order_by(_n.id).limit(1).scalar_subquery()
    where = [contact_visible(scope), *_named(conn, contacts, wanted)]
    where.append(~exists().where(_n.contact_id == _c.id, leads.c.tail == _n.tail, leads.c.qualified_at.is_(None)))
    if wanted.get("source"):
        where.append(_c.source == wanted["source"])
    if wanted.get("relation"):
        where.append(exists().where(_f.id == _c.company_id, _f.relation == wanted["relation"]))
    if "quiet_since" in wanted:
        where.append(or_(_c.last_talk_at.is_(None), _c.last_talk_at < wanted["quiet_since"]))
    if wanted.get("no_deal"):
        where.append(~exists().where(deals.c.contact_id == _c.id, deals.c.open.is_(True)))
    if wanted.get("did"):
        where.append(exists().where(_k.contact_id == _c.id, _k.did == wanted["did"]))
    if wanted.get("missed"):
        where += [exists().where(_k.contact_id == _c.id, _in_vain()), ~exists().where(_k.contact_id == _c.id, _talk())]
    columns = (_c.name, _c.company, _c.job_title, _c.email, number, _c.city, _c.source)
    return select(*columns).where(*where).order_by(_c.id.desc())


def _companies(conn: Connection, scope: Scope, wanted: Mapping[str, Any]) -> Select[Any]:
    where = [company_visible(scope), *_named(conn, companies, wanted)]
    where.append(~exists().where(leads.c.company == _f.name, leads.c.qualified_at.is_(None)))
    if wanted.get("relation"):
        where.append(_f.relation == wanted["relation"])
    if wanted.get("no_deal"):
        where.append(~exists().where(deals.c.company_id == _f.id, deals.c.open.is_(True)))
    if "quiet_since" in wanted:
        where.append(~exists().where(_c.company_id == _f.id, _c.last_talk_at >= wanted["quiet_since"]))
    none = literal("")
    return select(none, _f.name, none, _f.email, _f.number, _f.city, none).where(*where).order_by(_f.id.desc())


def _callers(_conn: Connection, scope: Scope, wanted: Mapping[str, Any]) -> Select[Any]:
    """Numbers that called and are nobody's contact, a row each."""
    where = [_k.number.is_not(None), _k.direction == "inbound", _k.contact_id.is_(None), _k.ended_at.is_not(None)]
    if not scope.sees_all:
        where.append(exists().where(call_people.c.call_id == _k.id, call_people.c.user_id == scope.user_id))
    where.append(~exists().where(leads.c.number == _k.number, leads.c.qualified_at.is_(None)))
    where.append(~exists().where(_n.number == _k.number))
    if wanted.get("did"):
        where.append(_k.did == wanted["did"])
    other = calls.alias()
    talked = exists().where(other.c.number == _k.number, other.c.talk_seconds > 0)
    if wanted.get("missed"):
        where.append(~talked)
    if "quiet_since" in wanted:
        where.append(~exists().where(other.c.number == _k.number, other.c.ended_at >= wanted["quiet_since"]))
    none = literal("")
    grouped = select(none, none, none, none, _k.number, none, func.max(_k.did)).where(*where).group_by(_k.number)
    return grouped.order_by(func.max(_k.started_at).desc())


def _named(conn: Connection, table: Any, wanted: Mapping[str, Any]) -> list[ColumnElement[bool]]:
    """In this city, and with these words."""
    where: list[ColumnElement[bool]] = []
    if wanted.get("city"):
        where.append(func.lower(table.c.city).in_({wanted["city"], wanted["city"].lower(), folded(wanted["city"])}))
    if wanted.get("q"):
        where.append(containing(conn, table.c.search, folded(wanted["q"]).split()))
    return where


def _in_vain() -> ColumnElement[bool]:
    return (_k.direction == "inbound") & (_k.talk_seconds == 0)


def _talk() -> ColumnElement[bool]:
    return _k.talk_seconds > 0


_KINDS = {"contacts": _contacts, "companies": _companies, "calls": _callers}
AMONG = tuple(_KINDS)
