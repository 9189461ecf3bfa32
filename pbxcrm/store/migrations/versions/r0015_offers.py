"""What a stage asks and gives, what of its checklist is done, offers in versions."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for table, name in (("stages", "advice"), ("stages", "form"), ("stage_history", "made"), ("offers", "title")):
        op.add_column(table, sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("stages", sa.Column("next_days", sa.Integer()))
    op.add_column("offers", sa.Column("revision", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("offers", sa.Column("decided_at", sa.Float(53)))
    _to("tasks", "stage_task_id", "stage_tasks")
    _to("offers", "first_id", "offers")
    _to("offers", "task_id", "tasks")
    op.create_table(
        "deal_checks",
        sa.Column("deal_id", BIG, sa.ForeignKey("deals.id", name="fk_deal_checks_deal_id"), nullable=False),
        sa.Column("stage_id", BIG, sa.ForeignKey("stages.id", name="fk_deal_checks_stage_id"), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_deal_checks_user_id")),
        sa.PrimaryKeyConstraint("deal_id", "stage_id", "item", name="pk_deal_checks"),
    )


def _to(table: str, name: str, other: str) -> None:
    """A column that refers to another table: SQLite takes it only within the column's own definition."""
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        sa.text(f"ALTER TABLE {table} ADD COLUMN {name} {kind} CONSTRAINT fk_{table}_{name} REFERENCES {other} (id)")
    )
