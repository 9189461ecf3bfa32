"""REST: tables of contacts that are brought in."""

import tempfile
from pathlib import Path

from aiohttp import web

from pbxcrm.crm import sheet
from pbxcrm.http.body import Field, fields, listing, read_json, texts
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.uploads import take
from pbxcrm.service import import_files, imports
from pbxcrm.store.imports import Line


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/imports", list_imports)
    app.router.add_post(prefix + "/imports", add)
    app.router.add_get(prefix + "/imports/{id}", get)
    app.router.add_get(prefix + "/imports/{id}/preview", preview)
    app.router.add_get(prefix + "/imports/{id}/problems.csv", problems)
    app.router.add_post(prefix + "/imports/{id}/run", run)
    app.router.add_post(prefix + "/imports/{id}/undo", undo)


async def list_imports(request: web.Request) -> web.Response:
    """GET /imports."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    found = await listing(request, (), lambda page: imports.list_imports(db, scope, page.limit, page.cursor))
    return json_response(found)


async def add(request: web.Request) -> web.Response:
    """POST /imports: multipart/form-data {file, kind}, or the file as the body with ?kind=&name=."""
    made = await brought(request)
    return json_response(made, 201, {"Location": f"/api/v1/imports/{made['id']}"})


async def brought(request: web.Request) -> dict[str, object]:
    """Stage the request's file."""
    with tempfile.TemporaryDirectory(prefix="pbxcrm-upload-") as folder:
        path = Path(folder) / "file"
        given = await take(request, path, import_files.MOST_BYTES)
        kind, name = given.get("kind", "contacts"), given.get("name", "")
        return await imports.start(request.app[DEPS].db, request[PERSON].scope, kind, name, path)


async def get(request: web.Request) -> web.Response:
    """GET /imports/{id}."""
    return json_response(await imports.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]))


async def preview(request: web.Request) -> web.Response:
    """GET /imports/{id}/preview: what running it would do."""
    return json_response(await imports.preview(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]))


async def run(request: web.Request) -> web.Response:
    """POST /imports/{id}/run {mapping?, options?}."""
    db, scope, import_id = request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]
    if request.can_read_body:
        given = fields(await read_json(request), {"mapping": Field(texts), "options": Field(texts)})
        if given:
            await imports.prepare(db, scope, import_id, given.get("mapping"), given.get("options"))
    return json_response(await imports.run(db, scope, import_id), 202)


async def undo(request: web.Request) -> web.Response:
    """POST /imports/{id}/undo."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await imports.undo(db, scope, request.match_info["id"]), 202)


async def problems(request: web.Request) -> web.StreamResponse:
    """GET /imports/{id}/problems.csv: the rows that were left out, as they were given, and why."""
    db, scope, import_id = request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]
    columns, found = await imports.problems(db, scope, import_id)
    response = web.StreamResponse(headers={"Content-Disposition": 'attachment; filename="problems.csv"'})
    response.content_type, response.charset = "text/csv", "utf-8"
    await response.prepare(request)
    await response.write((sheet.BOM + sheet.line([*columns, "row", "problem"])).encode())
    while found:
        text = "".join(_line(one, len(columns)) for one in found)
        await response.write(text.encode("utf-8", "replace"))
        _, found = await imports.problems(db, scope, import_id, found[-1]["n"])
    await response.write_eof()
    return response


def _line(one: Line, width: int) -> str:
    return sheet.line([*one["given"], *[""] * (width - len(one["given"])), one["n"], one["reason"]])
