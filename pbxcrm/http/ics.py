"""Promises as iCalendar (RFC 5545), for calendar programs to read. Pure: text out.

Every text goes through `_text`, every line through `_line`: nothing that a caller or a colleague wrote can end a line,
so none can add a property or an event. No notes, and a number only where there is no name: a calendar program may live
at somebody else's.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pbxcrm.crm.views import epoch
from pbxcrm.http.labels import Labels
from pbxcrm.http.render import Viewer
from pbxcrm.service.day import Promise

SHORT, MEETING = 15 * 60.0, 3600.0  # seconds that something without an end takes
FOLD = 75  # octets of a line, its end apart
REFRESH = "PT15M"


def feed(me: Viewer, items: Sequence[Promise], now: float, home: str) -> str:
    """The whole calendar; `home` is where pbxcrm is found, like https://crm.example."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//pbxcrm//pbxcrm//EN",
        "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{_text(f'pbxcrm: {me.full_name}')}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}",
        f"X-PUBLISHED-TTL:{REFRESH}",
        *(line for one in items for line in _event(me, one, now, home)),
        "END:VCALENDAR",
    ]
    return "".join(_line(line) for line in lines)


def _event(me: Viewer, one: Promise, now: float, home: str) -> Iterator[str]:
    kind, thing = _thing(one)
    task = one.task or {}
    meeting = task.get("kind") == "meeting"
    ends = epoch(task["ends_at"]) if task.get("ends_at") else one.at + (MEETING if meeting else SHORT)
    yield "BEGIN:VEVENT"
    # The moment it was made tells it from one of the same number in another house.
    yield f"UID:{kind}-{thing['id']}-{round(epoch(thing['created_at']) * 1000)}@pbxcrm"
    yield f"DTSTAMP:{_utc(now)}"
    yield f"SEQUENCE:{thing['version']}"
    yield f"DTSTART:{_utc(one.at)}"
    yield f"DTEND:{_utc(ends)}"
    yield f"SUMMARY:{_text(_summary(me, one))}"
    if task.get("place"):
        yield f"LOCATION:{_text(task['place'])}"
    if about := _about(one):
        yield f"DESCRIPTION:{_text(about)}"
    yield f"URL:{home}/{kind}s/{thing['id']}"
    yield f"TRANSP:{'OPAQUE' if meeting else 'TRANSPARENT'}"
    if task.get("remind_at"):
        yield from ("BEGIN:VALARM", "ACTION:DISPLAY", f"DESCRIPTION:{_text(_summary(me, one))}")
        yield f"TRIGGER;VALUE=DATE-TIME:{_utc(epoch(task['remind_at']))}"
        yield "END:VALARM"
    yield "END:VEVENT"


def _thing(one: Promise) -> tuple[str, dict[str, Any]]:
    found = (("task", one.task), ("deal", one.deal), ("lead", one.lead))
    return next((kind, thing) for kind, thing in found if thing is not None)


def _summary(me: Viewer, one: Promise) -> str:
    if one.task is not None:
        return f"{Labels(me.r.locale).task(one.task['kind'])}: {one.task['title']}"
    name = one.deal["title"] if one.deal else one.lead["name"] or one.lead["company"] if one.lead else ""
    return f"{me.r.gettext('Next contact')}: {name or me.r.gettext('Without a name')}"


def _about(one: Promise) -> str:
    """Whom it is with."""
    thing = one.task or one.deal or one.lead or {}
    names = (thing.get("contact_name"), thing.get("company"))
    return " · ".join(name for name in names if name)


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(value: str) -> str:
    """A value of type TEXT: what has a meaning is escaped, line ends too, other control characters are blanks."""
    value = "\n".join(value.splitlines())
    clean = "".join(c if c == "\n" or c.isprintable() or _joins(c) else " " for c in value)
    for char, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        clean = clean.replace(char, escaped)
    return clean


def _joins(char: str) -> bool:
    """Letters of Persian and Arabic are joined or kept apart by characters that are not seen."""
    return char in "\u200c\u200d\u200e\u200f"


def _line(line: str) -> str:
    """A line as it is sent: cut after 75 octets at most, between characters; each further part begins with a blank."""
    parts, size = [""], 0
    for char in line:
        size += len(char.encode("utf-8", "replace"))
        if size > FOLD:
            parts.append(" ")
            size = 1 + len(char.encode("utf-8", "replace"))
        parts[-1] += char
    return "\r\n".join(parts) + "\r\n"
