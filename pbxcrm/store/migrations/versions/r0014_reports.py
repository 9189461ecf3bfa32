"""Reports: indexes that hold all they add up; notes that a manager writes for the owner to learn from."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("notes", sa.Column("coaching", sa.Boolean(), nullable=False, server_default=sa.false()))
    for name in ("ix_stage_history_deal_id", "ix_stage_history_at"):
        op.drop_index(name, "stage_history")
    op.create_index("ix_stage_history_way", "stage_history", ["deal_id", "stage_id"])
    op.create_index("ix_stage_history_moves", "stage_history", ["at", "deal_id", "stage_id", "from_stage_id"])
    op.create_index("ix_deals_made", "deals", ["pipeline_id", "created_at", "owner_id", "currency", "value"])
    closed = sa.text("closed_at IS NOT NULL")
    columns = ["pipeline_id", "closed_at", "stage_id", "owner_id", "currency", "value"]
    op.create_index("ix_deals_closed", "deals", columns, sqlite_where=closed, postgresql_where=closed)
