"""Tables that somebody brought, and what became of each of their rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict, cast

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, delete, exists, func, insert, select, true, update
from sqlalchemy.dialects import postgresql, sqlite

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.store.columns import metadata
from pbxcrm.store.schema import contact_numbers, contacts, users
from pbxcrm.store.schema_sales import contact_tags, import_rows, imports, lead_tags, tags

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
    conn: Connection,
    _scope: Scope,
    import_id: int,
    limit: int,
    *,
    after: int = 0,
    actions: Iterable[str] | None = None,
    last_first: bool = False,
) -> list[Line]:
    """Rows after this one, in order; `actions`: only those of which this became. Whose they are `one` has said."""
    where = [_r.import_id == import_id, _r.n > after]
    if actions is not None:
        where.append(_r.action.in_(list(actions)))
    order = _r.n.desc() if last_first else _r.n
    found = conn.execute(select(import_rows).where(*where).order_by(order).limit(limit)).mappings()
    return [_line(row) for row in found]


def _line(row: RowMapping) -> Line:
    before = json.loads(row["before"]) if row["before"] else {}
    return cast("Line", {**row, "given": json.loads(row["given"]), "before": before})


def mark(conn: Connection, import_id: int, n: int, values: Mapping[str, Any]) -> None:
    """Note what became of a row."""
    conn.execute(update(import_rows).where(_r.import_id == import_id, _r.n == n).values(_encoded(values)))


def restored(conn: Connection, import_id: int, thing_id: int, was: int, version: int) -> None:
    """A thing is as an earlier row of this import left it, under a new version: that row is to be undone by it."""
    same = (_r.import_id == import_id, _r.thing_id == thing_id, _r.version == was)
    conn.execute(update(import_rows).where(*same).values(version=version))


def counts(conn: Connection, _scope: Scope, import_id: int) -> dict[str, int]:
    """How many rows became what: {action: rows}."""
    found = select(_r.action, func.count()).where(_r.import_id == import_id).group_by(_r.action)
    return {row[0]: int(row[1]) for row in conn.execute(found)}


def contacts_of_emails(conn: Connection, _scope: Scope, emails: Iterable[str]) -> list[tuple[int, str]]:
    """(contact, e-mail in small letters) of these; one walk through all for a whole batch of rows."""
    return _of_emails(conn, contacts, emails)


def _of_emails(conn: Connection, table: Table, emails: Iterable[str]) -> list[tuple[int, str]]:
    wanted = sorted(set(emails))
    if not wanted:
        return []
    small = func.lower(table.c.email)
    found = conn.execute(select(table.c.id, small).where(small.in_(wanted)).order_by(table.c.id))
    return [(row[0], row[1]) for row in found]


def tag(conn: Connection, name: str) -> int:
    """The tag of this name, made where there is none."""
    return int(
        conn.execute(select(tags.c.id).where(tags.c.name == name)).scalar()
        or conn.execute(insert(tags).values(name=name).returning(tags.c.id)).scalar_one()
    )


_TAGGED = {"contacts": contact_tags.c.contact_id, "leads": lead_tags.c.lead_id}


def put_tag(conn: Connection, kind: str, thing_id: int, tag_id: int) -> bool:
    """Put it on a contact or a lead; whether it was not there."""
    column = _TAGGED[kind]
    made = postgresql.insert(column.table) if conn.dialect.name == "postgresql" else sqlite.insert(column.table)
    done = conn.execute(made.values({column.name: thing_id, "tag_id": tag_id}).on_conflict_do_nothing())
    return done.rowcount == 1


def take_tag(conn: Connection, kind: str, thing_id: int, tag_id: int) -> None:
    """Take it off."""
    column = _TAGGED[kind]
    conn.execute(delete(column.table).where(column == thing_id, column.table.c.tag_id == tag_id))


def used(conn: Connection, _scope: Scope, table: Table, thing_id: int, *but: Table) -> bool:
    """Whether anything refers to it, of all tables there are but these."""
    for other in metadata.tables.values():
        if other in but:
            continue
        for key in other.foreign_keys:
            if key.column is table.c.id and conn.execute(select(exists().where(key.parent == thing_id))).scalar():
                return True
    return False


def remove_contact(conn: Connection, contact_id: int, version: int) -> bool:
    """Take away a contact that still has this version and that nothing refers to; whether it was so."""
    own = (contact_numbers, contact_tags)
    here = select(exists().where(contacts.c.id == contact_id, contacts.c.version == version))
    if not conn.execute(here).scalar() or used(conn, SYSTEM, contacts, contact_id, *own):
        return False
    for table in own:
        conn.execute(delete(table).where(table.c.contact_id == contact_id))
    conn.execute(delete(contacts).where(contacts.c.id == contact_id))
    return True
