"""Contacts have a score by the rules of leads, and its reasons; they are counted after the start, part by part."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("contacts", sa.Column("score_why", sa.Text(), nullable=False, server_default=""))
    op.execute(sa.text("UPDATE contacts SET score = 0 WHERE score <> 0"))  # that of the lead they were, frozen
    op.create_index("ix_contacts_score", "contacts", [sa.text("score DESC"), sa.text("id DESC")])
