"""What hangs on a person, read for them: notes, relations, roles, leads, rows of tables brought."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, and_, or_, select

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.store import companies, contacts, relations
from pbxcrm.store.erasure import Traces
from pbxcrm.store.schema import calls, deals, notes, users, wrapups
from pbxcrm.store.schema_sales import deal_people, import_rows, imports, leads, merged

_DERIVED = ("search", "tail")


def _rows(conn: Connection, statement: Select[Any]) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k not in _DERIVED} for row in conn.execute(statement).mappings()]


def hanging(conn: Connection, scope: Scope, traces: Traces) -> dict[str, list[dict[str, Any]]]:
    """{what: rows}, as they are stored. For those who may see all."""
    key = traces.contact_id
    said = select(notes.c.id, notes.c.at, notes.c.text, notes.c.lead_id, users.c.name.label("by")).select_from(
        notes.outerjoin(users, users.c.id == notes.c.user_id)
    )
    role = select(deal_people.c.deal_id, deals.c.title, deal_people.c.role, deal_people.c.note)
    role = role.join(deals, deals.c.id == deal_people.c.deal_id).where(deal_people.c.contact_id == key)
    wrapped = select(wrapups.c.call_id, wrapups.c.outcome, wrapups.c.note, wrapups.c.tags)
    return {
        "notes": _rows(conn, said.where(or_(_is(notes, key), notes.c.lead_id.in_(traces.leads)))),
        "relations": []
        if key is None
        else [_named(conn, scope, row) for row in relations.of(conn, scope, "contact", key)],
        "roles": _rows(conn, role),
        "leads": _rows(conn, select(leads).where(leads.c.id.in_(traces.leads))),
        "wrapups": _rows(conn, wrapped.join(calls).where(wrapups.c.call_id.in_(traces.calls))),
        "merged": _rows(conn, select(merged.c.was).where(_is(merged, key))),
        "imported": _rows(conn, _brought(traces)),
    }


def _is(table: Any, key: int | None) -> Any:
    return table.c.contact_id == (0 if key is None else key)


def _named(conn: Connection, _scope: Scope, row: Mapping[str, Any]) -> dict[str, Any]:
    store = contacts if row["thing"] == "contact" else companies
    other = store.one(conn, SYSTEM, row["thing_id"])
    return {**row, "name": other["name"] if other is not None else ""}


def _brought(traces: Traces) -> Select[Any]:
    """The rows of tables that they came with, as they were given."""
    rows = select(import_rows.c.import_id, import_rows.c.n, import_rows.c.given)
    rows = rows.join(imports, imports.c.id == import_rows.c.import_id)
    of_contact = and_(imports.c.kind == "contacts", import_rows.c.thing_id == (traces.contact_id or 0))
    of_lead = and_(imports.c.kind == "leads", import_rows.c.thing_id.in_(traces.leads))
    return rows.where(or_(of_contact, of_lead))
