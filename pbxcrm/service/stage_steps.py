"""What a stage does by itself when a deal comes in, and how that is taken back with the move.

What it did stands in the deal's history of stages as JSON: {tasks: [ids], next: [what the next contact was, what it
became], company: [id, version]}. Taken back is only what nobody has touched since.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pbxcrm.crm.access import Scope
from pbxcrm.crm.pipelines import DAY
from pbxcrm.crm.views import DealRow
from pbxcrm.service import audit, companies, tell
from pbxcrm.service import tasks as task_service
from pbxcrm.store import companies as company_store
from pbxcrm.store import deals, lookup, stages, tasks
from pbxcrm.store.db import Work
from pbxcrm.store.stages import Stage


def next_contact(stage: Stage, known: Mapping[str, Any], at: float) -> dict[str, float]:
    """The date this stage sets on a deal of these columns that has none ahead: {next_contact_at}, or nothing."""
    if not stage.next_days or not stage.open or (known["next_contact_at"] or 0.0) > at:
        return {}
    return {"next_contact_at": at + stage.next_days * DAY}


def entered(
    work: Work, scope: Scope, was_next: float | None, deal: DealRow, stage: Stage, also: Sequence[int] = ()
) -> None:
    """Do what the stage does, and write down what was done. `also`: tasks that were made with the move."""
    did: dict[str, Any] = {}
    if ids := [*_tasks(work, scope, deal, stage), *also]:
        did["tasks"] = ids
    if stage.next_days and deal["next_contact_at"] == work.at + stage.next_days * DAY:
        did["next"] = [was_next, deal["next_contact_at"]]
    if stage.kind == "won" and (company := _is_customer(work, scope, deal)):
        did["company"] = company
    if did:
        deals.made(work.conn, deal["id"], json.dumps(did))


def _tasks(work: Work, scope: Scope, deal: DealRow, stage: Stage) -> list[int]:
    """Make the stage's tasks for the deal's owner; one that is still open from before is not made again."""
    wanted = stages.tasks_of(work.conn, scope, [stage.id])[stage.id]
    there = tasks.made_by_stages(work.conn, scope, deal["id"]) if wanted else {}
    return [
        task_service.added(
            work,
            scope,
            {
                "kind": one.kind,
                "title": one.title,
                "deal_id": deal["id"],
                "contact_id": deal["contact_id"],
                "number": deal["number"],
                "user_id": deal["owner_id"],
                "created_by": scope.user_id or None,
                "created_at": work.at,
                "due_at": work.at + one.days * DAY,
                "stage_task_id": one.id,
            },
        )["id"]
        for one in wanted
        if one.id not in there
    ]


def _is_customer(work: Work, scope: Scope, deal: DealRow) -> list[int] | None:
    """A prospect who bought is a customer: [company, its version then]; None where there was nothing to change."""
    company_id = deal["company_id"]
    known = company_store.one(work.conn, scope, company_id) if company_id is not None else None
    if known is None or known["relation"] != "prospect":
        return None
    row = companies.related(work, scope, known, "customer")
    return [row["id"], row["version"]]


def taken_back(work: Work, scope: Scope, before: DealRow, to: int) -> dict[str, Any] | None:
    """Undo what the deal's stage did, for the deal goes back to `to`, where it came from; gives columns of the deal to
    set. None: it did not come from there, so this undoes nothing.
    """
    came_from, into, made = deals.made_last(work.conn, scope, before["id"])
    if came_from != to or into != before["stage_id"]:
        return None
    did = json.loads(made or "{}")
    _untask(work, scope, did.get("tasks", ()))
    if company := did.get("company"):
        known = company_store.one(work.conn, scope, company[0])
        if known is not None and known["version"] == company[1]:
            companies.related(work, scope, known, "prospect")
    was, became = did.get("next", (None, None))
    return {"next_contact_at": was} if became is not None and before["next_contact_at"] == became else {}


def _untask(work: Work, scope: Scope, ids: Sequence[int]) -> None:
    house = lookup.house(work.conn, scope)
    untouched = [row for row in tasks.of_ids(work.conn, scope, ids) if row["version"] == 1 and row["done_at"] is None]
    for row in untouched:
        row["done_at"], row["done_by_name"] = work.at, scope.name
        tell.task(work, house, row)
        audit.note(work, scope, "task.removed", "task", row["id"], {"title": (row["title"], None)})
    tasks.remove(work.conn, [row["id"] for row in untouched])
