"""Rows that intake makes out of a call, with all that the views of them show."""

import json
from typing import Any, Protocol

from pbxcrm.calls.model import Call
from pbxcrm.crm import views
from pbxcrm.crm.folding import folded
from pbxcrm.crm.views import ContactRow, DealRow
from pbxcrm.store.lookup import House, User


def source_of(call: Call, house: House) -> str:
    """Where the caller heard of us: what the dialled number stands for, else that number."""
    did = house.dids.get(call.did or "")
    return did.source if did else call.did or ""


def new_contact(
    key: int, call: Call, at: float, house: House, owner_id: int | None = None, owner_name: str | None = None
) -> ContactRow:
    """Somebody who was not known, named as the caller says."""
    return {
        "id": key,
        "name": call.caller_name or "",
        "company": "",
        "email": "",
        "note": "",
        "owner_id": owner_id,
        "owner_name": owner_name,
        "created_at": at,
        "last_talk_at": None,
        "last_talk_by": None,
        "source": source_of(call, house),
        "version": 1,
        "company_id": None,
        "job_title": "",
        "city": "",
        "score": 0,
        "first_contact_at": at,
        "first_contact_by": "call",
        "changed_at": None,
        "details": "{}",
        "score_why": "",
    }


def contact_columns(row: ContactRow) -> dict[str, Any]:
    """What is stored of a new contact; the rest is as the table has it."""
    kept = {"id": row["id"], "name": row["name"], "owner_id": row["owner_id"], "created_at": row["created_at"]}
    names = ("last_talk_at", "last_talk_by", "first_contact_at", "first_contact_by", "source")
    return {**kept, **{name: row[name] for name in names}, "search": folded(row["name"])}  # type: ignore[literal-required]


def deal_row(key: int, call: Call, at: float, contact: ContactRow | None, owner: User | None, house: House) -> DealRow:
    """A new deal in Unsorted; its source is what the dialled number stands for, else that number."""
    did = house.dids.get(call.did or "")
    return {
        "id": key,
        "title": (contact["name"] if contact else "") or call.caller_name or call.number or "",
        "pipeline_id": house.pipeline.id,
        "stage_id": house.unsorted.id,
        "stage_name": house.unsorted.name,
        "stage_kind": house.unsorted.kind,
        "open": True,
        "owner_id": owner.id if owner else None,
        "owner_name": owner.name if owner else None,
        "owner_full_name": owner.full_name if owner else None,
        "team_id": did.team_id if did else None,
        "contact_id": contact["id"] if contact else None,
        "contact_name": contact["name"] if contact else None,
        "company": contact["company"] if contact else None,
        "number": call.number,
        "value": 0,
        "currency": house.currency,
        "source": source_of(call, house),
        "priority": 0,
        "note": "",
        "created_at": at,
        "stage_since": at,
        "active_at": at,
        "next_contact_at": None,
        "closed_at": None,
        "close_reason": "",
        "version": 1,
        "last_talk_at": contact["last_talk_at"] if contact else None,
        "score": views.score(contact) if contact else None,
        "idle_days": house.unsorted.idle_days,
        "company_id": contact["company_id"] if contact else None,
        "expected_close": None,
    }


def history_row(row: DealRow) -> dict[str, Any]:
    """A new deal's entry into its first stage."""
    return {
        "deal_id": row["id"],
        "from_stage_id": None,
        "stage_id": row["stage_id"],
        "at": row["created_at"],
        "user_id": None,
        "owner_id": row["owner_id"],
        "value": row["value"],
        "currency": row["currency"],
        "reason": "",
        "version": row["version"],
    }


class Written(Protocol):
    """A call as the batch has it."""

    id: str
    n: int
    made: bool
    text: str
    contact: ContactRow | None
    about: DealRow | None
    call: Call | None


def _snapshot(line: Written) -> Call:
    assert line.call is not None, "a call without a fact is not written"
    return line.call


def born_row(line: Written) -> dict[str, Any]:
    """The columns of a call that never change."""
    call = _snapshot(line)
    return {"id": line.id, "pbx": call.pbx, "boot": call.boot, "uid": call.uid}


def call_row(line: Written) -> dict[str, Any]:
    """The columns of a call that its next fact may change."""
    call = _snapshot(line)
    kept = json.dumps({"customer": call.customer, "root": call.root})
    return {
        "n": line.n,
        "direction": call.direction,
        "number": call.number,
        "did": call.did,
        "outcome": call.outcome,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "talk_seconds": call.talk_seconds,
        "first_answered_by": call.first_answered_by,
        "last_answered_by": call.last_answered_by,
        "contact_id": line.contact["id"] if line.contact else None,
        "deal_id": line.about["id"] if line.about else None,
        "made_deal": line.made,
        "origin": "ami" if call.whole else "part",
        "data": f"{line.text}, {kept[1:]}",
    }
