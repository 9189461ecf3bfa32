"""Tables that somebody brought, and what became of each of their rows."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypedDict, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    ForeignKey,
    RowMapping,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.store.columns import metadata
from pbxcrm.store.prepared import Command, Insertion, Query
from pbxcrm.store.schema import contact_numbers, contacts, users
from pbxcrm.store.schema_sales import companies, contact_tags, import_rows, imports, lead_tags, leads, tags

_i, _r = imports.c, import_rows.c
_JSON = ("columns", "mapping", "options")


class ImportRow(TypedDict):
    """A row of `imports` with who brought it; `columns`, `mapping` and `options` decoded."""

    id: int
    user_id: int
    user: str
    kind: str
    name: str
    state: str
    created_at: float
    ended_at: float | None
    columns: list[str]
    mapping: dict[str, str]
    options: dict[str, str]
    total: int
    made: int
    changed: int
    skipped: int
    reason: str
    place: int


class Line(TypedDict):
    """A row of `import_rows`, decoded."""

    n: int
    given: list[str]
    action: str
    thing_id: int | None
    version: int | None
    before: dict[str, Any]
    reason: str


_ROWS = select(imports, users.c.name.label("user")).join(users, users.c.id == _i.user_id)


def _visible(scope: Scope) -> ColumnElement[bool]:
    return true() if scope.sees_all else _i.user_id == scope.user_id


def _decoded(row: RowMapping) -> ImportRow:
    return cast("ImportRow", {**row, **{name: json.loads(row[name]) for name in _JSON}})


def _encoded(values: Mapping[str, Any]) -> dict[str, Any]:
    names = (*_JSON, "given", "before")
    return {k: json.dumps(v, ensure_ascii=True) if k in names and v != "" else v for k, v in values.items()}


def one(conn: Connection, scope: Scope, import_id: int) -> ImportRow | None:
    """One, if it is theirs to see: an agent's own, a manager's every one."""
    row = conn.execute(_ROWS.where(_i.id == import_id, _visible(scope))).mappings().first()
    return _decoded(row) if row else None


def some(conn: Connection, scope: Scope, limit: int, after: int | None = None) -> list[ImportRow]:
    """A page, the newest on top."""
    where = [_visible(scope), *([_i.id < after] if after is not None else [])]
    found = conn.execute(_ROWS.where(*where).order_by(_i.id.desc()).limit(limit)).mappings()
    return [_decoded(row) for row in found]


def in_states(conn: Connection, _scope: Scope, states: Sequence[str]) -> list[ImportRow]:
    """All that are in one of these states, the oldest first: what the background has to do."""
    found = conn.execute(_ROWS.where(_i.state.in_(states)).order_by(_i.id)).mappings()
    return [_decoded(row) for row in found]


def add(conn: Connection, values: Mapping[str, Any]) -> int:
    """A new one; gives its id."""
    return int(conn.execute(insert(imports).values(_encoded(values)).returning(_i.id)).scalar_one())


def change(conn: Connection, import_id: int, values: Mapping[str, Any]) -> None:
    """Set these columns."""
    conn.execute(update(imports).where(_i.id == import_id).values(_encoded(values)))


def forget_rows(conn: Connection, import_id: int) -> None:
    """Its rows are no more."""
    conn.execute(delete(import_rows).where(_r.import_id == import_id))


def add_lines(conn: Connection, import_id: int, first: int, given: Sequence[list[str]]) -> None:
    """Rows as they were given, numbered from `first` on."""
    rows = [_encoded({"import_id": import_id, "n": first + i, "given": row}) for i, row in enumerate(given)]
    conn.execute(insert(import_rows), rows)


def lines(
    conn: Connection, _scope: Scope, import_id: int, limit: int, *, after: int = 0, actions: Iterable[str] | None = None
) -> list[Line]:
    """Rows after this one, in order; `actions`: only those of which this became. Whose they are `one` has said."""
    where = [_r.import_id == import_id, _r.n > after, *_became(actions)]
    found = conn.execute(select(import_rows).where(*where).order_by(_r.n).limit(limit)).mappings()
    return [_line(row) for row in found]


def lines_back(
    conn: Connection, _scope: Scope, import_id: int, limit: int, place: int, actions: Iterable[str]
) -> list[Line]:
    """The rows up to this one of which this became, the last first."""
    where = [_r.import_id == import_id, _r.n <= place, *_became(actions)]
    found = conn.execute(select(import_rows).where(*where).order_by(_r.n.desc()).limit(limit)).mappings()
    return [_line(row) for row in found]


def _became(actions: Iterable[str] | None) -> list[ColumnElement[bool]]:
    return [] if actions is None else [_r.action.in_(list(actions))]


def _line(row: RowMapping) -> Line:
    before = json.loads(row["before"]) if row["before"] else {}
    return cast("Line", {**row, "given": json.loads(row["given"]), "before": before})


_MARK = (
    update(import_rows)
    .where(_r.import_id == bindparam("import"), _r.n == bindparam("row"))
    .values({name: bindparam(f"_{name}") for name in ("action", "thing_id", "version", "before", "reason")})
)
_MARK_AFTER = (
    update(import_rows)
    .where(_r.import_id == bindparam("import"), _r.n == bindparam("row"))
    .values(action=bindparam("_action"), reason=bindparam("_reason"))
)


def mark(conn: Connection, import_id: int, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Note what became of rows: [(n, columns)]. After undo that is `action` and `reason` alone."""
    done = [_marked(import_id, n, values) for n, values in rows if values["action"] not in ("undone", "kept")]
    after = [_marked(import_id, n, values) for n, values in rows if values["action"] in ("undone", "kept")]
    if done:
        conn.execute(_MARK, done)
    if after:
        conn.execute(_MARK_AFTER, [{k: v for k, v in one.items() if k in _SAID_AFTER} for one in after])


_SAID_AFTER = ("import", "row", "_action", "_reason")


def _marked(import_id: int, n: int, values: Mapping[str, Any]) -> dict[str, Any]:
    before = values.get("before")
    return {
        "import": import_id,
        "row": n,
        "_action": values["action"],
        "_thing_id": values.get("thing_id"),
        "_version": values.get("version"),
        "_before": json.dumps(before, ensure_ascii=True) if before else "",
        "_reason": values.get("reason", ""),
    }


def restored(conn: Connection, import_id: int, thing_id: int, was: int, version: int) -> None:
    """A thing is as an earlier row of this import left it, under a new version: that row is to be undone by it."""
    same = (_r.import_id == import_id, _r.thing_id == thing_id, _r.version == was)
    conn.execute(update(import_rows).where(*same).values(version=version))


_ENDED = ("mapping", "done", "failed", "undone")  # nothing works on it


def _old(before: float) -> ColumnElement[bool]:
    return and_(_r.import_id == _i.id, _i.state.in_(_ENDED), func.coalesce(_i.ended_at, _i.created_at) < before)


def count_old(conn: Connection, _scope: Scope, before: float) -> int:
    """How many rows are kept of imports that ended, or were never run, before this moment."""
    return int(conn.execute(select(func.count()).select_from(import_rows.join(imports, _old(before)))).scalar_one())


def drop_old(conn: Connection, before: float, limit: int) -> int:
    """Let go so many of those rows; how many there were. An import without its rows is closed."""
    found = select(_r.import_id, _r.n).select_from(import_rows.join(imports, _old(before)))
    rows = conn.execute(found.order_by(_r.import_id, _r.n).limit(limit)).all()
    for import_id in {row.import_id for row in rows}:
        last = max(row.n for row in rows if row.import_id == import_id)
        conn.execute(delete(import_rows).where(_r.import_id == import_id, _r.n <= last))
        left = exists().where(_r.import_id == import_id)
        over = update(imports).where(_i.id == import_id, _i.state != "undone", ~left)
        conn.execute(over.values(state="closed"))
    return len(rows)


def counts(conn: Connection, _scope: Scope, import_id: int) -> dict[str, int]:
    """How many rows became what: {action: rows}."""
    found = select(_r.action, func.count()).where(_r.import_id == import_id).group_by(_r.action)
    return {row[0]: int(row[1]) for row in conn.execute(found)}


_TABLES: dict[str, Table] = {"contacts": contacts, "companies": companies, "leads": leads}
# What hangs on one and is nothing without it.
_HANGING: dict[str, tuple[Table, ...]] = {
    "contacts": (contact_numbers, contact_tags),
    "companies": (),
    "leads": (lead_tags,),
}


def of_emails(conn: Connection, _scope: Scope, kind: str, emails: Iterable[str]) -> list[tuple[int, str]]:
    """(thing, e-mail) of these, which are in small letters."""
    wanted, c = sorted(set(emails)), _TABLES[kind].c
    found = select(c.id, c.email).where(c.email.in_(wanted)).order_by(c.id)
    return [(row[0], row[1]) for row in conn.execute(found)] if wanted else []


def of_tails(conn: Connection, _scope: Scope, kind: str, tails: Iterable[str]) -> list[tuple[int, str, str]]:
    """Every (company or lead, number, tail) that ends so."""
    wanted, c = sorted(set(tails)), _TABLES[kind].c
    found = select(c.id, c.number, c.tail).where(c.tail.in_(wanted)).order_by(c.id)
    return [(row[0], row[1], row[2]) for row in conn.execute(found)] if wanted else []


def called(conn: Connection, _scope: Scope, kind: str, names: Iterable[str]) -> list[tuple[int, str, str]]:
    """(contact or lead, name, company) of all who are called so; those without a name have a company."""
    wanted, c = sorted(set(names)), _TABLES[kind].c
    found = select(c.id, c.name, c.company).where(c.name.in_(wanted), or_(c.name != "", c.company != "")).order_by(c.id)
    return [(row[0], row[1], row[2]) for row in conn.execute(found)] if wanted else []


def of_names(conn: Connection, _scope: Scope, keys: Iterable[str]) -> list[tuple[int, str]]:
    """(company, key of its name) of these."""
    wanted, c = sorted(set(keys)), companies.c
    found = select(c.id, c.key).where(c.key.in_(wanted)).order_by(c.id)
    return [(row[0], row[1]) for row in conn.execute(found)] if wanted else []


def tag(conn: Connection, name: str) -> int:
    """The tag of this name, made where there is none."""
    return int(
        conn.execute(select(tags.c.id).where(tags.c.name == name)).scalar()
        or conn.execute(insert(tags).values(name=name).returning(tags.c.id)).scalar_one()
    )


TAGGED = {"contacts": contact_tags.c.contact_id, "leads": lead_tags.c.lead_id}


@cache
def _tagging(kind: str) -> tuple[Query, Insertion]:
    column = TAGGED[kind]
    table = column.table
    there = select(column).where(column.in_(bindparam("things", expanding=True)), table.c.tag_id == bindparam("tag"))
    by_dialect = {name: one.insert(table).on_conflict_do_nothing() for name, one in _DIALECTS.items()}
    return Query(there, "things"), Insertion(**by_dialect)


_DIALECTS: dict[str, Any] = {"postgresql": postgresql, "sqlite": sqlite}


def tagged(conn: Connection, kind: str, things: Collection[int], tag_id: int) -> set[int]:
    """Those of these contacts or leads that have it."""
    there = _tagging(kind)[0]
    return {row[0] for row in there.rows(conn, {"things": list(things), "tag": tag_id})} if things else set()


def put_tags(conn: Connection, kind: str, things: Collection[int], tag_id: int) -> None:
    """Put it on contacts or leads, where it is not there already."""
    if things:
        rows = [{TAGGED[kind].name: thing_id, "tag_id": tag_id} for thing_id in things]
        _tagging(kind)[1].run(conn, rows)


def take_tag(conn: Connection, kind: str, thing_id: int, tag_id: int) -> None:
    """Take it off."""
    column = TAGGED[kind]
    conn.execute(delete(column.table).where(column == thing_id, column.table.c.tag_id == tag_id))


@cache
def _used(kind: str) -> Query:
    table, own = _TABLES[kind], _HANGING[kind]
    keys = [key for other in metadata.sorted_tables if other not in own for key in _keys(other, table)]
    refers = or_(*(exists().where(key.parent == table.c.id).correlate(table) for key in keys))
    return Query(select(table.c.id).where(table.c.id.in_(bindparam("things", expanding=True)), refers), "things")


def used(conn: Connection, _scope: Scope, kind: str, things: Collection[int]) -> set[int]:
    """Those of these that anything refers to, of all tables there are but those that hang on them."""
    return {row[0] for row in _used(kind).rows(conn, {"things": list(things)})} if things else set()


def _keys(other: Table, table: Table) -> list[ForeignKey]:
    return [key for key in other.foreign_keys if key.column is table.c.id]


@cache
def _removal(kind: str) -> list[Command]:
    table, one_ = _TABLES[kind], bindparam("thing", type_=_i.id.type)
    own = [delete(other).where(key.parent == one_) for other in _HANGING[kind] for key in _keys(other, table)]
    return [Command(each) for each in (*own, delete(table).where(table.c.id == one_))]


def remove(conn: Connection, kind: str, things: Collection[int]) -> set[int]:
    """Take away those of these that nothing refers to; which they were."""
    gone = set(things) - used(conn, SYSTEM, kind, things)
    for each in _removal(kind) if gone else ():
        each.run(conn, [{"thing": thing_id} for thing_id in sorted(gone)])
    return gone
