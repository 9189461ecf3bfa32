"""Price offers as pages: written beside what is known of the customer, sent, printed, revised, decided."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from multidict import MultiDictProxy

from pbxcrm.http.forms import late, opened, typed_again, version_of
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import CURRENCIES, go, show, shown_day, typed_day, viewer
from pbxcrm.http.render import Viewer
from pbxcrm.http.said import fields as fields_said
from pbxcrm.http.said import said
from pbxcrm.service import companies, contacts, offers
from pbxcrm.service.errors import Conflict, Invalid, NotFound, ServiceError

BLANK = 3  # empty lines below those that are written
BESIDE = ("needs", "wish", "preferences", "to_offer", "product", "budget", "budget_amount", "timeline")
TERMS = ("prices", "dates", "delivery", "terms", "objections", "competitors")
Offer = dict[str, Any]


def setup(app: web.Application) -> None:
    """Add the routes."""
    one = "/offers/{id:\\d+}"
    app.router.add_get("/deals/{id:\\d+}/offers/new", new)
    app.router.add_post("/deals/{id:\\d+}/offers", create)
    app.router.add_get(one, show_offer)
    app.router.add_post(one, save)
    app.router.add_get(one + "/print", printed)
    app.router.add_post(one + "/send", send)
    app.router.add_post(one + "/accept", accept)
    app.router.add_post(one + "/decline", decline)
    app.router.add_post(one + "/revise", revise)
    app.router.add_post(one + "/discard", discard)


async def new(request: web.Request) -> web.Response:
    """A blank one."""
    beside = await offers.beside(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    return await _editor(request, None, beside, _blank(viewer(request), beside["deal"]))


def _blank(me: Viewer, deal: Mapping[str, Any]) -> dict[str, Any]:
    form = dict.fromkeys(("send_on", "valid_until", "note"), "")
    return {**form, "title": deal["title"], "currency": me.r.unit(deal["currency"]), "lines": []}


def _filled(me: Viewer, offer: Offer) -> dict[str, Any]:
    days = {name: shown_day(me, offer[name]) for name in ("send_on", "valid_until")}
    lines = [
        {
            "text": one["text"],
            "count": me.r.fraction(one["count"]),
            "price": _price(me, one["price"], offer["currency"]),
        }
        for one in offer["items"]
    ]
    plain = {"title": offer["title"], "note": offer["note"], "currency": me.r.unit(offer["currency"])}
    return {**plain, **days, "lines": lines}


def _price(me: Viewer, price: str, currency: str) -> str:
    """In what this person counts; less than nothing is a discount."""
    minus = "-" if price.startswith("-") else ""
    return minus + (me.r.money_field(price.removeprefix("-"), currency) or "0")


async def _editor(
    request: web.Request,
    offer: Offer | None,
    beside: Mapping[str, Any],
    form: Mapping[str, Any],
    fields: Mapping[str, str] | None = None,
    *,
    status: int = 200,
    message: str = "",
) -> web.Response:
    db, scope = request.app[DEPS].db, request[PERSON].scope
    blank = [{"text": "", "count": "", "price": ""}] * BLANK
    return await show(
        request,
        "offer.html",
        status=status,
        here="board",
        offer=offer,
        deal=beside["deal"],
        known=beside["details"],
        beside=BESIDE,
        terms=TERMS,
        revisions=_revisions(await offers.of_deal(db, scope, beside["deal"]["id"]), offer),
        form={**form, "lines": [*form["lines"], *blank]},
        fields=fields or {},
        message=message,
        notice=viewer(request).r.gettext("Saved.") if "saved" in request.query else "",
        currencies=CURRENCIES,
    )


def _revisions(found: list[Offer], offer: Offer | None) -> list[Offer]:
    return [one for one in found if offer is not None and one["number"] == offer["number"]]


async def show_offer(request: web.Request) -> web.Response:
    """One: to be written while it is a draft, to be read afterwards."""
    offer = await offers.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    return await _offer(request, offer)


async def _offer(request: web.Request, offer: Offer, **more: Any) -> web.Response:
    beside = await offers.beside(request.app[DEPS].db, request[PERSON].scope, offer["deal_id"])
    return await _editor(request, offer, beside, opened(_filled(viewer(request), offer)), **more)


def _typed(post: "MultiDictProxy[Any]") -> dict[str, Any]:
    """What was typed, as it was typed; columns of lines as lines."""
    columns = [[str(one).strip() for one in post.getall(name, [])] for name in ("text", "count", "price")]
    lines = [dict(zip(("text", "count", "price"), row, strict=True)) for row in zip(*columns, strict=False)]
    plain = {name: str(post.get(name, "")).strip() for name in ("title", "currency", "send_on", "valid_until", "note")}
    return {**plain, "lines": [one for one in lines if any(one.values())]}


def _fields(me: Viewer, form: Mapping[str, Any]) -> dict[str, object]:
    """The same for the service. Raises Invalid where a day is none."""
    return {
        "title": form["title"],
        "currency": form["currency"].upper(),
        "note": form["note"],
        "items": form["lines"],
        **{name: typed_day(me, form[name]) for name in ("send_on", "valid_until")},
    }


async def create(request: web.Request) -> web.Response:
    """A draft."""
    db, scope, me, deal_id = request.app[DEPS].db, request[PERSON].scope, viewer(request), request.match_info["id"]
    form = _typed(await request.post())
    try:
        made = await offers.create(db, scope, deal_id, _fields(me, form))
    except Invalid as error:
        beside = await offers.beside(db, scope, deal_id)
        return await _editor(request, None, beside, form, fields_said(me, error.fields), status=422)
    return go(request, f"/offers/{made['id']}?saved")


async def save(request: web.Request) -> web.Response:
    """Keep a draft; with do=send it is sent then."""
    db, scope, me, offer_id = request.app[DEPS].db, request[PERSON].scope, viewer(request), request.match_info["id"]
    post = await request.post()
    form = _typed(post)
    try:
        made = await offers.change(db, scope, offer_id, version_of(post), _fields(me, form))
        if post.get("do") == "send":
            await offers.send(db, scope, offer_id, made["version"])
    except Invalid as error:
        offer = await offers.get(db, scope, offer_id)
        beside = await offers.beside(db, scope, offer["deal_id"])
        back = typed_again(post, form)
        return await _editor(request, offer, beside, back, fields_said(me, error.fields), status=422)
    except Conflict as error:
        offer = await offers.get(db, scope, offer_id)
        if offer["state"] != "draft":
            return await _late(request, error)
        beside = await offers.beside(db, scope, offer["deal_id"])
        back = typed_again(post, form, _filled(me, offer))
        return await _editor(request, offer, beside, back, status=409, message=late(me, error))
    return go(request, f"/offers/{offer_id}?saved")


async def _late(request: web.Request, error: ServiceError) -> web.Response:
    offer = await offers.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    return await _offer(request, offer, status=409, message=said(viewer(request), error))


async def send(request: web.Request) -> web.Response:
    """It was sent as it stands."""
    db, scope, offer_id = request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]
    try:
        await offers.send(db, scope, offer_id, version_of(await request.post()))
    except Conflict as error:
        return await _late(request, error)
    except Invalid as error:
        offer = await offers.get(db, scope, offer_id)
        return await _offer(request, offer, fields=fields_said(viewer(request), error.fields), status=422)
    return go(request, f"/offers/{offer_id}")


async def accept(request: web.Request) -> web.Response:
    """The customer said yes."""
    return await _decide(request, accepted=True)


async def decline(request: web.Request) -> web.Response:
    """The customer said no."""
    return await _decide(request, accepted=False)


async def _decide(request: web.Request, *, accepted: bool) -> web.Response:
    db, scope, offer_id, form = (
        request.app[DEPS].db,
        request[PERSON].scope,
        request.match_info["id"],
        await request.post(),
    )
    try:
        await offers.decide(db, scope, offer_id, version_of(form), accepted=accepted, value=form.get("value") == "1")
    except Conflict as error:
        return await _late(request, error)
    return go(request, f"/offers/{offer_id}")


async def revise(request: web.Request) -> web.Response:
    """Another word: the next revision."""
    try:
        made = await offers.revise(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    except Conflict as error:
        return await _late(request, error)
    return go(request, f"/offers/{made['id']}")


async def discard(request: web.Request) -> web.Response:
    """Throw a draft away."""
    db, scope, offer_id = request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]
    try:
        deal_id = await offers.discard(db, scope, offer_id, version_of(await request.post()))
    except Conflict as error:
        return await _late(request, error)
    return go(request, f"/deals/{deal_id}")


async def printed(request: web.Request) -> web.Response:
    """As the customer gets it: to be printed, or saved as PDF, by the browser."""
    deps, scope = request.app[DEPS], request[PERSON].scope
    offer = await offers.get(deps.db, scope, request.match_info["id"])
    deal = (await offers.beside(deps.db, scope, offer["deal_id"]))["deal"]
    customer = await _customer(request, deal)
    return await show(
        request, "offer_print.html", here="board", offer=offer, deal=deal, house=deps.house_name, customer=customer
    )


async def _customer(request: web.Request, deal: Mapping[str, Any]) -> dict[str, str]:
    """{name, company, address}, as far as this person sees them."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    found = {"name": "", "company": "", "address": ""}
    try:
        if deal["contact_id"]:
            person = await contacts.get(db, scope, deal["contact_id"])
            found |= {"name": person["name"], "company": person["company"]}
        if deal["company_id"]:
            company = await companies.get(db, scope, deal["company_id"])
            found |= {
                "company": company["name"],
                "address": "\n".join(filter(None, (company["address"], company["city"]))),
            }
    except NotFound:
        return found
    return found
