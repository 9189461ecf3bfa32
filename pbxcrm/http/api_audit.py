"""REST: the audit log."""

from aiohttp import web

from pbxcrm.http.body import listing
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON, TRAIL
from pbxcrm.service import audit
from pbxcrm.service.errors import NotFound


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/audit", list_audit)


async def list_audit(request: web.Request) -> web.Response:
    """GET /audit: who saw and changed what, the newest on top; for managers."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    if not scope.sees_all:
        raise NotFound
    await request.app[TRAIL].flush()
    found = await listing(request, audit.FILTERS, lambda p: audit.list_audit(db, scope, p.limit, p.cursor, p.filters))
    return json_response(found)
