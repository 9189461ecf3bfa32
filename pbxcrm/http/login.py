"""From a password to a cookie and back. The pages own the form; this owns what it does."""

import ipaddress
import logging

from aiohttp import web

from pbxcrm.http.keys import AUTH, BY_TOKEN, DEPS, PERSON, TRAIL
from pbxcrm.service.auth import SESSION_LIFE, LoginFailed
from pbxcrm.service.dial import Prove
from pbxcrm.service.errors import Refused, TooMany

log = logging.getLogger(__name__)


def cookie_name(request: web.Request) -> str:
    """`__Host-` binds the cookie to https and this very host, where https is there."""
    return "__Host-pbxcrm_session" if request.app[DEPS].settings.secure else "pbxcrm_session"


def address(request: web.Request) -> str:
    """Who is at the other end. X-Forwarded-For counts only as far as trusted proxies wrote it."""
    trusted = request.app[DEPS].settings.trusted_proxies
    hops = [h.strip() for line in request.headers.getall("X-Forwarded-For", []) for h in line.split(",")]
    there = request.remote or ""
    while there in trusted and hops:
        there = hops.pop()
    return "".join(c for c in there[:64] if c.isprintable())


def peer(request: web.Request) -> str:
    """Who counts as one for tries: an IPv4 address, or an IPv6 network of 64 bits."""
    there = address(request)
    try:
        ip = ipaddress.ip_address(there)
    except ValueError:
        return there
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((ip, 64), strict=False))


async def log_in(request: web.Request, name: str, password: str) -> str:
    """The raw token of a new session; the one the browser came with ends. Raises LoginFailed, TooMany."""
    where = peer(request)
    try:
        raw = await request.app[AUTH].login(name, password, where, address(request))
    except (LoginFailed, TooMany) as error:
        # A name that is nobody's may be a password in the wrong field: it goes nowhere.
        known = error.user if isinstance(error, LoginFailed) else ""
        log.warning("login of %s from %s: %s", known or "nobody we know", where, error.code)
        request.app[TRAIL].failed(known, address(request), refused=isinstance(error, TooMany))
        raise
    if (before := request.cookies.get(cookie_name(request))) is not None:
        await request.app[AUTH].logout(before, address(request))
    return raw


def proof(request: web.Request, password: str | None) -> Prove | None:
    """How whoever asks says once more who they are: by their password, and never with a program's token."""
    if password is None or request[BY_TOKEN]:
        return None

    async def prove() -> None:
        scope = request[PERSON].scope
        try:
            await request.app[AUTH].confirm(scope, password, peer(request))
        except (Refused, TooMany) as error:
            log.warning("password of %s asked once more, from %s: %s", scope.name, peer(request), error.code)
            request.app[TRAIL].failed(scope.name, address(request), refused=isinstance(error, TooMany))
            raise

    return prove


def set_cookie(request: web.Request, response: web.StreamResponse, raw: str) -> None:
    """The session into the browser: no script reads it, no other site sends it."""
    secure = request.app[DEPS].settings.secure
    response.set_cookie(
        cookie_name(request), raw, max_age=int(SESSION_LIFE), path="/", httponly=True, samesite="Lax", secure=secure
    )


async def log_out(request: web.Request, response: web.StreamResponse) -> None:
    """End this browser's session and take its cookie away."""
    if (raw := request.cookies.get(cookie_name(request))) is not None:
        await request.app[AUTH].logout(raw, address(request))
    secure = request.app[DEPS].settings.secure
    response.del_cookie(cookie_name(request), path="/", httponly=True, samesite="Lax", secure=secure)
