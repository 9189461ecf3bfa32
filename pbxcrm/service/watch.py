"""What those ask who watch over the process: does the database answer, how far is the journal, how did calls end, how
long do things take.
"""

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from sqlalchemy import Connection

from pbxcrm.service.errors import Unavailable
from pbxcrm.service.transact import read
from pbxcrm.store import journal
from pbxcrm.store.db import Database
from pbxcrm.store.errors import DatabaseUnusable

_DOWN = "The database cannot be used just now. Nothing was changed; try again in a moment, or tell an administrator."


async def journal_ends(db: Database) -> tuple[int, int]:
    """The oldest and the newest journal id, (0, 0) for an empty journal. Raises Unavailable when it cannot be read."""
    try:
        return await db.reading(journal.ends)
    except DatabaseUnusable as error:
        raise Unavailable(_DOWN) from error


class Histogram:
    """How often something took how long, as Prometheus counts it: `upto` are bounds in seconds, rising."""

    def __init__(self, upto: Sequence[float]) -> None:
        self._upto = tuple(upto)
        self._counts = [0] * (len(self._upto) + 1)  # the last: longer than any bound
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """One more; a clock that was set back counts as no time."""
        seconds = max(0.0, seconds)
        self._counts[bisect_left(self._upto, seconds)] += 1
        self.sum += seconds

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self._counts)

    def buckets(self) -> dict[str, int]:
        """How many took no longer than each bound, `+Inf` last."""
        return dict(zip((*(f"{bound:g}" for bound in self._upto), "+Inf"), accumulate(self._counts), strict=True))


class CallCounter:
    """How many calls ended how since this process began: reads only what the journal got since the last look."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._last: int | None = None
        self.outcomes: Counter[str] = Counter()

    async def look(self) -> int:
        """Count what is new; gives the newest journal id. Raises Unavailable."""
        _, newest = await journal_ends(self._db)
        if self._last is None:
            self._last = newest
        before = self._last

        def ended(conn: Connection) -> list[str]:
            return journal.of_kind(conn, "call.ended", before, newest)

        for data in await read(self._db, ended):
            self.outcomes[str(json.loads(data).get("outcome"))] += 1
        self._last = newest
        return newest
