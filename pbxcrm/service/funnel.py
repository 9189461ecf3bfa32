"""The funnel in figures, as the strip above the board shows it to those who see all."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm.access import Scope
from pbxcrm.crm.funnel import DAYS, FLOW_DAYS, Open, Passage, hints, lamest
from pbxcrm.service.transact import key, read
from pbxcrm.store import funnel
from pbxcrm.store.db import Database

DAY = 86400.0


async def strip(
    db: Database, scope: Scope, pipeline_id: object, columns: Sequence[dict[str, Any]], owner: str = ""
) -> dict[str, Any]:
    """{stages: {id: Passage}, lame: id or None, hints: [Hint]} of the last 90 days.

    `columns`: the board's, for how many deals are where. `owner`: one seller's deals alone.
    """
    wanted, now = key(pipeline_id), db.clock()

    def run(conn: Connection) -> dict[str, Any]:
        found = funnel.passages(conn, scope, wanted, owner, now - DAYS * DAY)
        by_id = {str(one): passage for one, passage in found.items()}
        opened = [Open(c["id"], c["count"]) for c in columns if c["kind"] in ("unsorted", "open")]
        made, closed = funnel.flow(conn, scope, wanted, owner, now - FLOW_DAYS * DAY)
        return {
            "stages": {column["id"]: by_id.get(column["id"], Passage()) for column in columns},
            "lame": lamest([(one.id, by_id[one.id]) for one in opened if one.id in by_id]),
            "hints": hints(opened, made, closed),
        }

    return await read(db, run)
