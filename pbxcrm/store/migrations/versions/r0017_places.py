"""How far an import has come is kept; what refers to a thing, and who is there twice, is found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("imports", sa.Column("place", sa.Integer(), nullable=False, server_default="0"))
    op.execute(sa.text("UPDATE imports SET place = total WHERE state NOT IN ('reading', 'mapping', 'running')"))
    for table, column in (
        ("import_rows", "thing_id"),
        ("calls", "deal_id"),
        ("dials", "contact_id"),
        ("dials", "deal_id"),
        ("notes", "call_id"),
        ("tasks", "call_id"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])
    for name, table, columns in (
        ("ix_contact_numbers_tail", "contact_numbers", ["tail", "contact_id"]),
        ("ix_contacts_email", "contacts", ["email", "id"]),
    ):
        op.drop_index(name, table)
        op.create_index(name, table, columns)
