"""What is known of the calls that a soak found wrong: enough to play them again."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from pbxcrm.calls.life import leads_outside
from tests.soak.lives import Told
from tests.soak.verdict import Verdict, View

LINES = 40  # of one source, at the most
AROUND = 30.0  # seconds of the diary before and after


def evidence(verdict: Verdict, folder: Path, truths: Iterable[Told], calls: Sequence[View]) -> str:
    """Of each problem that nothing excuses: the truth, the calls as told, the PBX's history, the faults meanwhile."""
    known = list(truths)
    told = [_one(problem, set(ids), folder, known, calls) for problem, ids in verdict.worst.items()]
    return "\n\n".join(told)


def _one(problem: str, linkedids: set[str], folder: Path, truths: list[Told], calls: Sequence[View]) -> str:
    found = [call for call in calls if linkedids & set(call["linkedids"])]
    numbers = {call["number"] for call in found if leads_outside(call["number"])}  # a customer's, of one life alone
    true = [told for told in truths if linkedids & set(told.linkedids) or told.number in numbers]
    lines = [problem, *(f"truth {told.line().strip()}" for told in true)]
    lines += [f"call {json.dumps(call)}" for call in found]
    lines += [f"CEL {row}" for row in _rows(folder / "Master.csv", linkedids)]
    if true:
        lines += [f"diary {line}" for line in _meanwhile(folder / "diary", true[0].started, true[-1].ended)]
    return "\n".join(lines)


def _rows(path: Path, linkedids: set[str]) -> list[str]:
    """In a soak all events are written, and each row names its Linkedid."""
    rows = path.read_text(errors="replace").splitlines() if path.exists() else []
    return [row for row in rows if any(f'"{linkedid}"' in row for linkedid in linkedids)][:LINES]


def _meanwhile(path: Path, started: float, ended: float) -> list[str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [line for line in lines if started - AROUND <= float(line.split(" ")[0]) <= ended + AROUND][:LINES]
