"""The follower: events in, batches of facts out, nothing lost and nothing stale."""

import asyncio
from collections.abc import Sequence

import pytest

from pbxcrm.ami.buffer import Batch
from pbxcrm.ami.frames import FrameReader
from pbxcrm.calls.facts import Fact
from pbxcrm.calls.people import People
from pbxcrm.calls.tracker import Tracker
from pbxcrm.demo.recording import load
from pbxcrm.follow import Follower, lasting
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.watch import Histogram
from tests.fakes.ami import until
from tests.store.office import Caller


def test_of_who_rings_only_the_last_is_told() -> None:
    one, other = Caller("+48600100200", "1.1"), Caller("+48600100300", "1.2")
    first, second, third = one.rings("alice"), one.rings("alice", "bob"), other.rings("alice")
    assert lasting([first, third, second]) == [third, second]
    answered, over = one.answers("bob"), one.ends()
    assert lasting([second, answered, over]) == [answered, over]
    assert lasting([answered, one.rings()])[0] is answered
    assert lasting([]) == []


class Wire:
    """A link that gives a recording's frames in one read."""

    def __init__(self, name: str) -> None:
        steps = load(name).steps
        data = "".join("".join(f"{k}: {v}\r\n" for k, v in step.headers) + "\r\n" for step in steps)
        self._frames = FrameReader(None).feed(b"Asterisk Call Manager/11.0.0\r\n" + data.encode())

    async def frames(self) -> Batch:
        frames, self._frames = self._frames, []
        if not frames:
            await asyncio.Future()
        return Batch([(0.0, frame) for frame in frames])


class Store:
    """What was written; it may be away for some tries."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.written: list[Fact] = []
        self.over = asyncio.Event()

    async def apply(self, facts: Sequence[Fact]) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("The database is away.")
        self.written += facts
        if any(fact.kind == "ended" for fact in facts):
            self.over.set()


@pytest.mark.asyncio
@pytest.mark.parametrize("away", [0, 2])
async def test_what_came_is_written_in_order_also_after_the_database_was_away(
    away: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbxcrm.follow._RETRY", 0.0)
    tracker = Tracker(People([("PJSIP/101", "alice"), ("PJSIP/102", "bob"), ("PJSIP/103", "carol")]), region="PL")
    store = Store(away)
    follower = Follower(Wire("group_second_answers"), tracker, store.apply)  # type: ignore[arg-type]
    tasks = [asyncio.create_task(follower.read()), asyncio.create_task(follower.write())]
    async with asyncio.timeout(10):
        await store.over.wait()
    await until(lambda: follower.backlog == 0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [fact.kind for fact in store.written] == ["answered", "ended"]
    assert store.written[-1].call.rang == ("alice", "bob", "carol")
    # Each event that said something was counted once, when it was written; in this recording all came in 1970.
    assert follower.latency.count == follower.latency.buckets()["+Inf"] >= 2
    assert follower.latency.buckets()["60"] == 0


def test_a_histogram_counts_up_to_its_bounds() -> None:
    taken = Histogram((0.1, 1))
    for seconds in (0.1, 0.05, 0.2, 5, -3):
        taken.observe(seconds)
    assert taken.buckets() == {"0.1": 3, "1": 4, "+Inf": 5}
    assert (taken.count, taken.sum) == (5, pytest.approx(5.35))
