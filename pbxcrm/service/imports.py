"""Tables that people bring: staged as they are, mapped, looked at. What they say is done by import_work.py."""

import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import custom, importing
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.fields import line
from pbxcrm.crm.views import iso
from pbxcrm.service import audit, custom_fields, import_files, lead_settings
from pbxcrm.service.errors import Conflict, Invalid, NotFound
from pbxcrm.service.import_companies import COMPANIES
from pbxcrm.service.import_contacts import CONTACTS
from pbxcrm.service.import_days import day
from pbxcrm.service.import_leads import LEADS
from pbxcrm.service.import_things import Known, Match, Things
from pbxcrm.service.paging import after, cursor, limit_of, page
from pbxcrm.service.transact import key, read, write, wrong
from pbxcrm.store import imports, lookup
from pbxcrm.store.db import Database, Work, audience
from pbxcrm.store.imports import ImportRow, Line

THINGS: dict[str, Things] = {one.kind: one for one in (CONTACTS, COMPANIES, LEADS)}
KINDS = tuple(THINGS)
DUPLICATES = ("skip", "fill", "new")
OF_COMPANIES = ("make", "match")  # what becomes of a company that a contact names
STAGED = 1_000
SHOWN = 20
COUNTED = 1_000  # rows that a preview counts
# Why a row was left out or is left as it is, for a person; the pages translate them.
REASONS = {
    "there": "There already.",
    "full": "There already, and nothing of it was empty.",
    "several": "Several fit; nobody can tell which.",
    "changed": "Somebody has changed it since.",
    "used": "Calls, deals or other things belong to it by now.",
    "gone": "It was taken away already.",
    "customer": "A customer already; leads stand apart.",
    "limit": "You hold as many leads as you may.",
}
CLOSED = "Its rows are no longer kept: what came of each is not known any more, and it cannot be taken back."


async def kinds(db: Database, scope: Scope) -> tuple[str, ...]:
    """What this person may import: an agent no companies, nobody leads where the house does without."""
    return await read(db, lambda conn: _kinds(conn, scope))


def _kinds(conn: Connection, scope: Scope) -> tuple[str, ...]:
    without = set() if scope.sees_all else {"companies"}
    if not lead_settings.settings_of(conn)["used"]:
        without.add("leads")
    return tuple(kind for kind in KINDS if kind not in without)


def view(row: ImportRow) -> dict[str, Any]:
    """An import as JSON has it."""
    said: dict[str, Any] = {**row, "id": str(row["id"])}
    said |= {name: iso(said[name]) for name in ("created_at", "ended_at")}
    del said["user_id"], said["place"]
    return said


async def list_imports(
    db: Database, scope: Scope, limit: int | None = None, cursor: str | None = None
) -> dict[str, Any]:
    """A page, the newest on top: {items, next}. Agents see their own."""
    size, start = limit_of(limit), after(cursor)

    def run(conn: Connection) -> dict[str, Any]:
        found = imports.some(conn, scope, size + 1, start[1] if start else None)
        shown, following = page(found, size, _mark)
        return {"items": [view(row) for row in shown], "next": following}

    return await read(db, run)


def _mark(row: ImportRow) -> str:
    return cursor(row["created_at"], row["id"])


async def get(db: Database, scope: Scope, import_id: object) -> dict[str, Any]:
    """One, with `became`: {action: rows}. Raises NotFound."""
    wanted = key(import_id)

    def run(conn: Connection) -> dict[str, Any]:
        row = seen(conn, scope, wanted)
        return {**view(row), "became": imports.counts(conn, scope, wanted)}

    return await read(db, run)


def seen(conn: Connection, scope: Scope, import_id: int) -> ImportRow:
    """One, if it is theirs to see. Raises NotFound."""
    row = imports.one(conn, scope, import_id)
    if row is None:
        raise NotFound
    return row


# -- a file comes in -------------------------------------------------------------------------------------------------


async def start(db: Database, scope: Scope, kind: str, name: str, path: Path) -> dict[str, Any]:
    """Stage the rows of a file; nothing else is written yet. Raises Invalid, having stored nothing."""
    if kind not in (known := await kinds(db, scope)):
        raise wrong({"kind": f"This must be one of: {', '.join(known)}."})
    with tempfile.TemporaryDirectory(prefix="pbxcrm-import-") as folder:
        plain = Path(folder) / "rows"
        try:
            columns, total = await asyncio.to_thread(_plain, path, plain)
        except importing.NotRead as error:
            raise Invalid(str(error), {"file": str(error)}) from None
        return await _stage(db, scope, kind, name, plain, columns, total)


def _plain(path: Path, plain: Path) -> tuple[list[str], int]:
    """Write the rows as JSON, a line each, without the head line; (names of the columns, how many rows)."""
    found = import_files.rows(path)
    first = next(found, [])
    columns = importing.head_of(first)
    width, total = len(first), 0
    with plain.open("w", encoding="ascii") as out:
        for row in found if columns is not None else _again(first, found):
            out.write(json.dumps(row) + "\n")
            width, total = max(width, len(row)), total + 1
    if not total:
        raise importing.NotRead("There are no rows in this file below its head line. Nothing was stored.")
    names = columns or []
    return [*names, *[""] * (width - len(names))], total


def _again(first: list[str], others: Any) -> Any:
    yield first
    yield from others


async def _stage(
    db: Database, scope: Scope, kind: str, name: str, plain: Path, columns: list[str], total: int
) -> dict[str, Any]:
    with plain.open(encoding="ascii") as file:
        sample = [json.loads(text) for text in islice(file, SHOWN)]
    own = await read(db, lambda conn: own_of(conn, kind))
    values = {
        "user_id": scope.user_id,
        "kind": kind,
        "name": line(name[:120]) or kind,
        "state": "reading",
        "columns": columns,
        "mapping": importing.guessed(columns, kind, sample, own),
        "options": _usual(scope, kind),
        "total": total,
    }

    def begin(work: Work) -> int:
        made = imports.add(work.conn, {**values, "created_at": work.at})
        tell(work, made)
        audit.note(work, scope, "import.added", "import", made, {"name": (None, values["name"]), "kind": (None, kind)})
        return made

    import_id = await write(db, begin)
    first = 1
    with plain.open(encoding="ascii") as file:
        while batch := [json.loads(text) for text in islice(file, STAGED)]:
            last = first + len(batch) > total
            await write(db, lambda work, n=first, b=batch, end=last: _staged(work, import_id, n, b, end), durable=last)  # type: ignore[misc]
            first += len(batch)
    return await get(db, scope, import_id)


def _usual(scope: Scope, kind: str) -> dict[str, str]:
    """What is chosen where nobody chose. A manager's leads go into the base, to be claimed."""
    owner = "" if kind == "leads" and scope.sees_all else scope.name
    return {"duplicates": "fill", "owner": owner, "tag": "", "companies": "make" if scope.sees_all else "match"}


def _staged(work: Work, import_id: int, first: int, batch: list[list[str]], end: bool) -> None:
    imports.add_lines(work.conn, import_id, first, batch)
    if end:
        imports.change(work.conn, import_id, {"state": "mapping"})
    tell(work, import_id)


def tell(work: Work, import_id: int, row: ImportRow | None = None) -> None:
    """import.changed: it as it stands (`row`, where that is known), for who brought it."""
    row = row or imports.one(work.conn, SYSTEM, import_id)
    assert row is not None
    work.journal("import.changed", view(row), audience(row["user_id"]))


# -- what is to become of it -----------------------------------------------------------------------------------------


async def prepare(
    db: Database, scope: Scope, import_id: object, mapping: Mapping[str, Any] | None, options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Set which column is what, and what to do. Raises NotFound, Invalid, Conflict once it was run."""
    wanted = key(import_id)

    def run(work: Work) -> dict[str, Any]:
        row = seen(work.conn, scope, wanted)
        _in_state(row, "mapping")
        values: dict[str, Any] = {}
        if mapping is not None:
            values["mapping"] = _mapping(row, mapping, importing.fields_of(row["kind"], own_of(work.conn, row["kind"])))
        if options is not None:
            values["options"] = {**row["options"], **_options(work.conn, scope, options)}
        imports.change(work.conn, wanted, values or {"state": "mapping"})
        tell(work, wanted)
        return view(seen(work.conn, scope, wanted))

    return await write(db, run)


def _in_state(row: ImportRow, *states: str) -> None:
    if row["state"] not in states:
        raise Conflict("This import is past that already. Nothing was changed; look at how it stands.")


def own_of(conn: Connection, kind: str) -> list[custom.Field]:
    """The house's own fields of what is imported."""
    return custom_fields.used(conn, THINGS[kind].thing)


async def targets(db: Database, kind: str) -> list[tuple[str, str]]:
    """What a column may become: (field, the name of one of the house's own, else "")."""
    own = await read(db, lambda conn: own_of(conn, kind))
    names = {f"custom.{one.key}": one.name for one in own}
    return [(name, names.get(name, "")) for name in importing.fields_of(kind, own)]


def _mapping(row: ImportRow, given: Mapping[str, Any], known: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    bad: dict[str, str] = {}
    for n, name in given.items():
        if not (n.isascii() and n.isdigit() and len(n) < 4 and int(n) < len(row["columns"])):
            bad["mapping"] = "There is no such column."
        elif name in known:
            if name in found.values() and name not in importing.MANY:
                bad[f"column-{int(n)}"] = "Two columns cannot be this; choose one."
            found[str(int(n))] = name
        elif name:
            bad["mapping"] = "There is no such field."
    if not bad and not found:
        bad["mapping"] = "Choose what at least one column is."
    if bad:
        raise wrong(bad)
    return found


def _options(conn: Connection, scope: Scope, given: Mapping[str, Any]) -> dict[str, str]:
    bad: dict[str, str] = {}
    for name, value in given.items():
        if name not in ("duplicates", "owner", "tag", "companies"):
            bad[name[:40]] = "There is no such field here."
        elif not isinstance(value, str) or len(value) > 80:
            bad[name] = "This must be text of at most 80 characters."
        elif name == "duplicates" and value not in DUPLICATES:
            bad[name] = f"This must be one of: {', '.join(DUPLICATES)}."
        elif name == "companies" and value not in OF_COMPANIES:
            bad[name] = f"This must be one of: {', '.join(OF_COMPANIES)}."
        elif name == "owner" and value != scope.name and not scope.sees_all:
            bad[name] = "Only a manager gives what is imported to somebody else."
        elif name == "owner" and value and lookup.user(conn, scope, value) is None:
            bad[name] = "There is no such person."
    if bad:
        raise wrong(bad)
    return {name: line(value) for name, value in given.items()}


async def preview(db: Database, scope: Scope, import_id: object) -> dict[str, Any]:
    """What running it would do: {items, counted, totals: {new, match, problem}}, nothing of it done.

    An item: {n, given, fields, would, thing_id, name, reason}, of the first rows; totals are of the first thousand.
    """
    wanted = key(import_id)

    def run(conn: Connection) -> dict[str, Any]:
        row = seen(conn, scope, wanted)
        found = imports.lines(conn, scope, wanted, COUNTED)
        own = own_of(conn, row["kind"])
        said = [understood(one, row, db.region, own) for one in found]
        known = THINGS[row["kind"]].known(conn, scope, [one.fields for one in said])
        items = [_would(known, row, *pair) for pair in zip(found, said, strict=True)]
        totals = {would: sum(item["would"] == would for item in items) for would in ("new", "match", "problem")}
        return {"items": items[:SHOWN], "counted": len(items), "totals": totals}

    return await read(db, run)


def understood(one: Line, row: ImportRow, region: str | None, own: importing.Own) -> importing.Row:
    """What a row says, by how its import is mapped."""
    return importing.understood(one["given"], row["mapping"], row["kind"], region, day, own)


def match(known: Known, given: importing.Given, row: ImportRow) -> Match:
    """Who a row is; nobody yet where the person wants all of them new. No customer becomes a lead all the same, unless
    the lead provider took them from among the customers.
    """
    if row["options"].get("customers"):
        known.customers = None
    found = known.find(given)
    return found if row["options"]["duplicates"] != "new" or found.why == "customer" else Match()


def _would(known: Known, row: ImportRow, one: Line, said: importing.Row) -> dict[str, Any]:
    item = {"n": one["n"], "given": one["given"], "fields": said.fields, "thing_id": None, "name": ""}
    if said.problem:
        return {**item, "would": "problem", "reason": said.problem}
    found = match(known, said.fields, row)
    if found.why:
        return {**item, "would": "problem", "name": found.name, "reason": REASONS[found.why]}
    if not found.thing_id:
        known.add(-one["n"], said.fields)
        return {**item, "would": "new", "reason": ""}
    there = found.thing_id > 0
    name = known.name_of(found.thing_id)
    return {**item, "would": "match", "thing_id": str(found.thing_id) if there else None, "name": name, "reason": ""}


async def run(db: Database, scope: Scope, import_id: object) -> dict[str, Any]:
    """Let it be done, in the background. Raises NotFound, Conflict where it was run already."""
    return await _turn(db, scope, import_id, ("mapping",), "running", "import.run")


async def undo(db: Database, scope: Scope, import_id: object) -> dict[str, Any]:
    """Let it be taken back, in the background. Raises NotFound, Conflict where there is nothing to take back."""
    return await _turn(db, scope, import_id, ("done", "failed"), "undoing", "import.undone")


async def _turn(
    db: Database, scope: Scope, import_id: object, states: tuple[str, ...], to: str, action: str
) -> dict[str, Any]:
    wanted = key(import_id)

    def go(work: Work) -> dict[str, Any]:
        row = seen(work.conn, scope, wanted)
        if row["state"] == "closed":
            raise Conflict(CLOSED)
        _in_state(row, *states)
        if to == "running" and not row["mapping"]:
            raise wrong({"mapping": "Choose what at least one column is."})
        imports.change(work.conn, wanted, {"state": to, "ended_at": None, "reason": ""})
        tell(work, wanted)
        audit.note(work, scope, action, "import", wanted, {"name": (None, row["name"])})
        return view(seen(work.conn, scope, wanted))

    return await write(db, go)


async def problems(db: Database, scope: Scope, import_id: object, after_n: int = 0) -> tuple[list[str], list[Line]]:
    """The head line, and the next rows that were left out or could not be undone."""
    wanted = key(import_id)

    def find(conn: Connection) -> tuple[list[str], list[Line]]:
        row = seen(conn, scope, wanted)
        return row["columns"], imports.lines(conn, scope, wanted, 500, after=after_n, actions=("skipped", "kept"))

    return await read(db, find)
