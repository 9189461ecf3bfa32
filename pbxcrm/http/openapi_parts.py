"""What REST's description is put together of."""

from typing import Any

Spec = dict[str, Any]


def ref(name: str) -> Spec:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(schema: Spec, text: str) -> Spec:
    """An answer in JSON."""
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def page(name: str) -> Spec:
    """A page of these."""
    following = {"type": ["string", "null"], "description": "The cursor of the next page"}
    items = {"type": "array", "items": ref(name)}
    return {"type": "object", "required": ["items", "next"], "properties": {"items": items, "next": following}}


def operation(
    text: str, good: Spec, *errors: int, parameters: list[Spec] | None = None, body: Spec | None = None
) -> Spec:
    """What can be asked at an address: `good` answers, and errors by their status."""
    unread = () if body is None else (400, 413, 415, 422)  # what any body may be answered with
    responses = {str(code): {"$ref": f"#/components/responses/{code}"} for code in sorted({401, *unread, *errors})}
    operation: Spec = {"summary": text, "responses": good | responses}
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def query(name: str, schema: Spec, text: str) -> Spec:
    """A parameter of the address."""
    return {"name": name, "in": "query", "schema": schema, "description": text}


def fields(properties: dict[str, Spec], required: tuple[str, ...] = ()) -> Spec:
    """A body of these fields and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


LIMIT = query("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "Rows a page")
CURSOR = query("cursor", {"type": "string", "maxLength": 200}, "`next` of the page before, as it came")
PAGE = [LIMIT, CURSOR]


def in_path(schema: Spec) -> list[Spec]:
    """The id in the path."""
    return [{"name": "id", "in": "path", "required": True, "schema": schema}]


def schema_of(properties: dict[str, Spec]) -> Spec:
    """An answer with all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}


CUSTOM: Spec = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
    "description": "What the house's own fields hold, by key: numbers, true or false, days like 2026-12-31, text",
    "examples": [{}],
}
CUSTOM_IN: Spec = {
    "type": "object",
    "maxProperties": 100,
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
    "description": "By key (GET /fields): what is sent changes, null takes it away; 422 names `custom.<key>`",
    "examples": [{}],
}
