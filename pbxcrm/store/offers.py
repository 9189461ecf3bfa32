"""Price offers. Whether an offer may be seen is whether its deal may: ask for that first."""

import json
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, insert, select, update

from pbxcrm.crm.access import Scope
from pbxcrm.crm.offers import OfferRow
from pbxcrm.store.schema import users
from pbxcrm.store.schema_sales import offers

_o = offers.c
_later = offers.alias("later")
_SERIES = func.coalesce(_o.first_id, _o.id)
_NEWEST = ~exists(
    select(_later.c.id).where(func.coalesce(_later.c.first_id, _later.c.id) == _SERIES, _later.c.revision > _o.revision)
)
_ROWS: Select[Any] = select(
    *(column for column in offers.columns if column.name != "created_by"),
    users.c.name.label("by"),
    _NEWEST.label("newest"),
).select_from(offers.outerjoin(users, users.c.id == _o.created_by))


def _rows(conn: Connection, *where: ColumnElement[bool]) -> list[OfferRow]:
    found = conn.execute(_ROWS.where(*where).order_by(_SERIES.desc(), _o.revision.desc())).mappings()
    return [
        cast("OfferRow", {**row, "items": json.loads(row["items"]), "newest": bool(row["newest"])}) for row in found
    ]


def one(conn: Connection, _scope: Scope, offer_id: int) -> OfferRow | None:
    """This offer."""
    rows = _rows(conn, _o.id == offer_id)
    return rows[0] if rows else None


def of_deal(conn: Connection, _scope: Scope, deal_id: int) -> list[OfferRow]:
    """A deal's offers, the newest on top, each with its revisions below it."""
    return _rows(conn, _o.deal_id == deal_id)


def draft_of(conn: Connection, _scope: Scope, number: int) -> OfferRow | None:
    """The draft among the revisions of an offer."""
    rows = _rows(conn, _SERIES.in_([number]), _o.state == "draft")
    return rows[0] if rows else None


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    items = {"items": json.dumps(values["items"], ensure_ascii=False)} if "items" in values else {}
    return {**values, **items}


def add(conn: Connection, row: Mapping[str, Any]) -> int:
    """A new one; gives its id."""
    return int(conn.execute(insert(offers).values(_stored(row)).returning(_o.id)).scalar_one())


def change(conn: Connection, before: OfferRow, values: Mapping[str, Any]) -> bool:
    """Set these columns if the offer still has this version, and count the version up."""
    here = and_(_o.id == before["id"], _o.version == before["version"])
    return conn.execute(update(offers).where(here).values(**_stored(values), version=_o.version + 1)).rowcount == 1


def promised(conn: Connection, offer_id: int, task_id: int) -> None:
    """This task is to send it."""
    conn.execute(update(offers).where(_o.id == offer_id).values(task_id=task_id))


def remove(conn: Connection, offer_id: int) -> None:
    """It was never sent."""
    conn.execute(delete(offers).where(_o.id == offer_id))
