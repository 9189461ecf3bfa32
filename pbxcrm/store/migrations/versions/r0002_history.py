"""Calls of the past: what CEL and CDR say of them, and where two witnesses disagree."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# SQLite gives out row ids only for INTEGER, PostgreSQL wants 64 bits.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("contacts", sa.Column("source", sa.Text(), nullable=False, server_default=""))
    op.add_column("calls", sa.Column("origin", sa.Text(), nullable=False, server_default="ami"))
    op.add_column("calls", sa.Column("witness", sa.Text()))
    op.create_index("ix_calls_uid", "calls", ["uid"])
    op.create_table(
        "disagreements",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("call_at", sa.Float(53), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("theirs", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Float(53)),
        sa.Column("seen_by", BIG),
        sa.PrimaryKeyConstraint("call_id", name="pk_disagreements"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name="fk_disagreements_call_id"),
        sa.ForeignKeyConstraint(["seen_by"], ["users.id"], name="fk_disagreements_seen_by"),
    )
    op.create_index("ix_disagreements_newest", "disagreements", [sa.text("call_at DESC"), sa.text("call_id DESC")])
    op.create_table(
        "witness_totals",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("count", BIG, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_witness_totals"),
    )
