"""Who saw and changed what: a change is noted in its own transaction, looks are gathered for a few seconds.

Nothing here changes or removes a row: only retention and the erasure of a person do.
"""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import fields as given_fields
from pbxcrm.crm.access import Scope
from pbxcrm.service.errors import NotFound, Unavailable
from pbxcrm.service.paging import after, limit_of, page
from pbxcrm.service.paging import cursor as cursor_of
from pbxcrm.service.transact import checked, read, write
from pbxcrm.store import audit
from pbxcrm.store.db import Database, Work

log = logging.getLogger(__name__)

# One look at a thing by a person, however often they come back to it within so many seconds.
WINDOW = 900.0
FLUSH = 5.0  # seconds until a look is written: what a crash may lose
_WAITING, _REMEMBERED = 5_000, 20_000
_LONGEST = 200  # characters of an old or a new value

ACTIONS = (
    "saw",
    "login",
    "login.failed",
    "login.refused",
    "logout",
    "deal.created",
    "deal.changed",
    "deal.moved",
    "deal.merged",
    "note.added",
    "task.created",
    "task.changed",
    "task.done",
    "task.removed",
    "deal.checked",
    "offer.created",
    "offer.changed",
    "offer.sent",
    "offer.accepted",
    "offer.declined",
    "offer.removed",
    "document.added",
    "document.changed",
    "document.removed",
    "call.wrapped",
    "contact.created",
    "contact.changed",
    "lead.created",
    "lead.changed",
    "lead.claimed",
    "lead.released",
    "lead.qualified",
    "lead.declined",
    "company.created",
    "contact.removed",
    "contact.merged",
    "company.merged",
    "company.removed",
    "lead.removed",
    "import.added",
    "import.run",
    "import.undone",
    "company.changed",
    "exported",
    "person.exported",
    "person.erased",
    "dial.asked",
    "dial.refused",
    "dial.confirmed",
    "user.added",
    "user.changed",
    "device.added",
    "token.created",
    "token.revoked",
    "preferences.changed",
    "settings.changed",
    "disagreement.seen",
    "webhook.added",
    "webhook.changed",
    "webhook.removed",
    "retention",
)

Changes = Mapping[str, tuple[object, object]]


def note(
    work: Work, scope: Scope, action: str, thing: str = "", thing_id: object = "", changes: Changes | None = None
) -> None:
    """Note what somebody does in the transaction that does it. What the PBX did is in the calls, not here."""
    if not (scope.user_id or scope.peer):
        return
    row = _row(work.at, scope.name, scope.peer, action, thing, thing_id, changes)
    if work.notes is None:
        audit.add(work.conn, [row])
    else:
        work.notes.append(row)


def between(before: Mapping[str, Any] | None, after_: Mapping[str, Any], names: tuple[str, ...]) -> Changes:
    """What differs, of the columns of these names; of a new thing what it has."""
    old = before or {}
    return {
        name: (old.get(name), after_[name])
        for name in names
        if old.get(name) != after_[name] and (before is not None or after_[name])
    }


def _row(
    at: float, name: str, peer: str, action: str, thing: str, thing_id: object, changes: Changes | None, times: int = 1
) -> dict[str, Any]:
    said = {field: [_short(old), _short(new)] for field, (old, new) in (changes or {}).items()}
    return {
        "at": at,
        "name": name,
        "peer": peer,
        "action": action,
        "thing": thing,
        "thing_id": str(thing_id),
        "changes": json.dumps(said, ensure_ascii=False),
        "times": times,
    }


def _short(value: object) -> object:
    return value[: _LONGEST - 1] + "…" if isinstance(value, str) and len(value) > _LONGEST else value


class Trail:
    """What waits to be written: looks, once each in a window, and logins that failed, counted. Bounded."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: dict[tuple[str, ...], tuple[float, int]] = {}
        self._seen: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._waits = False  # the database is away, and that was said
        self.lost = 0

    def saw(self, scope: Scope, thing: str, thing_id: str = "") -> None:
        """This person was shown this thing. Never waits and never fails."""
        now = self._db.clock()
        key = (scope.name, scope.peer, "saw", thing, thing_id)
        windowed = (*key, str(int(now // WINDOW)))
        if windowed in self._seen:
            return
        self._seen[windowed] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        self._add(key, now)

    def failed(self, name: str, peer: str, *, refused: bool) -> None:
        """A login that failed, or was not even tried for there were too many; `name` "" where nobody has it."""
        self._add((name, peer, "login.refused" if refused else "login.failed", "", ""), self._db.clock())

    def _add(self, key: tuple[str, ...], now: float) -> None:
        at, times = self._waiting.get(key, (now, 0))
        if not times and len(self._waiting) >= _WAITING:
            self.lost += 1
            return
        self._waiting[key] = (at, times + 1)
        self._wake.set()

    async def flush(self) -> None:
        """Write what waits. What cannot be written now waits on."""
        async with self._flushing:
            waiting, self._waiting = self._waiting, {}
            if not waiting:
                return
            rows = [_row(at, *key, None, times) for key, (at, times) in waiting.items()]  # type: ignore[call-arg,arg-type]

            def keep(work: Work) -> None:
                audit.add(work.conn, rows)
                work.journal("audit.noted", {"rows": len(rows)}, None)

            try:
                await write(self._db, keep, durable=False)
            except BaseException:
                for key, (at, times) in waiting.items():
                    self._waiting[key] = (at, times + self._waiting.get(key, (at, 0))[1])
                raise

    async def run(self) -> None:
        """Write every few seconds while there is something to write; at the end what is left."""
        try:
            while True:
                await self._wake.wait()
                await asyncio.sleep(FLUSH)
                self._wake.clear()
                await self._try()
        finally:
            await self._try()

    async def _try(self) -> None:
        try:
            await self.flush()
        except Unavailable as error:
            self._wake.set()
            if not self._waits:
                self._waits = True
                log.warning("Who looked at what waits to be written: %s", error.message)
        else:
            if self._waits:
                self._waits = False
                log.warning("Who looked at what is written again; nothing of it was lost")


FILTERS = ("user", "action", "thing", "thing_id", "since", "until")


async def list_audit(
    db: Database,
    scope: Scope,
    limit: int | None = None,
    cursor: str | None = None,
    filters: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """A page of the log, the newest on top: {items, next}. For those who see all; NotFound for others.

    Filters: user, action, thing, thing_id, since, until (ISO 8601). An item: {id, at, user, peer, action, thing,
    thing_id, changes: {field: [old, new]}, times}.
    """
    if not scope.sees_all:
        raise NotFound
    size, start, wanted = limit_of(limit), after(cursor), _filters(filters or {})

    def run(conn: Connection) -> dict[str, Any]:
        found = audit.some(conn, scope, size + 1, wanted, start)
        shown, following = page(found, size, lambda one: cursor_of(one[0], int(str(one[1]["id"]))))
        return {"items": [view for _, view in shown], "next": following}

    return await read(db, run)


def _filters(given: Mapping[str, object]) -> dict[str, Any]:
    known: dict[str, given_fields.Parser] = dict.fromkeys(("user", "action", "thing", "thing_id"), given_fields.line)
    known |= {"since": given_fields.moment, "until": given_fields.moment}
    return checked(lambda: given_fields.parse(given, known))


async def noted(db: Database, scope: Scope, action: str, thing: str, thing_id: object, changes: Changes) -> None:
    """Note something that changed nothing else, in a transaction of its own: a dial that was refused, an export."""

    def run(work: Work) -> None:
        note(work, scope, action, thing, thing_id, changes)
        work.journal("audit.noted", {"rows": 1}, None)

    await write(db, run)
