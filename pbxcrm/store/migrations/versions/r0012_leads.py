"""Leads: when somebody first got in touch, and lists by score and by age."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("leads", sa.Column("first_contact_at", sa.Float(53)))
    op.create_index("ix_leads_score", "leads", [sa.text("score DESC"), sa.text("id DESC")])
    op.create_index("ix_leads_newest", "leads", [sa.text("created_at DESC"), sa.text("id DESC")])
