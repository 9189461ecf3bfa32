"""Every recorded call: what the tracker makes of the bytes is what the phones' own clocks say."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pbxcrm.calls.model import Call
from pbxcrm.replay import calls

HERE = Path(__file__).parent
RECORDINGS = sorted(HERE.rglob("*.ami"))
TOLERANCE = 0.5  # seconds: the phones' clocks and the PBX's


def when(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()


def told(path: Path) -> tuple[list[Call], dict[str, Any]]:
    truth = json.loads(path.with_suffix(".json").read_text())
    return calls(path.read_bytes(), truth["devices"].items(), region=truth["region"]), truth


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_the_call_is_what_the_phones_say(path: Path) -> None:
    found, truth = told(path)
    problems = compare(found, truth["calls"])
    assert not problems, "\n".join(problems)


def compare(found: list[Call], expected: list[dict[str, Any]]) -> list[str]:
    """Every difference between the calls and the truth, in words; [] when there is none."""
    expected = sorted(expected, key=lambda call: call["started_at"])
    problems = []
    sure = [call for call in expected if "call" not in call.get("unsure", [])]
    if not len(sure) <= len(found) <= len(expected):
        shown = [(c.direction, c.number, c.outcome) for c in found]
        problems.append(f"{len(found)} calls instead of {len(expected)}: {shown}")
    rest = list(found)
    for truth in expected:
        match = min(rest, key=lambda c: distance(c, truth), default=None)
        if match is None:
            continue
        rest.remove(match)
        problems += differences(match, truth)
    return problems


def distance(call: Call, truth: dict[str, Any]) -> float:
    same = (call.direction == truth["direction"]) * 5 + (call.number == truth["number"]) * 2
    return abs(call.started_at - (when(truth["started_at"]) or 0)) - same


def differences(call: Call, truth: dict[str, Any]) -> list[str]:
    unsure = truth.get("unsure", [])
    if truth["outcome"] == "lost":  # of a PBX that died, AMI does not say when
        unsure = [*unsure, "ended_at", "talk_seconds"]
    exact: dict[str, Any] = {
        "direction": call.direction,
        "number": call.number,
        "did": call.did,
        "outcome": call.outcome,
        "first_answered_by": call.first_answered_by,
        "last_answered_by": call.last_answered_by,
        "rang": sorted(call.rang),
        "transfers": [(t.kind, t.by, t.to) for t in call.transfers],
        "talks": sorted((t.user or "", t.device) for t in call.talks),
    }
    wanted = dict(truth)
    wanted["rang"] = sorted(truth["rang"])
    wanted["transfers"] = [(t["kind"], t["by"], t["to"]) for t in truth["transfers"]]
    wanted["talks"] = sorted((t["user"] or "", t["device"]) for t in truth["talks"])
    name = f"{call.direction} {call.number}"
    problems = [
        f"{name}: {field} is {value!r}, not {wanted[field]!r}"
        for field, value in exact.items()
        if field not in unsure and value != wanted[field]
    ]
    times = {"started_at": call.started_at, "answered_at": call.answered_at, "ended_at": call.ended_at}
    for field, value in times.items():
        expected = when(truth[field])
        if field in unsure or (value is None and expected is None):
            continue
        if value is None or expected is None or abs(value - expected) > TOLERANCE:
            problems.append(f"{name}: {field} is {value!r}, not {expected!r}")
    if "talk_seconds" not in unsure and abs(call.talk_seconds - truth["talk_seconds"]) > TOLERANCE:
        problems.append(f"{name}: talk_seconds is {call.talk_seconds}, not {truth['talk_seconds']}")
    return problems
