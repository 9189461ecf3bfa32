"""What REST's description says of imports."""

from pbxcrm.http.openapi_parts import PAGE, Spec, answer, fields, in_path, operation, page, query, ref
from pbxcrm.http.openapi_schemas import ID, LINE, NAME, TIME, nullable
from pbxcrm.service.imports import DUPLICATES, KINDS, OF_COMPANIES

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


def import_paths() -> Spec:
    """The addresses, and what may be asked there."""
    one, said = in_path(ID), answer(ref("Import"), "The import")
    csv = {"description": "A table", "content": {"text/csv": {"schema": {"type": "string"}}}}
    kind = query("kind", {"type": "string", "enum": list(KINDS)}, "What is in it")
    add = operation(
        "Bring a table: its rows are put by, nothing is done with them yet",
        {"201": said},
        *(400, 413, 415, 422),
        parameters=[kind, query("name", LINE, "What the file is called")],
    )
    return {
        "/imports": {
            "get": operation("Tables that were brought", {"200": answer(page("Import"), "")}, 400, parameters=PAGE),
            "post": {**add, "requestBody": FILE},
        },
        "/imports/{id}": {"get": operation("How one stands", {"200": said}, 404, parameters=one)},
        "/imports/{id}/preview": {
            "get": operation(
                "What running it would do: its first rows, and totals of the first thousand",
                {"200": answer(PREVIEW, "")},
                404,
                parameters=one,
            )
        },
        "/imports/{id}/problems.csv": {
            "get": operation("The rows that were left out, and why", {"200": csv}, 404, parameters=one)
        },
        "/imports/{id}/run": {
            "post": operation(
                "Do it, in the background",
                {"202": said},
                *(404, 409),
                parameters=one,
                body=fields(RUN_IN),
            )
        },
        "/imports/{id}/undo": {
            "post": operation("Take it back, in the background", {"202": said}, *(404, 409), parameters=one)
        },
    }
