"""The board: stages as columns, cards by date."""

from decimal import Decimal
from typing import Any

from aiohttp import web
from markupsafe import Markup

from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.labels import Labels
from pbxcrm.http.pages_common import fragment, show, viewer
from pbxcrm.http.render import Viewer, part
from pbxcrm.service import deals

OPEN = ("unsorted", "open")


def setup(app: web.Application) -> None:
    """Add the board's routes."""
    app.router.add_get("/board", board)
    app.router.add_get("/board/heads", heads)


async def board(request: web.Request) -> web.Response:
    """The whole board; `?stage=&cursor=` is more of one column, and for our script nothing but that."""
    db, scope, me = request.app[DEPS].db, request[PERSON].scope, viewer(request)
    stage_id, cursor = request.query.get("stage"), request.query.get("cursor")
    more = await deals.column(db, scope, stage_id, cursor) if stage_id and cursor else None
    if more is not None and fragment(request):
        column = {"id": stage_id, "deals": more["items"], "next": more["next"]}
        return web.Response(text=f"<ol>{part('column', 'cards', me, column)}</ol>", content_type="text/html")
    data = await deals.board(db, scope, request.query.get("pipeline"))
    if more is not None:
        for stage in data["stages"]:
            if stage["id"] == stage_id:
                stage |= {"deals": more["items"], "next": more["next"]}
    return await show(
        request,
        "board.html",
        here="board",
        as_of=data["as_of"],
        board=data,
        move_to=options(me, data["stages"]),
        totals=totals(data),
        empty=_empty(me),
        currency=data["currency"],
    )


async def heads(request: web.Request) -> web.Response:
    """Counts and sums only, with the journal id they are true at."""
    data = await deals.board(request.app[DEPS].db, request[PERSON].scope, None, per_column=1)
    stages = [{"id": s["id"], "count": s["count"], "value": s["value"]} for s in data["stages"]]
    return json_response({"as_of": data["as_of"], "stages": stages})


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


def _empty(me: Viewer) -> dict[str, str]:
    _ = me.r.gettext
    return {
        "unsorted": _("New calls land here by themselves"),
        "open": _("Drag a deal here"),
        "won": _("Nothing won yet"),
        "lost": _("Nothing lost"),
    }
