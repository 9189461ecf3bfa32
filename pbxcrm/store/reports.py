"""Counts and sums of the reports; docs/reports.md says what each of them means.

What is counted and what is listed behind a number is one condition: see `behind`.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast, get_args

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Float,
    Integer,
    and_,
    case,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    type_coerce,
    union_all,
    values,
)
from sqlalchemy import cast as as_type

from pbxcrm.crm.access import Scope
from pbxcrm.crm.reports import DAY, Closed, Selection, Source, Sum
from pbxcrm.crm.views import DealRow
from pbxcrm.store.deals import ROWS
from pbxcrm.store.funnel import Key, entries, left, moved, owned, seen
from pbxcrm.store.planner import unsought
from pbxcrm.store.schema import call_deals, calls, deals, stage_history, stage_totals, stages
from pbxcrm.store.schema_sales import deal_details, leads

_d, _h, _l, _t = deals.c, stage_history.c, leads.c, stage_totals.c
OPEN = ("unsorted", "open")
_MOST_SAID = 1000  # different texts of competitors or objections that are looked at

Behind = Literal["open", "entered", "converted", "still", "left", "dropped", "created", "won", "lost", "source", "sold"]
BEHIND: tuple[Behind, ...] = get_args(Behind)


class Lost(NamedTuple):
    """Deals lost for one reason out of one stage (None: a removed one, or none), of one owner."""

    stage_id: int | None
    reason: str
    owner_id: int | None
    sum: Sum


def _sums(currency: str) -> tuple[ColumnElement[Any], ...]:
    ours = _d.currency == currency
    return (
        func.count(_d.id),
        func.coalesce(func.sum(case((ours, _d.value), else_=0)), 0),
        func.count(case((~ours, 1))),
    )


def _sum(row: Sequence[Any]) -> Sum:
    return Sum(*(int(one) for one in row[-3:]))


def _in(at: ColumnElement[Any], sel: Selection) -> ColumnElement[bool]:
    return and_(at >= sel.since, at < sel.until)


def _of_kind(*kinds: str) -> ColumnElement[bool]:
    return _d.stage_id.in_(select(stages.c.id).where(stages.c.kind.in_(kinds)))


def standing(conn: Connection, scope: Scope, sel: Selection, currency: str) -> dict[Key, Sum]:
    """Open deals as they are now, by stage and owner: from the totals that are kept."""
    owner = func.nullif(_t.owner_id, 0)
    statement = (
        select(
            *(_t.stage_id, owner, func.sum(_t.count)),
            func.sum(case((_t.currency == currency, _t.value), else_=0)),
            func.sum(case((_t.currency != currency, _t.count), else_=0)),
        )
        .join(stages, stages.c.id == _t.stage_id)
        .where(stages.c.pipeline_id == sel.pipeline_id, stages.c.kind.in_(OPEN), _t.count > 0, owned(scope, sel, owner))
        .group_by(_t.stage_id, owner)
    )
    return {(row[0], row[1]): _sum(row) for row in conn.execute(statement)}


def decided(conn: Connection, scope: Scope, sel: Selection, currency: str) -> dict[int | None, Closed]:
    """Deals won and lost in that time, by owner."""
    statement = (
        select(_d.owner_id, stages.c.kind, *_sums(currency))
        .join(stages, stages.c.id == _d.stage_id)
        .where(_d.open.is_(False), _in(_d.closed_at, sel), seen(scope, sel))
        .group_by(_d.owner_id, stages.c.kind)
    )
    found: dict[int | None, Closed] = {}
    for row in conn.execute(statement):
        found[row[0]] = found.get(row[0], Closed())._replace(**{row[1]: _sum(row)})
    return found


def cycles(conn: Connection, scope: Scope, sel: Selection) -> list[tuple[float, float | None]]:
    """Of each deal won in that time: days from its making, and from its first call (None: nobody called)."""
    first = (
        select(func.min(calls.c.started_at))
        .join(call_deals, call_deals.c.call_id == calls.c.id)
        .where(call_deals.c.deal_id == _d.id, calls.c.started_at <= _d.closed_at)
        .correlate(deals)
        .scalar_subquery()
    )
    statement = select((_d.closed_at - _d.created_at) / DAY, (_d.closed_at - first) / DAY).where(
        _d.open.is_(False), _in(_d.closed_at, sel), _of_kind("won"), seen(scope, sel)
    )
    return [(float(row[0]), None if row[1] is None else float(row[1])) for row in conn.execute(statement)]


def open_at(conn: Connection, scope: Scope, sel: Selection, at: float) -> int:
    """How many deals were open then: those that are now, less what has been opened since, and what has been closed."""
    before, after = stages.alias("before"), stages.alias("after")
    opened = case((after.c.kind.in_(OPEN), 1), else_=0)
    was = case((before.c.kind.in_(OPEN), 1), else_=0)
    since = (
        select(func.coalesce(func.sum(opened - was), 0))
        .select_from(
            stage_history.join(deals, _d.id == _h.deal_id)
            .join(after, after.c.id == _h.stage_id)
            .outerjoin(before, before.c.id == _h.from_stage_id)
        )
        .where(_h.at >= at, moved(scope, sel))
    )
    now = sum(sums.n for sums in standing(conn, scope, sel, "").values())
    return now - int(conn.execute(since).scalar_one())


def _last_open() -> ColumnElement[Any]:
    """The last open stage a deal was in."""
    newest = (
        select(func.max(_h.id))
        .join(stages, stages.c.id == _h.stage_id)
        .where(_h.deal_id == _d.id, stages.c.kind.in_(OPEN))
        .correlate(deals)
        .scalar_subquery()
    )
    last = stage_history.alias("last")
    return select(last.c.stage_id).where(last.c.id == newest).correlate(deals).scalar_subquery()


def _was_lost(scope: Scope, sel: Selection) -> ColumnElement[bool]:
    return and_(_d.open.is_(False), _in(_d.closed_at, sel), _of_kind("lost"), seen(scope, sel))


def lost(conn: Connection, scope: Scope, sel: Selection, currency: str) -> list[Lost]:
    """Deals lost in that time, by the last open stage, the reason and the owner."""
    each = (
        select(_last_open().label("stage"), _d.close_reason, _d.owner_id, _d.id, _d.currency, _d.value)
        .where(_was_lost(scope, sel))
        .subquery()
    )
    ours = each.c.currency == currency
    statement = select(
        each.c.stage,
        each.c.close_reason,
        each.c.owner_id,
        func.count(),
        func.sum(case((ours, each.c.value), else_=0)),
        func.count(case((~ours, 1))),
    ).group_by(each.c.stage, each.c.close_reason, each.c.owner_id)
    return [Lost(row[0], row[1], row[2], _sum(row)) for row in conn.execute(statement)]


def said_of_lost(
    conn: Connection, scope: Scope, sel: Selection, currency: str, names: Sequence[str]
) -> dict[str, list[tuple[str, Sum]]]:
    """What is known of deals lost in that time under these names of their details, each text once."""
    joined = deals.join(deal_details, deal_details.c.deal_id == _d.id)
    texts = [_detail(conn, name).label(name) for name in names]
    # A table that is asked twice is made once: the details are read and taken apart for all names together.
    lost = select(_d.currency, _d.value, *texts).select_from(joined).where(_was_lost(scope, sel)).cte("was_lost")
    ours = lost.c.currency == currency
    n, sums = func.count().label("n"), (func.sum(case((ours, lost.c.value), else_=0)), func.count(case((~ours, 1))))
    each = [
        select(literal(name), lost.c[name], n, *sums)
        .where(lost.c[name] != "")
        .group_by(lost.c[name])
        .order_by(n.desc(), lost.c[name])
        .limit(_MOST_SAID)
        .subquery()
        for name in names
    ]
    found: dict[str, list[tuple[str, Sum]]] = {name: [] for name in names}
    for row in conn.execute(union_all(*(select(one) for one in each))):
        found[row[0]].append((str(row[1]), _sum(row)))
    return found


def _detail(conn: Connection, name: str) -> ColumnElement[Any]:
    # SQLite keeps JSON as text and knows no such type to cast to; PostgreSQL has to be told.
    kept = deal_details.c.details
    parsed = as_type(kept, JSON) if conn.dialect.name == "postgresql" else type_coerce(kept, JSON)
    text: ColumnElement[Any] = parsed[name].as_string()
    return text


# -- sources ---------------------------------------------------------------------------------------------------------


def _direct() -> ColumnElement[bool]:
    """Deals that no lead became."""
    return ~exists(select(_l.id).where(_l.deal_id == _d.id))


def _real() -> ColumnElement[bool]:
    """Taken out of Unsorted into a stage of work, or won."""
    return exists(
        select(_h.id)
        .join(stages, stages.c.id == _h.stage_id)
        .where(_h.deal_id == _d.id, stages.c.kind.in_(("open", "won")))
    )


def _came(sel: Selection) -> ColumnElement[bool]:
    """Deals that came in that time, and those of leads that did."""
    of_leads = select(_l.deal_id).where(_in(_l.created_at, sel), _l.deal_id.is_not(None))
    return or_(and_(_in(_d.created_at, sel), _direct()), _d.id.in_(of_leads))


def sources(conn: Connection, scope: Scope, sel: Selection, currency: str) -> dict[str, Source]:
    """By source, what came in that time and what has become of it since."""
    found: dict[str, Source] = {}
    won = [case((_of_kind("won"), one)) for one in (_d.id, _d.value, _d.currency)]
    sums = (
        func.count(won[0]),
        func.coalesce(func.sum(case((won[2] == currency, won[1]), else_=0)), 0),
        func.count(case((won[2] != currency, 1))),
    )
    direct = (
        select(_d.source, func.count(), func.count(case((_real(), 1))), *sums)
        .where(_in(_d.created_at, sel), _direct(), seen(scope, sel))
        .group_by(_d.source)
    )
    for row in conn.execute(direct):
        found[row[0]] = Source(direct=int(row[1]), real=int(row[2]), deals=int(row[1]), won=_sum(row))
    whose = case((_l.deal_id.is_(None), _l.owner_id), else_=_d.owner_id)
    of_leads = (
        select(_l.source, func.count(), func.count(_l.qualified_at), func.count(_d.id), func.sum(_l.score), *sums)
        .select_from(leads.outerjoin(deals, _d.id == _l.deal_id))
        .where(
            _in(_l.created_at, sel),
            or_(_l.deal_id.is_(None), _d.pipeline_id == sel.pipeline_id),
            owned(scope, sel, whose),
        )
        .group_by(_l.source)
    )
    for row in conn.execute(of_leads):
        more = Source(int(row[1]), 0, int(row[2]), int(row[3]), _sum(row), int(row[4] or 0))
        found[row[0]] = found.get(row[0], Source()).plus(more)
    return found


def _source(name: str) -> ColumnElement[bool]:
    """Of this source: that of the lead which became the deal, else the deal's own."""
    of_lead = select(_l.id).where(_l.deal_id == _d.id)
    return or_(and_(_d.source == name, ~exists(of_lead)), exists(of_lead.where(_l.source == name)))


# -- over time -------------------------------------------------------------------------------------------------------


def series(
    conn: Connection, scope: Scope, sel: Selection, currency: str, edges: Sequence[float]
) -> dict[str, list[Sum]]:
    """Deals created, won and lost between each two of these times: {created, won, lost}, a Sum each."""
    spans = [(i, edges[i], edges[i + 1]) for i in range(len(edges) - 1)]
    span = (
        values(column("i", Integer), column("since", Float(53)), column("until", Float(53)), name="span")
        .data(spans)
        .cte("span")
    )
    found: dict[str, list[Sum]] = {}
    # That they are within the edges follows from the spans, which PostgreSQL does not see: told, it reads only these.
    for name, at, more in (
        ("created", _d.created_at, true()),
        ("won", _d.closed_at, and_(_d.open.is_(False), _of_kind("won"))),
        ("lost", _d.closed_at, and_(_d.open.is_(False), _of_kind("lost"))),
    ):
        statement = (
            select(span.c.i, *_sums(currency))
            .select_from(span.join(deals, and_(at >= span.c.since, at < span.c.until)))
            .where(unsought(at) >= edges[0], unsought(at) < edges[-1], more, seen(scope, sel))
            .group_by(span.c.i)
        )
        counted = {int(row[0]): _sum(row) for row in conn.execute(statement)}
        found[name] = [counted.get(i, Sum()) for i in range(len(spans))]
    return found


# -- the deals behind a number ---------------------------------------------------------------------------------------


def behind(
    scope: Scope, sel: Selection, what: Behind, stage: int | None, reason: str | None, source: str | None
) -> ColumnElement[bool]:
    """The deals that a number counts. `stage`: of that one; of lost deals the last open one."""
    where = [_counted(sel, what, stage)]
    if what == "lost" and stage is not None:
        where.append(_last_open() == stage)
    if what == "lost" and reason is not None:
        where.append(_d.close_reason == reason)
    if what in ("source", "sold") and source is not None:
        where.append(_source(source))
    return and_(seen(scope, sel), *where)


def _counted(sel: Selection, what: Behind, stage: int | None) -> ColumnElement[bool]:
    if what in ("entered", "converted", "still"):
        first = entries(sel)
        ids = select(first.c.deal_id).where(first.c.stage_id == stage)
        if what == "converted":
            ids = ids.where(first.c.passed == 1)
        found = _d.id.in_(ids)
        return and_(found, _d.stage_id == stage) if what == "still" else found
    if what in ("left", "dropped"):
        ids = select(_h.deal_id).where(left(sel), _h.from_stage_id == stage)
        if what == "dropped":
            ids = ids.join(stages, stages.c.id == _h.stage_id).where(stages.c.kind == "lost")
        return _d.id.in_(ids)
    if what == "open":
        return and_(_d.open.is_(True), true() if stage is None else _d.stage_id == stage)
    if what == "created":
        return _in(_d.created_at, sel)
    if what == "source":
        return _came(sel)
    if what == "sold":
        return and_(_came(sel), _of_kind("won"))
    return and_(_d.open.is_(False), _in(_d.closed_at, sel), _of_kind(what))


def count(conn: Connection, where: ColumnElement[bool], currency: str) -> Sum:
    """Of the deals of this condition."""
    return _sum(conn.execute(select(*_sums(currency)).where(where)).one())


def some(
    conn: Connection, where: ColumnElement[bool], limit: int, after: tuple[float, int] | None = None
) -> list[DealRow]:
    """A page of them, the latest active on top."""
    asked = [where] if after is None else [where, tuple_(_d.active_at, _d.id) < tuple_(*after)]
    latest = (_d.active_at.desc(), _d.id.desc())
    rows = conn.execute(ROWS.where(*asked).order_by(*latest).limit(limit)).mappings()
    return [cast("DealRow", dict(row)) for row in rows]


def calls_of(conn: Connection, ids: Sequence[int]) -> dict[int, tuple[int, int]]:
    """How many calls each of these deals has, and how many of them are recorded."""
    statement = (
        select(call_deals.c.deal_id, func.count(), func.count(calls.c.recording))
        .join(calls, calls.c.id == call_deals.c.call_id)
        .where(call_deals.c.deal_id.in_(ids))
        .group_by(call_deals.c.deal_id)
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in conn.execute(statement)}
