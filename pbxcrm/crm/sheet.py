"""Tables for spreadsheets: CSV as RFC 4180 says, in which no cell is a formula.

The only writer of CSV there is. Excel and LibreOffice run what begins like a formula, whoever typed it: a caller's
name, say. Such a cell gets a leading apostrophe, which they take for "this is text" (OWASP, CSV injection); so do
numbers like +48601234567, which would lose their plus. Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

BOM = "\ufeff"  # without it Excel reads UTF-8 as something else
# What begins a formula, also in full width, raised, lowered or small; and what a reader may skip before it.
_TRIGGERS = "=+\\-@\t\r\n\0'＝﹦⁼₌＋﹢⁺₊﬩－﹣⁻₋−＠﹫＇"
_SKIPPED = '" \u00a0\u3000\ufeff\u200b-\u200f'
# At the beginning of a cell, and of whatever a reader with other separators would take for one.
_RISK = re.compile(f"(?:\\A|(?<=[;\t\r\n]))(?=[{_SKIPPED}]*[{_TRIGGERS}])")


def cell(value: object) -> str:
    """A value as one quoted cell; None is empty, a list its values with commas between."""
    return '"' + harmless(_plain(value)).replace('"', '""') + '"'


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(one) for one in value)
    return str(value)


def harmless(value: str) -> str:
    """The text, with an apostrophe before what a spreadsheet could take for more; taking them off gives it back."""
    return _RISK.sub("'", value)


def line(cells: Iterable[object]) -> str:
    """A row with its end. Every cell is quoted."""
    return ",".join(cell(one) for one in cells) + "\r\n"


def rows(views: Iterable[Mapping[str, object]], columns: Sequence[str]) -> str:
    """Rows of these columns."""
    return "".join(line(view.get(name) for name in columns) for view in views)


DEALS = (
    "id", "title", "stage_name", "stage_kind", "owner", "value", "currency", "contact_name", "company", "number",
    "source", "priority", "created_at", "stage_since", "next_contact_at", "closed_at", "close_reason", "note",
)  # fmt: skip
CONTACTS = (
    "id", "name", "company", "email", "numbers", "owner", "created_at", "last_talk_at", "last_talk_by", "note",
)  # fmt: skip
COMPANIES = (
    "id", "name", "relation", "number", "email", "site", "address", "city", "owner", "created_at", "people", "deals",
    "note",
)  # fmt: skip
LEADS = (
    "id", "name", "company", "job_title", "email", "number", "city", "source", "interest", "status", "score", "owner",
    "team", "created_at", "claimed_at", "next_contact_at", "qualified_at", "note",
)  # fmt: skip
TASKS = (
    "id", "kind", "title", "user", "due_at", "ends_at", "place", "deal_id", "contact_id", "contact_name", "company",
    "number", "created_at", "done_at", "done_by", "result", "note",
)  # fmt: skip
CALLS = (
    "id", "direction", "number", "caller_name", "did", "outcome", "started_at", "answered_at", "ended_at",
    "talk_seconds", "first_answered_by", "last_answered_by", "rang", "contact_id", "deal_id",
)  # fmt: skip
