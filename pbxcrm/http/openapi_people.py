"""What REST's description says of contacts and companies: whom they know, notes on them."""

from pbxcrm.http.openapi_parts import Spec, answer, fields, operation
from pbxcrm.http.openapi_schemas import ID, LONG, RELATION_IN


def relations(things: str, one: list[Spec]) -> Spec:
    """Who knows whom."""
    which = {"name": "relation", "in": "path", "required": True, "schema": ID}
    body = {**fields(RELATION_IN, ("kind",)), "oneOf": [{"required": ["contact_id"]}, {"required": ["company_id"]}]}
    all_of = answer(
        {"type": "object", "required": ["items"], "properties": {"items": {"type": "array"}}}, "All of them"
    )
    path = f"/{things}/{{id}}/relations"
    return {
        path: {
            "get": operation("Whom they know, of those the asker sees", {"200": all_of}, 404, parameters=one),
            "post": operation("Say who knows whom", {"201": all_of}, 404, parameters=one, body=body),
        },
        f"{path}/{{relation}}": {
            "delete": operation("Taken back", {"204": {"description": "Gone"}}, 404, parameters=[*one, which])
        },
    }


def note_on(one: list[Spec], thing: str) -> Spec:
    """A note on a contact or company."""
    return operation(
        f"Write a note on a {thing}",
        {"201": answer({"type": "object"}, "The note")},
        404,
        parameters=one,
        body=fields({"text": {**LONG, "minLength": 1}}, ("text",)),
    )
