"""The API in OpenAPI 3.1, by hand: with bounds and examples, so that a fuzzer and a person find their way."""

import pbxcrm
from pbxcrm.crm.details import ROLES
from pbxcrm.crm.leads import SORTS
from pbxcrm.http.openapi_fields import HOUSE_FIELD, field_paths
from pbxcrm.http.openapi_imports import IMPORT_FIELDS, import_paths
from pbxcrm.http.openapi_leads import lead_paths
from pbxcrm.http.openapi_parts import CUSTOM
from pbxcrm.http.openapi_parts import LIMIT as _LIMIT
from pbxcrm.http.openapi_parts import PAGE as _PAGE
from pbxcrm.http.openapi_parts import answer as _json
from pbxcrm.http.openapi_parts import fields as _object
from pbxcrm.http.openapi_parts import in_path as _in_path
from pbxcrm.http.openapi_parts import operation as _operation
from pbxcrm.http.openapi_parts import page as _page
from pbxcrm.http.openapi_parts import query as _query
from pbxcrm.http.openapi_parts import ref as _ref
from pbxcrm.http.openapi_parts import schema_of as _schema
from pbxcrm.http.openapi_people import note_on, relations
from pbxcrm.http.openapi_schemas import (
    AUDIT_FIELDS,
    BOARD,
    CALL_FIELDS,
    COMPANY_FIELDS,
    COMPANY_IN,
    CONTACT_FIELDS,
    CONTACT_IN,
    DEAL_FIELDS,
    DEAL_IN,
    DELIVERY_FIELDS,
    DIAL_FIELDS,
    DIAL_ID,
    DIRECTIONS,
    DISAGREEMENT_FIELDS,
    ERROR,
    ID,
    LEAD_FIELDS,
    LINE,
    LIVE_FIELDS,
    LONG,
    NAME,
    NUMBER,
    OUTCOMES,
    TASK_FIELDS,
    TASK_IN,
    TASK_KINDS,
    TIME,
    UUID,
    VERSION,
    WEBHOOK_FIELDS,
    Spec,
)
from pbxcrm.http.openapi_selling import DOCUMENT_FIELDS, OFFER_FIELDS, document_paths, merge_paths, offer_paths
from pbxcrm.http.openapi_webhooks import webhook_paths
from pbxcrm.service.audit import ACTIONS
from pbxcrm.service.recordings import TYPES

_ERRORS = {
    400: "The request cannot be read: broken JSON, a cursor, limit or filter that is none",
    401: "No token and no session, or one that is over",
    403: "Sent by another site's page",
    404: "There is none, or it is not yours",
    409: "Somebody else was first: `current` is how it stands now, `by` who changed it",
    413: "Too large",
    415: "Not JSON",
    422: "A field is wrong, unknown or missing (`fields` names it), or a policy refuses",
    429: "Too often: wait for Retry-After",
    503: "What this needs is down; nothing was done, and nothing will be done later",
}


def _paths() -> Spec:
    one = _in_path(ID)
    company = _json(_ref("Company"), "The company")
    deal, contact = _json(_ref("Deal"), "The deal"), _json(_ref("Contact"), "The contact")
    truth = {"type": "string", "enum": ["true", "false"]}
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "schema": {"type": "string", "pattern": "^[!-~]{1,200}$", "examples": ["6f1f4d0e-click-1"]},
        "description": "A new one a click: the same one again dials nothing and gives the same dial",
    }
    call_filters = [
        _query("outcome", {"type": "string", "enum": OUTCOMES}, ""),
        _query("direction", {"type": "string", "enum": DIRECTIONS}, ""),
        _query("number", NUMBER, ""),
        _query("did", LINE, "The number that was called"),
        _query("user", NAME, "Who took part"),
        _query("contact_id", ID, ""),
        _query("deal_id", ID, ""),
        _query("since", TIME, ""),
        _query("until", TIME, ""),
    ]
    deal_filters = [
        _query("stage", ID, ""),
        _query("owner", NAME, ""),
        _query("open", truth, ""),
        _query("contact_id", ID, ""),
        _query("company_id", ID, ""),
        _query("number", NUMBER, ""),
        _query("source", LINE, ""),
        _query("q", LINE, "Parts of words, or of a number"),
    ]
    task = _json(_ref("Task"), "The task")
    task_filters = [
        _query("kind", {"type": "string", "enum": TASK_KINDS}, "callback: the missed calls"),
        _query("deal_id", ID, ""),
        _query("contact_id", ID, ""),
        _query("done", truth, "Left out: still to do"),
    ]
    target = {"deal_id": ID, "contact_id": ID, "number": NUMBER}
    password = {"type": "string", "maxLength": 1024, "description": "Before the first call to a country; no tokens"}
    one_of = [{"required": [name]} for name in target]
    dial_body = {**_object({**target, "password": password}), "oneOf": one_of}
    timeline = {"type": "object", "required": ["items"], "properties": {"items": {"type": "array"}}}
    dial = _json(_ref("Dial"), "Asked now")
    asked_before = _json(_ref("Dial"), "Asked before with this key; nothing was dialled now")
    paths = {
        "/calls": {
            "get": _operation(
                "Calls, the newest first",
                {"200": _json(_page("Call"), "A page")},
                400,
                parameters=[*_PAGE, *call_filters],
            )
        },
        "/calls/{id}": {
            "get": _operation("One call", {"200": _json(_ref("Call"), "")}, 404, parameters=_in_path(UUID))
        },
        "/board": {
            "get": _operation(
                "Count and sum a stage",
                {"200": _json(BOARD, "The board")},
                400,
                404,
                parameters=[_query("pipeline", ID, "Left out: the first")],
            )
        },
        "/deals": {
            "get": _operation(
                "Deals, the newest first",
                {"200": _json(_page("Deal"), "A page")},
                400,
                parameters=[*_PAGE, *deal_filters],
            ),
            "post": _operation(
                "A new deal",
                {"201": deal},
                409,
                body=_object({**DEAL_IN, "stage": ID}),
            ),
        },
        "/deals/{id}": {
            "get": _operation("One deal", {"200": deal}, 404, parameters=one),
            "patch": _operation(
                "Change what is sent, if nobody else did meanwhile",
                {"200": deal},
                *(404, 409),
                parameters=one,
                body=_object({**DEAL_IN, "version": VERSION}, ("version",)),
            ),
        },
        "/deals/{id}/move": {
            "post": _operation(
                "Into another stage; lost asks for a reason, others for what they need: `fields` fills it in",
                {"200": deal},
                *(404, 409),
                parameters=one,
                body=_object(
                    {"stage": ID, "version": VERSION, "reason": LINE, "fields": {"type": "object"}},
                    ("stage", "version"),
                ),
            )
        },
        "/deals/{id}/claim": {
            "post": _operation("Take a deal that nobody owns", {"200": deal}, 404, 409, parameters=one)
        },
        "/deals/{id}/notes": {
            "post": _operation(
                "Write a note on a deal",
                {"201": _json({"type": "object"}, "The note")},
                404,
                parameters=one,
                body=_object({"text": {**LONG, "minLength": 1, "examples": ["Called back."]}}, ("text",)),
            )
        },
        "/deals/{id}/timeline": {
            "get": _operation(
                "Calls, stages, notes and tasks of a deal", {"200": _json(timeline, "")}, 404, parameters=one
            )
        },
        "/unclaimed": {
            "get": _operation(
                "Open deals that nobody owns and the asker may claim",
                {"200": _json(_page("Deal"), "")},
                400,
                parameters=[_LIMIT],
            )
        },
        "/contacts": {
            "get": _operation(
                "Contacts, the newest first",
                {"200": _json(_page("Contact"), "A page")},
                400,
                parameters=[
                    *_PAGE,
                    _query("q", LINE, "Words of the name or company, or the end of a number"),
                    _query("sort", {"type": "string", "enum": list(SORTS)}, ""),
                ],
            ),
            "post": _operation("A new contact", {"201": contact}, body=_object(CONTACT_IN)),
        },
        "/contacts/{id}": {
            "get": _operation("One contact", {"200": contact}, 404, parameters=one),
            "patch": _operation(
                "Change what is sent, if nobody else did meanwhile",
                {"200": contact},
                *(404, 409),
                parameters=one,
                body=_object({**CONTACT_IN, "version": VERSION}, ("version",)),
            ),
        },
        "/contacts/{id}/notes": {"post": note_on(one, "contact")},
        **relations("contacts", one),
        "/companies": {
            "get": _operation(
                "Companies, the newest first",
                {"200": _json(_page("Company"), "A page")},
                400,
                parameters=[*_PAGE, _query("q", LINE, "Parts of words")],
            ),
            "post": _operation("A new company", {"201": company}, body=_object(COMPANY_IN, ("name",))),
        },
        "/companies/{id}": {
            "get": _operation("One company", {"200": company}, 404, parameters=one),
            "patch": _operation(
                "Change what is sent, if nobody else did meanwhile",
                {"200": company},
                *(404, 409),
                parameters=one,
                body=_object({**COMPANY_IN, "version": VERSION}, ("version",)),
            ),
        },
        "/companies/{id}/notes": {"post": note_on(one, "company")},
        **relations("companies", one),
        "/deals/{id}/details": {
            "get": _operation("A deal in full: details, people, tags", {"200": deal}, 404, parameters=one)
        },
        "/deals/{id}/people": {
            "put": _operation(
                "Give a contact a role in a deal, or none",
                {"200": deal},
                404,
                parameters=one,
                body=_object(
                    {"contact_id": ID, "role": {"type": "string", "enum": ["", *ROLES]}, "note": LINE},
                    ("contact_id", "role"),
                ),
            )
        },
        "/tasks": {
            "get": _operation(
                "Tasks, the most urgent first",
                {"200": _json(_page("Task"), "A page")},
                400,
                parameters=[*_PAGE, *task_filters],
            ),
            "post": _operation(
                "A new task",
                {"201": _json(_ref("Task"), "The task")},
                body=_object(TASK_IN, ("title", "due_at")),
            ),
        },
        "/tasks/{id}": {
            "get": _operation("One task", {"200": task}, 404, parameters=one),
            "patch": _operation(
                "Change or move a task that still has this version and is still to do",
                {"200": task},
                *(404, 409),
                parameters=one,
                body=_object({"version": VERSION, **TASK_IN}, ("version",)),
            ),
        },
        "/tasks/{id}/done": {
            "post": _operation(
                "It is done",
                {"200": task},
                404,
                parameters=one,
                body={**_object({"result": LONG}), "required": False},
            )
        },
        "/dial": {
            "post": _operation(
                "Ring my phone, then the customer's: at most once, whatever breaks",
                {"202": dial, "200": asked_before},
                *(404, 409, 429, 503),
                parameters=[key],
                body=dial_body,
            )
        },
        "/dial/{id}": {"get": _operation("How a dial stands", {"200": dial}, 404, parameters=_in_path(DIAL_ID))},
        "/audit": {
            "get": _operation(
                "Who saw and changed what, the newest on top; for managers, 404 for others",
                {"200": _json(_page("AuditEntry"), "A page")},
                *(400, 404),
                parameters=[
                    *_PAGE,
                    _query("user", NAME, "Who"),
                    _query("action", {"type": "string", "enum": list(ACTIONS)}, ""),
                    _query("thing", LINE, "deal, contact, call, …; a list: deals, contacts, calls"),
                    _query("thing_id", LINE, "Its id"),
                    _query("since", TIME, ""),
                    _query("until", TIME, ""),
                ],
            )
        },
        "/disagreements": {
            "get": _operation(
                "Calls that the PBX's own record tells otherwise than we followed them; for managers, 404 for others",
                {"200": _json(_page("Disagreement"), "A page")},
                *(400, 404),
                parameters=[*_PAGE, _query("seen", truth, "Left out: all")],
            )
        },
        "/disagreements/{id}/seen": {
            "post": _operation(
                "Somebody has looked at it",
                {"200": _json(_ref("Disagreement"), "As it stands")},
                *(403, 404),
                parameters=_in_path(UUID),
            )
        },
        "/live": {
            "get": _operation(
                "A WebSocket: what changes, as it changes; each message is a LiveMessage",
                {"101": {"description": "The stream"}},
                *(400, 403, 429, 503),
                parameters=[
                    _query("after", {"type": "string", "pattern": "^[0-9]{1,18}$"}, "The last id seen"),
                    _query("html", {"type": "string", "enum": ["0", "1"]}, "1: with HTML, for our own pages"),
                ],
            )
        },
        "/openapi.json": {
            "get": {"summary": "This description", "security": [], "responses": {"200": _json({"type": "object"}, "")}}
        },
    }
    sound = {
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in sorted(set(TYPES.values()))}
    }
    paths["/calls/{id}/recording"] = {
        "get": _operation(
            "What the PBX recorded of a call",
            {
                "200": {"description": "All of it", **sound},
                "206": {"description": "The part that Range asks for", **sound},
                "416": {"description": "There is no such part"},
            },
            404,
            parameters=_in_path(UUID),
        )
    }
    paths |= webhook_paths() | lead_paths() | import_paths() | field_paths() | offer_paths() | document_paths()
    paths |= merge_paths("contacts", "Contact") | merge_paths("companies", "Company")
    for name, filters in (
        ("calls", call_filters),
        ("deals", deal_filters),
        ("contacts", [_query("q", LINE, "As of /contacts")]),
        ("companies", [_query("q", LINE, "As of /companies")]),
        ("leads", paths["/leads"]["get"]["parameters"][len(_PAGE) :]),
        ("tasks", task_filters),
    ):
        sheet = {"description": "A table; text that begins like a formula has an apostrophe before it"}
        paths[f"/{name}.csv"] = {
            "get": _operation(
                f"All {name} that one may see, for a spreadsheet",
                {"200": {**sheet, "content": {"text/csv": {"schema": {"type": "string"}}}}},
                *((400, 404) if name == "leads" else (400,)),
                parameters=filters,
            )
        }
    return {f"/api/v1{path}": operations for path, operations in paths.items()}


def _deal() -> Spec:
    said = _schema(DEAL_FIELDS)
    more = {**CUSTOM, "description": f"{CUSTOM['description']}. Not in the stream"}
    return {**said, "properties": {**said["properties"], "custom": more}}


SPEC: Spec = {
    "openapi": "3.1.0",
    "info": {
        "title": "pbxcrm",
        "version": pbxcrm.__version__,
        "description": "Calls and the deals they become. Times are ISO 8601 UTC, money is a decimal string with an ISO "
        "4217 code, ids are opaque strings. What is not yours is 404.",
    },
    "security": [{"token": []}, {"session": []}],
    "paths": _paths(),
    "components": {
        "securitySchemes": {
            "token": {"type": "http", "scheme": "bearer", "description": "pbxcrm token create NAME"},
            "session": {"type": "apiKey", "in": "cookie", "name": "pbxcrm_session"},
        },
        "responses": {str(code): _json(_ref("Error"), text) for code, text in _ERRORS.items()},
        "schemas": {
            "Call": _schema(CALL_FIELDS),
            "Deal": _deal(),
            "Field": _schema(HOUSE_FIELD),
            "Contact": _schema(CONTACT_FIELDS),
            "Lead": _schema(LEAD_FIELDS),
            "Company": _schema(COMPANY_FIELDS),
            "Offer": _schema(OFFER_FIELDS),
            "Document": _schema(DOCUMENT_FIELDS),
            "Task": _schema(TASK_FIELDS),
            "Dial": _schema(DIAL_FIELDS),
            "AuditEntry": _schema(AUDIT_FIELDS),
            "Disagreement": _schema(DISAGREEMENT_FIELDS),
            "Import": _schema(IMPORT_FIELDS),
            "Webhook": _schema(WEBHOOK_FIELDS),
            "Delivery": _schema(DELIVERY_FIELDS),
            "LiveMessage": _schema(LIVE_FIELDS),
            "Error": ERROR,
        },
    },
}
