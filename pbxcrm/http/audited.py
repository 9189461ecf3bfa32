"""What the audit log keeps, as a person reads it: fields by their names, times, money and people as everywhere."""

import re
from collections.abc import Mapping
from typing import Any

from pbxcrm.http.i18n import LOCALES, phone
from pbxcrm.http.labels import (
    CHOICES,
    DETAILS,
    DIRECTIONS,
    EVENTS,
    MET,
    N_,
    OUTCOMES,
    RELATED,
    RELATIONS,
    ROLES,
    SAY,
    TASKS,
    Labels,
)
from pbxcrm.http.render import Viewer, full_name
from pbxcrm.http.said import BY_CODE

FIELDS = {
    "title": N_("Title"),
    "name": N_("Name"),
    "company": N_("Company"),
    "email": N_("E-mail"),
    "number": N_("Number"),
    "numbers": N_("Numbers"),
    "note": N_("Note"),
    "stage": N_("Stage"),
    "stage_name": N_("Stage"),
    "pipeline": N_("Pipeline"),
    "owner": N_("Owner"),
    "owner_name": N_("Owner"),
    "user": N_("Who"),
    "value": N_("Value"),
    "currency": N_("Currency"),
    "source": N_("Source"),
    "priority": N_("Priority"),
    "next_contact_at": N_("Next contact"),
    "close_reason": N_("Reason"),
    "why": N_("Reason"),
    "kind": N_("Kind"),
    "due_at": N_("Due"),
    "ends_at": N_("Ends"),
    "remind_at": N_("Reminder"),
    "place": N_("Place"),
    "result": N_("What came of it"),
    "user_name": N_("Who"),
    "contact_id": N_("Customer"),
    "deal_id": N_("Deal"),
    "open": N_("Open"),
    "q": N_("Search"),
    "did": N_("Dialled number"),
    "direction": N_("Direction"),
    "outcome": N_("Outcome"),
    "since": N_("From"),
    "until": N_("Until"),
    "role": N_("Role"),
    "team": N_("Team"),
    "active": N_("Active"),
    "operator": N_("Operator"),
    "password": N_("Password"),
    "device": N_("Phone"),
    "token": N_("Token"),
    "tokens": N_("Tokens"),
    "locale": N_("Language"),
    "calendar": N_("Calendar"),
    "time_zone": N_("Time zone"),
    "feed": N_("Calendar's address"),
    "host": N_("Address"),
    "kinds": N_("Events"),
    "deals": N_("Deals"),
    "calls": N_("Calls"),
    "tasks": N_("Tasks"),
    "dials": N_("Clicks to call"),
    "journal": N_("Journal"),
    "audit": N_("Audit log"),
    "recordings": N_("Recordings"),
    "job_title": N_("Job title"),
    "city": N_("City"),
    "extension": N_("Extension"),
    "birth_date": N_("Date of birth"),
    "emails": N_("Further e-mails"),
    "tags": N_("Tags"),
    "relation": N_("Relation"),
    "site": N_("Website"),
    "address": N_("Address"),
    "company_id": N_("Company"),
    "say": N_("Role"),
    "related": N_("Relation"),
    "addresses": N_("Postal addresses"),
    "sites": N_("Websites"),
    "socials": N_("Social networks"),
    "first_contact_by": N_("First contact by"),
    "into": N_("Merged into"),
    "score_rule": N_("Score rule"),
    "imports": N_("Import"),
    "documents": N_("Documents"),
    "total": N_("Total"),
    "send_on": N_("To be sent on"),
    "valid_until": N_("Valid until"),
    "shared": N_("to learn from"),
    "item": N_("Done"),
    "what": N_("What"),
    "advice": N_("What a seller should know here"),
    "guidance": N_("Checklist, a line a thing to do"),
    "form": N_("Fields shown first on the deal"),
    "choices": N_("Choices"),
    **DETAILS,
}
_NAMED = {
    "role": ROLES,
    "relation": RELATIONS,
    "say": SAY,
    "related": {kind: there for kind, (there, _) in RELATED.items()},
    "first_contact_by": MET,
    **dict.fromkeys(("budget", "urgency", "contact_by"), CHOICES),
    "outcome": OUTCOMES,
    "direction": DIRECTIONS,
    "why": BY_CODE,
    "kind": TASKS,
    "calendar": {"gregorian": N_("Gregorian"), "jalali": N_("Jalali")},
}
_PEOPLE = frozenset({"owner", "owner_name", "user", "user_name"})
_FIXED = frozenset({"stage_name", "pipeline", "close_reason"})
_DAYS = frozenset({"birth_date", "expected_close"})
_HOUSE = "custom."  # the house's own fields
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIMES = frozenset({"next_contact_at", "since", "until", "due_at", "ends_at", "remind_at"})

# The field's name, what it was, what it is; both None where the old and the new are nobody's business (a password).
Change = tuple[str, str | None, str | None]


def changes(me: Viewer, said: Mapping[str, list[Any]]) -> list[Change]:
    """The changes of one entry, in this person's words."""
    return [(_field(me, field), _value(me, field, old), _value(me, field, new)) for field, (old, new) in said.items()]


def _field(me: Viewer, field: str) -> str:
    known = FIELDS.get(field)
    if field.startswith(_HOUSE):  # by its key: the entry may be older than the name
        return field.removeprefix(_HOUSE).replace("_", " ").capitalize()
    return me.r.gettext(known) if known else field.replace("_", " ")


def _value(me: Viewer, field: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return me.r.gettext("yes") if value else me.r.gettext("no")
    if isinstance(value, list):
        return ", ".join(_value(me, field, one) or "" for one in value)
    if field == "priority":
        return Labels(me.r.locale).priority(value)
    if isinstance(value, (int, float)):
        return me.r.digits(str(value))
    return _text(me, field, str(value))


def _text(me: Viewer, field: str, text: str) -> str:
    try:
        if field in _TIMES:
            return me.r.full(text)
        if field in _DAYS or (field.startswith(_HOUSE) and _DAY.fullmatch(text)):
            return me.r.date_field(me.r.noon(text))
        if field in ("value", "total") and " " in text:
            return me.r.money(*text.split(" ", 1))
    except (ValueError, ArithmeticError):
        return text
    if field in _NAMED:
        return me.r.gettext(_NAMED[field][text]) if text in _NAMED[field] else text
    if field in _PEOPLE:
        return full_name(text)
    if field in _FIXED:
        return Labels(me.r.locale).fixed(text)
    if field == "kinds":
        return ", ".join(me.r.gettext(EVENTS[one]) if one in EVENTS else one for one in text.split(","))
    if field == "locale":
        return LOCALES.get(text, text)
    return phone(text) if field in ("number", "numbers") else text
