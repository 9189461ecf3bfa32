"""Companies known by their name in any spelling."""

import sqlalchemy as sa
from alembic import op

from pbxcrm.crm.importing import name_key

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.add_column("companies", sa.Column("key", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_companies_key", "companies", ["key"])
    companies = sa.table("companies", sa.column("id"), sa.column("name"), sa.column("key"))
    conn = op.get_bind()
    for row in conn.execute(sa.select(companies.c.id, companies.c.name)).all():
        conn.execute(sa.update(companies).where(companies.c.id == row.id).values(key=name_key(row.name)))
