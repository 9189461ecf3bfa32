"""Every play again, from what the PBX wrote into its CEL file alone: the same calls as the phones' clocks say."""

from pathlib import Path

import pytest

from pbxcrm.crm import views
from tests.truth import compare
from tests.unit.calls.cel_rows import GOLDEN, read, rows_of, truth_of

# Two end within one second, and its rows do not say in which order they talked.
UNDECIDED = {("conference_by_transfer", "last_answered_by")}


def ids(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix('.cel.csv')}"


@pytest.mark.parametrize("path", GOLDEN, ids=ids)
def test_cel_says_what_the_phones_say(path: Path) -> None:
    truth = truth_of(path)
    calls = read(rows_of(path), truth)
    assert not compare([views.call(call) for call in calls], truth["calls"])
    assert all(one.event.startswith("CEL ") for call in calls for one in call.evidence)
    assert all(call.boot == "" and call.uid for call in calls)


@pytest.mark.parametrize("path", GOLDEN, ids=ids)
def test_a_table_that_keeps_whole_seconds_says_the_same_but_for_the_times(path: Path) -> None:
    truth = truth_of(path)
    rows = [one | {"eventtime": one["eventtime"].partition(".")[0]} for one in rows_of(path)]
    problems = compare([views.call(call) for call in read(rows, truth)], truth["calls"])
    scenario = path.name.removesuffix(".cel.csv").removesuffix("-16")
    for problem in problems:
        field = problem.partition(": ")[2].partition(" is ")[0]
        assert field.endswith("_at") or field == "talk_seconds" or (scenario, field) in UNDECIDED, problem


def test_each_version_is_there() -> None:
    assert len([path for path in GOLDEN if path.stem.endswith("-16.cel")]) > 100
    assert len([path for path in GOLDEN if not path.stem.endswith("-16.cel")]) > 100
