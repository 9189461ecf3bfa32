"""We die at any event of any recorded call, start again and are told what lives: the same calls, or honestly `lost`."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxcrm.calls.model import Call
from tests.unit.calls.goldens import Recording, facts, recordings
from tests.unit.calls.goldens_test import listing, some

WHOLE = [r for r in recordings() if not r.restarts]


def restarted(recording: Recording, died: int, back: int) -> list[Call]:
    """Every call, where we heard the first `died` events, and from event `back` on those after a list of what lives."""
    before = facts(recording.frames[:died], recording.tracker())
    stored = {fact.call.id: (fact.call, fact.n) for fact in before}
    tracker = recording.tracker()
    tracker.book.boot = next((call.boot for call, _ in stored.values()), "")
    tracker.resume([(call, n) for call, n in stored.values() if call.ended_at is None])
    after = facts([*listing(recording, back), *recording.frames[back:]], tracker)
    for fact in after:
        known = stored.get(fact.call.id)
        if known is None or fact.n > known[1]:  # as the intake does
            stored[fact.call.id] = (fact.call, fact.n)
    return [call for call, _ in stored.values()]


@some
@given(st.sampled_from(WHOLE), st.randoms(use_true_random=False))
def test_nobody_is_named_who_did_not_talk_and_no_call_is_there_twice(
    recording: Recording, chance: random.Random
) -> None:
    for _ in range(4):
        died = chance.randrange(1, len(recording.frames))
        back = chance.randrange(died, len(recording.frames)) + 1
        found = restarted(recording, died, back)
        outside = [call for call in found if call.direction != "internal"]
        for call in outside:
            assert {talk.user for talk in call.talks} <= recording.talkers(call.number) | {None}, (died, back)
            assert call.outcome == "lost" or call.ended_at is not None, (died, back)
        assert len(outside) <= sum(c["direction"] != "internal" for c in recording.truth), (died, back)


@some
@given(st.sampled_from(WHOLE), st.randoms(use_true_random=False))
def test_who_was_heard_to_talk_and_to_end_is_not_lost(recording: Recording, chance: random.Random) -> None:
    """Whoever was the first to answer may not be known; that somebody did is."""
    died = chance.randrange(1, len(recording.frames))
    for call in restarted(recording, died, died):
        assert not (any(talk.user for talk in call.talks) and call.outcome == "lost"), died


@pytest.mark.timeout(600)
def test_after_a_restart_without_a_gap_most_calls_are_as_if_nothing_had_happened() -> None:
    """Nothing was missed: who talked last stays so. Unless nobody talked any more: then nobody can say."""
    chance = random.Random(4)
    same = total = 0
    for recording in WHOLE[::3]:
        died = chance.randrange(1, len(recording.frames))
        found = restarted(recording, died, died)
        total += 1
        said = [c.last_answered_by for c in found if c.direction != "internal"]
        true = [c["last_answered_by"] for c in recording.truth if c["direction"] != "internal"]
        same += said == true
    assert total > 100
    assert same >= 0.8 * total
