"""The calendar for calendar programs: its secret address is made, renewed and switched off in one's settings.

Whoever has the address reads what its person still has to do, and nothing else; a wrong one is not there.
"""

from collections import OrderedDict
from dataclasses import replace

from aiohttp import web

from pbxcrm.http import ics, render
from pbxcrm.http.keys import AUTH, DEPS, PERSON, TRAIL
from pbxcrm.http.login import address
from pbxcrm.http.pages_common import show
from pbxcrm.service import feed
from pbxcrm.service.errors import NotFound, TooMany

OFTEN, WINDOW = 30, 60.0  # answers a person's address gives in so many seconds; programs ask every few minutes
_ASKED: web.AppKey["Asked"] = web.AppKey("asked")


class Asked:
    """How often each address was asked of late, the last thousand of them."""

    def __init__(self) -> None:
        self._windows: OrderedDict[int, tuple[float, int]] = OrderedDict()

    def count(self, user_id: int, now: float) -> None:
        """Once more. Raises TooMany."""
        since, n = self._windows.pop(user_id, (now, 0))
        if not since <= now < since + WINDOW:
            since, n = now, 0
        self._windows[user_id] = (since, n + 1)
        if len(self._windows) > 1000:
            self._windows.popitem(last=False)
        if n >= OFTEN:
            wait = max(1, round(since + WINDOW - now))
            raise TooMany(f"This calendar was read too often; read it again in {wait} seconds.", retry_after=wait)


def setup(app: web.Application) -> None:
    """Add the routes."""
    app[_ASKED] = Asked()
    app.router.add_get("/feed/{secret:[\\w-]{20,100}}.ics", read)
    app.router.add_post("/me/feed", renew)
    app.router.add_post("/me/feed/off", switch_off)


async def read(request: web.Request) -> web.Response:
    """What its person still has to do, as iCalendar."""
    db = request.app[DEPS].db
    person = await request.app[AUTH].by_feed(request.match_info["secret"])
    if person is None:
        raise NotFound
    now, me = db.clock(), render.viewer(person)
    request.app[_ASKED].count(person.scope.user_id, now)
    found = await feed.of(db, person.scope, now, me.r.day_of)
    request.app[TRAIL].saw(replace(person.scope, peer=address(request)), "feed")
    return web.Response(
        text=ics.feed(me, found, now, _home(request)),
        content_type="text/calendar",
        charset="utf-8",
        headers={"Content-Disposition": 'inline; filename="pbxcrm.ics"'},
    )


def _home(request: web.Request) -> str:
    scheme = "https" if request.app[DEPS].settings.secure else "http"
    host = "".join(c for c in request.host if c.isascii() and (c.isalnum() or c in ".-:[]"))
    return f"{scheme}://{host}"


async def renew(request: web.Request) -> web.Response:
    """A new address, shown this once; the one before opens nothing any more."""
    raw = await feed.renew(request.app[DEPS].db, request[PERSON].scope)
    home = _home(request)
    webcal = f"webcal://{home.partition('://')[2]}/feed/{raw}.ics"
    return await show(request, "feed.html", url=f"{home}/feed/{raw}.ics", webcal=webcal)


async def switch_off(request: web.Request) -> web.Response:
    """No address any more."""
    await feed.switch_off(request.app[DEPS].db, request[PERSON].scope)
    raise web.HTTPSeeOther("/me?saved")
