"""What is kept of one person: given to them, or taken out of everything. For managers, and the command line."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from pbxcrm.calls import numbers as phone_numbers
from pbxcrm.calls.numbers import digits
from pbxcrm.crm import custom, offers, views
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.fields import ident
from pbxcrm.crm.matching import best, tail
from pbxcrm.service import audit, documents, erased, recordings, tell
from pbxcrm.service.errors import Conflict, Invalid, NotFound, Unavailable
from pbxcrm.service.timeline import stages_of
from pbxcrm.service.transact import read, write
from pbxcrm.store import audit as audit_store
from pbxcrm.store import calls, contacts, deals, details, erasure, personal, tasks
from pbxcrm.store import documents as document_store
from pbxcrm.store import offers as offer_store
from pbxcrm.store.db import Database, Work
from pbxcrm.store.erasure import Traces

Preview = dict[str, Any]
_LEAST = 5  # digits that make what was typed a number rather than an id


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody, as they were asked for: a contact, or a number that is no contact's."""

    contact_id: int | None
    numbers: tuple[str, ...]


async def subject(db: Database, scope: Scope, who: str) -> Subject:
    """Whom NUMBER, ID or id:ID means. Raises NotFound, Conflict (several: their ids are named)."""
    _may(scope)
    return await read(db, lambda conn: _subject(conn, scope, who.strip(), db.region))


def _may(scope: Scope) -> None:
    if not scope.sees_all:
        raise NotFound


def _subject(conn: Connection, scope: Scope, who: str, region: str | None) -> Subject:
    bare = who.removeprefix("id:")
    if bare != who or (not who.startswith("+") and len(digits(who)) < _LEAST):
        return _by_id(conn, scope, bare)
    number = phone_numbers.normalise(who, region)
    known = contacts.by_tails(conn, scope, [tail(number)]) if number else []
    found = sorted(set(best(number, [(key, theirs) for key, theirs, _ in known]))) if number else []
    if len(found) > 1:
        ids = ", ".join(f"id:{one}" for one in found)
        raise Conflict(f"{len(found)} contacts have this number. Nothing was done; say which one: {ids}")
    if found:
        return Subject(found[0], ())
    if number is None:
        raise NotFound(f"{who!r} is neither a number nor the id of a contact. Nothing was done.")
    subject = Subject(None, (number,))
    if not any(erasure.find(conn, scope, None, [number]).things().values()):
        raise NotFound(f"Nothing is kept about {who}. Nothing was done.")
    return subject


def _by_id(conn: Connection, scope: Scope, text: str) -> Subject:
    try:
        contact_id = ident(text)
    except ValueError:
        raise NotFound(f"{text!r} is no contact's id. Nothing was done.") from None
    if contacts.one(conn, scope, contact_id) is None:
        raise NotFound(f"There is no contact {text}. Nothing was done.")
    return Subject(contact_id, ())


# ---- export


async def export(db: Database, scope: Scope, who: Subject) -> dict[str, Any]:
    """All that is kept about them, as one JSON object; that it was given out is noted. Raises NotFound."""
    _may(scope)
    found = await read(db, lambda conn: _export(conn, scope, who))
    traces: Traces = found.pop("traces")
    said, _ = await _mentions(db, scope, traces)
    found["journal"] = [{**row, "id": str(row["id"]), "at": views.iso(row["at"])} for row in said]
    changes = {part: (None, len(some)) for part, some in found.items() if isinstance(some, list)}
    await audit.noted(db, scope, "person.exported", "contact", _name(traces), changes)
    return {"exported_at": views.iso(db.clock()), "by": scope.name, **found}


def _name(traces: Traces) -> str:
    return "" if traces.contact_id is None else str(traces.contact_id)


def _export(conn: Connection, scope: Scope, who: Subject) -> dict[str, Any]:
    traces = _traces(conn, scope, who)
    row = contacts.one(conn, scope, who.contact_id) if who.contact_id is not None else None
    return {
        "traces": traces,
        "contact": _person(conn, scope, row, traces) if row is not None else None,
        "numbers": list(traces.numbers),
        "deals": [_deal(conn, scope, one) for one in deals.of_ids(conn, scope, traces.deals)],
        "calls": [calls.one(conn, SYSTEM, one) for one in traces.calls],
        "tasks": [views.task(one) for one in tasks.of_ids(conn, scope, traces.tasks)],
        "dials": [{**one, "created_at": views.iso(one["created_at"])} for one in erasure.dials_of(conn, scope, traces)],
        **{what: [_told(one) for one in rows] for what, rows in personal.hanging(conn, scope, traces).items()},
        "audit": audit_store.about(conn, scope, traces.things()),
    }


def _deal(conn: Connection, scope: Scope, row: views.DealRow) -> dict[str, Any]:
    notes = [
        {**one, "id": str(one["id"]), "at": views.iso(one["at"])} for one in deals.notes_of(conn, scope, row["id"])
    ]
    return {
        **views.deal(row),
        "details": details.of_deal(conn, scope, row["id"]),
        "tags": details.tags_of(conn, scope, "deal", row["id"]),
        "stages": stages_of(conn, scope, row),
        "notes": notes,
        "offers": [offers.view(one) for one in offer_store.of_deal(conn, scope, row["id"])],
        "documents": [documents.view(one) for one in document_store.of_deals(conn, scope, [row["id"]])],
    }


def _person(conn: Connection, scope: Scope, row: views.ContactRow, traces: Traces) -> dict[str, Any]:
    more = details.addresses(conn, scope, row["id"]), details.tags_of(conn, scope, "contact", row["id"])
    own = custom.kept(row["details"])  # the values of retired fields too: all that is kept
    return {**json.loads(row["details"]), **views.person(row, traces.numbers, own, *more)}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """A stored row as it is given out: times as everywhere, JSON as what it holds."""
    times = {name: views.iso(value) for name, value in row.items() if _is_time(name) and value is not None}
    read_ = {name: json.loads(row[name]) for name in ("details", "items", "given") if row.get(name)}
    return {**row, **times, **read_}


def _is_time(name: str) -> bool:
    return name == "at" or name.endswith("_at")


def _traces(conn: Connection, scope: Scope, who: Subject) -> Traces:
    if who.contact_id is not None and contacts.one(conn, scope, who.contact_id) is None:
        raise NotFound
    return erasure.find(conn, scope, who.contact_id, who.numbers)


async def _mentions(db: Database, scope: Scope, traces: Traces) -> tuple[list[dict[str, Any]], int]:
    """The journal rows about them, and how far the journal was read: a part at a time, for it may be long."""
    found: list[dict[str, Any]] = []
    after = 0
    while True:
        rows, last = await read(db, lambda conn, after=after: erasure.mentions(conn, scope, traces, after))  # type: ignore[misc]
        found += rows
        if last == after:
            return found, last
        after = last


# ---- erasure


async def preview(db: Database, scope: Scope, who: Subject) -> Preview:
    """What an erasure would do: {confirm, name, numbers, shared, recordings, ongoing, goes: {…}, stays: {…}}.

    `goes`: how many of what are removed; `stays`: how many are kept without name and number. `confirm`: what a person
    types to go ahead. Raises NotFound.
    """
    return (await _plan(db, scope, who))[0]


async def _plan(db: Database, scope: Scope, who: Subject) -> tuple[Preview, list[dict[str, Any]], int]:
    """The preview, the journal rows about them, and how far the journal was read."""
    _may(scope)
    traces = await read(db, lambda conn: _traces(conn, scope, who))
    notes = await read(db, lambda conn: _notes(conn, scope, traces))
    said, looked = await _mentions(db, scope, traces)
    plan = {
        "contact_id": views.ident(traces.contact_id),
        "name": next(iter(traces.names), ""),
        "numbers": list(traces.numbers),
        "confirm": confirmation(traces),
        "shared": list(traces.shared),
        "recordings": list(traces.recordings),
        "ongoing": len(traces.ongoing),
        "deal_ids": list(traces.deals),
        "goes": {"contacts": int(traces.contact_id is not None), "notes": notes, "tasks": len(traces.tasks)},
        "stays": {
            "deals": len(traces.deals),
            "leads": len(traces.leads),
            "calls": len(traces.calls),
            "dials": len(traces.dials),
            "journal": len(said),
        },
    }
    return plan, said, looked


def _notes(conn: Connection, scope: Scope, traces: Traces) -> int:
    """How many notes go: those on their deals, on the contact and on leads that were they."""
    of_deals = sum(len(deals.notes_of(conn, scope, one)) for one in traces.deals)
    return of_deals + len(personal.hanging(conn, scope, traces)["notes"])


def confirmation(traces: Traces) -> str:
    """What to type before anything is erased: their number, else their name, else the contact's id."""
    return next(iter(traces.numbers), "") or next(iter(traces.names), "") or _name(traces)


def in_words(plan: Preview) -> str:
    """A preview in plain words, a line each."""
    goes, stays = plan["goes"], plan["stays"]
    lines = [
        f"{plan['name'] or 'Without a name'}, {', '.join(plan['numbers']) or 'no number'}",
        f"Goes: the contact with name, numbers and details; {goes['notes']} notes, {goes['tasks']} tasks.",
    ]
    kept = f"{stays['deals']} deals, {stays['leads']} leads, {stays['calls']} calls, {stays['dials']} clicks to call"
    lines.append(f"Stays without name and number: {kept}, {stays['journal']} lines of the journal.")
    if plan["shared"]:
        lines.append(f"Somebody else has a number like {', '.join(plan['shared'])}: in their things it stays.")
    if plan["recordings"]:
        where = "deleted where pbxcrm may write in their folder, else to be deleted on the PBX"
        lines.append(f"Recordings, {where}: {', '.join(plan['recordings'])}")
    return "\n".join(lines)


async def erase(
    db: Database,
    scope: Scope,
    who: Subject,
    confirm: str,
    recordings_in: Path | None = None,
    documents_in: Path | None = None,
) -> Preview:
    """Take this person out of everything; gives what `preview` said. Cannot be undone.

    Recordings are deleted in the folder `recordings_in`; `recordings` names those that are still there. Documents on
    their deals are deleted in the folder `documents_in`.

    Raises NotFound, Invalid (the confirmation is not right), Conflict (they are on the line just now).
    """
    plan, rows, looked = await _plan(db, scope, who)
    if " ".join(confirm.split()) != plan["confirm"]:
        raise Invalid(
            f"To erase this person type exactly: {plan['confirm']}. Nothing was erased.",
            {"confirm": "Not the same."},
            code="not_confirmed",
        )
    if plan["ongoing"]:
        raise Conflict("This person is on the line just now. Nothing was erased; try again when the call is over.")
    # Files before rows: whoever is stopped in between still finds their names here, and does it once more.
    plan["recordings"] = await asyncio.to_thread(_remove, recordings_in, plan["recordings"])
    await _remove_documents(db, documents_in, plan["deal_ids"])
    await write(db, lambda work: _erase(work, scope, who, rows, looked))
    await db.compact()
    return plan


async def _remove_documents(db: Database, root: Path | None, deal_ids: list[int]) -> None:
    files = await documents.of_person(db, deal_ids)
    try:
        if files and root is not None:
            await asyncio.to_thread(documents.unlink, root, files)
    except OSError as error:
        raise Unavailable(
            "Documents on this person's deals cannot be deleted, so nothing else was erased. Set the rights of the "
            "folder of documents, then erase once more.",
            code="documents_kept",
        ) from error


def _remove(root: Path | None, paths: list[str]) -> list[str]:
    """Which of these recordings could not be deleted."""
    return [path for path in paths if root is None or not recordings.remove_inside(root, path)]


def _erase(work: Work, scope: Scope, who: Subject, rows: list[dict[str, Any]], looked: int) -> None:
    traces = _traces(work.conn, scope, who)
    if traces.ongoing:
        raise Conflict("This person is on the line just now. Nothing was erased; try again when the call is over.")
    before = {row["id"]: row for row in deals.of_ids(work.conn, scope, traces.deals)}
    erasure.rewrite(work.conn, traces, [*rows, *_newer(work.conn, scope, traces, looked)])
    erasure.forget(work.conn, traces)
    erased.remember(work.conn, traces.own, work.at)
    for row in deals.of_ids(work.conn, scope, traces.deals):
        tell.deal(work, "deal.changed", before[row["id"]], row, SYSTEM)  # not noted: what was in it is gone
    work.journal("contact.erased", {"id": views.ident(traces.contact_id)}, None)
    counts = {"deals": (None, len(traces.deals)), "calls": (None, len(traces.calls))}
    audit.note(work, scope, "person.erased", "contact", _name(traces), counts)


def _newer(conn: Connection, scope: Scope, traces: Traces, last: int) -> list[dict[str, Any]]:
    """What was journalled since `last` was read: little, for it was read just now."""
    found: list[dict[str, Any]] = []
    while True:
        rows, looked = erasure.mentions(conn, scope, traces, last)
        found += rows
        if looked == last:
            return found
        last = looked


def as_text(found: dict[str, Any]) -> str:
    """An export as a person reads it: JSON, indented."""
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"
