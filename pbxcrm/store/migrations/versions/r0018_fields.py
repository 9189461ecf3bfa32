"""Fields of the house's own can be retired, and brought back."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("custom_fields", sa.Column("retired_at", sa.Float(53)))
