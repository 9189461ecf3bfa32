"""What REST's description says of leads."""

from pbxcrm.crm.leads import MOST_AT_ONCE, SHOWN, SORTS, STATUSES
from pbxcrm.http.openapi_parts import PAGE, Spec, answer, fields, in_path, operation, page, query, ref
from pbxcrm.http.openapi_schemas import CURRENCY, ID, LEAD_IN, LINE, LONG, MONEY, NAME, TASK_IN, VERSION, nullable


def lead_paths() -> Spec:
    """The addresses, and what may be asked there."""
    one, lead = in_path(ID), answer(ref("Lead"), "The lead")
    several = {"type": "array", "items": ID, "minItems": 1, "maxItems": MOST_AT_ONCE}
    items = {"type": "object", "properties": {"items": {"type": "array"}}}
    made: Spec = {"type": ["string", "null"], "pattern": "^(new|[1-9][0-9]{0,17})$", "description": "`new`, or an id"}
    becomes: dict[str, Spec] = {**dict.fromkeys(("company", "contact", "deal"), made), "title": LINE}
    task = {name: spec for name, spec in TASK_IN.items() if name not in ("deal_id", "contact_id", "user")}
    return {
        "/leads": {
            "get": operation(
                "Leads: one's own, and those of nobody that one may claim",
                {"200": answer(page("Lead"), "A page")},
                *(400, 404),
                parameters=[
                    *PAGE,
                    query(
                        "show",
                        {"type": "string", "enum": list(SHOWN)},
                        "stale: nobody's that wait too long; left out: all",
                    ),
                    query("status", {"type": "string", "enum": list(STATUSES)}, ""),
                    query("source", LINE, ""),
                    query("owner", NAME, ""),
                    query("tag", LINE, "A seller searches their own"),
                    query("q", LINE, "Parts of words, or of a number; a seller searches their own"),
                    query("sort", {"type": "string", "enum": list(SORTS)}, ""),
                ],
            ),
            "post": operation("A new lead", {"201": lead}, 404, body=fields(LEAD_IN)),
        },
        "/leads/assign": {
            "post": operation(
                "Give leads to a person, or back to the base (null); for managers",
                {"200": answer(items, "Those that moved")},
                *(404, 409),
                body=fields({"ids": several, "owner": nullable(NAME), "beyond": {"type": "boolean"}}, ("ids", "owner")),
            )
        },
        "/leads/{id}": {
            "get": operation("One lead", {"200": lead}, 404, parameters=one),
            "patch": operation(
                "Change what is sent, if nobody else did meanwhile",
                {"200": lead},
                *(404, 409),
                parameters=one,
                body=fields({**LEAD_IN, "version": VERSION}, ("version",)),
            ),
            "delete": operation(
                "Decline it: with its notes and tasks it is gone",
                {"204": {"description": "Done"}},
                *(404, 409),
                parameters=one,
            ),
        },
        "/leads/{id}/claim": {
            "post": operation("Take a lead that nobody owns", {"200": lead}, *(404, 409, 422), parameters=one)
        },
        "/leads/{id}/release": {
            "post": operation("Give it back into the base", {"200": lead}, *(404, 409), parameters=one)
        },
        "/leads/{id}/notes": {
            "post": operation(
                "Write a note on a lead",
                {"201": answer({"type": "object"}, "The note")},
                404,
                parameters=one,
                body=fields({"text": {**LONG, "minLength": 1}}, ("text",)),
            )
        },
        "/leads/{id}/tasks": {
            "post": operation(
                "Something to do with a lead",
                {"201": answer(ref("Task"), "The task")},
                404,
                parameters=one,
                body=fields(task, ("title", "due_at")),
            )
        },
        "/leads/{id}/timeline": {
            "get": operation(
                "Its notes and tasks, and calls with its number", {"200": answer(items, "")}, 404, parameters=one
            )
        },
        "/leads/{id}/qualify": {
            "post": operation(
                "It becomes a company, a contact, a deal",
                {"200": lead},
                *(404, 409),
                parameters=one,
                body=fields({**becomes, "value": MONEY, "currency": CURRENCY, "version": VERSION}, ("version",)),
            )
        },
    }
