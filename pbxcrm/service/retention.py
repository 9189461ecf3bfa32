"""How long things are kept. A batch at a time, so that a call is never kept waiting."""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection

from pbxcrm.crm.access import COMMAND_LINE, SYSTEM, Scope
from pbxcrm.service import audit, documents, old_recordings
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.transact import read, unchanged, write
from pbxcrm.store import retention
from pbxcrm.store.db import Database, Work
from pbxcrm.store.retention import KINDS

log = logging.getLogger(__name__)

DAY = 86_400.0
BATCH = 200  # rows a transaction: a few milliseconds
PAUSE = 0.05  # seconds in which others write
EVERY = DAY

# What is kept how many days; 0: for good.
Keep = Mapping[str, int]


def _before(db: Database, days: int) -> float:
    return db.clock() - days * DAY


async def _due(db: Database, kind: str, days: int) -> tuple[float, int]:
    """The bound of what goes, and how many of this kind there are."""

    def look(conn: Connection) -> tuple[float, int]:
        bound = retention.bound(conn, SYSTEM, kind, _before(db, days))
        return bound, retention.count(conn, SYSTEM, kind, bound)

    return await read(db, look)


async def due(db: Database, keep: Keep) -> dict[str, int]:
    """How many of each kind are older than they may be. Changes nothing."""
    found = {}
    if days := _days_of_recordings(keep):
        found["recordings"] = await old_recordings.due(db, _before(db, days))
    if days := keep.get("documents", 0):
        found["documents"] = await documents.due(db, _before(db, days))
    return found | {kind: (await _due(db, kind, keep[kind]))[1] for kind in KINDS if keep[kind]}


def _days_of_recordings(keep: Keep) -> int:
    """A recording is not kept longer than its call: nobody would know any more whose it is."""
    days, of_calls = keep.get("recordings", 0), keep["calls"]
    return min(days, of_calls) if days and of_calls else days


async def run(
    db: Database,
    keep: Keep,
    scope: Scope = COMMAND_LINE,
    recordings: Path | None = None,
    documents_in: Path | None = None,
) -> dict[str, int]:
    """Take away what is older than it may be; gives how many of each kind. Done twice, the second finds nothing.

    `recordings` and `documents_in`: the folders they are in.
    """
    gone: dict[str, int] = {}
    if recordings is not None and (days := _days_of_recordings(keep)):
        gone["recordings"] = await old_recordings.prune(db, recordings, _before(db, days))
    if documents_in is not None:
        if days := keep.get("documents", 0):
            gone["documents"] = await documents.prune(db, documents_in, _before(db, days))
        await documents.sweep(db, documents_in)
    for kind in KINDS:
        if keep[kind]:
            gone[kind] = await _prune(db, kind, keep[kind])
    changes = {kind: (count, 0) for kind, count in gone.items() if count}
    if changes:
        await audit.noted(db, scope, "retention", "", "", changes)
    return gone


async def _prune(db: Database, kind: str, days: int) -> int:
    bound, left = await _due(db, kind, days)
    gone = 0
    while gone < left:
        gone += (taken := await write(db, lambda work: _batch(work, kind, bound), durable=False))
        if not taken:  # somebody else took the rest
            break
        await asyncio.sleep(PAUSE)
    return gone


def _batch(work: Work, kind: str, bound: float) -> int:
    count = retention.prune(work.conn, kind, bound, BATCH)
    if not count:
        raise unchanged(0)
    work.journal("retention.pruned", {"kind": kind, "rows": count}, None)
    return count


async def daily(db: Database, keep: Keep, recordings: Path | None = None, documents_in: Path | None = None) -> None:
    """Until cancelled: now and once a day."""
    scope = Scope(0, "pbxcrm", "admin", peer="daily")
    while True:
        try:
            gone = await run(db, keep, scope, recordings, documents_in)
        except Unavailable as error:
            log.warning("What is older than it may be stays for now: %s", error.message)
        else:
            if any(gone.values()):
                said = ", ".join(f"{count} of {kind}" for kind, count in gone.items() if count)
                log.info("Older than it may be, and gone: %s", said)
        await asyncio.sleep(EVERY)
