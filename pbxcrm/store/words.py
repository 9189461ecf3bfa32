"""The index of words and numbers: any part of three letters or more is found at once, however many rows there are.

SQLite: an FTS5 table of trigrams beside each searched column, kept by triggers (https://www.sqlite.org/fts5.html).
PostgreSQL: a pg_trgm index; the same rows are found without it, slowly, where the extension may not be made.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, and_, column, select, table, true

from pbxcrm.calls.numbers import digits

GRAM = 3  # letters: what is shorter is not in the index


def containing(conn: Connection, searched: Column[Any], words: Sequence[str]) -> ColumnElement[bool]:
    """Whose text holds each of these words; `searched` is a column of INDEXED, the words are folded as it is."""
    if not words:
        return true()
    key = searched.table.c.id
    if conn.dialect.name != "sqlite":
        return and_(*(searched.contains(word, autoescape=True) for word in words))
    short = [searched.contains(word, autoescape=True) for word in words if len(word) < GRAM]
    long = [f'"{word.replace(chr(34), chr(34) * 2)}"' for word in words if len(word) >= GRAM]
    if not long:
        return and_(*short)
    index = table(f"{searched.table.name}_words", column("rowid"), column(f"{searched.table.name}_words"))
    found = select(index.c.rowid).where(index.c[f"{searched.table.name}_words"].op("MATCH")(" AND ".join(long)))
    return and_(key.in_(found), *short)


def number_part(q: str) -> str:
    """The digits of a text that can only be a number, without what is dialled before it: "0048 22-555" is "4822555"."""
    found = digits(q)
    return found.lstrip("0") if len(found) >= GRAM and len(found) * 2 > len(q.strip()) else ""


def made_by(dialect: str, name: str, searched: str) -> list[str]:
    """The statements that make the index of a table's column."""
    if dialect != "sqlite":
        return [f"CREATE INDEX ix_{name}_words ON {name} USING gin ({searched} gin_trgm_ops)"]
    words = f"{name}_words"
    gone = f"INSERT INTO {words} ({words}, rowid, {searched}) VALUES ('delete', old.id, old.{searched})"  # noqa: S608
    come = f"INSERT INTO {words} (rowid, {searched}) VALUES (new.id, new.{searched})"  # noqa: S608
    shape = f"({searched}, content='{name}', content_rowid='id', tokenize='trigram')"
    return [
        f"CREATE VIRTUAL TABLE {words} USING fts5 {shape}",
        f"INSERT INTO {words} ({words}) VALUES ('rebuild')",  # noqa: S608
        f"CREATE TRIGGER {words}_insert AFTER INSERT ON {name} BEGIN {come}; END",
        f"CREATE TRIGGER {words}_delete AFTER DELETE ON {name} BEGIN {gone}; END",
        f"CREATE TRIGGER {words}_update AFTER UPDATE OF {searched} ON {name} BEGIN {gone}; {come}; END",
    ]
