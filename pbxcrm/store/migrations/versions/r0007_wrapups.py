"""What people have yet to say of their calls, and what they said."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "wrapups",
        sa.Column("call_id", sa.Text(), sa.ForeignKey("calls.id", name="fk_wrapups_call_id"), nullable=False),
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_wrapups_user_id"), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("done_at", sa.Float(53)),
        *(sa.Column(name, sa.Text(), nullable=False, server_default="") for name in ("outcome", "note", "tags")),
        sa.PrimaryKeyConstraint("call_id", "user_id", name="pk_wrapups"),
    )
    where = sa.text("done_at IS NULL")
    op.create_index("ix_wrapups_open", "wrapups", ["user_id", "at"], sqlite_where=where, postgresql_where=where)
