"""The lead provider: prospects among whom we know already, by what a person looks for, put among the leads as a list.

The list is an import (imports.py): who is a lead already is left out, it is done in the background, and taken back as
a whole.
"""

import csv
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from pbxcrm.calls.numbers import fold_digits
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.details import RELATIONS
from pbxcrm.crm.fields import Parser, WrongError, line, needed_line, parse, truth
from pbxcrm.crm.leads import choice
from pbxcrm.service import imports
from pbxcrm.service.lead_settings import on
from pbxcrm.service.transact import checked, read, write, wrong
from pbxcrm.store import imports as rows
from pbxcrm.store import provider
from pbxcrm.store.db import Database, Work

NAMES = ("among", "q", "city", "relation", "source", "did", "no_deal", "missed", "quiet")
MOST = 5_000  # a list
SHOWN = 20


def _days(value: object) -> int:
    text = fold_digits(str(value))
    if not text.isdecimal() or int(text[:9]) > 36_500:
        raise WrongError("This must be a whole number.")
    return int(text)


_KNOWN: dict[str, Parser] = {
    "among": choice(provider.AMONG),
    **dict.fromkeys(("q", "city", "source", "did"), line),
    "relation": choice(RELATIONS),
    **dict.fromkeys(("no_deal", "missed"), truth),
    "quiet": _days,
}


def _wanted(given: Mapping[str, object], now: float) -> dict[str, Any]:
    asked = {name: given[name] for name in NAMES if given.get(name) not in (None, "")}
    found = dict(checked(lambda: parse({"among": "contacts", **asked}, _KNOWN)))
    if "quiet" in found:
        found["quiet_since"] = now - float(str(found["quiet"])) * 86_400.0
    return found


async def look(db: Database, scope: Scope, given: Mapping[str, object]) -> dict[str, Any]:
    """Whom these filters find: {count, more, items}. `count` is at most MOST, `more`: there are more; `items` are the
    first SHOWN, {name, company, job_title, email, phone, city, source}. Filters: among (contacts, companies, calls), q,
    city, relation, source, did, no_deal, missed (never called back), quiet (days without a talk). Raises Invalid.
    """
    wanted = _wanted(given, db.clock())

    def run(conn: Connection) -> dict[str, Any]:
        on(conn)
        found = provider.found(conn, scope, wanted, MOST + 1)
        items = [dict(zip(provider.COLUMNS, row, strict=True)) for row in found[:SHOWN]]
        return {"count": min(len(found), MOST), "more": len(found) > MOST, "items": items}

    return await read(db, run)


async def add(db: Database, scope: Scope, given: Mapping[str, object], name: object) -> str:
    """Put them all among the leads, as a list of that name; gives the import's id. Raises Invalid."""
    wanted, called = _wanted(given, db.clock()), checked(lambda: parse({"name": name}, {"name": needed_line}))

    def find(conn: Connection) -> list[tuple[str, ...]]:
        on(conn)
        return provider.found(conn, scope, wanted, MOST)

    found = await read(db, find)
    if not found:
        raise wrong({"name": "Nobody fits, so there is nothing to add."})
    with tempfile.TemporaryDirectory(prefix="pbxcrm-provider-") as folder:
        path = Path(folder) / "list.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([provider.COLUMNS, *found])
        made = await imports.start(db, scope, "leads", str(called["name"]), path)
    columns = {str(n): field for n, field in enumerate(provider.COLUMNS)}
    await imports.prepare(db, scope, made["id"], columns, {"duplicates": "skip"})
    await write(db, lambda work: _of_known(work, int(made["id"])))
    await imports.run(db, scope, made["id"])
    return str(made["id"])


def _of_known(work: Work, import_id: int) -> None:
    """They are known on purpose: that somebody is a contact keeps nobody out."""
    row = rows.one(work.conn, SYSTEM, import_id)
    assert row is not None
    rows.change(work.conn, import_id, {"options": {**row["options"], "customers": "yes"}})
    imports.tell(work, import_id)
