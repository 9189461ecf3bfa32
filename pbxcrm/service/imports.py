"""Tables that people bring: staged as they are, mapped, looked at, then written in small transactions and undone so.

Each row is marked in the transaction that does what it says: whatever breaks, no row is done twice and none is left
out, and a restart goes on where it was.
"""

import asyncio
import json
import logging
import tempfile
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import importing
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.fields import line
from pbxcrm.crm.views import iso
from pbxcrm.service import audit, import_contacts, import_files
from pbxcrm.service.errors import Conflict, Invalid, NotFound, Unavailable
from pbxcrm.service.paging import after, cursor, limit_of, page
from pbxcrm.service.transact import key, read, write, wrong
from pbxcrm.store import imports, lookup
from pbxcrm.store.db import Database, Work, audience
from pbxcrm.store.imports import ImportRow, Line

log = logging.getLogger(__name__)

KINDS = ("contacts",)
DUPLICATES = ("skip", "fill", "new")
BATCH = 100  # rows of a transaction: calls never wait longer for their turn than these take
STAGED = 1_000
SHOWN = 20
PAUSE = 0.005  # seconds between two transactions, in which others write
LOOK = 1.0  # seconds between two looks whether something waits, while others commit
COUNTED = 1_000  # rows that a preview counts
# Why a row was left out or is left as it is, for a person; the pages translate them.
REASONS = {
    "there": "There already.",
    "full": "There already, and nothing of it was empty.",
    "several": "Several fit; nobody can tell which.",
    "changed": "Somebody has changed it since.",
    "used": "Calls, deals or other things belong to it by now.",
    "gone": "It was taken away already.",
}

BROKEN_OFF = "Reading this file broke off. Nothing was stored; bring it again."
BROKEN = "Something broke on our side at one of the rows. The rows before it are done; undo takes them back."


def kinds(scope: Scope) -> tuple[str, ...]:
    """What this person may import: an agent no companies."""
    return KINDS if scope.sees_all else tuple(kind for kind in KINDS if kind != "companies")


def view(row: ImportRow) -> dict[str, Any]:
    """An import as JSON has it."""
    said: dict[str, Any] = {**row, "id": str(row["id"])}
    said |= {name: iso(said[name]) for name in ("created_at", "ended_at")}
    del said["user_id"]
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
        row = _seen(conn, scope, wanted)
        return {**view(row), "became": imports.counts(conn, scope, wanted)}

    return await read(db, run)


def _seen(conn: Connection, scope: Scope, import_id: int) -> ImportRow:
    row = imports.one(conn, scope, import_id)
    if row is None:
        raise NotFound
    return row


# -- a file comes in -------------------------------------------------------------------------------------------------


async def start(db: Database, scope: Scope, kind: str, name: str, path: Path) -> dict[str, Any]:
    """Stage the rows of a file; nothing else is written yet. Raises Invalid, having stored nothing."""
    if kind not in kinds(scope):
        raise wrong({"kind": f"This must be one of: {', '.join(kinds(scope))}."})
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
    values = {
        "user_id": scope.user_id,
        "kind": kind,
        "name": line(name[:120]) or kind,
        "state": "reading",
        "columns": columns,
        "mapping": importing.guessed(columns, kind, sample),
        "options": {"duplicates": "fill", "owner": scope.name, "tag": ""},
        "total": total,
    }

    def begin(work: Work) -> int:
        made = imports.add(work.conn, {**values, "created_at": work.at})
        _tell(work, made)
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


def _staged(work: Work, import_id: int, first: int, batch: list[list[str]], end: bool) -> None:
    imports.add_lines(work.conn, import_id, first, batch)
    if end:
        imports.change(work.conn, import_id, {"state": "mapping"})
    _tell(work, import_id)


def _tell(work: Work, import_id: int) -> None:
    row = imports.one(work.conn, SYSTEM, import_id)
    assert row is not None
    work.journal("import.changed", view(row), audience(row["user_id"]))


# -- what is to become of it -----------------------------------------------------------------------------------------


async def prepare(
    db: Database, scope: Scope, import_id: object, mapping: Mapping[str, Any] | None, options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Set which column is what, and what to do. Raises NotFound, Invalid, Conflict once it was run."""
    wanted = key(import_id)

    def run(work: Work) -> dict[str, Any]:
        row = _seen(work.conn, scope, wanted)
        _in_state(row, "mapping")
        values: dict[str, Any] = {}
        if mapping is not None:
            values["mapping"] = _mapping(row, mapping)
        if options is not None:
            values["options"] = {**row["options"], **_options(work.conn, scope, options)}
        imports.change(work.conn, wanted, values or {"state": "mapping"})
        _tell(work, wanted)
        return view(_seen(work.conn, scope, wanted))

    return await write(db, run)


def _in_state(row: ImportRow, *states: str) -> None:
    if row["state"] not in states:
        raise Conflict("This import is past that already. Nothing was changed; look at how it stands.")


def _mapping(row: ImportRow, given: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    bad: dict[str, str] = {}
    for n, name in given.items():
        if not (n.isascii() and n.isdigit() and len(n) < 4 and int(n) < len(row["columns"])):
            bad["mapping"] = "There is no such column."
        elif name in importing.FIELDS[row["kind"]]:
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
        if name not in ("duplicates", "owner", "tag"):
            bad[name[:40]] = "There is no such field here."
        elif not isinstance(value, str) or len(value) > 80:
            bad[name] = "This must be text of at most 80 characters."
        elif name == "duplicates" and value not in DUPLICATES:
            bad[name] = f"This must be one of: {', '.join(DUPLICATES)}."
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
        row = _seen(conn, scope, wanted)
        found = imports.lines(conn, scope, wanted, COUNTED)
        understood = [_understood(one, row, db.region) for one in found]
        known = import_contacts.Known(conn, scope, [one.fields for one in understood])
        items = [_would(conn, scope, known, *pair) for pair in zip(found, understood, strict=True)]
        totals = {would: sum(item["would"] == would for item in items) for would in ("new", "match", "problem")}
        return {"items": items[:SHOWN], "counted": len(items), "totals": totals}

    return await read(db, run)


def _understood(one: Line, row: ImportRow, region: str | None) -> importing.Row:
    return importing.understood(one["given"], row["mapping"], row["kind"], region)


def _would(
    conn: Connection, scope: Scope, known: import_contacts.Known, one: Line, understood: importing.Row
) -> dict[str, Any]:
    item = {"n": one["n"], "given": one["given"], "fields": understood.fields, "thing_id": None, "name": ""}
    if understood.problem:
        return {**item, "would": "problem", "reason": understood.problem}
    found = known.find(understood.fields)
    if not found:
        known.add(-one["n"], understood.fields)
        return {**item, "would": "new", "reason": ""}
    if len(found) > 1:
        return {**item, "would": "match", "reason": REASONS["several"]}
    thing = found[0]
    name = import_contacts.name_of(conn, scope, thing) if thing > 0 else ""
    return {**item, "would": "match", "thing_id": str(thing) if thing > 0 else None, "name": name, "reason": ""}


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
        row = _seen(work.conn, scope, wanted)
        _in_state(row, *states)
        if to == "running" and not row["mapping"]:
            raise wrong({"mapping": "Choose what at least one column is."})
        imports.change(work.conn, wanted, {"state": to, "ended_at": None, "reason": ""})
        _tell(work, wanted)
        audit.note(work, scope, action, "import", wanted, {"name": (None, row["name"])})
        return view(_seen(work.conn, scope, wanted))

    return await write(db, go)


async def problems(db: Database, scope: Scope, import_id: object, after_n: int = 0) -> tuple[list[str], list[Line]]:
    """The head line, and the next rows that were left out or could not be undone."""
    wanted = key(import_id)

    def find(conn: Connection) -> tuple[list[str], list[Line]]:
        row = _seen(conn, scope, wanted)
        return row["columns"], imports.lines(conn, scope, wanted, 500, after=after_n, actions=("skipped", "kept"))

    return await read(db, find)


# -- in the background -----------------------------------------------------------------------------------------------


async def step(db: Database) -> bool:
    """Do the next rows of the oldest import that waits, in one transaction; whether there was one."""
    waiting = await read(db, lambda conn: imports.in_states(conn, SYSTEM, ("running", "undoing")))
    if not waiting:
        return False
    import_id = waiting[0]["id"]
    try:
        await write(db, lambda work: _batch(work, import_id, db.region), durable=False)
    except Unavailable:
        raise
    except Exception:  # whatever it is, it would come again with the same row
        log.exception("import %d stopped: a row of it could not be handled", import_id)
        await write(db, lambda work: _end(work, import_id, "failed", BROKEN))
    return True


def _batch(work: Work, import_id: int, region: str | None) -> None:
    row = _seen(work.conn, SYSTEM, import_id)
    scope = _importer(work.conn, row)
    if row["state"] == "running":
        _do(work, scope, row, region)
    elif row["state"] == "undoing":
        _undo(work, scope, row)
    else:
        _tell(work, import_id)


def _importer(conn: Connection, row: ImportRow) -> Scope:
    """Whoever brought it, with the rights they have now."""
    user = lookup.house(conn, SYSTEM).users[row["user"]]
    return Scope(user.id, user.name, user.role, user.team_id, peer=f"import {row['id']}")  # type: ignore[arg-type]


def _do(work: Work, scope: Scope, row: ImportRow, region: str | None) -> None:
    found = imports.lines(work.conn, SYSTEM, row["id"], BATCH, actions=("",))
    if not found:
        _end(work, row["id"], "done")
        return
    owner = lookup.house(work.conn, SYSTEM).id_of(row["options"].get("owner"))
    tag = row["options"].get("tag", "")
    tag_id = imports.tag(work.conn, tag) if tag else None
    understood = [_understood(one, row, region) for one in found]
    known = import_contacts.Known(work.conn, scope, [one.fields for one in understood])
    counts = {"made": row["made"], "changed": row["changed"], "skipped": row["skipped"]}
    for one, said in zip(found, understood, strict=True):
        values = _done(work, scope, row, said, known, owner)
        if tag_id is not None and values.get("thing_id"):
            _tag(work, row["kind"], values, tag_id)
        counts[values["action"]] += 1
        imports.mark(work.conn, row["id"], one["n"], values)
    imports.change(work.conn, row["id"], counts)
    _tell(work, row["id"])


def _done(
    work: Work, scope: Scope, row: ImportRow, said: importing.Row, known: import_contacts.Known, owner: int | None
) -> dict[str, Any]:
    """Do what a row says; the columns of import_rows that tell of it."""
    if said.problem:
        return {"action": "skipped", "reason": said.problem}
    given, duplicates = said.fields, row["options"]["duplicates"]
    found = known.find(given) if duplicates != "new" else []
    if len(found) > 1:
        return {"action": "skipped", "reason": REASONS["several"]}
    if not found:
        thing_id, version = import_contacts.make(work, scope, given, owner)
        known.add(thing_id, given)
        return {"action": "made", "thing_id": thing_id, "version": version}
    if duplicates == "skip":
        return {"action": "skipped", "reason": REASONS["there"]}
    filled = import_contacts.fill(work, scope, found[0], given)
    if filled is None:
        return {"action": "skipped", "thing_id": found[0], "reason": REASONS["full"]}
    known.add(found[0], given)
    return {"action": "changed", "thing_id": found[0], "version": filled[0], "before": filled[1]}


def _tag(work: Work, kind: str, values: dict[str, Any], tag_id: int) -> None:
    """Put the tag on what a row made or found; undo takes it off again where it is new there."""
    if imports.put_tag(work.conn, kind, values["thing_id"], tag_id) and values["action"] != "made":
        values["before"] = {**values.get("before", {}), "tag": tag_id}
        values["action"], values["reason"] = "changed", ""


def _undo(work: Work, scope: Scope, row: ImportRow) -> None:
    found = imports.lines(work.conn, SYSTEM, row["id"], BATCH, actions=("made", "changed"), last_first=True)
    if not found:
        _end(work, row["id"], "undone")
        return
    for one in found:
        why = _taken_back(work, scope, row, one, found)
        values = {"action": "kept", "reason": REASONS[why]} if why else {"action": "undone", "reason": ""}
        imports.mark(work.conn, row["id"], one["n"], values)
    _tell(work, row["id"])


def _taken_back(work: Work, scope: Scope, row: ImportRow, one: Line, batch: list[Line]) -> str:
    """Take back what a row did; why not, else ""."""
    thing_id = one["thing_id"]
    assert thing_id is not None
    if one["action"] == "made":
        return import_contacts.remove(work, scope, thing_id, one["version"] or 0)
    before = dict(one["before"])
    tag_id = before.pop("tag", None)
    if tag_id is not None:
        imports.take_tag(work.conn, row["kind"], thing_id, tag_id)
    if not before:
        return ""
    was = before.pop("version")
    done = import_contacts.restore(work, scope, thing_id, one["version"] or 0, before)
    if isinstance(done, str):
        return done
    if import_contacts.since(work.conn, SYSTEM, thing_id, row["created_at"]):  # an earlier row may have made it
        imports.restored(work.conn, row["id"], thing_id, was, done)
        for other in batch:
            if (other["thing_id"], other["version"]) == (thing_id, was):
                other["version"] = done
    return ""


def _end(work: Work, import_id: int, state: str, reason: str = "") -> None:
    imports.change(work.conn, import_id, {"state": state, "ended_at": work.at, "reason": reason})
    _tell(work, import_id)


async def abandon(db: Database) -> bool:
    """What was being read when this program ended is no whole table: it is brought again. True when that is done."""
    for row in await read(db, lambda conn: imports.in_states(conn, SYSTEM, ("reading",))):
        await write(db, lambda work, n=row["id"]: _abandon(work, n))  # type: ignore[misc]
    return True


def _abandon(work: Work, import_id: int) -> None:
    imports.forget_rows(work.conn, import_id)
    _end(work, import_id, "failed", BROKEN_OFF)


class Importer:
    """Does what waits, whenever the journal says that something does."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._wake = asyncio.Event()
        self._wake.set()  # what an earlier run of this program left
        db.on_commit(self._wake.set)

    async def run(self) -> None:
        """Until cancelled."""
        begun = False
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                begun = begun or await abandon(self._db)
                await self._all()
            except Unavailable as error:
                log.warning("Imports wait: %s", error.message)
                self._wake.set()
            await asyncio.sleep(LOOK)

    async def _all(self) -> None:
        while await step(self._db):
            await _turn_of_others()


async def _turn_of_others() -> None:
    await asyncio.sleep(PAUSE)
