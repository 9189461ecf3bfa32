"""Lists as people like to see them."""

from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, func, insert, or_, select

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema import saved_views, users

_v = saved_views.c


class View(NamedTuple):
    """`query` as in the page's address; `by` the user's name."""

    id: int
    name: str
    query: str
    shared: bool
    by: str


def views(conn: Connection, scope: Scope, page: str) -> list[View]:
    """One's own of a page, and those that are shared, by name."""
    statement = (
        select(_v.id, _v.name, _v.query, _v.shared, users.c.name)
        .join(users, users.c.id == _v.user_id)
        .where(_v.page == page, or_(_v.user_id == scope.user_id, _v.shared.is_(True)))
        .order_by(func.lower(_v.name), _v.id)
    )
    return [View(*row) for row in conn.execute(statement)]


def add(conn: Connection, scope: Scope, page: str, name: str, query: str, *, shared: bool) -> int:
    """A new one; one's own of the same name is replaced. Gives its id."""
    mine = and_(_v.user_id == scope.user_id, _v.page == page, _v.name == name)
    conn.execute(delete(saved_views).where(mine))
    row = {"user_id": scope.user_id, "page": page, "name": name, "query": query, "shared": shared}
    return int(conn.execute(insert(saved_views).values(**row).returning(_v.id)).scalar_one())


def remove(conn: Connection, scope: Scope, view_id: int) -> bool:
    """One of one's own; whether there was one."""
    return conn.execute(delete(saved_views).where(_v.id == view_id, _v.user_id == scope.user_id)).rowcount == 1
