"""What REST's description says of contacts and companies that are there twice, of offers and of documents."""

from pbxcrm.crm.documents import KINDS, MOST_BYTES, TYPES
from pbxcrm.crm.offers import MOST_LINES, STATES
from pbxcrm.http.openapi_parts import Spec, answer, fields, in_path, operation, query, ref, schema_of
from pbxcrm.http.openapi_schemas import CURRENCY, ID, LINE, LONG, MONEY, NAME, TIME, VERSION, nullable

_DAY: Spec = {"type": "string", "pattern": r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$"}
_COUNT: Spec = {"type": "integer", "minimum": 0}
_DONE: Spec = {"204": {"description": "Gone"}}
_ONE = in_path(ID)


def _all_of(items: Spec) -> Spec:
    return answer(schema_of({"items": {"type": "array", "items": items}}), "All of them")


# -- there twice -----------------------------------------------------------------------------------------------------

_BRIEF = schema_of(
    {
        "id": ID,
        "name": LINE,
        "company": LINE,
        "numbers": {"type": "array", "items": {"type": "string"}},
        "created_at": TIME,
        "version": {"type": "integer"},
    }
)
_PAIR = {"type": "array", "minItems": 2, "maxItems": 2, "items": _BRIEF}
_FIELD = schema_of(
    {
        "name": {"type": "string"},
        "label": {"type": "string", "description": "Of a field of the house's own, else empty"},
        "values": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "string"}},
        "chosen": {"type": "integer", "enum": [0, 1], "description": "Whose value stays, if nothing is said"},
    }
)
_PLAN = schema_of(
    {
        "stays": {**ID, "description": "The id that stays; the other one leads on to it"},
        "items": _PAIR,
        "fields": {"type": "array", "items": _FIELD, "description": "Those in which they differ"},
        "moves": {"type": "object", "additionalProperties": _COUNT, "description": "What hangs on both, counted"},
    }
)
_TAKE: Spec = {
    "type": "object",
    "additionalProperties": ID,
    "maxProperties": 100,
    "description": "Field -> id of the one whose value stays; of others the fuller value does",
    "examples": [{}],
}


def merge_paths(things: str, thing: str) -> Spec:
    """Two that are one."""
    pairs = schema_of({"why": {"type": "string", "enum": ["number", "email", "name"]}, "items": _PAIR})
    one = answer(ref(thing), "The one that stays")
    body = fields(
        {"with": ID, "version": VERSION, "with_version": VERSION, "take": _TAKE}, ("with", "version", "with_version")
    )
    return {
        f"/{things}/duplicates": {"get": operation("Pairs that may be one; a seller's own", {"200": _all_of(pairs)})},
        f"/{things}/{{id}}/merge": {
            "get": operation(
                "What merging two would do: both side by side",
                {"200": answer(_PLAN, "The plan")},
                *(400, 404, 422),
                parameters=[*_ONE, {**query("with", ID, "The other one"), "required": True}],
            ),
            "post": operation(
                "Make them one, for good; what a seller does not wholly own a manager merges",
                {"200": one},
                *(404, 409),
                parameters=_ONE,
                body=body,
            ),
        },
    }


# -- offers ----------------------------------------------------------------------------------------------------------

_LINE: Spec = {
    "type": "object",
    "properties": {
        "text": {**LINE, "minLength": 1, "examples": ["Phone"]},
        "count": {"type": "string", "pattern": r"^[1-9][0-9]{0,2}(\.[0-9]{1,2})?$", "examples": ["1.5"]},
        "price": {"type": "string", "pattern": r"^-?[0-9]{1,6}(\.[0-9]{1,2})?$", "examples": ["89.90"]},
    },
    "required": ["text"],
    "additionalProperties": False,
}
_OFFER_IN: dict[str, Spec] = {
    "title": LINE,
    "currency": CURRENCY,
    "items": {"type": "array", "maxItems": MOST_LINES, "items": _LINE, "examples": [[{"text": "Phone"}]]},
    "send_on": nullable(_DAY),
    "valid_until": nullable(_DAY),
    "note": LONG,
}
OFFER_FIELDS: dict[str, Spec] = {
    "id": ID,
    "number": {**ID, "description": "The same in all its revisions"},
    "revision": _COUNT,
    "newest": {"type": "boolean"},
    "deal_id": ID,
    "task_id": {**nullable(ID), "description": "The task to send it on the day agreed"},
    "state": {"type": "string", "enum": list(STATES)},
    "title": {"type": "string"},
    "currency": CURRENCY,
    "items": {
        "type": "array",
        "items": schema_of({"text": LINE, "count": {"type": "string"}, "price": MONEY, "worth": MONEY}),
    },
    "total": MONEY,
    "send_on": nullable({"type": "string"}),
    "valid_until": nullable({"type": "string"}),
    "note": {"type": "string"},
    "by": nullable(NAME),
    "version": {"type": "integer"},
    "created_at": TIME,
    "sent_at": nullable(TIME),
    "decided_at": nullable(TIME),
}


def offer_paths() -> Spec:
    """Price offers."""
    offer, now = answer(ref("Offer"), "The offer"), fields({"version": VERSION}, ("version",))
    accepted = fields({"version": VERSION, "value": {"type": "boolean"}}, ("version",))
    which = {**query("version", VERSION, "As it was read"), "required": True}

    def step(text: str, body: Spec | None) -> Spec:
        return {"post": operation(text, {"200": offer}, 404, 409, parameters=_ONE, body=body)}

    return {
        "/deals/{id}/offers": {
            "get": operation(
                "A deal's offers, the newest on top", {"200": _all_of(ref("Offer"))}, 404, parameters=_ONE
            ),
            "post": operation("A draft", {"201": offer}, 404, parameters=_ONE, body=fields(_OFFER_IN)),
        },
        "/offers/{id}": {
            "get": operation("One offer", {"200": offer}, 404, parameters=_ONE),
            "patch": operation(
                "Change what is sent of a draft, if nobody else did meanwhile",
                {"200": offer},
                *(404, 409),
                parameters=_ONE,
                body=fields({**_OFFER_IN, "version": VERSION}, ("version",)),
            ),
            "delete": operation("Throw a draft away", _DONE, *(400, 404, 409), parameters=[*_ONE, which]),
        },
        "/offers/{id}/send": step("It was sent: from now on it stays as it is", now),
        "/offers/{id}/accept": step("The customer said yes; `value`: its total becomes the deal's value", accepted),
        "/offers/{id}/decline": step("The customer said no", now),
        "/offers/{id}/revise": step("Its next revision, a draft; or the draft that is there", None),
    }


# -- documents -------------------------------------------------------------------------------------------------------

DOCUMENT_FIELDS: dict[str, Spec] = {
    "id": ID,
    "kind": {"type": "string", "enum": list(KINDS)},
    "name": {"type": "string"},
    "mime": {"type": "string"},
    "size": {**_COUNT, "description": "Bytes"},
    "deal_id": nullable(ID),
    "team": {**nullable(LINE), "description": "Who may read it; null: everybody, or who sees its deal"},
    "shared": {"type": "boolean", "description": "A deal's document that everybody may learn from"},
    "by": nullable(NAME),
    "created_at": TIME,
}
_FILE: Spec = {"type": "string", "contentMediaType": "application/octet-stream", "maxLength": MOST_BYTES}
_MIMES = sorted({one.mime for one in TYPES.values()})


def document_paths() -> Spec:
    """Files."""
    document, kind = answer(ref("Document"), "The document"), DOCUMENT_FIELDS["kind"]
    called = {"type": "string", "pattern": r"^[A-Za-z0-9 ]{1,40}\.(txt|csv|pdf)$", "examples": ["prices.txt"]}
    needed = [{**query("kind", kind, "Of a file that is the body"), "required": True}]
    name = query("name", called, f"The same: what it is called, ending in one of {', '.join(TYPES)}")
    team = query("team_id", ID, "Only for this team; left out: for everybody")
    form = {"file": _FILE, "kind": kind}
    brings = {
        "required": True,
        "content": {
            "text/plain": {"schema": {"type": "string", "minLength": 1}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}},
            "multipart/form-data": {"schema": {"type": "object", "properties": form, "required": ["file"]}},
        },
    }

    def add(text: str, parameters: list[Spec]) -> Spec:
        said = operation(text, {"201": document}, *(400, 404, 413, 415, 422, 503), parameters=parameters)
        return {**said, "requestBody": brings}

    part = {mime: {"schema": {"type": "string", "format": "binary"}} for mime in _MIMES}
    return {
        "/documents": {
            "get": operation("What one may read that is no deal's, or shared", {"200": _all_of(ref("Document"))}),
            "post": add("A file for the library; for managers, 404 for others", [*needed, name, team]),
        },
        "/deals/{id}/documents": {
            "get": operation(
                "A deal's documents, the newest first", {"200": _all_of(ref("Document"))}, 404, parameters=_ONE
            ),
            "post": add("A file for a deal", [*_ONE, *needed, name]),
        },
        "/documents/{id}/file": {
            "get": operation(
                "What is in it, to be saved; Range gives a part",
                {
                    "200": {"description": "All of it", "content": part},
                    "206": {"description": "The part that Range asks for", "content": part},
                    "416": {"description": "There is no such part"},
                },
                404,
                parameters=_ONE,
            )
        },
        "/documents/{id}/share": {
            "post": operation(
                "Let everybody learn from a deal's document, or no more; for managers, 404 for others",
                {"200": document},
                404,
                parameters=_ONE,
                body=fields({"shared": {"type": "boolean"}}, ("shared",)),
            )
        },
        "/documents/{id}": {
            "delete": operation("Away with it; for whoever brought it, and managers", _DONE, 404, parameters=_ONE)
        },
    }
