"""The board: stages as columns, cards by date; what is looked for stands in the address."""

from decimal import Decimal
from typing import Any

from aiohttp import web
from markupsafe import Markup
from yarl import URL

from pbxcrm.crm.looking import DUES, NOBODY
from pbxcrm.http.board_address import Address, chips, due_words
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.labels import Labels
from pbxcrm.http.pages_common import density, fragment, show, viewer
from pbxcrm.http.render import Viewer, deal_card, part
from pbxcrm.http.said import said
from pbxcrm.service import board as boards
from pbxcrm.service import funnel, house, people, saved
from pbxcrm.service.board import Asked
from pbxcrm.service.errors import Invalid

OPEN = ("unsorted", "open")
MOST_CARDS = 50  # that one question for newer cards may name
AT_FIRST, MORE = 10, 40  # cards of a column: in the page, and whenever more are asked for (once by the script itself)


def setup(app: web.Application) -> None:
    """Add the board's routes."""
    app.router.add_get("/board", board)
    app.router.add_get("/board/heads", heads)
    app.router.add_get("/board/filter", filter_form)
    app.router.add_post("/board/views", save_view)
    app.router.add_post("/board/views/{id:\\d+}/remove", remove_view)
    app.router.add_get("/help/keys", keys)


def _asked(request: web.Request, address: Address) -> Asked:
    now = request.app[DEPS].db.clock()
    return Asked(address.filters, now, viewer(request).r.day_ends(now))


async def board(request: web.Request) -> web.Response:
    """The whole board; `?stage=&cursor=` is more of one column, and for our script nothing but that."""
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    stage_id, cursor = request.query.get("stage"), request.query.get("cursor")
    address, wrong = Address.of(request.query), ""
    pipeline = address.pipeline or None
    try:
        data = None
        more = None
        if stage_id and cursor:
            more = await boards.column(db, scope, stage_id, cursor, MORE, _asked(request, address))
            if fragment(request):
                column = {"id": stage_id, "deals": more["items"], "next": more["next"]}
                cards = part("column", "cards", me, column, query=address.query)
                return web.Response(text=f"<ol>{cards}</ol>", content_type="text/html")
        data = await boards.looked(db, scope, _asked(request, address), pipeline, AT_FIRST)
    except Invalid as error:  # said beside the whole board: nothing that is left out stays unsaid
        wrong, address, more = said(me, error), Address(address.pipeline, {}), None
        data = await boards.looked(db, scope, _asked(request, address), pipeline, AT_FIRST)
    for stage in data["stages"]:
        if more is not None and stage["id"] == stage_id:
            stage |= {"deals": more["items"], "next": more["next"]}
    return await _page(request, data, address, wrong)


async def _page(request: web.Request, data: dict[str, Any], address: Address, wrong: str) -> web.Response:
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    strip = None
    if scope.sees_all:
        owner = address.filters.get("owner", "").replace(NOBODY, "")
        strip = await funnel.strip(db, scope, data["pipeline"]["id"], data["stages"], owner)
    return await show(
        request,
        "board.html",
        status=422 if wrong else 200,
        here="board",
        whole=True,
        as_of=data["as_of"],
        board=data,
        address=address,
        chips=chips(me, address),
        wrong=wrong,
        dues=due_words(me),
        due_sums={due: sum(stage["dues"][due] for stage in data["stages"]) for due in DUES},
        strip=strip,
        views=await saved.views(db, scope, "board"),
        density=density(request),
        move_to=options(me, data["stages"]),
        totals=totals(data),
        empty=_empty(me, looking=data["looking"]),
        currency=data["currency"],
    )


async def heads(request: web.Request) -> web.Response:
    """Counts and sums, with the journal id they are true at; `?deal=1,2`: the cards of those that are looked for."""
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    address = Address.of(request.query)
    ids = [one for one in request.query.get("deal", "").split(",") if one][:MOST_CARDS]
    data = await boards.looked(db, scope, _asked(request, address), address.pipeline or None, 1, ids)
    names = ("id", "count", "value", "dues")
    stages = [{name: stage[name] for name in names} for stage in data["stages"]]
    cards = "".join(deal_card(me, deal) for deal in data["these"])
    return json_response({"as_of": data["as_of"], "stages": stages, "html": cards})


async def filter_form(request: web.Request) -> web.Response:
    """What to look for: owner, source, next step, value, words."""
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    address = Address.of(request.query)
    owners = [one for one in await people.list_people(db) if one.active] if scope.sees_all else []
    return await show(
        request,
        "board_filter.html",
        here="board",
        address=address,
        owners=owners,
        counted=await house.setting(db, "currency") or "EUR",
        nobody=NOBODY,
        dues=due_words(me),
        choices=await boards.choices(db, scope),
    )


async def save_view(request: web.Request) -> web.Response:
    """Keep what is looked for under a name."""
    form = await request.post()
    query = Address.of(URL.build(query_string=str(form.get("query", ""))).query).query
    shared = bool(form.get("shared")) and request[PERSON].scope.sees_all
    await saved.save(request.app[DEPS].db, request[PERSON].scope, "board", form.get("name", ""), query, shared=shared)
    raise web.HTTPSeeOther(f"/board?{query}" if query else "/board")


async def remove_view(request: web.Request) -> web.Response:
    """Forget one of one's own."""
    await saved.remove(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    raise web.HTTPSeeOther("/board")


async def keys(request: web.Request) -> web.Response:
    """Which keys do what."""
    return await show(request, "keys.html", here="")


def totals(board: dict[str, Any]) -> dict[str, Any]:
    """How many deals are open, and the sum of the stages' sums (decimal string)."""
    opened = [s for s in board["stages"] if s["kind"] in OPEN]
    return {
        "count": sum(s["count"] for s in opened),
        "value": str(sum((Decimal(s["value"]) for s in opened), Decimal())),
    }


def options(me: Viewer, stages: list[dict[str, Any]]) -> Markup:
    """The stages as options of a list, made once for all cards (for browsers without scripts)."""
    one = Markup('<option value="{}">{}</option>')
    return Markup("").join(one.format(s["id"], Labels(me.r.locale).fixed(s["name"])) for s in stages)


def _empty(me: Viewer, *, looking: bool) -> dict[str, str]:
    _ = me.r.gettext
    if looking:
        return dict.fromkeys((*OPEN, "won", "lost"), _("Nothing here that you look for"))
    return {
        "unsorted": _("New calls land here by themselves"),
        "open": _("Drag a deal here"),
        "won": _("Nothing won yet"),
        "lost": _("Nothing lost"),
    }
