"""Random lives of calls, and the right answer each time: PBXCRM_LIVES=10000 for as many, a few hundred else."""

import itertools
import os
import random
import time
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxcrm.calls import events as ev
from pbxcrm.calls.switch import End, Switch
from pbxcrm.calls.tracker import Tracker
from tests.unit.calls.judge import differences, tell
from tests.unit.calls.office import tracker
from tests.unit.calls.simulator import Simulation, life
from tests.unit.calls.wire import START, Ids

LIVES = int(os.environ.get("PBXCRM_LIVES", "300"))
CHOICES = st.binary(min_size=250, max_size=250)
MANY = settings(
    max_examples=LIVES, deadline=None, derandomize=LIVES <= 1000, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


def random_life(seed: int) -> Simulation:
    return life(random.Random(seed).randbytes(300))


@MANY
@given(CHOICES)
def test_the_tracker_tells_the_truth_of_every_life(choices: bytes) -> None:
    story = life(choices)
    problems = differences(tell(story.wire.frames), story.truths)
    assert not problems, "\n".join(problems)


@pytest.mark.timeout(1200)
def test_the_tracker_tells_the_truth_of_many_long_lives() -> None:
    """Hypothesis likes short lives; these are as long as they come."""
    for seed in range(LIVES):
        story = random_life(seed)
        problems = differences(tell(story.wire.frames), story.truths)
        assert not problems, f"life {seed}:\n" + "\n".join(problems)


@pytest.mark.timeout(1200)
def test_of_many_calls_through_one_tracker_nothing_is_kept() -> None:
    """Several in one stream, with the same people and numbers: each its own answer, and all let go in the end."""
    watching, chance = tracker(), random.Random(1)
    ids, at = Ids(), START
    for turn in range(LIVES // 3):
        stories = [life(chance.randbytes(300), ids, at + chance.random() * 60) for _ in range(3)]
        frames = sorted((frame for story in stories for frame in story.wire.frames), key=lambda frame: frame.at)
        told = tell(frames, watching)
        problems = differences(told, [truth for story in stories for truth in story.truths])
        assert not problems, f"turn {turn}:\n" + "\n".join(problems)
        at = frames[-1].at + 60
    book = watching.book
    kept = [book.lives, book.talked, book.legs, book.masked, book.held, book.facts, book.switch.channels,
            book.switch.bridges, book.switch.merged, book.switch._halves]  # fmt: skip
    assert not any(kept)


def test_what_happens_in_these_lives() -> None:
    """The simulator would prove nothing if it never did what is hard."""
    seen: set[str] = set()
    for seed in range(150):
        story = random_life(seed)
        seen |= {frame.name for frame in story.wire.frames}
        seen |= {str(truth.outcome) for truth in story.truths}
        seen |= {f"{truth.direction}" for truth in story.truths}
        seen |= {kind for truth in story.truths for kind, _, _ in truth.transfers or []}
    assert seen >= {"BridgeMerge", "Rename", "LocalOptimizationBegin", "Pickup", "ParkedCall", "UnParkedCall",
                    "ParkedCallTimeOut", "ParkedCallGiveUp", "QueueCallerAbandon", "AttendedTransfer", "BlindTransfer",
                    "OriginateResponse", "Newexten"}  # fmt: skip
    assert seen >= {"answered", "missed", "abandoned", "busy", "declined", "failed", "voicemail"}
    assert seen >= {"inbound", "outbound", "internal", "blind", "attended", "pickup", "park", "forward"}


# ---- faults planted in the tracker are found


def forget_local_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Switch, "pair", lambda *_args: None)


def trust_dial_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever's phone a DialEnd ANSWER names talks with the customer."""
    right = Tracker._dial_end

    def dial_end(self: Tracker, e: ev.DialEnd) -> None:
        dest = self.book.switch.channels.get(e.dest.uid)
        found = self.book.legs.get(e.dest.uid)
        right(self, e)
        if e.status == "ANSWER" and dest is not None and dest.user and found is not None:
            found.set_talk({dest.user: End(dest, dest.user, dest.device, None)}, e.at, "DialEnd")

    monkeypatch.setattr(Tracker, "_dial_end", dial_end)


def ignore_bridge_merge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Switch, "merge", lambda *_args: None)


def ignore_masquerade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tracker, "_rename", lambda *_args: None)


def key_on_linkedid(monkeypatch: pytest.MonkeyPatch) -> None:
    """The channels of a call are those that bear its Linkedid."""
    right = Switch.ends
    monkeypatch.setattr(
        Switch, "ends", lambda self, start: (e for e in right(self, start) if e.channel.linkedid == start.linkedid)
    )


FAULTS = [forget_local_pairs, trust_dial_end, ignore_bridge_merge, ignore_masquerade, key_on_linkedid]


@pytest.mark.timeout(90)
@pytest.mark.parametrize("plant", FAULTS, ids=lambda f: f.__name__)
def test_a_planted_fault_is_found_within_a_minute(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    began = time.perf_counter()
    for seed in itertools.count():
        story = random_life(seed)
        if differences(tell(story.wire.frames), story.truths):
            break
        assert time.perf_counter() - began < 60, f"{plant.__name__}: not found in {seed} lives"
