"""A recording sent to us becomes a golden file in one command."""

import json
from pathlib import Path

import pytest

from tests import golden

FLOWS = Path(__file__).parent / "flows"


def test_a_recording_is_adopted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "FLOWS", tmp_path)
    source = FLOWS / "group" / "group_second_answers.ami"
    path = golden.adopt(source, "reported/one", {"PJSIP/102": "bob"}, "PL", "Bob answered.")
    truth = json.loads(path.read_text())
    assert (tmp_path / "reported" / "one.ami").read_bytes() == source.read_bytes()
    assert [call["first_answered_by"] for call in truth["calls"]] == ["bob"]
