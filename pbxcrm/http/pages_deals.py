"""Deals as pages and forms: new, the deal itself, move, claim, note, call. Each form works without scripts."""

import itertools
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aiohttp import web

from pbxcrm.crm.details import CHOICES, CLOSING, FOLLOW_UP, GROUPS, NAMES
from pbxcrm.crm.documents import KINDS
from pbxcrm.crm.pipelines import NEEDS
from pbxcrm.crm.views import iso
from pbxcrm.http import custom_form
from pbxcrm.http.errors import status_of
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.labels import NOT_A_LEAD, REASONS, Labels
from pbxcrm.http.pages_common import (
    CURRENCIES,
    fragment,
    go,
    inside,
    refused,
    show,
    shown_day,
    soon,
    typed_day,
    unit,
    viewer,
)
from pbxcrm.http.pages_dial import dial_to
from pbxcrm.http.render import Viewer, deal_card, full_name
from pbxcrm.http.said import fields as fields_said
from pbxcrm.http.said import said
from pbxcrm.service import calls, companies, contacts, deals, details, documents, guide, offers
from pbxcrm.service.errors import Conflict, Invalid, NotFound, ServiceError

Deal = dict[str, Any]


def setup(app: web.Application) -> None:
    """Add the deals' routes."""
    app.router.add_get("/deals/new", new)
    app.router.add_post("/deals", create)
    app.router.add_get("/deals/{id:\\d+}", show_deal)
    app.router.add_post("/deals/{id:\\d+}", save)
    app.router.add_post("/deals/{id:\\d+}/move", move)
    app.router.add_post("/deals/{id:\\d+}/claim", claim)
    app.router.add_post("/deals/{id:\\d+}/accept", accept)
    app.router.add_post("/deals/{id:\\d+}/reject", reject)
    app.router.add_post("/deals/{id:\\d+}/advance", advance)
    app.router.add_post("/deals/{id:\\d+}/lower", lower)
    app.router.add_post("/deals/{id:\\d+}/wrapup", wrapup)
    app.router.add_post("/deals/{id:\\d+}/dial", dial)
    app.router.add_post("/deals/{id:\\d+}/people", has_say)
    app.router.add_post("/deals/{id:\\d+}/checks", tick)
    app.router.add_post("/deals/{id:\\d+}/again", again)


def _text(form: Mapping[str, Any], name: str) -> str:
    return str(form.get(name, "")).strip()


async def _stages(request: web.Request, deal: Deal | None = None) -> list[dict[str, Any]]:
    """The stages of the deal's pipeline, of the first one without a deal."""
    pipeline = deal["pipeline"] if deal else None
    found = await deals.board(request.app[DEPS].db, request[PERSON].scope, pipeline, per_column=1)
    stages: list[dict[str, Any]] = found["stages"]
    return stages


def _board_of(request: web.Request, deal_id: str) -> str:
    """Where a browser without scripts goes after a form on the board or on the deal's page."""
    came = request.headers.get("Referer", "")
    return f"/deals/{deal_id}" if f"/deals/{deal_id}" in came else f"/board#deal-{deal_id}"


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
    stages = await _stages(request)
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
    given = {name: _text(form, name) for name in names}
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
        request, f"/deals/{deal['id']}", say=_("Deal created"), html=_card(request, deal), panel=bool(given["call"])
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
        fields["contact_id"] = await _contact(request, given)
    if given["call"]:
        return await calls.make_deal(db, scope, given["call"], fields)
    return await deals.create(db, scope, fields)


async def _contact(request: web.Request, given: Mapping[str, str]) -> str:
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
    stages = await _stages(request, deal)
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
        form=form or {**_filled(me, whole), **custom_form.filled(me, own, whole["custom"])},
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


def _filled(me: Viewer, deal: Deal) -> dict[str, str]:
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
    }


def timeline(me: Viewer, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The timeline with a sentence a line, the newest on top."""
    said = {
        (one["by"], text)
        for item in items
        if item["kind"] == "call"
        for one in item["call"]["wrapups"]
        for text in (one["note"], *one["note"].split("\n"))
    }
    return [
        item if item["kind"] == "call" else {**item, **_sentence(me, item)}
        for item in items
        if item["kind"] != "note" or (item["by"], item["text"]) not in said  # it stands with its call
    ]


def _sentence(me: Viewer, item: Mapping[str, Any]) -> dict[str, str]:
    _ = me.r.gettext
    by = full_name(item.get("by") or "pbxcrm")
    if item["kind"] == "stage":
        to = Labels(me.r.locale).fixed(item["to_name"])
        if item["from_name"]:
            text = _(
                "%(name)s moved it from %(before)s to %(stage)s",
                name=by,
                before=Labels(me.r.locale).fixed(item["from_name"]),
                stage=to,
            )
        else:
            text = _("%(name)s put it into %(stage)s", name=by, stage=to)
        return {"text": text, "more": Labels(me.r.locale).fixed(item["reason"] or "")}
    if item["kind"] == "note":
        coaches = _("%(name)s, for the owner to learn from", name=by)
        return {"text": coaches if item["coaching"] else _("%(name)s noted", name=by), "more": item["text"]}
    if item["kind"] == "offer":
        text = {"sent": _("%(name)s sent an offer"), "accepted": _("The offer was accepted")}.get(
            item["what"], _("The offer was declined")
        )
        offer = item["offer"]
        more = f"{offer['title']} · {me.r.money(offer['total'], offer['currency'])}"
        return {"text": text % {"name": by}, "more": more, "link": f"/offers/{offer['id']}"}
    if item["kind"] == "document":
        document = item["document"]
        return {
            "text": _("%(name)s added a document", name=by),
            "more": document["name"],
            "link": f"/documents/{document['id']}/file",
        }
    if item["kind"] == "task":
        task = item["task"]
        kind = Labels(me.r.locale).task(task["kind"])
        if task["done_at"]:
            text = _("%(kind)s, done", kind=kind)
        else:
            text = _("%(kind)s, due %(time)s", kind=kind, time=me.r.near(task["due_at"]))
        return {"text": text, "more": "\n".join(one for one in (task["title"], task["result"]) if one)}
    return {"text": str(item["kind"]), "more": ""}


async def save(request: web.Request) -> web.Response:
    """Save the fields; what is wrong comes back in the form, beside its field."""
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    deal_id, form = request.match_info["id"], await request.post()
    plain = ("title", "value", "currency", "priority", "note", "next_day", "next_hour")
    given = {k: _text(form, k) for k in (*plain, "expected_close", "company", "tags", *NAMES)}
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
        await deals.change(db, scope, deal_id, _version(form), {**fields, "next_contact_at": at})
    except Invalid as error:
        deal = await deals.get(db, scope, deal_id)
        return await deal_page(request, deal, status=422, form=given, fields=fields_said(me, error.fields))
    except Conflict as error:
        deal = await deals.get(db, scope, deal_id)
        return await deal_page(request, deal, status=409, notice=_conflict(me, error, deal))
    if fragment(request):
        return go(request, f"/deals/{deal_id}", say=me.r.gettext("Saved."))
    raise web.HTTPSeeOther(f"/deals/{deal_id}?saved")


def _version(form: Mapping[str, Any]) -> int:
    text = _text(form, "version")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def moment(me: Viewer, given: Mapping[str, str]) -> str | None:
    """The next contact as a person wrote its day and hour (next_day, next_hour). Raises Invalid."""
    try:
        return iso(me.r.moment(given["next_day"], given["next_hour"]))
    except (ValueError, OverflowError):
        example = "1405/01/15" if me.r.calendar == "jalali" else "2026-04-15"
        text = me.r.gettext("This is no day; write it like %(example)s.", example=me.r.digits(example))
        raise Invalid(text, {"next_contact_at": text}) from None


# -- move, claim, accept, reject ---------------------------------------------------------------------------------------


async def move(request: web.Request) -> web.Response:
    """The one way into another stage: by drag, list, keyboard, stage bar or the form of a stage's question."""
    form = await request.post()
    reason = _text(form, "words") or _text(form, "reason") or None
    return await _move(request, _text(form, "stage"), _version(form), reason, form)


async def _move(
    request: web.Request, stage: str, version: int, reason: str | None, form: Mapping[str, Any] | None = None
) -> web.Response:
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    deal_id, given = request.match_info["id"], form or {}
    try:
        fields = await _answers(request, given)
        asks, undo = "asked" not in given, "undo" in given
        following = _follow_up(me, given)
        deal = await deals.move(db, scope, deal_id, stage, version, reason, fields, following, asks=asks, undo=undo)
    except Invalid as error:
        if "stage" in error.fields:
            return await _not_moved(request, error)
        return await _question(request, stage, error, given, asked=reason is not None or "asked" in given)
    except Conflict as error:
        return await _not_moved(request, error)
    return _moved(
        request, deal, me.r.gettext("Moved to %(stage)s", stage=Labels(me.r.locale).fixed(deal["stage_name"]))
    )


async def _answers(request: web.Request, form: Mapping[str, Any]) -> dict[str, object]:
    """What the form of a stage's question brought, empty answers left out. A customer named there is found, or made."""
    me = viewer(request)
    names = (*NEEDS, *CLOSING, "currency")
    fields: dict[str, object] = {name: text for name in names if (text := _text(form, name))}
    if _text(form, "next_day"):
        given = {"next_day": _text(form, "next_day"), "next_hour": _text(form, "next_hour")}
        fields["next_contact_at"] = moment(me, given)
    if _text(form, "customer"):
        deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
        named = {"contact_name": _text(form, "customer"), "company": "", "number": deal["number"] or ""}
        fields["contact_id"] = await _contact(request, named)
    return fields


FOLLOW_UPS = ("7", "30", "90", "365")  # days after which to ask how they are getting on


def _follow_up(me: Viewer, form: Mapping[str, Any]) -> dict[str, object] | None:
    """The task that the form of a won deal asks for."""
    days = _text(form, "follow_up")
    if days not in FOLLOW_UPS:
        return None
    day = (me.r.today() + timedelta(days=int(days))).isoformat()
    title = _text(form, "follow_up_title") or me.r.gettext("Ask how they are getting on")
    return {"kind": "call", "title": title, "due_at": iso(me.r.moment(day, "09:00"))}


def _moved(request: web.Request, deal: Deal, say: str) -> web.Response:
    deal_id = deal["id"]
    if fragment(request):
        return go(request, f"/deals/{deal_id}", html=_card(request, deal), say=say)
    raise web.HTTPSeeOther(_board_of(request, deal_id))


def _card(request: web.Request, deal: Deal) -> str:
    return str(deal_card(viewer(request), deal))


async def _question(
    request: web.Request, stage_id: str, error: Invalid, given: Mapping[str, Any], *, asked: bool
) -> web.Response:
    """A stage wants to know something first: its small form, with the message only when it was tried before."""
    deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    stage = next((s for s in await _stages(request, deal) if s["id"] == stage_id), None)
    if stage is None:
        raise NotFound
    me = viewer(request)
    fields = fields_said(me, error.fields) if asked else {}
    filled = [name for name in stage["needs"] if _text(given, name)]  # asked for again: nothing typed is lost
    return await show(
        request,
        "move.html",
        status=422,
        here="board",
        deal=deal,
        stage=stage,
        fields=fields,
        needs=[name for name in stage["needs"] if name in error.fields or name in filled],
        given={name: str(text) for name, text in given.items()},
        message="",
        reasons=REASONS,
        closing=CLOSING if stage["kind"] in ("won", "lost") else (),
        follow_ups=FOLLOW_UPS,
    )


async def _not_moved(request: web.Request, error: ServiceError) -> web.Response:
    """Taken back: how the deal stands now, and who was faster."""
    me = viewer(request)
    deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    message = _conflict(me, error, deal) if isinstance(error, Conflict) else said(me, error)
    if fragment(request):
        return refused(request, type(error)(message, code=error.code), status_of(error), html=_card(request, deal))
    return await deal_page(request, deal, status=status_of(error), notice=message)


def _conflict(me: Viewer, error: Conflict, deal: Deal) -> str:
    _ = me.r.gettext
    stage = Labels(me.r.locale).fixed(deal["stage_name"])
    if error.by:
        return _(
            "%(name)s was faster: the deal is in %(stage)s now. Nothing of yours was saved; look, then try again.",
            name=full_name(error.by),
            stage=stage,
        )
    return _(
        "The deal has changed meanwhile: it is in %(stage)s now. Nothing of yours was saved; look, then try again.",
        stage=stage,
    )


async def claim(request: web.Request) -> web.Response:
    """Take a deal that nobody owns."""
    form = await request.post()
    try:
        deal = await deals.claim(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    except Conflict as error:
        return await _not_moved(request, error)
    if form.get("open") and not fragment(request):
        raise web.HTTPSeeOther(f"/deals/{deal['id']}")
    return _moved(request, deal, viewer(request).r.gettext("The deal is yours now"))


async def accept(request: web.Request) -> web.Response:
    """Out of Unsorted, into the first stage of work."""
    form = await request.post()
    deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    first = next((s["id"] for s in await _stages(request, deal) if s["kind"] == "open"), "")
    return await _move(request, first, _version(form) or deal["version"], None)


async def reject(request: web.Request) -> web.Response:
    """Not a lead: lost, for that reason."""
    form = await request.post()
    deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    lost = next((s["id"] for s in await _stages(request, deal) if s["kind"] == "lost"), "")
    return await _move(request, lost, _version(form) or deal["version"], NOT_A_LEAD)


async def advance(request: web.Request) -> web.Response:
    """It has stayed too long: on into the next stage."""
    form = await request.post()
    deal = await deals.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    ids = [s["id"] for s in await _stages(request, deal) if s["kind"] in ("unsorted", "open", "won")]
    following = dict(itertools.pairwise(ids)).get(deal["stage"], deal["stage"])
    return await _move(request, following, _version(form) or deal["version"], None)


async def lower(request: web.Request) -> web.Response:
    """It has stayed too long: let it wait, and work on others."""
    form, db, scope = await request.post(), request.app[DEPS].db, request[PERSON].scope
    deal = await deals.get(db, scope, request.match_info["id"])
    try:
        deal = await deals.change(db, scope, deal["id"], _version(form) or deal["version"], {"priority": -1})
    except Conflict as error:
        return await _not_moved(request, error)
    return _moved(request, deal, viewer(request).r.gettext("Its priority is low now"))


# -- after and before a call -------------------------------------------------------------------------------------------


async def wrapup(request: web.Request) -> web.Response:
    """What was said, and when to talk next; from the caller card."""
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    deal_id, form = request.match_info["id"], await request.post()
    note, following = _text(form, "note"), _text(form, "next")
    if note:
        await deals.add_note(db, scope, deal_id, note, coaching=bool(_text(form, "coaching")))
    if (at := soon(me, following)) is not None:
        deal = await deals.get(db, scope, deal_id)
        await deals.change(db, scope, deal_id, deal["version"], {"next_contact_at": iso(at)})
    back = inside(_text(form, "back") or f"/deals/{deal_id}")
    return go(request, back, say=me.r.gettext("Saved."))


async def has_say(request: web.Request) -> web.Response:
    """Give somebody a role in the deal, or none: a contact that is known by that name, else a new one."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    deal_id, form = request.match_info["id"], await request.post()
    contact_id, who = _text(form, "contact_id"), _text(form, "who")
    await deals.get(db, scope, deal_id)  # before somebody is made for it
    if not contact_id and who:
        found = (await contacts.list_contacts(db, scope, 2, None, who))["items"]
        named = [one for one in found if who in (one["name"], *one["numbers"])]
        made = named[0] if len(named) == 1 else await contacts.create(db, scope, {"name": who})
        contact_id = made["id"]
    await details.has_say(db, scope, deal_id, contact_id, _text(form, "role"))
    return go(request, f"/deals/{deal_id}", say=viewer(request).r.gettext("Saved."))


async def tick(request: web.Request) -> web.Response:
    """A line of the stage's checklist is done, or is not."""
    deal_id, form = request.match_info["id"], await request.post()
    await guide.tick(
        request.app[DEPS].db, request[PERSON].scope, deal_id, str(form.get("item", "")), done=_text(form, "done") == "1"
    )
    return go(request, f"/deals/{deal_id}")


async def again(request: web.Request) -> web.Response:
    """A new deal out of one that is over."""
    made = await deals.again(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    _ = viewer(request).r.gettext
    return go(request, f"/deals/{made['id']}", say=_("Deal created"), html=_card(request, made))


async def dial(request: web.Request) -> web.Response:
    """Call the deal's customer."""
    deal_id, form = request.match_info["id"], await request.post()
    return await dial_to(request, inside(_text(form, "back") or f"/deals/{deal_id}"), deal_id=int(deal_id))
