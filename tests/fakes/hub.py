"""A hub in forty lines, for tests of what stands on one: it reads the journal anew at each commit."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import Connection, or_, select

from pbxcrm.crm.access import Scope
from pbxcrm.store.db import Database, journal_rows
from pbxcrm.store.schema import journal


class Subscription:
    """Rows after an id, for one asker."""

    def __init__(self, hub: "Hub", scope: Scope, after: int) -> None:
        self._hub, self._scope, self._after = hub, scope, after
        self.wake = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            self.wake.clear()
            rows = await self._hub.db.reading(self._read)
            for row in rows:
                self._after = row["id"]
                yield row
            if not rows:
                await self.wake.wait()

    def _read(self, conn: Connection) -> list[dict[str, Any]]:
        query = select(journal).where(journal.c.id > self._after)
        if not self._scope.sees_all:
            mine = journal.c.audience.contains(f"|{self._scope.user_id}|")
            query = query.where(or_(journal.c.audience == "*", mine))
        return journal_rows(conn.execute(query.order_by(journal.c.id).limit(200)).all())

    async def close(self) -> None:
        self._hub.open.discard(self)


class Hub:
    """The same face as pbxcrm.live.hub.Hub."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.open: set[Subscription] = set()
        db.on_commit(self._poke)

    def _poke(self) -> None:
        for one in self.open:
            one.wake.set()

    async def run(self) -> None:
        await asyncio.Event().wait()

    def subscribe(self, scope: Scope, after: int) -> Subscription:
        made = Subscription(self, scope, after)
        self.open.add(made)
        return made
