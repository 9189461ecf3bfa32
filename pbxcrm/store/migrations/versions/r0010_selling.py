"""Companies, leads, who is who in a deal, appointments, imports, offers.

Two tables are made anew in SQLite, which cannot loosen a column or a check: notes (of a deal, or of something else)
and tasks (of more kinds). `contact_numbers.reversed` goes: since revision 0005 trigrams find any part of a number.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from pbxcrm.store.words import made_by

revision = "0010"
down_revision = "0009"

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KINDS = "kind IN ('callback', 'look', 'device', 'todo', 'call', 'mail', 'meeting')"


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    _companies()
    _imports()
    _leads()
    _widened()
    _notes(sqlite)
    _tasks(sqlite)
    _people()
    _tags()
    _work()
    _offers()
    op.drop_index("ix_contact_numbers_reversed", "contact_numbers")
    op.drop_column("contact_numbers", "reversed")
    for name in ("companies", "leads"):
        _words(name)


def _words(name: str) -> None:
    conn = op.get_bind()
    has = sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'")
    if conn.dialect.name == "postgresql" and not conn.execute(has).scalar():
        return
    for statement in made_by(conn.dialect.name, name, "search"):
        op.execute(sa.text(statement))


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default="")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [_text(name) for name in names]


def _to(table: str, name: str, other: str, *, key: str = "BIGINT") -> None:
    """A column that refers to another table: SQLite takes it only within the column's own definition."""
    kind = "INTEGER" if key == "BIGINT" and op.get_bind().dialect.name == "sqlite" else key
    op.execute(
        sa.text(f"ALTER TABLE {table} ADD COLUMN {name} {kind} CONSTRAINT fk_{table}_{name} REFERENCES {other} (id)")
    )


def _fk(table: str, name: str, other: str) -> sa.ForeignKey:
    return sa.ForeignKey(f"{other}.id", name=f"fk_{table}_{name}")


def _companies() -> None:
    op.create_table(
        "companies",
        sa.Column("id", BIG),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False, server_default="prospect"),
        sa.Column("number", sa.Text()),
        sa.Column("tail", sa.Text()),
        *_texts("email", "site", "address", "city", "note"),
        sa.Column("owner_id", BIG, _fk("companies", "owner_id", "users")),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("details", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        _text("search"),
        sa.PrimaryKeyConstraint("id", name="pk_companies"),
    )
    op.create_index("ix_companies_tail", "companies", ["tail"])
    op.create_index("ix_companies_owner_id", "companies", ["owner_id"])


def _imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", BIG),
        sa.Column("user_id", BIG, _fk("imports", "user_id", "users"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("ended_at", sa.Float(53)),
        sa.Column("columns", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("mapping", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("options", sa.Text(), nullable=False, server_default="{}"),
        *(
            sa.Column(name, sa.Integer(), nullable=False, server_default="0")
            for name in ("total", "made", "changed", "skipped")
        ),
        _text("reason"),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_table(
        "import_rows",
        sa.Column("import_id", BIG, _fk("import_rows", "import_id", "imports")),
        sa.Column("n", sa.Integer()),
        sa.Column("given", sa.Text(), nullable=False),
        _text("action"),
        sa.Column("thing_id", BIG),
        sa.Column("version", sa.Integer()),
        _text("before"),
        _text("reason"),
        sa.PrimaryKeyConstraint("import_id", "n", name="pk_import_rows"),
    )


def _leads() -> None:
    op.create_table(
        "leads",
        sa.Column("id", BIG),
        *_texts("name", "company", "job_title", "email"),
        sa.Column("number", sa.Text()),
        sa.Column("tail", sa.Text()),
        *_texts("city", "source", "interest", "note"),
        sa.Column("status", sa.Text(), nullable=False, server_default="not_contacted"),
        sa.Column("score", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("owner_id", BIG, _fk("leads", "owner_id", "users")),
        sa.Column("team_id", BIG, _fk("leads", "team_id", "teams")),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("claimed_at", sa.Float(53)),
        sa.Column("active_at", sa.Float(53), nullable=False),
        sa.Column("next_contact_at", sa.Float(53)),
        sa.Column("details", sa.Text(), nullable=False, server_default="{}"),
        sa.Column("qualified_at", sa.Float(53)),
        sa.Column("contact_id", BIG, _fk("leads", "contact_id", "contacts")),
        sa.Column("company_id", BIG, _fk("leads", "company_id", "companies")),
        sa.Column("deal_id", BIG, _fk("leads", "deal_id", "deals")),
        sa.Column("import_id", BIG, _fk("leads", "import_id", "imports")),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        _text("search"),
        sa.PrimaryKeyConstraint("id", name="pk_leads"),
    )
    for name in ("tail", "contact_id", "company_id", "deal_id", "import_id"):
        op.create_index(f"ix_leads_{name}", "leads", [name])
    op.create_index("ix_leads_list", "leads", ["owner_id", "status", sa.text("id DESC")])


def _widened() -> None:
    op.add_column("users", sa.Column("lead_limit", sa.Integer()))
    op.add_column("users", sa.Column("feed_hash", sa.Text()))
    op.add_column("users", sa.Column("preferences", sa.Text(), nullable=False, server_default="{}"))
    op.create_index("ix_users_feed_hash", "users", ["feed_hash"], unique=True)
    for table in ("contacts", "deals"):
        _to(table, "company_id", "companies")
        op.create_index(f"ix_{table}_company_id", table, ["company_id"])
    for name in ("job_title", "city"):
        op.add_column("contacts", _text(name))
    op.add_column("contacts", sa.Column("score", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("contacts", sa.Column("first_contact_at", sa.Float(53)))
    op.add_column("contacts", _text("first_contact_by"))
    op.add_column("contacts", sa.Column("changed_at", sa.Float(53)))
    op.add_column("contacts", sa.Column("details", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("deals", sa.Column("expected_close", sa.Text()))


def _notes(sqlite: bool) -> None:
    if sqlite:
        _anew_notes()
    else:
        op.alter_column("notes", "deal_id", nullable=True)
        for name, other in (("contact_id", "contacts"), ("company_id", "companies"), ("lead_id", "leads")):
            _to("notes", name, other)
        _to("notes", "call_id", "calls", key="TEXT")
    for name in ("contact_id", "company_id", "lead_id"):
        op.create_index(f"ix_notes_{name}", "notes", [name])


def _anew_notes() -> None:
    for event in ("insert", "delete", "update"):
        op.execute(sa.text(f"DROP TRIGGER notes_words_{event}"))
    op.execute(sa.text("DROP TABLE notes_words"))
    kept = ("id", "deal_id", "user_id", "at", "text", "search")
    _aside("notes", ("ix_notes_deal_id",))
    op.create_table(
        "notes",
        sa.Column("id", BIG),
        sa.Column("deal_id", BIG, _fk("notes", "deal_id", "deals")),
        sa.Column("user_id", BIG, _fk("notes", "user_id", "users")),
        sa.Column("at", sa.Float(53), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        _text("search"),
        sa.Column("contact_id", BIG, _fk("notes", "contact_id", "contacts")),
        sa.Column("company_id", BIG, _fk("notes", "company_id", "companies")),
        sa.Column("lead_id", BIG, _fk("notes", "lead_id", "leads")),
        sa.Column("call_id", sa.Text(), _fk("notes", "call_id", "calls")),
        sa.PrimaryKeyConstraint("id", name="pk_notes"),
    )
    _back("notes", kept)
    op.create_index("ix_notes_deal_id", "notes", ["deal_id"])
    _words("notes")


def _tasks(sqlite: bool) -> None:
    if sqlite:
        _anew_tasks()
    else:
        op.drop_constraint(op.f("ck_tasks_kind"), "tasks")
        op.create_check_constraint(op.f("ck_tasks_kind"), "tasks", sa.text(KINDS))
        for name, other in (("company_id", "companies"), ("lead_id", "leads"), ("created_by", "users")):
            _to("tasks", name, other)
        op.add_column("tasks", sa.Column("ends_at", sa.Float(53)))
        for name in ("place", "note", "result"):
            op.add_column("tasks", _text(name))
        op.add_column("tasks", sa.Column("remind_at", sa.Float(53)))
        op.add_column("tasks", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    for name in ("company_id", "lead_id"):
        op.create_index(f"ix_tasks_{name}", "tasks", [name])
    where = sa.text("remind_at IS NOT NULL")
    op.create_index("ix_tasks_remind", "tasks", ["remind_at"], sqlite_where=where, postgresql_where=where)


def _tasks_before() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", BIG),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("deal_id", BIG, _fk("tasks", "deal_id", "deals")),
        sa.Column("contact_id", BIG, _fk("tasks", "contact_id", "contacts")),
        sa.Column("call_id", sa.Text(), _fk("tasks", "call_id", "calls")),
        sa.Column("number", sa.Text()),
        sa.Column("user_id", BIG, _fk("tasks", "user_id", "users")),
        sa.Column("team_id", BIG, _fk("tasks", "team_id", "teams")),
        sa.Column("times", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("due_at", sa.Float(53), nullable=False),
        sa.Column("done_at", sa.Float(53)),
        sa.Column("done_by", BIG, _fk("tasks", "done_by", "users")),
    ]


def _anew_tasks() -> None:
    kept = _tasks_before()
    indexed = ("contact_id", "deal_id", "number", "user_id")
    _aside("tasks", ("ix_tasks_open", *(f"ix_tasks_{name}" for name in indexed)))
    op.create_table(
        "tasks",
        *kept,
        sa.Column("company_id", BIG, _fk("tasks", "company_id", "companies")),
        sa.Column("lead_id", BIG, _fk("tasks", "lead_id", "leads")),
        sa.Column("created_by", BIG, _fk("tasks", "created_by", "users")),
        sa.Column("ends_at", sa.Float(53)),
        _text("place"),
        _text("note"),
        _text("result"),
        sa.Column("remind_at", sa.Float(53)),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.CheckConstraint(KINDS, name=op.f("ck_tasks_kind")),
        sa.PrimaryKeyConstraint("id", name="pk_tasks"),
    )
    _back("tasks", tuple(column.name for column in kept))
    for name in indexed:
        op.create_index(f"ix_tasks_{name}", "tasks", [name])
    op.create_index("ix_tasks_open", "tasks", ["due_at"], sqlite_where=sa.text("done_at IS NULL"))


def _aside(name: str, indexes: tuple[str, ...]) -> None:
    for index in indexes:
        op.drop_index(index, name)
    op.rename_table(name, f"{name}_before")


def _back(name: str, kept: tuple[str, ...]) -> None:
    columns = ", ".join(kept)
    op.execute(sa.text(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {name}_before"))  # noqa: S608
    op.drop_table(f"{name}_before")


def _people() -> None:
    op.create_table(
        "contact_addresses",
        sa.Column("id", BIG),
        sa.Column("contact_id", BIG, _fk("contact_addresses", "contact_id", "contacts"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.UniqueConstraint("contact_id", "kind", "text", name="uq_contact_addresses_contact_id_kind_text"),
        sa.PrimaryKeyConstraint("id", name="pk_contact_addresses"),
    )
    op.create_index("ix_contact_addresses_contact_id", "contact_addresses", ["contact_id"])
    ends = (
        ("contact_id", "contacts"),
        ("company_id", "companies"),
        ("other_contact_id", "contacts"),
        ("other_company_id", "companies"),
    )
    op.create_table(
        "relations",
        sa.Column("id", BIG),
        *(sa.Column(name, BIG, _fk("relations", name, other)) for name, other in ends[:2]),
        sa.Column("kind", sa.Text(), nullable=False),
        *(sa.Column(name, BIG, _fk("relations", name, other)) for name, other in ends[2:]),
        _text("note"),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_relations"),
    )
    for name, _ in ends:
        op.create_index(f"ix_relations_{name}", "relations", [name])
    op.create_table(
        "deal_details",
        sa.Column("deal_id", BIG, _fk("deal_details", "deal_id", "deals")),
        sa.Column("details", sa.Text(), nullable=False, server_default="{}"),
        sa.PrimaryKeyConstraint("deal_id", name="pk_deal_details"),
    )
    op.create_table(
        "deal_people",
        sa.Column("deal_id", BIG, _fk("deal_people", "deal_id", "deals")),
        sa.Column("contact_id", BIG, _fk("deal_people", "contact_id", "contacts")),
        sa.Column("role", sa.Text(), nullable=False),
        _text("note"),
        sa.PrimaryKeyConstraint("deal_id", "contact_id", name="pk_deal_people"),
    )
    op.create_index("ix_deal_people_contact_id", "deal_people", ["contact_id"])


def _tags() -> None:
    op.create_table(
        "tags",
        sa.Column("id", BIG),
        sa.Column("name", sa.Text(), nullable=False),
        sa.UniqueConstraint("name", name="uq_tags_name"),
        sa.PrimaryKeyConstraint("id", name="pk_tags"),
    )
    for thing, table in (("deal", "deals"), ("contact", "contacts"), ("lead", "leads")):
        name = f"{thing}_tags"
        op.create_table(
            name,
            sa.Column(f"{thing}_id", BIG, _fk(name, f"{thing}_id", table)),
            sa.Column("tag_id", BIG, _fk(name, "tag_id", "tags")),
            sa.PrimaryKeyConstraint(f"{thing}_id", "tag_id", name=f"pk_{name}"),
        )
        op.create_index(f"ix_{name}_tag_id", name, ["tag_id"])
    op.create_table(
        "custom_fields",
        sa.Column("id", BIG),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("thing", "key", "name", "type")),
        _text("choices"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.UniqueConstraint("thing", "key", name="uq_custom_fields_thing_key"),
        sa.PrimaryKeyConstraint("id", name="pk_custom_fields"),
    )
    op.create_table(
        "score_rules",
        sa.Column("id", BIG),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("basis", "field", "value")),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("part_points", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_score_rules"),
    )


def _work() -> None:
    op.create_table(
        "stage_tasks",
        sa.Column("id", BIG),
        sa.Column("stage_id", BIG, _fk("stage_tasks", "stage_id", "stages"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_stage_tasks"),
    )
    op.create_index("ix_stage_tasks_stage_id", "stage_tasks", ["stage_id"])


def _offers() -> None:
    op.create_table(
        "documents",
        sa.Column("id", BIG),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "name", "file", "mime")),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("deal_id", BIG, _fk("documents", "deal_id", "deals")),
        sa.Column("team_id", BIG, _fk("documents", "team_id", "teams")),
        sa.Column("shared", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("user_id", BIG, _fk("documents", "user_id", "users")),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_documents"),
    )
    op.create_index("ix_documents_deal_id", "documents", ["deal_id"])
    op.create_table(
        "offers",
        sa.Column("id", BIG),
        sa.Column("deal_id", BIG, _fk("offers", "deal_id", "deals"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, server_default="draft"),
        sa.Column("created_at", sa.Float(53), nullable=False),
        sa.Column("created_by", BIG, _fk("offers", "created_by", "users")),
        sa.Column("send_on", sa.Text()),
        sa.Column("sent_at", sa.Float(53)),
        sa.Column("valid_until", sa.Text()),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("items", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("total", BIG, nullable=False, server_default="0"),
        _text("note"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("id", name="pk_offers"),
    )
    op.create_index("ix_offers_deal_id", "offers", ["deal_id"])
