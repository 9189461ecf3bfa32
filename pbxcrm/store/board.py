"""The board's columns as a person looks at them: the deals of a stage, and their counts where no counter knows them."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, true, tuple_

from pbxcrm.crm.access import Scope
from pbxcrm.crm.folding import folded
from pbxcrm.crm.looking import DUES, NOBODY, Due, Looking
from pbxcrm.crm.views import DealRow
from pbxcrm.store.deals import NEWEST, ROWS, by_words
from pbxcrm.store.schema import contacts, deals, users
from pbxcrm.store.schema_sales import deal_tags, tags
from pbxcrm.store.totals import Total
from pbxcrm.store.words import containing

_d = deals.c


class Dues(NamedTuple):
    """Of one stage: how many of its open deals have a next step that is overdue, today's, planned, and none."""

    overdue: int = 0
    today: int = 0
    planned: int = 0
    none: int = 0


NO_DUES = Dues()


def column(
    conn: Connection, scope: Scope, stage_id: int, limit: int, look: Looking, currency: str,
    after: tuple[float, int] | None = None,
) -> list[DealRow]:  # fmt: skip
    """A stage's deals that are looked for, the newest on top, from after (created_at, id) on."""
    where = [_d.stage_id == stage_id, _wanted(conn, scope, look, currency)]
    if after is not None:
        where.append(tuple_(_d.created_at, _d.id) < tuple_(*after))
    rows = conn.execute(ROWS.where(*where).order_by(*NEWEST).limit(limit)).mappings()
    return [cast("DealRow", dict(row)) for row in rows]


def these(conn: Connection, scope: Scope, ids: Sequence[int], look: Looking, currency: str) -> list[DealRow]:
    """Of these deals those that are looked for."""
    if not ids:
        return []
    rows = conn.execute(ROWS.where(_d.id.in_(ids), _wanted(conn, scope, look, currency))).mappings()
    return [cast("DealRow", dict(row)) for row in rows]


def totals(conn: Connection, scope: Scope, pipeline_id: int, look: Looking, currency: str) -> list[Total]:
    """Count and sum of what is looked for, by stage and currency: counted, for no counter is kept of it."""
    statement = (
        select(_d.stage_id, _d.currency, func.count().label("n"), func.sum(_d.value).label("value"))
        .where(_d.pipeline_id == pipeline_id, _wanted(conn, scope, look, currency))
        .group_by(_d.stage_id, _d.currency)
    )
    return [Total(r.stage_id, r.currency, int(r.n), int(r.value)) for r in conn.execute(statement)]


def dues(conn: Connection, scope: Scope, pipeline_id: int, look: Looking, currency: str) -> dict[int, Dues]:
    """By stage, whatever state of the next step is looked for."""
    statement = (
        select(_d.stage_id, *(func.count(case((_is(due, look), 1))).label(due) for due in DUES))
        .where(_d.open.is_(True), _d.pipeline_id == pipeline_id, _wanted(conn, scope, look.without_due(), currency))
        .group_by(_d.stage_id)
    )
    return {row[0]: Dues(*(int(n) for n in row[1:])) for row in conn.execute(statement)}


def _is(due: Due, look: Looking) -> ColumnElement[bool]:
    at = _d.next_contact_at
    states: dict[Due, ColumnElement[bool]] = {
        "overdue": at < look.now,
        "today": and_(at >= look.now, at < look.day_ends),
        "planned": at >= max(look.now, look.day_ends),
        "none": at.is_(None),
    }
    return states[due]


_TAGGED = select(deal_tags.c.deal_id).join(tags, tags.c.id == deal_tags.c.tag_id)


def _wanted(conn: Connection, scope: Scope, look: Looking, currency: str) -> ColumnElement[bool]:
    asked: list[tuple[Any, Any]] = [
        (not scope.sees_all, lambda: _d.owner_id == scope.user_id),
        (look.owner == NOBODY, lambda: _d.owner_id.is_(None)),
        (look.owner not in ("", NOBODY), lambda: _d.owner_id.in_(select(users.c.id).where(users.c.name == look.owner))),
        (look.source, lambda: _d.source == look.source),
        (look.due, lambda: and_(_d.open.is_(True), _is(cast("Due", look.due), look))),
        (look.low is not None, lambda: and_(_d.value >= look.low, _d.currency == currency)),
        (look.high is not None, lambda: and_(_d.value <= look.high, _d.currency == currency)),
        (look.tag, lambda: _d.id.in_(_TAGGED.where(tags.c.name == look.tag))),
        (look.q, lambda: or_(by_words(conn, look.q), _of_people(conn, look.q))),
    ]
    return and_(true(), *(condition() for given, condition in asked if given))


def _of_people(conn: Connection, q: str) -> ColumnElement[bool]:
    """By its contact's name, company, e-mail or note."""
    named = select(contacts.c.id).where(containing(conn, contacts.c.search, folded(q).split()))
    return _d.contact_id.in_(named)


def sources(conn: Connection, scope: Scope) -> list[str]:
    """Where open deals come from, each once, in their order; the first 200."""
    mine = true() if scope.sees_all else _d.owner_id == scope.user_id
    statement = select(_d.source).distinct().where(_d.open.is_(True), _d.source != "", mine).order_by(_d.source)
    return list(conn.execute(statement.limit(200)).scalars())
