"""Every recorded call: what the tracker makes of the bytes is what the phones' own clocks say."""

import json
from pathlib import Path

import pytest

from pbxcrm.crm import views
from pbxcrm.replay import calls
from tests.truth import compare

HERE = Path(__file__).parent
RECORDINGS = sorted(HERE.rglob("*.ami"))


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_the_call_is_what_the_phones_say(path: Path) -> None:
    truth = json.loads(path.with_suffix(".json").read_text())
    found = calls(path.read_bytes(), truth["devices"].items(), region=truth["region"])
    problems = compare([views.call(call) for call in found], truth["calls"])
    assert not problems, "\n".join(problems)


def test_there_are_recordings() -> None:
    assert len(RECORDINGS) > 90
