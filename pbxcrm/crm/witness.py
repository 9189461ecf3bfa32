"""Two accounts of one call: ours, followed as it happened, and what the PBX wrote down of it. Where do they differ?

Pure. Internal calls are not compared: nobody owns anything by them, and CDR tells of codes and rooms as it likes.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, Protocol

from pbxcrm.calls.model import Call

Source = Literal["cel", "cdr"]
FIELDS = ("outcome", "first_answered_by", "last_answered_by", "talk_seconds")
# A call that was mended, while the deal that it made stays with whom a person left it to.
OWNER = "owner"

_TOLERANCE = 2.0  # seconds of talk: clocks are read at different moments, and CDR counts whole ones
_SHARE = 0.02  # of a long talk


class Told(Protocol):
    """A call as it is stored."""

    @property
    def direction(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def first_answered_by(self) -> str | None: ...
    @property
    def last_answered_by(self) -> str | None: ...
    @property
    def talk_seconds(self) -> float: ...


def differences(ours: Told, theirs: Call, source: Source) -> tuple[str, ...]:
    """The names of the fields in which they differ, of FIELDS; none for an internal call."""
    if "internal" in (ours.direction, theirs.direction):
        return ()
    tangled = source == "cdr" and _tangled(theirs)
    differ = {
        "outcome": not _same_outcome(ours.outcome, theirs.outcome, source),
        "first_answered_by": ours.first_answered_by != theirs.first_answered_by,
        "last_answered_by": not tangled and ours.last_answered_by != theirs.last_answered_by,
        "talk_seconds": not tangled and not _same_talk(ours.talk_seconds, theirs, source),
    }
    return tuple(name for name in FIELDS if differ[name])


def _tangled(call: Call) -> bool:
    """Passed on more than once, or two of ours talked at once: CDR does not say who was the last, and how long."""
    talks = sorted(call.talks, key=lambda talk: talk.start)
    over = (call.ended_at or call.started_at) + 1
    return len(talks) > 2 or any((a.end or over) > b.start for a, b in pairwise(talks))


def _same_outcome(ours: str, theirs: str, source: Source) -> bool:
    if source == "cel":
        return ours == theirs
    # CDR does not say how nobody came to answer: declined and missed, abandoned and given up are alike to it.
    return (ours == "answered") == (theirs == "answered")


def _same_talk(ours: float, theirs: Call, source: Source) -> bool:
    slack = max(_TOLERANCE, ours * _SHARE)
    if abs(ours - theirs.talk_seconds) <= slack:
        return True
    # CDR counts a queue's waiting as talk: no longer than the call itself, and no shorter than the talk.
    whole = (theirs.ended_at or theirs.started_at) - theirs.started_at
    return source == "cdr" and 0 < ours <= theirs.talk_seconds + slack and theirs.talk_seconds <= whole + slack


def believed(fields: Sequence[str]) -> str:
    """Whose account is shown. What was seen live is believed, where it saw everything; a gap was mended."""
    return "theirs" if OWNER in fields else "ours"


def why(fields: Sequence[str], source: Source) -> str:
    """Why that account is shown, as a key for words: the pages say it in the reader's language."""
    if OWNER in fields:
        return OWNER
    return f"{source}_talk" if list(fields) == ["talk_seconds"] else source
