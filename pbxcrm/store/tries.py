"""How often somebody tried to prove who they are, of late: one bucket a name or address, the same for all processes.

A bucket holds so many tries and gets one back each so many seconds. Of it one number is kept: when it will be full
again. Of whom it is there is a hash: people type passwords into the wrong field.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, case, delete, insert, select, update

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema import tries
from pbxcrm.store.transaction import alone

_LOCK = 0x70627874726965  # any number, as long as it is this one in every process
_NOTHING = 0.001  # seconds that are lost in rounding


def lock(conn: Connection) -> None:
    """One at a time, in all processes, until the transaction ends: who has looked may take."""
    alone(conn, _LOCK)


def wait(conn: Connection, _scope: Scope, sizes: Mapping[str, int], each: float, now: float) -> float:
    """Seconds until all of these buckets (key -> how many tries they hold) have one, 0 where they have."""
    found = conn.execute(select(tries.c.key, tries.c.full_at).where(tries.c.key.in_(sizes)))
    full_at = {row.key: row.full_at for row in found}
    longest = max(full_at.get(key, now) - now - (size - 1) * each for key, size in sizes.items())
    return float(longest) if longest > _NOTHING else 0.0


def take(conn: Connection, keys: Iterable[str], each: float, now: float) -> None:
    """One try out of each of these; under the lock."""
    conn.execute(delete(tries).where(tries.c.full_at < now))
    later = case((tries.c.full_at < now, now), else_=tries.c.full_at) + each
    for key in keys:
        if not conn.execute(update(tries).where(tries.c.key == key).values(full_at=later)).rowcount:
            conn.execute(insert(tries).values(key=key, full_at=now + each))


def give_back(conn: Connection, keys: Iterable[str], each: float) -> None:
    """The last try of each of these does not count."""
    conn.execute(update(tries).where(tries.c.key.in_(list(keys))).values(full_at=tries.c.full_at - each))
