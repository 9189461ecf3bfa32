"""What is told of a call while it lives never contradicts itself: on every recording, and on simulated lives."""

import itertools
import random
from collections import defaultdict

import pytest

from pbxcrm.calls import events
from pbxcrm.calls.facts import Fact
from tests.unit.calls.goldens import Recording, facts, recordings
from tests.unit.calls.office import tracker
from tests.unit.calls.simulator import life


def by_call(told: list[Fact]) -> list[list[Fact]]:
    found: dict[str, list[Fact]] = defaultdict(list)
    for fact in told:
        found[fact.call.id].append(fact)
    return list(found.values())


def assert_consistent(told: list[Fact]) -> None:
    for story in by_call(told):
        kinds = [fact.kind for fact in story]
        assert [fact.n for fact in story] == list(range(1, len(story) + 1))
        assert "ended" not in kinds[:-1], "nothing is said of a call that is over"
        assert kinds.count("answered") <= 1
        owners = {fact.call.first_answered_by for fact in story} - {None}
        assert len(owners) <= 1, f"whose it is flickers: {owners}"
        answered = {fact.call.answered_at for fact in story} - {None}
        assert len(answered) <= 1
        for before, after in itertools.pairwise(story):
            assert_grows(before, after)
        last = story[-1].call
        assert (last.outcome != "ongoing") == (kinds[-1] == "ended")


def assert_grows(before: Fact, after: Fact) -> None:
    """What was said stays said."""
    old, new = before.call, after.call
    assert after.at >= before.at
    assert [(t.user, t.device, t.start) for t in new.talks[: len(old.talks)]] == [
        (t.user, t.device, t.start) for t in old.talks
    ]
    assert set(old.rang) <= set(new.rang)
    assert new.rang[: len(old.rang)] == old.rang
    assert (new.started_at, new.did) == (old.started_at, old.did)
    assert old.number in (None, new.number)
    assert new.talk_seconds >= 0


@pytest.mark.parametrize("recording", recordings(), ids=lambda r: r.name)
def test_of_a_recorded_call(recording: Recording) -> None:
    assert_consistent(facts(recording.frames, recording.tracker()))


def test_of_simulated_lives() -> None:
    for seed in range(300):
        watching, told = tracker(), []
        for frame in life(random.Random(seed).randbytes(300)).wire.frames:
            event = events.read(frame.mapping(), frame.at)
            told += watching.feed(event) if event is not None else []
        assert_consistent(told)


def test_few_facts_a_call() -> None:
    """Each is a transaction: an answered call takes four or five."""
    counts = [len(story) for r in recordings() for story in by_call(facts(r.frames, r.tracker()))]
    assert sum(counts) / len(counts) < 6
    assert max(counts) < 25
