"""What the PBX wrote down of the last moments before we were killed is told of at the next start."""

import csv
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.calls.rows import moment
from pbxcrm.witness import Witness

FLOW = Path(__file__).parents[1] / "flows" / "inbound" / "inbound_answered.cel.csv"
COLUMNS = (
    "eventtype eventtime cid_name cid_num cid_dnid exten context channame appname appdata uniqueid linkedid peer extra"
)
ROWS = [dict(zip(COLUMNS.split(), row, strict=True)) for row in csv.reader(FLOW.read_text().splitlines())]
ENDED = max(moment(row, "eventtime") or 0 for row in ROWS)


class Written:
    """A CEL that is complete."""

    kind = "cel"
    name = "the PBX's CEL"

    async def pages(self, _since: float, cursor: str) -> AsyncIterator[SimpleNamespace]:
        if not cursor:
            yield SimpleNamespace(rows=ROWS, cursor="end")


@pytest.mark.asyncio
@pytest.mark.parametrize(("heard", "told"), [(ENDED - 1, 1), (ENDED + 1, 1), (ENDED + 60, 1), (ENDED + 3600, 0)])
async def test_a_call_that_ended_just_before_we_last_heard(heard: float, told: int) -> None:
    """It was stored as lost, and we were killed before it was mended: the journal's newest row is younger than it."""
    calls: list[Call] = []
    now = itertools.count(ENDED + 7200, 1000)

    async def apply(batch: list[Call]) -> None:
        calls.extend(batch)

    witness = Witness(
        Written(), People([("PJSIP/101", "alice")]), apply, pbx="pbx", region="PL", since=heard,  # type: ignore[arg-type]
        clock=lambda: next(now),
    )  # fmt: skip
    for _ in range(2):  # told of a while after it was read
        await witness.look()
    assert len({call.uid for call in calls}) == told
    assert {call.first_answered_by for call in calls} <= {"alice"}
