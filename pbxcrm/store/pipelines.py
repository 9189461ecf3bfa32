"""Making and changing pipelines and their stages. What was removed stays as a name in the history of deals."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from pbxcrm.crm.access import Scope
from pbxcrm.store.schema import deals, pipelines, stages, tasks
from pbxcrm.store.schema_sales import stage_tasks
from pbxcrm.store.stages import StageTask


def add_pipeline(conn: Connection, name: str) -> int:
    """A new one, the last; gives its id."""
    last = conn.execute(select(func.max(pipelines.c.position))).scalar() or 0
    statement = insert(pipelines).values(name=name, position=last + 1).returning(pipelines.c.id)
    return int(conn.execute(statement).scalar_one())


def add_stages(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """New stages; gives their ids in the order of the rows."""
    statement = insert(stages).returning(stages.c.id, sort_by_parameter_order=True)
    return list(conn.execute(statement, list(rows)).scalars())


def change_pipeline(conn: Connection, pipeline_id: int, values: Mapping[str, Any]) -> None:
    """Set these columns."""
    conn.execute(update(pipelines).where(pipelines.c.id == pipeline_id).values(**values))


def change_stage(conn: Connection, stage_id: int, values: Mapping[str, Any]) -> None:
    """Set these columns."""
    conn.execute(update(stages).where(stages.c.id == stage_id).values(**values))


def order(conn: Connection, stage_ids: Sequence[int]) -> None:
    """Number these stages in this order."""
    for position, stage_id in enumerate(stage_ids, 1):
        conn.execute(update(stages).where(stages.c.id == stage_id).values(position=position))


def order_pipelines(conn: Connection, pipeline_ids: Sequence[int]) -> None:
    """Number these pipelines in this order."""
    for position, pipeline_id in enumerate(pipeline_ids, 1):
        conn.execute(update(pipelines).where(pipelines.c.id == pipeline_id).values(position=position))


def held(conn: Connection, _scope: Scope, pipeline_id: int) -> dict[int, int]:
    """How many deals each stage of a pipeline holds, whoever's, open or not."""
    statement = select(deals.c.stage_id, func.count()).where(deals.c.pipeline_id == pipeline_id)
    return {row[0]: int(row[1]) for row in conn.execute(statement.group_by(deals.c.stage_id))}


def some_in(conn: Connection, _scope: Scope, stage_id: int, limit: int) -> list[int]:
    """Ids of deals in a stage, whoever's."""
    return list(conn.execute(select(deals.c.id).where(deals.c.stage_id == stage_id).limit(limit)).scalars())


def put_tasks(conn: Connection, stage_id: int, known: Sequence[StageTask], wanted: Sequence[Mapping[str, Any]]) -> None:
    """A stage makes these tasks, in this order, and no others: [{id (None: a new one), kind, title, days}].

    Tasks that one of those made which go stay, as tasks like any other.
    """
    kept = [one["id"] for one in wanted if one["id"]]
    gone = [one.id for one in known if one.id not in kept]
    if gone:
        conn.execute(update(tasks).where(tasks.c.stage_task_id.in_(gone)).values(stage_task_id=None))
        conn.execute(delete(stage_tasks).where(stage_tasks.c.id.in_(gone)))
    for position, one in enumerate(wanted):
        values = {name: one[name] for name in ("kind", "title", "days")} | {"position": position}
        if one["id"]:
            conn.execute(update(stage_tasks).where(stage_tasks.c.id == one["id"]).values(values))
        else:
            conn.execute(insert(stage_tasks).values(values | {"stage_id": stage_id}))
