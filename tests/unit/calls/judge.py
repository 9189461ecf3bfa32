"""What the tracker says beside the truth: every difference, in words."""

from collections.abc import Iterable

from pbxcrm.calls import events
from pbxcrm.calls.model import Call
from pbxcrm.calls.tracker import Tracker
from tests.unit.calls.office import tracker as new_tracker
from tests.unit.calls.story import Spell, Truth
from tests.unit.calls.wire import Frame

TOLERANCE = 0.06  # seconds: Local channels that optimise themselves away take their time


def tell(frames: Iterable[Frame], tracker: Tracker | None = None) -> list[Call]:
    """Every call of these events, in order of start."""
    tracker = tracker or new_tracker()
    found: dict[str, Call] = {}
    for frame in frames:
        event = events.read(frame.mapping(), frame.at)
        if event is not None:
            for fact in tracker.feed(event):
                found[fact.call.id] = fact.call
    for live in tracker.lives():
        call = live.snapshot()
        found[call.id] = call
    return sorted(found.values(), key=lambda call: call.started_at)


def differences(found: list[Call], truths: list[Truth]) -> list[str]:
    """[] where the calls are what the truth says."""
    problems: list[str] = []
    rest = list(found)
    for truth in sorted(truths, key=lambda t: not t.sure):
        match = min(
            (c for c in rest if _alike(c, truth)), key=lambda c: abs(c.started_at - truth.started_at), default=None
        )
        if match is not None:
            rest.remove(match)
            problems += _compare(match, truth)
        elif truth.sure:
            problems.append(f"no {truth.direction} call with {truth.number}: {[_name(c) for c in found]}")
    problems += [f"one call too many: {_name(call)}, talks {call.talks}" for call in rest]
    return problems


def _alike(call: Call, truth: Truth) -> bool:
    return (
        call.direction == truth.direction
        and call.number == truth.number
        and abs(call.started_at - truth.started_at) < 1
    )


def _name(call: Call) -> str:
    return f"{call.direction} {call.number} at {call.started_at:.3f} {call.outcome}"


def _compare(call: Call, truth: Truth) -> list[str]:
    if not truth.sure:
        return []
    pairs: list[tuple[str, object, object]] = [
        ("did", call.did, truth.did),
        ("talks", _spells(call.talks), _spells(truth.talks)),
    ]
    if truth.direction != "internal":
        pairs += [("first", call.first_answered_by, truth.first), ("last", call.last_answered_by, truth.last)]
    if truth.outcome is not None:
        pairs.append(("outcome", call.outcome, truth.outcome))
    if truth.rang is not None:
        wanted = set() if truth.direction == "outbound" else truth.rang
        pairs.append(("rang", set(call.rang), wanted))
    if truth.transfers is not None:
        pairs.append(("transfers", [(t.kind, t.by, t.to) for t in call.transfers], truth.transfers))
    found = [f"{_name(call)}: {what} is {is_!r}, not {should!r}" for what, is_, should in pairs if is_ != should]
    if not found:
        found = _times(call, truth)
    return found


def _spells(talks: Iterable[object]) -> list[tuple[str | None, str]]:
    return sorted(((t.user, t.device) for t in talks), key=str)  # type: ignore[attr-defined]


def _times(call: Call, truth: Truth) -> list[str]:
    """Where an end or a spell is not when it was; Nth spell of a person beside their Nth."""
    found = []
    if truth.direction != "internal" and truth.ended_at and abs((call.ended_at or 0) - truth.ended_at) > TOLERANCE:
        found.append(f"{_name(call)}: ended at {call.ended_at}, not {truth.ended_at}")
    for talk, spell in zip(sorted(call.talks, key=_order), sorted(truth.talks, key=_order), strict=True):
        for at, should in ((talk.start, spell.start), (talk.end, spell.end)):
            if should is None or at is None or abs(at - should) > TOLERANCE:
                found.append(
                    f"{_name(call)}: {talk.user} talked {talk.start}-{talk.end}, not {spell.start}-{spell.end}"
                )
    return found


def _order(talk: object) -> tuple[str, float]:
    spell: Spell = talk  # type: ignore[assignment]
    return (spell.user or spell.device, spell.start)
