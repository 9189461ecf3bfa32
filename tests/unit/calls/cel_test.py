"""CEL beyond one recording: thousands of calls in one stream, beginnings and ends that nobody wrote, restarts."""

import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbxcrm.calls.cel import HORIZON, Cel
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from tests.unit.calls.cel_rows import FLOWS, GOLDEN, read, rows_of, truth_of

ANSWERED = FLOWS / "inbound" / "inbound_answered.cel.csv"
KILLED = FLOWS / "restart" / "pbx_killed_in_call.cel.csv"
DEVICES = truth_of(ANSWERED)["devices"]
PEOPLE = People(DEVICES.items())


def told(call: Call) -> tuple[object, ...]:
    return (call.direction, call.number, call.outcome, call.first_answered_by, call.last_answered_by,
            tuple(sorted(call.rang)), tuple((t.kind, t.by, t.to) for t in call.transfers), len(call.talks))  # fmt: skip


def moved(path: Path, number: int, begin: float) -> Iterator[dict[str, str]]:
    """A recording's rows at another time, its channels and bridges of another system."""
    rows = list(rows_of(path))
    first = float(rows[0]["eventtime"])
    for one in rows:
        one["eventtime"] = f"{float(one['eventtime']) - first + begin:.6f}"
        for name in ("uniqueid", "linkedid"):
            one[name] = f"pbx{number}-{one[name]}"
        one["extra"] = (
            one["extra"].replace('uniqueid":"', f'uniqueid":"pbx{number}-').replace('_id":"', f'_id":"{number}-')
        )
        yield one


def test_calls_in_any_mix_are_told_apart() -> None:
    chance = random.Random(7)
    paths = [path for path in GOLDEN if path.parent.name != "restart"]
    rows = [
        one for number, path in enumerate(paths) for one in moved(path, number, 1_800_000_000 + chance.random() * 20)
    ]
    rows.sort(key=lambda one: float(one["eventtime"]))
    cel = Cel(PEOPLE, region="PL")
    mixed = sorted(repr(told(call)) for one in rows for call in cel.feed(one))
    alone = sorted(repr(told(call)) for path in paths for call in read(rows_of(path), truth_of(path)))
    assert mixed == alone
    assert cel.open == 0


def test_rows_a_little_out_of_order_say_the_same() -> None:
    """Each channel's rows come in order; those of different channels may be written a moment early or late."""
    chance = random.Random(3)
    for path in GOLDEN[::5]:
        late: defaultdict[str, float] = defaultdict(lambda: chance.random() * 0.003)
        rows = sorted(rows_of(path), key=lambda one: float(one["eventtime"]) + late[one["uniqueid"]])
        found = [told(call) for call in read(rows, truth_of(path))]
        assert sorted(map(repr, found)) == sorted(repr(told(call)) for call in read(rows_of(path), truth_of(path)))


@pytest.mark.parametrize(("name", "outcome"), [("declined", "declined"), ("busy", "busy"), ("missed", "missed")])
def test_a_phone_s_end_written_a_moment_after_its_caller_s(name: str, outcome: str) -> None:
    rows = list(rows_of(path := FLOWS / "inbound" / f"inbound_{name}.cel.csv"))
    last = max(float(one["eventtime"]) for one in rows)
    for one in rows:
        if one["eventtype"] in ("HANGUP", "CHAN_END") and one["uniqueid"] != one["linkedid"]:
            one["eventtime"] = f"{last + 0.0005:.6f}"
    rows.sort(key=lambda one: float(one["eventtime"]))
    assert [call.outcome for call in read(rows, truth_of(path))] == [outcome]


@pytest.mark.parametrize("cut", [1, 3, 7, 12])
def test_a_call_whose_beginning_was_not_written_is_passed_over(cut: int) -> None:
    cel = Cel(PEOPLE, region="PL")
    assert [call for one in list(rows_of(ANSWERED))[cut:] for call in cel.feed(one)] == []
    calls = [call for one in moved(ANSWERED, 1, 1_795_400_000) for call in cel.feed(one)]
    assert [call.outcome for call in calls] == ["answered"]


def test_an_end_that_never_comes_is_waited_for_a_day_and_no_longer() -> None:
    cel = Cel(PEOPLE, region="PL")
    for one in list(rows_of(ANSWERED))[:7]:
        assert cel.feed(one) == []
    later = moved(ANSWERED, 2, float(next(rows_of(ANSWERED))["eventtime"]) + HORIZON * 1.2)
    calls = [call for one in later for call in cel.feed(one)]
    assert [(call.outcome, call.first_answered_by) for call in calls] == [("lost", "alice"), ("answered", "alice")]
    assert cel.open == 0


def test_what_the_pbx_forgot_in_a_restart_is_lost() -> None:
    truth = truth_of(KILLED)
    outcomes = [call.outcome for call in read(rows_of(KILLED), truth)]
    assert sorted(outcomes) == sorted(call["outcome"] for call in truth["calls"])
    assert "lost" in outcomes


def test_one_system_s_restart_ends_no_other_s_calls() -> None:
    cel = Cel(PEOPLE, region="PL")
    for one in list(moved(ANSWERED, 1, 1_795_309_463))[:7]:
        assert cel.feed(one) == []
    dead = [call for one in moved(KILLED, 2, 1_795_309_464) for call in cel.feed(one)]
    assert sorted(call.outcome for call in dead) == ["answered", "lost"]
    assert all(call.uid.startswith("pbx2") for call in dead)


def numbered(path: Path, second: int, number: int, begin: float) -> list[dict[str, str]]:
    """A recording's rows at another time, its channels counted from `number` in that second."""
    rows = list(rows_of(path))
    first = float(rows[0]["eventtime"])
    known = list(dict.fromkeys(one["uniqueid"] for one in rows))
    for one in rows:
        one["eventtime"] = f"{float(one['eventtime']) - first + begin:.6f}"
        one["uniqueid"] = f"{second}.{number + known.index(one['uniqueid'])}"
        one["linkedid"] = f"{second}.{number + known.index(one['linkedid'])}"
        one["extra"] = one["extra"].replace('_id":"', f'_id":"{number}-')
    return rows


def test_a_restart_within_the_second_of_the_last_channel() -> None:
    cel = Cel(PEOPLE, region="PL")
    for one in numbered(ANSWERED, 1_795_369_673, 117, 1_795_369_673.1)[:7]:
        assert cel.feed(one) == []
    back = numbered(ANSWERED, 1_795_369_673, 0, 1_795_369_673.9)
    later = numbered(ANSWERED, 1_795_369_674, 8, 1_795_369_674.1)
    calls = [call for one in (*back[:7], *later, *back[7:]) for call in cel.feed(one)]
    assert [(call.uid[-5:], call.outcome) for call in calls] == [
        ("3.117", "lost"),
        ("674.8", "answered"),
        ("673.0", "answered"),
    ]


def test_a_hundred_channels_of_one_second_come_in_any_order() -> None:
    cel = Cel(PEOPLE, region="PL")
    parts = [numbered(ANSWERED, 1_795_369_673, number, 1_795_369_673.1) for number in range(400, 200, -2)]
    calls = [call for rows in (*(part[:7] for part in parts), *(part[7:] for part in parts)) for one in rows
             for call in cel.feed(one)]  # fmt: skip
    assert [call.outcome for call in calls] == ["answered"] * 100


def test_a_hundred_thousand_rows_leave_nothing() -> None:
    cel = Cel(PEOPLE, region="PL")
    calls = 0
    for number in range(3_000):
        for one in moved(ANSWERED, number, 1_800_000_000 + number * 7):
            calls += len(cel.feed(one))
    assert (calls, cel.open) == (3_000, 0)
    assert len(cel._gone) <= 20_000
    assert not cel._groups


@pytest.mark.parametrize("extra", ["", "{", "null", '{"bridge_id": 7}', '["bridge_id"]', '{"bridge_id": {"a": 1}}'])
def test_an_extra_that_is_no_object_of_words_stops_nothing(extra: str) -> None:
    rows = [one | {"extra": extra if one["extra"] else ""} for one in rows_of(ANSWERED)]
    assert [call.number for call in read(rows, truth_of(ANSWERED))] == ["+48225550101"]


def test_a_row_without_its_columns_stops_nothing() -> None:
    cel = Cel(PEOPLE)
    assert cel.feed({}) == []
    assert cel.feed({"eventtime": "1", "uniqueid": ""}) == []
    for kind in ("CHAN_START", "PICKUP", "FORWARD", "ATTENDEDTRANSFER", "BLINDTRANSFER", "PARK_START", "PARK_END"):
        assert cel.feed({"eventtime": "1", "uniqueid": "x", "eventtype": kind}) == []
    assert len(cel.feed({"eventtime": "2", "uniqueid": "x", "eventtype": "CHAN_END"})) <= 1
