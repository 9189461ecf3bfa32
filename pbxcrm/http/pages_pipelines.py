"""Pipelines and their stages, for administrators: plain forms, each with one thing to say."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from pbxcrm.crm.details import NAMES
from pbxcrm.crm.fields import OWN_TASKS
from pbxcrm.crm.pipelines import NEEDS, TEMPLATES
from pbxcrm.http.i18n import latin
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.labels import Labels
from pbxcrm.http.pages_common import show, viewer
from pbxcrm.http.said import fields as fields_said
from pbxcrm.service import pipelines
from pbxcrm.service.errors import Invalid

ALL = "/settings/pipelines"


def setup(app: web.Application) -> None:
    """Add the routes."""
    one, stage = ALL + "/{id:\\d+}", "/settings/stages/{id:\\d+}"
    app.router.add_get(ALL, listing)
    app.router.add_post(ALL, create)
    app.router.add_get(one, editor)
    app.router.add_post(one, rename)
    app.router.add_post(one + "/shift", shift)
    app.router.add_post(one + "/remove", remove)
    app.router.add_post(one + "/stages", add_stage)
    app.router.add_post(stage, change_stage)
    app.router.add_post(stage + "/shift", shift_stage)
    app.router.add_post(stage + "/remove", remove_stage)


async def listing(request: web.Request) -> web.Response:
    """All pipelines, and a new one out of a template."""
    return await _listing(request)


async def _listing(request: web.Request, fields: dict[str, str] | None = None) -> web.Response:
    found = await pipelines.listing(request.app[DEPS].db, request[PERSON].scope)
    status = 422 if fields else 200
    return await show(
        request, "pipelines.html", status=status, pipelines=found, templates=TEMPLATES, fields=fields or {}
    )


async def editor(request: web.Request) -> web.Response:
    """One pipeline with all its stages."""
    return await _editor(request, request.match_info["id"])


async def _editor(
    request: web.Request, pipeline_id: str, stage: str = "", fields: dict[str, str] | None = None
) -> web.Response:
    """`stage`: whose form `fields` are of; "" for the pipeline's own."""
    found = await pipelines.get(request.app[DEPS].db, request[PERSON].scope, pipeline_id)
    return await show(
        request,
        "pipeline.html",
        status=422 if fields else 200,
        pipeline=found,
        needs=NEEDS,
        forms=NAMES,
        job_kinds=OWN_TASKS,
        wrong_stage=stage,
        fields=fields or {},
    )


async def _form(request: web.Request) -> dict[str, str]:
    return {name: str(value).strip() for name, value in (await request.post()).items()}


async def create(request: web.Request) -> web.Response:
    """A new pipeline."""
    form = await _form(request)
    try:
        made = await pipelines.create(
            request.app[DEPS].db, request[PERSON].scope, form.get("name"), form.get("template", "")
        )
    except Invalid as error:
        return await _listing(request, fields_said(viewer(request), error.fields))
    raise web.HTTPSeeOther(f"{ALL}/{made}")


async def rename(request: web.Request) -> web.Response:
    """Another name."""
    form, wanted, db, scope = (
        await _form(request),
        request.match_info["id"],
        request.app[DEPS].db,
        request[PERSON].scope,
    )
    name, before = form.get("name", ""), (await pipelines.get(db, scope, wanted))["name"]
    try:
        if name != Labels(viewer(request).r.locale).fixed(before):
            await pipelines.rename(db, scope, wanted, name)
    except Invalid as error:
        return await _editor(request, wanted, "", fields_said(viewer(request), error.fields))
    raise web.HTTPSeeOther(f"{ALL}/{wanted}")


async def shift(request: web.Request) -> web.Response:
    """A place up or down."""
    form = await _form(request)
    await pipelines.shift(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"], _by(form))
    raise web.HTTPSeeOther(ALL)


def _by(form: dict[str, str]) -> int:
    return -1 if form.get("by") == "-1" else 1


async def remove(request: web.Request) -> web.Response:
    """Remove an empty one."""
    try:
        await pipelines.remove(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    except Invalid as error:
        return await _listing(request, fields_said(viewer(request), error.fields))
    raise web.HTTPSeeOther(ALL)


async def add_stage(request: web.Request) -> web.Response:
    """A stage more."""
    form, wanted = await _form(request), request.match_info["id"]
    try:
        made = await pipelines.add_stage(request.app[DEPS].db, request[PERSON].scope, wanted, form.get("name", ""))
    except Invalid as error:
        return await _editor(request, wanted, "new", fields_said(viewer(request), error.fields))
    raise web.HTTPSeeOther(f"{ALL}/{wanted}#stage-{made}")


async def change_stage(request: web.Request) -> web.Response:
    """Name, probability, how long a deal may stand, what is to be done, what is asked, what is made by itself."""
    post = await request.post()
    given: dict[str, object] = {name: str(post[name]) for name in ("name", "guidance", "advice") if name in post}
    numbers = ("probability", "idle_days", "next_days")
    given |= {name: latin(str(post[name])).strip() for name in numbers if name in post}
    given |= {name: [str(one) for one in post.getall(name, [])] for name in ("needs", "form")}
    if "task_title" in post:
        columns = [[latin(str(one)) for one in post.getall(f"task_{name}", [])] for name in ("id", "kind", "days")]
        titles = [str(one) for one in post.getall("task_title")]
        rows = zip(*columns, titles, strict=False)
        given["tasks"] = [{"id": i, "kind": kind, "days": days.strip(), "title": t} for i, kind, days, t in rows]
    await _untranslate(request, given)
    return await _of_stage(request, lambda db, scope, one: pipelines.change_stage(db, scope, one, given))


async def _untranslate(request: web.Request, given: dict[str, object]) -> None:
    """A name of ours is shown in the person's language: left as it was shown, it stays what it is."""
    db, scope, wanted = request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]
    found = await pipelines.get(db, scope, await pipelines.pipeline_of(db, scope, wanted))
    fixed = Labels(viewer(request).r.locale).fixed
    stage = next(one for one in found["stages"] if one["id"] == wanted)
    for name in ("name", "guidance"):
        shown = [fixed(line) for line in stage[name].splitlines()]
        if str(given.get(name, "")).split() == " ".join(shown).split():
            given[name] = stage[name]


async def shift_stage(request: web.Request) -> web.Response:
    """A place towards the beginning or the end."""
    form = await _form(request)
    return await _of_stage(request, lambda db, scope, one: pipelines.shift_stage(db, scope, one, _by(form)))


async def remove_stage(request: web.Request) -> web.Response:
    """Remove it, its deals going where the form says."""
    form = await _form(request)
    return await _of_stage(request, lambda db, scope, one: pipelines.remove_stage(db, scope, one, form.get("to")))


async def _of_stage(request: web.Request, change: Callable[[Any, Any, str], Awaitable[str]]) -> web.Response:
    wanted, db, scope = request.match_info["id"], request.app[DEPS].db, request[PERSON].scope
    try:
        pipeline = await change(db, scope, wanted)
    except Invalid as error:
        pipeline = await pipelines.pipeline_of(db, scope, wanted)
        return await _editor(request, pipeline, wanted, fields_said(viewer(request), error.fields))
    raise web.HTTPSeeOther(f"{ALL}/{pipeline}#stage-{wanted}")
