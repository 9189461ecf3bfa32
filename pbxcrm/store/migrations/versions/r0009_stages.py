"""Stages as administrators make them, removed ones kept as names; saved views; next steps counted fast."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("pipelines", sa.Column("removed_at", sa.Float(53)))
    op.add_column("stages", sa.Column("idle_days", sa.Integer()))
    for name in ("guidance", "needs"):
        op.add_column("stages", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("stages", sa.Column("removed_at", sa.Float(53)))
    opened = sa.text("open IS 1" if op.get_bind().dialect.name == "sqlite" else "open IS true")
    columns = ["stage_id", "owner_id", "next_contact_at"]
    op.create_index("ix_deals_next", "deals", columns, sqlite_where=opened, postgresql_where=opened)
    op.create_table(
        "saved_views",
        sa.Column("id", BIG),
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_saved_views_user_id"), nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False, server_default=""),
        sa.Column("shared", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("id", name="pk_saved_views"),
    )
    op.create_index("ix_saved_views_user_id", "saved_views", ["user_id"])
