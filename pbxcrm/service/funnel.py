"""The funnel in figures, as the strip above the board shows it to those who see all."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm.access import Scope
from pbxcrm.crm.funnel import DAYS, FLOW_DAYS, Open, Passage, hints, lamest
from pbxcrm.crm.reports import Selection, together
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
    ends = now + 1  # a deal that was made this very moment counts

    def run(conn: Connection) -> dict[str, Any]:
        by_id = by_stage(conn, scope, Selection(wanted, now - DAYS * DAY, ends, owner))
        opened = [Open(c["id"], c["count"]) for c in columns if c["kind"] in ("unsorted", "open")]
        made, closed = funnel.flow(conn, scope, Selection(wanted, now - FLOW_DAYS * DAY, ends, owner))
        return {
            "stages": {column["id"]: by_id.get(column["id"], Passage()) for column in columns},
            "lame": lamest([(one.id, by_id[one.id]) for one in opened if one.id in by_id]),
            "hints": hints(opened, made, closed),
        }

    return await read(db, run)


def by_stage(conn: Connection, scope: Scope, sel: Selection) -> dict[str, Passage]:
    """Whoever's they are."""
    found: defaultdict[str, list[Passage]] = defaultdict(list)
    for (stage, _), passage in funnel.passages(conn, scope, sel).items():
        found[str(stage)].append(passage)
    return {stage: together(several) for stage, several in found.items()}
