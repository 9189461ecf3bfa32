"""The truth of a recorded or played call against what pbxcrm says of it, both in the API's shape (docs/rest.md)."""

from datetime import datetime
from typing import Any

TOLERANCE = 0.5  # seconds: the phones' clocks and the PBX's
View = dict[str, Any]

_ANSWERED = ("first_answered_by", "last_answered_by")
_FIELDS = ("direction", "number", "did", "outcome", *_ANSWERED, "rang", "transfers", "talks")


def compare(found: list[View], expected: list[View]) -> list[str]:
    """Every difference between the calls and the truth, in words; [] when there is none.

    A truth's `unsure` names fields that nobody can decide; with "call" in it the call itself may be missing.
    """
    expected = sorted(expected, key=lambda call: call["started_at"])
    problems = []
    sure = [call for call in expected if "call" not in call.get("unsure", [])]
    if not len(sure) <= len(found) <= len(expected):
        shown = [(c["direction"], c["number"], c["outcome"]) for c in found]
        problems.append(f"{len(found)} calls instead of {len(expected)}: {shown}")
    rest = list(found)
    for truth in expected:
        match = min(rest, key=lambda call: _distance(call, truth), default=None)
        if match is not None:
            rest.remove(match)
            problems += differences(match, truth)
    return problems


def differences(call: View, truth: View) -> list[str]:
    """What is wrong with one call, field by field."""
    unsure = truth.get("unsure", [])
    if truth["outcome"] == "lost":  # of a PBX that died, AMI does not say when
        unsure = [*unsure, "ended_at", "talk_seconds"]
    name = f"{call['direction']} {call['number']}"
    problems = [
        f"{name}: {field} is {_plain(call, field)!r}, not {_plain(truth, field)!r}"
        for field in _FIELDS
        if field not in unsure and _plain(call, field) != _plain(truth, field)
    ]
    for field in ("started_at", "answered_at", "ended_at"):
        said, meant = _when(call[field]), _when(truth[field])
        if field in unsure or (said is None and meant is None):
            continue
        if said is None or meant is None or abs(said - meant) > TOLERANCE:
            problems.append(f"{name}: {field} is {call[field]}, not {truth[field]}")
    if "talk_seconds" not in unsure and abs(call["talk_seconds"] - truth["talk_seconds"]) > TOLERANCE:
        problems.append(f"{name}: talk_seconds is {call['talk_seconds']}, not {truth['talk_seconds']}")
    return problems


def _plain(call: View, field: str) -> Any:
    value = call[field]
    if field == "rang":
        return sorted(value)
    if field == "transfers":
        return [(t["kind"], t["by"], t["to"]) for t in value]
    if field == "talks":
        return sorted((t["user"] or "", t["device"]) for t in value)
    return value


def _when(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()


def _distance(call: View, truth: View) -> float:
    """How far apart they are, in seconds: a table of whole seconds may put the next call nearer than the right one."""
    same = 5 * (call["direction"] == truth["direction"])
    same += 2 * sum(_plain(call, field) == _plain(truth, field) for field in ("number", "did", "rang"))
    return abs((_when(call["started_at"]) or 0) - (_when(truth["started_at"]) or 0)) - same
