"""Every route x {owner, teammate, stranger, manager, anonymous}. A route that is missing here fails the build.

The owner is Alice. Bob is of her team, Charlie of none, Mona manages. What is Alice's bears a canary: nobody but she
and Mona may ever read it, whatever the status.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from pbxcrm.http.server import build
from tests.http.bed import House
from tests.http.things import CANARY, Things, things_of

WHO = ("alice", "bob", "charlie", "mona", None)
LATER = "2026-11-19T09:30:00Z"


@dataclass(frozen=True)
class Eyes:
    """What each of WHO gets; `shows`: those who may see must find the canary."""

    status: tuple[int, int, int, int, int]
    path: str = ""
    json: dict[str, Any] | None = None
    form: dict[str, Any] | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    shows: bool = False


def public(status: int = 200, **more: Any) -> Eyes:
    return Eyes((status,) * 5, **more)


def everybody(status: int, nobody: int, **more: Any) -> Eyes:
    """Whoever is logged in; lists show each their own."""
    return Eyes((status, status, status, status, nobody), **more)


def theirs(status: int, nobody: int, **more: Any) -> Eyes:
    """The owner and those who see all; for others it is not there."""
    return Eyes((status, 404, 404, status, nobody), **more)


def managers(status: int, nobody: int, **more: Any) -> Eyes:
    """Those who see all; for agents there is no such thing."""
    return Eyes((404, 404, 404, status, nobody), **more)


def nobody(**more: Any) -> Eyes:
    """Administrators only: there is none among WHO."""
    return Eyes((404, 404, 404, 404, 303), **more)


HOOK: dict[str, Any] = {"url": "https://example.com/hook", "kinds": ["call.ended"]}
KEY = {"Idempotency-Key": "eyes"}
PAPER, TEXT = "?kind=nda&name=x.txt", {"Content-Type": "text/plain"}
API = "/api/v1"
TABLE: dict[tuple[str, str], Eyes] = {
    ("GET", "/healthz"): public(),
    ("GET", "/readyz"): public(),
    ("GET", "/metrics"): Eyes((403, 403, 403, 200, 200)),  # anonymous: this very machine; else see metrics_test
    ("GET", "/static/{version}/{name}"): public(404, path="/static/x/../../pyproject.toml"),
    ("GET", "/live"): everybody(400, 401),
    ("GET", API + "/live"): everybody(400, 401),
    ("GET", API + "/openapi.json"): public(),
    ("GET", API + "/calls"): everybody(200, 401, shows=True),
    ("GET", API + "/calls/{id}"): theirs(200, 401, path=API + "/calls/{call}", shows=True),
    ("GET", API + "/board"): everybody(200, 401),
    ("GET", API + "/deals"): everybody(200, 401, shows=True),
    ("POST", API + "/deals"): Eyes((201, 422, 422, 201, 401), json={"title": "x", "contact_id": "{contact}"}),
    ("GET", API + "/deals/{id}"): theirs(200, 401, path=API + "/deals/{deal}", shows=True),
    ("PATCH", API + "/deals/{id}"): theirs(200, 401, path=API + "/deals/{deal}", json={"version": 0, "title": "x"}),
    ("POST", API + "/deals/{id}/move"): theirs(
        200, 401, path=API + "/deals/{deal}/move", json={"version": 0, "stage": "{stage}"}, shows=True
    ),
    ("POST", API + "/deals/{id}/claim"): Eyes((200, 404, 404, 409, 401), path=API + "/deals/{deal}/claim"),
    ("POST", API + "/deals/{id}/notes"): theirs(201, 401, path=API + "/deals/{deal}/notes", json={"text": "x"}),
    ("GET", API + "/deals/{id}/timeline"): theirs(200, 401, path=API + "/deals/{deal}/timeline", shows=True),
    ("GET", API + "/unclaimed"): everybody(200, 401),
    ("GET", API + "/contacts"): everybody(200, 401, path=API + "/contacts?q=" + CANARY, shows=True),
    ("POST", API + "/contacts"): everybody(201, 401, json={"name": "x"}),
    ("GET", API + "/contacts/{id}"): theirs(200, 401, path=API + "/contacts/{contact}", shows=True),
    ("PATCH", API + "/contacts/{id}"): theirs(
        200, 401, path=API + "/contacts/{contact}", json={"version": -1, "company": "x"}, shows=True
    ),
    ("POST", API + "/contacts/{id}/notes"): theirs(
        201, 401, path=API + "/contacts/{contact}/notes", json={"text": "x"}
    ),
    ("GET", API + "/companies"): everybody(200, 401, path=API + "/companies?q=" + CANARY, shows=True),
    ("POST", API + "/companies"): everybody(201, 401, json={"name": "x"}),
    ("GET", API + "/companies/{id}"): theirs(200, 401, path=API + "/companies/{company}", shows=True),
    ("PATCH", API + "/companies/{id}"): theirs(
        200, 401, path=API + "/companies/{company}", json={"version": -3, "city": "x"}, shows=True
    ),
    ("POST", API + "/companies/{id}/notes"): theirs(
        201, 401, path=API + "/companies/{company}/notes", json={"text": "x"}
    ),
    ("GET", API + "/deals/{id}/details"): theirs(200, 401, path=API + "/deals/{deal}/details", shows=True),
    ("PUT", API + "/deals/{id}/people"): theirs(
        200, 401, path=API + "/deals/{deal}/people", json={"contact_id": "{contact}", "role": "other"}, shows=True
    ),
    ("GET", API + "/contacts/duplicates"): everybody(200, 401),
    ("GET", API + "/contacts/{id}/merge"): theirs(
        200, 401, path=API + "/contacts/{contact}/merge?with={twin}", shows=True
    ),
    ("POST", API + "/contacts/{id}/merge"): theirs(
        200,
        401,
        path=API + "/contacts/{contact}/merge",
        json={"with": "{twin}", "version": -1, "with_version": 1},
        shows=True,
    ),
    ("GET", API + "/companies/duplicates"): everybody(200, 401),
    ("GET", API + "/companies/{id}/merge"): theirs(
        200, 401, path=API + "/companies/{company}/merge?with={twin_company}", shows=True
    ),
    ("POST", API + "/companies/{id}/merge"): theirs(
        200,
        401,
        path=API + "/companies/{company}/merge",
        json={"with": "{twin_company}", "version": -3, "with_version": 1},
        shows=True,
    ),
    ("GET", API + "/deals/{id}/offers"): theirs(200, 401, path=API + "/deals/{deal}/offers", shows=True),
    ("POST", API + "/deals/{id}/offers"): theirs(
        201, 401, path=API + "/deals/{deal}/offers", json={"currency": "EUR"}, shows=True
    ),
    ("GET", API + "/offers/{id}"): theirs(200, 401, path=API + "/offers/{offer}", shows=True),
    ("PATCH", API + "/offers/{id}"): theirs(
        200, 401, path=API + "/offers/{offer}", json={"version": -4, "note": "x"}, shows=True
    ),
    ("DELETE", API + "/offers/{id}"): theirs(204, 401, path=API + "/offers/{offer}?version=1"),
    ("POST", API + "/offers/{id}/send"): theirs(200, 401, path=API + "/offers/{offer}/send", json={"version": -4}),
    ("POST", API + "/offers/{id}/accept"): theirs(200, 401, path=API + "/offers/{sent}/accept", json={"version": -5}),
    ("POST", API + "/offers/{id}/decline"): theirs(200, 401, path=API + "/offers/{sent}/decline", json={"version": -5}),
    ("POST", API + "/offers/{id}/revise"): theirs(200, 401, path=API + "/offers/{sent}/revise", shows=True),
    ("GET", API + "/documents"): everybody(200, 401),
    ("POST", API + "/documents"): managers(201, 401, path=API + "/documents" + PAPER, form="x", headers=TEXT),
    ("GET", API + "/deals/{id}/documents"): theirs(200, 401, path=API + "/deals/{deal}/documents", shows=True),
    ("POST", API + "/deals/{id}/documents"): theirs(
        201, 401, path=API + "/deals/{deal}/documents" + PAPER, form="x", headers=TEXT
    ),
    ("GET", API + "/documents/{id}/file"): theirs(200, 401, path=API + "/documents/{document}/file", shows=True),
    ("POST", API + "/documents/{id}/share"): managers(
        200, 401, path=API + "/documents/{document}/share", json={"shared": True}
    ),
    ("DELETE", API + "/documents/{id}"): theirs(204, 401, path=API + "/documents/{document}"),
    ("GET", "/contacts"): everybody(200, 303, shows=True),
    ("GET", "/contacts/new"): theirs(200, 303, path="/contacts/new?company={company}", shows=True),
    ("POST", "/contacts"): everybody(303, 303, form={"name": "x"}),
    ("GET", "/contacts/{id}"): theirs(200, 303, path="/contacts/{contact}", shows=True),
    ("POST", "/contacts/{id}"): theirs(303, 303, path="/contacts/{contact}", form={"version": "-1", "name": "x"}),
    ("POST", "/contacts/{id}/notes"): theirs(303, 303, path="/contacts/{contact}/notes", form={"note": "x"}),
    ("POST", "/contacts/{id}/dial"): theirs(303, 303, path="/contacts/{contact}/dial", form={"key": "contact-eyes"}),
    ("GET", "/contacts/duplicates"): everybody(200, 303),
    ("GET", "/contacts/{id}/merge"): theirs(200, 303, path="/contacts/{contact}/merge?with={twin}", shows=True),
    ("POST", "/contacts/{id}/merge"): theirs(
        303, 303, path="/contacts/{contact}/merge", form={"with": "{twin}", "version": "-1", "with_version": "1"}
    ),
    ("GET", "/companies/duplicates"): everybody(200, 303),
    ("GET", "/companies/{id}/merge"): theirs(
        200, 303, path="/companies/{company}/merge?with={twin_company}", shows=True
    ),
    ("POST", "/companies/{id}/merge"): theirs(
        303,
        303,
        path="/companies/{company}/merge",
        form={"with": "{twin_company}", "version": "-3", "with_version": "1"},
    ),
    ("POST", "/contacts/{id}/relations"): theirs(
        303, 303, path="/contacts/{contact}/relations", form={"kind": "family", "who": "{twin_name}"}
    ),
    ("POST", "/companies/{id}/relations"): theirs(
        303, 303, path="/companies/{company}/relations", form={"kind": "competitor", "who": "{twin_name}"}
    ),
    ("GET", API + "/contacts/{id}/relations"): theirs(200, 401, path=API + "/contacts/{contact}/relations", shows=True),
    ("POST", API + "/contacts/{id}/relations"): theirs(
        201,
        401,
        path=API + "/contacts/{contact}/relations",
        json={"kind": "family", "contact_id": "{twin}"},
        shows=True,
    ),
    ("DELETE", API + "/contacts/{id}/relations/{relation}"): theirs(
        204, 401, path=API + "/contacts/{contact}/relations/{relation}"
    ),
    ("GET", API + "/companies/{id}/relations"): theirs(
        200, 401, path=API + "/companies/{company}/relations", shows=True
    ),
    ("POST", API + "/companies/{id}/relations"): theirs(
        201,
        401,
        path=API + "/companies/{company}/relations",
        json={"kind": "other", "contact_id": "{twin}"},
        shows=True,
    ),
    ("DELETE", API + "/companies/{id}/relations/{relation}"): theirs(
        204, 401, path=API + "/companies/{company}/relations/{relation}"
    ),
    ("GET", "/companies"): everybody(200, 303, shows=True),
    ("GET", "/companies/new"): everybody(200, 303),
    ("POST", "/companies"): everybody(303, 303, form={"name": "x"}),
    ("GET", "/companies/{id}"): theirs(200, 303, path="/companies/{company}", shows=True),
    ("POST", "/companies/{id}"): theirs(303, 303, path="/companies/{company}", form={"version": "-3", "name": "x"}),
    ("POST", "/companies/{id}/notes"): theirs(303, 303, path="/companies/{company}/notes", form={"note": "x"}),
    ("POST", "/deals/{id}/checks"): Eyes((422, 404, 404, 422, 303), path="/deals/{deal}/checks", form={"item": "x"}),
    ("POST", "/deals/{id}/again"): Eyes((422, 404, 404, 422, 303), path="/deals/{deal}/again"),
    ("GET", "/deals/{id}/offers/new"): theirs(200, 303, path="/deals/{deal}/offers/new", shows=True),
    ("POST", "/deals/{id}/offers"): theirs(303, 303, path="/deals/{deal}/offers", form={"currency": "EUR"}),
    ("GET", "/offers/{id}"): theirs(200, 303, path="/offers/{offer}", shows=True),
    ("POST", "/offers/{id}"): theirs(303, 303, path="/offers/{offer}", form={"version": "-4", "currency": "EUR"}),
    ("GET", "/offers/{id}/print"): theirs(200, 303, path="/offers/{sent}/print", shows=True),
    ("POST", "/offers/{id}/send"): theirs(303, 303, path="/offers/{offer}/send", form={"version": "-4"}),
    ("POST", "/offers/{id}/accept"): theirs(303, 303, path="/offers/{sent}/accept", form={"version": "-5"}),
    ("POST", "/offers/{id}/decline"): theirs(303, 303, path="/offers/{sent}/decline", form={"version": "-5"}),
    ("POST", "/offers/{id}/revise"): theirs(303, 303, path="/offers/{sent}/revise"),
    ("POST", "/offers/{id}/discard"): theirs(303, 303, path="/offers/{offer}/discard", form={"version": "-4"}),
    # The library is for all, a deal's documents are its; who of a team reads what is in tests/http/documents_test.py.
    ("GET", "/documents"): everybody(200, 303),
    ("POST", "/documents"): managers(415, 303, form={"kind": "nda"}),
    ("POST", "/deals/{id}/documents"): theirs(415, 303, path="/deals/{deal}/documents", form={"kind": "nda"}),
    ("GET", "/documents/{id}/file"): theirs(200, 303, path="/documents/{document}/file", shows=True),
    ("POST", "/documents/{id}/share"): managers(303, 303, path="/documents/{document}/share"),
    ("POST", "/documents/{id}/remove"): theirs(303, 303, path="/documents/{document}/remove"),
    ("POST", "/deals/{id}/people"): theirs(
        303, 303, path="/deals/{deal}/people", form={"contact_id": "{contact}", "role": "other"}
    ),
    ("GET", API + "/tasks"): everybody(200, 401, shows=True),
    ("POST", API + "/tasks"): Eyes(
        (201, 422, 422, 201, 401), json={"title": "x", "due_at": LATER, "deal_id": "{deal}"}
    ),
    ("GET", API + "/tasks/{id}"): theirs(200, 401, path=API + "/tasks/{task}", shows=True),
    ("PATCH", API + "/tasks/{id}"): theirs(
        200, 401, path=API + "/tasks/{task}", json={"version": -4, "place": "x"}, shows=True
    ),
    ("POST", API + "/tasks/{id}/done"): theirs(200, 401, path=API + "/tasks/{task}/done"),
    ("GET", API + "/leads"): everybody(200, 401, shows=True),
    ("POST", API + "/leads"): everybody(201, 401, json={"name": "x"}),
    ("POST", API + "/leads/assign"): managers(200, 401, json={"ids": ["{lead}"], "owner": "bob"}),
    ("GET", API + "/leads/{id}"): theirs(200, 401, path=API + "/leads/{lead}", shows=True),
    ("PATCH", API + "/leads/{id}"): theirs(
        200, 401, path=API + "/leads/{lead}", json={"version": -2, "company": "x"}, shows=True
    ),
    ("DELETE", API + "/leads/{id}"): theirs(204, 401, path=API + "/leads/{lead}"),
    ("POST", API + "/leads/{id}/claim"): Eyes((200, 404, 404, 409, 401), path=API + "/leads/{lead}/claim"),
    ("POST", API + "/leads/{id}/release"): theirs(200, 401, path=API + "/leads/{lead}/release"),
    ("POST", API + "/leads/{id}/notes"): theirs(201, 401, path=API + "/leads/{lead}/notes", json={"text": "x"}),
    ("POST", API + "/leads/{id}/tasks"): theirs(
        201, 401, path=API + "/leads/{lead}/tasks", json={"title": "x", "due_at": LATER}
    ),
    ("GET", API + "/leads/{id}/timeline"): theirs(200, 401, path=API + "/leads/{lead}/timeline", shows=True),
    ("POST", API + "/leads/{id}/qualify"): theirs(
        200, 401, path=API + "/leads/{lead}/qualify", json={"version": -2, "contact": "new"}, shows=True
    ),
    ("GET", "/leads"): everybody(200, 303, path="/leads?show=all", shows=True),
    ("GET", "/leads/provider"): everybody(200, 303, path="/leads/provider?among=companies", shows=True),
    ("POST", "/leads/provider"): Eyes((303, 422, 422, 303, 303), form={"among": "companies", "name": "x"}),
    ("POST", "/leads/provider/filters/{id}/remove"): everybody(404, 303, path="/leads/provider/filters/999/remove"),
    ("POST", "/leads"): everybody(303, 303, form={"name": "x"}),
    ("GET", "/leads/new"): everybody(200, 303),
    ("POST", "/leads/assign"): managers(303, 303, form={"ids": "{lead}", "owner": "bob"}),
    ("GET", "/leads/{id}"): theirs(200, 303, path="/leads/{lead}", shows=True),
    ("POST", "/leads/{id}"): theirs(303, 303, path="/leads/{lead}", form={"version": "-2", "name": "x"}),
    ("POST", "/leads/{id}/status"): theirs(
        303, 303, path="/leads/{lead}/status", form={"version": "-2", "status": "hot"}
    ),
    ("POST", "/leads/{id}/next"): theirs(303, 303, path="/leads/{lead}/next", form={"version": "-2", "next": "1d"}),
    ("POST", "/leads/{id}/note"): theirs(303, 303, path="/leads/{lead}/note", form={"text": "x"}),
    ("POST", "/leads/{id}/task"): theirs(303, 303, path="/leads/{lead}/task", form={"title": "x", "when": "1d"}),
    ("POST", "/leads/{id}/dial"): theirs(303, 303, path="/leads/{lead}/dial", form={"key": "eyes-{lead}"}),
    ("POST", "/leads/{id}/claim"): Eyes((303, 404, 404, 409, 303), path="/leads/{lead}/claim"),
    ("POST", "/leads/{id}/release"): theirs(303, 303, path="/leads/{lead}/release"),
    ("POST", "/leads/{id}/decline"): theirs(303, 303, path="/leads/{lead}/decline"),
    ("GET", "/leads/{id}/qualify"): theirs(200, 303, path="/leads/{lead}/qualify", shows=True),
    ("POST", "/leads/{id}/qualify"): theirs(
        303, 303, path="/leads/{lead}/qualify", form={"version": "-2", "contact": "new"}
    ),
    ("GET", "/settings/scores"): nobody(),
    ("GET", "/settings/scores/reach"): nobody(path="/settings/scores/reach?field=city&full=x&points=1"),
    ("POST", "/settings/scores"): nobody(form={"field": "city", "full": "x", "points": "1"}),
    ("POST", "/settings/scores/{id}"): nobody(
        path="/settings/scores/1", form={"field": "city", "full": "x", "points": "1"}
    ),
    ("POST", "/settings/scores/{id}/remove"): nobody(path="/settings/scores/1/remove"),
    ("GET", "/settings/fields"): nobody(),
    ("POST", "/settings/fields"): nobody(form={"thing": "deal", "name": "x", "type": "text"}),
    ("POST", "/settings/fields/{id}"): nobody(path="/settings/fields/1", form={"name": "x"}),
    ("POST", "/settings/fields/{id}/shift"): nobody(path="/settings/fields/1/shift", form={"by": "1"}),
    ("POST", "/settings/fields/{id}/retire"): nobody(path="/settings/fields/1/retire", form={"retired": "1"}),
    ("GET", API + "/fields"): everybody(200, 401),
    ("POST", API + "/fields"): Eyes((404, 404, 404, 404, 401), json={"thing": "deal", "name": "x", "type": "text"}),
    ("PATCH", API + "/fields/{id}"): Eyes((404, 404, 404, 404, 401), path=API + "/fields/1", json={"name": "x"}),
    ("GET", "/settings/leads"): nobody(),
    ("POST", "/settings/leads"): nobody(form={"used": "1", "limit": "5", "needs": "0"}),
    ("POST", API + "/dial"): theirs(202, 401, json={"deal_id": "{deal}"}, headers=KEY),
    ("GET", API + "/dial/{id}"): theirs(200, 401, path=API + "/dial/{dial}"),
    ("GET", API + "/audit"): Eyes((404, 404, 404, 200, 401)),
    ("GET", API + "/disagreements"): managers(200, 401),
    ("POST", API + "/disagreements/{id}/seen"): managers(200, 401, path=API + "/disagreements/{differing}/seen"),
    ("GET", "/calls/disagreements"): managers(200, 303),
    ("POST", "/calls/disagreements/{id}/seen"): managers(303, 303, path="/calls/disagreements/{differing}/seen"),
    ("GET", API + "/calls/{id}/recording"): theirs(200, 401, path=API + "/calls/{call}/recording"),
    ("GET", "/calls/{id}/recording"): theirs(200, 303, path="/calls/{call}/recording"),
    ("GET", "/calls/{id}/waveform.svg"): theirs(200, 303, path="/calls/{call}/waveform.svg"),
    ("GET", API + "/calls.csv"): everybody(200, 401, shows=True),
    ("GET", API + "/deals.csv"): everybody(200, 401, shows=True),
    ("GET", API + "/contacts.csv"): everybody(200, 401, shows=True),
    ("GET", API + "/companies.csv"): everybody(200, 401, shows=True),
    ("GET", API + "/leads.csv"): everybody(200, 401, shows=True),
    ("GET", API + "/tasks.csv"): everybody(200, 401, shows=True),
    # Webhooks tell everything, so they are managers' alone.
    ("GET", API + "/webhooks"): managers(200, 401),
    ("POST", API + "/webhooks"): managers(201, 401, json=HOOK),
    ("GET", API + "/webhooks/{id}"): managers(200, 401, path=API + "/webhooks/{hook}"),
    ("PATCH", API + "/webhooks/{id}"): managers(200, 401, path=API + "/webhooks/{hook}", json={"active": False}),
    ("DELETE", API + "/webhooks/{id}"): managers(204, 401, path=API + "/webhooks/{hook}"),
    ("POST", API + "/webhooks/{id}/test"): managers(202, 401, path=API + "/webhooks/{hook}/test"),
    ("GET", API + "/webhooks/{id}/deliveries"): managers(200, 401, path=API + "/webhooks/{hook}/deliveries"),
    ("GET", "/settings/webhooks"): managers(200, 303),
    ("POST", "/settings/webhooks"): managers(201, 303, form=HOOK),
    ("GET", "/settings/webhooks/{id}"): managers(200, 303, path="/settings/webhooks/{hook}"),
    ("POST", "/settings/webhooks/{id}/test"): managers(303, 303, path="/settings/webhooks/{hook}/test"),
    ("POST", "/settings/webhooks/{id}/active"): managers(
        303, 303, path="/settings/webhooks/{hook}/active", form={"active": "false"}
    ),
    ("POST", "/settings/webhooks/{id}/remove"): managers(303, 303, path="/settings/webhooks/{hook}/remove"),
    # Imports: what a person brought; whose rows are whose is in tests/http/imports_test.py.
    ("GET", API + "/imports"): everybody(200, 401),
    ("POST", API + "/imports"): everybody(201, 401, form="name\nx\n", headers={"Content-Type": "text/csv"}),
    ("GET", API + "/imports/{id}"): theirs(200, 401, path=API + "/imports/{brought}", shows=True),
    ("GET", API + "/imports/{id}/preview"): theirs(200, 401, path=API + "/imports/{brought}/preview", shows=True),
    ("GET", API + "/imports/{id}/problems.csv"): theirs(200, 401, path=API + "/imports/{brought}/problems.csv"),
    ("POST", API + "/imports/{id}/run"): theirs(202, 401, path=API + "/imports/{brought}/run", shows=True),
    ("POST", API + "/imports/{id}/undo"): theirs(409, 401, path=API + "/imports/{brought}/undo"),
    ("GET", "/imports"): everybody(200, 303, shows=True),
    ("GET", "/imports/new"): everybody(200, 303),
    ("POST", "/imports"): everybody(415, 303, form={"kind": "contacts"}),
    ("GET", "/imports/{id}"): theirs(200, 303, path="/imports/{brought}", shows=True),
    ("GET", "/imports/{id}/problems.csv"): theirs(200, 303, path="/imports/{brought}/problems.csv"),
    ("POST", "/imports/{id}"): theirs(303, 303, path="/imports/{brought}", form={"column-0": "name", "do": "run"}),
    ("POST", "/imports/{id}/undo"): theirs(409, 303, path="/imports/{brought}/undo"),
    # Pages: who is not logged in is sent to the door.
    ("GET", "/"): everybody(303, 303),
    ("GET", "/login"): Eyes((303, 303, 303, 303, 200)),
    ("POST", "/login"): public(401, form={"name": "nobody", "password": "nothing at all"}),
    ("POST", "/logout"): everybody(303, 303),
    ("GET", "/me"): everybody(200, 303),
    ("POST", "/me"): everybody(303, 303, form={"locale": "en"}),
    ("GET", "/pbx"): everybody(200, 303),
    ("GET", "/board"): everybody(200, 303, shows=True),
    ("GET", "/board/heads"): everybody(200, 303, path="/board/heads?deal={deal}", shows=True),
    ("GET", "/board/filter"): everybody(200, 303),
    ("GET", "/help/keys"): everybody(200, 303),
    ("GET", "/deals/{id}/link"): theirs(200, 303, path="/deals/{deal}/link", shows=True),
    ("POST", "/deals/{id}/link"): Eyes(
        (422, 404, 404, 422, 303), path="/deals/{deal}/link", form={"version": "0", "to": "{free}"}, shows=True
    ),
    # Pipelines are the administrators' alone; what they see is in tests/http/pipelines_test.py.
    ("GET", "/settings/pipelines"): nobody(),
    ("POST", "/settings/pipelines"): nobody(form={"template": "five"}),
    ("GET", "/settings/pipelines/{id}"): nobody(path="/settings/pipelines/1"),
    ("POST", "/settings/pipelines/{id}"): nobody(path="/settings/pipelines/1", form={"name": "x"}),
    ("POST", "/settings/pipelines/{id}/shift"): nobody(path="/settings/pipelines/1/shift"),
    ("POST", "/settings/pipelines/{id}/remove"): nobody(path="/settings/pipelines/1/remove"),
    ("POST", "/settings/pipelines/{id}/stages"): nobody(path="/settings/pipelines/1/stages", form={"name": "x"}),
    ("POST", "/settings/stages/{id}"): nobody(path="/settings/stages/2", form={"name": "x"}),
    ("POST", "/settings/stages/{id}/shift"): nobody(path="/settings/stages/2/shift"),
    ("POST", "/settings/stages/{id}/remove"): nobody(path="/settings/stages/2/remove"),
    ("POST", "/board/views"): everybody(303, 303, form={"name": "x", "query": "due=none", "shared": "1"}),
    ("POST", "/board/views/{id}/remove"): Eyes((404, 404, 404, 404, 303), path="/board/views/999/remove"),
    ("POST", "/deals/{id}/advance"): theirs(303, 303, path="/deals/{deal}/advance"),
    ("POST", "/deals/{id}/lower"): theirs(303, 303, path="/deals/{deal}/lower"),
    ("GET", "/audit"): Eyes((404, 404, 404, 200, 303)),
    ("GET", "/contacts/{id}/privacy"): Eyes((404, 404, 404, 200, 303), path="/contacts/{contact}/privacy"),
    ("GET", "/contacts/{id}/export"): Eyes((404, 404, 404, 200, 303), path="/contacts/{contact}/export"),
    ("POST", "/contacts/{id}/erase"): Eyes(
        (404, 404, 404, 303, 303), path="/contacts/{contact}/erase", form={"confirm": "{number}"}
    ),
    ("GET", "/calls"): everybody(200, 303, shows=True),
    ("GET", "/calls/missed"): everybody(200, 303),
    ("GET", "/calls/missed/count"): everybody(200, 303),
    ("GET", "/calls/{id}"): theirs(200, 303, path="/calls/{call}", shows=True),
    ("GET", "/calls/mine"): everybody(200, 303, shows=False),
    ("POST", "/calls/{id}/wrapup"): Eyes((303, 404, 404, 404, 303), path="/calls/{call}/wrapup", form={"note": "x"}),
    ("POST", "/calls/{id}/deal"): theirs(303, 303, path="/calls/{call}/deal"),
    ("POST", "/calls/{id}/hide"): Eyes((303, 404, 404, 404, 303), path="/calls/{call}/hide", form={"spell": "t"}),
    ("GET", "/calendar"): Eyes((200, 404, 404, 200, 303), path="/calendar?day=2026-11-18&who=alice", shows=True),
    ("GET", "/feed/{secret}.ics"): public(404, path="/feed/" + "x" * 43 + ".ics"),  # see feed_test.py
    ("POST", "/me/feed"): everybody(200, 303),
    ("POST", "/me/feed/off"): everybody(303, 303),
    ("GET", "/day"): Eyes((200, 404, 404, 200, 303), path="/day?who=alice", shows=True),
    ("GET", "/tasks/new"): theirs(200, 303, path="/tasks/new?deal_id={deal}"),
    ("POST", "/tasks"): Eyes(
        (303, 422, 422, 303, 303), path="/tasks", form={"title": "x", "day": "2026-11-19", "deal_id": "{deal}"}
    ),
    ("GET", "/tasks/{id}"): theirs(200, 303, path="/tasks/{task}", shows=True),
    ("POST", "/tasks/{id}"): theirs(303, 303, path="/tasks/{task}", form={"title": "x", "day": "2026-11-19"}),
    ("POST", "/tasks/{id}/later"): theirs(303, 303, path="/tasks/{task}/later", form={"to": "1d"}),
    ("POST", "/tasks/{id}/done"): theirs(303, 303, path="/tasks/{task}/done"),
    ("POST", "/tasks/{id}/dial"): theirs(303, 303, path="/tasks/{callback}/dial"),
    ("GET", "/search"): everybody(200, 303, path="/search?q={digits}", shows=True),
    # Reports: a seller's are of their own; the figures themselves are in tests/http/reports_test.py.
    ("GET", "/reports"): everybody(200, 303),
    ("GET", "/reports/stages"): everybody(200, 303),
    ("GET", "/reports/lost"): everybody(200, 303),
    ("GET", "/reports/sources"): everybody(200, 303),
    ("GET", "/reports/deals"): everybody(200, 303, path="/reports/deals?what=created", shows=True),
    ("GET", "/reports/{name}.csv"): everybody(200, 303, path="/reports/sources.csv"),
    ("GET", "/reports/stale"): everybody(200, 303, path="/reports/stale?days=14&low=1"),
    ("POST", "/reports/stale"): managers(303, 303, form={"pick": "{deal}:1", "do": "lower"}),
    ("GET", "/deals/new"): theirs(200, 303, path="/deals/new?call={call}", shows=True),
    ("POST", "/deals"): theirs(303, 303, form={"title": "x", "call": "{call}"}),
    ("GET", "/deals/{id}"): theirs(200, 303, path="/deals/{deal}", shows=True),
    ("POST", "/deals/{id}"): theirs(
        303, 303, path="/deals/{deal}", form={"version": "0", "title": "x", "priority": "0", "currency": "EUR"}
    ),
    ("POST", "/deals/{id}/move"): theirs(
        303, 303, path="/deals/{deal}/move", form={"version": "0", "stage": "{stage}"}
    ),
    ("POST", "/deals/{id}/claim"): Eyes((303, 404, 404, 409, 303), path="/deals/{deal}/claim"),
    ("POST", "/deals/{id}/accept"): theirs(303, 303, path="/deals/{deal}/accept", form={"version": "0"}),
    ("POST", "/deals/{id}/reject"): theirs(303, 303, path="/deals/{deal}/reject", form={"version": "0"}),
    ("POST", "/deals/{id}/wrapup"): theirs(303, 303, path="/deals/{deal}/wrapup", form={"note": "x"}),
    ("POST", "/deals/{id}/dial"): theirs(303, 303, path="/deals/{deal}/dial", form={"key": "eyes"}),
}


def routes() -> list[tuple[str, str]]:
    """Every route there is, HEAD aside."""
    from tests.http.bed import bare

    found = {(r.method, r.resource.canonical) for r in build(bare()).router.routes() if r.resource is not None}
    return sorted((method, path) for method, path in found if method != "HEAD")


def test_no_route_is_missing() -> None:
    assert set(routes()) - set(TABLE) == set()
    assert set(TABLE) - set(routes()) == set()


def filled(value: Any, things: Things) -> Any:
    """The row's placeholders by what is Alice's."""
    if isinstance(value, dict):
        of = things
        versions = {0: of.version, -1: of.contact_version, -2: of.lead_version, -3: of.company_version, -4: 1, -5: 2}
        return {k: _version(v, versions) if k == "version" else filled(v, things) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(one, things) for one in value]
    if not isinstance(value, str):
        return value
    return value.format(**vars(things), digits=things.number[1:])


def _version(value: int | str, versions: dict[int, int]) -> int | str:
    return versions[value] if isinstance(value, int) else str(versions[int(value)])


@pytest.mark.asyncio
@pytest.mark.parametrize(("method", "path"), sorted(TABLE))
async def test_each_sees_what_is_theirs(house: House, method: str, path: str) -> None:
    eyes = TABLE[method, path]
    for who, status in zip(WHO, eyes.status, strict=True):
        things = await things_of(house, house.people["alice"])
        more: dict[str, Any] = {"headers": {**eyes.headers, "Origin": house.origin}}
        if eyes.json is not None:
            more["json"] = filled(eyes.json, things)
        if eyes.form is not None:
            more["data"] = filled(eyes.form, things)
        answer = await house.ask(method, filled(eyes.path or path, things), who, **more)
        text = await answer.text(errors="replace")
        assert answer.status == status, (who, text)
        if who in ("alice", "mona"):
            assert CANARY in text or not eyes.shows, who
        else:
            assert CANARY not in text, who
            assert things.number not in text, who
            assert house.pbx.sent == []
