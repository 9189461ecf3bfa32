"""Deals grown old among thousands: which they are, and what a manager does with several of them at once."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from pbxcrm.crm import views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.fields import ident
from pbxcrm.crm.reports import total
from pbxcrm.service import deals, moves
from pbxcrm.service.errors import Invalid, NotFound, ServiceError
from pbxcrm.service.paging import after, cursor, limit_of, page
from pbxcrm.service.reports import Asked, Base, report
from pbxcrm.service.transact import read
from pbxcrm.store import stages, stale
from pbxcrm.store.db import Database
from pbxcrm.store.stale import Wanted

MOST_AT_ONCE = 200
LOW = -1  # the priority of what may wait
NO_REASON = "Say why it was lost: the reports on reasons are made of this."


class Refusal(NamedTuple):
    """A deal with which it was not done, and why."""

    id: str
    title: str
    error: ServiceError


async def listing(
    db: Database,
    scope: Scope,
    asked: Asked,
    *,
    days: int | None = None,
    stage: str = "",
    low: bool = False,
    start: str | None = None,
    limit: int | None = None,
) -> dict[str, Any]:
    """{all: Sum, columns: [(stage, Sum)], items: [deal], next}, the oldest first; a deal has `left_alone_since`.

    `days`: left alone longer than that; None: longer than its stage says, or 30 days.
    """
    wanted = Wanted(db.clock(), days, ident(stage) if stage.isdecimal() else None, low)
    size, since = limit_of(limit), after(start)

    def make(base: Base) -> dict[str, Any]:
        counts = stale.by_stage(base.conn, scope, base.sel, wanted, base.house.currency)
        rows = stale.some(base.conn, scope, base.sel, wanted, size + 1, since)
        shown, following = page(rows, size, lambda row: cursor(row[0], row[1]["id"]))
        return {
            "all": total(counts.values()),
            "columns": [
                ({"id": str(one.id), "name": one.name, "kind": one.kind}, counts[one.id])
                for one in base.open_stages
                if one.id in counts
            ],
            "items": [{**views.deal(row), "left_alone_since": views.iso(at)} for at, row in shown],
            "next": following,
        }

    return await report(db, scope, asked, make)


async def lower(db: Database, scope: Scope, picked: Sequence[tuple[str, int]]) -> tuple[int, list[Refusal]]:
    """Give several deals a low priority, each by itself: with how many it was done, and where it was refused.

    `picked`: ids, and the versions they were seen in. Managers only: raises NotFound.
    """
    return await _each(db, scope, picked, lambda one, version: deals.change(db, scope, one, version, {"priority": LOW}))


async def lose(db: Database, scope: Scope, picked: Sequence[tuple[str, int]], reason: str) -> tuple[int, list[Refusal]]:
    """Close several deals as lost for this reason, as `lower`. Raises Invalid without a reason."""
    if scope.sees_all and not reason.strip():
        raise Invalid(f"Nothing was stored. reason: {NO_REASON}", {"reason": NO_REASON})

    async def close(one: str, version: int) -> object:
        found = await deals.get(db, scope, one)
        return await moves.move(db, scope, one, await _lost_of(db, scope, int(found["pipeline"])), version, reason)

    return await _each(db, scope, picked, close)


async def _lost_of(db: Database, scope: Scope, pipeline_id: int) -> str:
    def run(conn: Connection) -> str:
        known = stages.stages(conn, scope, pipeline_id)
        return next((str(stage.id) for stage in known if stage.kind == "lost"), "")

    return await read(db, run)


async def _each(db: Database, scope: Scope, picked: Sequence[tuple[str, int]], do: Any) -> tuple[int, list[Refusal]]:
    """One transaction a deal: what is refused to one is no reason against the others."""
    if not scope.sees_all:
        raise NotFound
    done, refused = 0, []
    for one, version in picked[:MOST_AT_ONCE]:
        try:
            await do(one, version)
            done += 1
        except NotFound as error:
            refused.append(Refusal(one, "", error))
        except ServiceError as error:
            refused.append(Refusal(one, str((await deals.get(db, scope, one))["title"]), error))
    return done, refused
