"""Finds the recording of each call that ended: by what the PBX said of it, else by its name. Off without a folder."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from pbxcrm.crm.access import SYSTEM
from pbxcrm.live.hub import Hub
from pbxcrm.service import recordings
from pbxcrm.service.errors import Unavailable
from pbxcrm.store.db import Database

log = logging.getLogger("pbxcrm.recorder")

VARIABLES = frozenset({"MIXMONITOR_FILENAME", "MONITOR_FILENAME"})  # where it writes: Asterisk says so when it begins
_KEPT = 2000  # channels whose file is known and whose call has not ended
# Seconds after a call's end at which its file is looked for: it may be closed, moved or packed only then.
TRIES = (0.5, 5.0, 60.0)


class Recorder:
    """`notice` what the PBX says as it comes, `run` in a task of its own."""

    def __init__(self, db: Database, hub: Hub, root: Path, tries: tuple[float, ...] = TRIES) -> None:
        self._db = db
        self._hub = hub
        self._root = root
        self._tries = tries
        self._said: OrderedDict[str, str] = OrderedDict()  # Uniqueid -> path, as the PBX has it
        self._looking: set[asyncio.Task[None]] = set()

    def notice(self, frame: Mapping[str, str]) -> None:
        """A frame of the PBX: a VarSet that names a recording is remembered, others are not."""
        if frame.get("event") == "VarSet" and frame.get("variable") in VARIABLES and frame.get("value"):
            self._said[frame.get("uniqueid", "")] = frame["value"]
            if len(self._said) > _KEPT:
                self._said.popitem(last=False)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async for row in self._hub.subscribe(SYSTEM, await self._hub.newest()):
                if row["kind"] == "call.ended":
                    task = asyncio.create_task(self._look(str(row["data"]["id"])))
                    self._looking.add(task)
                    task.add_done_callback(self._looking.discard)
        finally:
            for task in self._looking:
                task.cancel()

    async def _look(self, call_id: str) -> None:
        for pause in self._tries:
            await asyncio.sleep(pause)
            try:
                if await self._found(call_id):
                    return
            except Unavailable:
                continue
            except OSError as error:
                log.warning("the folder of recordings cannot be read: %s", error.strerror)

    async def _found(self, call_id: str) -> bool:
        known = await recordings.ids_of(self._db, call_id)
        if known is None:
            return True
        ids, started_at = known
        path = await asyncio.to_thread(self._path, ids, started_at)
        if path is not None:
            await recordings.keep(self._db, call_id, path)
        return path is not None

    def _path(self, ids: list[str], started_at: float) -> str | None:
        for said in (self._said.get(one) for one in ids):
            if said and (found := recordings.inside(self._root, said)):
                return found
        return recordings.named_after(self._root, ids, started_at)
