"""The shapes of openapi.py: what goes in, what comes out."""

from typing import Any

from pbxcrm.crm import leads, webhooks, witness, wrapup
from pbxcrm.crm.details import ADDRESSES, CHOICES, MET, NAMES, RELATED, RELATIONS
from pbxcrm.crm.fields import OWN_TASKS
from pbxcrm.http.openapi_parts import CUSTOM, CUSTOM_IN
from pbxcrm.service.audit import ACTIONS

Spec = dict[str, Any]


def nullable(schema: Spec) -> Spec:
    """The same, or null."""
    return {**schema, "type": [schema["type"], "null"]}


ID = {"type": "string", "pattern": "^[1-9][0-9]{0,17}$", "maxLength": 18, "examples": ["1"]}
UUID = {"type": "string", "format": "uuid"}
DIAL_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
TIME = {"type": "string", "format": "date-time", "examples": ["2026-11-18T09:30:00Z"]}
LINE = {"type": "string", "maxLength": 200}
LONG = {"type": "string", "maxLength": 10_000}
NUMBER = {"type": "string", "maxLength": 40, "examples": ["+48601234567"]}
MONEY = {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,3})?$", "examples": ["1250.00"]}
CURRENCY = {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]}
VERSION = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1, "examples": [1]}
NAME = {"type": "string", "maxLength": 64, "examples": ["alice"]}
OUTCOMES = ["answered", "missed", "abandoned", "busy", "declined", "failed", "voicemail", "lost", "ongoing"]
DIRECTIONS = ["inbound", "outbound", "internal"]
TASK_KINDS = ["callback", "look", "device", *OWN_TASKS]
LIVE_KINDS = [
    "call.ringing",
    "call.answered",
    "call.transferred",
    "call.ended",
    "call.wrapped",
    "deal.created",
    "deal.changed",
    "deal.moved",
    "task.due",
    "task.done",
    "task.reminded",
    "link.up",
    "link.down",
    "reset",
]

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "For programs; never changes"},
                "message": {"type": "string", "description": "For a person: what happened and what to do"},
                "fields": {"type": "object", "additionalProperties": {"type": "string"}},
                "current": {"type": "object"},
                "by": {"type": "string"},
            },
        }
    },
}

TALK = {
    "type": "object",
    "required": ["user", "device", "from", "until"],
    "properties": {
        "user": nullable(NAME),
        "device": {"type": "string"},
        "from": TIME,
        "until": nullable(TIME),
    },
}
TRANSFER = {
    "type": "object",
    "required": ["kind", "at", "by", "to"],
    "properties": {
        "kind": {"type": "string", "enum": ["blind", "attended", "pickup", "park", "forward"]},
        "at": TIME,
        "by": nullable(NAME),
        "to": nullable(NAME),
    },
}
EVIDENCE = {
    "type": "object",
    "required": ["at", "event", "text"],
    "properties": {"at": TIME, "event": {"type": "string"}, "text": {"type": "string"}},
}
WRAPUP = {
    "type": "object",
    "required": ["by", "at", "outcome", "note", "tags"],
    "properties": {
        "by": NAME,
        "at": TIME,
        "outcome": {"type": "string", "enum": ["", *wrapup.OUTCOMES]},
        "note": LONG,
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}
CALL_FIELDS: dict[str, Spec] = {
    "id": UUID,
    "pbx": {"type": "string"},
    "linkedids": {"type": "array", "items": {"type": "string"}},
    "direction": {"type": "string", "enum": DIRECTIONS},
    "number": {"type": ["string", "null"], "description": "E.164, or as dialled; as shown, it may be forged"},
    "number_verified": {"type": "boolean", "description": "The caller's carrier vouches for it (STIR/SHAKEN, A)"},
    "did": {"type": ["string", "null"]},
    "outcome": {"type": "string", "enum": OUTCOMES},
    "started_at": TIME,
    "answered_at": nullable(TIME),
    "ended_at": nullable(TIME),
    "talk_seconds": {"type": "number"},
    "first_answered_by": nullable(NAME),
    "last_answered_by": nullable(NAME),
    "rang": {"type": "array", "items": NAME},
    "talks": {"type": "array", "items": TALK},
    "transfers": {"type": "array", "items": TRANSFER},
    "contact_id": {"type": ["string", "null"]},
    "deal_id": {"type": ["string", "null"]},
    "recording": {"type": ["string", "null"]},
    "evidence": {"type": "array", "items": EVIDENCE},
    "wrapups": {"type": "array", "items": WRAPUP, "description": "What people of ours said of it"},
}
# Of a contact, and of a deal's contact; null where the house has no rules of scoring.
_SCORE: Spec = {"type": ["integer", "null"], "minimum": 0, "maximum": 100}
DEAL_FIELDS: dict[str, Spec] = {
    "id": ID,
    "title": LINE,
    "stage": ID,
    "pipeline": ID,
    "owner": nullable(NAME),
    "value": {"type": "string"},
    "currency": CURRENCY,
    "contact_id": {"type": ["string", "null"]},
    "number": {"type": ["string", "null"]},
    "source": LINE,
    "priority": {"type": "integer"},
    "created_at": TIME,
    "stage_since": TIME,
    "next_contact_at": nullable(TIME),
    "idle_at": nullable(TIME),
    "company_id": {"type": ["string", "null"]},
    "expected_close": {"type": ["string", "null"], "format": "date"},
    "score": _SCORE,
    "version": VERSION,
}
CONTACT_FIELDS: dict[str, Spec] = {
    "id": ID,
    "name": LINE,
    "company": LINE,
    "email": LINE,
    "note": LONG,
    "numbers": {"type": "array", "items": {"type": "string"}},
    "owner": nullable(NAME),
    "source": LINE,
    "company_id": {"type": ["string", "null"]},
    "job_title": LINE,
    "city": LINE,
    "score": _SCORE,
    "first_contact_at": nullable(TIME),
    "first_contact_by": {"type": "string"},
    "changed_at": nullable(TIME),
    "created_at": TIME,
    "custom": CUSTOM,
    "version": VERSION,
}
COMPANY_FIELDS: dict[str, Spec] = {
    "id": ID,
    "name": LINE,
    "relation": {"type": "string", "enum": list(RELATIONS)},
    "number": {"type": ["string", "null"]},
    "email": LINE,
    "site": LINE,
    "address": LINE,
    "city": LINE,
    "note": LONG,
    "owner": nullable(NAME),
    "created_at": TIME,
    "custom": CUSTOM,
    "version": VERSION,
}
TASK_FIELDS: dict[str, Spec] = {
    "id": ID,
    "kind": {"type": "string", "enum": TASK_KINDS},
    "title": {"type": "string"},
    "deal_id": {"type": ["string", "null"]},
    "contact_id": {"type": ["string", "null"]},
    "call_id": {"type": ["string", "null"]},
    "number": {"type": ["string", "null"]},
    "user": nullable(NAME),
    "created_at": TIME,
    "due_at": TIME,
    "ends_at": nullable({**TIME, "description": "Of a meeting, which begins when it is due"}),
    "place": {"type": "string"},
    "note": {"type": "string"},
    "remind_at": nullable({**TIME, "description": "When it pops up; null: it does not, or has"}),
    "done_at": nullable(TIME),
    "result": {"type": "string", "description": "What came of it"},
    "version": VERSION,
}
TASK_IN: dict[str, Spec] = {
    "kind": {"type": "string", "enum": list(OWN_TASKS)},
    "title": {**LINE, "minLength": 1, "examples": ["Send the offer"]},
    "due_at": TIME,
    "ends_at": nullable(TIME),
    "deal_id": nullable(ID),
    "contact_id": nullable(ID),
    "place": LINE,
    "note": LONG,
    "remind_at": nullable(TIME),
    "user": nullable(NAME),
}
AUDIT_FIELDS: dict[str, Spec] = {
    "id": ID,
    "at": TIME,
    "user": {"type": "string", "description": "Who; empty where a login failed with a name that is nobody's"},
    "peer": {"type": "string", "description": "From where: an address, or the command line"},
    "action": {"type": "string", "enum": list(ACTIONS)},
    "thing": {"type": "string"},
    "thing_id": {"type": "string"},
    "changes": {"type": "object", "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2}},
    "times": {"type": "integer", "minimum": 1},
}
DISAGREEMENT_FIELDS: dict[str, Spec] = {
    "id": {**UUID, "description": "The call's"},
    "source": {"type": "string", "enum": ["cel", "cdr"], "description": "The second witness"},
    "at": TIME,
    "started_at": TIME,
    "fields": {"type": "array", "items": {"type": "string", "enum": list(witness.FIELDS)}},
    "ours": {"type": "object", "description": "The call as we followed it"},
    "theirs": {"type": "object", "description": "The call as the PBX wrote it down"},
    "believed": {"type": "string", "enum": ["ours", "theirs"]},
    "why": {"type": "string"},
    "seen_at": nullable(TIME),
    "seen_by": nullable(NAME),
}
DIAL_FIELDS: dict[str, Spec] = {
    "id": DIAL_ID,
    "state": {
        "type": "string",
        "enum": ["asked", "sent", "ringing", "answered", "ended", "refused", "unknown"],
        "description": "unknown: it may have been sent; it is never sent again",
    },
    "reason": {"type": "string"},
    "number": {"type": "string"},
    "deal_id": {"type": ["string", "null"]},
    "contact_id": {"type": ["string", "null"]},
    "call_id": {"type": ["string", "null"]},
    "created_at": TIME,
}
STAGE_FIELDS: dict[str, Spec] = {
    "id": ID,
    "name": {"type": "string"},
    "kind": {"type": "string", "enum": ["unsorted", "open", "won", "lost"]},
    "count": {"type": "integer"},
    "value": {"type": "string", "description": "The sum in the board's currency"},
}
BOARD = {
    "type": "object",
    "required": ["pipeline", "as_of", "stages"],
    "properties": {
        "pipeline": {"type": "object"},
        "as_of": {"type": "string", "description": "The live id this is true at: connect with ?after= it"},
        "currency": CURRENCY,
        "stages": {
            "type": "array",
            "items": {"type": "object", "required": list(STAGE_FIELDS), "properties": STAGE_FIELDS},
        },
    },
}
LIVE_FIELDS: dict[str, Spec] = {
    "id": {"type": "string"},
    "kind": {"type": "string", "enum": LIVE_KINDS},
    "at": TIME,
    "data": {"type": "object", "description": "The call or deal, as REST gives it"},
}

WEBHOOK_FIELDS: dict[str, Spec] = {
    "id": ID,
    "url": {"type": "string"},
    "kinds": {"type": "array", "items": {"type": "string", "enum": list(webhooks.KINDS)}},
    "active": {"type": "boolean", "description": "false: switched off, by hand or after days of failing"},
    "created_by": nullable(NAME),
    "created_at": TIME,
    "failing_since": nullable(TIME),
    "retry_at": nullable(TIME),
    "reason": {"type": "string", "enum": ["", *webhooks.REASONS]},
}
DELIVERY_FIELDS: dict[str, Spec] = {
    "id": {**UUID, "description": "The receiver saw it as Webhook-Id"},
    "event": {"type": "string"},
    "kind": {"type": "string"},
    "at": TIME,
    "tries": {"type": "integer"},
    "status": {"type": ["integer", "null"]},
    "reason": {"type": "string", "enum": ["", *webhooks.REASONS]},
}
WEBHOOK_IN: dict[str, Spec] = {
    "url": {
        "type": "string",
        "pattern": r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?$",
        "maxLength": webhooks.LONGEST_URL,
        "examples": ["https://example.com/hook"],
    },
    "kinds": {
        "type": "array",
        "minItems": 1,
        "items": {"type": "string", "enum": list(webhooks.KINDS)},
        "examples": [["call.ended"]],
    },
}
TAGS: Spec = {"type": "array", "maxItems": 10, "items": {"type": "string", "maxLength": 40, "pattern": "^[^,]+$"}}
DEAL_IN: dict[str, Spec] = {
    "title": {**LINE, "minLength": 1, "examples": ["A boat for Anna"]},
    "owner": nullable(NAME),
    "contact_id": nullable(ID),
    "number": nullable(NUMBER),
    "value": MONEY,
    "currency": CURRENCY,
    "source": LINE,
    "priority": {"type": "integer", "minimum": -9, "maximum": 9},
    "note": LONG,
    "next_contact_at": nullable(TIME),
    "company_id": nullable(ID),
    "company": {**LINE, "description": "By name, instead of company_id: one you see, else a new one"},
    "tags": TAGS,
    "expected_close": nullable({"type": "string", "format": "date", "examples": ["2026-12-31"]}),
    **{name: {"type": "string", "enum": ["", *CHOICES[name]]} if name in CHOICES else LONG for name in NAMES},
    "budget_amount": {**MONEY, "description": "In the deal's currency"},
    "custom": CUSTOM_IN,
}
RELATION_IN: dict[str, Spec] = {
    "kind": {"type": "string", "enum": list(RELATED)},
    "contact_id": ID,
    "company_id": ID,
    "note": LINE,
}
COMPANY_IN: dict[str, Spec] = {
    "name": {**LINE, "minLength": 1, "examples": ["Boats & Co"]},
    "relation": {"type": "string", "enum": list(RELATIONS)},
    "number": nullable(NUMBER),
    **dict.fromkeys(("email", "site", "address", "city"), LINE),
    "note": LONG,
    "owner": nullable(NAME),
    "custom": CUSTOM_IN,
}
CONTACT_IN: dict[str, Spec] = {
    "name": {**LINE, "examples": ["Anna Kowalska"]},
    "company": LINE,
    "email": LINE,
    "note": LONG,
    "numbers": {"type": "array", "maxItems": 20, "items": NUMBER, "examples": [["+48601234567"]]},
    "owner": nullable(NAME),
    "company_id": nullable(ID),
    **dict.fromkeys(("job_title", "city", "extension"), LINE),
    "birth_date": {"type": "string", "format": "date", "examples": ["1980-01-31"]},
    "contact_by": {"type": "string", "enum": ["", *CHOICES["contact_by"]]},
    **{name: {"type": "array", "maxItems": 20, "items": LINE} for name in ADDRESSES},
    "first_contact_by": {"type": "string", "enum": ["", *MET]},
    "tags": TAGS,
    "custom": CUSTOM_IN,
}

_QUALITY = {"type": "array", "items": {"type": "string", "enum": list(leads.QUALITY)}, "uniqueItems": True}
LEAD_IN: dict[str, Spec] = {
    "name": {**LINE, "examples": ["Anna Kowalska"]},
    **dict.fromkeys(("company", "job_title", "email", "city", "source", "interest"), LINE),
    "number": nullable(NUMBER),
    "note": LONG,
    "status": {"type": "string", "enum": list(leads.STATUSES)},
    "next_contact_at": nullable(TIME),
    "quality": {**_QUALITY, "description": "What is known to be so: the quality test"},
    "employees": {"type": ["integer", "null"], "minimum": 0, "maximum": 10_000_000},
    "budget": LINE,
    "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{1,40}$"}, "maxItems": 10},
    "owner": nullable(NAME),
    "team": nullable(NAME),
    "custom": CUSTOM_IN,
}
# Of nobody's lead a seller reads `name`, `city`, `source`, `status` and `score`; the rest is null.
LEAD_FIELDS: dict[str, Spec] = {
    "id": ID,
    **{name: {"type": ["string", "null"]} for name in ("company", "job_title", "email", "number", "interest", "note")},
    **dict.fromkeys(("name", "city", "source"), LINE),
    "status": {"type": "string", "enum": list(leads.STATUSES)},
    "score": {"type": "integer", "minimum": 0},
    "quality": _QUALITY,
    "owner": nullable(NAME),
    "team": nullable(LINE),
    "created_at": TIME,
    "employees": {"type": ["integer", "null"]},
    "budget": {"type": ["string", "null"]},
    **{
        name: nullable(TIME)
        for name in ("claimed_at", "first_contact_at", "active_at", "next_contact_at", "qualified_at")
    },
    **{name: {"type": ["string", "null"]} for name in ("contact_id", "company_id", "deal_id")},
    "custom": nullable(CUSTOM),
    "version": {"type": ["integer", "null"]},
}
