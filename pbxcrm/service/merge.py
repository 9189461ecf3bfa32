"""Two contacts, or two companies, that are one: looked for, shown side by side, made one in one transaction.

Managers merge what they see; a seller two that are wholly their own, for what hangs on them then becomes one for all.
The newer id stays: the older one is never given out again, and leads on to it.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from pbxcrm.crm import custom, views
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.merging import FIELDS, chosen, differing, fuller
from pbxcrm.service import audit, contact_scores, custom_fields, tell
from pbxcrm.service.contacts import search_text, tell_cards
from pbxcrm.service.errors import Conflict, NotFound, Refused
from pbxcrm.service.transact import key, read, write, wrong
from pbxcrm.store import companies, contacts, details, duplicates, merging
from pbxcrm.store.contact_scores import of_company
from pbxcrm.store.db import Database, Work, audience
from pbxcrm.store.errors import overtaken

MOST = 50  # pairs on a page
_TRIES, _PAUSE = 8, 0.05
Row = Any  # ContactRow | CompanyRow
_KINDS = {"contact": (contacts.one, duplicates.of_contacts), "company": (companies.one, duplicates.of_companies)}


async def candidates(db: Database, scope: Scope, thing: str) -> list[dict[str, Any]]:
    """Pairs that may be one: [{why, items: [{id, name, company, numbers, created_at}] * 2}]; a seller's own."""

    def run(conn: Connection) -> list[dict[str, Any]]:
        one_of, pairs_of = _KINDS[thing]
        found = []
        for pair in pairs_of(conn, scope, MOST):
            rows = [one_of(conn, scope, one) for one in (pair.one, pair.other)]
            if all(rows):
                found.append({"why": pair.why, "items": [_brief(conn, scope, thing, row) for row in rows]})
        return found

    return await read(db, run)


async def alike(db: Database, scope: Scope, contact_id: object) -> list[dict[str, Any]]:
    """Contacts that may be the same person as this one. Raises NotFound."""
    wanted = key(contact_id)

    def run(conn: Connection) -> list[dict[str, Any]]:
        row = _seen(conn, scope, "contact", wanted)
        numbers = contacts.numbers(conn, scope, [wanted])[wanted]
        ids = duplicates.of_contact(conn, scope, row, numbers)
        return [_brief(conn, scope, "contact", _seen(conn, scope, "contact", one)) for one in ids]

    return await read(db, run)


def _seen(conn: Connection, scope: Scope, thing: str, wanted: int) -> Row:
    row = _KINDS[thing][0](conn, scope, wanted)
    if row is None:
        raise NotFound
    return row


def _numbers(conn: Connection, scope: Scope, thing: str, row: Row) -> list[str]:
    if thing == "contact":
        return contacts.numbers(conn, scope, [row["id"]])[row["id"]]
    return [row["number"]] if row["number"] else []


def _brief(conn: Connection, scope: Scope, thing: str, row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "company": row["company"] if thing == "contact" else "",
        "numbers": _numbers(conn, scope, thing, row),
        "created_at": views.iso(row["created_at"]),
        "version": row["version"],
    }


def _texts(thing: str, row: Row) -> dict[str, str]:
    """What a row says, as text, in its columns and details."""
    said = {**row, **json.loads(row["details"]), "owner": row["owner_name"]}
    own = {name: value for name, value in json.loads(row["details"]).items() if isinstance(value, str)}
    house = custom.flat({key: custom.text(value) for key, value in custom.kept(row["details"]).items()})
    return {name: str(said.get(name) or "") for name in FIELDS[thing]} | own | house


# ---- what it would do


async def preview(db: Database, scope: Scope, thing: str, one: object, other: object) -> dict[str, Any]:
    """Both side by side: {stays, items: [brief] * 2, fields: [{name, label, values: [text] * 2, chosen}], moves}.

    `fields`: those in which they differ (`label`: of the house's own, else ""; `chosen`: 0 or 1); `moves`: how much
    hangs on both, by table. Raises NotFound, Refused, Invalid.
    """
    ids = _two(one, other)

    def run(conn: Connection) -> dict[str, Any]:
        rows = _both(conn, scope, thing, ids)
        texts = [_texts(thing, row) for row in rows]
        house = custom.flat({field.key: field.name for field in custom_fields.used(conn, thing)})
        fields = [
            {
                "name": name,
                "label": house.get(name, ""),
                "values": [text[name] for text in texts],
                "chosen": fuller(name, texts[0][name], texts[1][name]),
            }
            for name in differing(thing, *texts)
            if not name.startswith("custom.") or name in house
        ]
        return {
            "stays": str(max(ids)),
            "items": [_brief(conn, scope, thing, row) for row in rows],
            "fields": fields,
            "moves": merging.hanging(conn, scope, thing, ids),
        }

    return await read(db, run)


def _two(one: object, other: object) -> list[int]:
    ids = [key(one), key(other)]
    if ids[0] == ids[1]:
        raise wrong({"with": "These are one already; choose another."})
    return ids


def _both(conn: Connection, scope: Scope, thing: str, ids: list[int]) -> list[Row]:
    rows = [_seen(conn, scope, thing, one) for one in ids]
    if not scope.sees_all:
        owned = all(row["owner_id"] == scope.user_id for row in rows)
        if not owned or merging.others_have(conn, scope, thing, ids):
            raise Refused("These two are not wholly yours, so only a manager merges them. Nothing was changed.")
    return rows


# ---- doing it


async def merge(
    db: Database,
    scope: Scope,
    thing: str,
    one: object,
    other: object,
    versions: tuple[int, int],
    take: Mapping[str, object],
) -> str:
    """Make one of two; gives the id that stays. Cannot be undone.

    `versions`: of both, as they were looked at; `take`: {field: id of the one whose value stays}, else the fuller of
    the two. Raises NotFound, Refused, Conflict, Invalid.
    """
    ids = _two(one, other)
    picks = {name: ids.index(key(taken)) for name, taken in take.items() if str(taken) in map(str, ids)}
    if len(picks) < len(take):
        raise wrong(dict.fromkeys(take.keys() - picks.keys(), "Choose one of the two."))
    tries = 0
    while True:
        try:
            return await write(db, lambda work: _merge(work, scope, thing, ids, versions, picks))
        except DBAPIError as error:
            # Another process writes a call of one of the two.
            tries += 1
            if not overtaken(error):
                raise
            if tries == _TRIES:
                raise Conflict("Calls of these two come in just now. Nothing was changed; try again.") from None
            await asyncio.sleep(_PAUSE * tries)


def _merge(
    work: Work, scope: Scope, thing: str, ids: list[int], versions: tuple[int, int], picks: Mapping[str, int]
) -> str:
    conn = work.conn
    merging.give_way(conn)
    rows = _both(conn, scope, thing, ids)
    if tuple(row["version"] for row in rows) != versions:
        raise Conflict("Somebody changed one of the two meanwhile. Nothing was merged; look at them and try again.")
    texts = [_texts(thing, row) for row in rows]
    if idle := picks.keys() - differing(thing, *texts):  # a mistyped field would lose what was chosen, for good
        raise wrong(dict.fromkeys(idle, "The two do not differ in this."))
    result = chosen(thing, texts[0], texts[1], picks)
    kept, lost = sorted(range(2), key=lambda n: -ids[n])
    values = _columns(thing, rows, texts, result)
    values["version"] = max(versions) + 1
    known = _hanging(conn, scope, thing, ids)
    if thing == "contact":
        _contact(work, scope, rows, kept, lost, values, known)
    else:
        _company(work, rows, kept, lost, values)
    note = texts[lost if result["note"] == texts[kept]["note"] else kept]["note"]
    if note and note != result["note"]:
        details.add_note(conn, thing, ids[kept], scope.user_id or None, work.at, note)
    gone = {
        n: (texts[lost][n], result[n]) for n in result if texts[lost].get(n, "") != result[n] and texts[lost].get(n)
    }
    gone |= {
        n: (texts[kept].get(n, ""), result[n]) for n in result if texts[kept].get(n, "") != result[n] and n not in gone
    }
    audit.note(work, scope, f"{thing}.merged", thing, ids[kept], {"into": (str(ids[lost]), str(ids[kept])), **gone})
    return str(ids[kept])


def _hanging(conn: Connection, scope: Scope, thing: str, ids: list[int]) -> dict[str, list[str]]:
    if thing == "company":
        return {}
    mails = dict.fromkeys(mail for one in ids for mail in details.addresses(conn, scope, one).get("email", ()))
    return {"emails": list(mails)}


def _columns(thing: str, rows: list[Row], texts: list[dict[str, str]], result: dict[str, str]) -> dict[str, Any]:
    """The chosen texts as columns of the row that stays."""

    def whose(name: str) -> Row:
        return rows[0] if texts[0].get(name, "") == result[name] else rows[1]

    house = {name: whose(name) for name, value in result.items() if name.startswith("custom.") and value}
    own = {n: value for n, value in result.items() if n not in (*rows[0], *house, "owner") and value}
    # What no text of a person's is (a quality test, say) stays as the newer one has it.
    other = {k: v for row in rows for k, v in json.loads(row["details"]).items() if not isinstance(v, str)}
    keys = ((name.removeprefix("custom."), row) for name, row in house.items())
    said = custom.put({**other, **own}, {key: custom.kept(row["details"])[key] for key, row in keys})
    columns = {name: whose(name)[name] for name in result if name in rows[0]}
    columns |= {"owner_id": whose("owner")["owner_id"], "details": json.dumps(said, ensure_ascii=False)}
    columns["created_at"] = min(row["created_at"] for row in rows)
    if thing == "contact":
        columns["company_id"] = whose("company")["company_id"]
    return columns


def _contact(
    work: Work,
    scope: Scope,
    rows: list[Row],
    kept: int,
    lost: int,
    values: dict[str, Any],
    known: dict[str, list[str]],
) -> None:
    conn, to, was = work.conn, rows[kept]["id"], rows[lost]["id"]
    talked = max(rows, key=lambda row: row["last_talk_at"] or 0.0)
    met = min(rows, key=lambda row: row["first_contact_at"] or row["created_at"])
    values |= {name: talked[name] for name in ("last_talk_at", "last_talk_by")}
    values |= {name: met[name] for name in ("first_contact_at", "first_contact_by")}
    values |= {"changed_at": work.at, "search": search_text(values)}
    hears = [row["owner_id"] for row in rows]
    hears += [one for row in rows for one in contacts.open_deal_owners(conn, SYSTEM, row["id"])]
    merging.contact_is(conn, was, to)
    merging.became(conn, "contact", was, to)
    contacts.put(conn, to, values)
    mails = [*known["emails"], *(row["email"] for row in rows)]
    further = dict.fromkeys(mail for mail in mails if mail and mail != values["email"])
    details.put_addresses(conn, to, "email", list(further))
    contact_scores.rescore(work, [to])
    row = contacts.of_ids(conn, SYSTEM, [to])[to]
    work.journal("contact.changed", {"id": str(was), "gone": True, "into": str(to)}, audience(*hears))
    tell.contact(work, conn, "contact.changed", row, contacts.numbers(conn, SYSTEM, [to])[to], *hears)
    tell_cards(work, scope, to)


def _company(work: Work, rows: list[Row], kept: int, lost: int, values: dict[str, Any]) -> None:
    conn, to, was = work.conn, rows[kept]["id"], rows[lost]["id"]
    merging.company_is(conn, was, to)
    merging.became(conn, "company", was, to)
    companies.put(conn, to, values)
    companies.renamed(conn, to, values["name"])
    contact_scores.rescore(work, of_company(conn, SYSTEM, to))
    row = companies.one(conn, SYSTEM, to)
    assert row is not None
    hears = audience(*(one["owner_id"] for one in rows), row["owner_id"])
    work.journal("company.changed", {"id": str(was), "gone": True, "into": str(to)}, hears)
    own = custom_fields.seen(conn, "company", row["details"])
    work.journal("company.changed", views.company(row, own), hears)
