"""The first tables, and the pipeline everybody starts with."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

# SQLite gives out row ids only for INTEGER, PostgreSQL wants 64 bits.
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

STAGES = (
    ("Unsorted", "unsorted", 0),
    ("New", "open", 10),
    ("Qualified", "open", 25),
    ("Offer", "open", 50),
    ("Negotiation", "open", 75),
    ("Won", "won", 100),
    ("Lost", "lost", 0),
)


def upgrade() -> None:
    _tables()
    _indexes()
    _pipeline()


def _pipeline() -> None:
    pipelines = sa.table("pipelines", sa.column("id"), sa.column("name"), sa.column("position"))
    columns = ("pipeline_id", "name", "kind", "position", "probability")
    stages = sa.table("stages", *(sa.column(name) for name in columns))
    key = (
        op.get_bind().execute(sa.insert(pipelines).values(name="Sales", position=1).returning(pipelines.c.id)).scalar()
    )
    rows = [(key, name, kind, position, chance) for position, (name, kind, chance) in enumerate(STAGES, 1)]
    op.bulk_insert(stages, [dict(zip(columns, row, strict=True)) for row in rows])


def _tables() -> None:
    op.create_table(
        "journal",
        sa.Column("id", BIG),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text()),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_journal"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "pbxes",
        sa.Column("name", sa.Text()),
        sa.Column("boot", sa.Text(), nullable=False, server_default=""),
        sa.Column("up", sa.Boolean(), nullable=False),
        sa.Column("since", sa.Float(53), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("name", name="pk_pbxes"),
    )
    op.create_table(
        "pipelines",
        sa.Column("id", BIG),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pipelines"),
    )
    op.create_table(
        "settings",
        sa.Column("key", sa.Text()),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_settings"),
    )
    op.create_table(
        "teams",
        sa.Column("id", BIG),
        sa.Column("name", sa.Text(), nullable=False),
        sa.UniqueConstraint("name", name="uq_teams_name"),
        sa.PrimaryKeyConstraint("id", name="pk_teams"),
    )
    op.create_table(
        "dids",
        sa.Column("did", sa.Text()),
        sa.Column("source", sa.Text(), nullable=False, server_default=""),
        sa.Column("team_id", BIG, sa.ForeignKey("teams.id", name="fk_dids_team_id")),
        sa.PrimaryKeyConstraint("did", name="pk_dids"),
    )
    op.create_table(
        "stages",
        sa.Column("id", BIG),
        sa.Column("pipeline_id", BIG, sa.ForeignKey("pipelines.id", name="fk_stages_pipeline_id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("probability", sa.Integer(), nullable=False, server_default="0"),
        sa.CheckConstraint("kind IN ('unsorted', 'open', 'won', 'lost')", name=op.f("ck_stages_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_stages"),
    )
    op.create_table(
        "users",
        sa.Column("id", BIG),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("full_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("team_id", BIG, sa.ForeignKey("teams.id", name="fk_users_team_id")),
        sa.Column("password_hash", sa.Text()),
        sa.Column("locale", sa.Text(), nullable=False, server_default="en"),
        sa.Column("time_zone", sa.Text(), nullable=False, server_default="UTC"),
        sa.Column("calendar", sa.Text(), nullable=False, server_default="gregorian"),
        sa.Column("operator", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.CheckConstraint("role IN ('agent', 'manager', 'admin')", name=op.f("ck_users_role")),
        sa.UniqueConstraint("name", name="uq_users_name"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
    )
    op.create_table(
        "contacts",
        sa.Column("id", BIG),
        sa.Column("name", sa.Text(), nullable=False, server_default=""),
        sa.Column("company", sa.Text(), nullable=False, server_default=""),
        sa.Column("email", sa.Text(), nullable=False, server_default=""),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("owner_id", BIG, sa.ForeignKey("users.id", name="fk_contacts_owner_id")),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("last_talk_at", sa.Float(53)),
        sa.Column("last_talk_by", sa.Text()),
        sa.Column("search", sa.Text(), nullable=False, server_default=""),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
    )
    op.create_table(
        "devices",
        sa.Column("id", BIG),
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_devices_user_id"), nullable=False),
        sa.Column("pattern", sa.Text(), nullable=False),
        sa.UniqueConstraint("pattern", name="uq_devices_pattern"),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.Text()),
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_sessions_user_id"), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("seen_at", sa.Float(53), nullable=False),
        sa.Column("ends_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_sessions"),
    )
    op.create_table(
        "stage_totals",
        sa.Column("stage_id", BIG, sa.ForeignKey("stages.id", name="fk_stage_totals_stage_id")),
        sa.Column("owner_id", BIG),
        sa.Column("currency", sa.Text()),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("value", BIG, nullable=False),
        sa.PrimaryKeyConstraint("stage_id", "owner_id", "currency", name="pk_stage_totals"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", BIG),
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_tokens_user_id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.UniqueConstraint("token_hash", name="uq_tokens_token_hash"),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
    )
    op.create_table(
        "contact_numbers",
        sa.Column("id", BIG),
        sa.Column(
            "contact_id", BIG, sa.ForeignKey("contacts.id", name="fk_contact_numbers_contact_id"), nullable=False
        ),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("tail", sa.Text(), nullable=False),
        sa.Column("reversed", sa.Text(), nullable=False),
        sa.UniqueConstraint("contact_id", "number", name="uq_contact_numbers_contact_id_number"),
        sa.PrimaryKeyConstraint("id", name="pk_contact_numbers"),
    )
    op.create_table(
        "deals",
        sa.Column("id", BIG),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("pipeline_id", BIG, sa.ForeignKey("pipelines.id", name="fk_deals_pipeline_id"), nullable=False),
        sa.Column("stage_id", BIG, sa.ForeignKey("stages.id", name="fk_deals_stage_id"), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("owner_id", BIG, sa.ForeignKey("users.id", name="fk_deals_owner_id")),
        sa.Column("team_id", BIG, sa.ForeignKey("teams.id", name="fk_deals_team_id")),
        sa.Column("contact_id", BIG, sa.ForeignKey("contacts.id", name="fk_deals_contact_id")),
        sa.Column("number", sa.Text()),
        sa.Column("value", BIG, nullable=False, server_default="0"),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, server_default=""),
        sa.Column("priority", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("note", sa.Text(), nullable=False, server_default=""),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("stage_since", sa.Float(53), nullable=False),
        sa.Column("active_at", sa.Float(53), nullable=False),
        sa.Column("next_contact_at", sa.Float(53)),
        sa.Column("closed_at", sa.Float(53)),
        sa.Column("close_reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("changed_by", BIG, sa.ForeignKey("users.id", name="fk_deals_changed_by")),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("id", name="pk_deals"),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.Text()),
        sa.Column("pbx", sa.Text(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("number", sa.Text()),
        sa.Column("did", sa.Text()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Float(53), nullable=False),
        sa.Column("answered_at", sa.Float(53)),
        sa.Column("ended_at", sa.Float(53)),
        sa.Column("talk_seconds", sa.Float(53), nullable=False),
        sa.Column("first_answered_by", sa.Text()),
        sa.Column("last_answered_by", sa.Text()),
        sa.Column("contact_id", BIG, sa.ForeignKey("contacts.id", name="fk_calls_contact_id")),
        sa.Column("deal_id", BIG, sa.ForeignKey("deals.id", name="fk_calls_deal_id")),
        sa.Column("made_deal", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("recording", sa.Text()),
        sa.Column("data", sa.Text(), nullable=False),
        sa.UniqueConstraint("pbx", "boot", "uid", name="uq_calls_pbx_boot_uid"),
        sa.PrimaryKeyConstraint("id", name="pk_calls"),
    )
    op.create_table(
        "dials",
        sa.Column("id", sa.Text()),
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_dials_user_id"), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("deal_id", BIG, sa.ForeignKey("deals.id", name="fk_dials_deal_id")),
        sa.Column("contact_id", BIG, sa.ForeignKey("contacts.id", name="fk_dials_contact_id")),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("call_id", sa.Text()),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.UniqueConstraint("user_id", "key", name="uq_dials_user_id_key"),
        sa.PrimaryKeyConstraint("id", name="pk_dials"),
    )
    op.create_table(
        "notes",
        sa.Column("id", BIG),
        sa.Column("deal_id", BIG, sa.ForeignKey("deals.id", name="fk_notes_deal_id"), nullable=False),
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_notes_user_id")),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
    )
    op.create_table(
        "stage_history",
        sa.Column("id", BIG),
        sa.Column("deal_id", BIG, sa.ForeignKey("deals.id", name="fk_stage_history_deal_id"), nullable=False),
        sa.Column("from_stage_id", BIG, sa.ForeignKey("stages.id", name="fk_stage_history_from_stage_id")),
        sa.Column("stage_id", BIG, sa.ForeignKey("stages.id", name="fk_stage_history_stage_id"), nullable=False),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_stage_history_user_id")),
        sa.Column("owner_id", BIG, sa.ForeignKey("users.id", name="fk_stage_history_owner_id")),
        sa.Column("value", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False, server_default=""),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stage_history"),
    )
    op.create_table(
        "call_deals",
        sa.Column("call_id", sa.Text(), sa.ForeignKey("calls.id", name="fk_call_deals_call_id")),
        sa.Column("deal_id", BIG, sa.ForeignKey("deals.id", name="fk_call_deals_deal_id")),
        sa.PrimaryKeyConstraint("call_id", "deal_id", name="pk_call_deals"),
    )
    op.create_table(
        "call_people",
        sa.Column("call_id", sa.Text(), sa.ForeignKey("calls.id", name="fk_call_people_call_id")),
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_call_people_user_id")),
        sa.PrimaryKeyConstraint("call_id", "user_id", name="pk_call_people"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", BIG),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("deal_id", BIG, sa.ForeignKey("deals.id", name="fk_tasks_deal_id")),
        sa.Column("contact_id", BIG, sa.ForeignKey("contacts.id", name="fk_tasks_contact_id")),
        sa.Column("call_id", sa.Text(), sa.ForeignKey("calls.id", name="fk_tasks_call_id")),
        sa.Column("number", sa.Text()),
        sa.Column("user_id", BIG, sa.ForeignKey("users.id", name="fk_tasks_user_id")),
        sa.Column("team_id", BIG, sa.ForeignKey("teams.id", name="fk_tasks_team_id")),
        sa.Column("times", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("due_at", sa.Float(53), nullable=False),
        sa.Column("done_at", sa.Float(53)),
        sa.Column("done_by", BIG, sa.ForeignKey("users.id", name="fk_tasks_done_by")),
        sa.CheckConstraint("kind IN ('callback', 'look', 'device', 'todo')", name=op.f("ck_tasks_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
    )


def _indexes() -> None:
    op.create_index("ix_stages_pipeline_id", "stages", ["pipeline_id"])
    op.create_index("ix_contacts_owner_id", "contacts", ["owner_id"])
    op.create_index("ix_devices_user_id", "devices", ["user_id"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_tokens_user_id", "tokens", ["user_id"])
    op.create_index("ix_contact_numbers_contact_id", "contact_numbers", ["contact_id"])
    op.create_index("ix_contact_numbers_reversed", "contact_numbers", ["reversed"])
    op.create_index("ix_contact_numbers_tail", "contact_numbers", ["tail"])
    op.create_index("ix_deals_column", "deals", ["stage_id", sa.text("created_at DESC"), sa.text("id DESC")])
    op.create_index("ix_deals_contact_id", "deals", ["contact_id"])
    op.create_index("ix_deals_number", "deals", ["number"])
    op.create_index(
        "ix_deals_own_column", "deals", ["owner_id", "stage_id", sa.text("created_at DESC"), sa.text("id DESC")]
    )
    op.create_index("ix_deals_owner_id", "deals", ["owner_id"])
    op.create_index("ix_calls_contact", "calls", ["contact_id", sa.text("started_at DESC")])
    op.create_index("ix_calls_newest", "calls", [sa.text("started_at DESC"), sa.text("id DESC")])
    op.create_index("ix_calls_number", "calls", ["number"])
    op.create_index(
        "ix_calls_ongoing",
        "calls",
        ["id"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index("ix_dials_created_at", "dials", ["created_at"])
    op.create_index("ix_notes_deal_id", "notes", ["deal_id"])
    op.create_index("ix_stage_history_at", "stage_history", ["at"])
    op.create_index("ix_stage_history_deal_id", "stage_history", ["deal_id"])
    op.create_index("ix_call_deals_deal_id", "call_deals", ["deal_id"])
    op.create_index("ix_call_people_user_id", "call_people", ["user_id"])
    op.create_index("ix_tasks_contact_id", "tasks", ["contact_id"])
    op.create_index("ix_tasks_deal_id", "tasks", ["deal_id"])
    op.create_index("ix_tasks_number", "tasks", ["number"])
    op.create_index(
        "ix_tasks_open",
        "tasks",
        ["due_at"],
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_index("ix_tasks_user_id", "tasks", ["user_id"])
