"""The one JSON shape of everything: journal rows, REST and pages all show these.

Times become ISO 8601 UTC with `Z`, ids strings, money a decimal string. Pure: a row or a snapshot in, a dict out.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypedDict

from pbxcrm.calls.model import Call, Evidence, Talk, Transfer
from pbxcrm.crm.details import ADDRESSES, PERSON
from pbxcrm.crm.money import money, parse_money
from pbxcrm.crm.pipelines import idle_from

__all__ = [
    "CardView",
    "DealRow",
    "View",
    "call",
    "card",
    "company",
    "contact",
    "deal",
    "iso",
    "money",
    "parse_money",
    "person",
    "task",
]

View = dict[str, object]

GLANCE = 300  # characters
GLANCED = 5  # reasons
# Stored beside a call's view, for the tracker to find the call again after a restart of ours.
KEPT = ("customer", "root")


class DealRow(TypedDict):
    """A row of `deals`, with the names the board shows beside it."""

    id: int
    title: str
    pipeline_id: int
    stage_id: int
    stage_name: str
    stage_kind: str
    open: bool
    owner_id: int | None
    owner_name: str | None
    owner_full_name: str | None
    team_id: int | None
    contact_id: int | None
    contact_name: str | None
    company: str | None
    number: str | None
    value: int
    currency: str
    source: str
    priority: int
    note: str
    created_at: float
    stage_since: float
    active_at: float
    next_contact_at: float | None
    closed_at: float | None
    close_reason: str
    version: int
    last_talk_at: float | None
    score: int | None
    idle_days: int | None
    company_id: int | None
    expected_close: str | None


class ContactRow(TypedDict):
    """A row of `contacts` with its owner's name."""

    id: int
    name: str
    company: str
    email: str
    note: str
    owner_id: int | None
    owner_name: str | None
    created_at: float
    last_talk_at: float | None
    last_talk_by: str | None
    source: str
    version: int
    company_id: int | None
    job_title: str
    city: str
    score: int
    first_contact_at: float | None
    first_contact_by: str
    changed_at: float | None
    details: str
    score_why: str


class CompanyRow(TypedDict):
    """A row of `companies` with its owner's name."""

    id: int
    name: str
    relation: str
    number: str | None
    email: str
    site: str
    address: str
    city: str
    note: str
    owner_id: int | None
    owner_name: str | None
    created_at: float
    version: int
    details: str


class TaskRow(TypedDict):
    """A row of `tasks` with the names beside it; `outcome` is its last call's, `called_at` when that was over."""

    id: int
    kind: str
    title: str
    deal_id: int | None
    contact_id: int | None
    contact_name: str | None
    company: str | None
    call_id: str | None
    outcome: str | None
    called_at: float | None
    number: str | None
    user_id: int | None
    user_name: str | None
    team_id: int | None
    team_name: str | None
    times: int
    created_at: float
    due_at: float
    done_at: float | None
    done_by_name: str | None
    ends_at: float | None
    place: str
    note: str
    result: str
    remind_at: float | None
    version: int


class CardDeal(TypedDict):
    """A deal as the caller card lists it: `stage` is the stage's id, `owner` the user's name."""

    id: str
    title: str
    stage: str
    stage_name: str
    owner: str | None
    next_contact_at: str | None
    value: str
    currency: str
    note: str
    needs: str
    budget: str


class CardContact(TypedDict):
    """Who calls, as far as we know them."""

    id: str
    name: str
    company: str
    score: int | None
    reasons: list[dict[str, object]]
    contact_by: str


class CardLead(TypedDict):
    """Who calls, where they stand among the leads; `owner` by name."""

    id: str
    name: str
    company: str
    status: str
    score: int
    interest: str
    budget: str
    owner: str | None
    next_contact_at: str | None


class CardView(TypedDict):
    """What the caller card shows beside the call itself; `last_talk` is {at, by}, `lead` of who is no contact."""

    contact: CardContact | None
    lead: CardLead | None
    deals: list[CardDeal]
    last_talk: dict[str, str | None] | None


@lru_cache(maxsize=4096)  # each fact of a call tells all the times of those before it once more
def iso(at: float | None) -> str | None:
    """1795000000.5 -> "2026-11-18T11:06:40.500Z"."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def epoch(text: str) -> float:
    """The other way round, to the millisecond."""
    return datetime.fromisoformat(text).timestamp()


def ident(key: int | None) -> str | None:
    """Ids are opaque strings outside."""
    return None if key is None else str(key)


def deal(row: DealRow) -> View:
    """A deal (contract), and what the board's card shows of it: names of stage, contact, company and owner."""
    return {
        "id": str(row["id"]),
        "title": row["title"],
        "stage": str(row["stage_id"]),
        "stage_name": row["stage_name"],
        "stage_kind": row["stage_kind"],
        "pipeline": str(row["pipeline_id"]),
        "owner": row["owner_name"],
        "owner_full_name": row["owner_full_name"],
        "value": money(row["value"], row["currency"]),
        "currency": row["currency"],
        "contact_id": ident(row["contact_id"]),
        "contact_name": row["contact_name"],
        "company": row["company"],
        "number": row["number"],
        "source": row["source"],
        "priority": row["priority"],
        "note": row["note"],
        "created_at": iso(row["created_at"]),
        "stage_since": iso(row["stage_since"]),
        "next_contact_at": iso(row["next_contact_at"]),
        "idle_at": iso(_idle_at(row)),
        "closed_at": iso(row["closed_at"]),
        "close_reason": row["close_reason"],
        "company_id": ident(row["company_id"]),
        "expected_close": row["expected_close"],
        "score": row["score"],
        "version": row["version"],
    }


def _idle_at(row: DealRow) -> float | None:
    if not row["open"]:
        return None
    return idle_from(row["idle_days"], row["stage_since"], row["last_talk_at"], row["next_contact_at"], row["priority"])


def call(call: Call, call_id: str | None = None) -> View:
    """A call (contract) as the tracker sees it; contact, deal and recording are the store's to fill in.

    `call_id` spares whoever knows the id already the making of it.
    """
    return {
        "id": call_id or call.id,
        "pbx": call.pbx,
        "linkedids": list(call.linkedids),
        "direction": call.direction,
        "number": call.number,
        "number_verified": call.number_verified,
        "caller_name": call.caller_name,
        "did": call.did,
        "outcome": call.outcome,
        "started_at": iso(call.started_at),
        "answered_at": iso(call.answered_at),
        "ended_at": iso(call.ended_at),
        "talk_seconds": round(call.talk_seconds, 3),
        "first_answered_by": call.first_answered_by,
        "last_answered_by": call.last_answered_by,
        "rang": list(call.rang),
        "caller": call.caller,
        "ringing": list(call.ringing),
        "talking": list(call.talking),
        "talks": [_talk(talk) for talk in call.talks],
        "transfers": [_transfer(transfer) for transfer in call.transfers],
        "evidence": [_evidence(evidence) for evidence in call.evidence],
        "contact_id": None,
        "deal_id": None,
        "dial_id": call.action_id,
        "recording": None,
    }


def _talk(talk: Talk) -> View:
    return {"user": talk.user, "device": talk.device, "from": iso(talk.start), "until": iso(talk.end)}


def _transfer(transfer: Transfer) -> View:
    return {"kind": transfer.kind, "at": iso(transfer.at), "by": transfer.by, "to": transfer.to}


def _evidence(evidence: Evidence) -> View:
    return {"at": iso(evidence.at), "event": evidence.event, "text": evidence.text}


def contact(row: ContactRow, numbers: Iterable[str], custom: Mapping[str, object]) -> View:
    """A contact with all its numbers; `custom`: what the house's own fields show of it, so for all here."""
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "company": row["company"],
        "email": row["email"],
        "note": row["note"],
        "numbers": list(numbers),
        "owner": row["owner_name"],
        "created_at": iso(row["created_at"]),
        "last_talk_at": iso(row["last_talk_at"]),
        "last_talk_by": row["last_talk_by"],
        "source": row["source"],
        "company_id": ident(row["company_id"]),
        "job_title": row["job_title"],
        "city": row["city"],
        "score": score(row),
        "first_contact_at": iso(row["first_contact_at"]),
        "first_contact_by": row["first_contact_by"],
        "changed_at": iso(row["changed_at"]),
        "custom": dict(custom),
        "version": row["version"],
    }


def score(row: ContactRow) -> int | None:
    """What a contact is worth; None where the house has no rules that say so."""
    return row["score"] if row["score_why"] else None


def reasons(row: ContactRow) -> list[dict[str, object]]:
    """Where the score comes from (crm.scoring.told)."""
    return list(json.loads(row["score_why"] or "[]"))


def person(
    row: ContactRow,
    numbers: Iterable[str],
    custom: Mapping[str, object],
    addresses: Mapping[str, Iterable[str]],
    tags: Iterable[str],
) -> View:
    """A contact with all that only its own page shows."""
    own = json.loads(row["details"])
    return {
        **contact(row, numbers, custom),
        **{name: str(own.get(name, "")) for name in PERSON},
        **{name: list(addresses.get(kind, ())) for name, kind in ADDRESSES.items()},
        "tags": list(tags),
        "reasons": reasons(row),
    }


def company(row: CompanyRow, custom: Mapping[str, object]) -> View:
    """A company."""
    names = ("name", "relation", "number", "email", "site", "address", "city", "note", "version")
    return {
        **{name: row[name] for name in names},  # type: ignore[literal-required]
        "id": str(row["id"]),
        "owner": row["owner_name"],
        "created_at": iso(row["created_at"]),
        "custom": dict(custom),
    }


def task(row: TaskRow) -> View:
    """A task; `times` counts the calls missed in a row that asked for the same call back."""
    return {
        "id": str(row["id"]),
        "kind": row["kind"],
        "title": row["title"],
        "deal_id": ident(row["deal_id"]),
        "contact_id": ident(row["contact_id"]),
        "contact_name": row["contact_name"],
        "company": row["company"],
        "call_id": row["call_id"],
        "outcome": row["outcome"] if row["kind"] == "callback" else None,  # of others the call may still go on
        "number": row["number"],
        "user": row["user_name"],
        "team": row["team_name"],
        "times": row["times"],
        "created_at": iso(row["created_at"]),
        "due_at": iso(row["due_at"]),
        "done_at": iso(row["done_at"]),
        "done_by": row["done_by_name"],
        "ends_at": iso(row["ends_at"]),
        "place": row["place"],
        "note": row["note"],
        "result": row["result"],
        "remind_at": iso(row["remind_at"]),
        "version": row["version"],
    }


def card(
    contact: ContactRow | None,
    deals: Iterable[DealRow],
    details: Mapping[int, Mapping[str, str]] | None = None,
    lead: CardLead | None = None,
) -> CardView:
    """What the caller card shows: who it is, their open deals (the latest active first), the last talk. `details`:
    what is known of the deals beyond their rows.
    """
    known = details or {}
    return {
        "contact": None
        if contact is None
        else {
            "id": str(contact["id"]),
            "name": contact["name"],
            "company": contact["company"],
            "score": score(contact),
            "reasons": reasons(contact)[:GLANCED],
            "contact_by": ""
            if contact["details"] == "{}"
            else str(json.loads(contact["details"]).get("contact_by", "")),
        },
        "lead": lead,
        "deals": [card_deal(row, known.get(row["id"], {})) for row in deals],
        "last_talk": None
        if contact is None or contact["last_talk_at"] is None
        else {"at": iso(contact["last_talk_at"]), "by": contact["last_talk_by"]},
    }


def card_deal(row: DealRow, details: Mapping[str, str]) -> CardDeal:
    """A deal as one line of the caller card; of its note and needs as much as is read at a glance."""
    return {
        "id": str(row["id"]),
        "title": row["title"],
        "stage": str(row["stage_id"]),
        "stage_name": row["stage_name"],
        "owner": row["owner_name"],
        "next_contact_at": iso(row["next_contact_at"]),
        "value": money(row["value"], row["currency"]),
        "currency": row["currency"],
        "note": row["note"][:GLANCE],
        "needs": details.get("needs", "")[:GLANCE],
        "budget": details.get("budget_amount") or details.get("budget", ""),
    }


def with_links(view: Mapping[str, object], contact_id: int | None, deal_id: int | None, recording: str | None) -> View:
    """A stored call's view with what the store knows of it now."""
    seen = {name: value for name, value in view.items() if name not in KEPT}
    heard = f"/api/v1/calls/{view['id']}/recording" if recording else None  # where it lies is nobody's business
    return {**seen, "contact_id": ident(contact_id), "deal_id": ident(deal_id), "recording": heard}
