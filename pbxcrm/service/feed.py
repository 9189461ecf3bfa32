"""A person's calendar for their own calendar program: a secret address, of which only the hash is kept."""

import secrets

from sqlalchemy import Connection

from pbxcrm.crm.access import Scope
from pbxcrm.service import audit
from pbxcrm.service.auth import digest
from pbxcrm.service.day import Day, Promise, promises
from pbxcrm.service.transact import read, unchanged, write
from pbxcrm.store import people
from pbxcrm.store.db import Database, Work, audience

BACK, AHEAD = 92 * 86400.0, 366 * 86400.0  # seconds: how far it looks
MOST = 500  # of each list


async def is_on(db: Database, scope: Scope) -> bool:
    """Whether there is an address."""
    return await read(db, lambda conn: people.has_feed(conn, scope))


async def renew(db: Database, scope: Scope) -> str:
    """A new secret; gives it, and stores it nowhere. The one before opens nothing any more."""
    raw = secrets.token_urlsafe(32)
    await write(db, lambda work: _set(work, scope, digest(raw)))
    return raw


async def switch_off(db: Database, scope: Scope) -> None:
    """No address any more."""

    def off(work: Work) -> None:
        if not people.has_feed(work.conn, scope):
            raise unchanged(None)
        _set(work, scope, None)

    await write(db, off)


def _set(work: Work, scope: Scope, feed_hash: str | None) -> None:
    was = people.has_feed(work.conn, scope)
    people.update_user(work.conn, scope.user_id, {"feed_hash": feed_hash})
    on = feed_hash is not None
    work.journal("preferences.changed", {"user": scope.name, "feed": on}, audience(scope.user_id))
    audit.note(work, scope, "preferences.changed", "user", scope.name, {"feed": (was, on)})


async def of(db: Database, scope: Scope, now: float, day: Day) -> list[Promise]:
    """What this person still has to do, around now: their own, whatever else they may see."""
    theirs = Scope(scope.user_id, scope.name, "agent", scope.team_id)

    def run(conn: Connection) -> list[Promise]:
        return promises(conn, theirs, now - BACK, now + AHEAD, day, MOST)

    return await read(db, run)
