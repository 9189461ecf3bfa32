"""Fields that the house made itself: what they are called and may hold. Their values stand with the things."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from pbxcrm.crm.access import Scope
from pbxcrm.crm.custom import TYPES, Field
from pbxcrm.store.schema_sales import custom_fields

_f = custom_fields.c
_ROWS = select(_f.id, _f.thing, _f.key, _f.name, _f.type, _f.choices, _f.position, _f.retired_at)


def fields(conn: Connection, _scope: Scope, thing: str | None = None) -> list[Field]:
    """The fields of a thing, or of all, in their order; those that were retired too."""
    found = _ROWS.order_by(_f.thing, _f.position, _f.id)
    if thing is not None:
        found = found.where(_f.thing == thing)
    return [
        Field(*row[:5], tuple(row.choices.splitlines()), row.position, row.retired_at is not None)
        for row in conn.execute(found)
        if row.type in TYPES  # else of a later version
    ]


def add(conn: Connection, field: Field) -> int:
    """A new field, the last of its thing; gives its id."""
    last = conn.execute(select(func.max(_f.position)).where(_f.thing == field.thing)).scalar() or 0
    values = {"thing": field.thing, "key": field.key, "position": last + 1, "type": field.type, **_said(field)}
    return int(conn.execute(insert(custom_fields).values(values).returning(_f.id)).scalar_one())


def _said(field: Field) -> dict[str, Any]:
    return {"name": field.name, "choices": "\n".join(field.choices)}


def change(conn: Connection, field: Field, at: float) -> None:
    """Its name and choices, and whether it is retired, are these now."""
    when = func.coalesce(_f.retired_at, at) if field.retired else None
    conn.execute(update(custom_fields).where(_f.id == field.id).values(**_said(field), retired_at=when))


def order(conn: Connection, ids: Sequence[int]) -> None:
    """Number these in this order."""
    for position, one in enumerate(ids, 1):
        conn.execute(update(custom_fields).where(_f.id == one).values(position=position))
