"""Pipelines and stages, as an administrator makes them. For everybody else there is nothing here."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from pbxcrm.crm.access import Scope
from pbxcrm.crm.fields import needed_line, parse
from pbxcrm.crm.pipelines import TEMPLATES, StageFields, asked, shown_first, stage_fields
from pbxcrm.service import audit
from pbxcrm.service.deals import store_change
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import checked, key, read, unchanged, write, wrong
from pbxcrm.store import deals, pipelines, stages
from pbxcrm.store.db import EVERYBODY, Database, Work
from pbxcrm.store.stages import Pipeline, Stage, StageTask

_AT_ONCE = 200  # deals that one transaction moves: others' changes fit between two


def _admin(scope: Scope) -> None:
    if not scope.administers:
        raise NotFound


async def listing(db: Database, scope: Scope) -> list[dict[str, Any]]:
    """All pipelines in their order: [{id, name, stages, deals}]."""
    _admin(scope)

    def run(conn: Connection) -> list[dict[str, Any]]:
        return [_view(conn, scope, one) for one in stages.pipelines(conn, scope)]

    return await read(db, run)


async def get(db: Database, scope: Scope, pipeline_id: object) -> dict[str, Any]:
    """One: {id, name, deals, stages: [{id, name, kind, probability, idle_days, guidance, needs, advice, form,
    next_days, tasks: [{id, kind, title, days}], deals}]}.
    """
    _admin(scope)
    wanted = key(pipeline_id)
    return await read(db, lambda conn: _view(conn, scope, _pipeline(conn, scope, wanted)))


def _view(conn: Connection, scope: Scope, one: Pipeline) -> dict[str, Any]:
    held = pipelines.held(conn, scope, one.id)
    known = stages.stages(conn, scope, one.id)
    makes = stages.tasks_of(conn, scope, [stage.id for stage in known])
    found = [
        {**stage_view(s), "tasks": [_task_view(t) for t in makes[s.id]], "deals": held.get(s.id, 0)} for s in known
    ]
    return {"id": str(one.id), "name": one.name, "stages": found, "deals": sum(held.values())}


def _task_view(task: StageTask) -> dict[str, Any]:
    return {"id": str(task.id), "kind": task.kind, "title": task.title, "days": task.days}


def stage_view(stage: Stage) -> dict[str, Any]:
    """What is set of a stage."""
    return {
        "id": str(stage.id),
        "name": stage.name,
        "kind": stage.kind,
        "probability": stage.probability,
        "idle_days": stage.idle_days,
        "guidance": stage.guidance,
        "needs": list(asked(stage.needs)),
        "advice": stage.advice,
        "form": list(shown_first(stage.form)),
        "next_days": stage.next_days,
    }


def _pipeline(conn: Connection, scope: Scope, pipeline_id: int) -> Pipeline:
    found = next((one for one in stages.pipelines(conn, scope) if one.id == pipeline_id), None)
    if found is None:
        raise NotFound
    return found


def _stage(conn: Connection, scope: Scope, stage_id: int) -> Stage:
    stage = stages.stage(conn, scope, stage_id)
    if stage is None:
        raise NotFound
    return stage


async def pipeline_of(db: Database, scope: Scope, stage_id: object) -> str:
    """The id of a stage's pipeline."""
    _admin(scope)
    wanted = key(stage_id)
    return await read(db, lambda conn: str(_stage(conn, scope, wanted).pipeline_id))


def _told(work: Work, scope: Scope, thing: str, thing_id: int, changes: audit.Changes) -> None:
    work.journal("settings.changed", {"changed": ["stages"]}, EVERYBODY)
    audit.note(work, scope, "settings.changed", thing, thing_id, changes)


def _name(given: object) -> str:
    return str(checked(lambda: parse({"name": given}, {"name": needed_line}))["name"])


async def create(db: Database, scope: Scope, name: object, template: str) -> str:
    """A new pipeline with the stages of a template; gives its id. Raises Invalid."""
    _admin(scope)
    steps = TEMPLATES.get(template)
    if steps is None:
        raise wrong({"template": "There is no such template."})
    called = _name(name or steps.name)
    around = [("Unsorted", "unsorted", 0, "", "")]
    around += [(s.name, "open", s.probability, s.guidance, s.form) for s in steps.steps]
    around += [("Won", "won", 100, "", ""), ("Lost", "lost", 0, "", "")]

    def run(work: Work) -> str:
        made = pipelines.add_pipeline(work.conn, called)
        fields = ("name", "kind", "probability", "guidance", "form")
        rows = [
            {**dict(zip(fields, one, strict=True)), "pipeline_id": made, "position": n}
            for n, one in enumerate(around, 1)
        ]
        pipelines.add_stages(work.conn, rows)
        _told(work, scope, "pipeline", made, {"name": (None, called)})
        return str(made)

    return await write(db, run)


async def rename(db: Database, scope: Scope, pipeline_id: object, name: object) -> None:
    """Give it another name. Raises Invalid."""
    _admin(scope)
    wanted, called = key(pipeline_id), _name(name)

    def run(work: Work) -> None:
        one = _pipeline(work.conn, scope, wanted)
        if one.name == called:
            raise unchanged(None)
        pipelines.change_pipeline(work.conn, wanted, {"name": called})
        _told(work, scope, "pipeline", wanted, {"name": (one.name, called)})

    await write(db, run)


def _shifted(ids: Sequence[int], one: int, by: int) -> list[int]:
    """The ids with one of them a place further; as they are where it cannot go."""
    found = list(ids)
    at = found.index(one)
    if 0 <= at + by < len(found):
        found[at], found[at + by] = found[at + by], found[at]
    return found


async def shift(db: Database, scope: Scope, pipeline_id: object, by: int) -> None:
    """A place up (-1) or down (1). The first is the one that calls fill."""
    _admin(scope)
    wanted = key(pipeline_id)

    def run(work: Work) -> None:
        _pipeline(work.conn, scope, wanted)
        ids = [one.id for one in stages.pipelines(work.conn, scope)]
        if (after := _shifted(ids, wanted, by)) == ids:
            raise unchanged(None)
        pipelines.order_pipelines(work.conn, after)
        _told(work, scope, "pipeline", wanted, {"position": (ids.index(wanted) + 1, after.index(wanted) + 1)})

    await write(db, run)


async def remove(db: Database, scope: Scope, pipeline_id: object) -> None:
    """Remove a pipeline that holds no deals. Raises Invalid."""
    _admin(scope)
    wanted = key(pipeline_id)

    def run(work: Work) -> None:
        one = _pipeline(work.conn, scope, wanted)
        if len(stages.pipelines(work.conn, scope)) == 1:
            raise wrong({"pipeline": "This is the only pipeline; make another one first."})
        if pipelines.held(work.conn, scope, wanted):
            raise wrong({"pipeline": "There are deals in this pipeline. Nothing was removed."})
        pipelines.change_pipeline(work.conn, wanted, {"removed_at": work.at})
        for stage in stages.stages(work.conn, scope, wanted):
            pipelines.change_stage(work.conn, stage.id, {"removed_at": work.at})
        _told(work, scope, "pipeline", wanted, {"name": (one.name, None)})

    await write(db, run)


# -- stages ------------------------------------------------------------------------------------------------------------


async def add_stage(db: Database, scope: Scope, pipeline_id: object, name: object) -> str:
    """A new open stage, the last before Won; gives its id. Raises Invalid."""
    _admin(scope)
    wanted, called = key(pipeline_id), _name(name)

    def run(work: Work) -> str:
        _pipeline(work.conn, scope, wanted)
        known = stages.stages(work.conn, scope, wanted)
        row = {"pipeline_id": wanted, "name": called, "kind": "open", "position": 0}
        made = pipelines.add_stages(work.conn, [row])[0]
        at = sum(stage.open for stage in known)
        ids = [stage.id for stage in known]
        pipelines.order(work.conn, [*ids[:at], made, *ids[at:]])
        _told(work, scope, "stage", made, {"name": (None, called)})
        return str(made)

    return await write(db, run)


async def change_stage(db: Database, scope: Scope, stage_id: object, fields: Mapping[str, object]) -> str:
    """Set name, probability, idle_days, guidance, needs, advice, form, next_days, tasks; gives its pipeline's id.

    Nothing is asked of a deal that enters Unsorted, and nothing is made by itself: calls put it there. Raises Invalid.
    """
    _admin(scope)
    wanted = key(stage_id)
    given: StageFields = checked(lambda: stage_fields(fields))

    def run(work: Work) -> str:
        stage = _stage(work.conn, scope, wanted)
        if stage.kind == "unsorted" and given.get("needs"):
            raise wrong({"needs": "Calls put deals here, so nothing can be asked of them first."})
        if stage.kind == "unsorted" and (given.get("tasks") or given.get("next_days")):
            raise wrong({"tasks": "Calls put deals here, so nothing is made by itself."})
        known = stages.tasks_of(work.conn, scope, [wanted])[wanted]
        before = {**stage._asdict(), "tasks": _in_words(_task_view(one) for one in known)}
        after = {**given, "tasks": _in_words(given["tasks"])} if "tasks" in given else dict(given)
        changes = {name: (before[name], value) for name, value in after.items() if before[name] != value}
        if not changes:
            raise unchanged(str(stage.pipeline_id))
        if columns := {name: value for name, (_, value) in changes.items() if name != "tasks"}:
            pipelines.change_stage(work.conn, wanted, columns)
        if "tasks" in changes:
            mine = {one.id for one in known}
            pipelines.put_tasks(
                work.conn, wanted, known, [t | {"id": t["id"] if t["id"] in mine else 0} for t in given["tasks"]]
            )
        _told(work, scope, "stage", wanted, changes)
        return str(stage.pipeline_id)

    return await write(db, run)


def _in_words(tasks: Iterable[Mapping[str, Any]]) -> str:
    """What a stage makes, as the audit log tells it."""
    return "; ".join(f"{one['kind']}: {one['title']} ({one['days']})" for one in tasks)


async def shift_stage(db: Database, scope: Scope, stage_id: object, by: int) -> str:
    """A place towards the beginning (-1) or the end (1) among the stages of its kind; gives its pipeline's id."""
    _admin(scope)
    wanted = key(stage_id)

    def run(work: Work) -> str:
        stage = _stage(work.conn, scope, wanted)
        known = stages.stages(work.conn, scope, stage.pipeline_id)
        ids = [one.id for one in known]
        kinds = {one.id: one.kind for one in known}
        after = _shifted(ids, wanted, by)
        if after == ids or kinds[ids[after.index(wanted)]] != stage.kind:
            raise unchanged(str(stage.pipeline_id))
        pipelines.order(work.conn, after)
        _told(work, scope, "stage", wanted, {"position": (ids.index(wanted) + 1, after.index(wanted) + 1)})
        return str(stage.pipeline_id)

    return await write(db, run)


async def remove_stage(db: Database, scope: Scope, stage_id: object, to: object = None) -> str:
    """Remove a stage; its deals go to the stage `to`, one of its pipeline and of its kind. Gives the pipeline's id.

    Deals are moved some hundred at a time, each with its row of history; what fails half-way can be done again.
    Raises Invalid where it holds deals and `to` is none, or where it is the last of its kind.
    """
    _admin(scope)
    wanted = key(stage_id)
    target = key(to) if to else None
    while True:
        done = await write(db, lambda work: _remove_some(work, scope, wanted, target))
        if done is not None:
            return done


def _remove_some(work: Work, scope: Scope, stage_id: int, target: int | None) -> str | None:
    conn = work.conn
    stage = _stage(conn, scope, stage_id)
    others = [s for s in stages.stages(conn, scope, stage.pipeline_id) if s.kind == stage.kind and s.id != stage_id]
    if not others or stage.kind == "unsorted":
        raise wrong({"stage": "A pipeline needs this stage. Rename it, or make another one first."})
    held = pipelines.some_in(conn, scope, stage_id, _AT_ONCE)
    if held:
        into = next((one for one in others if one.id == target), None)
        if into is None:
            raise wrong({"to": "There are deals in this stage. Choose where they go."})
        values = {"stage_id": into.id, "stage_since": work.at}
        for row in deals.of_ids(conn, scope, held):
            store_change(work, scope, row, values, "deal.moved")
        return None
    pipelines.change_stage(conn, stage_id, {"removed_at": work.at})
    _told(work, scope, "stage", stage_id, {"name": (stage.name, None)})
    return str(stage.pipeline_id)
