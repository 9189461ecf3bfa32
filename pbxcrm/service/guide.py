"""How a stage leads its seller through a deal: what is to be known, the checklist, what is best done next."""

from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm import views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.details import NAMES
from pbxcrm.crm.pipelines import asked, checklist, shown_first, suggested
from pbxcrm.crm.views import DealRow
from pbxcrm.service import audit
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import key, read, unchanged, write, wrong
from pbxcrm.store import deals, details, stages, tasks
from pbxcrm.store.db import Database, Work, audience


async def guide(db: Database, scope: Scope, deal_id: object) -> dict[str, Any]:
    """{advice, items: [{text, done, by, at}], form: [names], following: {id, name}|None, lacking: [names],
    suggested: {kind, what}}. `form`: details that this stage shows first; `lacking`: what the following stage asks for
    and the deal has not. Raises NotFound.
    """
    wanted = key(deal_id)
    return await read(db, lambda conn: _guide(conn, scope, _seen(conn, scope, wanted)))


def _seen(conn: Connection, scope: Scope, deal_id: int) -> DealRow:
    row = deals.one(conn, scope, deal_id)
    if row is None:
        raise NotFound
    return row


def _guide(conn: Connection, scope: Scope, deal: DealRow) -> dict[str, Any]:
    known = stages.stages(conn, scope, deal["pipeline_id"])
    at = next(n for n, stage in enumerate(known) if stage.id == deal["stage_id"])
    stage = known[at]
    following = next((one for one in known[at + 1 :] if one.kind in ("open", "won")), None) if stage.open else None
    done = stages.checks(conn, scope, deal["id"], stage.id)
    items = checklist(stage.guidance)
    told: dict[str, Any] = {**dict.fromkeys(NAMES, ""), **deal, **details.of_deal(conn, scope, deal["id"])}
    lacking = [name for name in asked(following.needs) if not told.get(name)] if following else []
    jobs = sorted(tasks.made_by_stages(conn, scope, deal["id"]).values(), key=lambda row: (row["due_at"], row["id"]))
    kind, what = suggested(
        [row["title"] for row in jobs], items, done, lacking, promised=deal["next_contact_at"] is not None
    )
    return {
        "advice": stage.advice,
        "items": [_item(text, done.get(text)) for text in items],
        "form": list(shown_first(stage.form)),
        "following": {"id": str(following.id), "name": following.name} if following else None,
        "lacking": lacking,
        "suggested": {"kind": kind, "what": what} if following else None,
    }


def _item(text: str, done: tuple[float, str | None] | None) -> dict[str, Any]:
    at, by = done or (None, None)
    return {"text": text, "done": done is not None, "by": by, "at": views.iso(at)}


async def tick(db: Database, scope: Scope, deal_id: object, item: str, *, done: bool) -> dict[str, Any]:
    """A line of the checklist of the deal's stage is done, or is not; gives the guide. Twice changes nothing.

    Raises NotFound, Invalid.
    """
    wanted = key(deal_id)

    def run(work: Work) -> dict[str, Any]:
        conn = work.conn
        deal = _seen(conn, scope, wanted)
        stage = stages.stage(conn, scope, deal["stage_id"])
        if stage is None or item not in checklist(stage.guidance):
            raise wrong({"item": "There is no such line in this stage's checklist."})
        if (item in stages.checks(conn, scope, wanted, stage.id)) == done:
            raise unchanged(_guide(conn, scope, deal))
        if done:
            stages.check(conn, wanted, stage.id, item, work.at, scope.user_id or None)
        else:
            stages.uncheck(conn, wanted, stage.id, item)
        said = {"deal_id": str(wanted), "stage": str(stage.id), "item": item, "done": done, "by": scope.name}
        work.journal("deal.checked", said, audience(deal["owner_id"]))
        audit.note(work, scope, "deal.checked", "deal", wanted, {"item": (not done, done), "what": (None, item)})
        return _guide(conn, scope, deal)

    return await write(db, run)
