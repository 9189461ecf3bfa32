"""Imports in the background: their rows are done, or taken back, in small transactions.

Each row is marked in the transaction that does what it says: whatever breaks, no row is done twice and none is left
out, and a restart goes on where it was.
"""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from itertools import groupby
from time import monotonic
from typing import Any, TypeVar

from sqlalchemy import Connection

from pbxcrm.crm import importing
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.import_batch import Batch, Bringing
from pbxcrm.service.import_things import Known, Things
from pbxcrm.service.imports import REASONS, THINGS, match, own_of, tell, understood
from pbxcrm.service.transact import read, unchanged, write
from pbxcrm.store import imports, lookup
from pbxcrm.store.db import Database, Work
from pbxcrm.store.imports import ImportRow, Line

T = TypeVar("T")

log = logging.getLogger(__name__)

BATCH = 200  # rows of a transaction, at most
SPAN = 0.04  # seconds that a transaction should take, from its lock to its commit: so long do calls and people wait
FEWEST = 40  # rows of a transaction: what each costs beside its rows must not be most of it
SURE = 5  # rows that it does however long they take
KEPT = 1.0  # seconds in which who brings an import is not read anew
PAUSE = 0.005  # seconds between two transactions, in which others write
LOOK = 1.0  # seconds between two looks whether something waits, while others commit

BROKEN_OFF = "Reading this file broke off. Nothing was stored; bring it again."
BROKEN = "Something broke on our side at one of the rows. The rows before it are done; undo takes them back."


class Pace:
    """How many rows a transaction takes, so that it lasts about SPAN: a slow or busy machine does fewer at once."""

    def __init__(self, span: float = SPAN) -> None:
        self.span = span
        self.rows = FEWEST
        self.busy = False  # whether there was something to do just now
        self.who: Bringing | None = None  # for whom
        self.generation = -1  # and what of the house that was read at

    def took(self, seconds: float) -> None:
        """So long did the last one take: slower at once, faster by and by."""
        fitting = int(self.rows * self.span / max(seconds, 0.001))
        self.rows = max(FEWEST, min(fitting, self.rows * 2, BATCH))

    def in_time(self, rows: Sequence[T], began: float) -> Iterator[T]:
        """Those that a transaction has the time for which began then: SURE of them, and all unless each takes long."""
        for n, one in enumerate(rows):
            if n >= SURE and monotonic() - began > self.span:
                return
            yield one


async def step(db: Database, pace: Pace | None = None) -> bool:
    """Do the next rows of the oldest import that waits, in one transaction; whether there was one."""
    pace = pace or Pace()
    if not pace.busy and not await read(db, _waiting):
        return False
    began, at, generation, who = monotonic(), 0, db.generation, pace.who

    def do(work: Work) -> bool:
        nonlocal began, at, who
        began = monotonic()  # it has its turn
        waiting = _waiting(work.conn)
        if not waiting:
            raise unchanged(False)
        row, work.notes = waiting[0], []
        at = row["id"]
        who = _bringing(work, row, pace.who if pace.generation == generation else None)
        if row["state"] == "running":
            _do(work, who, row, db.region, pace, began)
        else:
            _undo(work, who.scope, row, pace, began)
        return True

    try:
        pace.busy = await write(db, do, durable=False)
    except Unavailable:
        raise
    except Exception:  # whatever it is, it would come again with the same row
        log.exception("import %d stopped: a row of it could not be handled", at)
        await write(db, lambda work: _end(work, at, "failed", BROKEN))
        return True
    if pace.busy:
        pace.took(monotonic() - began)
        pace.who, pace.generation = who, generation  # what it read is there now
    return pace.busy


def _waiting(conn: Connection) -> list[ImportRow]:
    return imports.in_states(conn, SYSTEM, ("running", "undoing"))


def _bringing(work: Work, row: ImportRow, known: Bringing | None) -> Bringing:
    """Whoever brought it, with the rights they have now; `known`: as it was just now."""
    if known is not None and known.import_id == row["id"] and 0 <= work.at - known.at < KEPT:
        return known
    conn, owner = work.conn, row["options"].get("owner") or None
    people = lookup.users(conn, SYSTEM, [row["user"], owner or ""])
    user, theirs = people[row["user"]], people.get(owner or "")
    scope = Scope(user.id, user.name, user.role, user.team_id, peer=f"import {row['id']}")  # type: ignore[arg-type]
    tag = row["options"].get("tag", "")
    return Bringing(
        scope=scope,
        import_id=row["id"],
        owner=owner,
        owner_id=theirs.id if theirs else None,
        companies=row["options"].get("companies", "match"),
        tag_id=imports.tag(conn, tag) if tag and row["kind"] in imports.TAGGED else None,
        fields=own_of(conn, row["kind"]),
        spare=known.spare if known is not None else {},
        at=work.at,
    )


def _do(work: Work, who: Bringing, row: ImportRow, region: str | None, pace: Pace, began: float) -> None:
    found = imports.lines(work.conn, SYSTEM, row["id"], min(pace.rows, BATCH), after=row["place"], actions=("",))
    if not found:
        _end(work, row["id"], "done")
        return
    things = THINGS[row["kind"]]
    rows = [understood(one, row, region, who.fields) for one in found]
    batch = Batch(work, who, [one.fields for one in rows])
    known = things.known(work.conn, who.scope, batch.given)
    done = [_done(batch, row, said, things, known) for said in pace.in_time(rows, began)]
    found = found[: len(done)]
    batch.new.write()
    things.written(work, [values["thing_id"] for values in done if values["action"] == "made"])
    if who.tag_id is not None:
        _tag(work.conn, row["kind"], done, who.tag_id)
    imports.mark(work.conn, row["id"], [(one["n"], values) for one, values in zip(found, done, strict=True)])
    counts = {"made": row["made"], "changed": row["changed"], "skipped": row["skipped"]}
    for values in done:
        counts[values["action"]] += 1
    _went_on(work, row, {**counts, "place": found[-1]["n"]})


def _went_on(work: Work, row: ImportRow, values: dict[str, int]) -> None:
    imports.change(work.conn, row["id"], values)
    row.update(values)  # type: ignore[typeddict-item]
    tell(work, row["id"], row)


def _done(batch: Batch, row: ImportRow, said: importing.Row, things: Things, known: Known) -> dict[str, Any]:
    """Do what a row says; the columns of import_rows that tell of it."""
    if said.problem:
        return {"action": "skipped", "reason": said.problem}
    found = match(known, said.fields, row)
    why = found.why or (things.full(batch) if not found.thing_id else "")
    if why:
        return {"action": "skipped", "reason": REASONS[why]}
    if not found.thing_id:
        made, beside = things.make(batch, said.fields)
        known.add(made["id"], said.fields, made)
        return {"action": "made", "thing_id": made["id"], "version": made["version"], "before": beside}
    if row["options"]["duplicates"] == "skip":
        return {"action": "skipped", "reason": REASONS["there"]}
    filled = things.fill(batch, known.row(found.thing_id), said.fields)
    if filled is None:
        return {"action": "skipped", "thing_id": found.thing_id, "reason": REASONS["full"]}
    known.add(found.thing_id, said.fields)
    return {"action": "changed", "thing_id": found.thing_id, **filled}


def _tag(conn: Connection, kind: str, done: list[dict[str, Any]], tag_id: int) -> None:
    """Put the tag on what rows made or found; of what was found, undo takes it off again where it is new there."""
    made = {values["thing_id"] for values in done if values["action"] == "made"}
    found = {values["thing_id"] for values in done if values.get("thing_id")} - made
    new = found - imports.tagged(conn, kind, found, tag_id)
    imports.put_tags(conn, kind, sorted(made | new), tag_id)
    for values in done:
        if values.get("thing_id") in new:
            new.remove(values["thing_id"])
            values["before"] = {**values.get("before", {}), "tag": tag_id}
            values["action"], values["reason"] = "changed", ""


def _undo(work: Work, scope: Scope, row: ImportRow, pace: Pace, began: float) -> None:
    limit = min(pace.rows, BATCH)
    found = imports.lines_back(work.conn, SYSTEM, row["id"], limit, row["place"], ("made", "changed"))
    if not found:
        _end(work, row["id"], "undone")
        return
    whys: dict[int, str] = {}
    for made, some in groupby(found, lambda one: one["action"] == "made" and one["thing_id"] is not None):
        lines = list(some)
        if made:
            whys |= THINGS[row["kind"]].remove(work, scope, lines)
        else:
            whys |= {one["n"]: _taken_back(work, scope, row, one, found) for one in pace.in_time(lines, began)}
        if lines[-1]["n"] not in whys:
            break  # its time is over
    marks = [
        (n, {"action": "kept", "reason": REASONS[why]} if why else {"action": "undone"}) for n, why in whys.items()
    ]
    imports.mark(work.conn, row["id"], marks)
    _went_on(work, row, {"place": marks[-1][0] - 1})


def _taken_back(work: Work, scope: Scope, row: ImportRow, one: Line, batch: list[Line]) -> str:
    """Take back what a row changed; why not, else ""."""
    thing_id, things = one["thing_id"], THINGS[row["kind"]]
    if thing_id is None:  # who it was is no more, and was cut out of this table
        return "gone"
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
