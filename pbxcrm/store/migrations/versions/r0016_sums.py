"""Rials are whole; e-mail addresses in small letters, found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    for table in ("deals", "stage_totals", "stage_history"):
        op.execute(sa.text(f"UPDATE {table} SET value = value / 100 WHERE currency = 'IRR'"))  # noqa: S608
    op.execute(sa.text("UPDATE offers SET total = total / 100 WHERE currency = 'IRR'"))
    for table in ("contacts", "companies", "leads"):
        op.execute(sa.text(f"UPDATE {table} SET email = lower(email) WHERE email <> lower(email)"))  # noqa: S608
        op.create_index(f"ix_{table}_email", table, ["email"])
