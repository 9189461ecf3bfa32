"""Leads as pages and forms: the list, a new one, the lead, its qualification, the house's settings."""

import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiMapping

from pbxcrm.crm.custom import Field
from pbxcrm.crm.views import iso
from pbxcrm.http import custom_form
from pbxcrm.http.errors import status_of
from pbxcrm.http.forms import entry, late, moment, opened, typed_again, version_of
from pbxcrm.http.i18n import latin
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import go, show, soon, unit, viewer
from pbxcrm.http.pages_dial import dial_to
from pbxcrm.http.render import Viewer, full_name
from pbxcrm.http.said import fields as fields_said
from pbxcrm.http.said import said
from pbxcrm.service import lead_qualify, lead_settings, leads, people
from pbxcrm.service.errors import Conflict, Invalid, NotFound, Refused, ServiceError

_FORM = ("name", "company", "number", "email", "source", "interest", "note", "city", "job_title", "employees", "budget")
_BECOMES = ("company", "contact", "deal", "title", "value", "currency")
_TYPED = (*_FORM, "tags", "next_day", "next_hour")
ONE = "/leads/{id:\\d+}"
Form = MultiMapping[Any]


def setup(app: web.Application) -> None:
    """Add the routes of leads."""
    app.router.add_get("/leads", every)
    app.router.add_post("/leads", create)
    app.router.add_get("/leads/new", new)
    app.router.add_post("/leads/assign", assign)
    app.router.add_get(ONE, one)
    app.router.add_post(ONE, save)
    for name, handler in (("status", status), ("next", next_contact), ("note", note), ("task", task), ("dial", dial)):
        app.router.add_post(f"{ONE}/{name}", handler)
    app.router.add_post(ONE + "/claim", claim)
    app.router.add_post(ONE + "/release", release)
    app.router.add_post(ONE + "/decline", decline)
    app.router.add_get(ONE + "/qualify", qualify_form)
    app.router.add_post(ONE + "/qualify", qualify)
    app.router.add_get("/settings/leads", settings)
    app.router.add_post("/settings/leads", save_settings)


def _who(request: web.Request) -> tuple[Any, Any, str]:
    return request.app[DEPS].db, request[PERSON].scope, request.match_info.get("id", "")


# -- the list ----------------------------------------------------------------------------------------------------------


async def every(request: web.Request) -> web.Response:
    """New ones, mine, all; by status, source, owner and words."""
    return await _every(request)


async def _every(request: web.Request, error: ServiceError | None = None) -> web.Response:
    db, scope, _ = _who(request)
    given = {name: latin(entry(request.query, name))[:100] for name in leads.FILTERS}
    given["show"] = given["show"] or "new"
    asked = {name: value for name, value in given.items() if value}
    page = await leads.list_leads(db, scope, None, request.query.get("cursor"), asked)
    return await show(
        request,
        "leads.html",
        status=status_of(error) if error else 200,
        here="leads",
        items=page["items"],
        next=urlencode({**asked, "cursor": page["next"]}) if page["next"] else "",
        given=given,
        address="/leads?" + urlencode({**asked, "cursor": request.query.get("cursor", "")}),
        filtered=bool(set(asked) - {"show", "sort"}),
        seen=await leads.overview(db, scope),
        staff=[one.name for one in await people.list_people(db) if one.active] if scope.sees_all else [],
        dial_key=uuid.uuid4().hex,
        notice=said(viewer(request), error) if error else "",
        notice_kind="bad",
    )


async def new(request: web.Request) -> web.Response:
    """The short form."""
    own = custom_form.names(await custom_form.fields_of(request, "lead"))
    return await _new(request, {name: entry(request.query, name)[:200] for name in (*_FORM, "tags", *own)})


async def _new(
    request: web.Request, form: Mapping[str, str], fields: Mapping[str, str] | None = None, message: str = ""
) -> web.Response:
    db, scope, _ = _who(request)
    known = (await leads.overview(db, scope))["sources"]
    return await show(
        request,
        "lead_new.html",
        status=422 if message else 200,
        here="leads",
        form=form,
        fields=fields or {},
        message=message,
        sources=known,
        own=await custom_form.fields_of(request, "lead"),
    )


async def create(request: web.Request) -> web.Response:
    """Make the lead."""
    db, scope, _ = _who(request)
    form = await request.post()
    given = {name: entry(form, name) for name in (*_FORM, "tags")}
    own = await custom_form.typed(request, "lead", form)
    try:
        made = await leads.create(db, scope, {**given, "custom": own})
    except Invalid as error:
        me = viewer(request)
        given |= await custom_form.again(request, "lead", form)
        return await _new(request, given, fields_said(me, error.fields), said(me, error))
    return go(request, f"/leads/{made['id']}")


async def assign(request: web.Request) -> web.Response:
    """Give the chosen ones to a person, or back to the base."""
    db, scope, _ = _who(request)
    form = await request.post()
    ids = [str(one) for one in form.getall("ids", [])]
    try:
        await leads.assign(db, scope, {"ids": ids, "owner": entry(form, "owner") or None, "beyond": "beyond" in form})
    except (Invalid, Refused) as error:
        return await _every(request, error)
    return go(request, "/leads?show=all")


# -- one ---------------------------------------------------------------------------------------------------------------


async def one(request: web.Request) -> web.Response:
    """The lead with all that happened."""
    notice = viewer(request).r.gettext("Saved.") if "saved" in request.query else ""
    return await _one(request, notice=notice, kind="good")


async def _one(
    request: web.Request,
    *,
    status: int = 200,
    notice: str = "",
    kind: str = "bad",
    form: Mapping[str, Any] | None = None,
    fields: Mapping[str, str] | None = None,
) -> web.Response:
    me = viewer(request)
    db, scope, lead_id = _who(request)
    lead = await leads.get(db, scope, lead_id)
    own = await custom_form.fields_of(request, "lead")
    return await show(
        request,
        "lead.html",
        status=status,
        here="leads",
        lead=lead,
        trail=[_line(me, item) for item in await leads.trail(db, scope, lead_id)],
        own=own,
        form=form or opened(_filled(me, lead, own)),
        fields=fields or {},
        sources=(await leads.overview(db, scope))["sources"],
        notice=notice,
        notice_kind=kind,
        dial_key=uuid.uuid4().hex,
    )


def _filled(me: Viewer, lead: dict[str, Any], own: list[Field]) -> dict[str, Any]:
    at = lead["next_contact_at"]
    days = {"next_day": me.r.date_field(at), "next_hour": me.r.time_field(at)}
    return {
        **{name: lead[name] or "" for name in _FORM},
        "tags": ", ".join(lead["tags"]),
        "quality": sorted(lead["quality"]),
        **days,
        **custom_form.filled(me, own, lead["custom"]),
    }


def _line(me: Viewer, item: dict[str, Any]) -> dict[str, Any]:
    """A note or a task in a sentence."""
    _ = me.r.gettext
    if item["kind"] == "note":
        return {**item, "words": _("%(name)s noted", name=full_name(item["by"] or "pbxcrm")), "more": item["text"]}
    if item["kind"] == "task":
        job = item["task"]
        words = _("Task, done") if job["done_at"] else _("Task, due %(time)s", time=me.r.near(job["due_at"]))
        return {**item, "words": words, "more": job["title"]}
    return item


async def _changed(request: web.Request, fields: Mapping[str, object], form: Form) -> web.Response:
    """Set these, and show the lead: with what is wrong beside its field, or as somebody else left it."""
    me = viewer(request)
    db, scope, lead_id = _who(request)
    try:
        await leads.change(db, scope, lead_id, version_of(form), fields)
    except Invalid as error:
        typed = typed_again(form, await _typed(request, form)) if "name" in form else None
        return await _one(request, status=422, form=typed, fields=fields_said(me, error.fields), notice=said(me, error))
    except Conflict as error:
        if "name" not in form:
            return await _one(request, status=409, notice=said(me, error))
        own = await custom_form.fields_of(request, "lead")
        stored = _filled(me, await leads.get(db, scope, lead_id), own)
        typed = typed_again(form, await _typed(request, form), stored)
        return await _one(request, status=409, form=typed, notice=late(me, error))
    return go(request, f"/leads/{lead_id}?saved")


async def _typed(request: web.Request, form: Form) -> dict[str, Any]:
    own = await custom_form.again(request, "lead", form)
    return {**{name: entry(form, name) for name in _TYPED}, **_quality(form), **own}


def _quality(form: Form) -> dict[str, Any]:
    return {"quality": sorted(str(one) for one in form.getall("quality", []))}


async def save(request: web.Request) -> web.Response:
    """Save the fields."""
    form, me = await request.post(), viewer(request)
    fields: dict[str, object] = {name: entry(form, name) for name in (*_FORM, "tags")}
    fields["custom"] = await custom_form.typed(request, "lead", form)
    try:
        at = moment(me, {name: entry(form, name) for name in ("next_day", "next_hour")})
    except Invalid as error:
        typed = typed_again(form, await _typed(request, form))
        return await _one(request, status=422, form=typed, fields=error.fields)
    return await _changed(request, {**fields, **_quality(form), "next_contact_at": at}, form)


async def status(request: web.Request) -> web.Response:
    """How it stands now."""
    form = await request.post()
    return await _changed(request, {"status": entry(form, "status")}, form)


async def next_contact(request: web.Request) -> web.Response:
    """When it is contacted again, by a quick choice."""
    form = await request.post()
    return await _changed(request, {"next_contact_at": iso(soon(viewer(request), entry(form, "next")))}, form)


async def note(request: web.Request) -> web.Response:
    """Write a note."""
    db, scope, lead_id = _who(request)
    try:
        await leads.add_note(db, scope, lead_id, entry(await request.post(), "text"))
    except Invalid as error:
        return await _one(request, status=422, notice=said(viewer(request), error))
    return go(request, f"/leads/{lead_id}")


async def task(request: web.Request) -> web.Response:
    """Something to do."""
    db, scope, lead_id = _who(request)
    form, me = await request.post(), viewer(request)
    try:
        due_at = iso(soon(me, entry(form, "when")) or me.r.clock())
        fields = {"kind": entry(form, "kind") or "todo", "title": entry(form, "title"), "due_at": due_at}
        await leads.add_task(db, scope, lead_id, fields)
    except Invalid as error:
        return await _one(request, status=422, notice=said(me, error))
    return go(request, f"/leads/{lead_id}")


async def dial(request: web.Request) -> web.Response:
    """Call them."""
    db, scope, lead_id = _who(request)
    return await _dial(request, await leads.get(db, scope, lead_id))


async def _dial(request: web.Request, lead: dict[str, Any]) -> web.Response:
    if not lead["number"]:
        return go(request, f"/leads/{lead['id']}")
    return await dial_to(request, f"/leads/{lead['id']}", number=lead["number"])


async def claim(request: web.Request) -> web.Response:
    """Take it from the base; `call`: and call them at once."""
    db, scope, lead_id = _who(request)
    form = await request.post()
    try:
        lead = await leads.claim(db, scope, lead_id)
    except (Refused, Conflict) as error:
        return await _every(request, error)
    return await _dial(request, lead) if form.get("call") else go(request, f"/leads/{lead_id}")


async def release(request: web.Request) -> web.Response:
    """Back into the base."""
    try:
        await leads.release(*_who(request))
    except Conflict as error:
        return await _one(request, status=409, notice=said(viewer(request), error))
    return go(request, "/leads?show=mine")


async def decline(request: web.Request) -> web.Response:
    """Gone for good."""
    try:
        await leads.decline(*_who(request))
    except Conflict as error:
        return await _one(request, status=409, notice=said(viewer(request), error))
    return go(request, "/leads?show=mine")


# -- qualify -----------------------------------------------------------------------------------------------------------


async def qualify_form(request: web.Request) -> web.Response:
    """What it becomes."""
    known = await lead_qualify.known(*_who(request))
    lead = known["lead"]
    form = {name: (known[many] or [{"id": "new"}])[0]["id"] for name, many in _MANY}
    form["company"] = form["company"] if known["companies"] or lead["company"] else ""
    title = lead["interest"] or lead["name"] or lead["company"] or lead["number"] or lead["email"]
    return await _qualify_form(request, known, {**form, "title": title, "value": "", "currency": await unit(request)})


_MANY = (("company", "companies"), ("contact", "contacts"), ("deal", "deals"))


async def _qualify_form(
    request: web.Request, known: dict[str, Any], form: Mapping[str, str], error: ServiceError | None = None
) -> web.Response:
    if known["lead"]["qualified_at"]:
        return go(request, f"/leads/{known['lead']['id']}")
    me = viewer(request)
    return await show(
        request,
        "lead_qualify.html",
        status=status_of(error) if error else 200,
        here="leads",
        lead=known["lead"],
        known=known,
        form=form,
        fields=fields_said(me, error.fields) if isinstance(error, Invalid) else {},
        message=said(me, error) if error else "",
    )


async def qualify(request: web.Request) -> web.Response:
    """It becomes what was chosen; where a deal came of it, on to that."""
    form = await request.post()
    given = {name: entry(form, name) for name in _BECOMES}
    wanted: dict[str, object] = {name: value for name, value in given.items() if value}
    try:
        lead = await lead_qualify.qualify(*_who(request), version_of(form), wanted)
    except (Invalid, Conflict, Refused) as error:
        return await _qualify_form(request, await lead_qualify.known(*_who(request)), given, error)
    return go(request, f"/deals/{lead['deal_id']}" if lead["deal_id"] else f"/leads/{lead['id']}")


# -- the house ---------------------------------------------------------------------------------------------------------


async def settings(request: web.Request) -> web.Response:
    """Whether the house uses leads, and how many one holds. For administrators."""
    db, scope, _ = _who(request)
    if not scope.administers:
        raise NotFound
    notice = viewer(request).r.gettext("Saved.") if "saved" in request.query else ""
    return await _settings(request, await lead_settings.settings(db, scope), notice=notice)


async def _settings(
    request: web.Request, form: Mapping[str, Any], fields: Mapping[str, str] | None = None, notice: str = ""
) -> web.Response:
    status = 422 if fields else 200
    return await show(request, "lead_settings.html", status=status, form=form, fields=fields or {}, notice=notice)


async def save_settings(request: web.Request) -> web.Response:
    """Set them."""
    db, scope, _ = _who(request)
    form = await request.post()
    numbers = {name: latin(entry(form, name)) for name in ("limit", "needs", "stale")}
    given: dict[str, Any] = {**numbers, **{name: entry(form, name) for name in ("rule", "teams")}}
    given |= {"used": "used" in form, "rule": given["rule"] or "base", "stale": given["stale"] or "24"}
    try:
        await lead_settings.change_settings(db, scope, **given)
    except Invalid as error:
        return await _settings(request, given, fields_said(viewer(request), error.fields))
    return go(request, "/settings/leads?saved")
