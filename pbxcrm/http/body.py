"""What comes in: JSON bodies with no field too many, ids, pages, filters. Wrong types are told apart by name.

What a deal or a contact may hold is the service's to say (crm.fields); here is what belongs to HTTP alone.
"""

import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from pbxcrm.http.errors import BadRequest
from pbxcrm.service.errors import Invalid, NotFound

Check = Callable[[Any], Any]

MAX_VERSION = 2**31 - 1
_ID = re.compile(r"[1-9][0-9]{0,17}")
_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")
_LIMIT = re.compile(r"[0-9]{1,9}")


class Wrong(ValueError):  # noqa: N818
    """A value that is not what the field takes; the message says what it takes."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body: how to check it, and whether it must be there."""

    check: Check
    required: bool = False


async def read_json(request: web.Request) -> dict[str, Any]:
    """The body, a JSON object. Raises BadRequest, web.HTTPUnsupportedMediaType, web.HTTPRequestEntityTooLarge."""
    if request.content_type != "application/json" and not request.content_type.endswith("+json"):
        raise web.HTTPUnsupportedMediaType
    raw = await request.read()
    try:
        body = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is no JSON. Nothing was changed.") from error
    if not isinstance(body, dict):
        raise BadRequest("The body is to be a JSON object: {…}. Nothing was changed.")
    return body


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def fields(body: Mapping[str, Any], known: Mapping[str, Field]) -> dict[str, Any]:
    """The checked values of the fields that are there. Raises Invalid, naming every wrong, unknown or missing field."""
    wrong: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, value in body.items():
        field = known.get(name)
        if field is None:
            wrong[name[:80]] = "There is no such field here."
            continue
        try:
            values[name] = field.check(value)
        except Wrong as error:
            wrong[name] = str(error)
    wrong |= {name: "This is needed." for name, field in known.items() if field.required and name not in body}
    if wrong:
        said = "; ".join(f"{name}: {what}" for name, what in wrong.items())
        raise Invalid(f"Nothing was stored. {said}", wrong)
    return values


def take_version(body: dict[str, Any]) -> int:
    """The `version` of a body, taken out of it: the rest are the fields to change. Raises Invalid."""
    given = {"version": body.pop("version")} if "version" in body else {}
    return int(fields(given, {"version": Field(integer(1, MAX_VERSION), required=True)})["version"])


def text(limit: int) -> Check:
    """Text, `limit` long at most; cleaning it is the service's work."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Wrong("This must be text.")
        if len(value) > limit:
            raise Wrong(f"This is too long; {limit} characters fit.")
        return value

    return check


def boolean(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Wrong("This must be true or false.")
    return value


def texts(value: Any) -> dict[str, str]:
    """Texts by name."""
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise Wrong("This must be an object of texts.")
    return value


def integer(low: int, high: int) -> Check:
    """A whole number between these."""

    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Wrong(f"This must be a whole number from {low} to {high}.")
        return value

    return check


def ident(value: Any) -> int:
    """An id of ours in a body: the text that we gave out."""
    if isinstance(value, str) and _ID.fullmatch(value):
        return int(value)
    raise Wrong("This must be an id, as we gave it out.")


def uuid_in_path(request: web.Request) -> str:
    """The id of a call or a dial in the path. What cannot be one is not there: raises NotFound."""
    value = request.match_info["id"]
    if not _UUID.fullmatch(value):
        raise NotFound
    return value


@dataclass(frozen=True, slots=True)
class Page:
    """What a list was asked for; the service checks its values."""

    limit: int | None
    cursor: str | None
    filters: dict[str, str]


async def listing(
    request: web.Request,
    filters: Collection[str],
    read: Callable[[Page], Awaitable[dict[str, Any]]],
    paging: Collection[str] = ("limit", "cursor"),
) -> dict[str, Any]:
    """What `read` gives for the query of this request. Raises BadRequest, naming what is not taken."""
    given: dict[str, str] = {}
    taken = (*paging, *filters)
    for name, value in request.query.items():
        if name in given:
            raise BadRequest(f"{name[:80]}: This is there twice.")
        if name not in taken:
            raise BadRequest(f"{name[:80]}: There is no such parameter here, only: {', '.join(taken)}.")
        given[name] = value
    limit = given.pop("limit", None)
    if limit is not None and not _LIMIT.fullmatch(limit):
        raise BadRequest("limit: This must be a whole number.")
    cursor = given.pop("cursor", None)
    try:
        return await read(Page(int(limit) if limit is not None else None, cursor, given))
    except Invalid as error:
        raise BadRequest(error.message) from error
