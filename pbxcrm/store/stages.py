"""Pipelines and their stages: the same for everybody."""

from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from pbxcrm.crm.access import Scope
from pbxcrm.store import schema


class Pipeline(NamedTuple):
    """A set of stages that deals go through."""

    id: int
    name: str


class Stage(NamedTuple):
    """A column of the board; `kind`: unsorted, open, won or lost; `probability` in per cent.

    `idle_days`: a deal that stands here longer stands too long. `guidance`: what is to be done, a line a thing.
    `needs`: fields that a deal must have to come in, by comma.
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

    @property
    def open(self) -> bool:
        """Whether a deal here is still to be decided."""
        return self.kind in ("unsorted", "open")


_p = schema.pipelines.c
_PIPELINES = select(_p.id, _p.name).where(_p.removed_at.is_(None)).order_by(_p.position, _p.id)
_s = schema.stages.c
_COLUMNS = select(
    *(_s.id, _s.pipeline_id, _s.name, _s.kind, _s.position, _s.probability, _s.idle_days, _s.guidance, _s.needs)
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
