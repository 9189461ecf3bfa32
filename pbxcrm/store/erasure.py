"""Everything that is kept about one person: found, read for them, and taken out of every table."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    false,
    func,
    or_,
    select,
    update,
)

from pbxcrm.calls.numbers import digits
from pbxcrm.crm.access import Scope
from pbxcrm.crm.erasing import spellings, tells, without
from pbxcrm.crm.leads import LeadRow
from pbxcrm.crm.matching import tail
from pbxcrm.store.columns import metadata
from pbxcrm.store.schema import (
    audit,
    call_deals,
    calls,
    contact_numbers,
    contacts,
    deals,
    dials,
    disagreements,
    journal,
    notes,
    stage_history,
    tasks,
    wrapups,
)
from pbxcrm.store.schema_sales import (
    deal_details,
    deal_people,
    deal_tags,
    documents,
    import_rows,
    imports,
    lead_tags,
    leads,
    merged,
    offers,
    relations,
)

CHUNK = 2_000  # journal rows that one read looks at


@dataclass(frozen=True, slots=True)
class Traces:
    """A person: the contact (None: only a number), what they are called, and the ids of what is about them.

    `shared`: numbers of theirs that somebody else has too; in the other's things they stay.
    """

    contact_id: int | None
    names: tuple[str, ...]
    numbers: tuple[str, ...]
    deals: tuple[int, ...] = ()
    calls: tuple[str, ...] = ()
    ongoing: tuple[str, ...] = ()
    tasks: tuple[int, ...] = ()
    dials: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    shared: tuple[str, ...] = field(default=())
    leads: tuple[int, ...] = ()
    was: tuple[int, ...] = ()  # ids of contacts that became part of this one

    @property
    def own(self) -> tuple[str, ...]:
        """Numbers that nobody else has."""
        return tuple(number for number in self.numbers if number not in self.shared)

    def things(self) -> dict[str, list[str]]:
        """{thing: ids}, as journal and audit log name them."""
        ids: dict[str, Iterable[object]] = {
            "contact": [*self.was, self.contact_id] if self.contact_id is not None else [],
            "lead": self.leads,
            "deal": self.deals,
            "call": self.calls,
            "task": self.tasks,
            "dial": self.dials,
        }
        return {thing: [str(one) for one in some] for thing, some in ids.items()}


def find(conn: Connection, _scope: Scope, contact_id: int | None, numbers: Sequence[str]) -> Traces:
    """What there is about this contact; about a number alone where there is none. For those who may see all."""
    names: tuple[str, ...] = ()
    if contact_id is not None:
        row = conn.execute(select(contacts).where(contacts.c.id == contact_id)).one()
        names = tuple(text for text in (row.name, row.company, row.email) if text)
        found = select(contact_numbers.c.number).where(contact_numbers.c.contact_id == contact_id)
        numbers = list(conn.execute(found).scalars())
    about = [_theirs(table, contact_id, numbers) for table in (deals, calls, tasks, dials, leads)]
    deal_ids = list(conn.execute(select(deals.c.id).where(about[0])).scalars())
    on = and_(call_deals.c.call_id == calls.c.id, call_deals.c.deal_id.in_(deal_ids), calls.c.contact_id.is_(None))
    mine = or_(about[1], select(call_deals.c.call_id).where(on).exists())
    call_rows = conn.execute(select(calls.c.id, calls.c.ended_at, calls.c.recording, calls.c.data).where(mine)).all()
    called = {json.loads(row.data).get("caller_name") for row in call_rows} - {None, ""}
    lead_ids = list(conn.execute(select(leads.c.id).where(about[4])).scalars())
    was = select(merged.c.was).where(merged.c.thing == "contact", merged.c.contact_id == (contact_id or 0))
    work = or_(
        about[2], tasks.c.lead_id.in_(lead_ids), and_(tasks.c.deal_id.in_(deal_ids), tasks.c.contact_id.is_(None))
    )
    asked = or_(about[3], dials.c.deal_id.in_(deal_ids))
    return Traces(
        contact_id=contact_id,
        names=tuple(dict.fromkeys((*names, *sorted(called)))),
        numbers=tuple(numbers),
        deals=tuple(deal_ids),
        calls=tuple(row.id for row in call_rows),
        ongoing=tuple(row.id for row in call_rows if row.ended_at is None),
        tasks=tuple(conn.execute(select(tasks.c.id).where(work)).scalars()),
        dials=tuple(conn.execute(select(dials.c.id).where(asked)).scalars()),
        recordings=tuple(row.recording for row in call_rows if row.recording),
        leads=tuple(lead_ids),
        was=tuple(conn.execute(was).scalars()),
        shared=tuple(number for number in numbers if _has_another(conn, number, contact_id)),
    )


def _theirs(table: Table, contact_id: int | None, numbers: Sequence[str]) -> ColumnElement[bool]:
    """Rows that name the contact, or nobody and one of the numbers."""
    written = [*numbers, *spellings(numbers)]
    by_number = and_(table.c.contact_id.is_(None), table.c.number.in_(written)) if numbers else false()
    return or_(table.c.contact_id == contact_id, by_number) if contact_id is not None else by_number


def _has_another(conn: Connection, number: str, contact_id: int | None) -> bool:
    """Whether somebody else's number ends alike: then its digits in a text may mean either."""
    ending, mine = tail(number), [number, *spellings([number])]
    other = contact_numbers.c.contact_id != contact_id if contact_id is not None else contact_numbers.c.id > 0
    alike = [select(contact_numbers.c.id).where(contact_numbers.c.tail == ending, other)]
    for table in (deals, calls, tasks):
        another = and_(table.c.contact_id.is_(None), table.c.number.not_in(mine))
        if contact_id is not None:
            another = or_(another, table.c.contact_id != contact_id)
        else:
            another = or_(another, table.c.contact_id.is_not(None))
        alike.append(select(table.c.id).where(table.c.number.endswith(ending, autoescape=True), another))
    return any(conn.execute(one.limit(1)).first() for one in alike)


def dials_of(conn: Connection, _scope: Scope, traces: Traces) -> list[dict[str, Any]]:
    """The click-to-calls to this person."""
    columns = (dials.c.id, dials.c.number, dials.c.state, dials.c.created_at)
    return [dict(row) for row in conn.execute(select(*columns).where(dials.c.id.in_(traces.dials))).mappings()]


# ---- the journal


_PART = select(journal.c.id, journal.c.at, journal.c.kind, journal.c.data).where(journal.c.id > bindparam("after"))
_PART = _PART.order_by(journal.c.id).limit(CHUNK)


def mentions(conn: Connection, _scope: Scope, traces: Traces, after: int) -> tuple[list[dict[str, Any]], int]:
    """Of the next CHUNK journal rows those about this person, [{id, at, kind, data}], and the id looked at last.

    The id is `after` itself when there are no more.
    """
    ids = {thing: frozenset(some) for thing, some in traces.things().items()}
    # Every other spelling has one of these in it.
    texts = [ending for number in traces.own if spellings([number]) for ending in (tail(number), tail(number)[::-1])]
    maybe = re.compile(
        r'id": ?"(?:' + "|".join(sorted({re.escape(one) for some in ids.values() for one in some})) + ')"'
    )
    found, last = [], after
    for row in conn.execute(_PART, {"after": after}):
        last = row.id
        named = any(text in row.data for text in texts)
        if named or (maybe.search(row.data) and _about(row.kind, json.loads(row.data), ids)):
            found.append({"id": row.id, "at": row.at, "kind": row.kind, "data": json.loads(row.data)})
    return found, last


def _about(kind: str, said: object, ids: Mapping[str, frozenset[str]]) -> bool:
    if not isinstance(said, dict):
        return False
    thing = kind.partition(".")[0]
    if str(said.get("id")) in ids.get(thing, ()):
        return True
    return any(str(said.get(f"{name}_id")) in some for name, some in ids.items())


_REWRITE = update(journal).where(journal.c.id == bindparam("row")).values(data=bindparam("said"))


def rewrite(conn: Connection, traces: Traces, rows: Sequence[Mapping[str, Any]]) -> None:
    """These journal rows as if the person had never been named in them."""
    values = [{"row": row["id"], "said": json.dumps(without(row["data"], traces.numbers))} for row in rows]
    if values:
        conn.execute(_REWRITE, values)


# ---- the tables


def forget(conn: Connection, traces: Traces) -> None:
    """Take the person out of every table but the journal. Deals and calls stay, as nobody's."""
    _free_deals(conn, traces)
    _free_calls(conn, traces)
    conn.execute(delete(disagreements).where(disagreements.c.call_id.in_(traces.calls)))
    conn.execute(delete(tasks).where(tasks.c.id.in_(traces.tasks)))
    conn.execute(update(dials).where(dials.c.id.in_(traces.dials)).values(number="", reason=""))
    _free_leads(conn, traces)
    _free_audit(conn, traces)
    _free_imports(conn, traces)
    if traces.contact_id is not None:
        _free_hanging(conn, traces.contact_id)
        for column in _pointing_at(contacts):
            if column.nullable:
                conn.execute(update(column.table).where(column == traces.contact_id).values({column: None}))
            else:
                conn.execute(delete(column.table).where(column == traces.contact_id))
        conn.execute(delete(contacts).where(contacts.c.id == traces.contact_id))
    _sweep(conn, traces)


def _free_hanging(conn: Connection, contact_id: int) -> None:
    """What hangs on a contact and is nothing without them, though it could stand: relations and notes."""
    for column in (relations.c.contact_id, relations.c.other_contact_id, notes.c.contact_id):
        conn.execute(delete(column.table).where(column == contact_id))


def _free_deals(conn: Connection, traces: Traces) -> None:
    for table in (documents, offers):
        conn.execute(delete(table).where(table.c.deal_id.in_(traces.deals)))
    conn.execute(update(offers).where(offers.c.task_id.in_(traces.tasks)).values(task_id=None))
    conn.execute(delete(notes).where(notes.c.deal_id.in_(traces.deals)))
    conn.execute(delete(deal_details).where(deal_details.c.deal_id.in_(traces.deals)))
    conn.execute(delete(deal_tags).where(deal_tags.c.deal_id.in_(traces.deals)))
    conn.execute(update(deal_people).where(deal_people.c.deal_id.in_(traces.deals)).values(note=""))
    for column, table, key in (
        (deals.c.close_reason, deals, deals.c.id),
        (stage_history.c.reason, stage_history, stage_history.c.deal_id),
    ):
        said = select(column).where(key.in_(traces.deals), column != "").distinct()
        telling = [text for text in conn.execute(said).scalars() if tells(text, traces.names, traces.numbers)]
        if telling:
            conn.execute(update(table).where(key.in_(traces.deals), column.in_(telling)).values({column: ""}))
    conn.execute(
        update(deals)
        .where(deals.c.id.in_(traces.deals))
        .values(title="", note="", search="", number=None, contact_id=None, version=deals.c.version + 1)
    )


def _free_leads(conn: Connection, traces: Traces) -> None:
    """They stay for the figures: source, status and owner of nobody."""
    for table in (notes, lead_tags):
        conn.execute(delete(table).where(table.c.lead_id.in_(traces.leads)))
    own = ("name", "company", "job_title", "email", "city", "interest", "note", "search")
    empty = {**dict.fromkeys(own, ""), "number": None, "tail": None, "details": "{}", "version": leads.c.version + 1}
    conn.execute(update(leads).where(leads.c.id.in_(traces.leads)).values(empty))


def _free_calls(conn: Connection, traces: Traces) -> None:
    for call_id in traces.calls:
        data = json.loads(conn.execute(select(calls.c.data).where(calls.c.id == call_id)).scalar_one())
        values = {"number": None, "recording": None, "contact_id": None}
        said = json.dumps(without(data, traces.numbers))
        conn.execute(update(calls).where(calls.c.id == call_id).values(**values, data=said))
        conn.execute(update(wrapups).where(wrapups.c.call_id == call_id).values(note="", tags=""))


def _free_audit(conn: Connection, traces: Traces) -> None:
    telling = [audit.c.changes.contains(text, autoescape=True) for text in spellings(traces.own)]
    for thing, ids in traces.things().items():
        if ids:
            telling.append(and_(audit.c.thing == thing, audit.c.thing_id.in_(ids), audit.c.changes != "{}"))
    for row in conn.execute(select(audit.c.id, audit.c.changes).where(or_(false(), *telling))).all():
        said = without({"changes": json.loads(row.changes)}, traces.numbers)
        assert isinstance(said, dict)
        conn.execute(update(audit).where(audit.c.id == row.id).values(changes=json.dumps(said["changes"])))


def _free_imports(conn: Connection, traces: Traces) -> None:
    """The rows of tables that somebody brought, as they were given: those that became them, and those that were left
    out and hold a number of theirs in whatever writing.
    """
    blank = update(import_rows).values(given="[]", before="", reason="")
    ids: dict[str, list[int]] = {"contacts": [traces.contact_id] if traces.contact_id is not None else []}
    for kind, became in (ids | {"leads": list(traces.leads)}).items():
        of_kind = select(imports.c.id).where(imports.c.kind == kind)
        conn.execute(blank.where(import_rows.c.thing_id.in_(became), import_rows.c.import_id.in_(of_kind)))
    ends = [tail(number) for number in traces.own if spellings([number])]
    every = select(import_rows.c.import_id, import_rows.c.n, import_rows.c.given).where(import_rows.c.given != "[]")
    found = [
        (row.import_id, row.n)
        for row in (conn.execute(every) if ends else ())
        if any(end in digits(cell) for cell in json.loads(row.given) for end in ends)
    ]
    for import_id, n in found:
        conn.execute(blank.where(import_rows.c.import_id == import_id, import_rows.c.n == n))


def _pointing_at(table: Table) -> list[Column[Any]]:
    """Every column that refers to this table, of whatever table."""
    return [key.parent for other in metadata.sorted_tables for key in other.foreign_keys if key.column.table is table]


# Where words of people are kept that are not about this person, a number of theirs is cut out, a name is not: others
# may be called so. In tables that are not named here it is cut out as well.
_NAMES_STAY = frozenset({"contacts", "deals", "calls", "notes", "tasks", "users", "teams"})
_UNTOUCHED = frozenset(
    {
        "journal",
        "audit",
        "contact_numbers",
        "sessions",
        "tokens",
        "settings",
        "stages",
        "pipelines",
        "custom_fields",
        "pbxes",
        "dids",
        "webhooks",
    }
)


def _sweep(conn: Connection, traces: Traces) -> None:
    """What is left of them in any text of any table: numbers written in a note, rows of tables that come later."""
    for table in metadata.sorted_tables:
        if table.name in _UNTOUCHED:
            continue
        texts = spellings(traces.own)
        if table.name not in _NAMES_STAY:
            texts += [one for name in traces.names if len(name) > 3 for one in {name, json.dumps(name)[1:-1]}]
        for column in _free_texts(table):
            for text in texts:
                found = column.contains(text, autoescape=True)
                conn.execute(update(table).where(found).values({column: func.replace(column, text, "")}))


def _free_texts(table: Table) -> list[Column[Any]]:
    fixed = {c.name for u in table.constraints if isinstance(u, UniqueConstraint) for c in u.columns}
    return [
        column
        for column in table.columns
        if isinstance(column.type, Text) and not column.primary_key and not column.foreign_keys
        if column.name not in fixed and not column.unique and column.name != "number"
    ]


# ---- a lead that was declined


def forget_lead(conn: Connection, row: LeadRow) -> None:
    """Delete a lead with its notes and tasks, and what the journal and the audit log told of them."""
    lead_id = row["id"]
    jobs = list(conn.execute(select(tasks.c.id).where(tasks.c.lead_id == lead_id)).scalars())
    for job in jobs:
        told = (journal.c.kind.in_(("task.due", "task.done")), journal.c.at >= row["created_at"])
        spoken = journal.c.data.like(f'{{"id": "{job}",%')
        conn.execute(update(journal).where(*told, spoken).values(data=f'{{"id": "{job}", "gone": true}}'))
    things = or_(
        and_(audit.c.thing == "task", audit.c.thing_id.in_([str(job) for job in jobs])),
        and_(audit.c.thing == "lead", audit.c.thing_id == str(lead_id)),
    )
    conn.execute(update(audit).where(things).values(changes="{}"))
    _free_cards(conn, lead_id, row["created_at"])
    given = and_(import_rows.c.import_id == row["import_id"], import_rows.c.thing_id == lead_id)
    if row["import_id"] is not None:
        conn.execute(update(import_rows).where(given).values(given="[]", before="", thing_id=None))
    for table in (notes, tasks, lead_tags):
        conn.execute(delete(table).where(table.c.lead_id == lead_id))
    conn.execute(delete(leads).where(leads.c.id == lead_id))


def _free_cards(conn: Connection, lead_id: int, since: float) -> None:
    """What caller cards in the journal showed of a lead."""
    shown = (
        journal.c.kind.like("call.%"),
        journal.c.at >= since,
        journal.c.data.like(f'%"lead": {{"id": "{lead_id}",%'),
    )
    for row in conn.execute(select(journal.c.id, journal.c.data).where(*shown)).all():
        said = json.loads(row.data)
        said["card"] = {**said["card"], "lead": None}
        conn.execute(_REWRITE, {"row": row.id, "said": json.dumps(said)})
