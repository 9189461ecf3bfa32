"""Webhooks as a page, for managers: the list, a new one, a try, and how the last deliveries went."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pbxcrm.crm.webhooks import KINDS
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import go, show, viewer
from pbxcrm.http.said import fields as fields_said
from pbxcrm.http.said import said
from pbxcrm.service import webhooks
from pbxcrm.service.errors import Conflict, Invalid

PATH = "/settings/webhooks"


def setup(app: web.Application) -> None:
    """Add the routes."""
    app.router.add_get(PATH, every)
    app.router.add_post(PATH, add)
    app.router.add_get(PATH + "/{id:\\d+}", one)
    app.router.add_post(PATH + "/{id:\\d+}/test", test)
    app.router.add_post(PATH + "/{id:\\d+}/active", active)
    app.router.add_post(PATH + "/{id:\\d+}/remove", remove)


async def _page(request: web.Request, status: int = 200, **more: Any) -> web.Response:
    found = await webhooks.list_webhooks(request.app[DEPS].db, request[PERSON].scope)
    context: dict[str, Any] = {"made": None, "message": "", "fields": {}, "url": "", "chosen": (), **more}
    return await show(request, "webhooks.html", status=status, hooks=found["items"], kinds=KINDS, **context)


async def every(request: web.Request) -> web.Response:
    """All of them, and the form for one more."""
    return await _page(request)


async def add(request: web.Request) -> web.Response:
    """One more: shown with its secret, which is never shown again."""
    form = await request.post()
    given = {"url": str(form.get("url", "")).strip(), "kinds": [str(kind) for kind in form.getall("kinds", [])]}
    try:
        made = await webhooks.register(request.app[DEPS].db, request[PERSON].scope, given)
    except (Invalid, Conflict) as error:
        wrong: Mapping[str, str] = error.fields if isinstance(error, Invalid) else {}
        me = viewer(request)
        return await _page(
            request, 422, message=said(me, error), fields=fields_said(me, wrong), url=given["url"],
            chosen=given["kinds"],
        )  # fmt: skip
    return await _page(request, 201, made=made)


async def one(request: web.Request) -> web.Response:
    """One with its last deliveries."""
    db, scope, hook_id = request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]
    hook = await webhooks.get(db, scope, hook_id)
    found = await webhooks.deliveries(db, scope, hook_id)
    return await show(request, "webhook.html", hook=hook, deliveries=found["items"])


async def test(request: web.Request) -> web.Response:
    """Tell it that this is a test."""
    hook_id = request.match_info["id"]
    await webhooks.test(request.app[DEPS].db, request[PERSON].scope, hook_id)
    return go(request, f"{PATH}/{hook_id}")


async def active(request: web.Request) -> web.Response:
    """Switch it on or off."""
    form = await request.post()
    hook_id = request.match_info["id"]
    await webhooks.change(request.app[DEPS].db, request[PERSON].scope, hook_id, {"active": str(form.get("active"))})
    return go(request, f"{PATH}/{hook_id}")


async def remove(request: web.Request) -> web.Response:
    """Forget it."""
    await webhooks.remove(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    return go(request, PATH)
