"""The tables. Times are epoch seconds UTC, money is whole minor units of its currency, numbers are E.164.

Later changes go into a migration of their own; this file always says what the newest migration leaves behind.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    false,
    true,
)

from pbxcrm.store.columns import Id, Money, Time, metadata
from pbxcrm.store.schema_sales import companies, leads
from pbxcrm.store.words import made_by

teams = Table("teams", metadata, Column("id", Id, primary_key=True), Column("name", Text, nullable=False, unique=True))

users = Table(
    "users",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("full_name", Text, nullable=False, server_default=""),
    Column("role", Text, nullable=False),
    Column("team_id", Id, ForeignKey("teams.id")),
    Column("password_hash", Text),
    Column("locale", Text, nullable=False, server_default="en"),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("calendar", Text, nullable=False, server_default="gregorian"),
    # An operator answers for others: their calls go to the one they pass them on to.
    Column("operator", Boolean, nullable=False, server_default=false()),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("created_at", Time, nullable=False),
    Column("lead_limit", Integer),  # how many leads they may hold at once; NULL: the house's limit
    Column(
        "feed_hash", Text, index=True, unique=True
    ),  # of the secret in their calendar's address; NULL: there is none
    Column("preferences", Text, nullable=False, server_default="{}"),  # JSON: how they like their screens
    CheckConstraint("role IN ('agent', 'manager', 'admin')", name="role"),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, index=True),
    Column("pattern", Text, nullable=False, unique=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, index=True),
    Column("created_at", Time, nullable=False),
    Column("seen_at", Time, nullable=False),
    Column("ends_at", Time, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("created_at", Time, nullable=False),
)

pipelines = Table(
    "pipelines",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("removed_at", Time),
)

stages = Table(
    "stages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("pipeline_id", Id, ForeignKey("pipelines.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("probability", Integer, nullable=False, server_default="0"),
    Column("idle_days", Integer),  # a deal that stands here longer stands too long; NULL: it may stand
    Column("guidance", Text, nullable=False, server_default=""),  # what is to be done here, a line a thing
    Column("needs", Text, nullable=False, server_default=""),  # fields a deal must have to come in, by comma
    Column("removed_at", Time),  # it stays as a name in the history of deals
    Column("advice", Text, nullable=False, server_default=""),  # what a seller should know here, in whole sentences
    Column("form", Text, nullable=False, server_default=""),  # details of a deal that are shown first here, by comma
    Column("next_days", Integer),  # a deal that comes in without a next contact gets one after so many days
    CheckConstraint("kind IN ('unsorted', 'open', 'won', 'lost')", name="kind"),
)

# Kept in the transaction that moves a deal: a board of a million deals counts in no time. owner_id 0: nobody's.
stage_totals = Table(
    "stage_totals",
    metadata,
    Column("stage_id", Id, ForeignKey("stages.id"), primary_key=True),
    Column("owner_id", Id, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("value", Money, nullable=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("company", Text, nullable=False, server_default=""),
    Column("email", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("owner_id", Id, ForeignKey("users.id"), index=True),
    Column("created_at", Time, nullable=False),
    # The newest talk with this person, by whoever of us: kept here because each ringing card shows it.
    Column("last_talk_at", Time),
    Column("last_talk_by", Text),
    # Name, company, e-mail and note, folded (crm/folding.py): what a search by words looks into.
    Column("search", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default="1"),
    # What the number stood for that they dialled first, else that number.
    Column("source", Text, nullable=False, server_default=""),
    Column("company_id", Id, ForeignKey("companies.id"), index=True),
    Column("job_title", Text, nullable=False, server_default=""),
    Column("city", Text, nullable=False, server_default=""),
    Column("score", Integer, nullable=False, server_default="0"),
    Column("first_contact_at", Time),  # and how: call | mail | meeting | web …
    Column("first_contact_by", Text, nullable=False, server_default=""),
    Column("changed_at", Time),  # when somebody last saw to these data
    # JSON: extension, birth date, preferred way of contact, and the house's own fields (custom_fields)
    Column("details", Text, nullable=False, server_default="{}"),
    # JSON: where the score comes from, [{field, asked, how, points}] (crm.scoring.told); empty: no rule has scored them
    Column("score_why", Text, nullable=False, server_default=""),
)
Index("ix_contacts_score", contacts.c.score.desc(), contacts.c.id.desc())

# With the ids, as that of numbers below: whoever is there twice is found in it alone.
Index("ix_contacts_email", contacts.c.email, contacts.c.id)

# `tail`: the last nine digits (all of a shorter number's), by which a caller is found whatever prefix is written.
contact_numbers = Table(
    "contact_numbers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False, index=True),
    Column("number", Text, nullable=False),
    Column("tail", Text, nullable=False),
    UniqueConstraint("contact_id", "number"),
    Index("ix_contact_numbers_tail", "tail", "contact_id"),
)

deals = Table(
    "deals",
    metadata,
    Column("id", Id, primary_key=True),
    Column("title", Text, nullable=False),
    Column("pipeline_id", Id, ForeignKey("pipelines.id"), nullable=False),
    Column("stage_id", Id, ForeignKey("stages.id"), nullable=False),
    Column("open", Boolean, nullable=False),
    Column("owner_id", Id, ForeignKey("users.id"), index=True),
    # Whose people may claim it while nobody owns it; NULL: anybody's.
    Column("team_id", Id, ForeignKey("teams.id")),
    Column("contact_id", Id, ForeignKey("contacts.id"), index=True),
    Column("number", Text, index=True),
    Column("value", Money, nullable=False, server_default="0"),
    Column("currency", Text, nullable=False),
    Column("source", Text, nullable=False, server_default=""),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", Time, nullable=False),
    Column("stage_since", Time, nullable=False),
    Column("active_at", Time, nullable=False),
    Column("next_contact_at", Time),
    Column("closed_at", Time),
    Column("close_reason", Text, nullable=False, server_default=""),
    Column("changed_by", Id, ForeignKey("users.id")),  # who made this version; NULL: a call did
    Column("version", Integer, nullable=False, server_default="1"),
    Column("search", Text, nullable=False, server_default=""),  # title and note, folded
    Column("company_id", Id, ForeignKey("companies.id"), index=True),
    Column("expected_close", Text),  # a day, like 2026-12-31
)
Index("ix_deals_column", deals.c.stage_id, deals.c.created_at.desc(), deals.c.id.desc())
Index("ix_deals_own_column", deals.c.owner_id, deals.c.stage_id, deals.c.created_at.desc(), deals.c.id.desc())
Index(
    "ix_deals_next",
    deals.c.stage_id,
    deals.c.owner_id,
    deals.c.next_contact_at,
    sqlite_where=deals.c.open.is_(True),
    postgresql_where=deals.c.open.is_(True),
)
# What the reports count a time by, with all that they add up: no row of the table is read for it.
Index("ix_deals_made", *(deals.c[name] for name in ("pipeline_id", "created_at", "owner_id", "currency", "value")))
Index(
    "ix_deals_closed",
    *(deals.c[name] for name in ("pipeline_id", "closed_at", "stage_id", "owner_id", "currency", "value")),
    sqlite_where=deals.c.closed_at.is_not(None),
    postgresql_where=deals.c.closed_at.is_not(None),
)

# One row each time a deal enters a stage: every report is computed from these.
stage_history = Table(
    "stage_history",
    metadata,
    Column("id", Id, primary_key=True),
    Column("deal_id", Id, ForeignKey("deals.id"), nullable=False),
    Column("from_stage_id", Id, ForeignKey("stages.id")),
    Column("stage_id", Id, ForeignKey("stages.id"), nullable=False),
    Column("at", Time, nullable=False),
    Column("user_id", Id, ForeignKey("users.id")),
    Column("owner_id", Id, ForeignKey("users.id")),
    Column("value", Money, nullable=False),
    Column("currency", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False),  # the deal's version that this move made
    Column("made", Text, nullable=False, server_default=""),  # what the stage did by itself, JSON, for undo
)
Index("ix_stage_history_way", stage_history.c.deal_id, stage_history.c.stage_id)
Index(
    "ix_stage_history_moves",
    *(stage_history.c.at, stage_history.c.deal_id, stage_history.c.stage_id, stage_history.c.from_stage_id),
)

# `n`: the last fact applied. `data`: the call's view (crm.views.call) as JSON text. `deal_id`: the one deal it is
# about, of all those in call_deals. `origin`: who told of it (ami | cel | cdr; part: ami, but not all was seen).
# `witness`: the second one that was asked (cel | cdr), NULL: nobody yet.
calls = Table(
    "calls",
    metadata,
    Column("id", Text, primary_key=True),
    Column("pbx", Text, nullable=False),
    Column("boot", Text, nullable=False),
    Column("uid", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("direction", Text, nullable=False),
    Column("number", Text, index=True),
    Column("did", Text),
    Column("outcome", Text, nullable=False),
    Column("started_at", Time, nullable=False),
    Column("answered_at", Time),
    Column("ended_at", Time),
    Column("talk_seconds", Float(53), nullable=False),
    Column("first_answered_by", Text),
    Column("last_answered_by", Text),
    Column("contact_id", Id, ForeignKey("contacts.id")),
    Column("deal_id", Id, ForeignKey("deals.id"), index=True),
    Column("made_deal", Boolean, nullable=False, server_default=false()),  # whether this call made that deal
    Column("recording", Text),
    Column("data", Text, nullable=False),
    Column("origin", Text, nullable=False, server_default="ami"),
    Column("witness", Text),
    UniqueConstraint("pbx", "boot", "uid"),
    Index("ix_calls_uid", "uid"),
)
Index("ix_calls_newest", calls.c.started_at.desc(), calls.c.id.desc())

Index(
    "ix_calls_ongoing", calls.c.id, sqlite_where=calls.c.ended_at.is_(None), postgresql_where=calls.c.ended_at.is_(None)
)
Index("ix_calls_contact", calls.c.contact_id, calls.c.started_at.desc())

# Who took part (rang or talked): an agent sees these calls and those of their own deals.
call_people = Table(
    "call_people",
    metadata,
    Column("call_id", Text, ForeignKey("calls.id"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True, index=True),
)

call_deals = Table(
    "call_deals",
    metadata,
    Column("call_id", Text, ForeignKey("calls.id"), primary_key=True),
    Column("deal_id", Id, ForeignKey("deals.id"), primary_key=True, index=True),
)

# Where the second witness tells a call otherwise. `ours` and `theirs`: the call's view as each tells it, JSON text;
# `fields`: those that differ, by comma; `call_at`: the call's start.
disagreements = Table(
    "disagreements",
    metadata,
    Column("call_id", Text, ForeignKey("calls.id"), primary_key=True),
    Column("source", Text, nullable=False),
    Column("at", Time, nullable=False),
    Column("call_at", Time, nullable=False),
    Column("fields", Text, nullable=False),
    Column("ours", Text, nullable=False),
    Column("theirs", Text, nullable=False),
    Column("seen_at", Time),
    Column("seen_by", Id, ForeignKey("users.id")),
)
Index("ix_disagreements_newest", disagreements.c.call_at.desc(), disagreements.c.call_id.desc())

# How often two witnesses agreed ("agreed"), and in which field they did not.
witness_totals = Table(
    "witness_totals",
    metadata,
    Column("key", Text, primary_key=True),
    Column("count", Money, nullable=False),
)

notes = Table(
    "notes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("deal_id", Id, ForeignKey("deals.id"), index=True),  # what it is about: this, or one of those below
    Column("user_id", Id, ForeignKey("users.id")),
    Column("at", Time, nullable=False),
    Column("text", Text, nullable=False),
    Column("search", Text, nullable=False, server_default=""),  # folded
    Column("contact_id", Id, ForeignKey("contacts.id"), index=True),
    Column("company_id", Id, ForeignKey("companies.id"), index=True),
    Column("lead_id", Id, ForeignKey("leads.id"), index=True),
    Column("call_id", Text, ForeignKey("calls.id"), index=True),  # written after that call
    Column("coaching", Boolean, nullable=False, server_default=false()),  # a manager's, for the owner to learn from
)

# A call that somebody talked in and has yet to say what came of it (done_at NULL), or has said. `at`: when the last
# talk began that it is about, by the PBX's clock; `tags`: by comma.
wrapups = Table(
    "wrapups",
    metadata,
    Column("call_id", Text, ForeignKey("calls.id"), primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True),
    Column("at", Time, nullable=False),
    Column("done_at", Time),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("tags", Text, nullable=False, server_default=""),
)
Index(
    "ix_wrapups_open",
    wrapups.c.user_id,
    wrapups.c.at,
    sqlite_where=wrapups.c.done_at.is_(None),
    postgresql_where=wrapups.c.done_at.is_(None),
)

tasks = Table(
    "tasks",
    metadata,
    Column("id", Id, primary_key=True),
    # callback: somebody called and nobody talked with them. look: a colleague answered your customer.
    # device: a phone that belongs to nobody answered (title: its name). todo, call, mail, meeting: a person's own.
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("deal_id", Id, ForeignKey("deals.id"), index=True),
    Column("contact_id", Id, ForeignKey("contacts.id"), index=True),
    Column("call_id", Text, ForeignKey("calls.id"), index=True),
    Column("number", Text, index=True),
    Column("user_id", Id, ForeignKey("users.id"), index=True),
    Column("team_id", Id, ForeignKey("teams.id")),
    Column("times", Integer, nullable=False, server_default="1"),  # how often it was asked for: calls missed in a row
    Column("created_at", Time, nullable=False),
    Column("due_at", Time, nullable=False),
    Column("done_at", Time),
    Column("done_by", Id, ForeignKey("users.id")),
    Column("company_id", Id, ForeignKey("companies.id"), index=True),
    Column("lead_id", Id, ForeignKey("leads.id"), index=True),
    Column("created_by", Id, ForeignKey("users.id")),
    Column("ends_at", Time),  # of a meeting, which starts when it is due
    Column("place", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("result", Text, nullable=False, server_default=""),  # what came of it
    Column("remind_at", Time),  # when it pops up; NULL: it does not, or has
    Column("version", Integer, nullable=False, server_default="1"),
    Column("stage_task_id", Id, ForeignKey("stage_tasks.id")),  # what made it, when its deal came into a stage
    CheckConstraint("kind IN ('callback', 'look', 'device', 'todo', 'call', 'mail', 'meeting')", name="kind"),
)

Index(
    "ix_tasks_open", tasks.c.due_at, sqlite_where=tasks.c.done_at.is_(None), postgresql_where=tasks.c.done_at.is_(None)
)

Index(
    "ix_tasks_remind",
    tasks.c.remind_at,
    sqlite_where=tasks.c.remind_at.is_not(None),
    postgresql_where=tasks.c.remind_at.is_not(None),
)

# A click-to-call: the row is written before the PBX is asked, and nothing is ever sent for a row that exists.
dials = Table(
    "dials",
    metadata,
    Column("id", Text, primary_key=True),  # also the ActionID of the Originate
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("deal_id", Id, ForeignKey("deals.id"), index=True),
    Column("contact_id", Id, ForeignKey("contacts.id"), index=True),
    Column("state", Text, nullable=False),  # asked | sent | ringing | answered | ended | refused | unknown
    Column("reason", Text, nullable=False, server_default=""),
    Column("call_id", Text),
    Column("created_at", Time, nullable=False, index=True),
    UniqueConstraint("user_id", "key"),
)

# Who said once more who they are, before the first call to that country (ISO 3166, or a calling code).
dial_countries = Table(
    "dial_countries",
    metadata,
    Column("user_id", Id, ForeignKey("users.id"), primary_key=True),
    Column("country", Text, primary_key=True),
    Column("at", Time, nullable=False),
)

# `audience`: NULL managers only, '*' everybody, '|3|17|' those persons and the managers, '=|3|' that person alone.
journal = Table(
    "journal",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Time, nullable=False),
    Column("kind", Text, nullable=False),
    Column("audience", Text),
    Column("data", Text, nullable=False),
    sqlite_autoincrement=True,  # an id once given out is never given again: clients hold it as a cursor
)

# Who saw and changed what. `changes`: JSON {field: [old, new]}; `times`: how often, where rows are gathered before they
# are written. No foreign keys: what it tells of may be gone.
audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Time, nullable=False),
    Column("name", Text, nullable=False),
    Column("peer", Text, nullable=False, server_default=""),
    Column("action", Text, nullable=False),
    Column("thing", Text, nullable=False, server_default=""),
    Column("thing_id", Text, nullable=False, server_default=""),
    Column("changes", Text, nullable=False, server_default="{}"),
    Column("times", Integer, nullable=False, server_default="1"),
    sqlite_autoincrement=True,  # a row that retention took away is never replaced by another of its id
)
Index("ix_audit_newest", audit.c.at.desc(), audit.c.id.desc())
Index("ix_audit_thing", audit.c.thing, audit.c.thing_id)

# Which number was dialled says where the customer heard of us, and whose team answers for it.
dids = Table(
    "dids",
    metadata,
    Column("did", Text, primary_key=True),
    Column("source", Text, nullable=False, server_default=""),
    Column("team_id", Id, ForeignKey("teams.id")),
)

# Tries to log in, of late: see tries.py.
tries = Table("tries", metadata, Column("key", Text, primary_key=True), Column("full_at", Time, nullable=False))

settings = Table("settings", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

pbxes = Table(
    "pbxes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("boot", Text, nullable=False, server_default=""),
    Column("up", Boolean, nullable=False),
    Column("since", Time, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
)

# Who outside is told of what happens. `cursor`: the last journal row that was told, or passed over, for good.
webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),  # by comma
    Column("secret", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=true()),
    Column("cursor", Id, nullable=False),
    Column("created_by", Id, ForeignKey("users.id")),
    Column("created_at", Time, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),  # in vain, of the row after the cursor
    Column("failing_since", Time),
    Column("retry_at", Time),
    Column("reason", Text, nullable=False, server_default=""),  # why the last try was in vain
)

# The last deliveries of each, for people to look at. What was told is not kept.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Id, primary_key=True),
    Column("webhook_id", Id, ForeignKey("webhooks.id"), nullable=False),
    Column("journal_id", Id, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Time, nullable=False),  # of the last try
    Column("tries", Integer, nullable=False),
    Column("status", Integer),  # the receiver's answer, NULL where there was none
    Column("reason", Text, nullable=False),  # '' when it was taken
    UniqueConstraint("webhook_id", "journal_id"),
)

# A list as somebody likes to see it. `page`: board …; `query`: as in its address.
saved_views = Table(
    "saved_views",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False, index=True),
    Column("page", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False, server_default=""),
    Column("shared", Boolean, nullable=False, server_default=false()),
)

# Searched by any part (words.py): the index is made by statements of each database's own.
INDEXED = (
    contacts.c.search,
    contact_numbers.c.number,
    deals.c.search,
    notes.c.search,
    companies.c.search,
    leads.c.search,
)


def _index_words(made: Table, conn: Connection, **_more: object) -> None:
    for searched in INDEXED:
        if searched.table is made:
            for statement in made_by(conn.dialect.name, made.name, searched.name):
                conn.exec_driver_sql(statement)


def _trigrams(_all: MetaData, conn: Connection, **_more: object) -> None:
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")


event.listen(metadata, "before_create", _trigrams)
for _searched in INDEXED:
    event.listen(_searched.table, "after_create", _index_words)
