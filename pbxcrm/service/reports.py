"""The quick reports: what they are made of stands in crm/reports.py and store/reports.py. A seller's are of their own.

Each is one read of one snapshot. Sums are of the house's currency; deals worth something in another one are counted,
and said to be left out of the sum.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection

from pbxcrm.crm import views
from pbxcrm.crm.access import Scope
from pbxcrm.crm.fields import ident
from pbxcrm.crm.folding import folded
from pbxcrm.crm.funnel import Passage, lamest
from pbxcrm.crm.looking import NOBODY
from pbxcrm.crm.reports import (
    DAY,
    TRAILING,
    Closed,
    Selection,
    Source,
    Sum,
    Velocity,
    change,
    lame,
    lengths,
    repair,
    together,
    total,
)
from pbxcrm.service.errors import NotFound
from pbxcrm.service.paging import after, cursor, limit_of, page
from pbxcrm.service.transact import key, read
from pbxcrm.store import funnel, lookup, reports, stages
from pbxcrm.store.db import Database
from pbxcrm.store.lookup import House
from pbxcrm.store.stages import Stage

T = TypeVar("T")
LEVERS = ("open", "rate", "value", "days")
MOST_SAID = 10  # competitors and objections that are shown
_COMMAS = re.compile(r"[,;،؛\n]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person asks for, as it stands in the address; see crm.reports.Selection. `pipeline` "": the first."""

    since: float
    until: float
    pipeline: str = ""
    owner: str = ""
    team: str = ""


class Who(NamedTuple):
    """Whose row it is. `kind`: all | team | person; `name`: the user's or team's, NOBODY where nobody owns them."""

    kind: str
    name: str


class Base(NamedTuple):
    """What every report needs."""

    conn: Connection
    scope: Scope
    sel: Selection
    house: House
    pipelines: list[stages.Pipeline]
    stages: list[Stage]

    @property
    def open_stages(self) -> list[Stage]:
        """Those that a deal is worked on in."""
        return [stage for stage in self.stages if stage.open]

    def told(self) -> dict[str, Any]:
        """What every answer says: {pipeline, pipelines, currency, stages}."""
        pipeline = next(one for one in self.pipelines if one.id == self.sel.pipeline_id)
        return {
            "pipeline": {"id": str(pipeline.id), "name": pipeline.name},
            "pipelines": [{"id": str(one.id), "name": one.name} for one in self.pipelines],
            "currency": self.house.currency,
            "stages": [{"id": str(one.id), "name": one.name, "kind": one.kind} for one in self.stages],
        }


def _base(conn: Connection, scope: Scope, asked: Asked) -> Base:
    """Raises NotFound for a pipeline that is not there."""
    house, known = lookup.house(conn, scope), stages.pipelines(conn, scope)
    wanted = key(asked.pipeline) if asked.pipeline else house.pipeline.id
    if wanted not in (one.id for one in known):
        raise NotFound
    sel = Selection(wanted, asked.since, asked.until, asked.owner, asked.team)
    return Base(conn, scope, sel, house, known, stages.stages(conn, scope, wanted))


async def report(db: Database, scope: Scope, asked: Asked, make: Callable[[Base], dict[str, Any]]) -> dict[str, Any]:
    """What `make` says, and what every report does."""

    def run(conn: Connection) -> dict[str, Any]:
        base = _base(conn, scope, asked)
        return {**base.told(), **make(base)}

    return await read(db, run)


# -- rows by team and person -----------------------------------------------------------------------------------------


def _rows(base: Base, by_owner: dict[int | None, T], add: Callable[[Iterable[T]], T]) -> list[tuple[Who, T]]:
    """All together; then, where several are asked for, team by team with its people, then those of none."""
    everybody = [(Who("all", ""), add(by_owner.values()))]
    if not base.scope.sees_all or base.sel.owner:
        return everybody
    teams: defaultdict[int | None, list[int]] = defaultdict(list)
    names = base.house.names
    for owner in sorted((one for one in by_owner if one in names), key=lambda one: names[one].full_name.casefold()):
        teams[names[owner].team_id].append(owner)
    found = list(everybody)
    for team in sorted((one for one in teams if one is not None), key=lambda one: base.house.teams[one].casefold()):
        if not base.sel.team:
            found.append((Who("team", base.house.teams[team]), add(by_owner[one] for one in teams[team])))
        found += [(Who("person", names[one].name), by_owner[one]) for one in teams[team]]
    found += [(Who("person", names[one].name), by_owner[one]) for one in teams[None]]
    if None in by_owner:
        found.append((Who("person", NOBODY), by_owner[None]))
    return found


# -- overview --------------------------------------------------------------------------------------------------------


def _closed(several: Iterable[Closed]) -> Closed:
    found = list(several)
    return Closed(total(one.won for one in found), total(one.lost for one in found))


async def overview(db: Database, scope: Scope, asked: Asked, edges: Sequence[float]) -> dict[str, Any]:
    """{open, created, closed: Closed, cycle, from_call: Lengths, velocity: {…}, series, funnel, people}.

    `series`: {created, won, lost}, a Sum between each two of `edges`. `funnel`: [(stage, Sum now, weighted value)].
    `people`: [(Who, Closed)]. `velocity`: {now, before: Velocity, a_day, change, levers: {open, rate, value, days}}.
    """
    now = db.clock()

    def make(base: Base) -> dict[str, Any]:
        conn, sel, currency = base.conn, base.sel, base.house.currency
        by_owner = reports.decided(conn, scope, sel, currency)
        days = reports.cycles(conn, scope, sel)
        over_time = reports.series(conn, scope, sel, currency, edges)
        standing = reports.standing(conn, scope, sel, currency)
        bars = _bars(base, standing)
        return {
            "open": total(one for _, one, _ in bars),
            "weighted": sum(weighted for _, _, weighted in bars),
            "created": total(over_time["created"]),
            "closed": _closed(by_owner.values()),
            "cycle": lengths([one for one, _ in days]),
            "from_call": lengths([call for _, call in days if call is not None]),
            "velocity": _velocity(base, min(sel.until, now + 1)),
            "series": over_time,
            "funnel": bars,
            "people": _rows(base, by_owner, _closed),
        }

    return await report(db, scope, asked, make)


def _bars(base: Base, standing: dict[tuple[int, int | None], Sum]) -> list[tuple[dict[str, str], Sum, int]]:
    found = []
    for stage in base.open_stages:
        sums = total(one for (stage_id, _), one in standing.items() if stage_id == stage.id)
        told = {"id": str(stage.id), "name": stage.name, "kind": stage.kind}
        found.append((told, sums, round(sums.value * stage.probability / 100)))
    return found


def _velocity(base: Base, ends: float) -> dict[str, Any]:
    """Of the 90 days that end then, and against the 90 before them."""
    now, before = _levers(base, ends), _levers(base, ends - TRAILING * DAY)
    return {
        "now": now,
        "a_day": now.a_day,
        "change": change(now.a_day, before.a_day),
        "levers": {
            name: change(getattr(now, name), getattr(before, name)) for name in ("open", "rate", "value", "days")
        },
    }


def _levers(base: Base, ends: float) -> Velocity:
    sel = Selection(base.sel.pipeline_id, ends - TRAILING * DAY, ends, base.sel.owner, base.sel.team)
    closed = _closed(reports.decided(base.conn, base.scope, sel, base.house.currency).values())
    days = lengths([one for one, _ in reports.cycles(base.conn, base.scope, sel)])
    ours = closed.won.n - closed.won.foreign
    return Velocity(
        open=reports.open_at(base.conn, base.scope, sel, ends),
        won=closed.won.n,
        decided=closed.won.n + closed.lost.n,
        value=closed.won.value / ours if ours else 0.0,
        days=days.mean,
    )


# -- stages, losses, sources -----------------------------------------------------------------------------------------


async def by_stage(db: Database, scope: Scope, asked: Asked) -> dict[str, Any]:
    """{lame: stage id or None, columns: [(stage, Sum now, weighted)], rows: [(Who, [cell])]}.

    A cell, one for each open stage: {passage, standing: Sum, lame}. `lame`: more is lost here than elsewhere.
    """

    def make(base: Base) -> dict[str, Any]:
        passed = funnel.passages(base.conn, scope, base.sel)
        standing = reports.standing(base.conn, scope, base.sel, base.house.currency)
        owners = dict.fromkeys(owner for _, owner in (*passed, *standing))
        cells = {owner: [_cell(passed, standing, stage.id, owner) for stage in base.open_stages] for owner in owners}
        rows = _rows(base, cells, lambda several: _added(several, len(base.open_stages)))
        all_ = [passage for passage, _ in rows[0][1]]
        ids = [str(stage.id) for stage in base.open_stages]
        return {
            "lame": lamest(list(zip(ids, all_, strict=True))),
            "columns": _bars(base, standing),
            "rows": [
                (
                    who,
                    [
                        {"passage": p, "standing": s, "lame": who.kind != "all" and lame(p, everybody)}
                        for (p, s), everybody in zip(found, all_, strict=True)
                    ],
                )
                for who, found in rows
            ],
        }

    return await report(db, scope, asked, make)


Cell = tuple[Passage, Sum]


def _cell(
    passed: dict[tuple[int, int | None], Passage],
    standing: dict[tuple[int, int | None], Sum],
    stage_id: int,
    owner: int | None,
) -> Cell:
    return passed.get((stage_id, owner), Passage()), standing.get((stage_id, owner), Sum())


def _added(several: Iterable[list[Cell]], columns: int) -> list[Cell]:
    found = list(several)
    return [(together(cells[i][0] for cells in found), total(cells[i][1] for cells in found)) for i in range(columns)]


async def why_lost(db: Database, scope: Scope, asked: Asked) -> dict[str, Any]:
    """{all: Sum, reasons: [(text, Sum)], by_stage: {reason: {stage id: Sum}}, by_person: [(Who, {reason: Sum})],
    competitors, objections: [(text, Sum)]}; stage id "": a stage that is no more.
    """

    def make(base: Base) -> dict[str, Any]:
        found = reports.lost(base.conn, scope, base.sel, base.house.currency)
        known = {stage.id for stage in base.stages}
        reasons = _grouped((one.reason, one.sum) for one in found)
        by_stage_: defaultdict[str, dict[str, Sum]] = defaultdict(dict)
        by_owner: defaultdict[int | None, dict[str, Sum]] = defaultdict(dict)
        for one in found:
            stage = str(one.stage_id) if one.stage_id in known else ""
            _into(by_stage_[one.reason], stage, one.sum)
            _into(by_owner[one.owner_id], one.reason, one.sum)
        return {
            "all": total(one.sum for one in found),
            "reasons": reasons,
            "by_stage": dict(by_stage_),
            "by_person": _rows(base, dict(by_owner), _merged),
            **_said(base),
        }

    return await report(db, scope, asked, make)


def _into(sums: dict[str, Sum], name: str, more: Sum) -> None:
    sums[name] = sums.get(name, Sum()).plus(more)


def _merged(several: Iterable[dict[str, Sum]]) -> dict[str, Sum]:
    found: dict[str, Sum] = {}
    for one in several:
        for name, sums in one.items():
            _into(found, name, sums)
    return found


def _grouped(pairs: Iterable[tuple[str, Sum]]) -> list[tuple[str, Sum]]:
    """The most on top."""
    found: dict[str, Sum] = {}
    for name, sums in pairs:
        _into(found, name, sums)
    return sorted(found.items(), key=lambda one: (-one[1].n, -one[1].value, one[0]))


def _said(base: Base) -> dict[str, list[tuple[str, Sum]]]:
    """Each competitor or objection by itself, as most people write it: they are told apart by their folded words."""
    said = reports.said_of_lost(base.conn, base.scope, base.sel, base.house.currency, ("competitors", "objections"))
    return {name: _apart(texts) for name, texts in said.items()}


def _apart(texts: Iterable[tuple[str, Sum]]) -> list[tuple[str, Sum]]:
    words: dict[str, str] = {}
    pairs = []
    for text, sums in texts:
        for one in {folded(part): " ".join(part.split()) for part in _COMMAS.split(text) if folded(part)}.items():
            words.setdefault(*one)
            pairs.append((one[0], sums))
    return [(words[one], sums) for one, sums in _grouped(pairs)[:MOST_SAID]]


async def by_source(db: Database, scope: Scope, asked: Asked) -> dict[str, Any]:
    """{all: Source, rows: [(name, Source, repair)], best: {came, quality, conversion, revenue: name}}."""

    def make(base: Base) -> dict[str, Any]:
        found = reports.sources(base.conn, scope, base.sel, base.house.currency)
        all_ = Source()
        for one in found.values():
            all_ = all_.plus(one)
        rows = sorted(found.items(), key=lambda one: (-one[1].came, one[0]))
        return {
            "all": all_,
            "rows": [(name, one, repair(one, all_)) for name, one in rows],
            "best": {
                "came": _best(found, lambda one: one.came),
                "quality": _best(found, lambda one: one.quality),
                "conversion": _best(found, lambda one: one.conversion),
                "revenue": _best(found, lambda one: one.won.value),
            },
        }

    return await report(db, scope, asked, make)


def _best(found: dict[str, Source], measure: Callable[[Source], int | None]) -> str | None:
    """The one source that has most of it; None where several have, or none has any."""
    known = [(measured, name) for name, one in found.items() if (measured := measure(one))]
    most = max((measured for measured, _ in known), default=0)
    names = [name for measured, name in known if measured == most]
    return names[0] if len(names) == 1 and len(found) > 1 else None


# -- the deals behind a number ---------------------------------------------------------------------------------------


class Number(NamedTuple):
    """Which number it is: `what` of reports.BEHIND, of one stage, reason or source where these are said."""

    what: str
    stage: str = ""
    reason: str | None = None
    source: str | None = None


async def behind(
    db: Database, scope: Scope, asked: Asked, number: Number, start: str | None = None, limit: int | None = None
) -> dict[str, Any]:
    """{sum: Sum, items: [deal], next}: a deal also has `calls` and `recorded`, how many there are. Raises NotFound."""
    what = next((one for one in reports.BEHIND if one == number.what), None)
    if what is None:
        raise NotFound
    size, since = limit_of(limit), after(start)
    stage = ident(number.stage) if number.stage.isdecimal() else None
    if stage is None and what in ("entered", "converted", "still", "left", "dropped"):
        raise NotFound

    def make(base: Base) -> dict[str, Any]:
        where = reports.behind(scope, base.sel, what, stage, number.reason, number.source)
        rows, following = page(
            reports.some(base.conn, where, size + 1, since), size, lambda row: cursor(row["active_at"], row["id"])
        )
        calls = reports.calls_of(base.conn, [row["id"] for row in rows])
        items = []
        for row in rows:
            n, recorded = calls.get(row["id"], (0, 0))
            items.append({**views.deal(row), "calls": n, "recorded": recorded})
        return {"sum": reports.count(base.conn, where, base.house.currency), "items": items, "next": following}

    return await report(db, scope, asked, make)
