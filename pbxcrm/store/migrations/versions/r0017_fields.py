"""Fields of the house's own can be retired, and brought back."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("custom_fields", sa.Column("retired_at", sa.Float(53)))
