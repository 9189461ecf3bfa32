"""The house's own fields on the pages of things: what their inputs hold, and what was typed into them."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from pbxcrm.crm import custom
from pbxcrm.crm.custom import Field, flat
from pbxcrm.http.keys import DEPS, PERSON
from pbxcrm.http.pages_common import shown_day, typed_day, viewer
from pbxcrm.http.render import Viewer
from pbxcrm.service import custom_fields


async def fields_of(request: web.Request, thing: str) -> list[Field]:
    """The fields of a thing, as its page shows them."""
    return await custom_fields.fields(request.app[DEPS].db, request[PERSON].scope, thing)


def names(fields: Iterable[Field]) -> list[str]:
    """What their inputs are called."""
    return [f"custom.{field.key}" for field in fields]


def filled(me: Viewer, fields: Iterable[Field], values: Mapping[str, Any]) -> dict[str, str]:
    """What their inputs hold; days in the reader's own calendar."""
    return {name: str(value) for name, value in flat({f.key: _input(me, f, values) for f in fields}).items()}


def _input(me: Viewer, field: Field, values: Mapping[str, Any]) -> str:
    if field.key not in values:
        return ""
    value = values[field.key]
    return shown_day(me, value) if field.type == "date" else custom.text(value)


async def typed(request: web.Request, thing: str, form: Mapping[str, Any]) -> dict[str, str]:
    """What was typed, {key: text}, of the fields that the form has; days as 2026-12-31."""
    me, found = viewer(request), dict[str, str]()
    for field in await fields_of(request, thing):
        if (name := f"custom.{field.key}") in form:
            said = str(form[name]).strip()
            found[field.key] = typed_day(me, said) if field.type == "date" else said
    return found


async def again(request: web.Request, thing: str, form: Mapping[str, Any]) -> dict[str, str]:
    """The inputs as they were typed, for a form that comes back."""
    return {name: str(form.get(name, "")).strip() for name in names(await fields_of(request, thing))}
