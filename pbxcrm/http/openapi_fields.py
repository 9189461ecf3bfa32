"""What REST's description says of the house's own fields."""

from pbxcrm.crm.custom import LONGEST_NAME, MOST_CHOICES, THINGS, TYPES
from pbxcrm.http.openapi_parts import Spec, answer, fields, in_path, operation, query, ref
from pbxcrm.http.openapi_schemas import ID

_NAME: Spec = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME, "examples": ["Favourite colour"]}
_CHOICES: Spec = {
    "type": "array",
    "maxItems": MOST_CHOICES,
    "items": {"type": "string", "maxLength": LONGEST_NAME},
    "description": "Of a select: what may be chosen",
    "examples": [["Red", "Green"]],
}
_THING: Spec = {"type": "string", "enum": list(THINGS)}
HOUSE_FIELD: dict[str, Spec] = {
    "id": ID,
    "thing": _THING,
    "key": {"type": "string", "description": "What it is called in `custom`; never changes"},
    "name": _NAME,
    "type": {"type": "string", "enum": list(TYPES)},
    "choices": _CHOICES,
    "position": {"type": "integer"},
    "retired": {"type": "boolean", "description": "true: hidden with its values (administrators alone see it)"},
}


def field_paths() -> Spec:
    """Fields of the house's own."""
    one, every = answer(ref("Field"), "The field"), {"type": "array", "items": ref("Field")}
    listed = {"type": "object", "required": ["items"], "properties": {"items": every}}
    new = {"thing": _THING, "name": _NAME, "type": HOUSE_FIELD["type"], "choices": _CHOICES}
    change = {"name": _NAME, "choices": _CHOICES, "retired": {"type": "boolean"}}
    return {
        "/fields": {
            "get": operation(
                "The house's own fields, in their order",
                {"200": answer(listed, "All of them")},
                400,
                parameters=[query("thing", _THING, "Left out: of all things")],
            ),
            "post": operation(
                "A new field; for administrators, 404 for others",
                {"201": one},
                404,
                body=fields(new, ("thing", "name", "type")),
            ),
        },
        "/fields/{id}": {
            "patch": operation(
                "Rename it, change its choices, retire it or bring it back; for administrators, 404 for others",
                {"200": one},
                404,
                parameters=in_path(ID),
                body=fields(change),
            )
        },
    }
