"""More than we can take: it is shed, memory stays bounded, and after a snapshot we know what is true."""

import asyncio
import gc
import tracemalloc

import pytest

from pbxcrm.calls import events
from pbxcrm.follow import Follower
from tests.fakes.ami import fake_ami, frame, until
from tests.link.conftest import running
from tests.process.away_test import RECORDING, alive, bytes_of, story
from tests.unit.calls.goldens import facts

pytestmark = pytest.mark.asyncio

FLOOD = b"".join(
    frame(Event="Newstate", Uniqueid=f"9.{n}", Channel=f"PJSIP/x-{n}", ChannelState="4") for n in range(500)
)


async def nothing(_facts: object) -> None:
    """Where facts go that nobody wants."""


async def test_a_flood_of_what_is_wanted_is_shed_and_then_the_truth_is_known() -> None:
    heard = story(0)
    half = len(heard) // 2
    truth = RECORDING.tracker()
    facts(heard[:half], truth)
    (living,) = [life for life in truth.lives() if life.customer is not None]
    assert living.talking
    async with fake_ami() as fake, running(fake, consume=False, buffer=2000, wanted=events.WANTED) as h:
        await until(lambda: fake.live and h.link._session and h.link._session._snapshot_done)
        tracker = RECORDING.tracker()
        follower = Follower(h.link, tracker, nothing)
        await fake.send(FLOOD * 5)
        await h.link.action("Ping")
        gc.collect()
        tracemalloc.start()
        try:
            await fake.send(bytes_of(heard[:half]))
            for _ in range(100):  # 50,000 events while nobody takes them
                await fake.send(FLOOD)
                await fake.live[0].writer.drain()
            await h.link.action("Ping")
            assert h.link._buffer._shed > 50_000
            assert tracemalloc.get_traced_memory()[0] < 4_000_000
        finally:
            tracemalloc.stop()
        fake.channels = alive(heard[:half])
        reading = asyncio.create_task(follower.read())
        await until(lambda: any(life.talking for life in tracker.lives()), 30)
        (found,) = [life for life in tracker.lives() if life.customer is not None]
        assert (found.number, found.talking) == (living.number, living.talking)
        assert len(fake.connections) == 1  # the link has not been lost for it
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
