"""Deals as pages and forms: new, the deal itself, who has a say, note, call. Each form works without scripts."""

import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pbxcrm.crm.custom import Field
from pbxcrm.crm.details import CHOICES, FOLLOW_UP, GROUPS, NAMES
from pbxcrm.crm.documents import KINDS
from pbxcrm.crm.views import iso
from pbxcrm.http import custom_form
from pbxcrm.http.deal_words import timeline
from pbxcrm.http.forms import entry, late, moment, opened, typed_again, version_of
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.labels import Labels
from pbxcrm.http.pages_common import (
    CURRENCIES,
    fragment,
    go,
    inside,
    show,
    shown_day,
    soon,
    typed_day,
    unit,
    viewer,
)
from pbxcrm.http.pages_dial import dial_to
from pbxcrm.http.render import Viewer, deal_card
from pbxcrm.http.said import fields as fields_said
from pbxcrm.http.said import said
from pbxcrm.service import calls, companies, contacts, deals, details, documents, guide, offers
from pbxcrm.service.errors import Conflict, Invalid, NotFound

Deal = dict[str, Any]


def setup(app: web.Application) -> None:
    """Add the deals' routes."""
    app.router.add_get("/deals/new", new)
    app.router.add_post("/deals", create)
    app.router.add_get("/deals/{id:\\d+}", show_deal)
    app.router.add_post("/deals/{id:\\d+}", save)
    app.router.add_post("/deals/{id:\\d+}/wrapup", wrapup)
    app.router.add_post("/deals/{id:\\d+}/dial", dial)
    app.router.add_post("/deals/{id:\\d+}/people", has_say)
    app.router.add_post("/deals/{id:\\d+}/checks", tick)
    app.router.add_post("/deals/{id:\\d+}/again", again)


def card(request: web.Request, deal: Deal) -> str:
    """The deal's card on the board, for a script's answer."""
    return str(deal_card(viewer(request), deal))


async def stages_of(request: web.Request, deal: Deal | None = None) -> list[dict[str, Any]]:
    """The stages of the deal's pipeline, of the first one without a deal."""
    pipeline = deal["pipeline"] if deal else None
    found = await deals.board(request.app[DEPS].db, request[PERSON].scope, pipeline, per_column=1)
    stages: list[dict[str, Any]] = found["stages"]
    return stages


# -- new -----------------------------------------------------------------------------------------------------------


async def new(request: web.Request) -> web.Response:
    """The form of a new deal, filled in from a call or a stage."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    form = {"stage": request.query.get("stage", ""), "number": request.query.get("number", "")}
    if contact_id := request.query.get("contact"):
        person = await contacts.get(db, scope, contact_id)
        form |= {"contact": person["id"], "contact_name": person["name"], "company": person["company"]}
        form |= {"number": next(iter(person["numbers"]), ""), "title": person["name"] or person["company"]}
    if call_id := request.query.get("call"):
        call = await calls.card(db, scope, call_id)
        contact = call["card"]["contact"] or {}
        name = contact.get("name") or call["caller_name"] or ""
        form |= {"call": call_id, "number": call["number"] or "", "contact_name": name}
        form |= {"company": contact.get("company", ""), "title": name}
    return await _new_form(request, form)


async def _new_form(
    request: web.Request, form: Mapping[str, str], fields: Mapping[str, str] | None = None, message: str = ""
) -> web.Response:
    stages = await stages_of(request)
    first = next((s["id"] for s in stages if s["kind"] == "open"), "")
    empty = dict.fromkeys(("title", "contact_name", "company", "number", "value", "call", "contact"), "")
    own = await custom_form.fields_of(request, "deal")
    whole = {**empty, **dict.fromkeys(custom_form.names(own), ""), "currency": await unit(request), **form}
    whole["stage"] = whole.get("stage") or first
    return await show(
        request,
        "deal_new.html",
        status=422 if fields or message else 200,
        here="board",
        form=whole,
        own=own,
        fields=fields or {},
        message=message,
        stages=stages,
        currencies=CURRENCIES,
    )


async def create(request: web.Request) -> web.Response:
    """Make the deal, and its contact where a name or a company was given."""
    form = await request.post()
    names = ("title", "contact_name", "company", "number", "value", "currency", "stage", "call", "contact")
    given = {name: entry(form, name) for name in names}
    own = await custom_form.typed(request, "deal", form)
    again_ = await custom_form.again(request, "deal", form)
    try:
        deal = await _create(request, given, own)
    except Invalid as error:
        me = viewer(request)
        fields = fields_said(me, {"number" if k == "numbers" else k: v for k, v in error.fields.items()})
        shown = {k: v for k, v in fields.items() if k in (*names, *again_)}
        message = "" if len(shown) == len(fields) else said(me, error)
        return await _new_form(request, {**given, **again_}, fields, message)
    _ = viewer(request).r.gettext
    return go(
        request, f"/deals/{deal['id']}", say=_("Deal created"), html=card(request, deal), panel=bool(given["call"])
    )


async def _create(request: web.Request, given: Mapping[str, str], own: Mapping[str, str]) -> Deal:
    db, scope = request.app[DEPS].db, request[PERSON].scope
    fields: dict[str, object] = {k: given[k] for k in ("value", "stage", "number") if given[k]}
    fields |= {"custom": own} if own else {}
    if given["currency"]:
        fields["currency"] = given["currency"].upper()
    fields["title"] = given["title"] or given["contact_name"] or given["company"] or given["number"]
    if given["contact"]:
        fields["contact_id"] = given["contact"]
    elif given["contact_name"] or given["company"]:
        fields["contact_id"] = await contact_of(request, given)
    if given["call"]:
        return await calls.make_deal(db, scope, given["call"], fields)
    return await deals.create(db, scope, fields)


async def contact_of(request: web.Request, given: Mapping[str, str]) -> str:
    """The contact of this number, with the name now known; else a new one."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    named = {k: v for k, v in (("name", given["contact_name"]), ("company", given["company"])) if v}
    if given["number"]:
        known = (await contacts.list_contacts(db, scope, 2, None, given["number"]))["items"]
        if len(known) == 1:
            blank = {k: v for k, v in named.items() if not known[0][k]}
            if blank:
                await contacts.change(db, scope, known[0]["id"], known[0]["version"], blank)
            return str(known[0]["id"])
    numbers = [given["number"]] if given["number"] else []
    made = await contacts.create(db, scope, {**named, "numbers": numbers})
    return str(made["id"])


# -- the deal --------------------------------------------------------------------------------------------------------


async def show_deal(request: web.Request) -> web.Response:
    """The deal's page, or panel."""
    deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    _ = viewer(request).r.gettext
    notice = (
        _("Saved.")
        if "saved" in request.query
        else _("Your phone rings. Pick it up.")
        if "dialled" in request.query
        else ""
    )
    return await deal_page(request, deal, notice=notice, kind="good")


async def _customer(request: web.Request, deal: Deal) -> dict[str, Any] | None:
    """Whose deal it is, if this person sees them."""
    try:
        return await contacts.get(request.app[DEPS].db, request[PERSON].scope, deal["contact_id"])
    except NotFound:
        return None


async def deal_page(
    request: web.Request,
    deal: Deal,
    *,
    status: int = 200,
    notice: str = "",
    kind: str = "bad",
    form: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
) -> web.Response:
    """A deal's page, or panel, with something to say."""
    me, db, scope = viewer(request), request.app[DEPS].db, request[PERSON].scope
    stages = await stages_of(request, deal)
    labels = Labels(me.r.locale)
    whole = await details.whole(db, scope, deal["id"])
    leads_on = await guide.guide(db, scope, deal["id"])
    groups = {group: [one for one in names if one not in leads_on["form"]] for group, names in GROUPS.items()}
    known = (await companies.list_companies(db, scope, 200))["items"]
    own = await custom_form.fields_of(request, "deal")
    customer = await _customer(request, deal)
    return await show(
        request,
        "deal.html",
        customer=customer,
        status=status,
        here="board",
        deal=deal,
        stages=stages,
        stage_index=next((i for i, s in enumerate(stages) if s["id"] == deal["stage"]), 0),
        timeline=timeline(me, await deals.timeline(db, scope, deal["id"])),
        form=form or opened(_filled(me, whole, own)),
        own=own,
        more=whole,
        suggested=_suggested(me, whole),
        guide=leads_on,
        offers=await offers.of_deal(db, scope, deal["id"]),
        documents=await documents.of_deal(db, scope, deal["id"]),
        kinds=KINDS,
        groups={group: names for group, names in groups.items() if names},
        choices=CHOICES,
        companies=[one["name"] for one in known],
        fields=fields or {},
        notice=notice,
        notice_kind=kind,
        priorities=[(n, labels.priority(n)) for n in ("2", "1", "0", "-1")],
        currencies=CURRENCIES,
        dial_key=uuid.uuid4().hex,
    )


def _suggested(me: Viewer, whole: Mapping[str, Any]) -> tuple[str, float] | None:
    """When to contact them again by how soon they want to buy: the quick choice and its time; not after the close."""
    choice = FOLLOW_UP.get(whole["details"].get("urgency", ""), "")
    at = soon(me, choice)
    closes = whole["expected_close"]
    return None if at is None or (closes and at >= me.r.noon(closes)) else (choice, at)


def _filled(me: Viewer, deal: Deal, own: list[Field]) -> dict[str, str]:
    at = deal["next_contact_at"]
    value = deal["value"]
    return {
        "title": deal["title"],
        "value": me.r.money_field(value, deal["currency"]),
        "currency": me.r.unit(deal["currency"]),
        "priority": str(deal["priority"]),
        "note": deal["note"],
        **{name: deal["details"].get(name, "") for name in NAMES},
        "budget_amount": me.r.money_field(deal["details"].get("budget_amount", ""), deal["currency"]),
        "expected_close": shown_day(me, deal["expected_close"]),
        "company": deal["company_name"] or "",
        "tags": ", ".join(deal["tags"]),
        "next_day": me.r.date_field(at),
        "next_hour": me.r.time_field(at),
        **custom_form.filled(me, own, deal["custom"]),
    }


async def save(request: web.Request) -> web.Response:
    """Save the fields; what is wrong comes back in the form, beside its field."""
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    deal_id, form = request.match_info["id"], await request.post()
    plain = ("title", "value", "currency", "priority", "note", "next_day", "next_hour")
    given = {k: entry(form, k) for k in (*plain, "expected_close", "company", "tags", *NAMES)}
    given |= await custom_form.again(request, "deal", form)
    try:
        at = moment(me, given)
        fields: dict[str, Any] = {k: given[k] for k in ("title", "priority", "note")}
        fields["custom"] = await custom_form.typed(request, "deal", form)
        fields |= {"currency": given["currency"].upper(), "value": given["value"] or "0"}
        fields |= {k: given[k] for k in NAMES if k in form}
        if "expected_close" in form:
            fields["expected_close"] = typed_day(me, given["expected_close"])
        if "company" in form:
            fields["company"] = given["company"]
        if "tags" in form:
            fields["tags"] = given["tags"]
        await deals.change(db, scope, deal_id, version_of(form), {**fields, "next_contact_at": at})
    except Invalid as error:
        deal = await deals.get(db, scope, deal_id)
        back = typed_again(form, given)
        return await deal_page(request, deal, status=422, form=back, fields=fields_said(me, error.fields))
    except Conflict as error:
        deal = await deals.get(db, scope, deal_id)
        stored = _filled(me, await details.whole(db, scope, deal_id), await custom_form.fields_of(request, "deal"))
        return await deal_page(request, deal, status=409, notice=late(me, error), form=typed_again(form, given, stored))
    if fragment(request):
        return go(request, f"/deals/{deal_id}", say=me.r.gettext("Saved."))
    raise web.HTTPSeeOther(f"/deals/{deal_id}?saved")


# -- after and before a call -------------------------------------------------------------------------------------------


async def wrapup(request: web.Request) -> web.Response:
    """What was said, and when to talk next; from the caller card."""
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    deal_id, form = request.match_info["id"], await request.post()
    note, following = entry(form, "note"), entry(form, "next")
    if note:
        await deals.add_note(db, scope, deal_id, note, coaching=bool(entry(form, "coaching")))
    if (at := soon(me, following)) is not None:
        deal = await deals.get(db, scope, deal_id)
        await deals.change(db, scope, deal_id, deal["version"], {"next_contact_at": iso(at)})
    back = inside(entry(form, "back") or f"/deals/{deal_id}")
    return go(request, back, say=me.r.gettext("Saved."))


async def has_say(request: web.Request) -> web.Response:
    """Give somebody a role in the deal, or none: a contact that is known by that name, else a new one."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    deal_id, form = request.match_info["id"], await request.post()
    contact_id, who = entry(form, "contact_id"), entry(form, "who")
    await deals.get(db, scope, deal_id)  # before somebody is made for it
    if not contact_id and who:
        found = (await contacts.list_contacts(db, scope, 2, None, who))["items"]
        named = [one for one in found if who in (one["name"], *one["numbers"])]
        made = named[0] if len(named) == 1 else await contacts.create(db, scope, {"name": who})
        contact_id = made["id"]
    await details.has_say(db, scope, deal_id, contact_id, entry(form, "role"))
    return go(request, f"/deals/{deal_id}", say=viewer(request).r.gettext("Saved."))


async def tick(request: web.Request) -> web.Response:
    """A line of the stage's checklist is done, or is not."""
    deal_id, form = request.match_info["id"], await request.post()
    await guide.tick(
        request.app[DEPS].db, request[PERSON].scope, deal_id, str(form.get("item", "")), done=entry(form, "done") == "1"
    )
    return go(request, f"/deals/{deal_id}")


async def again(request: web.Request) -> web.Response:
    """A new deal out of one that is over."""
    made = await deals.again(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    _ = viewer(request).r.gettext
    return go(request, f"/deals/{made['id']}", say=_("Deal created"), html=card(request, made))


async def dial(request: web.Request) -> web.Response:
    """Call the deal's customer."""
    deal_id, form = request.match_info["id"], await request.post()
    return await dial_to(request, inside(entry(form, "back") or f"/deals/{deal_id}"), deal_id=int(deal_id))
