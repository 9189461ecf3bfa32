"""Who confirmed a call to which country."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "dial_countries",
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_dial_countries_user_id"), nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "country", name="pk_dial_countries"),
    )
