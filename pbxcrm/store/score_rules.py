"""The rules of scoring, what they look at, and whom they reach."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    null,
    select,
    true,
    update,
)

from pbxcrm.crm.access import Scope
from pbxcrm.crm.leads import LeadRow, subject
from pbxcrm.crm.scoring import WAYS, Rule, Subject
from pbxcrm.store.leads import ROWS
from pbxcrm.store.prepared import Command, Query
from pbxcrm.store.schema import calls
from pbxcrm.store.schema_sales import leads, score_rules

_r, _l, _c = score_rules.c, leads.c, calls.c


_RULES = select(_r.id, _r.field, _r.value, _r.points, _r.part_points).order_by(_r.id)  # built once: calls that end ask


def rules(conn: Connection, _scope: Scope) -> list[Rule]:
    """All of them, the oldest first."""
    made = []
    for row in conn.execute(_RULES):
        full, _, part = row.value.partition("\n")
        if row.field in WAYS:  # else of a later version
            made.append(Rule(row.id, row.field, full, part, row.points, row.part_points))
    return made


def _columns(rule: Rule) -> dict[str, Any]:
    points = {"points": rule.points, "part_points": rule.part_points}
    return {"basis": rule.basis, "field": rule.field, "value": f"{rule.full}\n{rule.part}", **points}


def add(conn: Connection, rule: Rule) -> int:
    """A new rule; gives its id."""
    return int(conn.execute(insert(score_rules).values(**_columns(rule)).returning(_r.id)).scalar_one())


def change(conn: Connection, rule_id: int, rule: Rule) -> bool:
    """Make it this one; whether it was there."""
    return conn.execute(update(score_rules).where(_r.id == rule_id).values(**_columns(rule))).rowcount == 1


def remove(conn: Connection, rule_id: int) -> bool:
    """Whether it was there."""
    return conn.execute(delete(score_rules).where(_r.id == rule_id)).rowcount == 1


# ---- what calls say of a number


def _n(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def counts(c: Any) -> list[ColumnElement[Any]]:
    """What calls say of whom they were with, by name; of these columns of calls: talk_seconds, direction, ended_at."""
    talked, theirs = c.talk_seconds > 0, c.direction == "inbound"
    found: dict[str, ColumnElement[Any]] = {
        "talks": _n(talked),
        "answered": _n(talked & (c.direction == "outbound")),
        "called": _n(theirs),
        "missed": _n(theirs & ~talked),
        "last_talk": func.max(case((talked, c.ended_at), else_=null())),
    }
    return [count.label(name) for name, count in found.items()]


_COUNTS = {count.name: count for count in counts(_c)}
_STATS = Query(
    select(_c.number, *_COUNTS.values())
    .where(_c.number.in_(bindparam("numbers", expanding=True)), _c.ended_at.is_not(None))
    .group_by(_c.number),
    "numbers",
)
NOTHING: dict[str, Any] = {"talks": 0, "answered": 0, "called": 0, "missed": 0, "last_talk": None}


def stats(conn: Connection, _scope: Scope, numbers: Iterable[str]) -> dict[str, dict[str, Any]]:
    """{number: {talks, answered, called, missed, last_talk}} of the calls with these that are over."""
    wanted = list(numbers)
    return {str(row.pop("number")): row for row in _STATS.dicts(conn, {"numbers": wanted})} if wanted else {}


# ---- leads by the piece

_PART: Select[Any] = ROWS.where(_l.qualified_at.is_(None), _l.id > bindparam("after")).order_by(_l.id)
_SCORED = Command(update(leads).where(_l.id == bindparam("lead")).values(score=bindparam("points")))


def part(conn: Connection, _scope: Scope, after: int, limit: int) -> list[LeadRow]:
    """The next leads that are still leads, by id."""
    found = conn.execute(_PART.limit(limit), {"after": after}).mappings()
    return [cast("LeadRow", dict(row)) for row in found]


def scored(conn: Connection, rows: Sequence[Mapping[str, int]]) -> None:
    """New scores: [{lead, points}]. Versions stay: nobody's form is spoiled by it."""
    if rows:
        _SCORED.run(conn, rows)


# ---- whom a rule reaches


def many(conn: Connection, _scope: Scope) -> int:
    """How many leads there are."""
    return int(conn.execute(select(func.count()).where(_l.qualified_at.is_(None))).scalar_one())


def kinds(conn: Connection, _scope: Scope, field: str, stride: int) -> Iterator[tuple[Subject, int]]:
    """The leads as far as this field tells them apart: (one of them, how many are like it). `stride`: of so many one
    is looked at, spread over all times.
    """
    open_ = and_(_l.qualified_at.is_(None), _l.id % stride == 0 if stride > 1 else true())
    if field in _COUNTS:
        per = select(_l.id, _COUNTS[field].element.label("said"))
        joined = leads.outerjoin(calls, (_c.number == _l.number) & _c.ended_at.is_not(None))
        per = per.select_from(joined).where(open_).group_by(_l.id)
    elif field in ("quality", "employees"):
        per = select(_l.id, _l.details.label("said")).where(open_)
    else:
        column = _l.number if field in ("country", "number") else _l[field]
        per = select(_l.id, column.label("said")).where(open_)
    each = per.subquery()
    for said, n in conn.execute(select(each.c.said, func.count()).group_by(each.c.said)):
        yield _like(field, said), n


def _like(field: str, said: Any) -> Subject:
    name = {"country": "number", "quality": "details", "employees": "details"}.get(field, field)
    given: dict[str, Any] = {} if field in _COUNTS else {name: said}
    calls_ = {**NOTHING, field: said} if field in _COUNTS else NOTHING
    return subject(given, calls_)
