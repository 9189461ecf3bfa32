"""A deal goes into another stage: what the stage asks first, what it does by itself, and the way back.

All ways of moving a card end here: the board, the stage bar, the API, a call that was no lead.
"""

from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm.access import Scope
from pbxcrm.crm.details import CLOSING
from pbxcrm.crm.fields import deal_fields, move_fields, task_fields
from pbxcrm.crm.money import real
from pbxcrm.crm.pipelines import asked, demand
from pbxcrm.crm.views import DealRow
from pbxcrm.service import stage_steps
from pbxcrm.service import tasks as task_service
from pbxcrm.service.deals import Fields, current, shown, store_change
from pbxcrm.service.transact import checked, key, unchanged, write, wrong
from pbxcrm.store import contacts, details, stages
from pbxcrm.store.db import Database, Work
from pbxcrm.store.stages import Stage


async def move(
    db: Database,
    scope: Scope,
    deal_id: object,
    stage_id: object,
    version: int,
    reason: str | None = None,
    fields: Fields | None = None,
    follow_up: Fields | None = None,
    *,
    asks: bool = False,
    undo: bool = False,
) -> dict[str, Any]:
    """Into another stage of its pipeline. Raises NotFound, Conflict, Invalid.

    Lost asks for a reason; a stage that `needs` fields asks for those the deal lacks. `fields` fills these in, and of
    a deal that is won or lost what caused it and was learned, in the same transaction. `follow_up`: a task on a won
    deal. `asks`: a person moves it, whom a won deal too asks for a word. `undo`: back to where it came from, and what
    the stage did by itself is taken back where nobody has touched it.
    """
    wanted = key(deal_id)

    def run(work: Work) -> dict[str, Any]:
        before = current(work.conn, scope, wanted, version)
        if undo and (done := _undone(work, scope, before, stage_id)) is not None:
            return done
        return moved(work, scope, before, stage_id, reason, fields or {}, db.region, follow_up, asks=asks)

    return await write(db, run)


def _undone(work: Work, scope: Scope, before: DealRow, stage_id: object) -> dict[str, Any] | None:
    """Back to where it came from, as it was there; None where it did not come from there, or that is no open stage."""
    stage = stages.stage(work.conn, scope, checked(lambda: move_fields(stage_id, ""))[0])
    if stage is None or not stage.open or stage.pipeline_id != before["pipeline_id"]:
        return None
    values = stage_steps.taken_back(work, scope, before, stage.id)
    if values is None:
        return None
    return shown(
        work.conn, scope, store_change(work, scope, before, {**values, **_stands(stage, work.at, "")}, "deal.moved")
    )


def _stands(stage: Stage, at: float, reason: str) -> dict[str, Any]:
    """The columns of a deal that comes into a stage."""
    return {
        "stage_id": stage.id,
        "open": stage.open,
        "stage_since": at,
        "closed_at": None if stage.open else at,
        "close_reason": "" if stage.open else reason,
    }


def moved(
    work: Work,
    scope: Scope,
    before: DealRow,
    stage_id: object,
    reason: str | None,
    fields: Fields = MappingProxyType({}),
    region: str | None = None,
    follow_up: Fields | None = None,
    *,
    asks: bool = False,
) -> dict[str, Any]:
    """Move this deal within a transaction that does more."""
    wanted, said = checked(lambda: move_fields(stage_id, reason))
    stage = stages.stage(work.conn, scope, wanted)
    if stage is None or stage.pipeline_id != before["pipeline_id"]:
        raise wrong({"stage": "There is no such stage in this pipeline."})
    if stage.id == before["stage_id"]:
        raise unchanged(shown(work.conn, scope, before))
    if stage.kind == "lost" and not said:
        raise wrong({"reason": "Say why it was lost: the reports on reasons are made of this."})
    if stage.kind == "won" and asks:
        raise wrong({"cause": "Say what won it: others learn from this."})
    values = {**_filled(work.conn, scope, stage, before, fields, region), **_stands(stage, work.at, said)}
    values |= stage_steps.next_contact(stage, {**before, **values}, work.at)
    after_ = store_change(work, scope, before, values, "deal.moved", said)
    also = _follow_up(work, scope, after_, follow_up) if follow_up and stage.kind == "won" else ()
    stage_steps.entered(work, scope, before["next_contact_at"], after_, stage, also)
    return shown(work.conn, scope, after_)


def _follow_up(work: Work, scope: Scope, deal: DealRow, follow_up: Fields) -> tuple[int]:
    owner = {"user": deal["owner_name"]} if deal["owner_name"] and scope.sees_all else {}
    given = checked(lambda: task_fields({**owner, **follow_up, "deal_id": str(deal["id"])}))
    return (task_service.make(work, scope, given)["id"],)


def _filled(
    conn: Connection, scope: Scope, stage: Stage, before: DealRow, fields: Fields, region: str | None
) -> dict[str, Any]:
    """What was given of what the stage asks for. Raises Invalid with all that is wrong or still lacking."""
    needs = asked(stage.needs)
    taken = needs if stage.open else (*needs, *CLOSING)
    named = fields.get("currency")
    unit = str(named) if real(str(named)) == before["currency"] else before["currency"]  # it may be counted in toman
    given: dict[str, Any] = dict(
        checked(lambda: deal_fields({k: v for k, v in fields.items() if k in taken}, unit, region))
    )
    if given.get("contact_id") is not None and contacts.one(conn, scope, given["contact_id"]) is None:
        raise wrong({"contact_id": "There is no such contact."})
    if needs:
        checked(lambda: demand(stage.needs, {**before, **details.of_deal(conn, scope, before["id"]), **given}))
    return given
