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
    """A column of the board; `kind`: unsorted, open, won or lost; `probability` in per cent."""

    id: int
    pipeline_id: int
    name: str
    kind: str
    position: int
    probability: int

    @property
    def open(self) -> bool:
        """Whether a deal here is still to be decided."""
        return self.kind in ("unsorted", "open")


_PIPELINES = select(schema.pipelines.c.id, schema.pipelines.c.name).order_by(
    schema.pipelines.c.position, schema.pipelines.c.id
)
_s = schema.stages.c
_COLUMNS = select(_s.id, _s.pipeline_id, _s.name, _s.kind, _s.position, _s.probability)
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
