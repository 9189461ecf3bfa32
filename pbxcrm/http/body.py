"""What comes in: JSON bodies with no field too many, ids, pages, filters. Wrong types are told apart by name."""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from aiohttp import web

from pbxcrm.http.errors import BadRequest
from pbxcrm.service.errors import Invalid, NotFound

T = TypeVar("T")
Check = Callable[[Any], Any]

MAX_LIMIT, LIMIT = 200, 50
MAX_ID = 2**63 - 1
MAX_VERSION = 2**31 - 1
_ID = re.compile(r"[1-9][0-9]{0,18}")
_CALL_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CURSOR = re.compile(r"[A-Za-z0-9_\-=.:~]{1,200}")


class Wrong(ValueError):
    """A value that is not what the field takes; the message says what it takes."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body: how to check it, whether it must be there, whether null may stand for "none"."""

    check: Check
    required: bool = False
    null: bool = False


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
            wrong[name[:80].encode("utf-8", "replace").decode()] = "there is no such field"
        elif value is None and field.null:
            values[name] = None
        else:
            try:
                values[name] = field.check(value)
            except Wrong as error:
                wrong[name] = str(error)
    wrong |= {name: "is missing" for name, field in known.items() if field.required and name not in body}
    if wrong:
        first, what = next(iter(wrong.items()))
        raise Invalid(f"{first}: {what}. Nothing was changed.", wrong)
    return values


def text(limit: int, *, lines: bool = False, empty: bool = True) -> Check:
    """Text without control characters, `limit` long at most; `lines`: may be of several lines."""

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise Wrong("takes text")
        if len(value) > limit:
            raise Wrong(f"has {limit} characters at most")
        if any(unicodedata.category(c) in ("Cc", "Cs") and not (lines and c in "\n\t\r") for c in value):
            raise Wrong("takes text without control characters")
        if not empty and not value.strip():
            raise Wrong("may not be empty")
        return value.strip()

    return check


def integer(low: int, high: int) -> Check:
    """A whole number between these."""

    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise Wrong(f"takes a whole number from {low} to {high}")
        return value

    return check


def ident(value: Any) -> int:
    """An id of ours in a body: the text that we gave out."""
    if isinstance(value, str) and (found := _number(value)) is not None:
        return found
    raise Wrong("takes an id, as we gave it out")


def moment(value: Any) -> float:
    """A time, ISO 8601 with its zone, to epoch seconds."""
    if isinstance(value, str) and 10 < len(value) < 40:
        try:
            at = datetime.fromisoformat(value)
            if at.tzinfo is not None and 1970 < at.year < 9999:
                return at.timestamp()
        except (ValueError, OverflowError):
            pass
    raise Wrong("takes a time as 2026-11-18T09:30:00Z")


def list_of(check: Check, most: int) -> Check:
    """A list of at most `most` of these."""

    def check_all(value: Any) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise Wrong(f"takes a list of {most} at most")
        return [check(v) for v in value]

    return check_all


def one_of(*names: str) -> Check:
    """One of these words."""

    def check(value: Any) -> str:
        if value not in names or not isinstance(value, str):
            raise Wrong("takes one of: " + ", ".join(names))
        return value

    return check


def decimal(value: Any) -> str:
    """Money as a decimal string; the service knows the currency and reads it."""
    if not isinstance(value, str) or not 0 < len(value) <= 30:
        raise Wrong('takes money as text, as "1250.00"')
    return value


def _number(value: str) -> int | None:
    return int(value) if _ID.fullmatch(value) and int(value) <= MAX_ID else None


def path_id(request: web.Request, what: str) -> int:
    """The id in the path. What cannot be an id is not there: raises NotFound."""
    found = _number(request.match_info["id"])
    if found is None:
        raise NotFound(f"There is no such {what}, or it is not yours.")
    return found


def path_call_id(request: web.Request) -> str:
    """The call's id in the path; raises NotFound."""
    value = request.match_info["id"]
    if not _CALL_ID.fullmatch(value):
        raise NotFound("There is no such call, or it is not yours.")
    return value


def query(request: web.Request, filters: Mapping[str, Check]) -> tuple[int, str | None, dict[str, Any]]:
    """(limit, cursor, filters) of a list. Raises BadRequest, naming what it does not take."""
    seen: dict[str, Any] = {}
    limit, cursor = LIMIT, None
    for name, value in request.query.items():
        if name in seen:
            raise BadRequest(f"{name}: is there twice.")
        seen[name] = value
        if name == "limit":
            if not re.fullmatch(r"[0-9]{1,3}", value, re.ASCII) or not 1 <= int(value) <= MAX_LIMIT:
                raise BadRequest(f"limit: takes a whole number from 1 to {MAX_LIMIT}.")
            limit = int(value)
        elif name == "cursor":
            if not _CURSOR.fullmatch(value):
                raise BadRequest("cursor: takes `next` of the page before, as it came.")
            cursor = value
        elif name not in filters:
            raise BadRequest(f"{name[:80]}: there is no such filter. There are: limit, cursor, {', '.join(filters)}.")
    wanted = {}
    for name in filters.keys() & seen.keys():
        try:
            wanted[name] = filters[name](seen[name])
        except Wrong as error:
            raise BadRequest(f"{name}: {error}.") from error
    return limit, cursor, wanted
