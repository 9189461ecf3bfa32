"""Pipelines and their stages: the same for everybody."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from pbxcrm.crm.access import Scope
from pbxcrm.store import schema
from pbxcrm.store.schema_sales import deal_checks, stage_tasks


class Pipeline(NamedTuple):
    """A set of stages that deals go through."""

    id: int
    name: str


class Stage(NamedTuple):
    """A column of the board; `kind`: unsorted, open, won or lost; `probability` in per cent.

    `idle_days`: a deal that stands here longer stands too long. `guidance`: what is to be done, a line a thing.
    `needs`: fields that a deal must have to come in, by comma. `advice`: what a seller should know here. `form`:
    details that are shown first here, by comma. `next_days`: a deal that comes in without a next contact gets one.
    """

    id: int
    pipeline_id: int
    name: str
    kind: str
    position: int
    probability: int
    idle_days: int | None = None
    guidance: str = ""
    needs: str = ""
    advice: str = ""
    form: str = ""
    next_days: int | None = None

    @property
    def open(self) -> bool:
        """Whether a deal here is still to be decided."""
        return self.kind in ("unsorted", "open")


_p = schema.pipelines.c
_PIPELINES = select(_p.id, _p.name).where(_p.removed_at.is_(None)).order_by(_p.position, _p.id)
_s = schema.stages.c
_COLUMNS = select(
    *(_s.id, _s.pipeline_id, _s.name, _s.kind, _s.position, _s.probability, _s.idle_days, _s.guidance, _s.needs),
    *(_s.advice, _s.form, _s.next_days),
).where(_s.removed_at.is_(None))
_STAGES = _COLUMNS.where(_s.pipeline_id == bindparam("pipeline_id")).order_by(_s.position, _s.id)
_STAGE = _COLUMNS.where(_s.id == bindparam("id"))


def pipelines(conn: Connection, _scope: Scope) -> list[Pipeline]:
    """All pipelines; the first is the one that calls fill."""
    return [Pipeline(*row) for row in conn.execute(_PIPELINES)]


def stages(conn: Connection, _scope: Scope, pipeline_id: int) -> list[Stage]:
    """The stages of one pipeline, in their order."""
    return [Stage(*row) for row in conn.execute(_STAGES, {"pipeline_id": pipeline_id})]


def stage(conn: Connection, _scope: Scope, stage_id: int) -> Stage | None:
    """One stage."""
    row = conn.execute(_STAGE, {"id": stage_id}).first()
    return Stage(*row) if row else None


_NAMES = select(_s.id, _s.name).where(_s.pipeline_id == bindparam("pipeline_id"))


def names(conn: Connection, _scope: Scope, pipeline_id: int) -> dict[int, str]:
    """What the stages of a pipeline are called, those that were removed too."""
    return {row.id: row.name for row in conn.execute(_NAMES, {"pipeline_id": pipeline_id})}


class StageTask(NamedTuple):
    """A task that a stage makes when a deal comes in, due after `days`."""

    id: int
    stage_id: int
    kind: str
    title: str
    days: int


_t = stage_tasks.c
_TASKS = select(_t.id, _t.stage_id, _t.kind, _t.title, _t.days).order_by(_t.position, _t.id)


def tasks_of(conn: Connection, _scope: Scope, stage_ids: Sequence[int]) -> dict[int, list[StageTask]]:
    """The tasks that these stages make: {stage: its tasks}."""
    found: dict[int, list[StageTask]] = {key: [] for key in stage_ids}
    for row in conn.execute(_TASKS.where(_t.stage_id.in_(stage_ids))):
        found[row.stage_id].append(StageTask(*row))
    return found


def checks(conn: Connection, _scope: Scope, deal_id: int, stage_id: int) -> dict[str, tuple[float, str | None]]:
    """What of a stage's checklist is done on a deal: {line: (when, by whom)}. Ask first whether it may be seen."""
    c = deal_checks.c
    found = select(c.item, c.at, schema.users.c.name.label("by")).outerjoin(
        schema.users, schema.users.c.id == c.user_id
    )
    rows = conn.execute(found.where(c.deal_id == deal_id, c.stage_id == stage_id))
    return {row.item: (row.at, row.by) for row in rows}


def check(conn: Connection, deal_id: int, stage_id: int, item: str, at: float, user_id: int | None) -> None:
    """This line is done on the deal."""
    values = {"deal_id": deal_id, "stage_id": stage_id, "item": item, "at": at, "user_id": user_id}
    conn.execute(insert(deal_checks).values(values))


def uncheck(conn: Connection, deal_id: int, stage_id: int, item: str) -> None:
    """It is not."""
    c = deal_checks.c
    conn.execute(delete(deal_checks).where(c.deal_id == deal_id, c.stage_id == stage_id, c.item == item))
