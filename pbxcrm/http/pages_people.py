"""Contacts and companies as pages: lists, each one's own page, their forms and notes."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from pbxcrm.crm.details import ADDRESSES, QUIET, STALE, TELLING_OF, completeness, lacking
from pbxcrm.crm.views import epoch
from pbxcrm.http import custom_form, i18n
from pbxcrm.http.api_companies import THINGS
from pbxcrm.http.audited import changes
from pbxcrm.http.errors import status_of
from pbxcrm.http.forms import entry, late, opened, typed_again, version_of
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import go, show, shown_day, typed_day, viewer
from pbxcrm.http.pages_dial import dial_to
from pbxcrm.http.said import fields as fields_said
from pbxcrm.http.said import said
from pbxcrm.service import calls, companies, contacts, deals, merge, relations, tasks
from pbxcrm.service.errors import Conflict, Invalid, Merged

CONTACT = (
    *("name", "company", "job_title", "email", "emails", "numbers", "extension"),
    *("addresses", "sites", "socials", "birth_date", "city", "contact_by", "first_contact_by", "tags", "note"),
)
COMPANY = ("name", "relation", "number", "email", "site", "address", "city", "note")
FIRMS = ("former_employer", "professional_organisation", "competitor")  # of these the other is likely a company
MOST = 20  # calls on a contact's page


def setup(app: web.Application) -> None:
    """Add the routes of contacts and companies."""
    app.router.add_get("/contacts", list_contacts)
    app.router.add_get("/contacts/new", contact)
    app.router.add_post("/contacts", save_contact)
    app.router.add_get("/contacts/{id:\\d+}", contact)
    app.router.add_post("/contacts/{id:\\d+}", save_contact)
    app.router.add_post("/contacts/{id:\\d+}/notes", note_contact)
    app.router.add_post("/contacts/{id:\\d+}/dial", dial)
    app.router.add_post("/contacts/{id:\\d+}/relations", relate)
    app.router.add_get("/companies", list_companies)
    app.router.add_get("/companies/new", company)
    app.router.add_post("/companies", save_company)
    app.router.add_get("/companies/{id:\\d+}", company)
    app.router.add_post("/companies/{id:\\d+}", save_company)
    app.router.add_post("/companies/{id:\\d+}/notes", note_company)
    app.router.add_post("/companies/{id:\\d+}/relations", relate)


def _query(request: web.Request) -> str:
    return " ".join(i18n.latin(request.query.get("q", "")).split())[:100]


async def list_contacts(request: web.Request) -> web.Response:
    """The people one may see, the newest or those of the best score on top; found by words or a number."""
    db, scope, q = request.app[DEPS].db, request[PERSON].scope, _query(request)
    sort = "score" if request.query.get("sort") == "score" else "newest"
    page = await contacts.list_contacts(db, scope, None, request.query.get("cursor"), q, sort=sort)
    older = urlencode({"q": q, "sort": sort, "cursor": page["next"]}) if page["next"] else ""
    return await show(request, "contacts.html", here="contacts", items=page["items"], next=older, look=q, sort=sort)


async def contact(request: web.Request) -> web.Response:
    """A person: their data, deals, calls, notes."""
    me, db, scope = viewer(request), request.app[DEPS].db, request[PERSON].scope
    if "id" not in request.match_info:
        empty = dict.fromkeys((*CONTACT, *custom_form.names(await custom_form.fields_of(request, "contact"))), "")
        if company_id := request.query.get("company"):
            empty["company"] = (await companies.get(db, scope, company_id))["name"]
        return await _contact(request, None, empty)
    return await _seen_contact(request, 200, me.r.gettext("Saved.") if "saved" in request.query else "", "good")


async def _seen_contact(request: web.Request, status: int, notice: str, kind: str = "bad") -> web.Response:
    try:
        found = await contacts.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    except Merged as error:
        raise web.HTTPSeeOther(f"/contacts/{error.into}") from None
    form = opened(await _contact_form(request, found))
    return await _contact(request, found, form, status=status, notice=notice, kind=kind)


async def _contact_form(request: web.Request, found: Mapping[str, Any]) -> dict[str, str]:
    me = viewer(request)
    return {
        **{name: str(found[name] or "") for name in CONTACT},
        "numbers": "\n".join(found["numbers"]),
        **{name: "\n".join(found[name]) for name in ADDRESSES},
        "tags": ", ".join(found["tags"]),
        "birth_date": shown_day(me, found["birth_date"]),
        **custom_form.filled(me, await custom_form.fields_of(request, "contact"), found["custom"]),
    }


async def _contact(
    request: web.Request,
    found: dict[str, Any] | None,
    form: Mapping[str, str],
    *,
    status: int = 200,
    notice: str = "",
    kind: str = "good",
    fields: Mapping[str, str] | None = None,
) -> web.Response:
    db, scope = request.app[DEPS].db, request[PERSON].scope
    known = (await companies.list_companies(db, scope, 200))["items"]
    more: dict[str, Any] = {"deals": [], "calls": [], "notes": [], "stale": False, "twins": []}
    more |= {"tasks": [], "relations": [], "quiet": False, "known": 0, "lacking": []}
    if found is not None:
        of = {"contact_id": found["id"]}
        talked = found["last_talk_at"]
        now = db.clock()
        since = epoch(found["changed_at"] or found["created_at"])
        more = {
            "deals": (await deals.list_deals(db, scope, None, None, of))["items"],
            "calls": (await calls.list_calls(db, scope, MOST, None, of))["items"],
            "notes": await companies.notes_of(db, scope, "contact", found["id"]),
            "twins": await merge.alike(db, scope, found["id"]),
            "tasks": (await tasks.list_tasks(db, scope, MOST, None, of))["items"],
            "relations": await relations.of(db, scope, "contact", found["id"]),
            "stale": now - since > STALE,
            "quiet": bool(talked) and now - epoch(talked) > QUIET,
            **_known(request, "contact", found),
        }
    return await show(
        request,
        "contact.html",
        status=status,
        here="contacts",
        contact=found,
        own=await custom_form.fields_of(request, "contact"),
        form=form,
        fields=fields or {},
        notice=notice,
        notice_kind=kind,
        companies=[one["name"] for one in known],
        dial_key=uuid.uuid4().hex,
        **more,
    )


async def save_contact(request: web.Request) -> web.Response:
    """Make or change a contact; what is wrong comes back beside its field."""
    form, me = await request.post(), viewer(request)
    given = {name: entry(form, name) for name in CONTACT}
    values: dict[str, Any] = {
        **given,
        "numbers": [one.strip() for one in given["numbers"].splitlines() if one.strip()],
        **{name: given[name].splitlines() for name in ADDRESSES},
        "birth_date": typed_day(me, given["birth_date"]),
        "custom": await custom_form.typed(request, "contact", form),
    }
    given |= await custom_form.again(request, "contact", form)
    return await _saved(request, contacts, values, given, _contact_form, _contact)


async def _saved(
    request: web.Request,
    service: ModuleType,
    values: dict[str, Any],
    given: Mapping[str, str],
    filled: Callable[[web.Request, Mapping[str, Any]], Awaitable[dict[str, str]]],
    page: Callable[..., Awaitable[web.Response]],
) -> web.Response:
    """Make or change a contact or a company; `page` shows the form again, `filled` has what is stored."""
    db, scope, me, key = request.app[DEPS].db, request[PERSON].scope, viewer(request), request.match_info.get("id")
    try:
        if key is None:
            made = await service.create(db, scope, values)
        else:
            made = await service.change(db, scope, key, version_of(await request.post()), values)
    except (Invalid, Conflict) as error:
        found = await service.get(db, scope, key) if key is not None else None
        fields = fields_said(me, error.fields) if isinstance(error, Invalid) else {}
        stored = await filled(request, found) if found and isinstance(error, Conflict) else None
        notice = "" if fields else late(me, error) if isinstance(error, Conflict) and stored else said(me, error)
        form = typed_again(await request.post(), given, stored)
        return await page(request, found, form, status=status_of(error), notice=notice, kind="bad", fields=fields)
    return go(request, f"/{request.path.split('/')[1]}/{made['id']}?saved")


def _known(request: web.Request, thing: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """How well one is known, in per cent, and what is lacking."""
    telling, me = TELLING_OF[thing], viewer(request)
    words = [label for label, _, _ in changes(me, {name: [None, None] for name in lacking(found, telling)})]
    return {"known": completeness(found, telling), "lacking": words}


async def relate(request: web.Request) -> web.Response:
    """Say who knows whom, or take it back (`remove`). The other is a contact or company one sees, by its name."""
    db, scope, form = request.app[DEPS].db, request[PERSON].scope, await request.post()
    things, key = request.path.split("/")[1], request.match_info["id"]
    back = f"/{things}/{key}"
    if remove := entry(form, "remove"):
        await relations.remove(db, scope, THINGS[things], key, remove)
        return go(request, f"{back}?saved")
    await relations.of(db, scope, THINGS[things], key)  # before anybody is looked for
    other = await _named(request, entry(form, "who"), entry(form, "kind"))
    try:
        await relations.add(db, scope, THINGS[things], key, entry(form, "kind"), other)
    except Invalid as error:
        notice = " ".join(fields_said(viewer(request), error.fields).values())
        return await (_seen_contact if things == "contacts" else _seen_company)(request, status_of(error), notice)
    return go(request, f"{back}?saved")


async def _named(request: web.Request, who: str, kind: str) -> tuple[str, str]:
    """The one contact or company of this name that one sees; companies first where the kind speaks of them."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    ways: list[tuple[str, Any]] = [("contact", contacts), ("company", companies)]
    for thing, service in ways[:: -1 if kind in FIRMS else 1]:
        listed = service.list_contacts if thing == "contact" else service.list_companies
        found = (await listed(db, scope, MOST, None, who))["items"] if who else []
        named = [one for one in found if who.casefold() in (one["name"].casefold(), *one.get("numbers", ()))]
        if len(named) == 1:
            return thing, str(named[0]["id"])
    return "contact", ""


async def note_contact(request: web.Request) -> web.Response:
    """Write a note on a person."""
    return await _note(request, "contact", f"/contacts/{request.match_info['id']}")


async def dial(request: web.Request) -> web.Response:
    """Call this person."""
    key = request.match_info["id"]
    return await dial_to(request, f"/contacts/{key}", contact_id=int(key))


async def _note(request: web.Request, thing: str, back: str) -> web.Response:
    text = entry(await request.post(), "note")
    await companies.add_note(request.app[DEPS].db, request[PERSON].scope, thing, request.match_info["id"], text)
    return go(request, back)


# -- companies -----------------------------------------------------------------------------------------------------


async def list_companies(request: web.Request) -> web.Response:
    """The companies one may see, the newest on top."""
    db, scope, q = request.app[DEPS].db, request[PERSON].scope, _query(request)
    page = await companies.list_companies(db, scope, None, request.query.get("cursor"), q)
    older = urlencode({"q": q, "cursor": page["next"]}) if page["next"] else ""
    return await show(request, "companies.html", here="contacts", items=page["items"], next=older, look=q)


async def company(request: web.Request) -> web.Response:
    """A company: what we are to each other, its people and deals, notes."""
    if "id" not in request.match_info:
        own = custom_form.names(await custom_form.fields_of(request, "company"))
        return await _company(request, None, {**dict.fromkeys((*COMPANY, *own), ""), "name": _query(request)})
    notice = viewer(request).r.gettext("Saved.") if "saved" in request.query else ""
    return await _seen_company(request, 200, notice, "good")


async def _seen_company(request: web.Request, status: int, notice: str, kind: str = "bad") -> web.Response:
    try:
        found = await companies.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    except Merged as error:
        raise web.HTTPSeeOther(f"/companies/{error.into}") from None
    form = opened(await _company_form(request, found))
    return await _company(request, found, form, status=status, notice=notice, kind=kind)


async def _company_form(request: web.Request, found: Mapping[str, Any]) -> dict[str, str]:
    fields = await custom_form.fields_of(request, "company")
    own = custom_form.filled(viewer(request), fields, found["custom"])
    return {**{name: str(found[name] or "") for name in COMPANY}, **own}


async def _company(
    request: web.Request,
    found: dict[str, Any] | None,
    form: Mapping[str, str],
    *,
    status: int = 200,
    notice: str = "",
    kind: str = "good",
    fields: Mapping[str, str] | None = None,
) -> web.Response:
    db, scope = request.app[DEPS].db, request[PERSON].scope
    more: dict[str, Any] = {"people": [], "deals": [], "notes": [], "relations": [], "known": 0, "lacking": []}
    if found is not None:
        more = {
            "people": (await contacts.list_contacts(db, scope, None, None, "", found["id"]))["items"],
            "deals": (await deals.list_deals(db, scope, None, None, {"company_id": found["id"]}))["items"],
            "notes": await companies.notes_of(db, scope, "company", found["id"]),
            "relations": await relations.of(db, scope, "company", found["id"]),
            **_known(request, "company", found),
        }
    return await show(
        request,
        "company.html",
        status=status,
        here="contacts",
        company=found,
        own=await custom_form.fields_of(request, "company"),
        form=form,
        fields=fields or {},
        notice=notice,
        notice_kind=kind,
        **more,
    )


async def save_company(request: web.Request) -> web.Response:
    """Make or change a company."""
    form = await request.post()
    given = {name: entry(form, name) for name in COMPANY}
    values: dict[str, Any] = {**given, "custom": await custom_form.typed(request, "company", form)}
    given |= await custom_form.again(request, "company", form)
    return await _saved(request, companies, values, given, _company_form, _company)


async def note_company(request: web.Request) -> web.Response:
    """Write a note on a company."""
    return await _note(request, "company", f"/companies/{request.match_info['id']}")
