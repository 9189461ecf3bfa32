"""REST: webhooks. For managers; for agents there are none."""

from aiohttp import web

from pbxcrm.http.body import read_json
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.service import webhooks


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_get(prefix + "/webhooks", list_webhooks)
    app.router.add_post(prefix + "/webhooks", register)
    app.router.add_get(prefix + "/webhooks/{id}", get)
    app.router.add_patch(prefix + "/webhooks/{id}", change)
    app.router.add_delete(prefix + "/webhooks/{id}", remove)
    app.router.add_post(prefix + "/webhooks/{id}/test", test)
    app.router.add_get(prefix + "/webhooks/{id}/deliveries", deliveries)


async def list_webhooks(request: web.Request) -> web.Response:
    """GET /webhooks."""
    return json_response(await webhooks.list_webhooks(request.app[DEPS].db, request[PERSON].scope))


async def register(request: web.Request) -> web.Response:
    """POST /webhooks {url, kinds, secret?}: the answer alone shows the secret."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    made = await webhooks.register(db, scope, await read_json(request))
    return json_response(made, 201, {"Location": f"/api/v1/webhooks/{made['id']}"})


async def get(request: web.Request) -> web.Response:
    """GET /webhooks/{id}."""
    return json_response(await webhooks.get(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]))


async def change(request: web.Request) -> web.Response:
    """PATCH /webhooks/{id} {url?, kinds?, active?}."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await webhooks.change(db, scope, request.match_info["id"], await read_json(request)))


async def remove(request: web.Request) -> web.Response:
    """DELETE /webhooks/{id}."""
    await webhooks.remove(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"])
    return web.Response(status=204)


async def test(request: web.Request) -> web.Response:
    """POST /webhooks/{id}/test: it is told `webhook.test`, in its turn."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await webhooks.test(db, scope, request.match_info["id"]), 202)


async def deliveries(request: web.Request) -> web.Response:
    """GET /webhooks/{id}/deliveries: the last ones, the newest first."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    return json_response(await webhooks.deliveries(db, scope, request.match_info["id"]))
