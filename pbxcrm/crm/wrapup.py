"""Wrap-up: what a person says of a call once they have talked: a closed vocabulary, and which card it is about.

Pure. A call is its view as everybody has it (crm/views.py), with `wrapped_by` beside it.
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from pbxcrm.crm.fields import BadFields, WrongError, ident_or_none, line, long_text, moment_or_none, parse, truth
from pbxcrm.crm.views import View, epoch, iso

Call = Mapping[str, object]

# In the order of the card's keys 1 to 6.
OUTCOMES = ("agreed", "again", "info", "not_interested", "no_decider", "wrong_number")
MOST_TAGS, LONGEST_TAG = 10, 40


class Said(TypedDict, total=False):
    """What came of a call. `next_contact_at`: epoch seconds; `not_a_lead`: the deal is lost, for that reason."""

    outcome: str
    note: str
    tags: list[str]
    next_contact_at: float | None
    deal_id: int | None
    not_a_lead: bool


def said(given: Mapping[str, object]) -> Said:
    """What a person gave, checked. Raises BadFields."""
    parsed: Said = {}
    parsed.update(parse(given, _KNOWN))  # type: ignore[typeddict-item]
    if parsed.get("not_a_lead") and parsed.get("next_contact_at") is not None:
        raise BadFields({"next_contact_at": "Who is not a lead is not contacted again; say one of the two."})
    return parsed


def _outcome(value: object) -> str:
    if value in ("", None) or value in OUTCOMES:
        return str(value or "")
    raise WrongError(f"This must be one of {', '.join(OUTCOMES)}.")


def tags(value: object) -> list[str]:
    """Tags, each once, from a list or from one line with commas (Arabic ones too)."""
    if isinstance(value, str):
        value = value.replace("،", ",").split(",")
    if not isinstance(value, list):
        raise WrongError("This must be a list of tags.")
    found = list(dict.fromkeys(text for text in (line(one) for one in value) if text))
    if len(found) > MOST_TAGS:
        raise WrongError(f"At most {MOST_TAGS} tags fit.")
    if any(len(one) > LONGEST_TAG or "," in one for one in found):
        raise WrongError(f"A tag is one word or a few: {LONGEST_TAG} characters without a comma.")
    return found


_KNOWN = {
    "outcome": _outcome,
    "note": long_text,
    "tags": tags,
    "next_contact_at": moment_or_none,
    "deal_id": ident_or_none,
    "not_a_lead": truth,
}


def spell(name: str, call: Call) -> str:
    """Which part of a call this person's card is about: "t" and when their last talk began, "r" and the same while
    their phone rings (once more).

    Put away is a spell, not a call: who is given the call again has a card again. The times are the PBX's own, so no
    clock of ours is compared with its.
    """
    return ("r" if name in _names(call, "ringing") else "t") + began(name, call)


def began(name: str, call: Call) -> str:
    """When this person's last talk in a call began (ISO 8601), "" where they did not talk."""
    talks = call["talks"]
    if not isinstance(talks, list):
        return ""
    return next((str(talk["from"]) for talk in reversed(talks) if talk["user"] == name), "")


def _names(call: Call, key: str) -> Sequence[object]:
    found = call.get(key)
    return found if isinstance(found, list | tuple) else ()


def concerns(name: str, call: Call) -> bool:
    """Whether this person's card of the call is up: it rings, or they talk, or have talked and not finished with it."""
    if call["direction"] == "internal":
        return False
    if name in _names(call, "ringing"):
        return True
    return name not in _names(call, "wrapped_by") and (name in _names(call, "talking") or bool(began(name, call)))


def finished(call: Call, rows: Mapping[str, float]) -> list[str]:
    """Who has said all of their last talk in this call. `rows`: {name: when the talk began of which they said it}."""
    return [name for name, at in rows.items() if (start := began(name, call)) and at >= epoch(start)]


class WrapupRow(TypedDict):
    """A row of `wrapups` with its person's name."""

    by: str
    done_at: float | None
    outcome: str
    note: str
    tags: str


def view(row: WrapupRow) -> View:
    """One person's wrap-up as everybody sees it: {by, at, outcome, note, tags}."""
    return {
        "by": row["by"],
        "at": iso(row["done_at"]),
        "outcome": row["outcome"],
        "note": row["note"],
        "tags": split(row["tags"]),
    }


def split(tags: str) -> list[str]:
    """Tags as they are stored."""
    return [one for one in tags.split(",") if one]
