"""What CDR alone tells of the recorded calls, beside the phones' truth, and how much of it is right, by field.

CDR misleads by nature; what is promised is in docs/history.md, whose table this file holds to the measurement.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pbxcrm.calls.cdr import Cdr
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.crm import views
from pbxcrm.crm.witness import differences
from pbxcrm.history.clock import Clock
from pbxcrm.history.columns import row, usual
from tests.unit.calls import goldens

HERE = Path(__file__)
FLOWS = HERE.parents[2] / "flows"
GOLDEN = sorted(path for path in FLOWS.rglob("*.cdr.csv") if path.parent.name != "restart")
CLOCK = Clock(ZoneInfo("UTC"))
SLACK = 2.0  # seconds: CDR has whole ones
FIELDS = ("direction", "number", "outcome", "answered or not", "first_answered_by", "last_answered_by", "talk_seconds",
          "rang", "transfers")  # fmt: skip
UNMAPPED = ("direction", "number", "answered or not", "talk_seconds")


def truth_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_name(path.name.replace(".cdr.csv", ".json")).read_text())
    return found


def rows_of(path: Path, *, linkedid: bool = True) -> Iterator[dict[str, str]]:
    with path.open(newline="") as stream:
        for fields in csv.reader(stream):
            found = dict(row("cdr", dict(zip(usual("cdr", fields) or (), fields, strict=True)), CLOCK) or {})
            if not linkedid:
                found.pop("linkedid", None)
            yield found


@cache
def read(path: Path, *, mapped: bool = True, linkedid: bool = True) -> list[Call]:
    truth = truth_of(path)
    cdr = Cdr(People(truth["devices"].items() if mapped else ()), region=truth["region"])
    return [call for one in rows_of(path, linkedid=linkedid) for call in cdr.feed(one)] + cdr.end()


def pairs(path: Path, **how: bool) -> Iterator[tuple[Call, dict[str, Any]]]:
    """Each call with an outside party as the phones had it, and what CDR tells of it."""
    rest = [call for call in read(path, **how) if call.direction != "internal"]
    for truth in truth_of(path)["calls"]:
        if truth["direction"] == "internal":
            continue
        began = views.epoch(truth["started_at"])
        match = min(rest, key=lambda call: (call.number != truth["number"], abs(call.started_at - began)), default=None)
        assert match is not None, f"{path.name}: CDR does not tell of {truth['number']}"
        rest.remove(match)
        yield match, truth
    assert rest == [], path.name


def right(call: Call, truth: dict[str, Any]) -> dict[str, bool]:
    passed = [(t.kind, t.by, t.to) for t in call.transfers]
    found = {
        "answered or not": (call.outcome == "answered") == (truth["outcome"] == "answered"),
        "talk_seconds": abs(call.talk_seconds - truth["talk_seconds"]) <= SLACK,
        "rang": sorted(call.rang) == sorted(truth["rang"]),
        "transfers": passed == [(t["kind"], t["by"], t["to"]) for t in truth["transfers"]],
    }
    plain = ("direction", "number", "outcome", "first_answered_by", "last_answered_by")
    found |= {name: getattr(call, name) == truth[name] for name in plain}
    unsure = {"answered or not"} if "outcome" in truth["unsure"] else set()
    return {name: good for name, good in found.items() if name not in {*truth["unsure"], *unsure}}


def shares(**how: bool) -> dict[str, tuple[int, int]]:
    good: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for path in GOLDEN:
        for call, truth in pairs(path, **how):
            for name, is_right in right(call, truth).items():
                good[name] += is_right
                of[name] += 1
    return {name: (good[name], of[name]) for name in FIELDS}


def table() -> list[str]:
    """The rows of docs/history.md."""
    full, plain, alone = shares(), shares(linkedid=False), shares(mapped=False)

    def cell(found: tuple[int, int]) -> str:
        return f"{found[0]} of {found[1]}"

    return [
        f"| {name} | {cell(full[name])} | {cell(plain[name])} | {cell(alone[name]) if name in UNMAPPED else ''} |"
        for name in FIELDS
    ]


def test_the_share_that_is_right_is_what_the_docs_say() -> None:
    assert len(GOLDEN) > 200
    said = (HERE.parents[3] / "docs" / "history.md").read_text()
    for line in table():
        assert line in said, f"docs/history.md lacks this row: {line}"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name.removesuffix(".cdr.csv"))
def test_each_call_once_and_nobody_is_named_who_did_not_talk(path: Path) -> None:
    for call, truth in pairs(path):
        talked = {talk["user"] for talk in truth["talks"]}
        assert {talk.user for talk in call.talks} <= talked | {None}
        assert call.direction == truth["direction"]
        assert call.number == truth["number"]


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name.removesuffix(".cdr.csv"))
def test_the_tracker_knows_each_call_by_the_same_uniqueid(path: Path) -> None:
    """Else history would tell a call a second time that was followed live."""
    recording = next(one for one in goldens.recordings() if one.path == path.with_name(path.name[:-8] + ".ami"))
    live = {call.uid for call in goldens.calls(recording.frames, recording.tracker())}
    told = {call.uid for call in read(path) if call.direction != "internal"}
    assert told <= live


@pytest.mark.parametrize("linkedid", [True, False])
def test_no_recorded_call_is_said_to_be_told_differently(linkedid: bool) -> None:
    """What CDR is known to mislead about is not held against what was followed event by event."""
    recordings = {one.path: one for one in goldens.recordings()}
    held, differing = 0, []
    for path in GOLDEN:
        recording = recordings[path.with_name(path.name[:-8] + ".ami")]
        facts = goldens.facts(recording.frames, recording.tracker())
        live = {fact.call.uid: fact.call for fact in facts if fact.kind == "ended"}
        for call in read(path, linkedid=linkedid):
            if call.direction != "internal":
                held += 1
                differing += [(path.name, name) for name in differences(live[call.uid], call, "cdr")]
    assert held > 200
    assert differing == []
