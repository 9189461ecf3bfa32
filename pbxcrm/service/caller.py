"""Who calls, for the PBX's dialplan: the name to show on a phone's display, and whose customer it is.

Asked while a caller waits, so it is quick: one snapshot, a few indexed reads, and what was found serves for the next
question of the same call. A number is a hint, not a proof: nothing is decided here but whose phone rings first.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from pbxcrm.calls import numbers
from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.matching import best, tail
from pbxcrm.crm.views import ContactRow, DealRow
from pbxcrm.service.transact import read
from pbxcrm.store import contacts, deals, lookup, people
from pbxcrm.store.db import Database

KEPT, SECONDS = 1000, 5.0  # so many callers for so long; a commit of ours forgets them all
_DEVICE = re.compile(r"[A-Za-z0-9]+/[A-Za-z0-9@._+-]+(/n)?")


class Caller(NamedTuple):
    """`name` is ours for the caller, `device` the phone of their own salesperson; "" where there is none."""

    name: str = ""
    device: str = ""


class Callers:
    """Finds callers by number."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        db.on_commit(self._known.clear)

    async def find(self, number: str) -> Caller:
        """Who has this number (as the PBX writes it). Raises Unavailable."""
        written = numbers.normalise(number[:64], self._db.region)
        if written is None or not numbers.digits(written):
            return Caller()
        now = self._db.clock()
        at, found = self._known.get(written, (0.0, Caller()))
        if not 0 <= now - at < SECONDS:
            found = await read(self._db, lambda conn: _find(conn, written))
            self._known[written] = (now, found)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found


def _find(conn: Connection, number: str) -> Caller:
    known = contacts.by_tails(conn, SYSTEM, [tail(number)])
    found = contacts.of_ids(conn, SYSTEM, best(number, [(key, theirs) for key, theirs, _ in known]))
    if not found:
        return Caller()
    theirs = [row for key in found for row in deals.of_contact(conn, SYSTEM, key) if row["open"]]
    theirs.sort(key=lambda row: (row["active_at"], row["id"]), reverse=True)
    contact = _likeliest(list(found.values()), theirs)
    owner = next((row["owner_id"] for row in theirs if row["owner_id"] is not None), contact["owner_id"])
    return Caller(_name(contact), _device(conn, owner))


def _likeliest(rows: Sequence[ContactRow], theirs: Sequence[DealRow]) -> ContactRow:
    """Of several with one number: whose deal was active last, else who was talked with last."""
    of_deals = [row for deal in theirs for row in rows if row["id"] == deal["contact_id"]]
    return of_deals[0] if of_deals else max(rows, key=lambda row: (row["last_talk_at"] or 0.0, -row["id"]))


def _name(contact: ContactRow) -> str:
    """For a display of some twenty letters: letters, digits and a few signs, for it is foreign text."""
    return numbers.display(contact["name"] or contact["company"], 40)


def _device(conn: Connection, owner: int | None) -> str:
    """The first phone of this person that can be dialled; "" for one who is gone."""
    user = lookup.house(conn, SYSTEM).names.get(owner or 0)
    if user is None or not user.active:
        return ""
    patterns = people.patterns_of(conn, SYSTEM, user.id)
    return next((pattern for pattern in patterns if _DEVICE.fullmatch(pattern)), "")
