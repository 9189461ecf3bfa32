"""What stands before every handler: request id, safe headers, Host, cross-site requests, who is asking."""

import ipaddress
import secrets
from dataclasses import replace
from urllib.parse import quote, urlsplit

from aiohttp import web
from multidict import CIMultiDictProxy

from pbxcrm.http.current import REQUEST
from pbxcrm.http.errors import Forbidden, NotLoggedIn, is_api
from pbxcrm.http.keys import AUTH, BY_TOKEN, DEPS, PERSON, REQUEST_ID, Handler
from pbxcrm.http.login import address, cookie_name
from pbxcrm.store.errors import DatabaseUnusable

PUBLIC = frozenset({"/metrics", "/login"})
# Answered without asking who it is; whoever reads a feed bears its secret in the address.
_NO_MATTER_WHO = ("/static/", "/healthz", "/readyz", "/api/v1/openapi.json", "/feed/")
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: browsers would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Server": "pbxcrm",
}


async def safe_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer, streams and errors too."""
    response.headers.update(_HEADERS)
    if "Cache-Control" not in response.headers:
        response.headers["Cache-Control"] = "no-store"
    if (number := request.get(REQUEST_ID)) is not None:
        response.headers["X-Request-Id"] = number
    if request.app[DEPS].settings.secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"


@web.middleware
async def request_id(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A random id a request: the one thing an error tells of our insides."""
    request[REQUEST_ID] = secrets.token_hex(8)
    REQUEST.set(request[REQUEST_ID])
    return await handler(request)


@web.middleware
async def host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse names that are not ours: a foreign name that points here is somebody's DNS rebinding."""
    allowed = request.app[DEPS].settings.hosts
    if allowed and not known_host(request.host, allowed):
        raise Forbidden(
            "This name is not one of this server's. Nothing was changed; an administrator adds it to PBXCRM_HTTP_HOSTS."
        )
    return await handler(request)


def known_host(header: str, allowed: tuple[str, ...]) -> bool:
    """Whether the Host header names us: an address or localhost (no DNS, no rebinding), or an allowed name."""
    try:
        name = urlsplit("//" + header).hostname
    except ValueError:
        return False
    if not name:
        return False
    if name == "localhost" or name in {a.lower() for a in allowed}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def cross_site(headers: "CIMultiDictProxy[str]", host_header: str, *, secure: bool) -> bool:
    """Whether another site's page sent this. Sec-Fetch-Site decides where there is one, else Origin.

    Neither: no browser of this decade (each sends Origin with a cross-site POST), and SameSite holds the cookie back.
    """
    site = headers.getall("Sec-Fetch-Site", [])
    if site:
        return any(value not in ("same-origin", "none") for value in site)
    origins = headers.getall("Origin", [])
    return any(not same_origin(origin, host_header, secure=secure) for origin in origins)


def same_origin(origin: str, host_header: str, *, secure: bool) -> bool:
    """Whether an Origin header is our own: same host and port, and https where we are reached by https."""
    try:
        parts = urlsplit(origin)
        ours = urlsplit(f"{parts.scheme}://{host_header}")
        theirs, mine = (parts.hostname, parts.port), (ours.hostname, ours.port)
    except ValueError:
        return False
    if parts.scheme not in (("https",) if secure else ("http", "https")) or parts.path or parts.query or parts.username:
        return False
    default = 443 if parts.scheme == "https" else 80
    return bool(theirs[0]) and theirs[0] == mine[0] and (theirs[1] or default) == (mine[1] or default)


@web.middleware
async def who(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nobody unknown gets past, and nothing is changed on another site's behalf."""
    if request.match_info.http_exception is not None:
        return await handler(request)  # no such route: 404 or 405 for everybody
    if request.path.startswith(_NO_MATTER_WHO):
        return await handler(request)
    try:
        await identify(request)
    except DatabaseUnusable:
        if request.path != "/metrics":  # they tell just then what is the matter; this machine may read them anyway
            raise
    by_token = request[BY_TOKEN]
    secure = request.app[DEPS].settings.secure
    if request.method not in _SAFE and not by_token and cross_site(request.headers, request.host, secure=secure):
        raise Forbidden("This came from another site's page, so nothing was changed. Open pbxcrm itself and try again.")
    if request.get(PERSON) is None and request.path not in PUBLIC:
        return _log_in_first(request)
    return await handler(request)


async def identify(request: web.Request) -> None:
    """Set PERSON from a token or the session cookie. A token in the header makes the cookie count for nothing."""
    auth = request.app[AUTH]
    header = request.headers.get("Authorization")
    request[BY_TOKEN] = header is not None
    if header is not None:
        scheme, _, raw = header.partition(" ")
        person = await auth.by_token(raw.strip()) if scheme.lower() == "bearer" else None
    else:
        cookie = request.cookies.get(cookie_name(request))
        person = await auth.by_session(cookie) if cookie else None
    if person is not None:
        request[PERSON] = replace(person, scope=replace(person.scope, peer=address(request)))


def _log_in_first(request: web.Request) -> web.StreamResponse:
    if is_api(request):
        raise NotLoggedIn("Not logged in, or the session or token is over. Log in, or send a valid Bearer token.")
    after = request.rel_url.raw_path_qs if request.method == "GET" else "/"
    login = f"/login?next={quote(after, safe='')}"
    if "HX-Request" in request.headers:  # a part of a page cannot follow a redirect: the whole page shall
        return web.Response(status=401, headers={"HX-Redirect": "/login"}, text="Your session is over. Log in again.\n")
    raise web.HTTPSeeOther(login)
