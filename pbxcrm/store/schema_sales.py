"""The tables of selling: companies, leads, who is who in a deal, imports, offers.

As in schema.py: times are epoch seconds UTC, money is whole minor units, days are text like 2026-12-31. `details` holds
JSON {field: value}: the fields of crm's own vocabulary and those the house made itself (custom_fields).
"""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, false

from pbxcrm.store.columns import Id, Money, Time, metadata

# `relation`: prospect | customer | partner | supplier | competitor | former | other
companies = Table(
    "companies",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("relation", Text, nullable=False, server_default="prospect"),
    Column("number", Text),
    Column("tail", Text, index=True),
    Column("email", Text, nullable=False, server_default="", index=True),
    Column("site", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
    Column("city", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("owner_id", Id, ForeignKey("users.id"), index=True),
    Column("created_at", Time, nullable=False),
    Column("details", Text, nullable=False, server_default="{}"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("search", Text, nullable=False, server_default=""),  # name, e-mail, site, city and note, folded
    Column("key", Text, nullable=False, server_default="", index=True),  # the name, folded: one company, one key
)

# A contact's further addresses. `kind`: email | post | site | social
contact_addresses = Table(
    "contact_addresses",
    metadata,
    Column("id", Id, primary_key=True),
    Column("contact_id", Id, ForeignKey("contacts.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("text", Text, nullable=False),
    UniqueConstraint("contact_id", "kind", "text"),
)

# Who knows whom: a person or a company is (kind) of another. `kind`: former_employer | professional_organisation |
# business_partner | competitor | colleague | family | other
relations = Table(
    "relations",
    metadata,
    Column("id", Id, primary_key=True),
    Column("contact_id", Id, ForeignKey("contacts.id"), index=True),
    Column("company_id", Id, ForeignKey("companies.id"), index=True),
    Column("kind", Text, nullable=False),
    Column("other_contact_id", Id, ForeignKey("contacts.id"), index=True),
    Column("other_company_id", Id, ForeignKey("companies.id"), index=True),
    Column("note", Text, nullable=False, server_default=""),
    Column("created_at", Time, nullable=False),
)

# A contact or company (`thing`) that was made part of another: the id that is no more, and the one that stayed.
merged = Table(
    "merged",
    metadata,
    Column("thing", Text, primary_key=True),
    Column("was", Id, primary_key=True, autoincrement=False),
    Column("contact_id", Id, ForeignKey("contacts.id"), index=True),
    Column("company_id", Id, ForeignKey("companies.id"), index=True),
)

# What is known of a deal beyond its card: needs, budget, timeline, competitors, objections … Apart from `deals`, so
# that a board reads none of it.
deal_details = Table(
    "deal_details",
    metadata,
    Column("deal_id", Id, ForeignKey("deals.id"), primary_key=True),
    Column("details", Text, nullable=False, server_default="{}"),
)

# `role`: decision_maker | influencer | end_user | other
deal_people = Table(
    "deal_people",
    metadata,
    Column("deal_id", Id, ForeignKey("deals.id"), primary_key=True),
    Column("contact_id", Id, ForeignKey("contacts.id"), primary_key=True, index=True),
    Column("role", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
)

tags = Table("tags", metadata, Column("id", Id, primary_key=True), Column("name", Text, nullable=False, unique=True))

deal_tags = Table(
    "deal_tags",
    metadata,
    Column("deal_id", Id, ForeignKey("deals.id"), primary_key=True),
    Column("tag_id", Id, ForeignKey("tags.id"), primary_key=True, index=True),
)
contact_tags = Table(
    "contact_tags",
    metadata,
    Column("contact_id", Id, ForeignKey("contacts.id"), primary_key=True),
    Column("tag_id", Id, ForeignKey("tags.id"), primary_key=True, index=True),
)
lead_tags = Table(
    "lead_tags",
    metadata,
    Column("lead_id", Id, ForeignKey("leads.id"), primary_key=True),
    Column("tag_id", Id, ForeignKey("tags.id"), primary_key=True, index=True),
)

# Fields the house made itself. `thing`: deal | contact | company | lead. `type`: text | number | date | select |
# yes_no | email | phone. `choices`: a line each. Values stand in a thing's `details`, {"custom": {key: value}}.
custom_fields = Table(
    "custom_fields",
    metadata,
    Column("id", Id, primary_key=True),
    Column("thing", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("choices", Text, nullable=False, server_default=""),
    Column("position", Integer, nullable=False),
    Column("retired_at", Time),  # its values are kept, and hidden
    UniqueConstraint("thing", "key"),
)

# People who may become customers, apart from those who are. What they became stands in the last three.
leads = Table(
    "leads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("company", Text, nullable=False, server_default=""),
    Column("job_title", Text, nullable=False, server_default=""),
    Column("email", Text, nullable=False, server_default="", index=True),
    Column("number", Text),
    Column("tail", Text, index=True),
    Column("city", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False, server_default=""),
    Column("interest", Text, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False, server_default="not_contacted"),
    Column("score", Integer, nullable=False, server_default="0"),
    Column("owner_id", Id, ForeignKey("users.id")),
    Column("team_id", Id, ForeignKey("teams.id")),  # whose people may claim it; NULL: anybody
    Column("created_at", Time, nullable=False),
    Column("claimed_at", Time),
    Column("active_at", Time, nullable=False),  # when something last happened with it
    Column("next_contact_at", Time),
    Column("details", Text, nullable=False, server_default="{}"),  # the quality test's answers among them
    Column("qualified_at", Time),
    Column("contact_id", Id, ForeignKey("contacts.id"), index=True),
    Column("company_id", Id, ForeignKey("companies.id"), index=True),
    Column("deal_id", Id, ForeignKey("deals.id"), index=True),
    Column("import_id", Id, ForeignKey("imports.id"), index=True),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("search", Text, nullable=False, server_default=""),  # name, company, e-mail, city, interest and note, folded
    Column("first_contact_at", Time),  # when somebody of ours first called, or talked with them
)
Index("ix_leads_list", leads.c.owner_id, leads.c.status, leads.c.id.desc())
Index("ix_leads_score", leads.c.score.desc(), leads.c.id.desc())
Index("ix_leads_newest", leads.c.created_at.desc(), leads.c.id.desc())

# Points for what a lead is (`basis` demographic) or does (behavioural). The first line of `value` is met wholly
# (points), the second partly (part_points).
score_rules = Table(
    "score_rules",
    metadata,
    Column("id", Id, primary_key=True),
    Column("basis", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("points", Integer, nullable=False),
    Column("part_points", Integer, nullable=False, server_default="0"),
)

# What happens by itself when a deal enters a stage: a task for its owner, due after so many days.
stage_tasks = Table(
    "stage_tasks",
    metadata,
    Column("id", Id, primary_key=True),
    Column("stage_id", Id, ForeignKey("stages.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("days", Integer, nullable=False, server_default="0"),
    Column("position", Integer, nullable=False, server_default="0"),
)

# What of a stage's checklist is done on a deal; `item`: the line itself.
deal_checks = Table(
    "deal_checks",
    metadata,
    Column("deal_id", Id, ForeignKey("deals.id"), primary_key=True),
    Column("stage_id", Id, ForeignKey("stages.id"), primary_key=True),
    Column("item", Text, primary_key=True),
    Column("at", Time, nullable=False),
    Column("user_id", Id, ForeignKey("users.id")),
)

# A table that somebody brought. `kind`: contacts | companies | leads; `state`: reading | mapping | running | done |
# failed | undoing | undone. `columns`: the head line, JSON; `mapping`: {column: field}, JSON. `place`: its rows up to
# this one are done; what comes after is not yet, or is taken back already.
imports = Table(
    "imports",
    metadata,
    Column("id", Id, primary_key=True),
    Column("user_id", Id, ForeignKey("users.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("ended_at", Time),
    Column("columns", Text, nullable=False, server_default="[]"),
    Column("mapping", Text, nullable=False, server_default="{}"),
    Column("options", Text, nullable=False, server_default="{}"),
    Column("total", Integer, nullable=False, server_default="0"),
    Column("made", Integer, nullable=False, server_default="0"),
    Column("changed", Integer, nullable=False, server_default="0"),
    Column("skipped", Integer, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False, server_default=""),
    Column("place", Integer, nullable=False, server_default="0"),
)

# Its rows as they were given, and what became of each: `action` made | changed | skipped (`reason`), after undo
# undone | kept (`reason`); `before`: the thing's fields before a change, JSON, for undo.
import_rows = Table(
    "import_rows",
    metadata,
    Column("import_id", Id, ForeignKey("imports.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("given", Text, nullable=False),
    Column("action", Text, nullable=False, server_default=""),
    Column("thing_id", Id),
    Column("version", Integer),  # of the thing as the import left it: undone only while nobody else has changed it
    Column("before", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Index("ix_import_rows_thing_id", "thing_id"),
)

# Offer templates, price lists, NDAs (deal_id NULL), and what was sent to a customer. `file`: its name in the folder of
# documents. `team_id`: whose people may read it; NULL: everybody. `shared`: an offer that others may learn from.
documents = Table(
    "documents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("mime", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("deal_id", Id, ForeignKey("deals.id"), index=True),
    Column("team_id", Id, ForeignKey("teams.id")),
    Column("shared", Boolean, nullable=False, server_default=false()),
    Column("user_id", Id, ForeignKey("users.id")),
    Column("created_at", Time, nullable=False),
)

# A price offer. `items`: JSON [{text, count, price}], a price in minor units; `state`: draft | sent | accepted |
# declined. A revision is a row of its own: `first_id` names the first of them (NULL: it is the first). `version` counts
# changes, as everywhere. `task_id`: who is to send it on the day agreed.
offers = Table(
    "offers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("deal_id", Id, ForeignKey("deals.id"), nullable=False, index=True),
    Column("state", Text, nullable=False, server_default="draft"),
    Column("created_at", Time, nullable=False),
    Column("created_by", Id, ForeignKey("users.id")),
    Column("send_on", Text),
    Column("sent_at", Time),
    Column("valid_until", Text),
    Column("currency", Text, nullable=False),
    Column("items", Text, nullable=False, server_default="[]"),
    Column("total", Money, nullable=False, server_default="0"),
    Column("note", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("title", Text, nullable=False, server_default=""),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("decided_at", Time),  # when it was accepted or declined
    Column("first_id", Id, ForeignKey("offers.id")),
    Column("task_id", Id, ForeignKey("tasks.id")),
)
