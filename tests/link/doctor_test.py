"""The doctor names what is missing, and what to do."""

import asyncio

import pytest

from pbxcrm.ami.doctor import Finding, check
from tests.fakes.ami import FakeAmi, fake_ami, frame, until
from tests.link.conftest import quick

pytestmark = pytest.mark.asyncio


async def examine(fake: FakeAmi, *events: bytes, **changes: object) -> list[Finding]:
    """Run the doctor while these events come."""
    task = asyncio.create_task(check(quick(fake, **changes), watch=0.2))
    if events:
        await until(lambda: fake.live or task.done())
        await fake.send(b"".join(events))
    return await task


def faults(findings: list[Finding]) -> list[str]:
    return [finding.what for finding in findings if not finding.ok]


def call(**more: str) -> bytes:
    return frame(("Event", "Newchannel"), ("Privilege", "call,all"), *more.items())


async def test_all_is_well():
    async with fake_ami() as fake:
        findings = await examine(fake, call(Timestamp="1.5"))
        assert faults(findings) == []
        assert {f.what for f in findings} >= {
            f"127.0.0.1:{fake.port} answers as Asterisk Call Manager/11.0.0",
            "Asterisk accepts the AMI user 'crm'",
            "The user has the right `originate`",
            "The user has the right `reporting`",
            "The user reads call events",
            "Events carry the PBX's time",
            "The clocks differ by 0.0 s",
        }
        assert all(not f.advice for f in findings)


async def test_missing_rights_are_named():
    async with fake_ami(commands={"Ping": "<none>"}) as fake:
        findings = await examine(fake, call(Timestamp="1.5"))
        assert faults(findings) == ["The user lacks the right `reporting`", "The user lacks the right `originate`"]
        assert "Add `reporting` to its `write` in manager.conf" in findings[2].advice
        assert "click-to-call is refused" in findings[3].advice
    async with fake_ami(refused={"ListCommands"}) as fake:
        assert "rights cannot be read" in faults(await examine(fake))[0]


async def test_too_many_rights_are_a_hint():
    commands = dict.fromkeys(["Originate", "CoreShowChannels", "Command", "UpdateConfig"], "x")
    async with fake_ami(commands=commands) as fake:
        findings = await examine(fake, call(Timestamp="1.5"))
        assert faults(findings) == []
        (hint,) = [f for f in findings if f.advice]
        assert "`command`, `config`" in hint.advice


async def test_events_without_time_and_no_events_at_all():
    async with fake_ami() as fake:
        findings = await examine(fake, call())
        assert faults(findings) == ["Events carry no time"]
        assert "timestampevents = yes" in findings[-1].advice
        findings = await examine(fake)
        assert faults(findings) == []
        assert "not proved" in findings[-1].what
        assert "read = call,agent" in findings[-1].advice


async def test_clocks_that_differ():
    async with fake_ami(skew=-75.0) as fake:
        findings = await examine(fake, call(Timestamp="1.5"))
        assert faults(findings) == ["The PBX's clock is 75.0 s behind ours"]


async def test_noise():
    noise = frame(("Event", "VarSet"), ("Privilege", "dialplan,all")) * 90 + frame(("Event", "RTCPSent")) * 5
    async with fake_ami() as fake:
        findings = await examine(fake, call(Timestamp="1.5"), noise)
        (hint,) = [f for f in findings if f.advice]
        assert hint.what == "98 % of the events are of no use to pbxcrm"
        assert "Mostly VarSet, RTCPSent." in hint.advice
        assert "eventfilter" in hint.advice


@pytest.mark.parametrize(
    ("change", "what", "advice"),
    [
        ({"port": 1}, "Nothing listens on 127.0.0.1:1", "manager.conf has `enabled = yes`"),
        ({"secret": "wrong"}, "Asterisk refuses the AMI user 'crm'", "PBXCRM_AMI_SECRET"),
        ({"host": "no..such..host"}, "cannot be reached", "check the address"),
    ],
)
async def test_what_keeps_us_out(change, what, advice):
    async with fake_ami() as fake:
        (finding,) = await examine(fake, **change)
        assert not finding.ok
        assert what in finding.what
        assert advice in finding.advice


async def test_another_service_and_a_connection_that_breaks():
    async with fake_ami(banner=b"SSH-2.0-x\r\n") as fake:
        assert "is not Asterisk's manager port" in faults(await examine(fake))[0]
    async with fake_ami() as fake:
        task = asyncio.create_task(check(quick(fake), watch=5))
        await until(lambda: fake.live)
        fake.drop()
        await until(task.done)
        assert "connection broke" in faults(await task)[0]
