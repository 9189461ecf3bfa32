"""What a posted form says."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from pbxcrm.crm.views import iso
from pbxcrm.http.render import Viewer, full_name
from pbxcrm.service.errors import Conflict, Invalid


def entry(form: Mapping[str, Any], name: str) -> str:
    """What was typed into a field, "" without it."""
    return str(form.get(name, "")).strip()


def version_of(form: Mapping[str, Any]) -> int:
    """The version of the thing that the form was opened on; 0, which fits none, where it is no number."""
    text = entry(form, "version")
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def moment(me: Viewer, given: Mapping[str, str]) -> str | None:
    """The next contact as a person wrote its day and hour (next_day, next_hour). Raises Invalid."""
    try:
        return iso(me.r.moment(given["next_day"], given["next_hour"]))
    except (ValueError, OverflowError):
        example = "1405/01/15" if me.r.calendar == "jalali" else "2026-04-15"
        text = me.r.gettext("This is no day; write it like %(example)s.", example=me.r.digits(example))
        raise Invalid(text, {"next_contact_at": text}) from None


def opened(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in a form that is opened on what is stored.

    Its field `was` tells of each other field what stood there, by a sum that is short however long the text.
    """
    return {**stored, "was": " ".join(f"{name}:{_sum(value)}" for name, value in stored.items()), "kept": ""}


def typed_again(
    form: Mapping[str, Any], typed: Mapping[str, Any], stored: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What stands in a form that comes back unsaved: what was typed, refused for what is wrong with it.

    With `stored`, what is stored by now, for somebody else was faster: only what the writer changed lies over it. Saved
    again, it changes what they meant to change and takes nothing back of what the other one did.

    `kept` names the fields that were changed since the form was `opened`; where that is not known, all that were typed.
    """
    before = dict(one.rsplit(":", 1) for one in entry(form, "was").split() if ":" in one)
    mine = {name: value for name, value in typed.items() if _changed(form, before, name, value)}
    if stored is None:
        return {**typed, "was": entry(form, "was"), "kept": " ".join(mine)}
    return {**opened(stored), **mine, "kept": " ".join(mine)}


def _changed(form: Mapping[str, Any], before: Mapping[str, str], name: str, value: Any) -> bool:
    if name not in form and value == "":
        return False  # the form has no such field
    return before.get(name) != _sum(value)


def _sum(value: Any) -> str:
    """Of a field's value; a browser sends lines with CR LF."""
    plain = "\n".join(line.rstrip() for line in value.split("\n")).strip() if isinstance(value, str) else value
    return f"{crc32(repr(plain).encode('utf-8', 'replace')):08x}"


def late(me: Viewer, error: Conflict) -> str:
    """Said above a form that comes back for that reason."""
    if error.by:
        return me.r.gettext(
            "%(name)s was faster. Nothing of yours is saved yet: what you changed still stands here, all else is as it "
            "is stored now. Look, then save again.",
            name=full_name(error.by),
        )
    return me.r.gettext(
        "Somebody else was faster. Nothing of yours is saved yet: what you changed still stands here, all else is as "
        "it is stored now. Look, then save again."
    )
