"""The doctor names what is missing, and what to do."""

import asyncio
from collections.abc import Sequence

import pytest

from pbxcrm.ami.doctor import Finding, check
from tests.fakes.ami import FakeAmi, fake_ami, frame, until
from tests.link.conftest import quick

pytestmark = pytest.mark.asyncio


async def examine(
    fake: FakeAmi, *events: bytes, devices: Sequence[tuple[str, str]] = (), **changes: object
) -> list[Finding]:
    """Run the doctor while these events come."""
    task = asyncio.create_task(check(quick(fake, **changes), devices, watch=0.2))
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


STATES = {
    "PJSIP/101": "NOT_INUSE",
    "PJSIP/102": "UNAVAILABLE",
    "PJSIP/103": "INVALID",
    "PJSIP/trunk": "INUSE",
    "Queue:sales_pause_PJSIP/109": "NOT_INUSE",
    "Local/101@from-queue": "NOT_INUSE",
    "confbridge:77": "NOT_INUSE",
}


async def test_phones_that_are_not_there_and_devices_that_are_nobodys():
    ours = [("PJSIP/101", "alice"), ("Local/101@*", "alice"), ("PJSIP/103", "bob"), ("SIP/7", "carol")]
    async with fake_ami(devices=STATES) as fake:
        findings = await examine(fake, call(Timestamp="1.5"), devices=ours)
        assert faults(findings) == ["The PBX has no PJSIP/103, which is to be bob's phone"]
        hints = {f.what: f.advice for f in findings if f.ok and f.advice}
        assert "Make a call on it" in hints["The PBX has no SIP/7, which is to be carol's phone"]
        assert "pbxcrm user device NAME PJSIP/102" in hints["Of the PBX's devices nobody owns PJSIP/102, PJSIP/trunk"]


async def test_phones_that_are_all_there():
    async with fake_ami(devices=STATES) as fake:
        findings = await examine(fake, call(Timestamp="1.5"), devices=[("PJSIP/101", "alice"), ("PJSIP/1*", "bob")])
        assert "The PBX has all phones of your people (2)" in {f.what for f in findings}
        assert faults(findings) == []
    many = {f"PJSIP/{n}": "NOT_INUSE" for n in range(200, 230)}
    async with fake_ami(devices=many) as fake:
        (hint,) = [f for f in await examine(fake, call(Timestamp="1.5")) if f.advice]
        assert hint.what.endswith("PJSIP/208, PJSIP/209 and 20 more")


@pytest.mark.parametrize("knob", ["refused", "ignored"])
async def test_a_pbx_that_does_not_list_its_phones(knob: str):
    async with fake_ami(**{knob: {"DeviceStateList"}}) as fake:
        findings = await examine(fake, call(Timestamp="1.5"), devices=[("PJSIP/101", "alice")])
        assert faults(findings) == []
        (hint,) = [f for f in findings if f.advice]
        assert "does not list its phones" in hint.what
        assert "res_manager_devicestate.so" in hint.advice


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
