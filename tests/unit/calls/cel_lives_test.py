"""The simulator's lives as CEL tells them: the same truth."""

import os
import random
from collections import Counter
from collections.abc import Iterable

import pytest

from pbxcrm.calls.cel import Cel
from pbxcrm.calls.cel_story import story
from pbxcrm.calls.people import People
from pbxcrm.calls.rows import Row
from tests.unit.calls.cel_rows import made
from tests.unit.calls.cel_writer import CelRow, rows, text
from tests.unit.calls.judge import differences
from tests.unit.calls.office import DEVICES, REGION
from tests.unit.calls.simulator import Modern
from tests.unit.calls.wire import START, Ids

LIVES = int(os.environ.get("PBXCRM_LIVES", "300"))


@pytest.mark.timeout(1200)
def test_of_lives_side_by_side_none_is_mixed_with_another() -> None:
    chance, stories = random.Random(1), []
    for number in range(60):
        ids = Ids(f"pbx{number}")  # channels are counted in time only within one PBX
        ids.bridges = number * 1000
        stories.append(Modern(chance.randbytes(300), ids, START + chance.random() * 60))
        stories[-1].play()
    written = [rows(story.wire.frames) for story in stories]
    mixed = sorted((row for life in written for row in life), key=lambda row: row.at)
    assert sorted(map(repr, told(mixed))) == sorted(repr(call) for life in written for call in told(life))


def told(written: Iterable[CelRow]) -> list[tuple[object, ...]]:
    cel = Cel(People(DEVICES.items()), region=REGION)
    calls = [call for row in made(one.line() for one in written) for call in cel.feed(row)]
    return [(call.uid, call.linkedids, call.direction, call.outcome, call.first_answered_by) for call in calls]


@pytest.mark.timeout(1200)
def test_cel_tells_the_truth_of_every_life() -> None:
    for seed in range(LIVES):
        story = Modern(random.Random(seed).randbytes(300))
        story.play()
        cel = Cel(People(DEVICES.items()), region=REGION)
        calls = [call for row in made(text(story.wire.frames).splitlines()) for call in cel.feed(row)]
        for truth in story.truths:
            if truth.outcome == "busy":
                truth.rang = None  # who says busy after a while is not told from who says it at once: docs/history.md
        problems = differences(sorted(calls, key=lambda call: call.started_at), story.truths)
        assert not problems, f"life {seed}:\n" + "\n".join(problems)


@pytest.mark.timeout(1200)
def test_wherever_the_pbx_dies_no_customer_has_one_call_more() -> None:
    """What was being dialled when it died is known by who dialled it, though nothing of that one was written since."""
    for seed in range(LIVES // 7):
        life = Modern(random.Random(seed).randbytes(300))
        life.play()
        written = list(made(text(life.wire.frames).splitlines()))
        whole = outside(written)
        for cut in range(1, len(written)):
            assert not outside(written[:cut]) - whole, f"life {seed}, cut at row {cut}"


def outside(written: list[Row]) -> Counter[tuple[str, str]]:
    """How often each number outside is in a call, where no more rows were ever written."""
    calls = story(written, People(DEVICES.items()), pbx="pbx", region=REGION, trunks=set(), lost=True)
    return Counter((call.direction, call.number) for call in calls if call.direction != "internal" and call.number)
