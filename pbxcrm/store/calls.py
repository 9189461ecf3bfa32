"""Calls, who took part in them, and the deals they are about."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from pbxcrm.calls.model import Call, Evidence, Talk, Transfer
from pbxcrm.crm.access import Scope
from pbxcrm.crm.views import View, epoch, with_links
from pbxcrm.store.prepared import Command, Insertion, Query
from pbxcrm.store.schema import call_deals, call_people, calls, deals, users

_c = calls.c
_ROWS: Select[Any] = select(_c.id, _c.started_at, _c.contact_id, _c.deal_id, _c.recording, _c.data)
_NEWEST = (_c.started_at.desc(), _c.id.desc())


def _visible(scope: Scope) -> ColumnElement[bool]:
    """Calls that rang at one's phones or that one spoke in, and those of one's deals."""
    if scope.sees_all:
        return _c.id.is_not(None)
    me = scope.user_id
    return or_(
        exists().where(call_people.c.call_id == _c.id, call_people.c.user_id == me),
        exists().where(call_deals.c.call_id == _c.id, call_deals.c.deal_id == deals.c.id, deals.c.owner_id == me),
    )


def _view(row: Row[Any]) -> View:
    return with_links({"number_verified": False, **json.loads(row.data)}, row.contact_id, row.deal_id, row.recording)


def one(conn: Connection, scope: Scope, call_id: str) -> View | None:
    """This call, if it is theirs to see."""
    row = conn.execute(_ROWS.where(_c.id == call_id, _visible(scope))).first()
    return _view(row) if row else None


def some(
    conn: Connection, scope: Scope, limit: int, filters: Mapping[str, Any], after: tuple[float, str] | None = None
) -> list[tuple[float, View]]:
    """A page of calls with their beginnings (epoch seconds), the newest on top."""
    where = [_visible(scope), *(_CONDITIONS[name](value) for name, value in filters.items())]
    if after is not None:
        where.append(tuple_(_c.started_at, _c.id) < tuple_(*after))
    rows = conn.execute(_ROWS.where(*where).order_by(*_NEWEST).limit(limit))
    return [(row.started_at, _view(row)) for row in rows]


def _of_user(name: str) -> ColumnElement[bool]:
    took_part = call_people.join(users, users.c.id == call_people.c.user_id)
    return _c.id.in_(select(call_people.c.call_id).select_from(took_part).where(users.c.name == name))


_CONDITIONS: dict[str, Any] = {
    "direction": lambda value: _c.direction == value,
    "outcome": lambda value: _c.outcome == value,
    "number": lambda value: _c.number == value,
    "did": lambda value: _c.did == value,
    "user": _of_user,
    "contact_id": lambda value: _c.contact_id == value,
    "deal_id": lambda value: _c.id.in_(select(call_deals.c.call_id).where(call_deals.c.deal_id == value)),
    "since": lambda value: _c.started_at >= value,
    "until": lambda value: _c.started_at < value,
}


def of_deal(conn: Connection, _scope: Scope, deal_id: int, limit: int) -> list[View]:
    """A deal's calls, the newest first. Ask first whether the deal may be seen."""
    statement = _ROWS.join(call_deals, call_deals.c.call_id == _c.id).where(call_deals.c.deal_id == deal_id)
    return [_view(row) for row in conn.execute(statement.order_by(*_NEWEST).limit(limit))]


def ongoing(conn: Connection, scope: Scope) -> list[View]:
    """Calls that go on now, the oldest first, of those this person may see."""
    statement = _ROWS.where(_c.ended_at.is_(None), _visible(scope)).order_by(_c.started_at, _c.id)
    return [_view(row) for row in conn.execute(statement)]


_DEALS_OF = select(call_deals.c.deal_id).where(call_deals.c.call_id == bindparam("call_id"))


def deals_of(conn: Connection, _scope: Scope, call_id: str) -> list[int]:
    """The deals a call is on. Ask first whether the call may be seen."""
    return list(conn.execute(_DEALS_OF, {"call_id": call_id}).scalars())


class State(NamedTuple):
    """What is stored of a call that goes on: the last fact applied, and what it is about."""

    id: str
    n: int
    contact_id: int | None
    deal_id: int | None
    made_deal: bool
    recording: str | None
    linked: int | None  # one of its deals: a row each


_STATES = Query(
    select(_c.id, _c.n, _c.contact_id, _c.deal_id, _c.made_deal, _c.recording, call_deals.c.deal_id.label("linked"))
    .select_from(calls.outerjoin(call_deals, call_deals.c.call_id == _c.id))
    .where(_c.id.in_(bindparam("ids", expanding=True))),
    "ids",
)
_INSERT = Insertion(insert(calls))
_UPDATE = Command(update(calls).where(_c.id == bindparam("call")))  # sets the columns that the rows name
_JOIN = Insertion(
    sqlite=sqlite_insert(call_people).on_conflict_do_nothing(),
    postgresql=postgres_insert(call_people).on_conflict_do_nothing(),
)


def states(conn: Connection, ids: Sequence[str]) -> list[State]:
    """What is stored of these calls, a row for each of their deals (one with linked None where there is none)."""
    return [State(*row) for row in _STATES.rows(conn, {"ids": list(ids)})]


_WRITTEN = Query(
    select(_c.pbx, _c.uid, _c.started_at).where(
        _c.uid.in_(bindparam("uids", expanding=True)), _c.origin.in_(("cel", "cdr"))
    ),
    "uids",
)
# Uniqueids come again after a PBX's restart, but only at other times: within this many seconds it is the same call.
# Wider than the hour that a local clock's change may be wrong by.
NEAR = 2 * 3600.0


def written(conn: Connection, told: Sequence[Call]) -> set[str]:
    """Ids of those of these calls that the PBX's own records have told of: another row has them, whole."""
    if not told:
        return set()
    rows = _WRITTEN.rows(conn, {"uids": list({call.uid for call in told})})
    begun = [(row[0], row[1], row[2]) for row in rows]
    return {
        call.id
        for call in told
        for pbx, uid, at in begun
        if (pbx, uid) == (call.pbx, call.uid) and abs(at - call.started_at) <= NEAR
    }


def add(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """New calls."""
    _INSERT.run(conn, rows)


def again(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Calls that went on: their columns, and `call` for the id."""
    _UPDATE.run(conn, rows)


def join(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Who takes part: [{call_id, user_id}], known already or not."""
    _JOIN.run(conn, rows)


_ALIVE = select(calls).where(_c.ended_at.is_(None), _c.pbx == bindparam("pbx")).order_by(_c.started_at, _c.id)


def alive(conn: Connection, _scope: Scope, pbx: str) -> list[tuple[Call, int]]:
    """The calls of a PBX that have not ended, as they were told last, each with the `n` of that fact."""
    return [(_revived(row), row.n) for row in conn.execute(_ALIVE, {"pbx": pbx})]


def _revived(row: Row[Any]) -> Call:
    said = json.loads(row.data)
    return Call(
        pbx=row.pbx,
        boot=row.boot,
        uid=row.uid,
        linkedids=tuple(said["linkedids"]),
        direction=row.direction,
        number=row.number,
        caller_name=said["caller_name"],
        did=row.did,
        outcome=row.outcome,
        started_at=row.started_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        talk_seconds=row.talk_seconds,
        first_answered_by=row.first_answered_by,
        last_answered_by=row.last_answered_by,
        rang=tuple(said["rang"]),
        talks=tuple(Talk(t["user"], t["device"], epoch(t["from"]), _epoch(t["until"])) for t in said["talks"]),
        transfers=tuple(Transfer(t["kind"], epoch(t["at"]), t["by"], t["to"]) for t in said["transfers"]),
        evidence=tuple(Evidence(epoch(e["at"]), e["event"], e["text"]) for e in said["evidence"]),
        ringing=tuple(said["ringing"]),
        talking=tuple(said["talking"]),
        action_id=said["dial_id"],
        caller=said["caller"],
        customer=said["customer"],
        root=said["root"],
        number_verified=said.get("number_verified", False),  # calls of before it was asked for
    )


def _epoch(text: str | None) -> float | None:
    return None if text is None else epoch(text)


_LINK = Command(insert(call_deals))
_ABOUT = (
    update(calls).where(_c.id == bindparam("call")).values(contact_id=bindparam("contact"), deal_id=bindparam("deal"))
)


def link(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put calls on deals: [{call_id, deal_id}], each pair new."""
    _LINK.run(conn, rows)


def about(conn: Connection, call_id: str, contact_id: int | None, deal_id: int | None) -> None:
    """Whom and what a call was about."""
    conn.execute(_ABOUT, {"call": call_id, "contact": contact_id, "deal": deal_id})


_RECORDED = update(calls).where(_c.id == bindparam("call"), _c.recording.is_(None)).values(recording=bindparam("path"))


_ALL_RECORDED = Command(_RECORDED)


def all_recorded(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same of many: [{call, path}]."""
    _ALL_RECORDED.run(conn, rows)


def recorded(conn: Connection, call_id: str, path: str) -> bool:
    """Where a call's recording lies, within the folder of recordings; False where that is known already."""
    return conn.execute(_RECORDED, {"call": call_id, "path": path}).rowcount == 1


def recording_of(conn: Connection, scope: Scope, call_id: str) -> str | None:
    """Where the recording of this call lies, if the call is theirs to see and has one."""
    return conn.execute(select(_c.recording).where(_c.id == call_id, _visible(scope))).scalar()


def unrecorded(conn: Connection, _scope: Scope, call_id: str) -> tuple[list[str], float] | None:
    """(Uniqueids and Linkedids, beginning) of a call without a recording."""
    where = (_c.id == call_id, _c.recording.is_(None))
    row = conn.execute(select(_c.uid, _c.started_at, _c.data).where(*where)).first()
    if row is None:
        return None
    said = json.loads(row.data)
    ids = [row.uid, said.get("customer"), said.get("root"), *said.get("linkedids", ())]
    return [one for one in dict.fromkeys(ids) if one], row.started_at


@dataclass(frozen=True, slots=True)
class Recorded:
    """A call and where its recording lies; `shared`: a call that is not to be touched names the same file."""

    id: str
    started_at: float
    path: str
    shared: bool


def _old_recordings(before: float) -> ColumnElement[bool]:
    return and_(_c.recording.is_not(None), _c.started_at < before, _c.ended_at.is_not(None))


def count_recorded(conn: Connection, _scope: Scope, before: float) -> int:
    """How many calls that began before this moment, and are over, have a recording."""
    return int(conn.execute(select(func.count()).select_from(calls).where(_old_recordings(before))).scalar_one())


def recorded_before(
    conn: Connection, _scope: Scope, before: float, after: Recorded | None, limit: int
) -> list[Recorded]:
    """So many of them, the oldest first, from the one behind `after` on."""
    other = calls.alias()
    shared = (
        select(other.c.id)
        .where(other.c.recording == _c.recording, or_(other.c.started_at >= before, other.c.ended_at.is_(None)))
        .exists()
    )
    query = select(_c.id, _c.started_at, _c.recording, shared.label("shared")).where(_old_recordings(before))
    if after is not None:
        query = query.where(tuple_(_c.started_at, _c.id) > (after.started_at, after.id))
    rows = conn.execute(query.order_by(_c.started_at, _c.id).limit(limit))
    return [Recorded(row.id, row.started_at, row.recording, bool(row.shared)) for row in rows]


def forget_recordings(conn: Connection, ids: Sequence[str]) -> None:
    """These calls have no recording any more."""
    conn.execute(update(calls).where(_c.id.in_(ids)).values(recording=None))
