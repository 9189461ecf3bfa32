"""What was merged: the id that is no more leads to the one that stayed."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "merged",
        sa.Column("thing", sa.Text(), nullable=False),
        sa.Column("was", BIG, nullable=False),
        sa.Column("contact_id", BIG, sa.ForeignKey("contacts.id", name="fk_merged_contact_id")),
        sa.Column("company_id", BIG, sa.ForeignKey("companies.id", name="fk_merged_company_id")),
        sa.PrimaryKeyConstraint("thing", "was", name="pk_merged"),
    )
    for column in ("contact_id", "company_id"):
        op.create_index(f"ix_merged_{column}", "merged", [column])
