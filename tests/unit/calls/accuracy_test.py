"""docs/accuracy.md says what the recordings say, and they say that our rule is right."""

from pathlib import Path

import pytest

from tests import accuracy


def test_our_rule_names_the_owner_of_every_recorded_call() -> None:
    wrong = [
        f"{case.recording.name}: {accuracy.ours(case)}, not {case.owner}"
        for case in accuracy.cases()
        if accuracy.ours(case) != case.owner
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("rule", [rule for name, rule in accuracy.RULES.items() if name != "ours"])
def test_the_rules_that_connectors_use_are_given_their_chance(rule: accuracy.Rule) -> None:
    right = sum(rule(case) == case.owner for case in accuracy.cases())
    total = sum(1 for _ in accuracy.cases())
    assert 0.5 < right / total < 0.97


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy.main(["--check"]) == 0, "run `python -m tests.accuracy`: the recordings have changed"
    assert "| **all** |" in capsys.readouterr().out


def test_an_outdated_page_is_told_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(accuracy, "PAGE", tmp_path / "accuracy.md")
    assert accuracy.main(["--check"]) == 1
    assert "run `python -m tests.accuracy`" in capsys.readouterr().err
    assert accuracy.main([]) == 0
    assert accuracy.main(["--check"]) == 0
