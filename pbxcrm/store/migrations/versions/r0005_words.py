"""Search: an index of every three letters of names, numbers, titles and notes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

from pbxcrm.crm.folding import folded
from pbxcrm.store.words import made_by

revision = "0005"
down_revision = "0004"

INDEXED = {"contacts": "search", "contact_numbers": "number", "deals": "search", "notes": "search"}
TEXTS = {"contacts": ("name", "company", "email", "note"), "deals": ("title", "note"), "notes": ("text",)}


def upgrade() -> None:
    conn = op.get_bind()
    for name in ("deals", "notes"):
        op.add_column(name, sa.Column("search", sa.Text(), nullable=False, server_default=""))
    for name, texts in TEXTS.items():
        _fold(conn, name, texts)
    if conn.dialect.name == "postgresql" and not _has_trigrams(conn):
        return
    for name, searched in INDEXED.items():
        for statement in made_by(conn.dialect.name, name, searched):
            op.execute(sa.text(statement))


def _fold(conn: sa.Connection, name: str, texts: tuple[str, ...]) -> None:
    """What a search looks into, of the rows that are there."""
    rows = sa.table(name, sa.column("id"), sa.column("search"), *(sa.column(text) for text in texts))
    for row in conn.execute(sa.select(rows)).mappings().all():
        search = folded(*(row[text] for text in texts))
        conn.execute(sa.update(rows).where(rows.c.id == row["id"]).values(search=search))


def _has_trigrams(conn: sa.Connection) -> bool:
    """Whether pg_trgm is there, or this user may make it. Where not, searches read all rows."""
    try:
        with conn.begin_nested():
            conn.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
    except DBAPIError:
        return False
    return True
