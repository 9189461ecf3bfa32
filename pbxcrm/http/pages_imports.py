"""Pages of imports: what was brought, a file, which column is what, how it goes, and back again."""

from typing import Any

from aiohttp import web

from pbxcrm.http import api_imports
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import go, show, viewer
from pbxcrm.http.said import fields as fields_said
from pbxcrm.http.said import said
from pbxcrm.service import imports, people
from pbxcrm.service.errors import Conflict, Invalid

PATH = "/imports"
AGAIN = "2"  # seconds until a page that shows progress is drawn anew


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get(PATH, every)
    app.router.add_get(PATH + "/new", new)
    app.router.add_post(PATH, add)
    app.router.add_get(PATH + "/{id:\\d+}", one)
    app.router.add_get(PATH + "/{id:\\d+}/problems.csv", api_imports.problems)
    app.router.add_post(PATH + "/{id:\\d+}", prepare)
    app.router.add_post(PATH + "/{id:\\d+}/undo", undo)


async def every(request: web.Request) -> web.Response:
    """All that were brought."""
    cursor = request.query.get("after")
    found = await imports.list_imports(request.app[DEPS].db, request[PERSON].scope, cursor=cursor)
    return await show(request, "imports.html", items=found["items"], next=found["next"])


async def new(request: web.Request) -> web.Response:
    """The form for a file."""
    return await _new(request)


async def _new(request: web.Request, status: int = 200, message: str = "") -> web.Response:
    kinds = await imports.kinds(request.app[DEPS].db, request[PERSON].scope)
    return await show(request, "import_new.html", status=status, kinds=kinds, message=message)


async def add(request: web.Request) -> web.Response:
    """A file comes in."""
    try:
        made = await api_imports.brought(request)
    except Invalid as error:
        return await _new(request, 422, said(viewer(request), error))
    return go(request, f"{PATH}/{made['id']}")


async def one(request: web.Request) -> web.Response:
    """One: to be mapped, being done, or done."""
    return await _one(request)


async def _one(request: web.Request, status: int = 200, error: Conflict | Invalid | None = None) -> web.Response:
    db, scope, import_id = request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]
    found = await imports.get(db, scope, import_id)
    me = viewer(request)
    context: dict[str, Any] = {"one": found, "message": said(me, error) if error else ""}
    context["fields"] = fields_said(me, error.fields) if isinstance(error, Invalid) else {}
    if found["state"] == "mapping":
        context["seen"] = await imports.preview(db, scope, import_id)
        context["targets"] = await imports.targets(db, found["kind"])
        context["people"] = [person.name for person in await people.list_people(db)] if scope.sees_all else []
    elif found["state"] in ("done", "failed", "undone", "closed"):
        _, problems = await imports.problems(db, scope, import_id)
        context["problems"] = problems[: imports.SHOWN]
    response = await show(request, "import.html", status=status, **context)
    if found["state"] in ("reading", "running", "undoing"):
        response.headers["Refresh"] = AGAIN
    return response


async def prepare(request: web.Request) -> web.Response:
    """Which column is what, and what to do; with `do=run` it is done then."""
    db, scope, import_id = request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]
    form = await request.post()
    mapping = {name.removeprefix("column-"): str(form[name]) for name in form if name.startswith("column-")}
    options = {name: str(form[name]) for name in ("duplicates", "owner", "tag", "companies") if name in form}
    try:
        await imports.prepare(db, scope, import_id, mapping, options)
        if form.get("do") == "run":
            await imports.run(db, scope, import_id)
    except (Invalid, Conflict) as error:
        return await _one(request, 422 if isinstance(error, Invalid) else 409, error)
    return go(request, f"{PATH}/{import_id}")


async def undo(request: web.Request) -> web.Response:
    """Take it back."""
    import_id = request.match_info["id"]
    await imports.undo(request.app[DEPS].db, request[PERSON].scope, import_id)
    return go(request, f"{PATH}/{import_id}")
