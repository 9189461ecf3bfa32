"""What those ask who watch over the process: does the database answer, how far is the journal, how did calls end."""

import json
from collections import Counter

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
