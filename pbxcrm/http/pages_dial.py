"""Click-to-call from the pages: one key a click, and the password once more before the first call to a country."""

import time
from typing import Any

from aiohttp import web

from pbxcrm.crm.countries import country_name
from pbxcrm.http.errors import status_of
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.login import proof
from pbxcrm.http.pages_common import fragment, go, refused, show, viewer
from pbxcrm.http.render import part
from pbxcrm.http.said import said
from pbxcrm.service.errors import NewCountry, ServiceError


async def dial_to(request: web.Request, back: str, **target: Any) -> web.Response:
    """Ring my phone, then theirs. Without a key of the click, clicks within some seconds count as one."""
    form = await request.post()
    deps, scope, me = request.app[DEPS], request[PERSON].scope, viewer(request)
    key = str(form.get("key", "")).strip()[:80] or f"{back}:{int(time.time() // 10)}"
    password = str(form["password"]) if "password" in form else None
    try:
        made, _new = await deps.dialler.dial(scope, key=key, prove=proof(request, password), **target)
    except NewCountry as error:
        return await _who_again(request, key, error.country)
    except ServiceError as error:
        if error.code == "wrong_password":
            return await _who_again(request, key, str(form.get("country", "")), said(me, error))
        if fragment(request):
            return refused(request, error, status_of(error))
        raise
    if fragment(request):
        return go(
            request, back, say=me.r.gettext("Your phone rings. Pick it up."), html=part("caller", "dialling", me, made)
        )
    raise web.HTTPSeeOther(f"{back}?dialled" if back.startswith("/deals/") else back)


async def _who_again(request: web.Request, key: str, country: str, wrong: str = "") -> web.Response:
    """The first call to a country: the same click comes back with the password."""
    name = country_name(country, viewer(request).r.locale)
    return await show(
        request,
        "confirm.html",
        status=422,
        here="board",
        action=request.path,
        key=key,
        country=country,
        name=name,
        fields={"password": wrong} if wrong else {},
    )
