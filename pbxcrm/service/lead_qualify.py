"""A lead becomes a company, a contact, a deal: each a new one, or one that is there. One transaction."""

import json
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import custom
from pbxcrm.crm import leads as rules
from pbxcrm.crm.access import Scope
from pbxcrm.crm.fields import ContactFields
from pbxcrm.crm.leads import Becoming, LeadRow
from pbxcrm.crm.matching import tail
from pbxcrm.crm.views import iso
from pbxcrm.service import audit, contact_scores, custom_fields
from pbxcrm.service import contacts as contact_service
from pbxcrm.service import deals as deal_service
from pbxcrm.service.errors import Refused
from pbxcrm.service.lead_settings import settings_of
from pbxcrm.service.leads import Fields, current, seen, store_change, view
from pbxcrm.service.transact import checked, key, read, write, wrong
from pbxcrm.store import companies, contacts, deals, leads
from pbxcrm.store.db import Database, Work, audience

_MOST = 5


async def known(db: Database, scope: Scope, lead_id: object) -> dict[str, Any]:
    """What is there already of a lead, as far as one may see it: {lead, needs, companies, contacts, deals}.

    A company or contact with its number, e-mail address or (a company) name; open deals of these contacts.
    """
    wanted = key(lead_id)

    def run(conn: Connection) -> dict[str, Any]:
        row = seen(conn, scope, wanted)
        people = _contacts(conn, scope, row)
        theirs = [deal for one in people for deal in deals.of_contact(conn, scope, int(one["id"])) if deal["open"]]
        mine = [one for one in theirs if scope.sees_all or one["owner_id"] == scope.user_id]
        firms = companies.alike(conn, scope, row["company"], row["number"], row["email"])
        return {
            "lead": view(conn, row),
            "needs": settings_of(conn)["needs"],
            "companies": [{"id": str(one["id"]), "name": one["name"]} for one in firms],
            "contacts": people,
            "deals": [{"id": str(one["id"]), "title": one["title"]} for one in mine],
        }

    return await read(db, run)


def _contacts(conn: Connection, scope: Scope, row: LeadRow) -> list[dict[str, Any]]:
    ids: list[int] = []
    if row["number"]:
        ids += [one for one, _number, _tail in contacts.by_tails(conn, scope, [tail(row["number"])])]
    if row["email"]:
        ids += [one["id"] for one in contacts.some(conn, scope, _MOST, row["email"]) if one["email"] == row["email"]]
    found = [contacts.one(conn, scope, one) for one in dict.fromkeys(ids)][:_MOST]
    return [{"id": str(one["id"]), "name": one["name"], "company": one["company"]} for one in found if one]


async def qualify(db: Database, scope: Scope, lead_id: object, version: int, fields: Fields) -> dict[str, Any]:
    """Make of a lead what `fields` say: company, contact, deal, each `new`, an id or left out; title, value, currency
    of a new deal. Its notes and tasks go along, and the lead keeps what it became. Raises NotFound, Conflict,
    Invalid, and Refused (quality) where the house asks for more of the quality test.
    """
    wanted, given = key(lead_id), checked(lambda: rules.becoming(fields))

    def run(work: Work) -> dict[str, Any]:
        row = current(work.conn, scope, wanted, version)
        needs = settings_of(work.conn)["needs"]
        if len(rules.quality_of(row)) < needs:
            raise Refused(
                f"The house asks for {needs} answers of the quality test before a lead becomes a customer. Nothing "
                "was stored; tick what is known, or work on the lead.",
                code="quality",
            )
        return view(work.conn, _become(work, scope, row, given, db.region))

    return await write(db, run)


def _become(work: Work, scope: Scope, row: LeadRow, given: Becoming, region: str | None) -> LeadRow:
    company = _company(work, scope, row, given.get("company"))
    contact = _contact(work, scope, row, given.get("contact"), company)
    deal = _deal(work, scope, row, given, company, contact, region)
    all_ = {"company_id": company, "contact_id": contact, "deal_id": deal}
    became = {name: value for name, value in all_.items() if value is not None}
    leads.hand_on(work.conn, row["id"], became)
    if contact is not None:
        leads.hand_tags(work.conn, row["id"], contact)
    values = {**became, "qualified_at": work.at, "status": "qualified", "next_contact_at": None}
    made = store_change(work, scope, row, values, "lead.qualified")
    contact_scores.rescore(work, [contact] if contact is not None else [])
    return made


def _company(work: Work, scope: Scope, row: LeadRow, wanted: str | int | None) -> int | None:
    if wanted is None or wanted == "new":
        return None if wanted is None else _new_company(work, scope, row)
    if companies.of_id(work.conn, scope, int(wanted)) is None:
        raise wrong({"company": "There is no such company."})
    return int(wanted)


def _new_company(work: Work, scope: Scope, row: LeadRow) -> int:
    if not row["company"]:
        raise wrong({"company": "Write the company's name on the lead first."})
    owner = row["owner_id"] or scope.user_id or None
    values = {
        "name": row["company"],
        "owner_id": owner,
        "city": row["city"],
        "created_at": work.at,
        "details": json.dumps(custom.put({}, _carried(work, row, "company")), ensure_ascii=False),
    }
    made = companies.add(work.conn, values)
    work.journal("company.created", {"id": str(made), "name": row["company"]}, audience(owner))
    audit.note(work, scope, "company.created", "company", made, {"name": (None, row["company"])})
    return made


def _contact(work: Work, scope: Scope, row: LeadRow, wanted: str | int | None, company: int | None) -> int | None:
    if wanted is None:
        return None
    fields: ContactFields = {"name": row["name"], "company": row["company"], "email": row["email"]}
    numbers = [row["number"]] if row["number"] else []
    if wanted == "new":
        more = {
            "job_title": row["job_title"],
            "city": row["city"],
            "source": row["source"],
            "company_id": company,
        }
        own = _carried(work, row, "contact")
        given: ContactFields = {**fields, "note": row["note"], "numbers": numbers, "custom": own}
        return contact_service.add(work, scope, given, row["owner_id"] or scope.user_id or None, more)["id"]
    found = contacts.one(work.conn, scope, int(wanted))
    if found is None:
        raise wrong({"contact": "There is no such contact."})
    had = contacts.numbers(work.conn, scope, [found["id"]])[found["id"]]
    blank: ContactFields = {}
    blank.update({k: v for k, v in fields.items() if v and not found[k]})  # type: ignore[typeddict-item, literal-required]
    if set(numbers) - set(had):
        blank["numbers"] = [*had, *numbers]
    held = custom.kept(found["details"])
    if own := {key: value for key, value in _carried(work, row, "contact").items() if key not in held}:
        blank["custom"] = own
    if blank:
        contact_service.store_change(work, scope, found["id"], found["version"], blank)
    return found["id"]


def _carried(work: Work, row: LeadRow, thing: str) -> custom.Values:
    return custom_fields.carried(work.conn, "lead", row["details"], thing)


def _deal(
    work: Work,
    scope: Scope,
    row: LeadRow,
    given: Becoming,
    company: int | None,
    contact: int | None,
    region: str | None,
) -> int | None:
    wanted = given.get("deal")
    if wanted is None:
        return None
    if wanted != "new":
        there = deals.one(work.conn, scope, int(wanted))
        if there is None or not there["open"]:
            raise wrong({"deal": "There is no such open deal."})
        return there["id"]
    fields: dict[str, object] = {
        "title": given.get("title")
        or row["interest"]
        or row["name"]
        or row["company"]
        or row["number"]
        or row["email"],
        "source": row["source"],
        "note": "" if contact is not None and given.get("contact") == "new" else row["note"],
        **{name: given[name] for name in ("value", "currency") if given.get(name)},
        "custom": _carried(work, row, "deal"),
    }
    if contact is not None:
        fields["contact_id"] = contact
    if row["number"]:
        fields["number"] = row["number"]
    if row["next_contact_at"] is not None:
        fields["next_contact_at"] = iso(row["next_contact_at"])
    if scope.sees_all and row["owner_name"]:
        fields["owner"] = row["owner_name"]
    made = deal_service.add(work, scope, fields, region)
    if company is not None:
        made = deal_service.store_change(work, scope, made, {"company_id": company})
    return made["id"]
