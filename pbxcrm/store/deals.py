"""Deals: read by who is asking, written by the services that keep totals and history."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    insert,
    or_,
    select,
    tuple_,
    union,
    update,
)

from pbxcrm.crm.access import Scope
from pbxcrm.crm.folding import folded
from pbxcrm.crm.views import DealRow
from pbxcrm.store.prepared import Command, Query
from pbxcrm.store.schema import audit, contact_numbers, contacts, deals, notes, stage_history, stages, users
from pbxcrm.store.words import containing, number_part

_d = deals.c
_TABLES = (
    deals.join(stages, stages.c.id == _d.stage_id)
    .outerjoin(users, users.c.id == _d.owner_id)
    .outerjoin(contacts, contacts.c.id == _d.contact_id)
)
_COLUMNS = (
    *(column for column in deals.columns if column.name not in ("changed_by", "search")),
    stages.c.name.label("stage_name"),
    stages.c.kind.label("stage_kind"),
    users.c.name.label("owner_name"),
    users.c.full_name.label("owner_full_name"),
    contacts.c.name.label("contact_name"),
    contacts.c.company,
    contacts.c.last_talk_at,
    case((contacts.c.score_why != "", contacts.c.score)).label("score"),
    stages.c.idle_days,
)
ROWS: Select[Any] = select(*_COLUMNS).select_from(_TABLES)


def _both(statement: Select[Any]) -> dict[bool, Select[Any]]:
    # Built once: building a statement costs four times as much as running it.
    return {True: statement, False: statement.where(_d.owner_id == bindparam("me"))}


def _rows(conn: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[DealRow]:
    return [cast("DealRow", dict(row)) for row in conn.execute(statement, values).mappings()]


NEWEST = (_d.created_at.desc(), _d.id.desc())
_ONE = _both(ROWS.where(_d.id == bindparam("id")))
_COLUMN = _both(ROWS.where(_d.stage_id == bindparam("stage_id")).order_by(*NEWEST).limit(bindparam("limit")))
_COLUMN_AFTER = {
    all_: statement.where(tuple_(_d.created_at, _d.id) < tuple_(bindparam("at"), bindparam("last")))
    for all_, statement in _COLUMN.items()
}
_LATEST = (_d.active_at.desc(), _d.id.desc())
_THESE = _d.id.in_(bindparam("ids", expanding=True))
_OPEN_OF_THESE = and_(_d.contact_id.in_(bindparam("contacts", expanding=True)), _d.open.is_(True))
_OF_IDS = Query(ROWS.where(_THESE).order_by(*_LATEST), "ids")
_OF_CALLS = Query(ROWS.where(or_(_THESE, _OPEN_OF_THESE)).order_by(*_LATEST), "ids", "contacts")


def one(conn: Connection, scope: Scope, deal_id: int) -> DealRow | None:
    """This deal, if it is theirs to see."""
    rows = _rows(conn, _ONE[scope.sees_all], {"id": deal_id, "me": scope.user_id})
    return rows[0] if rows else None


def column(
    conn: Connection, scope: Scope, stage_id: int, limit: int, after: tuple[float, int] | None = None
) -> list[DealRow]:
    """A stage's deals, the newest on top, from after (created_at, id) on."""
    values = {"stage_id": stage_id, "limit": limit, "me": scope.user_id}
    if after is None:
        return _rows(conn, _COLUMN[scope.sees_all], values)
    return _rows(conn, _COLUMN_AFTER[scope.sees_all], {**values, "at": after[0], "last": after[1]})


def some(
    conn: Connection, scope: Scope, limit: int, filters: Mapping[str, Any], after: tuple[float, int] | None = None
) -> list[DealRow]:
    """A page of deals, the newest on top. Filters: stage_id, owner, open, contact_id, number, source, q."""
    where: list[ColumnElement[bool]] = [_CONDITIONS[name](value) for name, value in filters.items() if name != "q"]
    if "q" in filters:
        where.append(by_words(conn, filters["q"]))
    if not scope.sees_all:
        where.append(_d.owner_id == scope.user_id)
    if after is not None:
        where.append(tuple_(_d.created_at, _d.id) < tuple_(*after))
    return _rows(conn, ROWS.where(and_(True, *where)).order_by(*NEWEST).limit(limit), {})


def by_words(conn: Connection, q: str) -> ColumnElement[bool]:
    """By its title or note, by a note on its timeline, or by a number of its contact."""
    if part := number_part(q):
        theirs = select(contact_numbers.c.contact_id).where(containing(conn, contact_numbers.c.number, [part]))
        return _d.contact_id.in_(theirs)
    words = folded(q).split()
    said = select(notes.c.deal_id).where(containing(conn, notes.c.search, words))
    return or_(containing(conn, _d.search, words), _d.id.in_(said))


_PROMISED = _both(
    ROWS.where(_d.open.is_(True), _d.next_contact_at >= bindparam("since"), _d.next_contact_at < bindparam("until"))
    .order_by(_d.next_contact_at, _d.id)
    .limit(bindparam("limit"))
)
_CLOSING = _both(
    ROWS.where(_d.open.is_(True), _d.expected_close >= bindparam("first"), _d.expected_close <= bindparam("last"))
    .order_by(_d.expected_close, _d.id)
    .limit(bindparam("limit"))
)
_NO_STEP = _both(
    ROWS.where(_d.open.is_(True), _d.next_contact_at.is_(None)).order_by(_d.active_at, _d.id).limit(bindparam("limit"))
)


def promised(conn: Connection, scope: Scope, since: float, until: float, limit: int) -> list[DealRow]:
    """Open deals whose next contact is from `since` to before `until` (epoch seconds), the soonest first."""
    values = {"since": since, "until": until, "limit": limit, "me": scope.user_id}
    return _rows(conn, _PROMISED[scope.sees_all], values)


def closing(conn: Connection, scope: Scope, first: str, last: str, limit: int) -> list[DealRow]:
    """Open deals expected to close from the `first` day to the `last` (2026-12-31), the soonest first."""
    values = {"first": first, "last": last, "limit": limit, "me": scope.user_id}
    return _rows(conn, _CLOSING[scope.sees_all], values)


def without_step(conn: Connection, scope: Scope, limit: int) -> list[DealRow]:
    """Open deals without a next contact, those longest left alone first."""
    return _rows(conn, _NO_STEP[scope.sees_all], {"limit": limit, "me": scope.user_id})


_CONDITIONS: dict[str, Any] = {
    "stage_id": lambda value: _d.stage_id == value,
    "owner": lambda value: users.c.name == value,
    "open": lambda value: _d.open.is_(value),
    "contact_id": lambda value: _d.contact_id == value,
    "company_id": lambda value: _d.company_id == value,
    "number": lambda value: _d.number == value,
    "source": lambda value: _d.source == value,
}


def _claimable(scope: Scope) -> ColumnElement[bool]:
    if scope.sees_all:
        return _d.owner_id.is_(None)
    return and_(_d.owner_id.is_(None), or_(_d.team_id.is_(None), _d.team_id == (scope.team_id or 0)))


def unclaimed(conn: Connection, scope: Scope, limit: int) -> list[DealRow]:
    """Open deals that nobody owns and this person may claim: their team's, and those of no team."""
    return _rows(conn, ROWS.where(_d.open.is_(True), _claimable(scope)).order_by(*NEWEST).limit(limit), {})


def claimable(conn: Connection, scope: Scope, deal_id: int) -> DealRow | None:
    """This deal, if nobody owns it and this person may claim it."""
    rows = _rows(conn, ROWS.where(_d.id == deal_id, _claimable(scope)), {})
    return rows[0] if rows else None


def of_calls(conn: Connection, _scope: Scope, ids: Sequence[int], contact_ids: Sequence[int]) -> list[DealRow]:
    """These deals and all open ones of these contacts, the latest active first, whoever owns them."""
    if not ids and not contact_ids:
        return []
    return [cast("DealRow", row) for row in _OF_CALLS.dicts(conn, {"ids": ids, "contacts": contact_ids})]


def of_contact(conn: Connection, _scope: Scope, contact_id: int) -> list[DealRow]:
    """All deals of a contact, open or not, whoever owns them: to tell their owners of the contact."""
    return _rows(conn, ROWS.where(_d.contact_id == contact_id).order_by(_d.id), {})


def of_ids(conn: Connection, _scope: Scope, deal_ids: Sequence[int]) -> list[DealRow]:
    """These deals, whoever owns them: for calls and their cards, which name them to all who take part."""
    return [cast("DealRow", row) for row in _OF_IDS.dicts(conn, {"ids": deal_ids})] if deal_ids else []


def changed_by(conn: Connection, _scope: Scope, row: DealRow) -> tuple[str | None, bool]:
    """Who made this version of the deal (None: a call did), and whether it was a move."""
    who = select(users.c.name).join(deals, deals.c.changed_by == users.c.id).where(_d.id == row["id"])
    h = stage_history.c
    moved = select(h.id).where(h.deal_id == row["id"], h.version == row["version"], h.from_stage_id.is_not(None))
    return conn.execute(who).scalar(), conn.execute(moved).first() is not None


class Hands(NamedTuple):
    """Whether a person has worked on a deal, and whether one said who owns it."""

    touched: bool = False
    given: bool = False


_BY_HAND = ("deal.changed", "deal.moved", "note.added")


def hands(conn: Connection, _scope: Scope, ids: Sequence[int]) -> dict[int, Hands]:
    """What people did with these deals, by the audit log; of those older than it is kept, by what is left of it."""
    changed = select(_d.id).where(_d.id.in_(ids), _d.changed_by.is_not(None))
    noted = select(notes.c.deal_id).where(notes.c.deal_id.in_(ids))
    found = dict.fromkeys(conn.execute(union(changed, noted)).scalars(), Hands(touched=True))
    about = audit.c.thing_id.in_([str(one) for one in ids])
    said = select(audit.c.thing_id, audit.c.changes).where(audit.c.thing == "deal", about, audit.c.action.in_(_BY_HAND))
    for key, changes in conn.execute(said):
        before = found.get(int(key), Hands())
        found[int(key)] = Hands(touched=True, given=before.given or "owner_name" in json.loads(changes))
    return found


_INSERT = insert(deals).returning(_d.id, sort_by_parameter_order=True)
_STORED = tuple(column.name for column in deals.columns if column.name not in ("changed_by", "search"))
_INSERT_KNOWN = Command(insert(deals))
_INSERT_HISTORY = Command(insert(stage_history))


def _search(row: Mapping[str, Any]) -> str:
    return folded(row["title"], row["note"])


def add(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """New deals; gives their ids in the order of the rows."""
    return list(conn.execute(_INSERT, [{**row, "search": _search(row)} for row in rows]).scalars())


def add_known(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """New deals whose ids are reserved."""
    _INSERT_KNOWN.run(conn, [{**{name: row[name] for name in _STORED}, "search": _search(row)} for row in rows])


def change(conn: Connection, deal_id: int, version: int, values: Mapping[str, Any]) -> bool:
    """Set these columns if the deal still has this version, and count the version up."""
    statement = update(deals).where(_d.id == deal_id, _d.version == version).values(**values, version=version + 1)
    return conn.execute(statement).rowcount == 1


_TOUCH = Command(
    update(deals)
    .where(_d.id == bindparam("deal"), _d.active_at < bindparam("moment"))
    .values(active_at=bindparam("moment"))
)


def touch(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Something happened on these deals: [{deal, moment}]. No new version: nobody's change is in the way of it."""
    _TOUCH.run(conn, rows)


def enters(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows of stage_history: each time a deal enters a stage, the first included."""
    _INSERT_HISTORY.run(conn, rows)


_HISTORY = (
    select(
        stage_history.c.at,
        stage_history.c.from_stage_id,
        stage_history.c.stage_id,
        stages.c.name.label("stage_name"),
        stages.c.kind.label("stage_kind"),
        users.c.name.label("by"),
        stage_history.c.value,
        stage_history.c.currency,
        stage_history.c.reason,
    )
    .select_from(
        stage_history.join(stages, stages.c.id == stage_history.c.stage_id).outerjoin(
            users, users.c.id == stage_history.c.user_id
        )
    )
    .where(stage_history.c.deal_id == bindparam("deal_id"))
    .order_by(stage_history.c.id)
)
_NOTES = (
    select(notes.c.id, notes.c.at, notes.c.text, notes.c.coaching, users.c.name.label("by"))
    .select_from(notes.outerjoin(users, users.c.id == notes.c.user_id))
    .where(notes.c.deal_id == bindparam("deal_id"))
    .order_by(notes.c.id)
)


def history(conn: Connection, _scope: Scope, deal_id: int) -> list[dict[str, Any]]:
    """Every stage this deal entered, the first on top. Ask `one` first whether it may be seen."""
    return [dict(row) for row in conn.execute(_HISTORY, {"deal_id": deal_id}).mappings()]


_h = stage_history.c
_MADE = (
    select(_h.id, _h.from_stage_id, _h.stage_id, _h.made)
    .where(_h.deal_id == bindparam("deal_id"))
    .order_by(_h.id.desc())
    .limit(1)
)


def made(conn: Connection, deal_id: int, what: str) -> None:
    """What its stage did by itself when the deal came in just now: JSON, "" for nothing."""
    newest = conn.execute(_MADE, {"deal_id": deal_id}).one()
    conn.execute(update(stage_history).where(_h.id == newest.id).values(made=what))


def made_last(conn: Connection, _scope: Scope, deal_id: int) -> tuple[int | None, int, str]:
    """(from which stage, into which, what that did by itself) the deal came last. Ask first whether it may be seen."""
    row = conn.execute(_MADE, {"deal_id": deal_id}).first()
    return (row.from_stage_id, row.stage_id, row.made) if row else (None, 0, "")


def notes_of(conn: Connection, _scope: Scope, deal_id: int) -> list[dict[str, Any]]:
    """The notes on a deal, the oldest first. Ask `one` first whether it may be seen."""
    return [dict(row) for row in conn.execute(_NOTES, {"deal_id": deal_id}).mappings()]


def add_note(
    conn: Connection, deal_id: int, user_id: int | None, at: float, text: str, *, coaching: bool = False
) -> int:
    """A new note; gives its id."""
    values = {"deal_id": deal_id, "user_id": user_id, "at": at, "text": text, "coaching": coaching}
    statement = insert(notes).values(**values, search=folded(text))
    return int(conn.execute(statement.returning(notes.c.id)).scalar_one())
