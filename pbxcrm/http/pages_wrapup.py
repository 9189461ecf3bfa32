"""The caller card's own addresses: the cards of mine, what came of a call, a deal made of it, a card put away."""

from aiohttp import web

from pbxcrm.crm.views import iso
from pbxcrm.http.forms import entry, moment
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.labels import N_
from pbxcrm.http.pages_common import fragment, go, soon, viewer
from pbxcrm.http.render import caller_state, deal_card, part
from pbxcrm.http.said import fields as fields_said
from pbxcrm.service import calls, wrapup
from pbxcrm.service.errors import Invalid

NO_DAY = N_("Say on which day, or choose another next contact. Nothing was saved; what you typed is still here.")
AT = "at"  # the choice of a day and time of one's own


def setup(app: web.Application) -> None:
    """Add the routes."""
    call = "/calls/{id:[0-9a-f-]{36}}"
    app.router.add_get("/calls/mine", mine)
    app.router.add_post(call + "/wrapup", finish)
    app.router.add_post(call + "/deal", make_deal)
    app.router.add_post(call + "/hide", hide)


async def mine(request: web.Request) -> web.Response:
    """The cards that are up, for a page that was away too long to be told."""
    me = viewer(request)
    found = await calls.live(request.app[DEPS].db, request[PERSON].scope)
    cards = [part("caller", "call_card", me, call, caller_state(me, call)) for call in found]
    return web.Response(text="".join(cards), content_type="text/html")


async def finish(request: web.Request) -> web.Response:
    """What came of it: outcome, note, next contact, tags; or not a lead."""
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    form = await request.post()
    given: dict[str, object] = {name: entry(form, name) for name in ("outcome", "note", "tags", "deal_id")}
    given["not_a_lead"] = bool(entry(form, "not_a_lead"))
    if not given["not_a_lead"]:
        choice = entry(form, "next")
        own = {name: entry(form, name) for name in ("next_day", "next_hour")}
        if choice == AT and not own["next_day"]:
            raise Invalid(NO_DAY, {"next_day": NO_DAY})
        given["next_contact_at"] = moment(me, own) if choice == AT else iso(soon(me, choice))
    try:
        done = await wrapup.finish(db, scope, request.match_info["id"], given)
    except Invalid as error:
        words = " ".join(fields_said(me, error.fields).values())
        raise Invalid(words, error.fields) from None
    where = f"/deals/{done['deal_id']}" if done["deal_id"] else f"/calls/{done['id']}"
    return go(request, where, say=me.r.gettext("Saved."))


async def make_deal(request: web.Request) -> web.Response:
    """A deal out of the call, as it is; what it is about is written into it afterwards."""
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    deal = await calls.make_deal(db, scope, request.match_info["id"])
    return go(
        request,
        f"/deals/{deal['id']}",
        say=me.r.gettext("Deal created"),
        html=str(deal_card(me, deal)),
        panel=True,
    )


async def hide(request: web.Request) -> web.Response:
    """Put the card away on all tabs and devices."""
    form = await request.post()
    await wrapup.hide(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"], entry(form, "spell"))
    if fragment(request):
        return go(request, "/board")
    came = request.headers.get("Referer", "")
    raise web.HTTPSeeOther("/calls" if came.endswith("/calls") else "/board")
