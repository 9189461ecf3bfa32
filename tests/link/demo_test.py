"""The demo PBX, over the same link as any other."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

import pytest

from pbxcrm.ami.doctor import check
from pbxcrm.ami.link import Link
from pbxcrm.calls import events
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.calls.tracker import Tracker
from pbxcrm.demo import DEMO_PEOPLE, DemoPBX, serve_demo
from pbxcrm.demo.recording import CALLS, load
from pbxcrm.demo.stage import Pace
from tests.fakes.ami import until

pytestmark = pytest.mark.asyncio
DEVICES = [(device, name) for name, _, devices in DEMO_PEOPLE for device in devices]
FAST = Pace(speed=300)


class Watcher:
    """A link to the demo and the tracker behind it."""

    def __init__(self, demo: DemoPBX) -> None:
        self.link = Link(dataclasses.replace(demo.config, wanted=events.WANTED))
        self.tracker = Tracker(People(DEVICES), region="PL")
        self.calls: dict[str, Call] = {}
        self.names: list[str] = []
        self.items: list[str] = []
        self.responses: list[dict[str, str]] = []

    async def read(self) -> None:
        while True:
            for at, frame in await self.link.frames():
                self.names.append(frame.event)
                if frame.event == "CoreShowChannel":
                    self.items.append(frame["uniqueid"])
                if frame.event == "OriginateResponse":
                    self.responses.append(frame)
                event = events.read(frame, at)
                for fact in self.tracker.feed(event) if event is not None else ():
                    self.calls[fact.call.id] = fact.call

    def of(self, **wanted: object) -> list[Call]:
        return [c for c in self.calls.values() if all(getattr(c, k) == v for k, v in wanted.items())]


@contextlib.asynccontextmanager
async def watched(pace: Pace | None = FAST, seed: int = 7) -> AsyncIterator[tuple[DemoPBX, Watcher]]:
    demo = await serve_demo(pace=pace, seed=seed)
    watcher = Watcher(demo)
    tasks = [asyncio.create_task(watcher.link.run()), asyncio.create_task(watcher.read())]
    try:
        yield demo, watcher
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await demo.close()


async def test_calls_come_and_are_owned():
    async with watched() as (demo, w):
        await until(lambda: len([c for c in w.calls.values() if c.ended_at]) >= 12, 30)
        answered = w.of(outcome="answered", direction="inbound")
        assert len({c.first_answered_by for c in answered}) >= 2
        assert {c.first_answered_by for c in answered} <= {"alice", "bob", "carol", "dave"}
        assert len({c.number for c in w.calls.values() if c.direction == "inbound"}) >= 5
        assert demo.host == "127.0.0.1"


async def test_the_first_calls_come_at_once_and_at_a_human_pace():
    async with watched(pace=None) as (_demo, w):
        await until(lambda: w.of(direction="inbound"), 3)  # the real pace: the first phone rings within seconds
        assert all(c.answered_at is None for c in w.calls.values())


async def test_somebody_who_comes_late_is_told_what_is_alive():
    async with watched(pace=Pace(speed=20)) as (demo, _first):
        await until(lambda: len(demo.stage.channels) >= 4)
        late = Watcher(demo)
        tasks = [asyncio.create_task(late.link.run()), asyncio.create_task(late.read())]
        try:
            await until(lambda: "PbxcrmSnapshotEnd" in late.names)
            assert len(late.items) >= 3
            assert len(await late.link.action("CoreShowChannels")) == len(demo.stage.channels) + 2
            await until(lambda: late.calls)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_table_of_channels_empties_with_the_calls():
    async with watched(pace=Pace(speed=300, between=(1e9, 1e9))) as (demo, w):
        await until(lambda: w.names.count("Hangup") >= 4 and not demo.stage._plays)
        assert not demo.stage.channels
        assert not demo.stage.began
        await until(lambda: not list(w.tracker.lives()))
        assert all(call.ended_at for call in w.calls.values())


@pytest.mark.parametrize("number", ["+442079460999", "+14165550142"])
async def test_click_to_call_rings_that_phone_and_dials_that_number(number):
    async with watched(pace=Pace(speed=300, opening=1e9, between=(1e9, 1e9))) as (demo, w):
        await until(lambda: w.link.state.up and not demo.stage.channels and w.of(direction="inbound"))
        outcome = await w.link.originate(
            "PJSIP/103", "pbxcrm-out", number, f"<{number}>", 30_000, {"PBXCRM": "9"}, "dial-9"
        )
        assert outcome.state == "queued"
        await until(lambda: [c for c in w.of(direction="outbound") if c.ended_at])
        (call,) = w.of(direction="outbound")
        assert call.number == number
        assert call.linkedids == ("dial-9",) or "dial-9" in str(call)
        assert w.responses[0]["actionid"] == "dial-9"
        assert call.first_answered_by in ("carol", None)


async def test_a_phone_that_is_not_there():
    async with watched(pace=Pace(speed=300, opening=1e9, between=(1e9, 1e9))) as (_demo, w):
        await until(lambda: w.link.state.up)
        assert (await w.link.originate("PJSIP/999", "c", "+49", "", 1000, {}, "dial-1")).state == "queued"
        await until(lambda: w.responses)
        assert w.responses[0]["response"] == "Failure"
        assert (await w.link.originate("DAHDI/1", "c", "+49", "", 1000, {}, "dial-2")).state == "refused"


async def test_the_doctor_finds_nothing_wrong():
    demo = await serve_demo(pace=FAST)
    try:
        findings = await check(dataclasses.replace(demo.config, wanted=events.WANTED), watch=0.3)
        assert [f for f in findings if not f.ok] == []
        wrong = await check(dataclasses.replace(demo.config, secret="wrong"), watch=0.1)
        assert "refuses the AMI user" in wrong[0].what
    finally:
        await demo.close()


async def test_a_client_that_never_reads_is_dropped_and_the_others_go_on():
    async with watched(pace=Pace(speed=300, between=(0.5, 0.5))) as (demo, w):
        await until(lambda: w.link.state.up)
        _reader, writer = await asyncio.open_connection(demo.host, demo.port, limit=1024)
        writer.write(
            f"Action: Login\r\nUsername: {demo.username}\r\nSecret: {demo.secret}\r\nEvents: on\r\n\r\n".encode()
        )
        await until(lambda: sum(client.events for client in demo._clients) == 2)
        stuck = next(
            c for c in demo._clients if c.writer.get_extra_info("peername") == writer.get_extra_info("sockname")
        )
        headers = list(load(CALLS[0]).steps[0].headers)
        while stuck in demo._clients:
            for _ in range(200):
                demo.send([*headers, ("Padding", "x" * 4000)])
            await asyncio.sleep(0)
        assert w.link.state.up
        writer.transport.abort()


async def test_rubbish_and_strangers():
    demo = await serve_demo(pace=FAST)
    try:
        reader, writer = await asyncio.open_connection(demo.host, demo.port)
        writer.write(b"Action: Originate\r\nChannel: PJSIP/101\r\nExten: 1\r\n\r\nAction: CoreShowChannels\r\n\r\n")
        answer = await reader.readuntil(b"\r\n\r\n") + await reader.readuntil(b"\r\n\r\n")
        assert answer.count(b"Permission denied") == 2
        writer.write(b"x" * 100_000)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        await until(lambda: not demo._clients)
        writer.close()
        assert not demo.stage.channels
    finally:
        await demo.close()
