"""Leads: the base of people who may become customers, apart from contacts."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from pbxcrm.crm.access import Scope
from pbxcrm.crm.folding import folded
from pbxcrm.crm.leads import OVER, LeadRow
from pbxcrm.crm.matching import tail
from pbxcrm.store.prepared import Query
from pbxcrm.store.schema import notes, tasks, teams, users
from pbxcrm.store.schema_sales import contact_tags, lead_tags, leads, tags
from pbxcrm.store.words import containing, number_part

_c = leads.c
ROWS: Select[Any] = select(
    *(c for c in leads.columns if c.name not in ("search", "tail")),
    users.c.name.label("owner_name"),
    teams.c.name.label("team_name"),
).select_from(leads.outerjoin(users, users.c.id == _c.owner_id).outerjoin(teams, teams.c.id == _c.team_id))
_SEARCHED = ("name", "company", "email", "city", "interest", "note")


def _own(scope: Scope) -> ColumnElement[bool]:
    return _c.id.is_not(None) if scope.sees_all else _c.owner_id == scope.user_id


def _base(scope: Scope) -> ColumnElement[bool]:
    """Nobody's, and theirs to claim: of their team, or of none."""
    team = _c.id.is_not(None) if scope.sees_all else or_(_c.team_id.is_(None), _c.team_id == (scope.team_id or 0))
    return and_(_c.owner_id.is_(None), _c.qualified_at.is_(None), team)


def _rows(conn: Connection, statement: Select[Any]) -> list[LeadRow]:
    return [cast("LeadRow", dict(row)) for row in conn.execute(statement).mappings()]


def one(conn: Connection, scope: Scope, lead_id: int) -> LeadRow | None:
    """This lead, if it is theirs."""
    rows = _rows(conn, ROWS.where(_c.id == lead_id, _own(scope)))
    return rows[0] if rows else None


def of_ids(conn: Connection, scope: Scope, ids: Sequence[int]) -> list[LeadRow]:
    """Those of these leads that are theirs."""
    return _rows(conn, ROWS.where(_c.id.in_(ids), _own(scope)).order_by(_c.id))


_WHOLE = Query(ROWS.where(_c.id.in_(bindparam("ids", expanding=True))), "ids")


def whole(conn: Connection, _scope: Scope, ids: Collection[int]) -> dict[int, LeadRow]:
    """These leads, whoever's they are."""
    return {row["id"]: cast("LeadRow", row) for row in _WHOLE.dicts(conn, {"ids": list(ids)})} if ids else {}


def seen(conn: Connection, scope: Scope, ids: Collection[int]) -> set[int]:
    """Those of these leads that are theirs."""
    return set(conn.execute(select(_c.id).where(_c.id.in_(ids), _own(scope))).scalars())


def claimable(conn: Connection, scope: Scope, lead_id: int) -> LeadRow | None:
    """This lead, if nobody owns it and they may claim it."""
    rows = _rows(conn, ROWS.where(_c.id == lead_id, _base(scope)))
    return rows[0] if rows else None


_TAILS = Query(
    ROWS.where(_c.tail.in_(bindparam("tails", expanding=True)), _c.qualified_at.is_(None)).order_by(_c.id), "tails"
)


def by_tails(conn: Connection, _scope: Scope, tails: Collection[str]) -> list[LeadRow]:
    """Every lead whose number ends so, whoever's it is: for calls."""
    return cast("list[LeadRow]", _TAILS.dicts(conn, {"tails": list(tails)})) if tails else []


def some(
    conn: Connection, scope: Scope, limit: int, wanted: Mapping[str, Any], after: tuple[float, int] | None = None
) -> list[LeadRow]:
    """A page of leads, the newest (or those of the best score) on top.

    `wanted`: show (new: the base; mine; all), status, source, owner, q, sort. What somebody else could be reached by
    is searched in their own leads alone: else a search would tell it bit by bit.
    """
    shown = {
        "new": _base(scope),
        "stale": _base(scope),
        "mine": _c.owner_id == scope.user_id,
        "all": or_(_own(scope), _base(scope)),
    }
    where = [shown[wanted.get("show", "all")]]
    if "before" in wanted:
        where.append(_c.created_at < wanted["before"])
    if "tag" in wanted:
        tagged = lead_tags.join(tags, tags.c.id == lead_tags.c.tag_id)
        where.append(_c.id.in_(select(lead_tags.c.lead_id).select_from(tagged).where(tags.c.name == wanted["tag"])))
        where.append(_own(scope))
    where += [_c[name] == wanted[name] for name in ("status", "source") if name in wanted]
    if "owner" in wanted:
        where.append(users.c.name == wanted["owner"])
    if wanted.get("q"):
        where += [_own(scope), _found(conn, wanted["q"])]
    by_score = wanted.get("sort") == "score"
    key = (_c.score, _c.id) if by_score else (_c.created_at, _c.id)
    if after is not None:
        where.append(tuple_(*key) < tuple_(*after))
    return _rows(conn, ROWS.where(*where).order_by(*(column.desc() for column in key)).limit(limit))


def promised(conn: Connection, scope: Scope, since: float, until: float, limit: int) -> list[LeadRow]:
    """Their leads still to be worked on whose next contact is from `since` to before `until`, the soonest first."""
    theirs = (_c.owner_id == scope.user_id, _c.qualified_at.is_(None), _c.status.not_in(OVER))
    due = (_c.next_contact_at >= since, _c.next_contact_at < until)
    return _rows(conn, ROWS.where(*theirs, *due).order_by(_c.next_contact_at, _c.id).limit(limit))


def _found(conn: Connection, q: str) -> ColumnElement[bool]:
    if part := number_part(q):
        return _c.number.contains(part, autoescape=True)
    return containing(conn, _c.search, folded(q).split())


def sources(conn: Connection, scope: Scope) -> list[str]:
    """Where these leads came from, for a choice."""
    found = select(_c.source).where(or_(_own(scope), _base(scope)), _c.source != "").distinct()
    return list(conn.execute(found.order_by(_c.source).limit(100)).scalars())


def count_new(conn: Connection, scope: Scope) -> int:
    """How many wait in the base for somebody."""
    return int(conn.execute(select(func.count()).select_from(leads).where(_base(scope))).scalar_one())


def held(conn: Connection, _scope: Scope, user_id: int) -> int:
    """How many leads this person works on."""
    mine = (_c.owner_id == user_id, _c.qualified_at.is_(None), _c.status.not_in(OVER))
    return int(conn.execute(select(func.count()).select_from(leads).where(*mine)).scalar_one())


def in_turn(conn: Connection, _scope: Scope, team_id: int | None) -> list[dict[str, Any]]:
    """Sellers of a team (None: all), [{id, lead_limit, held}], who got a lead the longest ago first."""
    working = case((and_(_c.qualified_at.is_(None), _c.status.not_in(OVER)), 1), else_=0)
    found = select(users.c.id, users.c.lead_limit, func.coalesce(func.sum(working), 0).label("held"))
    found = found.select_from(users.outerjoin(leads, _c.owner_id == users.c.id))
    found = found.where(users.c.role == "agent", users.c.active.is_(True)).group_by(users.c.id, users.c.lead_limit)
    if team_id is not None:
        found = found.where(users.c.team_id == team_id)
    last = func.coalesce(func.max(_c.claimed_at), 0.0), func.coalesce(func.max(_c.id), 0)
    return [dict(row) for row in conn.execute(found.order_by(*last, users.c.id)).mappings()]


def waiting(conn: Connection, scope: Scope, before: float) -> int:
    """How many in the base have been there since before this moment."""
    found = select(func.count()).select_from(leads).where(_base(scope), _c.created_at < before)
    return int(conn.execute(found).scalar_one())


def first_response(conn: Connection, _scope: Scope, since: float) -> float | None:
    """The seconds from a lead's coming to the first call, on average, of leads since then; None: of none."""
    found = select(func.avg(_c.first_contact_at - _c.created_at))
    return cast("float | None", conn.execute(found.where(_c.created_at >= since)).scalar())


_LIMIT = select(users.c.lead_limit)


def limit_of(conn: Connection, user_id: int, *, lock: bool = False) -> int | None:
    """How many they may hold, None: as the house says.

    `lock`: they are alone with it until the transaction ends. Two claims of one person at one moment then count one
    after the other, in however many processes.
    """
    found = _LIMIT.where(users.c.id == user_id)
    return cast("int | None", conn.execute(found.with_for_update() if lock else found).scalar())


def searched(row: Mapping[str, Any]) -> str:
    """What a search by words looks into."""
    return folded(*(row.get(name, "") for name in _SEARCHED))


def derived(row: Mapping[str, Any]) -> dict[str, Any]:
    """What is looked for of a new lead: the end of its number, the words of a search."""
    number = row.get("number")
    return {"tail": tail(number) if number else None, "search": searched(row)}


def add(conn: Connection, row: Mapping[str, Any]) -> int:
    """A new lead; gives its id."""
    return int(conn.execute(insert(leads).values(**row, **derived(row)).returning(_c.id)).scalar_one())


def change(conn: Connection, row: LeadRow, values: Mapping[str, Any]) -> bool:
    """Set these columns if the lead still has the version of `row`, and count the version up."""
    more = {"search": searched({**row, **values}), "version": row["version"] + 1}
    if "number" in values:
        more["tail"] = tail(values["number"]) if values["number"] else None
    statement = update(leads).where(_c.id == row["id"], _c.version == row["version"])
    return conn.execute(statement.values(**values, **more)).rowcount == 1


def touch(conn: Connection, lead_id: int, at: float) -> None:
    """Something happened with it."""
    conn.execute(update(leads).where(_c.id == lead_id).values(active_at=at))


def add_note(conn: Connection, lead_id: int, user_id: int | None, at: float, text: str) -> int:
    """Write a note on a lead; gives its id."""
    statement = insert(notes).values(lead_id=lead_id, user_id=user_id, at=at, text=text, search=folded(text))
    return int(conn.execute(statement.returning(notes.c.id)).scalar_one())


def notes_of(conn: Connection, _scope: Scope, lead_id: int) -> list[dict[str, Any]]:
    """The notes on a lead, the oldest first. Ask `one` first whether it may be seen."""
    found = select(notes.c.id, notes.c.at, notes.c.text, users.c.name.label("by"))
    found = found.select_from(notes.outerjoin(users, users.c.id == notes.c.user_id))
    return [dict(row) for row in conn.execute(found.where(notes.c.lead_id == lead_id).order_by(notes.c.id)).mappings()]


def hand_on(conn: Connection, lead_id: int, became: Mapping[str, int | None]) -> None:
    """Its notes and tasks are about what it became too: {contact_id, company_id, deal_id}."""
    for table in (notes, tasks):
        conn.execute(update(table).where(table.c.lead_id == lead_id).values(**became))


def hand_tags(conn: Connection, lead_id: int, contact_id: int) -> None:
    """The contact has the lead's tags too."""
    had = select(contact_tags.c.tag_id).where(contact_tags.c.contact_id == contact_id)
    found = select(lead_tags.c.tag_id).where(lead_tags.c.lead_id == lead_id, lead_tags.c.tag_id.not_in(had))
    rows = [{"contact_id": contact_id, "tag_id": tag} for tag in conn.execute(found).scalars()]
    if rows:
        conn.execute(insert(contact_tags), rows)
