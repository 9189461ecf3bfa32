"""REST: the library of documents, and documents of deals."""

from collections.abc import Collection
from typing import Any

from aiohttp import web

from pbxcrm.crm.documents import MOST_BYTES, TYPES, disposition
from pbxcrm.http.body import Field, boolean, fields, read_json
from pbxcrm.http.errors import json_response
from pbxcrm.http.files import send
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.uploads import take
from pbxcrm.service import deals, documents

BODIES = sorted({"application/octet-stream", *(one.mime for one in TYPES.values())})
_SHARE = {"shared": Field(boolean, required=True)}


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    one = prefix + "/documents/{id}"
    app.router.add_get(prefix + "/documents", library)
    app.router.add_post(prefix + "/documents", add)
    app.router.add_get(prefix + "/deals/{id}/documents", of_deal)
    app.router.add_post(prefix + "/deals/{id}/documents", add)
    app.router.add_get(one + "/file", download)
    app.router.add_post(one + "/share", share)
    app.router.add_delete(one, remove)


async def library(request: web.Request) -> web.Response:
    """GET /documents: what is no deal's, and what deals share to learn from."""
    found = await documents.library(request.app[DEPS].db, request[PERSON].scope)
    return json_response({"items": [one for group in found.values() for one in group]})


async def of_deal(request: web.Request) -> web.Response:
    """GET /deals/{id}/documents: the newest first."""
    found = await documents.of_deal(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    return json_response({"items": found})


async def brought(request: web.Request, bodies: Collection[str]) -> dict[str, Any]:
    """Keep the request's file: for the deal in its path, else in the library."""
    deps, scope, deal_id = request.app[DEPS], request[PERSON].scope, request.match_info.get("id", "")
    documents.may_add(scope, deal_id)
    if deal_id:
        await deals.get(deps.db, scope, deal_id)  # before the file is taken
    with documents.coming(deps.documents) as path:
        given = await take(request, path, MOST_BYTES, bodies)
        said: dict[str, object] = {name: given[name] for name in ("kind", "team_id") if name in given}
        if deal_id:
            said["deal_id"] = deal_id
        return await documents.add(deps.db, scope, path, given.get("name", ""), said)


async def add(request: web.Request) -> web.Response:
    """POST /documents, POST /deals/{id}/documents: multipart/form-data {file, kind}, or the file with ?kind=&name=."""
    return json_response(await brought(request, BODIES), 201)


async def download(request: web.Request) -> web.StreamResponse:
    """GET /documents/{id}/file: what is in it, to be saved."""
    deps = request.app[DEPS]
    found = await documents.opened(deps.db, request[PERSON].scope, deps.documents, request.match_info["id"])
    return await send(request, found.file, found.size, found.mime, disposition(found.name))


async def share(request: web.Request) -> web.Response:
    """POST /documents/{id}/share {shared}: let everybody learn from it, or no more."""
    given = fields(await read_json(request), _SHARE)
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await documents.share(db, scope, request.match_info["id"], given["shared"]))


async def remove(request: web.Request) -> web.Response:
    """DELETE /documents/{id}."""
    deps = request.app[DEPS]
    await documents.remove(deps.db, request[PERSON].scope, deps.documents, request.match_info["id"])
    return web.Response(status=204)
