"""50,000 events a second for ten seconds through the link: how late our loop is, what it holds, what it knows after.

A process of its own sends as fast as it is told, half of it noise that nobody wants, half what a call is told by; calls
go on beneath. And a frame of one MiB in segments of 1,460 bytes.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from pbxcrm.ami.errors import BadStream
from pbxcrm.ami.frames import FrameReader
from pbxcrm.ami.link import Batch, Link, LinkConfig
from pbxcrm.calls import events
from pbxcrm.calls.tracker import Tracker
from pbxcrm.follow import Follower
from tests.fakes.ami import FakeAmi, fake_ami, frame, until
from tests.process.away_test import RECORDING, alive, bytes_of, story
from tests.unit.calls.goldens import facts

RATE, SECONDS, TICK = 50_000, 10.0, 0.01
NOISE = "".join(f"Event: VarSet\r\nUniqueid: 9.{n}\r\nVariable: X\r\nValue: {n}\r\n\r\n" for n in range(50)).encode()
WANTED = b"".join(
    frame(Event="Newstate", Uniqueid=f"9.{n}", Channel=f"PJSIP/x-{n}", ChannelState="4") for n in range(50)
)
HEAD = (
    "| events/s sent | lag p50 ms | p99 ms | max ms | memory before MiB | at most MiB | shed | truth after a resync |\n"
    "| --: | --: | --: | --: | --: | --: | --: | :-- |\n"
)
GIANT = "A frame of 1 MiB in segments of 1,460 bytes:"


class Counted:
    """A link whose shed events are counted."""

    def __init__(self, link: Link) -> None:
        self.shed = 0
        self._link = link

    async def frames(self) -> Batch:
        batch = await self._link.frames()
        self.shed += batch.shed
        return batch


def run() -> str:
    """The figures, as Markdown."""
    return asyncio.run(_run())


async def _run() -> str:
    sender = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.flood"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert sender.stdin is not None
    assert sender.stdout is not None
    port = int(await sender.stdout.readline())
    link = Link(LinkConfig("127.0.0.1", port, "crm", "canary-secret-7Q", wanted=events.WANTED))
    tracker = RECORDING.tracker()
    counted = Counted(link)
    follower = Follower(counted, tracker, _nothing)  # type: ignore[arg-type]
    lags: list[float] = []
    before = _rss()
    tasks = [asyncio.create_task(work) for work in (link.run(), follower.read(), _probe(lags))]
    await until(lambda: link.state.up, 30)
    lags.clear()
    sender.stdin.write(b"go\n")
    sent, spent = (await sender.stdout.readline()).split()
    told, most = sorted(lags), _rss("VmHWM")
    link.resync()  # whatever was made up in the flood, the PBX's own list puts it right
    await until(lambda: _known(tracker) == _truth(), 60)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    sender.stdin.close()
    await sender.wait()
    p50, p99 = (1000 * told[int(len(told) * share)] for share in (0.5, 0.99))
    spread = f"{p50:.1f} | {p99:.1f} | {1000 * told[-1]:.1f}"
    figures = f"{int(sent) / float(spent):,.0f} | {spread} | {before / 1024:.0f} | {most / 1024:.0f} | {counted.shed:,}"
    return f"{HEAD}| {figures} | yes |\n\n{GIANT} {_giant():.1f} ms until it is refused."


def _known(tracker: Tracker) -> list[tuple[object, ...]]:
    """Who talks with whom, by the tracker."""
    return sorted(((life.number, life.talking) for life in tracker.lives() if life.customer is not None), key=repr)


def _truth() -> list[tuple[object, ...]]:
    tracker = RECORDING.tracker()
    facts(_heard(), tracker)
    return _known(tracker)


def _heard() -> list[dict[str, str]]:
    whole = story(0)
    return whole[: len(whole) // 2]


async def _nothing(_facts: object) -> None:
    """Where facts go that nobody wants."""


async def _probe(lags: list[float]) -> None:
    while True:
        due = time.perf_counter() + 0.005
        await asyncio.sleep(0.005)
        lags.append(time.perf_counter() - due)


def _rss(name: str = "VmRSS") -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name + ":")))


def _giant() -> float:
    """Milliseconds for one frame of a MiB."""
    data = b"Event: Newchannel\r\nX: " + b"x" * 2**20 + b"\r\n\r\n"
    began, reader = time.perf_counter(), FrameReader(None)
    try:
        for at in range(0, len(data), 1460):
            list(reader.feed(data[at : at + 1460]))
    except BadStream:
        pass
    return 1000 * (time.perf_counter() - began)


# ---- the other process


async def _send() -> None:
    async with fake_ami() as fake:
        sys.stdout.write(f"{fake.port}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        await until(lambda: fake.live, 30)
        heard = _heard()
        await fake.send(bytes_of(heard))
        fake.channels = alive(heard)
        sent, spent = await _flood(fake)
        sys.stdout.write(f"{sent} {spent}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


async def _flood(fake: FakeAmi) -> tuple[int, float]:
    """Events sent, and the seconds they took: each tick what is due by then."""
    began, sent = time.monotonic(), 0
    writer = fake.live[0].writer
    while (spent := time.monotonic() - began) < SECONDS:
        while sent < RATE * spent:
            writer.write(NOISE + WANTED)
            sent += 100
        await writer.drain()
        await asyncio.sleep(TICK)
    return sent, time.monotonic() - began


if __name__ == "__main__":
    asyncio.run(_send())
