"""The recorded calls cut, mixed, maimed and fed twice: what must not change, does not.

PBXCRM_LIVES=10000 tries all of them in each way; without it, some.
"""

import itertools
import os
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbxcrm.ami.frames import FrameReader
from pbxcrm.calls import events
from pbxcrm.calls.model import Call
from tests.unit.calls.goldens import Headers, Recording, answers, calls, facts, recordings, renamed, right

ALL = int(os.environ.get("PBXCRM_LIVES", "300")) >= 10_000
RECORDINGS = recordings()
WHOLE = tuple(r for r in RECORDINGS if not r.restarts)
TRIES = 4000 if ALL else 80
some = settings(max_examples=TRIES, deadline=None, derandomize=not ALL, database=None)
each = pytest.mark.parametrize("recording", RECORDINGS, ids=lambda r: r.name)


def customers(found: list[Call]) -> list[Call]:
    return [call for call in found if call.direction != "internal"]


def assert_nobody_wrong(found: list[Call], recording: Recording) -> None:
    """Of what is known of a maimed stream, nothing is wrong: no person who did not talk, no owner but one who did."""
    for call in customers(found):
        true = recording.talkers(call.number) | {None}
        told = {talk.user for talk in call.talks} | {call.first_answered_by, call.last_answered_by}
        assert told <= true, f"{recording.name}: {told - true} did not talk with {call.number}"


# ---- the same bytes, otherwise


@each
def test_fed_twice_it_says_the_same_again(recording: Recording) -> None:
    first, second = recording.tracker(), recording.tracker()
    told = facts(recording.frames, first)
    assert told == facts(recording.frames, second)
    if not recording.restarts:  # nor does one who has seen it say anything else: the same ids, the same numbers
        again = facts(recording.frames, first)
        assert [(f.kind, f.n, f.call.id) for f in again] == [(f.kind, f.n, f.call.id) for f in told]


@each
def test_nothing_is_kept_of_calls_that_are_over(recording: Recording) -> None:
    tracker = recording.tracker()
    facts(recording.frames, tracker)
    book = tracker.book
    if not tracker.lives():
        kept = [book.lives, book.talked, book.legs, book.masked, book.held, book.switch.channels, book.switch.bridges,
                book.switch.merged]  # fmt: skip
        assert not any(kept)


@some
@given(st.sampled_from(RECORDINGS), st.lists(st.integers(0, 40_000), max_size=12))
def test_the_bytes_may_be_split_anywhere(recording: Recording, cuts: list[int]) -> None:
    data = recording.path.read_bytes()
    reader = FrameReader(frozenset(name.encode() for name in events.WANTED))
    edges = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    found = [dict(frame) for a, b in itertools.pairwise(edges) for frame in reader.feed(data[a:b])]
    assert found == recording.frames


@some
@given(st.sampled_from(WHOLE), st.randoms(use_true_random=False))
def test_unknown_events_mixed_in_change_nothing(recording: Recording, chance: random.Random) -> None:
    odd = ({"event": "VarSet", "uniqueid": "1"}, {"event": "TestEvent"}, {}, {"event": ""}, {"response": "Success"},
           {"event": "DeviceStateChange", "state": "INUSE"}, {"event": "RTCPSent"})  # fmt: skip
    mixed: list[Headers] = []
    for frame in recording.frames:
        mixed += [chance.choice(odd)] * chance.randrange(3)
        mixed.append(frame)
    assert answers(calls(mixed, recording.tracker())) == right(recording)


@each
def test_uniqueids_may_bear_the_name_of_their_system(recording: Recording) -> None:
    if not recording.restarts:  # there ids repeat, and are told apart by the names of their channels
        assert answers(calls(renamed(recording.frames, "pbx1"), recording.tracker())) == right(recording)


@each
def test_without_the_pbxs_clock_all_but_the_times_is_the_same(recording: Recording) -> None:
    frames = [{k: v for k, v in frame.items() if k != "timestamp"} for frame in recording.frames]
    found = calls(frames, recording.tracker())
    if not recording.restarts:
        whole = calls(recording.frames, recording.tracker())
        assert answers(found, times=False) == answers(whole, times=False)
    assert_nobody_wrong(found, recording)


# ---- several calls in one stream


def interleaved(streams: list[list[Headers]], chance: random.Random) -> Iterator[Headers]:
    """Each keeps its own order."""
    waiting = [iter(stream) for stream in streams]
    while waiting:
        turn = chance.choice(waiting)
        for _ in range(chance.randrange(1, 6)):
            frame = next(turn, None)
            if frame is None:
                waiting.remove(turn)
                break
            yield frame


@some
@given(st.lists(st.sampled_from(WHOLE), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_calls_told_in_one_stream_do_not_touch(chosen: list[Recording], chance: random.Random) -> None:
    """Not even with the same phones, the same numbers and times."""
    chosen = [r for r in chosen if r.devices == chosen[0].devices]
    streams = [
        [frame for frame in renamed(r.frames, f"{i:02d}") if frame.get("event") != "FullyBooted"]
        for i, r in enumerate(chosen)
    ]
    found = calls(interleaved(streams, chance), chosen[0].tracker())
    assert answers(found) == sorted((a for r in chosen for a in right(r)), key=repr)


# ---- what is lost


@some
@given(st.sampled_from(RECORDINGS), st.randoms(use_true_random=False))
def test_a_header_lost_anywhere_raises_nothing_and_names_nobody_wrong(
    recording: Recording, chance: random.Random
) -> None:
    for _ in range(8):
        frames = list(recording.frames)
        place = chance.randrange(len(frames))
        keys = [key for key in frames[place] if key != "event"]
        if keys:
            lost = chance.choice(keys)
            frames[place] = {k: v for k, v in frames[place].items() if k != lost}
            assert_nobody_wrong(calls(frames, recording.tracker()), recording)


@some
@given(st.sampled_from(RECORDINGS), st.randoms(use_true_random=False))
def test_headers_lost_everywhere_raise_nothing(recording: Recording, chance: random.Random) -> None:
    """A PBX that leaves out one header in ten, each time another: anything may be unknown, nothing may break."""
    frames = [{k: v for k, v in frame.items() if k == "event" or chance.random() < 0.9} for frame in recording.frames]
    calls(frames, recording.tracker())


@some
@given(st.sampled_from(RECORDINGS), st.randoms(use_true_random=False))
def test_an_event_lost_anywhere_names_nobody_wrong(recording: Recording, chance: random.Random) -> None:
    for _ in range(8):
        frames = list(recording.frames)
        del frames[chance.randrange(len(frames))]
        assert_nobody_wrong(calls(frames, recording.tracker()), recording)


@each
def test_cut_anywhere_it_says_what_it_knows(recording: Recording) -> None:
    """The stream ends in mid-call, or begins there: nothing raises, and nobody is named who did not talk."""
    step = 1 if ALL else 9
    for place in range(0, len(recording.frames), step):
        assert_nobody_wrong(calls(recording.frames[:place], recording.tracker()), recording)
        assert_nobody_wrong(calls(recording.frames[place:], recording.tracker()), recording)


# ---- told anew what lives


def listing(recording: Recording, upto: int) -> list[Headers]:
    """What CoreShowChannels says after so many events, between the link's two marks."""
    reference = recording.tracker()
    facts(recording.frames[:upto], reference)
    stamp = next((f["timestamp"] for f in reversed(recording.frames[:upto]) if "timestamp" in f), "0")
    named = [
        {
            "event": "CoreShowChannel", "timestamp": stamp, "channel": c.name, "uniqueid": c.uid,
            "linkedid": c.linkedid, "channelstate": c.state, "calleridnum": c.number, "exten": c.exten,
            "bridgeid": c.bridge.id if c.bridge else "", "application": "AppDial" if c.was_dialled else "Dial",
        }
        for c in reference.book.switch.channels.values()
    ]  # fmt: skip
    marks = [{"event": f"PbxcrmSnapshot{mark}", "timestamp": stamp} for mark in ("Begin", "End")]
    return [marks[0], *named, marks[1]]


@some
@given(st.sampled_from(WHOLE), st.randoms(use_true_random=False))
def test_a_snapshot_anywhere_when_nothing_was_lost_changes_nothing(recording: Recording, chance: random.Random) -> None:
    place = chance.randrange(1, len(recording.frames) + 1)
    frames = [*recording.frames[:place], *listing(recording, place), *recording.frames[place:]]
    assert answers(calls(frames, recording.tracker())) == right(recording)


@some
@given(st.sampled_from(WHOLE), st.randoms(use_true_random=False))
def test_after_a_gap_and_a_snapshot_nobody_is_named_who_did_not_talk(
    recording: Recording, chance: random.Random
) -> None:
    for _ in range(4):
        heard = chance.randrange(len(recording.frames))
        now = chance.randrange(heard, len(recording.frames)) + 1
        frames = [*recording.frames[:heard], *listing(recording, now), *recording.frames[now:]]
        assert_nobody_wrong(calls(frames, recording.tracker()), recording)
