"""Leads: people who may become customers, kept apart from those who are. What may be said of one. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

from pbxcrm.calls.facts import Fact
from pbxcrm.calls.numbers import fold_digits
from pbxcrm.crm.details import words
from pbxcrm.crm.fields import (
    BadFields,
    Parser,
    WrongError,
    by_key,
    email,
    ident,
    ident_or_none,
    line,
    long_text,
    moment_or_none,
    name_or_none,
    parse,
    phone,
    truth,
)
from pbxcrm.crm.matching import best
from pbxcrm.crm.scoring import Subject
from pbxcrm.crm.views import CardLead, View, iso
from pbxcrm.crm.views import ident as outside

STATUSES = (
    "not_contacted",
    "attempting_contact",
    "contacted",
    "contact_in_future",
    "interested",
    "hot",
    "pre_qualified",
    "qualified",
    "cold",
    "not_interested",
    "lost",
    "junk",
)
# Nothing more is to be done with these: they take no room of what a person may hold.
OVER = ("not_interested", "lost", "junk")
# The test of a lead's quality: what is known to be so before it becomes a customer.
QUALITY = ("reachable", "need", "budget", "decider", "timing")
POINTS = 100 // len(QUALITY)  # each answer's part of the score, where the house made no rules of its own
LIMIT = 30  # leads a person may hold, where the house said nothing else
MOST_AT_ONCE = 200
SORTS = ("newest", "score")
SHOWN = ("new", "stale", "mine", "all")
RULES = ("base", "turn", "manager")  # whose a new lead is: see service.lead_turns
STALE = 24  # hours after which a lead of nobody is shown to the managers


class LeadRow(TypedDict):
    """A row of `leads` with the names beside it."""

    id: int
    name: str
    company: str
    job_title: str
    email: str
    number: str | None
    city: str
    source: str
    interest: str
    note: str
    status: str
    score: int
    owner_id: int | None
    owner_name: str | None
    team_id: int | None
    team_name: str | None
    created_at: float
    claimed_at: float | None
    first_contact_at: float | None
    active_at: float
    next_contact_at: float | None
    details: str
    qualified_at: float | None
    contact_id: int | None
    company_id: int | None
    deal_id: int | None
    import_id: int | None
    version: int


class LeadFields(TypedDict, total=False):
    """Columns of a lead; `owner` and `team` still as they were named, `quality` and `employees` of its details."""

    name: str
    company: str
    job_title: str
    email: str
    city: str
    source: str
    number: str | None
    interest: str
    note: str
    status: str
    next_contact_at: float | None
    quality: list[str]
    employees: int | None
    budget: str
    tags: list[str]
    owner: str | None
    team: str | None
    custom: Mapping[str, object]


class Wanted(TypedDict, total=False):
    """What a list of leads is asked for."""

    show: str
    status: str
    source: str
    owner: str
    q: str
    sort: str
    tag: str
    before: float


def quality_of(row: LeadRow) -> list[str]:
    """The answers of the quality test that are yes, in its order."""
    met = json.loads(row["details"]).get("quality", [])
    return [one for one in QUALITY if one in met]


def employees_of(row: LeadRow) -> int | None:
    """How many people work where this lead does."""
    return cast("int | None", json.loads(row["details"]).get("employees"))


def subject(row: Mapping[str, object], calls: Mapping[str, object]) -> Subject:
    """A lead, or a contact with its `numbers`, as the rules of scoring look at it; `calls` is what its calls say
    (store.score_rules.stats).
    """
    details = json.loads(str(row.get("details") or "{}"))
    texts = {name: row.get(name) or "" for name in ("city", "company", "job_title", "source", "interest")}
    counts = {name: calls[name] or 0 for name in ("talks", "answered", "called", "missed")}
    known = {"employees": details.get("employees") or 0, "quality": len(details.get("quality", []))}
    numbers = row["numbers"] if "numbers" in row else [row["number"]] if row.get("number") else []
    return cast("Subject", {**texts, **counts, **known, "numbers": numbers, "last_talk": calls["last_talk"]})


def likeliest(number: str | None, rows: Sequence[LeadRow]) -> LeadRow | None:
    """Of leads whose numbers end alike, whose this one is: somebody's before nobody's, then the one active last."""
    fits = set(best(number, [(row["id"], row["number"] or "") for row in rows])) if number else set()
    some = [row for row in rows if row["id"] in fits]
    return max(some, key=lambda row: (row["owner_id"] is not None, row["active_at"], row["id"]), default=None)


def now_stands(row: LeadRow, fact: Fact) -> dict[str, object]:
    """What a call changes of a lead: when somebody first got in touch, and a status that says less than the call."""
    call, changes = fact.call, dict[str, object]()
    tried = bool(call.talks) or (call.direction == "outbound" and fact.kind == "ended")
    if not tried or fact.at < row["created_at"]:
        return changes
    if row["first_contact_at"] is None:
        changes["first_contact_at"] = fact.at
    if call.talks and row["status"] in ("not_contacted", "attempting_contact"):
        changes["status"] = "contacted"
    elif row["status"] == "not_contacted":
        changes["status"] = "attempting_contact"
    return changes


def card(row: LeadRow) -> CardLead:
    """A lead as the caller card shows it, to those whose phones ring."""
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "company": row["company"],
        "status": row["status"],
        "score": row["score"],
        "interest": row["interest"],
        "budget": budget_of(row),
        "owner": row["owner_name"],
        "next_contact_at": iso(row["next_contact_at"]),
    }


def budget_of(row: LeadRow) -> str:
    """What they may spend, as somebody wrote it."""
    return str(json.loads(row["details"]).get("budget") or "")


def lead(row: LeadRow, custom: Mapping[str, object]) -> View:
    """A lead, for those whose it is; `custom`: what the house's own fields show of it."""
    return {
        "id": str(row["id"]),
        **{name: row[name] for name in _SAID},  # type: ignore[literal-required]
        "owner": row["owner_name"],
        "team": row["team_name"],
        "quality": quality_of(row),
        "employees": employees_of(row),
        "budget": budget_of(row),
        "created_at": iso(row["created_at"]),
        "claimed_at": iso(row["claimed_at"]),
        "first_contact_at": iso(row["first_contact_at"]),
        "active_at": iso(row["active_at"]),
        "next_contact_at": iso(row["next_contact_at"]),
        "qualified_at": iso(row["qualified_at"]),
        "contact_id": outside(row["contact_id"]),
        "company_id": outside(row["company_id"]),
        "deal_id": outside(row["deal_id"]),
        "custom": dict(custom),
        "version": row["version"],
    }


_SAID = (*("name", "company", "job_title", "email", "number", "city", "source", "interest", "note", "status", "score"),)
_NOBODYS = ("name", "source", "city", "status", "score")


def glimpse(row: LeadRow) -> View:
    """A lead of nobody for who may claim it: enough to choose by, nothing to reach the person by."""
    empty = dict.fromkeys(lead(row, {}), None)
    shown = {name: row[name] for name in _NOBODYS}  # type: ignore[literal-required]
    return {**empty, "id": str(row["id"]), **shown, "quality": [], "created_at": iso(row["created_at"])}


def choice(known: Sequence[str]) -> Parser:
    """One of these words."""

    def one(value: object) -> object:
        if value not in known:
            raise WrongError(f"This must be one of {', '.join(known)}.")
        return value

    return one


def _quality(value: object) -> list[str]:
    if not isinstance(value, list) or any(one not in QUALITY for one in value):
        raise WrongError(f"This must be a list of some of {', '.join(QUALITY)}.")
    return [one for one in QUALITY if one in value]


def _employees(value: object) -> int | None:
    if value in (None, ""):
        return None
    text = fold_digits(str(value)) if isinstance(value, int | str) else ""
    if not text.isdecimal() or int(text[:9]) > 10_000_000:
        raise WrongError("This must be a whole number.")
    return int(text)


def lead_fields(given: Mapping[str, object], region: str | None) -> LeadFields:
    """The columns of a lead. Raises BadFields."""
    known: dict[str, Parser] = {
        **dict.fromkeys(("name", "company", "job_title", "city", "source"), line),
        "email": email,
        "number": lambda value: None if value in (None, "") else phone(value, region),
        "interest": line,
        "note": long_text,
        "status": choice(STATUSES),
        "next_contact_at": moment_or_none,
        "quality": _quality,
        "employees": _employees,
        "budget": line,
        "tags": words,
        "owner": name_or_none,
        "team": name_or_none,
        "custom": by_key,
    }
    return cast("LeadFields", parse(given, known))


def filters(given: Mapping[str, object]) -> Wanted:
    """What a list is asked for. Raises BadFields."""
    known: dict[str, Parser] = {
        "show": choice(SHOWN),
        "status": choice(STATUSES),
        "sort": choice(SORTS),
        **dict.fromkeys(("source", "owner", "q", "tag"), line),
    }
    return cast("Wanted", parse(given, known))


def assigned(given: Mapping[str, object]) -> tuple[list[int], str | None, bool]:
    """Which leads go to whom (None: back to the base), and whether beyond their limit. Raises BadFields."""

    def some(value: object) -> list[int]:
        if not isinstance(value, list) or not value:
            raise WrongError("Choose at least one lead.")
        if len(value) > MOST_AT_ONCE:
            raise WrongError(f"At most {MOST_AT_ONCE} leads at once.")
        return sorted({ident(one) for one in value})

    known: dict[str, Parser] = {"ids": some, "owner": name_or_none, "beyond": truth}
    parsed = parse({"beyond": False, **given}, known, ("ids", "owner"))
    return parsed["ids"], parsed["owner"], parsed["beyond"]  # type: ignore[return-value]


class Becoming(TypedDict, total=False):
    """What a lead becomes: each `new`, the id of one that is there, or None. The rest is of a new deal."""

    company: str | int | None
    contact: str | int | None
    deal: str | int | None
    title: str
    value: object
    currency: object


def becoming(given: Mapping[str, object]) -> Becoming:
    """What a lead is to become. Raises BadFields."""

    def made(value: object) -> object:
        return value if value == "new" else ident_or_none(value)

    known: dict[str, Parser] = {
        **dict.fromkeys(("company", "contact", "deal"), made),
        "title": line,
        "value": lambda value: value,  # checked with the deal's own currency
        "currency": lambda value: value,
    }
    parsed = parse(given, known)
    if not any(parsed.get(name) for name in ("company", "contact", "deal")):
        raise BadFields({"contact": "Choose what the lead becomes: a company, a contact or a deal."})
    return parsed  # type: ignore[return-value]
