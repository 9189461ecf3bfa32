"""The PBXs we are linked to, and since when; everybody may see them."""

from sqlalchemy import Connection, insert, select, update

from pbxcrm.store.schema import pbxes

_p = pbxes.c


def put(conn: Connection, name: str, up: bool, since: float, reason: str) -> None:
    """How the link to this PBX is."""
    values = {"up": up, "since": since, "reason": reason}
    if conn.execute(update(pbxes).where(_p.name == name).values(**values)).rowcount == 0:
        conn.execute(insert(pbxes).values(name=name, **values))


def every(conn: Connection) -> list[tuple[str, bool, float, str]]:
    """All of them: (name, up, since, reason)."""
    return [(r.name, r.up, r.since, r.reason) for r in conn.execute(select(pbxes).order_by(_p.name))]
