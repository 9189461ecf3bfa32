"""Cut anywhere, and told anew what lives: the tracker says what it knows, and never names a person who did not talk."""

import os
import random

import pytest

from pbxcrm.calls import events
from pbxcrm.calls.model import Call
from pbxcrm.calls.tracker import Tracker
from tests.unit.calls.goldens import answers
from tests.unit.calls.judge import tell
from tests.unit.calls.office import tracker as new_tracker
from tests.unit.calls.simulator import Modern, Simulation, life
from tests.unit.calls.story import Truth
from tests.unit.calls.wire import Frame, resync

CUTS = int(os.environ.get("PBXCRM_LIVES", "300")) // 2
GAPS = (1, 2, 5, 10, 20, 50, 200)


def watched(seed: int) -> tuple[Simulation, random.Random]:
    chance = random.Random(seed)
    return life(chance.randbytes(300), watch=True), chance


def cut(story: Simulation, last_heard: int, now: int, *, linked: bool = False, late: float = 0) -> list[Frame]:
    """Of what was told between those two events nothing is heard; then a snapshot, and what is told after.

    `linked`: it was the link that was cut, and is back. `late`: seconds by which our clock, when the snapshot comes, is
    ahead of the PBX's, by which events are dated.
    """
    frames = story.wire.frames
    at = frames[now].at + late
    named = resync(story.wire.states[now], at)
    if linked:
        named.insert(0, Frame(at, [("Event", "PbxcrmLinkUp"), ("Boot", "b1")]))
    return [*frames[: last_heard + 1], *named, *frames[now + 1 :]]


def talkers(story: Simulation) -> set[str | None]:
    return {spell.user for truth in story.truths if truth.direction != "internal" for spell in truth.talks} | {None}


def named(calls: list[Call]) -> set[str | None]:
    outside = [call for call in calls if call.direction != "internal"]
    told = {talk.user for call in outside for talk in call.talks}
    return told | {user for call in outside for user in (call.first_answered_by, call.last_answered_by)}


@pytest.mark.timeout(1200)
def test_a_snapshot_when_nothing_was_lost_changes_nothing() -> None:
    for seed in range(CUTS):
        story, chance = watched(seed)
        right = answers(tell(story.wire.frames))
        place = chance.randrange(len(story.wire.frames))
        if "Rename" in {frame.name for frame in story.wire.frames[place - 1 : place + 2]}:
            continue  # two channels are exchanging their names just then: the listing itself is half of it
        assert answers(tell(cut(story, place, place))) == right, f"life {seed}, after event {place}"


@pytest.mark.timeout(1200)
def test_after_any_gap_nobody_is_named_who_did_not_talk() -> None:
    for seed in range(CUTS):
        story, chance = watched(seed)
        true, last = talkers(story), len(story.wire.frames) - 1
        for gap in GAPS:
            heard = chance.randrange(last)
            told = named(tell(cut(story, heard, min(heard + gap, last))))
            assert told <= true, f"life {seed}, {gap} events lost after event {heard}: {told - true} did not talk"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("late", [0, 4, 30, -30])
def test_after_a_cut_link_what_is_not_known_is_lost_and_the_rest_is_right(late: float) -> None:
    """Outcome, first and last answerer of every call that is not marked `lost`, wherever the link was cut."""
    kept = total = 0
    for seed in range(CUTS):
        story, chance = watched(seed)
        last = len(story.wire.frames) - 1
        for gap in GAPS:
            heard = chance.randrange(last)
            outcomes = judged(story, cut(story, heard, min(heard + gap, last), linked=True, late=late))
            total += len(outcomes)
            kept += len(outcomes) - outcomes.count("lost")
    assert kept > 0.3 * total  # most of these gaps are as long as the calls


@pytest.mark.parametrize(
    ("seed", "heard", "gap", "outcome"),
    [
        pytest.param(167, 73, 50, "lost", id="nobody's phone talked first, then somebody unseen"),
        pytest.param(234, 0, 20, "lost", id="born Down, and it called while nobody looked"),
        pytest.param(796, 6, 10, "answered", id="the second trunk answered, and our side left, while nobody looked"),
        pytest.param(1069, 9, 50, "answered", id="the second trunk answered, and the customer was passed on"),
        pytest.param(1507, 23, 20, "answered", id="a mobile behind Local channels, dialled while nobody looked"),
    ],
)
def test_nobody_is_named_first_whom_another_may_have_preceded(seed: int, heard: int, gap: int, outcome: str) -> None:
    story, _ = watched(seed)
    assert judged(story, cut(story, heard, heard + gap, linked=True)) == [outcome]


@pytest.mark.timeout(1200)
def test_killed_anywhere_and_started_again_no_call_is_made_up() -> None:
    """A transferer whom the PBX calls back, say, though what they did was told to the tracker that is no more."""
    # The last two: our clock is behind, and what was stored is newer than the list.
    for seed in (*range(CUTS), 1806, 2911):
        chance = random.Random(seed)
        story = Modern(chance.randbytes(300))
        story.wire.watch = True
        story.play()
        last = len(story.wire.frames) - 1
        for gap in (0, *GAPS):
            died = chance.randrange(last)
            late = chance.choice((0, 4, 30, -30))
            told = restarted(story, died, min(died + gap, last), late)
            found = [call for call in told if call.direction != "internal"]
            truths = [truth for truth in story.truths if truth.direction != "internal"]
            assert len(found) <= len(truths), f"life {seed}, {gap} after {died}: {found}"
            for call in found:
                assert call.ended_at, f"life {seed}, {gap} after {died}: {call}"
                assert call.first_answered_by in (None, truths[0].first), f"life {seed}, {gap} after {died}: {call}"
                assert call.last_answered_by in (None, truths[0].last), f"life {seed}, {gap} after {died}: {call}"


def restarted(story: Simulation, died: int, back: int, late: float) -> list[Call]:
    """As the intake does: the calls as they were told last, handed to a new tracker with a list of what lives."""
    stored: dict[str, tuple[Call, int]] = {}

    def hear(tracker: Tracker, frames: list[Frame]) -> None:
        for frame in frames:
            event = events.read(frame.mapping(), frame.at)
            for fact in tracker.feed(event) if event is not None else ():
                known = stored.get(fact.call.id)
                if known is None or fact.n > known[1]:
                    stored[fact.call.id] = (fact.call, fact.n)

    frames = story.wire.frames
    hear(new_tracker("b1"), frames[: died + 1])
    again = new_tracker("b1")
    again.resume([(call, n) for call, n in stored.values() if call.ended_at is None])
    at = frames[back].at + late
    link = Frame(at, [("Event", "PbxcrmLinkUp"), ("Boot", "b1")])
    hear(again, [link, *resync(story.wire.states[back], at), *frames[back + 1 :]])
    return [call for call, _ in stored.values()]


def judged(story: Simulation, frames: list[Frame]) -> list[str]:
    """The outcomes of these events' calls with somebody outside, each held against the truth."""
    found: list[str] = []
    for call in tell(frames):
        truth = true_call(story, call)
        if truth is None or call.direction == "internal":
            continue
        assert call.ended_at, f"nothing lives any more, and this does: {call}"
        found.append(call.outcome)
        # Who answered while nobody looked is not known; who is named was the first.
        unknown = call.first_answered_by is None and any(e.event == "snapshot" for e in call.evidence)
        assert unknown or call.first_answered_by == truth.first, call
        assert call.last_answered_by in (None, truth.last), call
        assert call.outcome in ("lost", truth.outcome or call.outcome), call
    return found


def true_call(story: Simulation, call: Call) -> Truth | None:
    return next(
        (t for t in story.truths if (t.direction, t.number) == (call.direction, call.number)
         and abs(t.started_at - call.started_at) < 40), None
    )  # fmt: skip


def test_most_calls_keep_their_owner_over_a_short_gap() -> None:
    """How much a snapshot mends: the share of calls whose last talker is named after so many events were lost.

    Where somebody may have come and gone unseen nobody is named; who is named is right.
    """
    kept = dict.fromkeys(GAPS, 0)
    lives = 150
    for seed in range(lives):
        story, chance = watched(seed)
        last = len(story.wire.frames) - 1
        whole = [c.last_answered_by for c in tell(story.wire.frames) if c.direction != "internal"]
        for gap in GAPS:
            heard = chance.randrange(last)
            found = tell(cut(story, heard, min(heard + gap, last)))
            kept[gap] += [c.last_answered_by for c in found if c.direction != "internal"] == whole
    assert kept[1] >= 0.85 * lives
    assert kept[5] >= 0.75 * lives
    assert kept[20] >= 0.6 * lives
