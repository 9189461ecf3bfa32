"""Deals on their way, counted in one go: as one counts them deal by deal, and without reading every move there was."""

import random
from collections import defaultdict
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, insert, select

from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.funnel import Passage
from pbxcrm.crm.reports import Selection, together
from pbxcrm.service import people
from pbxcrm.store import funnel, reports, schema
from pbxcrm.store.db import Database
from tests.store.plans import plans, read_whole

pytestmark = pytest.mark.asyncio

BEGIN, END = 1000.0, 2000.0


class Stage(NamedTuple):
    id: int
    pipeline_id: int
    kind: str
    position: int


class Move(NamedTuple):
    deal: int
    before: int | None
    stage: int
    at: float


def office(conn: Connection) -> tuple[list[Stage], dict[int, tuple[int, int | None, int]], list[Move]]:
    """(stages, {deal: (pipeline, owner, stage)}, moves): deals of two pipelines go to and fro, also between them."""
    dice = random.Random(5)
    first = conn.execute(select(schema.pipelines.c.id)).scalar_one()
    second = conn.execute(
        insert(schema.pipelines).values(name="Second", position=2).returning(schema.pipelines.c.id)
    ).scalar_one()
    for n, kind in enumerate(("unsorted", "open", "open", "won", "lost"), 1):
        conn.execute(insert(schema.stages).values(pipeline_id=second, name=f"s{n}", kind=kind, position=n))
    s = schema.stages.c
    stages = [Stage(*row) for row in conn.execute(select(s.id, s.pipeline_id, s.kind, s.position))]
    users: list[int | None] = [*conn.execute(select(schema.users.c.id)).scalars(), None]
    deals, moves = {}, []
    for key in range(1, 401):
        at, before = dice.uniform(0, 2500), None
        stage = stages[0]
        for _ in range(dice.randrange(1, 9)):
            stage = dice.choice(stages[:5] if dice.random() < 0.6 else stages)
            moves.append(Move(key, before, stage.id, at))
            at, before = at + dice.choice((0.0, dice.uniform(0, 400))), stage.id
        deals[key] = (stage.pipeline_id, dice.choice(users), stage.id)
        conn.execute(
            insert(schema.deals).values(
                id=key, title="x", pipeline_id=stage.pipeline_id, stage_id=stage.id, owner_id=deals[key][1],
                open=stage.kind in ("unsorted", "open"), currency="EUR", created_at=0.0, stage_since=at, active_at=at,
            )
        )  # fmt: skip
    for one in sorted(moves, key=lambda move: move.at):  # those of one deal stay in their order
        conn.execute(
            insert(schema.stage_history).values(
                deal_id=one.deal, from_stage_id=one.before, stage_id=one.stage, at=one.at, value=0, currency="EUR",
                version=1,
            )
        )  # fmt: skip
    assert {first, second} == {pipeline for pipeline, _, _ in deals.values()}
    return stages, deals, moves


def counted(
    pipeline: int, stages: list[Stage], deals: dict[int, tuple[int, int | None, int]], moves: list[Move]
) -> dict[funnel.Key, Passage]:
    """The definitions of docs/reports.md, deal by deal: {(stage, owner): Passage}."""
    known = {stage.id: stage for stage in stages}
    found: defaultdict[funnel.Key, list[int]] = defaultdict(lambda: [0] * 5)
    for deal, (of, owner, now) in deals.items():
        if of != pipeline:
            continue
        way = [move for move in moves if move.deal == deal]
        inside = [n for n, move in enumerate(way) if BEGIN <= move.at < END]
        for stage in {way[n].stage for n in inside}:
            here = known[stage]
            if here.pipeline_id != pipeline or here.kind in ("won", "lost"):
                continue
            after = [known[move.stage] for move in way[min(n for n in inside if way[n].stage == stage) + 1 :]]
            further = [s for s in after if s.kind == "won" or (s.kind == "open" and s.position > here.position)]
            for n, is_so in enumerate((True, bool(further), now == stage)):
                found[stage, owner][n] += is_so
        for stage in {way[n].before for n in inside} - {None}:
            to = [known[way[n].stage].kind for n in inside if way[n].before == stage]
            found[stage, owner][3] += 1
            found[stage, owner][4] += "lost" in to
    return {key: Passage(*numbers) for key, numbers in found.items()}


async def test_the_way_of_deals_is_that_of_each_by_itself(url: str) -> None:
    db = Database(url)
    await people.add_user(db, "anna", "agent", [])
    await people.add_user(db, "bob", "agent", [])
    stages, deals, moves = await db.alone(office)
    for pipeline in {stage.pipeline_id for stage in stages}:
        sel = Selection(pipeline, BEGIN, END)
        found = await db.reading(lambda conn, sel=sel: funnel.passages(conn, SYSTEM, sel))
        assert found == counted(pipeline, stages, deals, moves)
        for stage in (one for one in stages if one.pipeline_id == pipeline and one.kind in ("unsorted", "open")):
            whole = together(passage for key, passage in found.items() if key[0] == stage.id)
            for what, n in (("entered", whole.entered), ("converted", whole.converted), ("still", whole.still)):
                where = reports.behind(SYSTEM, sel, what, stage.id, None, None)
                listed = await db.reading(lambda conn, where=where: reports.count(conn, where, "EUR"))
                assert listed.n == n, what
    await db.close()


async def test_moves_of_a_time_are_found_by_their_time(url: str) -> None:
    db = Database(url)
    sel = Selection(1, BEGIN, END)
    asked = {
        "passages": lambda conn: funnel.passages(conn, SYSTEM, sel),
        "open then": lambda conn: reports.open_at(conn, SYSTEM, sel, BEGIN),
    }
    for name, ask in asked.items():
        plan = await plans(db, ask)
        assert not read_whole(plan, "stage_history"), (name, plan)
        assert "ix_stage_history_way" not in plan, (name, plan)  # deal by deal, whenever it moved
    plan = await plans(db, asked["passages"])
    assert plan.count("ix_stage_history_moves") >= 2, plan
    await db.close()
