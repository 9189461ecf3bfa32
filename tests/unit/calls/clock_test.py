"""Clocks: the hour that comes twice, and a PBX whose clock is set back in the middle of a call."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.unit.calls.office import Office


@pytest.mark.parametrize("back", [1.0, 60.0, 3600.0])
@pytest.mark.parametrize("while_it", ["rings", "talks"])
def test_a_clock_set_back_in_mid_call_makes_nothing_negative(back: float, while_it: str) -> None:
    o = Office()
    if while_it == "rings":
        trunk = o.customer()
        alice = o.calls_phone(trunk, "PJSIP/101")
        o.now -= back
        o.join(alice, trunk)
    else:
        trunk, alice, _ = o.talk()
        o.now -= back
    o.gone(alice, trunk)
    call = o.call
    assert call.outcome == "answered"
    assert call.ended_at is not None
    assert call.ended_at >= call.started_at
    assert call.talk_seconds >= 0
    assert all(talk.end is not None and talk.end >= talk.start for talk in call.talks)


@pytest.mark.parametrize(
    ("zone", "moment"),
    [
        ("Europe/Warsaw", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("Asia/Tehran", datetime(2021, 9, 21, 19, 0, tzinfo=UTC)),
    ],
)
def test_over_the_hour_that_comes_twice_a_talk_is_as_long_as_it_was(zone: str, moment: datetime) -> None:
    o = Office()
    o.now = moment.timestamp()
    trunk, alice, _ = o.talk()
    o.wait(3600)
    o.gone(alice, trunk)
    call = o.call
    assert call.talks[0].end is not None
    assert 3600 <= call.talk_seconds < 3660
    begun, over = (datetime.fromtimestamp(at, ZoneInfo(zone)) for at in (call.talks[0].start, call.talks[0].end))
    assert begun.hour == over.hour  # the clock on the wall shows the same hour again
    assert begun.fold != over.fold
