"""What is wrong between us and Asterisk, each thing with what to do about it. Reads only; changes nothing."""

import asyncio
import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pbxcrm.ami.buffer import Buffer
from pbxcrm.ami.config import LinkConfig
from pbxcrm.ami.errors import ActionRefused, ActionTimeout, AmiError, LinkDown
from pbxcrm.ami.frames import Frame
from pbxcrm.ami.protocol import Asked
from pbxcrm.ami.session import OWN_EVENTS, Session

_SKEW = 2.0  # seconds between the clocks that a person should know of
_NOISE = 0.5  # share of events that nobody wants
_FEW = 20  # events that are too few to call noise
# One action a right (header names of the list, in lower case): Asterisk lists only what the user may do.
_RIGHTS = {
    "reporting": ("coreshowchannels", "calls that go on while pbxcrm or the link restarts are not picked up again"),
    "originate": ("originate", "click-to-call is refused; leave it out when nobody dials from pbxcrm"),
}
_TOO_MUCH = {"command": "command", "config": "updateconfig", "system": "restart"}
_PHONE = re.compile(r"[A-Za-z0-9]+/[^/@]+")  # beside it are listed queues, conferences, what is parked
_NAMED = 10  # devices in one line
_READ = "read = call,agent,dialplan,system"


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is well, what it is, and what to do. Advice beside `ok` is a hint, no fault."""

    ok: bool
    what: str
    advice: str = ""


async def check(config: LinkConfig, devices: Sequence[tuple[str, str]] = (), *, watch: float = 5.0) -> list[Finding]:
    """Look at the connection, the login, the rights, the clocks, the phones and, for `watch` seconds, at the events.

    `devices`: (pattern, person) of everybody's phones, as `user add --device` takes them.
    """
    session = Session(dataclasses.replace(config, wanted=None), Buffer(config.buffer, lambda: None))
    findings: list[Finding] = []
    try:
        try:
            await session.open()
        except LinkDown as error:
            return [_cannot_open(config, error)]
        findings += _opened(config, session)
        findings += await _rights(session)
        findings += await _clock(session)
        findings += await _phones(session, devices)
        findings += _events(config, await _watch(session, watch), watch)
    except AmiError as error:
        findings.append(Finding(False, f"The connection broke while it was looked at: {error}", "Try again."))
    finally:
        session.close()
    return findings


def _cannot_open(config: LinkConfig, error: LinkDown) -> Finding:
    what = {
        "refused": f"Nothing listens on {config.address}",
        "unreachable": f"{config.address} cannot be reached",
        "tls": f"No TLS with {config.address}",
        "not-ami": f"{config.address} is not Asterisk's manager port",
        "login": f"Asterisk refuses the AMI user {config.username!r}",
    }.get(error.kind, f"No AMI connection to {config.address}")
    return Finding(False, what, f"In short: {error}.")


def _opened(config: LinkConfig, session: Session) -> list[Finding]:
    banner = session.protocol.reader.banner
    return [
        Finding(True, f"{config.address} answers as {banner}"),
        Finding(True, f"Asterisk accepts the AMI user {config.username!r}"),
    ]


async def _rights(session: Session) -> list[Finding]:
    try:
        listed = (await session.ask("ListCommands"))[0]
    except (ActionRefused, ActionTimeout) as error:
        return [Finding(False, "The user's rights cannot be read", f"Asterisk says: {error}.")]
    findings = []
    for right, (action, without) in _RIGHTS.items():
        if action in listed:
            findings.append(Finding(True, f"The user has the right `{right}`"))
        else:
            advice = f"Add `{right}` to its `write` in manager.conf: without it, {without}."
            findings.append(Finding(False, f"The user lacks the right `{right}`", advice))
    too_much = [right for right, action in _TOO_MUCH.items() if action in listed]
    if too_much:
        rights = ", ".join(f"`{right}`" for right in too_much)
        advice = f"Take {rights} out of its `write` in manager.conf: pbxcrm needs `write = originate,reporting`."
        findings.append(Finding(True, "The user may do more to the PBX than pbxcrm needs", advice))
    return findings


async def _clock(session: Session) -> list[Finding]:
    await session.ping()
    if session.skew is None:
        return [Finding(True, "Asterisk does not tell its time", "Nothing to do: times of arrival are used.")]
    if abs(session.skew) > _SKEW:
        which = "ahead of" if session.skew > 0 else "behind"
        what = f"The PBX's clock is {abs(session.skew):.1f} s {which} ours"
        return [Finding(False, what, "Run NTP on both: call times come from the PBX, deadlines from this machine.")]
    return [Finding(True, f"The clocks differ by {abs(session.skew):.1f} s")]


async def _phones(session: Session, devices: Sequence[tuple[str, str]]) -> list[Finding]:
    """The phones that people have here beside those that the PBX has. Local channels are no phones."""
    try:
        frames = await session.ask("DeviceStateList")
    except (ActionRefused, ActionTimeout) as error:
        advice = "To have them compared, load res_manager_devicestate.so and leave `reporting` in the user's `write`."
        return [Finding(True, f"The PBX does not list its phones ({str(error).partition('.')[0]})", advice)]
    there = {f["device"] for f in frames if _PHONE.fullmatch(f.get("device", "")) and f.get("state") != "INVALID"}
    there = {device for device in there if not device.startswith("Local/")}
    ours = [(pattern, name) for pattern, name in devices if not pattern.startswith("Local/")]
    findings = [_missing(pattern, name) for pattern, name in ours if not any(_is(pattern, one) for one in there)]
    nobodys = sorted(device for device in there if not any(_is(pattern, device) for pattern, _ in ours))
    if nobodys:
        more = f" and {len(nobodys) - _NAMED} more" if len(nobodys) > _NAMED else ""
        what = f"Of the PBX's devices nobody owns {', '.join(nobodys[:_NAMED])}{more}"
        advice = (
            "Right for trunks and doors. Who answers on one has no name here; a person's phone is added with: pbxcrm "
            f"user device NAME {nobodys[0]}"
        )
        findings.append(Finding(True, what, advice))
    if ours and len(findings) == bool(nobodys):
        findings.insert(0, Finding(True, f"The PBX has all phones of your people ({len(ours)})"))
    return findings


def _missing(pattern: str, name: str) -> Finding:
    # PJSIP tells of every endpoint from its start; other drivers tell of a phone only once something happened to it.
    sure = pattern.startswith("PJSIP/")
    what = f"The PBX has no {pattern}, which is to be {name}'s phone"
    advice = (
        f"No call is {name}'s as long as its channels are named otherwise. `pjsip show endpoints` lists the names; add "
        f"the right one with: pbxcrm user device {name} PJSIP/…"
        if sure
        else "Make a call on it and look again; if it stays so, its channels are named otherwise."
    )
    return Finding(not sure, what, advice)


def _is(pattern: str, device: str) -> bool:
    return device.startswith(pattern[:-1]) if pattern.endswith("*") else device == pattern


async def _watch(session: Session, seconds: float) -> list[Frame]:
    """The events of so many seconds, with every event turned on."""
    frames: list[Frame] = []
    session.send(Asked("Events", [("EventMask", "on")]))

    async def collect() -> None:
        while True:
            frames.extend(frame for _, frame in await session.buffer.take())

    collecting, lost = asyncio.create_task(collect()), session.protocol.lost
    either: set[asyncio.Future[Any]] = {collecting, lost}
    await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    collecting.cancel()
    if lost.done():
        raise lost.result()
    return frames


def _events(config: LinkConfig, frames: list[Frame], seconds: float) -> list[Finding]:
    classes = {part.strip() for frame in frames for part in frame.get("privilege", "").split(",")}
    findings = []
    if "call" in classes:
        findings.append(Finding(True, "The user reads call events"))
    else:
        advice = f"Ring any phone while this runs. If it stays so, manager.conf lacks `{_READ}` for the user."
        what = f"No call event came within {seconds:g} s, so the right to read calls is not proved"
        findings.append(Finding(True, what, advice))
    calls = [frame for frame in frames if frame.get("privilege", "").startswith("call")]
    if any("timestamp" in frame for frame in calls):
        findings.append(Finding(True, "Events carry the PBX's time"))
    elif calls:
        advice = "Set `timestampevents = yes` in manager.conf's [general]: else call times are those of arrival."
        findings.append(Finding(False, "Events carry no time", advice))
    noise = Counter(f.event for f in frames if config.wanted is not None and f.event not in config.wanted | OWN_EVENTS)
    if noise.total() >= _FEW and noise.total() > _NOISE * len(frames):
        worst = ", ".join(name for name, _ in noise.most_common(4))
        advice = (
            f"Mostly {worst}. Give the user the `eventfilter` lines of dialplan/manager_pbxcrm.conf: they spare both "
            "machines the work."
        )
        share = 100 * noise.total() // len(frames)
        findings.append(Finding(True, f"{share} % of the events are of no use to pbxcrm", advice))
    return findings
