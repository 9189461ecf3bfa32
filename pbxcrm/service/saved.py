"""Saved views: a person's own lists, by name; who sees all may share them with everybody.

A view is what its page's address says, so that whoever opens it sees, of what it shows, what is theirs.
"""

from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm.access import Scope
from pbxcrm.crm.fields import line, needed_line, parse
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import checked, key, read, write, wrong
from pbxcrm.store import saved
from pbxcrm.store.db import Database, Work, only

MOST = 50  # a person


async def views(db: Database, scope: Scope, page: str) -> list[dict[str, Any]]:
    """[{id, name, query, shared, mine, by}] of a page (board, leads, …), by name."""

    def run(conn: Connection) -> list[dict[str, Any]]:
        found = saved.views(conn, scope, page)
        return [{**one._asdict(), "id": str(one.id), "mine": one.by == scope.name} for one in found]

    return await read(db, run)


async def save(db: Database, scope: Scope, page: str, name: object, query: str, *, shared: bool = False) -> str:
    """Keep this view under that name, instead of one's own of the same name; gives its id. Raises Invalid."""
    given = checked(lambda: parse({"name": name, "query": query}, {"name": needed_line, "query": line}))
    if shared and not scope.sees_all:
        raise wrong({"shared": "Only a manager shares a view."})

    def run(work: Work) -> str:
        mine = [one for one in saved.views(work.conn, scope, page) if one.by == scope.name]
        if len(mine) >= MOST and given["name"] not in {one.name for one in mine}:
            raise wrong({"name": f"There are {MOST} views already; remove one first."})
        made = saved.add(work.conn, scope, page, str(given["name"]), str(given["query"]), shared=shared)
        work.journal("preferences.changed", {"changed": ["views"]}, only(scope.user_id))
        return str(made)

    return await write(db, run)


async def remove(db: Database, scope: Scope, view_id: object) -> None:
    """Remove one of one's own. Raises NotFound."""
    wanted = key(view_id)

    def run(work: Work) -> None:
        if not saved.remove(work.conn, scope, wanted):
            raise NotFound
        work.journal("preferences.changed", {"changed": ["views"]}, only(scope.user_id))

    await write(db, run)
