"""Calls as people see them: the list, one call, the caller card, and a deal made from it."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from sqlalchemy import Connection

from pbxcrm.calls.model import Direction, Outcome
from pbxcrm.crm import fields as given_fields
from pbxcrm.crm import leads as lead_rules
from pbxcrm.crm import views, wrapup
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.leads import LeadRow
from pbxcrm.crm.matching import tail
from pbxcrm.service import contact_scores
from pbxcrm.service import deals as deal_service
from pbxcrm.service.errors import NotFound
from pbxcrm.service.lead_settings import uses
from pbxcrm.service.paging import after, limit_of, page
from pbxcrm.service.paging import cursor as cursor_of
from pbxcrm.service.timeline import with_wrapups
from pbxcrm.service.transact import checked, read, write
from pbxcrm.store import calls, contacts, deals, details, leads, lookup, wrapups
from pbxcrm.store.db import Database, Work, audience

Fields = Mapping[str, object]
WRAPUP_FOR, WRAPUPS = 12 * 3600.0, 6  # what is older, or beyond so many, is left to the lists of deals and calls


async def list_calls(
    db: Database, scope: Scope, limit: int | None = None, cursor: str | None = None, filters: Fields | None = None
) -> dict[str, Any]:
    """A page, the newest on top: {items, next}.

    Filters: direction, outcome, number, did, user, contact_id, deal_id, since, until (ISO 8601).
    """
    size, start, wanted = limit_of(limit), after(cursor, str), _filters(filters or {}, db.region)

    def run(conn: Connection) -> dict[str, Any]:
        found = calls.some(conn, scope, size + 1, wanted, start)
        shown, following = page(found, size, lambda one: cursor_of(one[0], str(one[1]["id"])))
        return {"items": with_wrapups(conn, scope, [view for _, view in shown]), "next": following}

    return await read(db, run)


def _one_of(*allowed: str) -> given_fields.Parser:
    def parse(value: object) -> object:
        if value not in allowed:
            raise given_fields.WrongError(f"This must be one of {', '.join(allowed)}.")
        return value

    return parse


def _filters(given: Fields, region: str | None) -> dict[str, Any]:
    known: dict[str, given_fields.Parser] = {
        "direction": _one_of(*get_args(Direction)),
        "outcome": _one_of(*get_args(Outcome)),
        "number": lambda value: given_fields.phone(value, region),
        "did": given_fields.line,
        "user": given_fields.line,
        "contact_id": given_fields.ident,
        "deal_id": given_fields.ident,
        "since": given_fields.moment,
        "until": given_fields.moment,
    }
    return checked(lambda: given_fields.parse(given, known))


async def get(db: Database, scope: Scope, call_id: str) -> dict[str, Any]:
    """One call, and what people said of it: `wrapups`."""
    return await read(db, lambda conn: with_wrapups(conn, scope, [seen(conn, scope, call_id)])[0])


def seen(conn: Connection, scope: Scope, call_id: str) -> dict[str, Any]:
    """This call, if it is theirs to see. Raises NotFound."""
    view = calls.one(conn, scope, call_id) if len(call_id) < 100 and "\0" not in call_id else None
    if view is None:
        raise NotFound
    return view


async def live(db: Database, scope: Scope) -> list[dict[str, Any]]:
    """The calls whose card this person should see now, the newest wrap-ups last.

    It rings at their phones, or they talk, or have talked and not yet said what came of it (the newest WRAPUPS of the
    last WRAPUP_FOR seconds).
    """
    since = db.clock() - WRAPUP_FOR

    def run(conn: Connection) -> list[dict[str, Any]]:
        on = [view for view in calls.ongoing(conn, scope) if _is_with(scope.name, view)]
        known = {view["id"] for view in on}
        over = [calls.one(conn, scope, key) for key in wrapups.waiting(conn, scope, since, WRAPUPS) if key not in known]
        shown = wrapped(conn, scope, [*on, *(view for view in over if view is not None)])
        mine = [view for view in shown if wrapup.concerns(scope.name, view)]
        return [{**view, "card": _card(conn, scope, view)} for view in mine]

    return await read(db, run)


def _is_with(name: str, view: Mapping[str, Any]) -> bool:
    return name in view["ringing"] or name in view["talking"]


def wrapped(conn: Connection, scope: Scope, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """These calls with who has finished with each: `wrapped_by`, names."""
    rows = wrapups.finished(conn, scope, [str(one["id"]) for one in found])
    return [{**one, "wrapped_by": wrapup.finished(one, rows.get(str(one["id"]), {}))} for one in found]


async def card(db: Database, scope: Scope, call_id: str) -> dict[str, Any]:
    """One call with its `card`: {contact: {id, name, company}|None, deals: […], last_talk: {at, by}|None}."""

    def run(conn: Connection) -> dict[str, Any]:
        view = wrapped(conn, scope, [seen(conn, scope, call_id)])[0]
        return {**view, "card": _card(conn, scope, view)}

    return await read(db, run)


async def page_of(db: Database, scope: Scope, call_id: str) -> dict[str, Any]:
    """One call with all there is to it: its `card`, and its `wrapups`."""

    def run(conn: Connection) -> dict[str, Any]:
        view = with_wrapups(conn, scope, [seen(conn, scope, call_id)])[0]
        return {**view, "card": _card(conn, scope, view)}

    return await read(db, run)


def _card(conn: Connection, scope: Scope, view: Mapping[str, Any]) -> views.CardView:
    """The card of a call that may be seen: its contact and deals are named to all who take part in it."""
    contact_id = int(view["contact_id"]) if view["contact_id"] else None
    contact = contacts.of_ids(conn, scope, [contact_id]).get(contact_id) if contact_id else None
    on = deals.of_ids(conn, scope, calls.deals_of(conn, scope, str(view["id"])))
    said = details.of_deals(conn, scope, [row["id"] for row in on])
    lead = None if contact is not None else lead_of(conn, view)
    return views.card(contact, on, said, lead_rules.card(lead) if lead else None)


def lead_of(conn: Connection, view: Mapping[str, Any]) -> LeadRow | None:
    """The lead with this call's number, where there is one: whoever takes part in the call is told of it."""
    number = view["number"] if view["direction"] != "internal" and view["contact_id"] is None else None
    if not number or not uses(conn):
        return None
    return lead_rules.likeliest(str(number), leads.by_tails(conn, SYSTEM, [tail(str(number))]))


async def make_deal(db: Database, scope: Scope, call_id: str, fields: Fields | None = None) -> dict[str, Any]:
    """A deal out of a call that has none: anonymous, internal, or dialled to an unknown number. Gives the deal.

    Raises NotFound, Invalid. The call shows on the deal's timeline from then on.
    """
    return await write(db, lambda work: _make_deal(work, scope, call_id, fields or {}, db.region))


def _make_deal(work: Work, scope: Scope, call_id: str, fields: Fields, region: str | None) -> dict[str, Any]:
    view = seen(work.conn, scope, call_id)
    house = lookup.house(work.conn, scope)
    number = view["number"] if view["direction"] != "internal" else None
    did = house.dids.get(str(view["did"]))
    usual: dict[str, object] = {
        "title": view["caller_name"] or number or "Call",
        "number": number,
        "source": did.source if did else "",
    }
    made = deal_service.add(work, scope, {**usual, **fields}, region)
    calls.link(work.conn, [{"call_id": call_id, "deal_id": made["id"]}])
    calls.about(work.conn, call_id, made["contact_id"], made["id"])
    contact_scores.rescore(work, [int(one) for one in {view["contact_id"], made["contact_id"]} if one])
    retell(work, scope, call_id, made["owner_id"])
    return views.deal(made)


def retell(work: Work, scope: Scope, call_id: str, *ids: int | None) -> None:
    """Tell a call once more, for what it is about has changed: to those who took part in it, and to these."""
    found = calls.one(work.conn, SYSTEM, call_id)
    if found is None:
        return
    view = wrapped(work.conn, SYSTEM, [found])[0]
    house = lookup.house(work.conn, scope)
    people = {house.id_of(str(name)) for name in (*view["rang"], *(talk["user"] for talk in view["talks"]))}
    kind = "call.ended" if view["ended_at"] else "call.answered" if view["answered_at"] else "call.ringing"
    work.journal(kind, {**view, "card": _card(work.conn, scope, view)}, audience(*people, *ids))
