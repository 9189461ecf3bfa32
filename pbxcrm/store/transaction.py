"""What a write transaction is: rows, and at least one journal row that tells of them, committed in one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import Connection, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxcrm.store import audit, schema
from pbxcrm.store.prepared import Command, last_inserted

T = TypeVar("T")

# Any number will do, as long as every writer takes the same one: it makes commit order and id order one.
JOURNAL_LOCK = 0x70627863
LOCK = text("SELECT pg_advisory_xact_lock(:key)")
_APPEND = insert(schema.journal)
_APPEND_ALL = Command(_APPEND)


def alone(conn: Connection, key: int) -> None:
    """One transaction with this key at a time, in all processes, until it ends."""
    if conn.dialect.name == "postgresql":  # an SQLite writer is alone already
        conn.execute(LOCK, {"key": key})


class NothingJournalled(Exception):  # noqa: N818
    """A write transaction that appended no journal row: nobody would have heard of it. Nothing was written."""


@dataclass(slots=True)
class Journalled:
    """What every write transaction has: its time `at` (epoch seconds, the same for all its rows) and journal rows."""

    at: float
    rows: list[dict[str, Any]] = field(default_factory=list)
    last: int = 0  # the id of the last journal row where the database said it at no cost (SQLite), else 0

    @property
    def seldom(self) -> bool:
        """Whether something changed that readers keep in memory: people, stages, settings."""
        return any(not row["kind"].startswith(_DAILY) for row in self.rows)

    def journal(self, kind: str, data: Mapping[str, Any] | str, audience: str | None) -> None:
        """Note what happened; written last, in order, when the transaction commits. Audience: see `audience()`.

        `data` may be JSON text already.
        """
        text_ = data if isinstance(data, str) else json.dumps(data)
        self.rows.append({"at": self.at, "kind": kind, "audience": audience, "data": text_})


@dataclass(slots=True, kw_only=True)
class Tx(Journalled):
    """A write transaction whose statements are awaited."""

    conn: AsyncConnection


@dataclass(slots=True, kw_only=True)
class Work(Journalled):
    """A write transaction given to a plain function. `notes`: rows of the audit log that wait to be written with the
    journal, where so many are noted that one by one is too slow; None: each is written as it is noted.
    """

    conn: Connection
    notes: list[dict[str, Any]] | None = None


def audience(*user_ids: int | None) -> str | None:
    """The audience column for these persons: managers always see, these persons too."""
    ids = sorted({u for u in user_ids if u})
    return "|" + "|".join(map(str, ids)) + "|" if ids else None


def only(user_id: int) -> str:
    """The audience column for this person alone: managers do not see it."""
    return f"=|{user_id}|"


EVERYBODY = "*"

# Kinds of every day; any other says that something changed which readers keep in memory.
_DAILY = (
    *("call.", "deal.", "task.", "link.", "dial.", "note.", "contact.", "company.", "session.", "audit.", "webhook."),
    *("history.", "disagreement.", "retention.", "import.", "lead."),
)


async def append(tx: Tx) -> None:
    """Write the journal rows of a transaction whose statements are awaited, last before the commit."""
    if not tx.rows:
        raise NothingJournalled
    if tx.conn.dialect.name == "postgresql":
        await tx.conn.execute(LOCK, {"key": JOURNAL_LOCK})
    await tx.conn.execute(_APPEND, tx.rows)


def run(work: Work, fn: Callable[[Work], T]) -> T:
    """What `fn` gives, with its journal rows written, last before the commit."""
    result = fn(work)
    if not work.rows:
        raise NothingJournalled
    if work.notes:
        audit.add(work.conn, work.notes)
    if work.conn.dialect.name == "postgresql":
        # Sequence order is not commit order: under this lock, taken last, it is.
        work.conn.execute(LOCK, {"key": JOURNAL_LOCK})
    _APPEND_ALL.run(work.conn, work.rows)
    work.last = last_inserted(work.conn)
    return result
