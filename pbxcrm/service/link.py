"""The link to each PBX as everybody sees it: up, or out of sight since when and why."""

from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import views
from pbxcrm.service.transact import read, write
from pbxcrm.store import pbxes
from pbxcrm.store.db import EVERYBODY, Database, Work


async def changed(db: Database, pbx: str, up: bool, since: float, reason: str = "") -> None:
    """Note that the link to `pbx` is up or down since then (epoch seconds), and tell everybody."""

    def run(work: Work) -> None:
        pbxes.put(work.conn, pbx, up, since, reason)
        work.journal("link.up" if up else "link.down", _view(pbx, up, since, reason), EVERYBODY)

    await write(db, run)


async def state(db: Database) -> dict[str, Any]:
    """{up: all of them are, pbxes: [{pbx, up, since, reason}]}; down with none where no link was ever tried."""

    def run(conn: Connection) -> list[dict[str, Any]]:
        return [_view(*row) for row in pbxes.every(conn)]

    known = await read(db, run)
    return {"up": bool(known) and all(one["up"] for one in known), "pbxes": known}


def _view(pbx: str, up: bool, since: float, reason: str) -> dict[str, Any]:
    return {"pbx": pbx, "up": up, "since": views.iso(since), "reason": reason}
