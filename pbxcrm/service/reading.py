"""How far the PBX's own records have been read, kept so that a reading that was killed goes on where it was."""

import json
from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from pbxcrm.crm.access import SYSTEM
from pbxcrm.service.transact import read, write
from pbxcrm.store import house, journal
from pbxcrm.store.db import Database, Work


@dataclass(frozen=True, slots=True)
class Place:
    """A reading from `since` to `until` (epoch seconds; None: to the end), how far it is, what it has done so far."""

    since: float
    until: float | None
    cursor: str
    counts: dict[str, int]


def _key(name: str) -> str:
    return f"reading {name}"


async def begun(db: Database, name: str) -> Place | None:
    """The reading of that source that was not finished."""

    def run(conn: Connection) -> Place | None:
        kept = house.get(conn, SYSTEM, _key(name))
        return Place(**json.loads(kept)) if kept else None

    return await read(db, run)


async def keep(db: Database, name: str, place: Place | None) -> None:
    """Keep how far it is; None: it is done."""

    def run(work: Work) -> None:
        house.put(work.conn, _key(name), json.dumps(asdict(place)) if place else "")
        work.journal("history.read", {"source": name, "counts": place.counts if place else None}, None)

    await write(db, run)


_HEARD = ("call.ringing", "call.answered", "call.transferred", "call.ended", "link.up", "link.down")


async def last_heard(db: Database, before: float) -> float | None:
    """When we last heard of the PBX before that moment, by the journal: epoch seconds; None where we never did."""

    def run(conn: Connection) -> float | None:
        return journal.newest_at(conn, _HEARD, before)

    return await read(db, run)
