"""Every error as an answer: JSON in the agreed shape under /api, a page elsewhere. Nothing of our insides gets out."""

import json
import logging
from typing import Any

from aiohttp import web

from pbxcrm.crm.countries import country_name
from pbxcrm.http.keys import DEPS, ERROR_PAGE, REQUEST_ID, Handler
from pbxcrm.service.auth import LoginFailed
from pbxcrm.service.errors import Conflict, Invalid, NewCountry, NotFound, Refused, ServiceError, TooMany, Unavailable
from pbxcrm.store.errors import DatabaseUnusable

log = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[ServiceError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (Invalid, 422),
    (Refused, 422),
    (TooMany, 429),
    (Unavailable, 503),
    (LoginFailed, 401),
)
NOT_SAVED = (
    "The database is away just now, so this was not saved. What was saved before is safe, and calls are being kept. "
    "What you typed is still in the form (go back, if you no longer see it): save it again when the database is back. "
    "If it stays away, tell an administrator to run: pbxcrm doctor"
)
NOT_SHOWN = (
    "The database is away just now, so this cannot be shown. Nothing is lost: calls are being kept and will appear. "
    "The page tries again by itself. If it stays away, tell an administrator to run: pbxcrm doctor"
)
# What needs no database.
_WITHOUT = ("/static/", "/healthz", "/readyz", "/metrics", "/api/v1/openapi.json")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TRY_AGAIN = 5  # seconds
_HTTP = {
    400: ("bad_request", "The request cannot be read. Nothing was changed."),
    401: ("unauthenticated", "Not logged in, or the session or token is over. Log in, or send a valid token."),
    403: ("forbidden", "This request was refused. Nothing was changed."),
    404: ("not_found", "There is none here, or it is not yours."),
    405: ("method_not_allowed", "This address does not take this method. Nothing was changed."),
    413: ("too_large", "What was sent is too large. Nothing was changed."),
    415: ("unsupported_media_type", "Send JSON with Content-Type: application/json. Nothing was changed."),
}


class BadRequest(ServiceError):  # noqa: N818
    """The request cannot be understood at all: a cursor or a limit that is none, broken JSON. Answered with 400."""

    code = "bad_request"


class Forbidden(ServiceError):  # noqa: N818
    """The request comes from where it should not: another site's page, another name of ours. Answered with 403."""

    code = "forbidden"


class NotLoggedIn(ServiceError):  # noqa: N818
    """No session and no token, or one that is over. Answered with 401, or with the login page."""

    code = "unauthenticated"


def status_of(error: ServiceError) -> int:
    """The HTTP status of a service's answer."""
    for kind, status in ((BadRequest, 400), (Forbidden, 403), (NotLoggedIn, 401), *_STATUS):
        if isinstance(error, kind):
            return status
    return 400


def is_api(request: web.Request) -> bool:
    """Whether a program asks (it gets JSON), not a person's browser."""
    path = request.path
    return path.startswith("/api/") or path in ("/api", "/live", "/healthz", "/readyz", "/metrics")


def json_response(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """JSON as we send it: UTF-8, compact."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    # Half a surrogate pair can come in as JSON and be shown back in an error: it has no UTF-8.
    body = text.encode("utf-8", "replace")
    return web.Response(body=body, status=status, headers=headers, content_type="application/json", charset="utf-8")


def _body(error: ServiceError) -> dict[str, Any]:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if isinstance(error, Invalid) and error.fields:
        body["fields"] = error.fields
    if isinstance(error, NewCountry):
        body["country"] = {"code": error.country, "name": country_name(error.country)}
    if isinstance(error, Conflict):
        body |= {k: v for k, v in (("current", error.current), ("by", error.by)) if v is not None}
    return body


def answer(request: web.Request, error: ServiceError) -> web.Response:
    """The answer for a service's error."""
    again: dict[str, str] = {}
    if error.code == "database_down":  # its words are the administrator's: they name the file and the user
        log.debug("request %s: %s", request[REQUEST_ID], error.message)  # the outage itself is logged once
        reading = request.method in _SAFE
        error = Unavailable(NOT_SHOWN if reading else NOT_SAVED, code=error.code)
        again = {"Retry-After": str(_TRY_AGAIN), **({"Refresh": str(_TRY_AGAIN)} if reading else {})}
    status = status_of(error)
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, TooMany) else again
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="pbxcrm"'
    if is_api(request):
        return json_response({"error": _body(error)}, status, headers)
    return _page(request, status, error.message, headers)


def _page(request: web.Request, status: int, message: str, headers: dict[str, str]) -> web.Response:
    show = request.app.get(ERROR_PAGE)
    if show is not None:
        response = show(request, status, message, request[REQUEST_ID])
    else:
        response = web.Response(text=message + "\n", status=status)
    response.headers.update(headers)
    return response


def _http_error(request: web.Request, error: web.HTTPException) -> web.Response:
    code, message = _HTTP.get(error.status, ("error", "The request was refused. Nothing was changed."))
    headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    if is_api(request):
        return json_response({"error": {"code": code, "message": message}}, error.status, headers)
    return _page(request, error.status, message, headers)


def _broken(request: web.Request) -> web.Response:
    number = request[REQUEST_ID]
    message = f"Something broke on our side, and your change may not be saved. Reload and look; tell us {number}."
    if is_api(request):
        return json_response({"error": {"code": "internal", "message": message, "request_id": number}}, 500)
    return _page(request, 500, message, {})


@web.middleware
async def database(request: web.Request, handler: Handler) -> web.StreamResponse:
    """While the database is away nobody's change waits for it; before it was ever seen, nothing is read either."""
    known = request.app[DEPS].db.presence
    if not known.up and (request.method not in _SAFE or not known.ready) and not request.path.startswith(_WITHOUT):
        raise Unavailable(known.reason, code="database_down")
    return await handler(request)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost one: whatever happens inside becomes an answer a person can act on."""
    try:
        return await handler(request)
    except ServiceError as error:
        return answer(request, error)
    except web.HTTPException as error:
        if error.status < 400:  # a redirect: aiohttp wants these raised, not returned
            raise
        return _http_error(request, error)
    except DatabaseUnusable as error:
        return answer(request, Unavailable(error.message, code="database_down"))
    except Exception:
        log.exception("request %s: %s %s failed", request[REQUEST_ID], request.method, request.match_info.handler)
        try:
            return _broken(request)
        except Exception:  # the error page itself is broken: say so without it
            log.exception("request %s: the error page failed", request[REQUEST_ID])
            return web.Response(text=f"Something broke on our side ({request[REQUEST_ID]}).\n", status=500)
