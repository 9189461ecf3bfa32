"""Recordings older than they may be: the file goes first, then the call's word of it.

Only files that calls name are deleted, inside the folder of recordings, of sound, without following a link
(`recordings.remove_inside`). What cannot be deleted keeps its call's word and is tried again the next day.
"""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from pbxcrm.crm.access import SYSTEM
from pbxcrm.service import recordings
from pbxcrm.service.transact import read, unchanged, write
from pbxcrm.store import calls
from pbxcrm.store.calls import Recorded
from pbxcrm.store.db import Database, Work

log = logging.getLogger(__name__)

BATCH = 100  # files at a stretch


async def due(db: Database, before: float) -> int:
    """How many calls that began before this moment (epoch seconds) have a recording."""
    return await read(db, lambda conn: calls.count_recorded(conn, SYSTEM, before))


async def prune(db: Database, root: Path, before: float) -> int:
    """Delete the recordings of calls that began before this moment; gives of how many calls."""
    if await due(db, before) and await asyncio.to_thread(_empty, root):
        log.warning(
            "The folder of recordings (%s) is empty or out of reach, so none is taken away: is it mounted?", root
        )
        return 0
    gone = kept = 0
    last: Recorded | None = None
    while True:
        found = await read(db, lambda conn, last=last: calls.recorded_before(conn, SYSTEM, before, last, BATCH))  # type: ignore[misc]
        if not found:
            break
        last = found[-1]
        ids = await asyncio.to_thread(_delete, root, found)
        kept += len(found) - len(ids)
        gone += await write(db, lambda work, ids=ids: _forget(work, ids), durable=False)  # type: ignore[misc]
    if kept:
        log.warning("%d recordings are older than they may be and could not be deleted: see `pbxcrm doctor`", kept)
    return gone


def _empty(root: Path) -> bool:
    try:
        return next(root.iterdir(), None) is None
    except OSError:
        return True


def _delete(root: Path, found: Sequence[Recorded]) -> list[str]:
    """The calls whose file is gone now, or stays for a younger call that names it too."""
    return [one.id for one in found if one.shared or recordings.remove_inside(root, one.path)]


def _forget(work: Work, ids: Sequence[str]) -> int:
    if not ids:
        raise unchanged(0)
    calls.forget_recordings(work.conn, ids)
    work.journal("retention.pruned", {"kind": "recordings", "rows": len(ids)}, None)
    return len(ids)
