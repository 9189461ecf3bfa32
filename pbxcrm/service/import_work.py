"""Imports in the background: their rows are done, or taken back, in small transactions.

Each row is marked in the transaction that does what it says: whatever breaks, no row is done twice and none is left
out, and a restart goes on where it was.
"""

import asyncio
import logging
from time import monotonic
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import importing
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.import_things import Bringing, Known, Things
from pbxcrm.service.imports import REASONS, THINGS, match, own_of, seen, tell, understood
from pbxcrm.service.transact import read, write
from pbxcrm.store import imports, lookup
from pbxcrm.store.db import Database, Work
from pbxcrm.store.imports import ImportRow, Line

log = logging.getLogger(__name__)

BATCH = 200  # rows of a transaction, at most
SPAN = 0.05  # seconds that a transaction should take: calls and people wait no longer for their turn
FEWEST = 5  # rows of a transaction: what each costs beside its rows must not be most of it
PAUSE = 0.005  # seconds between two transactions, in which others write
LOOK = 1.0  # seconds between two looks whether something waits, while others commit

BROKEN_OFF = "Reading this file broke off. Nothing was stored; bring it again."
BROKEN = "Something broke on our side at one of the rows. The rows before it are done; undo takes them back."


class Pace:
    """How many rows a transaction takes, so that it lasts about SPAN: a slow or busy machine does fewer at once."""

    def __init__(self) -> None:
        self.rows = 10

    def took(self, seconds: float) -> None:
        """So long did the last one take: slower at once, faster by and by."""
        fitting = int(self.rows * SPAN / max(seconds, 0.001))
        self.rows = max(FEWEST, min(fitting, self.rows * 2, BATCH))


async def step(db: Database, pace: Pace | None = None) -> bool:
    """Do the next rows of the oldest import that waits, in one transaction; whether there was one."""
    pace = pace or Pace()
    waiting = await read(db, lambda conn: imports.in_states(conn, SYSTEM, ("running", "undoing")))
    if not waiting:
        return False
    import_id = waiting[0]["id"]
    try:
        await write(db, lambda work: _timed(work, import_id, db.region, pace), durable=False)
    except Unavailable:
        raise
    except Exception:  # whatever it is, it would come again with the same row
        log.exception("import %d stopped: a row of it could not be handled", import_id)
        await write(db, lambda work: _end(work, import_id, "failed", BROKEN))
    return True


def _timed(work: Work, import_id: int, region: str | None, pace: Pace) -> None:
    began = monotonic()
    _batch(work, import_id, region, min(pace.rows, BATCH))
    pace.took(monotonic() - began)


def _batch(work: Work, import_id: int, region: str | None, limit: int) -> None:
    row = seen(work.conn, SYSTEM, import_id)
    who = _bringing(work.conn, row)
    if row["state"] == "running":
        _do(work, who, row, region, limit)
    elif row["state"] == "undoing":
        _undo(work, who.scope, row, limit)
    else:
        tell(work, import_id)


def _bringing(conn: Connection, row: ImportRow) -> Bringing:
    """Whoever brought it, with the rights they have now."""
    house, owner = lookup.house(conn, SYSTEM), row["options"].get("owner") or None
    user = house.users[row["user"]]
    scope = Scope(user.id, user.name, user.role, user.team_id, peer=f"import {row['id']}")  # type: ignore[arg-type]
    return Bringing(scope, row["id"], owner, house.id_of(owner), row["options"].get("companies", "match"))


def _do(work: Work, who: Bringing, row: ImportRow, region: str | None, limit: int) -> None:
    found = imports.lines(work.conn, SYSTEM, row["id"], limit, after=row["place"], actions=("",))
    if not found:
        _end(work, row["id"], "done")
        return
    tag = row["options"].get("tag", "")
    tag_id = imports.tag(work.conn, tag) if tag and row["kind"] in imports.TAGGED else None
    things = THINGS[row["kind"]]
    own = own_of(work.conn, row["kind"])
    rows = [understood(one, row, region, own) for one in found]
    known = things.known(work.conn, who.scope, [one.fields for one in rows])
    marks: list[tuple[int, dict[str, Any]]] = []
    new: dict[int, None] = {}  # to be tagged together
    counts = {"made": row["made"], "changed": row["changed"], "skipped": row["skipped"]}
    for one, said in zip(found, rows, strict=True):
        values = _done(work, who, row, said, things, known)
        if tag_id is not None and values.get("thing_id"):
            if values["action"] == "made":
                new[values["thing_id"]] = None
            elif values["thing_id"] not in new:
                _tag(work, row["kind"], values, tag_id)
        counts[values["action"]] += 1
        marks.append((one["n"], values))
    if tag_id is not None:
        imports.put_tags(work.conn, row["kind"], new, tag_id)
    imports.mark(work.conn, row["id"], marks)
    imports.change(work.conn, row["id"], {**counts, "place": found[-1]["n"]})
    tell(work, row["id"])


def _done(
    work: Work, who: Bringing, row: ImportRow, said: importing.Row, things: Things, known: Known
) -> dict[str, Any]:
    """Do what a row says; the columns of import_rows that tell of it."""
    if said.problem:
        return {"action": "skipped", "reason": said.problem}
    found = match(known, said.fields, row)
    why = found.why or (things.full(work.conn, who) if not found.thing_id else "")
    if why:
        return {"action": "skipped", "reason": REASONS[why]}
    if not found.thing_id:
        made = things.make(work, who, said.fields)
        known.add(made["thing_id"], said.fields)
        return {"action": "made", **made}
    if row["options"]["duplicates"] == "skip":
        return {"action": "skipped", "reason": REASONS["there"]}
    filled = things.fill(work, who, found.thing_id, said.fields)
    if filled is None:
        return {"action": "skipped", "thing_id": found.thing_id, "reason": REASONS["full"]}
    known.add(found.thing_id, said.fields)
    return {"action": "changed", "thing_id": found.thing_id, **filled}


def _tag(work: Work, kind: str, values: dict[str, Any], tag_id: int) -> None:
    """Put the tag on what a row found; undo takes it off again where it is new there."""
    if imports.put_tag(work.conn, kind, values["thing_id"], tag_id):
        values["before"] = {**values.get("before", {}), "tag": tag_id}
        values["action"], values["reason"] = "changed", ""


def _undo(work: Work, scope: Scope, row: ImportRow, limit: int) -> None:
    found = imports.lines_back(work.conn, SYSTEM, row["id"], limit, row["place"], ("made", "changed"))
    if not found:
        _end(work, row["id"], "undone")
        return
    marks: list[tuple[int, dict[str, Any]]] = []
    for one in found:
        why = _taken_back(work, scope, row, one, found)
        marks.append((one["n"], {"action": "kept", "reason": REASONS[why]} if why else {"action": "undone"}))
    imports.mark(work.conn, row["id"], marks)
    imports.change(work.conn, row["id"], {"place": found[-1]["n"] - 1})
    tell(work, row["id"])


def _taken_back(work: Work, scope: Scope, row: ImportRow, one: Line, batch: list[Line]) -> str:
    """Take back what a row did; why not, else ""."""
    thing_id, things = one["thing_id"], THINGS[row["kind"]]
    if thing_id is None:  # who it was is no more, and was cut out of this table
        return "gone"
    if one["action"] == "made":
        return things.remove(work, scope, thing_id, one["version"] or 0, one["before"])
    before = dict(one["before"])
    made = {name: before.pop(name) for name in ("made_company",) if name in before}
    tag_id = before.pop("tag", None)
    if tag_id is not None:
        imports.take_tag(work.conn, row["kind"], thing_id, tag_id)
    if not before:
        return ""
    was = before.pop("version")
    done = things.restore(work, scope, thing_id, one["version"] or 0, before)
    if isinstance(done, str):
        return done
    things.unmade(work, scope, made)
    if things.since(work.conn, thing_id, row["created_at"]):  # an earlier row may have made it
        imports.restored(work.conn, row["id"], thing_id, was, done)
        for other in batch:
            if (other["thing_id"], other["version"]) == (thing_id, was):
                other["version"] = done
    return ""


def _end(work: Work, import_id: int, state: str, reason: str = "") -> None:
    imports.change(work.conn, import_id, {"state": state, "ended_at": work.at, "reason": reason})
    tell(work, import_id)


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
        self._pace = Pace()
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
        while await step(self._db, self._pace):
            await turn_of_others()


async def turn_of_others() -> None:
    """The pause between two transactions, in which others write."""
    await asyncio.sleep(PAUSE)
