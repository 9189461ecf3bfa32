"""REST: contacts and companies that are there twice."""

from aiohttp import web

from pbxcrm.http.api_companies import THINGS, thing_of
from pbxcrm.http.body import MAX_VERSION, Field, fields, ident, integer, listing, read_json, texts
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import companies, contacts, merge

_VERSION = Field(integer(1, MAX_VERSION), required=True)
_MERGE = {"with": Field(ident, required=True), "version": _VERSION, "with_version": _VERSION, "take": Field(texts)}
_GET = {"contact": contacts.get, "company": companies.get}


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    for things in THINGS:
        app.router.add_get(f"{prefix}/{things}/duplicates", duplicates)
        app.router.add_get(f"{prefix}/{things}/{{id}}/merge", preview)
        app.router.add_post(f"{prefix}/{things}/{{id}}/merge", do)


async def duplicates(request: web.Request) -> web.Response:
    """GET /contacts/duplicates, /companies/duplicates: pairs that may be one."""
    found = await merge.candidates(request.app[DEPS].db, request[PERSON].scope, thing_of(request))
    return json_response({"items": found})


async def preview(request: web.Request) -> web.Response:
    """GET …/{id}/merge?with=: both side by side."""
    db, scope, thing, one = request.app[DEPS].db, request[PERSON].scope, thing_of(request), request.match_info["id"]
    found = await listing(
        request, ("with",), lambda page: merge.preview(db, scope, thing, one, page.filters.get("with")), ()
    )
    return json_response(found)


async def do(request: web.Request) -> web.Response:
    """POST …/{id}/merge {with, version, with_version, take?}: gives the one that stays."""
    given = fields(await read_json(request), _MERGE)
    db, scope, thing, one = request.app[DEPS].db, request[PERSON].scope, thing_of(request), request.match_info["id"]
    versions = given["version"], given["with_version"]
    kept = await merge.merge(db, scope, thing, one, given["with"], versions, given.get("take", {}))
    return json_response(await _GET[thing](db, scope, kept))
