"""A running link with quick intervals, and all that it said."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from pbxcrm.ami.frames import Frame
from pbxcrm.ami.link import Batch, Link, LinkConfig, LinkState
from tests.fakes.ami import FakeAmi, until

try:
    import uvloop
except ImportError:  # an extra: where it is installed, pbxcrm runs on it
    LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
else:
    LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Every test of the link runs on each event loop that there is: their transports differ."""
    return LOOPS


WANTED = frozenset({"Newchannel", "DialBegin", "DialEnd", "Hangup", "Mark"})


def quick(fake: FakeAmi, **changes: Any) -> LinkConfig:
    """A configuration for the fake, with times for tests."""
    config = LinkConfig(
        "127.0.0.1",
        fake.port,
        fake.username,
        fake.secret,
        wanted=WANTED,
        ping_every=0.05,
        silence=5,
        connect_timeout=5,
        action_timeout=5,
        backoff_first=0.01,
        backoff_max=0.05,
        resync_every=0.01,
    )
    return dataclasses.replace(config, **changes)


class Harness:
    """A link that runs, and what came out of it."""

    def __init__(self, config: LinkConfig, consume: bool, tap: Callable[[bytes], None] | None) -> None:
        self.states: list[LinkState] = []
        self.batches: list[Batch] = []
        self.link = Link(config, self.states.append, tap)
        self.task = asyncio.create_task(self.link.run())
        self.consumer = asyncio.create_task(self._consume()) if consume else None

    async def _consume(self) -> None:
        while True:
            self.batches.append(await self.link.frames())

    @property
    def frames(self) -> list[Frame]:
        """Every frame so far."""
        return [frame for batch in self.batches for _, frame in batch]

    @property
    def names(self) -> list[str]:
        """The events' names so far."""
        return [frame.event for frame in self.frames]

    async def up(self, times: int = 1) -> None:
        """Wait until the link has been up so many times, with its snapshot done."""
        await until(lambda: self.task.done() or self.names.count("PbxcrmSnapshotEnd") >= times)
        assert not self.task.done(), self.task

    def patience(self, seconds: float) -> None:
        """How long this connection waits for an answer from now on: short only where none will come."""
        assert self.link._session
        self.link._session.config = dataclasses.replace(self.link.config, action_timeout=seconds)

    async def saw(self, name: str, times: int = 1) -> None:
        """Wait for an event."""
        await until(lambda: self.names.count(name) >= times)


@contextlib.asynccontextmanager
async def running(
    fake: FakeAmi, *, consume: bool = True, tap: Callable[[bytes], None] | None = None, **changes: Any
) -> AsyncIterator[Harness]:
    """A link to the fake that ends with the test."""
    harness = Harness(quick(fake, **changes), consume, tap)
    try:
        yield harness
    finally:
        for task in (harness.task, harness.consumer):
            if task:
                task.cancel()
        await asyncio.gather(*(t for t in (harness.task, harness.consumer) if t), return_exceptions=True)


@pytest.fixture
def warnings_of(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The link's log lines of level warning and above, so far."""
    caplog.set_level("DEBUG")
    return lambda: [r.getMessage() for r in caplog.records if r.name == "pbxcrm.ami" and r.levelno >= 30]
