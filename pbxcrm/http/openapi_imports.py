"""What REST's description says of imports."""

from typing import Any

from pbxcrm.http.openapi_schemas import ID, LINE, NAME, TIME, nullable
from pbxcrm.service.imports import DUPLICATES, KINDS, OF_COMPANIES

Spec = dict[str, Any]

TEXTS: Spec = {"type": "object", "additionalProperties": {"type": "string"}}
COUNT: Spec = {"type": "integer", "minimum": 0}
STATES = ["reading", "mapping", "running", "done", "failed", "undoing", "undone", "closed"]

IMPORT_FIELDS: dict[str, Spec] = {
    "id": ID,
    "kind": {"type": "string", "enum": list(KINDS)},
    "name": {"type": "string", "description": "What the file is called"},
    "state": {"type": "string", "enum": STATES},
    "user": NAME,
    "columns": {"type": "array", "items": {"type": "string"}},
    "mapping": {
        **TEXTS,
        "description": 'Which column is which field: {"0": "name", "2": "phone", "3": "custom.<key>"}',
    },
    "options": {**TEXTS, "description": "duplicates: skip, fill or new; owner; tag; companies: make or match"},
    "total": COUNT,
    "made": COUNT,
    "changed": COUNT,
    "skipped": COUNT,
    "reason": {"type": "string", "description": "Why it stopped, where it did"},
    "created_at": TIME,
    "ended_at": nullable(TIME),
}
RUN_IN: dict[str, Spec] = {
    "mapping": {**TEXTS, "maxProperties": 100},
    "options": {
        "type": "object",
        "properties": {
            "duplicates": {"type": "string", "enum": list(DUPLICATES)},
            "owner": NAME,
            "tag": LINE,
            "companies": {"type": "string", "enum": list(OF_COMPANIES)},
        },
        "additionalProperties": False,
    },
}
_ITEM: Spec = {
    "type": "object",
    "required": ["n", "given", "fields", "would", "thing_id", "name", "reason"],
    "properties": {
        "n": COUNT,
        "given": {"type": "array", "items": {"type": "string"}},
        "fields": {"type": "object"},
        "would": {"type": "string", "enum": ["new", "match", "problem"]},
        "thing_id": nullable(ID),
        "name": {"type": "string"},
        "reason": {"type": "string"},
    },
}
PREVIEW: Spec = {
    "type": "object",
    "required": ["items", "counted", "totals"],
    "properties": {
        "items": {"type": "array", "items": _ITEM},
        "counted": COUNT,
        "totals": {"type": "object", "additionalProperties": COUNT},
    },
}
# The file as the body, or a form with the parts `file` and `kind`.
FILE: Spec = {
    "required": True,
    "content": {
        "text/csv": {"schema": {"type": "string"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                    "kind": {"type": "string", "enum": list(KINDS)},
                },
                "required": ["file"],
            }
        },
    },
}
