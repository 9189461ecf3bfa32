"""Webhooks, and what became of their deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", BIG),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("cursor", BIG, nullable=False),
        sa.Column("created_by", BIG, sa.ForeignKey("users.id", name="fk_webhooks_created_by")),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failing_since", sa.Float(53)),
        sa.Column("retry_at", sa.Float(53)),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", BIG),
        sa.Column("webhook_id", BIG, sa.ForeignKey("webhooks.id", name="fk_webhook_deliveries_webhook_id"),
                  nullable=False),
        sa.Column("journal_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.UniqueConstraint("webhook_id", "journal_id", name="uq_webhook_deliveries_webhook_id_journal_id"),
    )  # fmt: skip
