"""While `serve` runs: what the PBX writes into its CEL (CDR where there is none), held against what we followed.

A call that nobody followed (the link was down, or we were) comes in; one that we lost is mended; the others are
compared. At start it begins before what we heard last, so that no gap is left; the rest is one reading that goes on.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from pbxcrm.calls.cdr import Cdr
from pbxcrm.calls.cel import Cel
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.calls.rows import Row
from pbxcrm.history.errors import SourceError
from pbxcrm.history.sources import Source
from pbxcrm.reconcile import BATCH, ENOUGH, LEAD, Apply, check_zone
from pbxcrm.service.errors import Unavailable
from pbxcrm.spool import Spool

log = logging.getLogger("pbxcrm.witness")

LOOK = 1.0  # seconds between two looks at the source
AWAY = 5.0  # and when it cannot be read
# Seconds after which the PBX is held against our own account, whichever of the two tells first: soon; when a link that
# comes back has said what lives; and when a call that we believe to live is stale (service.history.STALE).
TRIES = (3.0, 15.0, 65.0)
# A call's CDRs come one by one, as its legs end: held against ours when none has come for so long, and again later, for
# only a call whose end we know (or lost) is theirs to tell.
CDR_TRIES = (65.0, 600.0, 3600.0)


class Witness:
    """Give it `run` as a task. `since`: from when on calls are of interest, epoch seconds.

    What `spool` gave up, in this life or an earlier one, is of interest too, and is told of as found.
    """

    def __init__(
        self,
        source: Source,
        people: People,
        apply: Apply,
        *,
        pbx: str,
        region: str | None,
        since: float,
        clock: Callable[[], float],
        spool: Spool | None = None,
    ) -> None:
        self._source = source
        self._spool = spool
        if spool is not None and spool.lost is not None:
            since = min(since, spool.lost.since)
        self._reader = (Cel if source.kind == "cel" else Cdr)(people, pbx=pbx, region=region)
        self._tries = TRIES if source.kind == "cel" else CDR_TRIES
        self._apply = apply
        self._since = since - 2 * TRIES[-1]  # what was not told of when we were killed is told of now
        self._clock = clock
        self._cursor = ""
        self._due: list[tuple[float, Call]] = []  # when to tell of it
        self._away = False
        self._checked = False

    def set_people(self, people: People) -> None:
        """Other devices, other people: for calls that end from now on."""
        self._reader.set_people(people)

    async def run(self) -> None:
        """Until cancelled. Faults of the source are told once and waited out."""
        while True:
            try:
                await self.look()
                self._say_back()
            except SourceError as error:
                self._say_away(str(error))
            except Unavailable as error:
                self._say_away(error.message)
            await asyncio.sleep(AWAY if self._away else LOOK)

    async def look(self) -> None:
        """Read what is new, and tell of the calls whose time it is. Raises SourceError and Unavailable."""
        async for page in self._source.pages(self._since - LEAD, self._cursor):
            if not self._checked and len(page.rows) >= ENOUGH:
                check_zone(self._source, page.rows)
                self._checked = True
            self._take(page.rows)
            self._cursor = page.cursor
        await self._tell()
        self._fill()

    def _fill(self) -> None:
        """What the spool gave up has been told from here once all that began until then has."""
        lost = self._spool.lost if self._spool is not None else None
        if self._spool is None or lost is None or lost.since < self._since or self._clock() < lost.until + TRIES[-1]:
            return
        if all(call.started_at > lost.until for _, call in self._due):
            self._spool.found()
            log.warning("Calls that there was no room for were taken from %s instead", self._source.name)

    def _take(self, rows: Sequence[Row]) -> None:
        for call in self._told(rows):
            if (call.ended_at or call.started_at) >= self._since:
                self._due += [(self._clock() + wait, call) for wait in self._tries]

    def _told(self, rows: Sequence[Row]) -> list[Call]:
        """The calls that are over with these rows; of CDR, those that it tells more of than before."""
        over = [call for row in rows for call in self._reader.feed(row)]
        if not isinstance(self._reader, Cdr):
            return over
        calls = self._reader.fresh()
        again = {call.uid for call in calls}
        self._due = [(at, call) for at, call in self._due if call.uid not in again]
        return calls

    async def _tell(self) -> None:
        now = self._clock()
        ripe = [(at, call) for at, call in self._due if at <= now]
        last = {(call.uid, call.started_at): call for _, call in ripe}
        calls = list(last.values())
        for start in range(0, len(calls), BATCH):
            await self._apply(calls[start : start + BATCH])
        self._due = [(at, call) for at, call in self._due if at > now]

    def _say_away(self, why: str) -> None:
        if not self._away:
            self._away = True
            log.error("What the PBX writes down cannot be read: %s Calls are followed all the same.", why)

    def _say_back(self) -> None:
        if self._away:
            self._away = False
            log.warning("%s is read again; nothing in it was missed", self._source.name)
