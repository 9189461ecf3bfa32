"""The office of the scenarios: who sits where, and the truth about each call from the phones' own clocks."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from tests.pbx.bed.ami import Control, Fields
from tests.pbx.bed.asterisk import TRUNK, Asterisk
from tests.pbx.bed.call import PATIENCE, Call
from tests.pbx.bed.phone import Phone

CUSTOMER = "+48225550101"
OTHER_CUSTOMER = "+48618880202"
DAVES_MOBILE = "+48600100104"
DID = "+482233344"  # and two digits: the ways of docker/asterisk/extensions.conf
PEOPLE = {"101": "alice", "102": "bob", "103": "carol", "113": "carol", "104": "dave", "106": "frank"}
REGION = "PL"
EAR = 0.4  # seconds by which hearing may differ from the phones' clocks
STALL = 0.05  # seconds


@dataclass(slots=True)
class Talk:
    """A spell in which a person of ours and the other party were in one conversation. Epoch seconds."""

    user: str
    device: str
    start: float
    until: float
    leg: Call | None = None
    other: Call | None = None
    muffled: bool = False  # hold music or a conference's mix in it: not provable by ear all the way


@dataclass(slots=True)
class Transfer:
    """A transfer that succeeded. `at`: epoch seconds; `to` is None where nobody can be named."""

    kind: str
    at: float
    by: str | None
    to: str | None


@dataclass(slots=True)
class Truth:
    """One call as it truly was. Field names and meanings are those of a call in REST.

    `unsure` names fields the phones cannot decide (what is a call to a feature code?): not to be compared. "call" among
    them: whether it is a call of its own at all.
    """

    direction: str
    number: str | None
    did: str | None
    outcome: str
    started: float
    ended: float
    rang: list[str] = field(default_factory=list)
    talks: list[Talk] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    answered_by: tuple[str | None, str | None] | None = None
    unsure: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The call in the shape REST gives it, with `unsure` beside."""
        first, last = self.answered_by or _ends([talk.user for talk in self.talks])
        return {
            "direction": self.direction,
            "number": self.number,
            "did": self.did,
            "outcome": self.outcome,
            "started_at": iso(self.started),
            "answered_at": iso(min((talk.start for talk in self.talks), default=None)),
            "ended_at": iso(self.ended),
            "talk_seconds": round(_union(self.talks), 3),
            "first_answered_by": first,
            "last_answered_by": last,
            "rang": self.rang,
            "talks": [
                {"user": t.user, "device": t.device, "from": iso(t.start), "until": iso(t.until)} for t in self.talks
            ],
            "transfers": [{"kind": t.kind, "at": iso(t.at), "by": t.by, "to": t.to} for t in self.transfers],
            "unsure": self.unsure,
        }


def iso(moment: float | None) -> str | None:
    """Epoch seconds as ISO 8601 in UTC, to the millisecond."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _life(call: Call) -> tuple[float, float]:
    """When a leg began and ended."""
    if call.invited is None or call.ended is None:
        raise AssertionError(f"{call} has not ended")
    return call.invited, call.ended


def _ends(users: Sequence[str]) -> tuple[str | None, str | None]:
    return (users[0], users[-1]) if users else (None, None)


def _union(talks: Iterable[Talk]) -> float:
    """Seconds in which at least one talk went on."""
    total, reached = 0.0, 0.0
    for talk in sorted(talks, key=lambda t: t.start):
        total += max(0.0, talk.until - max(talk.start, reached))
        reached = max(reached, talk.until)
    return total


class Office:
    """The phones of one Asterisk, open in the running loop for one scenario; and its truths."""

    def __init__(self, asterisk: Asterisk) -> None:
        """Use as `async with Office(asterisk) as office`."""
        self.asterisk = asterisk
        self.phones = {
            name: Phone(name, sock, (asterisk.sip_host, asterisk.sip_port)) for name, sock in asterisk.sockets.items()
        }
        self.alice, self.bob, self.carol, self.dave = (self.phones[name] for name in ("101", "102", "103", "104"))
        self.carols_second, self.frank = self.phones["113"], self.phones["106"]
        self.outside = self.phones[TRUNK]
        self.truths: list[Truth] = []
        self.control: Control | None = None
        self.restarted = False
        self.stalled = 0.0
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Open all phones."""
        for number, phone in enumerate(self.phones.values()):
            await phone.open(range(1 + number * 15, 16 + number * 15))
            phone.ringing_seen = self._shows_ringing
        self.control = await self.asterisk.control()
        self._watch = asyncio.create_task(self._measure_stalls())
        return self

    async def __aexit__(self, *failure: object) -> None:
        """Close all phones; whatever a broken scenario left on the PBX is hung up."""
        assert self.control is not None
        assert self._watch is not None
        self._watch.cancel()
        try:
            if failure[0] is not None and await self.control.channels():
                await self.control.action("Command", Command="channel request hangup all")
                await self.control.idle()
        except (ConnectionError, TimeoutError, AssertionError, asyncio.IncompleteReadError):
            pass  # the PBX is gone as well: the scenario's own failure says more
        finally:
            for phone in self.phones.values():
                phone.close()
            await self.control.close()

    # --- playing ---

    async def incoming(self, way: str, caller: str = CUSTOMER, name: str = "", *, anonymous: bool = False) -> Call:
        """Somebody outside dials our number that ends in `way`."""
        return await self.outside.dial(DID + way, caller=caller, name=name, anonymous=anonymous)

    async def talk(self, *ends: Call, seconds: float = 1.0) -> None:
        """Let them talk: first make sure that each truly hears the next one, then let the time pass."""
        for one, other in zip(ends, (*ends[1:], ends[0]), strict=True):
            await one.hears(other)
        await asyncio.sleep(seconds)

    async def customer_with_alice(self) -> tuple[Call, Call]:
        """A customer calls Alice and they talk: how most of these stories begin. Returns both legs."""
        customer = await self.incoming("10")
        alice = await self.alice.answers()
        await self.talk(customer, alice)
        return customer, alice

    async def redirect(self, channel_prefix: str, number: str) -> None:
        """A program moves the channel whose name begins so to another extension, by AMI."""
        assert self.control is not None
        names = [c["Channel"] for c in await self.control.channels() if c["Channel"].startswith(channel_prefix)]
        await self.control.action("Redirect", Channel=names[0], Context="from-internal", Exten=number, Priority="1")

    async def restart(self, how: signal.Signals) -> float:
        """End Asterisk under everybody's feet and start it again; all legs are dead. Returns when it died."""
        assert self.control is not None
        self.restarted = True
        died = time.time()
        for call in [c for phone in self.phones.values() for c in phone.calls]:
            call.die(died)
        await self.asterisk.restart(how)
        await self.control.close()
        self.control = await self.asterisk.control()
        return died

    async def originate(self, phone: Phone, number: str) -> list[Fields]:
        """Click-to-call, as pbxcrm asks for it: first the phone rings, then the number is dialled."""
        assert self.control is not None
        return await self.control.action(
            "Originate",
            Channel=f"{self.asterisk.tech}/{phone.name}",
            Context="pbxcrm-out",
            Exten=number,
            Priority="1",
            CallerID=f'"{number}" <{number}>',
            Timeout="2000",
            Async="true",
        )

    async def _shows_ringing(self, call: Call) -> None:
        """Wait until the PBX shows this phone's channel ringing, or the call is over."""
        device = f"{self.asterisk.tech}/{call.phone.name}"
        assert self.control is not None
        async with asyncio.timeout(PATIENCE):
            while call.ended is None and not await self.control.rings(device):  # noqa: ASYNC110 - AMI is asked again
                await asyncio.sleep(0.01)

    async def ended(self, *calls: Call) -> None:
        """Wait until all of these have ended."""
        for call in calls:
            await call.until("ended")

    async def _measure_stalls(self) -> None:
        """Add up how long the machine kept the phones from running: what they could not hear then proves nothing."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(STALL)
            self.stalled += max(0.0, time.monotonic() - before - 2 * STALL)

    async def idle(self) -> None:
        """Wait until the PBX has no channel left."""
        assert self.control is not None
        await self.control.idle()

    # --- telling the truth ---

    def person(self, leg: Call) -> str:
        """Whose phone this is; the provider's end is Dave where his mobile was dialled."""
        return "dave" if leg.phone is self.outside and leg.number == DAVES_MOBILE else PEOPLE[leg.phone.name]

    def device(self, leg: Call) -> str:
        """The channel's name less its suffix."""
        return "Local/104@mobile" if leg.phone is self.outside else f"{self.asterisk.tech}/{leg.phone.name}"

    def spell(
        self, leg: Call, other: Call, start: float | None = None, until: float | None = None, *, muffled: bool = False
    ) -> Talk:
        """A talk of this person's leg with the other: from both answered to the first end, or as given."""
        begins = [call.answered for call in (leg, other) if call.answered is not None]
        ends = [call.ended for call in (leg, other) if call.ended is not None]
        begin, end = start or max(begins), until or min(ends)
        return Talk(self.person(leg), self.device(leg), begin, end, leg, other, muffled)

    def rang(self, *but: Call) -> list[str]:
        """The people whose phones rang for calls that came in, in order; legs in `but` belong to other calls."""
        people = [p for p in self.phones.values() if p is not self.outside]
        legs = [c for p in people for c in p.calls if c.rang is not None and not c.outgoing]
        legs += [c for c in self.outside.calls if c.rang is not None and not c.outgoing and c.number == DAVES_MOBILE]
        legs = [c for c in legs if c not in but]
        return list(dict.fromkeys(self.person(c) for c in sorted(legs, key=lambda c: c.rang or 0)))

    def inbound(
        self,
        customer: Call,
        *talks: Talk,
        outcome: str = "answered",
        rang: list[str] | None = None,
        transfers: Sequence[Transfer] = (),
        number: str | None = CUSTOMER,
    ) -> Truth:
        """The truth of a call from outside: its life is the customer's. `rang` defaults to all that rang at all."""
        truth = Truth("inbound", number, customer.number, outcome, *_life(customer))
        truth.rang = self.rang() if rang is None else rang
        truth.talks = sorted(talks, key=lambda t: t.start)
        truth.transfers = list(transfers)
        self.truths.append(truth)
        return truth

    def outbound(
        self, leg: Call, *talks: Talk, number: str, outcome: str = "answered", until: Call | None = None
    ) -> Truth:
        """The truth of a call we made: it begins at our phone and ends with `until`, by default our phone's own leg."""
        begin, end = _life(leg)[0], _life(until or leg)[1]
        truth = Truth("outbound", number, None, outcome, begin, end, talks=sorted(talks, key=lambda t: t.start))
        self.truths.append(truth)
        return truth

    def service(self, leg: Call) -> Truth:
        """A call of ours to a feature code, a parking slot or a conference room: only that it was made is certain."""
        truth = Truth("internal", leg.number, None, "answered", *_life(leg))
        truth.unsure = ["outcome", "answered_at", "ended_at", "talk_seconds", "talks", "rang"]
        truth.unsure += ["first_answered_by", "last_answered_by", "transfers"]
        self.truths.append(truth)
        return truth

    def internal(
        self,
        caller: Call,
        callee: Call | None,
        *,
        outcome: str = "answered",
        start: float | None = None,
        until: float | None = None,
    ) -> Truth:
        """The truth of a call between two of us.

        `start`, `until`: when it began and ended, where it was made inside another call (a consultation by keys) or a
        transfer ended it.
        """
        begin, end = _life(caller)
        number = callee.phone.name if start and callee else caller.number
        truth = Truth("internal", number, None, outcome, start or begin, until or end)
        if start is not None:
            truth.unsure = ["ended_at"]  # the PBX keeps its helper channels a moment longer than the two talk
        if callee is not None and callee.rang is not None:
            truth.rang = [self.person(callee)]
        if outcome == "answered" and callee is not None:
            spell = self.spell(caller, callee, until=until, muffled=start is not None)
            truth.talks = [spell, Talk(self.person(callee), self.device(callee), spell.start, spell.until)]
            truth.answered_by = (self.person(callee), self.person(callee))
        self.truths.append(truth)
        return truth

    def prove(self) -> None:
        """Check every truth against what the phones heard: each talk was heard on both sides, and nothing beside it.

        Raises AssertionError that names the talk.
        """
        talks = [talk for truth in self.truths for talk in truth.talks]
        ear = EAR + self.stalled
        for talk in talks:
            if talk.leg is None or talk.other is None or talk.muffled:
                continue
            for one, other in ((talk.leg, talk.other), (talk.other, talk.leg)):
                heard = one.media.heard_within(other.media.stamp, talk.start, talk.until)
                assert heard > talk.until - talk.start - ear, f"{one} heard {other} for {heard:.2f} s only in {talk}"
        for one, other in [(a, b) for a in self._people_legs() for b in self.outside.calls]:
            if one is other:
                continue
            mine = [t for t in talks if (t.leg, t.other) in ((one, other), (other, one))]
            heard = one.media.heard_within(other.media.stamp, 0, float("inf"))
            allowed = sum(t.until - t.start for t in mine)
            assert heard < allowed + ear, f"{one} heard {other} for {heard:.2f} s, but talks say {allowed:.2f} s"

    def _people_legs(self) -> list[Call]:
        return [call for phone in self.phones.values() if phone is not self.outside for call in phone.calls]

    def result(self) -> dict[str, Any]:
        """What the golden file's .json says."""
        tech = self.asterisk.tech
        devices = {f"{tech}/{name}": person for name, person in PEOPLE.items()}
        devices |= {f"Local/{name}@*": PEOPLE[name] for name in ("101", "102", "103", "104")}
        calls = [truth.as_json() for truth in sorted(self.truths, key=lambda t: t.started)]
        return {"asterisk": self.asterisk.version, "tech": tech, "region": REGION, "devices": devices, "calls": calls}
