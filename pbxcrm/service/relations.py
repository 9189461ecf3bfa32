"""Who knows whom (former employer, partner, competitor, family …): said once, shown at both ends, taken back."""

from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm.access import Scope
from pbxcrm.crm.details import RELATED, choice
from pbxcrm.crm.fields import WrongError, line, parse
from pbxcrm.service import audit
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import checked, key, read, write, wrong
from pbxcrm.store import companies, contacts, relations
from pbxcrm.store.db import Database, Work, audience

_ONE = {"contact": contacts.one, "company": companies.one}
MOST = 100  # that one person or company has


async def of(db: Database, scope: Scope, thing: str, thing_id: object) -> list[dict[str, Any]]:
    """Those of a contact or company whose other end one sees too: [{id, kind, back, thing, thing_id, name, note}].

    `back`: it was said of the other end, and is read the other way round here. Raises NotFound.
    """
    wanted = key(thing_id)
    return await read(db, lambda conn: _of(conn, scope, thing, wanted))


def _of(conn: Connection, scope: Scope, thing: str, wanted: int) -> list[dict[str, Any]]:
    if _ONE[thing](conn, scope, wanted) is None:
        raise NotFound
    found = []
    for row in relations.of(conn, scope, thing, wanted):
        other = _ONE[row["thing"]](conn, scope, row["thing_id"])
        if other is not None:
            name = other["name"] or str(other.get("company", ""))
            found.append({**row, "id": str(row["id"]), "thing_id": str(row["thing_id"]), "name": name})
    return found


async def add(
    db: Database, scope: Scope, thing: str, thing_id: object, kind: object, other: tuple[str, object], note: object = ""
) -> list[dict[str, Any]]:
    """`other` (its thing and id) is this one's `kind`. Gives all of this one's. Raises NotFound, Invalid."""
    wanted = key(thing_id)
    return await write(db, lambda work: _add(work, scope, thing, wanted, kind, other, note))


def _add(
    work: Work, scope: Scope, thing: str, wanted: int, kind: object, other: tuple[str, object], note: object
) -> list[dict[str, Any]]:
    conn, there = work.conn, other[0]
    row = _ONE[thing](conn, scope, wanted)
    if row is None:
        raise NotFound
    given = checked(lambda: parse({"kind": kind, "note": note}, {"kind": _kind, "note": line}))
    named = str(other[1])
    theirs = int(named) if named.isascii() and named.isdecimal() and len(named) < 19 else 0
    if _ONE[there](conn, scope, theirs) is None:
        raise wrong({f"{there}_id": f"There is no such {there}."})
    if (there, theirs) == (thing, wanted):
        raise wrong({f"{there}_id": "Nobody is related to themselves."})
    said = (thing, wanted), str(given["kind"]), (there, theirs)
    if relations.known(conn, scope, *said):
        raise wrong({f"{there}_id": "This is said already."})
    if len(relations.of(conn, scope, thing, wanted)) >= MOST:
        raise wrong({f"{there}_id": f"At most {MOST} relations fit."})
    relations.add(conn, *said, str(given["note"]), work.at)
    _tell(work, scope, thing, row, {"related": (None, given["kind"]), f"{there}_id": (None, str(theirs))})
    return _of(conn, scope, thing, wanted)


def _kind(value: object) -> str:
    found = choice(*RELATED)(value)
    if not found:
        raise WrongError("This is needed.")
    return found


async def remove(db: Database, scope: Scope, thing: str, thing_id: object, relation: object) -> list[dict[str, Any]]:
    """Say it no more, from whichever end; gives what is left of this one's. Raises NotFound."""
    wanted, gone = key(thing_id), str(relation)

    def run(work: Work) -> list[dict[str, Any]]:
        found = next((one for one in _of(work.conn, scope, thing, wanted) if one["id"] == gone), None)
        row = _ONE[thing](work.conn, scope, wanted)
        if found is None or row is None:
            raise NotFound
        relations.remove(work.conn, int(gone))
        there = f"{found['thing']}_id"
        _tell(work, scope, thing, row, {"related": (found["kind"], None), there: (found["thing_id"], None)})
        return _of(work.conn, scope, thing, wanted)

    return await write(db, run)


def _tell(work: Work, scope: Scope, thing: str, row: Any, changes: dict[str, tuple[object, object]]) -> None:
    audit.note(work, scope, f"{thing}.changed", thing, row["id"], changes)
    work.journal("relation.changed", {f"{thing}_id": str(row["id"])}, audience(row["owner_id"]))
