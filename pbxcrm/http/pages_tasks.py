"""My day, and tasks as forms: new, changed, moved to later, done with a result, called. Each works without scripts."""

import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pbxcrm.crm.fields import OWN_TASKS
from pbxcrm.crm.views import epoch, iso
from pbxcrm.http.forms import late, opened, typed_again, version_of
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.labels import Labels
from pbxcrm.http.pages_common import go, inside, show, soon, viewer
from pbxcrm.http.pages_dial import dial_to
from pbxcrm.http.render import Viewer
from pbxcrm.http.said import fields as fields_said
from pbxcrm.service import day as days
from pbxcrm.service import deals, people, tasks
from pbxcrm.service.errors import Conflict, Invalid, NotFound

WEEK = 7 * 86400.0
REMINDERS = ("", "0", "10", "60", "1440")  # minutes before; "": none
_TEXTS = ("kind", "title", "day", "hour", "until", "place", "note", "remind", "deal_id", "contact_id", "back")


def setup(app: web.Application) -> None:
    """Add the routes of the day and of tasks."""
    app.router.add_get("/day", day)
    app.router.add_get("/tasks/new", new)
    app.router.add_post("/tasks", create)
    app.router.add_get("/tasks/{id:\\d+}", one)
    app.router.add_post("/tasks/{id:\\d+}", change)
    app.router.add_post("/tasks/{id:\\d+}/later", later)
    app.router.add_post("/tasks/{id:\\d+}/done", done)
    app.router.add_post("/tasks/{id:\\d+}/dial", dial)


async def day(request: web.Request) -> web.Response:
    """What is late, what is to be done today, who waits; a manager may look at a colleague's."""
    me, db, scope = viewer(request), request.app[DEPS].db, request[PERSON].scope
    now, who = me.r.clock(), request.query.get("who", "")
    ends = me.r.day_ends(now)
    found = await days.my_day(db, scope, now, ends, me.r.day_of, who)
    ahead = await days.between(db, scope, ends, ends + WEEK, me.r.day_of, who)
    return await show(
        request,
        "day.html",
        here="day",
        **{"waiting" if name == "missed" else name: value for name, value in found.items()},  # the frame has a `missed`
        meetings=[one for one in ahead["items"] if one.task and one.task["kind"] == "meeting"],
        staff=await staff(request),
        back=request.rel_url.raw_path_qs,
        key=uuid.uuid4().hex,
    )


async def staff(request: web.Request) -> list[Any]:
    """Whose day or calendar this person may look at, by name; nobody's but their own: none."""
    scope = request[PERSON].scope
    if not scope.sees_all:
        return []
    return [member for member in await people.list_people(request.app[DEPS].db, scope) if member.active]


# -- new and changed ---------------------------------------------------------------------------------------------------


async def new(request: web.Request) -> web.Response:
    """The form of a new task, filled in from a deal or a day."""
    me = viewer(request)
    form = {name: request.query.get(name, "")[:200] for name in ("kind", "day", "hour", "deal_id", "back")}
    form["day"] = form["day"] or me.r.date_field(iso(me.r.clock()))
    if form["deal_id"]:
        await deals.get(request.app[DEPS].db, request[PERSON].scope, form["deal_id"])
    return await _form(request, None, form)


async def _form(
    request: web.Request,
    task: dict[str, Any] | None,
    form: Mapping[str, str],
    fields: Mapping[str, str] | None = None,
    *,
    status: int = 200,
    message: str = "",
) -> web.Response:
    known = REMINDERS if form.get("remind", "") in REMINDERS else (*REMINDERS, form["remind"])
    deal_id = task["deal_id"] if task else form.get("deal_id")
    label = Labels(viewer(request).r.locale)
    return await show(
        request,
        "task.html",
        status=status,
        here="day",
        task=task,
        deal=await _deal(request, deal_id) if deal_id else None,
        form={**dict.fromkeys(_TEXTS, ""), **form, "back": inside(form.get("back") or "/day")},
        fields=fields or {},
        message=message,
        kinds=[(kind, label.task(kind)) for kind in OWN_TASKS],
        reminders=[(text, label.reminder(text)) for text in known],
        dial_key=uuid.uuid4().hex,
    )


async def _deal(request: web.Request, deal_id: str) -> dict[str, Any] | None:
    """What the task is about, where this person sees it."""
    try:
        return await deals.get(request.app[DEPS].db, request[PERSON].scope, deal_id)
    except NotFound:
        return None


def _given(form: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(form[name]).strip() for name in _TEXTS if name in form}


def _fields(me: Viewer, given: Mapping[str, str]) -> dict[str, object]:
    """What the form says, as the service takes it. Raises Invalid."""
    due = _moment(me, given, "hour", "due_at")
    if due is None:
        raise Invalid("This is needed.", {"due_at": "This is needed."})
    fields: dict[str, object] = {name: given[name] for name in ("kind", "title", "place", "note") if name in given}
    fields["due_at"] = iso(due)
    if given.get("kind") == "meeting" and given.get("until"):
        fields["ends_at"] = iso(_moment(me, given, "until", "ends_at"))
    elif "until" in given:
        fields["ends_at"] = None
    before = given.get("remind", "")
    if "remind" in given:
        fields["remind_at"] = iso(due - 60.0 * int(before)) if before.isascii() and before.isdigit() else None
    return fields


def _moment(me: Viewer, given: Mapping[str, str], hour: str, name: str) -> float | None:
    try:
        return me.r.moment(given.get("day", ""), given.get(hour, ""))
    except (ValueError, OverflowError):
        example = "1405/01/15" if me.r.calendar == "jalali" else "2026-04-15"
        text = me.r.gettext("This is no day; write it like %(example)s.", example=me.r.digits(example))
        raise Invalid(text, {name: text}) from None


async def create(request: web.Request) -> web.Response:
    """Make a task, on a deal or on its own."""
    me, given = viewer(request), _given(await request.post())
    about = {name: given[name] for name in ("deal_id", "contact_id") if given.get(name)}
    try:
        await tasks.create(request.app[DEPS].db, request[PERSON].scope, {**_fields(me, given), **about})
    except Invalid as error:
        return await _form(request, None, given, fields_said(me, error.fields), status=422)
    return go(request, inside(given.get("back") or "/day"), say=me.r.gettext("Saved."))


async def one(request: web.Request) -> web.Response:
    """One task: to read, to change, to say what came of it."""
    task = await _task(request)
    back = inside(request.query.get("back") or "/day")
    return await _form(request, task, opened({**_filled(viewer(request), task), "back": back}))


async def _task(request: web.Request) -> dict[str, Any]:
    return await tasks.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])


def _filled(me: Viewer, task: Mapping[str, Any]) -> dict[str, str]:
    remind = ""
    if task["remind_at"] is not None:
        remind = str(max(0, round((epoch(task["due_at"]) - epoch(task["remind_at"])) / 60)))
    return {
        **{name: task[name] for name in ("kind", "title", "place", "note")},
        "deal_id": task["deal_id"] or "",
        "day": me.r.date_field(task["due_at"]),
        "hour": me.r.time_field(task["due_at"]),
        "until": me.r.time_field(task["ends_at"]),
        "remind": remind,
    }


async def change(request: web.Request) -> web.Response:
    """Save the form; what is wrong comes back in it, beside its field."""
    me, db, scope = viewer(request), request.app[DEPS].db, request[PERSON].scope
    form, task = await request.post(), await _task(request)
    given = _given(form)
    try:
        await tasks.change(db, scope, task["id"], version_of(form) or task["version"], _fields(me, given))
    except Invalid as error:
        return await _form(request, task, typed_again(form, given), fields_said(me, error.fields), status=422)
    except Conflict as error:
        task = await _task(request)
        message = _overtaken(me) if task["done_at"] else late(me, error)
        stored = {**_filled(me, task), "back": given.get("back", "")}
        return await _form(request, task, typed_again(form, given, stored), status=409, message=message)
    return go(request, inside(given.get("back") or "/day"), say=me.r.gettext("Saved."))


def _overtaken(me: Viewer) -> str:
    return me.r.gettext("This task was changed or done meanwhile. Nothing of yours was saved; look, then try again.")


async def later(request: web.Request) -> web.Response:
    """Put it off in one click: into an hour, or onto a later day."""
    me, form, task = viewer(request), await request.post(), await _task(request)
    at = soon(me, str(form.get("to", "")))
    if at is None:
        raise NotFound
    try:
        version = version_of(form) or task["version"]
        await tasks.change(request.app[DEPS].db, request[PERSON].scope, task["id"], version, {"due_at": iso(at)})
    except Conflict:
        task = await _task(request)
        return await _form(
            request, task, {**opened(_filled(me, task)), **_given(form)}, status=409, message=_overtaken(me)
        )
    return go(request, inside(str(form.get("back") or "/day")), say=me.r.gettext("Saved."))


async def done(request: web.Request) -> web.Response:
    """It is done, and this came of it."""
    form = await request.post()
    scope, task_id = request[PERSON].scope, request.match_info["id"]
    await tasks.done(request.app[DEPS].db, scope, task_id, str(form.get("result", "")))
    return go(request, inside(str(form.get("back") or "/calls/missed")), say=viewer(request).r.gettext("Done"))


async def dial(request: web.Request) -> web.Response:
    """Call whom the task is about: by its deal where that is theirs to see, else by its number."""
    db, scope, task = request.app[DEPS].db, request[PERSON].scope, await _task(request)
    back = inside(str((await request.post()).get("back") or "/calls/missed"))
    if task["deal_id"] is not None:
        try:
            await deals.get(db, scope, task["deal_id"])
        except NotFound:  # nobody's yet, or a colleague's: calling needs the number only
            return await dial_to(request, back, number=task["number"])
        return await dial_to(request, back, deal_id=int(task["deal_id"]))
    return await dial_to(request, back, number=task["number"])
