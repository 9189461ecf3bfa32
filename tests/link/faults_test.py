"""What panoramisk would do to us, and does not: one test a fault, each failing when its cure is taken out."""

import asyncio
import gc
import time
import tracemalloc

import pytest

from pbxcrm.ami.errors import ActionRefused, ActionTimeout, BadHeader, LinkDown
from pbxcrm.ami.link import Link
from pbxcrm.ami.protocol import LinkProtocol
from tests.fakes.ami import channel, fake_ami, frame, header, until
from tests.link.conftest import quick, running

pytestmark = pytest.mark.asyncio

DIAL = {
    "channel": "PJSIP/101",
    "context": "pbxcrm-dial",
    "exten": "+4930123456",
    "caller_id": '"Müller" <+4930123456>',
    "timeout_ms": 30_000,
    "variables": {"__PBXCRM_ID": "7"},
    "action_id": "dial-7",
}


async def test_letters_cut_by_a_segment_edge_arrive_whole():
    async with fake_ami(split=1) as fake, running(fake) as h:
        await h.up()
        await fake.event("Newchannel", CallerIDName="Иван Ü 李")
        await h.saw("Newchannel")
        assert h.frames[-1]["calleridname"] == "Иван Ü 李"
        assert len(fake.connections) == 1


async def test_two_event_headers_and_a_last_empty_header():
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        await fake.send(frame(("Event", "Newchannel"), ("Event", "Other"), ("AccountCode", "")))
        await fake.event("Hangup")
        await h.saw("Hangup")
        assert h.frames[-2].all("event") == ["Newchannel", "Other"]
        assert h.frames[-2]["accountcode"] == ""
        assert len(fake.connections) == 1


async def test_an_error_in_a_listener_or_a_tap_does_not_drop_the_link(caplog):
    def broken(_: object) -> None:
        raise RuntimeError("listener")

    async with fake_ami() as fake:
        link = Link(quick(fake), broken, broken)
        task = asyncio.create_task(link.run())
        try:
            await until(lambda: fake.live)
            await fake.event("Hangup")
            got: list[str] = []
            while "Hangup" not in got:
                got += [f.event for _, f in await link.frames()]
            assert len(fake.connections) == 1
            assert sum("recording" in r.getMessage() for r in caplog.records) == 1
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_garbage_drops_the_link_with_a_reason_and_it_comes_back(warnings_of):
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        await fake.event("Newchannel", Uniqueid="before")
        await fake.send(b"Event: Endless\r\n" + b"x" * 100_000)
        await h.up(2)
        assert "longer than 65536 bytes" in warnings_of()[0]
        assert [s.up for s in h.states] == [True, False, True]
        await fake.send(b"what is this\r\n\r\n" * 30)
        await h.up(3)
        assert "not AMI" in warnings_of()[1]
        assert h.names.count("Newchannel") == 1
        assert h.names.index("Newchannel") < h.names.index("PbxcrmLinkDown")
        await fake.send(b"Event: Newchannel\r\n" + b"a: b\r\n" * 600 + b"\r\n")
        await h.up(4)
        assert "more than 512 headers" in warnings_of()[2]


async def test_pings_are_sent_and_their_answers_looked_at(warnings_of):
    async with fake_ami(skew=-90.0) as fake, running(fake, silence=1) as h:
        await h.up()
        await until(lambda: h.link.skew is not None)
        assert -91 < h.link.skew < -89
        before = time.time()
        fake.silent = True
        await until(lambda: len(h.states) == 2)
        assert h.link.state.kind == "silent"
        assert before - 0.1 <= h.link.state.since <= time.time()  # when it was last heard
        assert time.time() - before < 4
        (line,) = warnings_of()
        assert "has not answered a ping for 1 s" in line
        fake.silent = False
        await h.up(2)


async def test_events_alone_are_not_an_answer_to_a_ping():
    async with fake_ami(ignored={"Ping"}) as fake, running(fake, silence=1) as h:
        await h.up()
        async with asyncio.timeout(60):
            while len(h.states) < 2:
                await fake.event("Hangup")
                await asyncio.sleep(0)
        assert h.link.state.kind == "silent"


async def test_actions_have_a_time_limit_and_a_late_answer_confuses_nobody():
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        fake.ignored.add("CoreStatus")
        h.patience(0.1)
        with pytest.raises(ActionTimeout, match=r"did not answer CoreStatus within 0\.1 s"):
            await h.link.action("CoreStatus")
        h.patience(5)
        late = header(fake.actions("CoreStatus")[-1], "ActionID")
        await fake.send(frame(Response="Success", ActionID=late, CoreStartupDate="late"))
        assert (await h.link.action("Ping"))[0]["ping"] == "Pong"
        assert len(fake.actions("CoreStatus")) == 2  # the login's, and the one given up
        assert len(fake.connections) == 1


async def test_a_list_that_stalls_is_given_up_and_one_that_only_takes_long_is_not():
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        h.patience(0.5)

        async def slow(connection, action):
            number = header(action, "ActionID")
            await connection.reply(action, "Success", EventList="start")
            start = time.monotonic()
            while time.monotonic() - start < 1:
                await connection.write(frame(Event="CoreShowChannel", ActionID=number))
                await asyncio.sleep(0.01)
            if stop:
                await connection.write(frame(Event="CoreShowChannelsComplete", EventList="Complete", ActionID=number))

        fake.on["CoreShowChannels"] = slow
        stop = True
        answer = await h.link.action("CoreShowChannels")
        assert answer[-1].event == "CoreShowChannelsComplete"
        assert len(answer) > 3
        stop = False
        with pytest.raises(ActionTimeout):
            await h.link.action("CoreShowChannels")


async def test_refusals_are_told():
    async with fake_ami(refused={"Originate", "ListCommands"}) as fake, running(fake) as h:
        await h.up()
        with pytest.raises(ActionRefused, match="Permission denied"):
            await h.link.action("ListCommands")
        outcome = await h.link.originate(**DIAL)
        assert (outcome.state, outcome.reason) == ("refused", "Permission denied")


async def test_originate_is_queued_and_its_end_comes_as_a_frame():
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        outcome = await h.link.originate(**DIAL)
        assert outcome.state == "queued"
        assert fake.actions("Originate") == [
            [
                ("Action", "Originate"), ("ActionID", "dial-7"), ("ChannelId", "dial-7"), ("Channel", "PJSIP/101"),
                ("Context", "pbxcrm-dial"), ("Exten", "+4930123456"), ("Priority", "1"),
                ("CallerID", '"Müller" <+4930123456>'),
                ("Timeout", "30000"), ("Async", "true"), ("Variable", "__PBXCRM_ID=7"),
            ]
        ]  # fmt: skip
        await fake.event("OriginateResponse", ActionID="dial-7", Response="Failure", Reason="0", Uniqueid="<null>")
        await h.saw("OriginateResponse")
        assert h.frames[-1]["actionid"] == "dial-7"


async def test_the_end_of_an_originate_in_the_same_segment_as_its_answer():
    async with fake_ami() as fake, running(fake) as h:
        await h.up()

        async def at_once(connection, action):
            number = header(action, "ActionID")
            answer = frame(Response="Success", ActionID=number, Message="Originate successfully queued")
            end = frame(Event="OriginateResponse", Privilege="call,all", ActionID=number, Response="Failure")
            await connection.write(answer + end)

        fake.on["Originate"] = at_once
        assert (await h.link.originate(**DIAL)).state == "queued"
        await h.saw("OriginateResponse")
        assert h.frames[-1]["response"] == "Failure"


async def test_cut_between_originate_and_its_answer_dials_once():
    async with fake_ami() as fake, running(fake) as h:
        await h.up()

        async def cut(connection, action):
            connection.abort()

        fake.on["Originate"] = cut
        outcome = await h.link.originate(**DIAL)
        assert outcome.state == "unknown"
        fake.on.clear()
        await h.up(2)
        await fake.event("FullyBooted")  # panoramisk sends again upon this
        await h.up(3)
        await h.link.action("Ping")
        assert len(fake.actions("Originate")) == 1


async def test_an_originate_without_an_answer_is_unknown_and_not_sent_again():
    async with fake_ami(ignored={"Originate"}) as fake, running(fake) as h:
        await h.up()
        h.patience(0.1)
        outcome = await h.link.originate(**DIAL)
        assert outcome.state == "unknown"
        assert "did not answer Originate" in outcome.reason
        fake.drop()
        await h.up(2)
        await fake.event("FullyBooted")
        await h.up(3)
        assert len(fake.actions("Originate")) == 1


async def test_while_the_link_is_down_nothing_is_sent_now_or_later():
    async with fake_ami() as fake:
        await fake.stop()
        async with running(fake) as h:
            await until(lambda: h.states)
            with pytest.raises(LinkDown, match="nothing was sent"):
                await h.link.originate(**DIAL)
            with pytest.raises(LinkDown, match="nothing was sent"):
                await h.link.action("Ping")
            await fake.start()
            await h.up()
            await fake.event("FullyBooted")
            await h.up(2)
            assert fake.actions("Originate") == []


async def test_actions_die_with_their_connection():
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        fake.ignored.add("CoreStatus")
        waiting = asyncio.create_task(h.link.action("CoreStatus"))
        await until(lambda: len(fake.actions("CoreStatus")) == 2)
        fake.ignored.clear()
        fake.drop()
        with pytest.raises(LinkDown):
            await waiting
        await h.up(2)
        assert len(fake.actions("CoreStatus")) == 3  # one a login, and the one that died


@pytest.mark.parametrize(
    "change",
    [
        {"caller_id": "x\r\nAction: Command\r\nCommand: core stop now"},
        {"caller_id": "x\u2028y"},
        {"channel": "PJSIP/101&PJSIP/trunk/sip:1900"},
        {"channel": "Local/101@ctx,n"},
        {"exten": "101,1)"},
        {"exten": "1\n2"},
        {"context": "from internal"},
        {"variables": {"A": "1,SHELL(id)=x"}},
        {"variables": {"SHELL(id)": "x"}},
        {"variables": {"A": 'x"y'}},
        {"timeout_ms": 0},
        {"action_id": "a\r\nb"},
    ],
)
async def test_what_could_be_read_twice_is_not_sent(change):
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        with pytest.raises(BadHeader):
            await h.link.originate(**(DIAL | change))
        with pytest.raises(BadHeader):
            await h.link.action("Command", [("Command", "core stop now")])
        await h.link.action("Ping")
        assert {header(a, "Action") for a in fake.seen} <= {
            "Challenge", "Login", "CoreStatus", "CoreSettings", "Events", "CoreShowChannels", "Ping",
        }  # fmt: skip
        assert len(fake.connections) == 1


async def test_restart_is_told_once_and_the_new_boot_is_known(warnings_of, caplog):
    async with fake_ami(channels=[channel("PJSIP/101-1", "1.1")]) as fake, running(fake) as h:
        await h.up()
        await fake.restart(("2026-11-21", "09:30:00"))
        await h.up(2)
        (line,) = warnings_of()
        assert "Asterisk restarts" in line
        assert sum("is back after" in r.getMessage() for r in caplog.records) == 1
        ups = [f for f in h.frames if f.event == "PbxcrmLinkUp"]
        assert [f["boot"] for f in ups] == ["2026-11-21T08:00:00", "2026-11-21T09:30:00"]
        assert h.names[-5:] == [
            "Shutdown", "PbxcrmLinkDown", "PbxcrmLinkUp", "PbxcrmSnapshotBegin", "PbxcrmSnapshotEnd",
        ]  # fmt: skip
        assert [s.up for s in h.states] == [True, False, True]
        assert h.states[1].kind == "restart"
        assert any(b.dirty for b in h.batches[1:])


async def test_an_outage_is_one_line_however_long_and_its_return_one(warnings_of, caplog):
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        for outage in (1, 2):
            await fake.stop()
            tries = len(h.states)
            await until(lambda: h.link.state.kind == "refused")
            failures = h.link._failures
            await until(lambda n=failures: h.link._failures >= n + 5)
            await fake.start()
            await h.up(outage + 1)
            assert len(h.states) == tries + 3  # closed, refused, up
        assert len(warnings_of()) == 2  # that nothing listens meanwhile is but another face of it
        assert all("Asterisk closed the connection" in line or "connection broke" in line for line in warnings_of())
        assert sum("is back after" in r.getMessage() for r in caplog.records) == 2


async def test_what_wants_mending_is_told_also_in_an_outage(warnings_of):
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        fake.secret = "changed meanwhile"
        fake.drop()
        await until(lambda: h.link.state.kind == "login")
        assert len(warnings_of()) == 2
        assert "PBXCRM_AMI_SECRET" in warnings_of()[1]


async def test_stopping_during_an_outage_stops():
    async with fake_ami() as fake:
        async with running(fake) as h:
            await h.up()
            await fake.stop()
            await until(lambda: h.link.state.kind == "refused")
        assert h.states[-1].kind == "stopped"
        await fake.start()
        count = len(fake.connections)
        async with running(fake) as other:  # by then the first would have come back many times over
            await other.up()
        assert len(fake.connections) == count + 1
        loop = asyncio.get_running_loop()
        assert not [t for t in asyncio.all_tasks(loop) if "Link" in repr(t)]


async def test_stopping_while_up_answers_whoever_waits():
    async with fake_ami(ignored={"ListCommands"}) as fake, running(fake) as h:
        await h.up()
        waiting = asyncio.create_task(h.link.action("ListCommands"))
        await until(lambda: fake.actions("ListCommands"))
        h.task.cancel()
        with pytest.raises(LinkDown):
            await waiting


async def test_order_is_kept_and_no_task_is_made_for_an_event():
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        tasks = len(asyncio.all_tasks())
        data = b"".join(frame(Event="Mark", Number=str(n)) for n in range(5000))
        most = 0
        await fake.send(data)
        while h.names.count("Mark") < 5000:
            most = max(most, len(asyncio.all_tasks()))
            await asyncio.sleep(0)
        assert [f["number"] for f in h.frames if f.event == "Mark"] == [str(n) for n in range(5000)]
        assert most <= tasks + 1


async def test_a_consumer_that_stalls_costs_neither_memory_nor_the_link():
    alive = [channel("PJSIP/101-1", "1.1")]
    async with fake_ami(channels=alive) as fake, running(fake, consume=False, buffer=1000) as h:
        await until(lambda: fake.live and h.link._session and h.link._session._snapshot_done)
        data = b"".join(frame(Event="Mark", Number=str(n)) for n in range(1000))
        await fake.send(data)
        gc.collect()
        tracemalloc.start()
        try:
            for _ in range(50):
                await fake.send(data)
                await h.link.action("Ping")
            assert tracemalloc.get_traced_memory()[0] < 2_000_000
        finally:
            tracemalloc.stop()
        fake.channels = [channel("PJSIP/102-2", "2.2"), channel("PJSIP/103-3", "3.3")]
        first = await h.link.frames()
        assert first.dirty
        assert first.shed > 49_000
        assert [f.event for _, f in first] == ["PbxcrmShed"]
        seen = []
        while "PbxcrmSnapshotEnd" not in [f.event for f in seen]:
            batch = await h.link.frames()
            assert not batch.dirty
            seen += [f for _, f in batch]
        await fake.event("Hangup", Uniqueid="2.2")
        seen += [f for _, f in await h.link.frames()]
        assert [f.event for f in seen] == [
            "PbxcrmSnapshotBegin", "CoreShowChannel", "CoreShowChannel", "PbxcrmSnapshotEnd", "Hangup",
        ]  # fmt: skip
        assert [f["uniqueid"] for f in seen if f.event == "CoreShowChannel"] == ["2.2", "3.3"]
        assert len(fake.connections) == 1
        assert all("reason" not in f or f["reason"] == "resync" for f in seen)


async def test_a_link_that_flaps_under_a_stalled_consumer_stays_bounded():
    alive = [channel("PJSIP/101-1", "1.1")] * 20
    async with fake_ami(channels=alive) as fake, running(fake, consume=False, buffer=50) as h:
        for count in range(1, 12):
            await until(lambda n=count: len(fake.actions("CoreShowChannels")) >= n)
            await until(lambda: h.link.state.up and h.link._session._snapshot_done)
            fake.drop()
            await until(lambda: not h.link.state.up)
        assert len(h.link._buffer._items) < 50 + 2 * 25
        batch = await h.link.frames()
        assert batch.dirty
        assert batch.shed


async def test_a_flood_leaves_the_loop_alive(monkeypatch):
    noise = b"".join(
        frame(("Event", "VarSet"), ("Privilege", "dialplan,all"), ("Value", "x" * 300)) for _ in range(500)
    )
    noise += frame(Event="Mark")
    spent: list[float] = []  # CPU seconds of each call into the link: for so long nothing else can run
    received = LinkProtocol.data_received

    def timed(self: LinkProtocol, data: bytes) -> None:
        start = time.thread_time()
        received(self, data)
        spent.append(time.thread_time() - start)

    monkeypatch.setattr(LinkProtocol, "data_received", timed)
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        for _ in range(200):
            await fake.send(noise)
            await fake.live[0].writer.drain()
        await h.saw("Mark", 200)
        assert max(spent) < 0.05
        assert 100_200 / sum(spent) > 50_000  # events a second of CPU; some 400,000 where it was written
        assert h.batches[-1].shed == 0
        assert h.link._session.protocol.reader.dropped == 100_000
