"""Golden CEL files as rows, and what is made of them."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pbxcrm.calls.cel import Cel
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.calls.rows import Row
from pbxcrm.history.clock import Clock
from pbxcrm.history.columns import row, usual

FLOWS = Path(__file__).parents[2] / "flows"
GOLDEN = sorted(FLOWS.rglob("*.cel.csv"))
CLOCK = Clock(ZoneInfo("UTC"))


def truth_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.with_name(path.name.replace(".cel.csv", ".json")).read_text())
    return found


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as stream:
        yield from made(stream)


def made(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows of a CEL file's text."""
    for fields in csv.reader(lines):
        found = row("cel", dict(zip(usual("cel", fields) or (), fields, strict=True)), CLOCK)
        assert found is not None
        yield dict(found)


def read(rows: Iterable[Row], truth: dict[str, Any]) -> list[Call]:
    cel = Cel(People(truth["devices"].items()), region=truth["region"])
    return [call for one in rows for call in cel.feed(one)]
