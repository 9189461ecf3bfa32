"""The short form of `make soak`: three at once, faults of every kind, then the calls beside the truth.

The fake PBX with its CEL and without, the real one with. The tables and all that happened are kept in var/soak/ci.
SOAK_MINUTES: how long faults rage (default 9: ten minutes in all).
"""

import asyncio
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.soak.__main__ import parse, plans, run
from tests.soak.evidence import evidence
from tests.soak.lives import Told
from tests.soak.run import Result
from tests.soak.tables import tables
from tests.soak.verdict import View, judge

MINUTES = os.environ.get("SOAK_MINUTES", "9")
FOLDER = Path(__file__).parents[2] / "var" / "soak" / "ci"
LONG = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def results() -> dict[tuple[str, bool], Result]:
    """By PBX, and whether its CEL is read."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    words = ["--minutes", MINUTES, "--rate", "2", "--database", "sqlite", "--folder", str(FOLDER)]
    every = [*plans(parse(words)), *plans(parse([*words, "--pbx", "fake", "--no-cel"]))]
    done = asyncio.run(run(every))
    (FOLDER / "tables.md").write_text(tables(done) + "\n")
    print(tables(done))
    return {(result.plan.pbx, result.plan.cel): result for result in done}


@LONG
@pytest.mark.parametrize("pbx", ["real", "fake"])
def test_where_the_pbx_s_history_is_read_every_call_is_there_once_and_right(
    results: dict[tuple[str, bool], Result], pbx: str
) -> None:
    verdict = results[pbx, True].verdict
    assert verdict.bad == 0, results[pbx, True].evidence
    assert (verdict.lost, verdict.unsaid) == (0, 0), "\n".join(verdict.problems)
    assert verdict.right == verdict.made > 10
    assert len(results[pbx, True].faults) >= 5


@LONG
def test_without_history_nothing_that_is_said_is_wrong(results: dict[tuple[str, bool], Result]) -> None:
    verdict = results["fake", False].verdict
    assert verdict.bad == 0, results["fake", False].evidence
    assert verdict.right > 10
    assert verdict.made > 50  # how many of them nobody could see depends on how quickly this machine starts us anew
    assert len(results["fake", False].faults) >= 5


# ---- the judge itself

TRUE = Told("1-1", ["1.1"], "inbound", "+48601000001", "answered", 1000.0, 1060.0, "alice", "bob",
            [["alice", 1010.0, 1030.0], ["bob", 1030.0, 1060.0]])  # fmt: skip
CALL: View = {"id": "a", "linkedids": ["1.1"], "direction": "inbound", "number": "+48601000001", "outcome": "answered",
              "first_answered_by": "alice", "last_answered_by": "bob", "started_at": "1970-01-01T00:16:40.000Z",
              "deal_id": "7"}  # fmt: skip
DEAL = {"id": "7", "owner": "alice"}
NONE: list[float] = []


@pytest.mark.parametrize(
    ("calls", "owner", "deaths", "counted"),
    [
        ([CALL], "alice", NONE, {"made": 1, "right": 1}),
        ([], "alice", NONE, {"made": 1, "missing": 1}),
        ([CALL, {**CALL, "id": "b"}], "alice", NONE, {"made": 1, "right": 1, "doubled": 1}),
        ([CALL], "bob", NONE, {"made": 1, "right": 1, "wrong_owner": 1}),
        ([{**CALL, "first_answered_by": None}], None, NONE, {"made": 1, "unsaid": 1}),
        ([{**CALL, "first_answered_by": None}], "bob", NONE, {"made": 1, "unsaid": 1, "wrong_owner": 1}),
        ([{**CALL, "first_answered_by": "bob"}], "alice", NONE, {"made": 1, "wrong": 1}),
        ([{**CALL, "outcome": "missed"}], "alice", NONE, {"made": 1, "wrong": 1}),
        ([{**CALL, "outcome": "ongoing"}], "alice", NONE, {"made": 1, "wrong": 1}),
        ([{**CALL, "direction": "internal"}], "alice", NONE, {"made": 1, "wrong": 1}),
        ([{**CALL, "deal_id": None}], "alice", NONE, {"made": 1, "right": 1, "wrong_owner": 1}),
        ([{**CALL, "outcome": "lost", "first_answered_by": None}], "alice", NONE, {"made": 1, "marked": 1}),
        ([{**CALL, "outcome": "lost", "first_answered_by": "bob"}], "alice", NONE, {"made": 1, "marked": 1, "wrong": 1}),  # noqa: E501
        ([CALL, {**CALL, "id": "b", "linkedids": ["9.9"]}], "alice", NONE, {"made": 1, "right": 1, "invented": 1}),
        ([{**CALL, "outcome": "lost"}], "alice", [1020.0], {"died": 1, "died_marked": 1}),
        ([CALL], "alice", [1020.0], {"died": 1, "wrong": 1}),
        ([], "alice", [1020.0], {"died": 1, "died_missing": 1}),
        ([{**CALL, "outcome": "lost"}], "bob", [1020.0], {"died": 1, "died_marked": 1, "wrong_owner": 1}),
    ],
)  # fmt: skip
def test_the_judge_finds_each_fault(
    calls: list[View], owner: str | None, deaths: list[float], counted: dict[str, int]
) -> None:
    verdict = judge([TRUE], calls, [{**DEAL, "owner": owner}], deaths)
    found = {name: count for name, count in vars(verdict).items() if name not in ("problems", "worst") and count}
    assert found == counted


def test_of_two_who_came_at_once_the_first_told_is_the_first() -> None:
    told = replace(TRUE, first="bob", talkers=[["bob", 1010.0, 1030.0], ["alice", 1010.0, 1060.0]])
    assert not judge([told], [{**CALL, "outcome": "lost"}], [{**DEAL, "owner": "bob"}], [1020.0]).wrong_owner


def test_of_a_wrong_call_all_is_said_that_is_known(tmp_path: Path) -> None:
    (tmp_path / "diary").write_text("900.000 link cut\n1020.500 healed\n")
    (tmp_path / "Master.csv").write_text('"CHAN_START","1.1"\n"CHAN_START","2.2"\n')
    calls = [{**CALL, "outcome": "missed"}]
    said = evidence(judge([TRUE], calls, [DEAL]), tmp_path, [TRUE], calls).splitlines()
    assert said[0].startswith("wrong: inbound +48601000001 missed")
    assert [line.split(" ")[0] for line in said[1:]] == ["truth", "call", "CEL", "diary"]
    assert said[-1] == "diary 1020.500 healed"
