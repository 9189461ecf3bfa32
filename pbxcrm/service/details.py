"""A deal in full: what is known beyond its card, who has a say in it, its tags."""

from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import details as rules
from pbxcrm.crm import views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.details import ROLES
from pbxcrm.crm.fields import line, parse
from pbxcrm.service import audit, custom_fields
from pbxcrm.service.deals import store_change
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import checked, key, read, unchanged, write, wrong
from pbxcrm.store import companies, contacts, deals, details
from pbxcrm.store.db import Database, Work


async def whole(db: Database, scope: Scope, deal_id: object) -> dict[str, Any]:
    """One deal with `details` {name: text}, `custom` {key: value}, `people` [{contact_id, name, company, role, note}],
    `tags`, the name of its `company_name` (of company_id), and `completeness` in per cent with what is `lacking`.
    """
    wanted = key(deal_id)
    return await read(db, lambda conn: _whole(conn, scope, wanted))


def _whole(conn: Connection, scope: Scope, deal_id: int) -> dict[str, Any]:
    row = deals.one(conn, scope, deal_id)
    if row is None:
        raise NotFound
    said = details.of_deal(conn, scope, deal_id)
    said.pop("custom", None)
    company = companies.one(conn, scope, row["company_id"]) if row["company_id"] is not None else None
    return {
        **views.deal(row),
        "company_name": company["name"] if company is not None else None,
        "details": said,
        "custom": custom_fields.of_deals(conn, scope, [deal_id])[deal_id],
        "people": [{**one, "contact_id": str(one["contact_id"])} for one in details.people(conn, scope, deal_id)],
        "tags": details.tags_of(conn, scope, "deal", deal_id),
        "completeness": rules.completeness({**row, **said}),
        "lacking": rules.lacking({**row, **said}),
    }


async def has_say(
    db: Database, scope: Scope, deal_id: object, contact_id: object, role: object, note: object = ""
) -> dict[str, Any]:
    """Give a contact its role in a deal; "" takes it away. Gives the deal in full. Raises NotFound, Invalid."""
    wanted = key(deal_id)
    return await write(db, lambda work: _has_say(work, scope, wanted, contact_id, role, note))


def _has_say(work: Work, scope: Scope, deal_id: int, contact_id: object, role: object, note: object) -> dict[str, Any]:
    row = deals.one(work.conn, scope, deal_id)
    if row is None:
        raise NotFound
    given = checked(lambda: parse({"role": role, "note": note}, {"role": rules.choice(*ROLES), "note": line}))
    known = {one["contact_id"]: one for one in details.people(work.conn, scope, deal_id)}
    who = key(contact_id) if contact_id else 0
    if who not in known and contacts.one(work.conn, scope, who) is None:
        raise wrong({"contact_id": "There is no such contact."})
    before = known.get(who, {"role": "", "note": ""})
    if (before["role"], before["note"]) == (given["role"], given["note"]):
        raise unchanged(_whole(work.conn, scope, deal_id))
    details.has_say(work.conn, deal_id, who, str(given["role"]) or None, str(given["note"]))
    changes = {"contact_id": (None, str(who)), "say": (before["role"] or None, given["role"] or None)}
    audit.note(work, scope, "deal.changed", "deal", deal_id, changes)
    store_change(work, scope, row, {})
    return _whole(work.conn, scope, deal_id)
