"""Fields of the house's own, for administrators: what it keeps of its things beside the rest."""

from collections.abc import Mapping

from aiohttp import web

from pbxcrm.crm import custom
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import go, show, viewer
from pbxcrm.http.said import fields as fields_said
from pbxcrm.service import custom_fields, lead_settings
from pbxcrm.service.errors import Invalid

ALL = "/settings/fields"
_EMPTY = {"name": "", "type": "text", "choices": ""}


def setup(app: web.Application) -> None:
    """Add the routes."""
    one = ALL + "/{id:\\d+}"
    app.router.add_get(ALL, every)
    app.router.add_post(ALL, add)
    app.router.add_post(one, change)
    app.router.add_post(one + "/shift", shift)
    app.router.add_post(one + "/retire", retire)


async def every(request: web.Request) -> web.Response:
    """The fields of one thing, and a new one."""
    return await _every(request, request.query.get("thing", ""))


async def _every(
    request: web.Request,
    thing: str,
    form: Mapping[str, str] | None = None,
    fields: Mapping[str, str] | None = None,
    at: str = "",
) -> web.Response:
    """`form` and `fields` (what is wrong) are of the field `at`, or of a new one."""
    db, scope = request.app[DEPS].db, request[PERSON].scope
    found = await custom_fields.fields(db, scope, retired=True)
    things = [one for one in custom.THINGS if one != "lead" or await lead_settings.used(db)]
    here = thing if thing in things else things[0]
    mine = [one for one in found if one.thing == here]
    return await show(
        request,
        "fields.html",
        status=422 if fields else 200,
        things=[(one, sum(f.thing == one and not f.retired for f in found)) for one in things],
        thing=here,
        used=[one for one in mine if not one.retired],
        retired=[one for one in mine if one.retired],
        types=custom.TYPES,
        room=len(mine) < custom.MOST,
        longest=custom.LONGEST_NAME,
        form=form or _EMPTY,
        fields=fields or {},
        at=at,
        notice=viewer(request).r.gettext("Saved.") if "saved" in request.query else "",
    )


async def _form(request: web.Request) -> dict[str, str]:
    return {name: str(value).strip() for name, value in (await request.post()).items()}


def _back(request: web.Request, thing: str) -> web.Response:
    return go(request, f"{ALL}?thing={thing}&saved")


async def add(request: web.Request) -> web.Response:
    """A new field."""
    form = await _form(request)
    given = {name: form.get(name, "") for name in ("thing", "name", "type", "choices")}
    try:
        made = await custom_fields.create(request.app[DEPS].db, request[PERSON].scope, given)
    except Invalid as error:
        return await _every(request, given["thing"], given, fields_said(viewer(request), error.fields))
    return _back(request, made["thing"])


async def change(request: web.Request) -> web.Response:
    """Another name, other choices."""
    form = await _form(request)
    return await _change(request, {name: form[name] for name in ("name", "choices") if name in form})


async def retire(request: web.Request) -> web.Response:
    """Hide it with its values, or bring both back."""
    return await _change(request, {"retired": (await _form(request)).get("retired") == "1"})


async def _change(request: web.Request, given: Mapping[str, object]) -> web.Response:
    db, scope, wanted = request.app[DEPS].db, request[PERSON].scope, request.match_info["id"]
    try:
        made = await custom_fields.change(db, scope, wanted, given)
    except Invalid as error:
        every_one = await custom_fields.fields(db, scope, retired=True)
        field = next(one for one in every_one if str(one.id) == wanted)
        typed = {"name": str(given.get("name", field.name)), "choices": str(given.get("choices", ""))}
        return await _every(request, field.thing, typed, fields_said(viewer(request), error.fields), wanted)
    return _back(request, made["thing"])


async def shift(request: web.Request) -> web.Response:
    """A place up or down."""
    by = -1 if (await _form(request)).get("by") == "-1" else 1
    thing = await custom_fields.shift(request.app[DEPS].db, request[PERSON].scope, request.match_info["id"], by)
    return _back(request, thing)
