"""The database before everything else: where it is away at the start, and was used before, it is waited for.

Meanwhile the link to the PBX is up and what it says is put by; the pages say what is the matter.
"""

import asyncio
import hashlib
import logging
from pathlib import Path

from pbxcrm.calls.people import People
from pbxcrm.calls.tracker import Tracker
from pbxcrm.follow import Follower
from pbxcrm.service import house
from pbxcrm.service import people as people_service
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.intake import alive
from pbxcrm.settings import Settings
from pbxcrm.spool import Spool
from pbxcrm.store.db import Database
from pbxcrm.store.errors import DatabaseUnusable
from pbxcrm.store.migrations import migrate

log = logging.getLogger("pbxcrm")

_RETRY = 1.0  # seconds between two tries


def spool_path(settings: Settings, db: Database) -> Path:
    """Where what waits for this database is kept; another database's is another file."""
    beside = Path(db.url.database or "").parent if db.sqlite else Path("var")
    name = db.url.set(password=None).render_as_string()
    return Path(settings.state_dir or beside) / f"pbxcrm-{hashlib.sha256(name.encode()).hexdigest()[:8]}.spool"


def open_spool(path: Path, settings: Settings) -> Spool | None:
    """The spool; None, and a warning, where it cannot be used: facts wait in memory then."""
    try:
        return Spool(path, settings.spool_mb * 1_000_000)
    except BlockingIOError:
        log.warning("Another pbxcrm uses %s: what waits for the database waits in memory here", path)
    except OSError as error:
        log.warning(
            "%s cannot be used (%s): while the database is away calls wait in memory only, and a crash loses them. "
            "Let the user who runs pbxcrm write there, or choose another folder with PBXCRM_STATE_DIR.",
            path,
            error.strerror,
        )
    return None


class Standby:
    """Makes the database ready and gives the follower what lived: `now`, or else `later` in a task of its own."""

    def __init__(self, settings: Settings, db: Database, tracker: Tracker, follower: Follower) -> None:
        self.ready = asyncio.Event()
        self._settings = settings
        self._db = db
        self._tracker = tracker
        self._follower = follower
        self.whole = True  # nothing the PBX said since the start is missing

    async def now(self, *, wait: bool) -> None:
        """Once. Raises DatabaseUnusable; with `wait` only where waiting will not help."""
        try:
            await self._prepare()
        except (DatabaseUnusable, Unavailable) as error:
            cause = error if isinstance(error, DatabaseUnusable) else error.__cause__
            if not isinstance(cause, DatabaseUnusable):
                raise
            if not (wait and cause.passing):
                raise cause from None
            self._db.presence.ready = False
            log.error("%s Calls are followed all the same, and stored when the database is there.", cause)  # noqa: TRY400

    async def later(self) -> None:
        """Until it is ready; at once where it is."""
        while not self.ready.is_set():
            await asyncio.sleep(_RETRY)
            try:
                await self._prepare()
            except (DatabaseUnusable, Unavailable) as error:
                log.debug("The database is still away: %s", error)

    async def _prepare(self) -> None:
        await migrate(self._db)
        if self._settings.currency:
            await house.set_currency(self._db, self._settings.currency)
        self._tracker.set_people(People(await people_service.devices(self._db)))
        await self._follower.drain()
        self.whole = await self._follower.wake(await alive(self._db, self._settings.pbx_name))
        self._db.presence.back()
        self.ready.set()
