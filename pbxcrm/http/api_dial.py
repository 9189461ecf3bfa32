"""REST: click-to-call."""

from aiohttp import web

from pbxcrm.crm.countries import country_name
from pbxcrm.http.body import Field, fields, ident, read_json, text, uuid_in_path
from pbxcrm.http.errors import json_response
from pbxcrm.http.keys import BY_TOKEN, DEPS, PERSON
from pbxcrm.http.login import proof
from pbxcrm.service.errors import Invalid, NewCountry

_DIAL = {"deal_id": Field(ident), "contact_id": Field(ident), "number": Field(text(60)), "password": Field(text(1024))}


def setup(app: web.Application, prefix: str) -> None:
    """Add the routes."""
    app.router.add_post(prefix + "/dial", dial)
    app.router.add_get(prefix + "/dial/{id}", get)


async def dial(request: web.Request) -> web.Response:
    """POST /dial {deal_id|contact_id|number, password?}, Idempotency-Key: 202 asked now, 200 asked before."""
    keys = request.headers.getall("Idempotency-Key", [])
    if len(keys) != 1:
        raise Invalid(
            "Idempotency-Key: send this header once, a new value a click. Nothing was dialled.",
            {"Idempotency-Key": "This is needed, once."},
        )
    given = fields(await read_json(request), _DIAL)
    prove = proof(request, given.pop("password", None))
    try:
        view, asked = await request.app[DEPS].dialler.dial(request[PERSON].scope, key=keys[0], prove=prove, **given)
    except NewCountry as error:
        raise _on_page(error) if request[BY_TOKEN] else error from None
    return json_response(view, 202 if asked else 200)


def _on_page(error: NewCountry) -> NewCountry:
    return NewCountry(
        f"Nobody here has called {country_name(error.country)} yet, so nothing was dialled. A token cannot confirm a "
        "new country: call there once from the pages, or by phone; an administrator switches this off with "
        "PBXCRM_DIAL_CONFIRM=no.",
        country=error.country,
        code="confirm_on_page",
    )


async def get(request: web.Request) -> web.Response:
    """GET /dial/{id}: how it went."""
    return json_response(await request.app[DEPS].dialler.get(request[PERSON].scope, uuid_in_path(request)))
