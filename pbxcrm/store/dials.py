"""Click-to-calls: one row each, written before the PBX is asked."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, or_, select, true, update

from pbxcrm.crm.access import Scope
from pbxcrm.crm.countries import calling_code, country_of
from pbxcrm.crm.dialling import Counts
from pbxcrm.store.schema import calls, dial_countries, dials
from pbxcrm.store.transaction import alone

_LOCK = 0x7062786469616C  # any number, as long as it is this one in every process
MINUTE, DAY = 60.0, 86400.0
_LOOKED_AT = 1000  # numbers, where countries share a calling code
# How long a call may count as open (seconds) when nothing more is heard of it.
_OPEN = {"asked": 120.0, "sent": 120.0, "unknown": 120.0, "ringing": 300.0, "answered": 4 * 3600.0}
# A call only goes on; what is heard late changes nothing.
_BEFORE = {
    "sent": ("asked",),
    "refused": ("asked",),
    "unknown": ("asked",),
    "ringing": ("asked", "sent", "unknown"),
    "answered": ("asked", "sent", "unknown", "ringing"),
    "ended": ("asked", "sent", "unknown", "ringing", "answered"),
}


def _visible(scope: Scope) -> ColumnElement[bool]:
    return true() if scope.sees_all else dials.c.user_id == scope.user_id


def lock(conn: Connection) -> None:
    """One at a time, in all processes, until the transaction ends: caps that are counted are kept."""
    alone(conn, _LOCK)


def by_key(conn: Connection, scope: Scope, key: str) -> Any | None:
    """This person's dial with this key, or None."""
    return conn.execute(select(dials).where(dials.c.user_id == scope.user_id, dials.c.key == key)).first()


def by_id(conn: Connection, scope: Scope, dial_id: str) -> Any | None:
    """A dial: one's own, or anybody's for those who see all."""
    return conn.execute(select(dials).where(dials.c.id == dial_id, _visible(scope))).first()


def add(conn: Connection, values: dict[str, Any]) -> None:
    """A new dial."""
    conn.execute(insert(dials).values(values))


def counts(conn: Connection, scope: Scope, now: float) -> Counts:
    """What this person, and all together, have asked for."""
    mine = dials.c.user_id == scope.user_id
    minute = dials.c.created_at > now - MINUTE
    live = or_(*(and_(dials.c.state == s, dials.c.created_at > now - age) for s, age in _OPEN.items()))
    wanted = (and_(mine, minute), mine, and_(mine, live), minute, true(), live)
    query = select(*(func.coalesce(func.sum(case((w, 1), else_=0)), 0) for w in wanted))
    row = conn.execute(query.where(dials.c.created_at > now - DAY)).one()
    return Counts(*(int(n) for n in row))


def go_on(conn: Connection, dial_id: str, state: str, reason: str = "", call_id: str | None = None) -> bool:
    """The next state of a dial; False when it was there or further already, or there is no such dial."""
    values: dict[str, Any] = {"state": state, "reason": reason}
    if call_id is not None:
        values["call_id"] = call_id
    where = (dials.c.id == dial_id, dials.c.state.in_(_BEFORE[state]))
    return conn.execute(update(dials).where(*where).values(values)).rowcount == 1


def country_known(conn: Connection, scope: Scope, country: str, number: str) -> bool:
    """Whether this person confirmed this country, or anybody of the house talked there after dialling.

    `number` lies there. Where countries share a calling code, so many of the house's numbers are looked at; who
    called only others of them is asked once more.
    """
    mine = (dial_countries.c.user_id == scope.user_id, dial_countries.c.country == country)
    if conn.execute(select(dial_countries.c.at).where(*mine)).first() is not None:
        return True
    start = calling_code(number)
    talked = (
        select(calls.c.number)
        .where(calls.c.number >= start, calls.c.number < start + "a")  # digits sort before letters in every collation
        .where(calls.c.direction == "outbound", calls.c.outcome == "answered")
        .limit(_LOOKED_AT)
    )
    return any(country_of(there) == country for there in conn.execute(talked).scalars())


def confirm_country(conn: Connection, scope: Scope, country: str, now: float) -> None:
    """From now on this person calls there as anywhere."""
    mine = (dial_countries.c.user_id == scope.user_id, dial_countries.c.country == country)
    if conn.execute(select(dial_countries.c.at).where(*mine)).first() is None:
        conn.execute(insert(dial_countries).values(user_id=scope.user_id, country=country, at=now))
