"""Events in, facts out: which call is it, who rings, who talks, how did it end.

The rule: the owner is the one real channel of a person reachable from the customer's channel through bridges and
Local pairs (switch.ends). A call is the customer's channel's life, followed through masquerades; Linkedids are kept
and never relied on; transfer and dial events are labels that say how, never who.
"""

import re
from collections.abc import Callable, Iterable

from pbxcrm.calls import events as ev
from pbxcrm.calls.facts import Fact
from pbxcrm.calls.life import Label, Leg, Life, leg_result
from pbxcrm.calls.model import Call
from pbxcrm.calls.numbers import normalise
from pbxcrm.calls.people import People, device_of
from pbxcrm.calls.switch import RINGING, UP, Channel, End, Owned, Switch

RING = "4"
_NOWHERE = frozenset({"", "s", "i", "t", "h"})  # extensions that are no number somebody dialled
_VOICEMAIL = frozenset({"VoiceMail", "MinivmRecord", "MinivmGreet"})
_SAME_BOOT = 5.0  # seconds: Uptime is in whole seconds and takes its time on the wire
_GIVEN_BY_PBX = re.compile(r"\d+\.\d+$")  # a Uniqueid that Asterisk made: epoch seconds and a counter
_URI = re.compile(r"sips?:\+?([0-9]{7,})@")


class Tracker:
    """All calls of one PBX. Feed it events in the order they came; each answer is what they changed."""

    def __init__(self, people: People, *, pbx: str = "pbx", region: str | None = None, boot: str = "") -> None:
        self.switch = Switch(people)
        self.pbx = pbx
        self.region = region
        self.boot = boot
        self.now = 0.0
        self._named_boot = False
        self._lives: dict[str, Life] = {}  # by the uniqueid of the customer's channel and of the one that began it
        self._talked: dict[str, Life] = {}  # by the uniqueid of a channel of ours that talked in it
        self._legs: dict[str, Life] = {}  # by the uniqueid of a channel dialled for it
        self._masked: dict[str, Channel] = {}  # channels giving up their name in a masquerade
        self._resync: set[str] | None = None
        self._asleep: list[tuple[Life, Call]] = []  # calls that lived when we were stopped, until a snapshot
        self._sees_requests = False
        self._facts: list[Fact] = []
        # Each handler takes its own event: a table of them has no narrower type.
        self._on: dict[type, Callable[..., None]] = {  # type: ignore[explicit-any]
            ev.Newchannel: self._newchannel,
            ev.Newstate: self._newstate,
            ev.Rename: self._rename,
            ev.Hangup: self._hangup,
            ev.HangupRequest: self._hangup_request,
            ev.DialBegin: self._dial_begin,
            ev.DialState: self._dial_state,
            ev.DialEnd: self._dial_end,
            ev.Enter: self._enter,
            ev.Leave: self._leave,
            ev.Merge: self._merge,
            ev.Pair: self._pair,
            ev.QueueJoin: self._queue_join,
            ev.QueueLeave: self._queue_leave,
            ev.AgentCalled: self._agent_called,
            ev.BlindTransfer: self._blind_transfer,
            ev.AttendedTransfer: self._attended_transfer,
            ev.Pickup: self._pickup,
            ev.Parked: self._parked,
            ev.ParkingOver: self._parking_over,
            ev.Application: self._application,
            ev.Originated: self._originated,
            ev.Booted: self._booted,
            ev.SnapshotBegin: self._snapshot_begin,
            ev.Snapshot: self._snapshot,
            ev.SnapshotEnd: self._snapshot_end,
        }

    def feed(self, event: ev.Event) -> list[Fact]:
        """What this event changed; most change nothing."""
        self.now = event.at
        self._on[type(event)](event)
        facts, self._facts = self._facts, []
        return facts

    def lives(self) -> list[Life]:
        """The calls that live now, in order of start."""
        return sorted(set(self._lives.values()), key=lambda life: life.started_at)

    def resume(self, calls: Iterable[tuple[Call, int]]) -> None:
        """Calls that were not over when we were stopped, each with the number of its last fact.

        The next snapshot says which of them live still; the others are `lost`.
        """
        self._asleep = [(Life.revive(call, n), call) for call, n in calls]

    def set_people(self, people: People) -> None:
        """Other devices, other people: from the next event on, calls that live included."""
        self.switch.people = people
        for channel in self.switch.channels.values():
            self.switch.name(channel, channel.name)

    # ---- channels

    def _newchannel(self, e: ev.Newchannel) -> None:
        known = self.switch.channels.get(e.party.uid)
        if known is not None and known.name != e.party.name and known.name.partition("<")[0] != e.party.name:
            # A uniqueid given out twice: the PBX has started again, and everything before it is gone.
            self._restart(e.at, "", f"uniqueid {e.party.uid} was given to a second channel")
        channel = self.switch.channel(e.party)
        if self._resync is not None:
            self._resync.add(channel.uid)
        if e.party.state == RING and not channel.local and not channel.was_dialled:
            self._begin(channel, e.party, e.at)

    def _newstate(self, e: ev.Newstate) -> None:
        channel = self.switch.channel(e.party)
        state = e.party.state
        if state == RING and channel.uid not in self._lives and not channel.local and not channel.was_dialled:
            self._begin(channel, e.party, e.at)
        elif state == RINGING and channel.was_dialled:
            self._ring(channel, e.at)
        elif state == UP and channel.ringing:
            channel.ringing = False
        channel.state = state
        channel.was_up = channel.was_up or state == UP
        life = self._lives.get(channel.uid)
        if life is not None and life.customer is channel and life.direction == "inbound" and life.number is None:
            life.number = normalise(e.party.number, self.region)

    def _begin(self, channel: Channel, party: ev.Party, at: float) -> None:
        """A channel that calls the PBX: an outside party's, or one of ours that will dial somebody."""
        if channel.machine or channel.uid in self._lives:
            return
        number = channel.endpoint
        channel.phone = channel.user is not None or (bool(number) and number == party.number)
        life = self._open(channel, at)
        if channel.phone:
            life.root, life.caller = channel, channel.user
            life.number = None if party.exten in _NOWHERE else normalise(party.exten, self.region)
            life.note(at, "Newchannel", f"{channel.user or channel.device} dialled {party.exten or 'nothing'}")
            return
        self.switch.trunks.add(channel.device)
        life.customer, life.direction = channel, "inbound"
        life.number = normalise(party.number, self.region)
        life.caller_name = party.caller_name if party.caller_name not in ("", party.number) else None
        life.did = None if party.exten in _NOWHERE else party.exten
        who = life.number or "a withheld number"
        life.note(at, "Newchannel", f"{who} called {life.did or 'in'} on {channel.device}")

    def _open(self, channel: Channel, at: float) -> Life:
        life = Life(channel.uid, self.pbx, self.boot, at)
        life.linked(channel.linkedid)
        self._lives[channel.uid] = life
        return life

    def _rename(self, e: ev.Rename) -> None:
        channel = self.switch.channels.get(e.uid)
        if channel is None:
            return
        self.switch.name(channel, e.new)
        if e.new.endswith("<MASQ>"):
            self._masked[e.new.removesuffix("<MASQ>")] = channel
            return
        donor = self._masked.pop(e.new, None)
        if donor is not None and donor is not channel:
            self._masquerade(donor, channel, e.at)

    def _masquerade(self, donor: Channel, channel: Channel, at: float) -> None:
        """Whoever was behind `donor` is behind `channel` from here on."""
        displaced, moving = self._lives.pop(channel.uid, None), self._lives.pop(donor.uid, None)
        channel.ringing = False
        channel.phone, channel.member, channel.was_dialled = donor.phone, donor.member, donor.was_dialled
        touched = self._touched(channel) | self._touched(donor)
        if displaced is not None and displaced is not moving:
            self._finish(displaced, at)
        if moving is not None:
            if moving.customer is None and moving.direction is None and not moving.originated:
                moving.picked_up = True  # a code was dialled to pick up: that call is over, the customer's goes on
                self._finish(moving, at)
            else:
                self._move(moving, donor, channel, at)
        if donor.uid in self._talked:
            self._talked[channel.uid] = self._talked.pop(donor.uid)
        self._settle(touched | self._touched(channel), at, "masquerade")

    def _move(self, life: Life, donor: Channel, channel: Channel, at: float) -> None:
        if life.customer is donor:
            life.customer = channel
        if life.root is donor:
            life.root = channel
        self._lives[channel.uid] = life
        life.linked(channel.linkedid)
        life.note(at, "Rename", f"{channel.name} goes on in channel {channel.uid}")

    def _hangup_request(self, e: ev.HangupRequest) -> None:
        self._sees_requests = True
        life = self._lives.get(e.party.uid)
        if e.by_far_end and life is not None and life.customer is not None and life.customer.uid == e.party.uid:
            life.abandoned = bool(life.queue)

    def _hangup(self, e: ev.Hangup) -> None:
        channel = self.switch.channels.get(e.party.uid)
        if channel is None:
            return
        touched = self._touched(channel)
        self._close_leg(channel, "", e.cause, e.tech_cause)
        channel.ringing = False
        self.switch.remove(channel)
        if self._masked.get(device_of(channel.name)) is channel:
            del self._masked[device_of(channel.name)]
        self._legs.pop(channel.uid, None)
        self._talked.pop(channel.uid, None)
        life = self._lives.pop(channel.uid, None)
        if life is not None:
            self._gone(life, channel, e.at)
        self._settle(touched, e.at, "Hangup")

    def _gone(self, life: Life, channel: Channel, at: float) -> None:
        """One of the channels that make this call has hung up: is it over?"""
        if life.customer is channel:
            root_lives = life.root is not None and life.root.uid in self._lives
            if life.direction == "outbound" and not life.answered and root_lives:
                return  # busy, say: the caller may hear a tone, or another trunk is tried
        elif life.customer is not None and life.customer.uid in self.switch.channels:
            return  # our side has left; the customer is still there (a transfer, or hangs up next)
        self._finish(life, at)

    def _finish(self, life: Life, at: float, *, lost: bool = False) -> None:
        for uid in {life.uid, *(c.uid for c in (life.customer, life.root) if c is not None)}:
            if self._lives.get(uid) is life:
                del self._lives[uid]
        if life.ended_at is not None:
            return
        if life.root is not None and life.root.local and life.direction is None:
            return  # a Local channel that never dialled anybody: nobody's call
        # The queue's own time-out is told as an abandon too: where hang-ups are told, they say who left whom.
        life.abandoned = life.abandoned or (life.said_abandoned and not self._sees_requests)
        life.finish(at, lost=lost)
        self._facts.append(life.fact("ended", at))

    # ---- dialling

    def _dial_begin(self, e: ev.DialBegin) -> None:
        caller = self.switch.channel(e.caller) if e.caller else None
        dest = self.switch.channel(e.dest)
        self.switch.dial(caller, dest)
        outside = self._learn(dest, e.dialstring)
        self._dialled(caller, dest, outside, e)
        if dest.state == RINGING:  # its Newstate may come before the DialBegin
            self._ring(dest, e.at)

    def _dialled(self, caller: Channel | None, dest: Channel, outside: str | None, e: ev.DialBegin) -> None:
        if caller is None:
            self._originate(dest, outside, e)
            return
        top = self.switch.top(dest)
        life = self._lives.get(top.uid) or self._open_top(top, e.at)
        if life is None:
            return
        self._forwarded(life, dest)
        if dest.local or dest.machine:
            return
        if life.anchor is top and life.customer is top:
            self._add_leg(life, dest)
        elif outside is None:
            self._add_leg(life, dest)
            life.direction = life.direction or "internal"
        else:
            self._dial_out(life, top, dest, outside, e.at)

    def _learn(self, dest: Channel, dialstring: str) -> str | None:
        """The number dialled where `dest` leads outside; None where it is a phone of ours (or a Local channel)."""
        if dest.local or dest.machine:
            return None
        number = _number_in(dialstring, dest.endpoint)
        if dest.user is None and (number is not None or dest.device in self.switch.trunks):
            if dest.member is None:
                self.switch.trunks.add(dest.device)
                return number or dest.number or "?"
            return None
        dest.phone = True
        return None

    def _originate(self, dest: Channel, outside: str | None, e: ev.DialBegin) -> None:
        """A channel dialled by nobody: click-to-call rings our phone first, a dialler the customer's."""
        if dest.local or dest.machine or dest.uid in self._lives:
            return
        life = self._open(dest, e.at)
        life.originated = True
        if not _GIVEN_BY_PBX.search(dest.uid):
            life.action_id = dest.uid  # whoever asked for the channel chose its Uniqueid: see ami/originate.py
        if outside is not None:
            life.customer, life.direction = dest, "outbound"
            life.number = normalise(outside, self.region)
            self._add_leg(life, dest)
        else:
            life.root, life.caller = dest, dest.whose
            shown = e.dest.connected or e.dest.number
            life.number = normalise(shown, self.region) if shown != dest.endpoint else None
        life.note(e.at, "DialBegin", f"the PBX was asked to call {dest.whose or dest.device}")
        self._facts.append(life.fact("ringing", e.at))

    def _open_top(self, top: Channel, at: float) -> Life | None:
        """The call of whoever dials, where its beginning was not seen or is a Local channel's."""
        if top.machine:
            return None
        life = self._open(top, at)
        if not top.local and top.whose is None and not top.phone and not top.was_dialled:
            self.switch.trunks.add(top.device)
            life.customer, life.direction, life.number = top, "inbound", normalise(top.number, self.region)
            return life
        life.root, life.caller = top, None if top.local else top.whose
        exten = top.endpoint.partition("@")[0] if top.local else top.exten
        life.number = None if exten in _NOWHERE else normalise(exten, self.region)
        return life

    def _dial_out(self, life: Life, top: Channel, dest: Channel, outside: str, at: float) -> None:
        again = life.direction == "outbound" and not life.answered
        if life.direction is None or again:
            life.direction = "outbound"
        else:
            life = self._open(dest, at)
            life.root, life.caller, life.direction = top, top.whose, "outbound"
        number = outside if outside != "?" else ""
        life.customer = dest
        life.number = normalise(number, self.region) or life.number
        self._lives[dest.uid] = life
        self._add_leg(life, dest)
        life.note(at, "DialBegin", f"{life.caller or 'the PBX'} called {life.number or 'somebody'} on {dest.device}")
        if not again:
            self._facts.append(life.fact("ringing", at))

    def _add_leg(self, life: Life, dest: Channel) -> None:
        life.said_abandoned = False
        life.legs.append(Leg(dest))
        self._legs[dest.uid] = life
        life.linked(dest.linkedid)

    def _forwarded(self, life: Life, dest: Channel) -> None:
        for forward in life.forwards:
            target, user = forward
            if target == _extension(dest.device):
                dest.forwarder = user
                life.forwards.remove(forward)
                return

    def _dial_state(self, e: ev.DialState) -> None:
        if e.status == "RINGING":
            self._ring(self.switch.channel(e.dest), e.at)

    def _ring(self, channel: Channel, at: float) -> None:
        if channel.local or channel.machine or channel.ringing or channel.state == UP or channel.bridge is not None:
            return
        channel.ringing = True
        self._settle(self._touched(channel), at, "DialState")

    def _dial_end(self, e: ev.DialEnd) -> None:
        dest = self.switch.channels.get(e.dest.uid)
        if dest is None:
            return
        life = self._legs.get(dest.uid)
        if e.forward:
            life = life or self._life_above(dest)
            if life is not None:
                life.forwards.append((_extension(e.forward), dest.whose))
                life.note(e.at, "DialEnd", f"{dest.whose or dest.device} forwards to {e.forward}")
                life.legs = [leg for leg in life.legs if leg.channel is not dest]
        touched = self._touched(dest)
        if e.status != "ANSWER":
            self._close_leg(dest, e.status, "", "")
        dest.ringing = False
        self.switch.undial(dest)
        self._settle(touched, e.at, "DialEnd")

    def _life_above(self, channel: Channel) -> Life | None:
        return self._lives.get(self.switch.top(channel).uid)

    def _close_leg(self, channel: Channel, status: str, cause: str, tech_cause: str) -> None:
        life = self._legs.get(channel.uid)
        if life is None:
            return
        for leg in life.legs:
            if leg.channel is channel:
                leg.result = leg_result(status, cause, tech_cause) or leg.result

    # ---- bridges

    def _enter(self, e: ev.Enter) -> None:
        channel = self.switch.channel(e.party)
        touched = self._touched(channel) if channel.bridge is not None else set()
        bridge = self.switch.bridge(e.bridge)
        bridge.holding = e.technology == "holding_bridge"
        swapped = self.switch.channels.get(e.swap) if e.swap else None
        if swapped is not None and swapped.bridge is bridge:
            self.switch.leave(swapped)
        channel.ringing = False
        channel.state = UP
        self.switch.enter(channel, bridge)
        leg = self._legs.get(channel.uid)
        if leg is not None and leg.direction == "outbound" and not leg.answered and channel.uid in self._lives:
            leg.customer = channel  # of several trunks dialled at once, this one answered
        self._settle(touched | self._touched(channel), e.at, "BridgeEnter")
        talk = self._talked.get(channel.uid)
        if talk is not None and channel.owned and channel.whose not in talk.open:
            talk.away.add(channel.owned.user)

    def _leave(self, e: ev.Leave) -> None:
        channel = self.switch.channels.get(e.party.uid)
        if channel is None or channel.bridge is None or channel.bridge.id != e.bridge:
            return
        touched = self._touched(channel)
        self.switch.leave(channel)
        self._settle(touched, e.at, "BridgeLeave")

    def _merge(self, e: ev.Merge) -> None:
        touched: set[Life] = set()
        for channel in self.switch.merge(e.target, e.source):
            touched |= self._touched(channel)
        self._settle(touched, e.at, "BridgeMerge")

    def _pair(self, e: ev.Pair) -> None:
        one, two = self.switch.channel(e.one), self.switch.channel(e.two)
        self.switch.pair(one, two)
        self._settle(self._touched(one), e.at, "LocalBridge")

    # ---- labels

    def _queue_join(self, e: ev.QueueJoin) -> None:
        if life := self._lives.get(e.party.uid):
            life.queue, life.said_abandoned = e.queue, False
            life.note(e.at, "QueueCallerJoin", f"the caller waits in queue {e.queue}")

    def _queue_leave(self, e: ev.QueueLeave) -> None:
        life = self._lives.get(e.party.uid)
        if life is None:
            return
        if e.abandoned:
            life.said_abandoned = True
            life.note(e.at, "QueueCallerAbandon", f"the caller left queue {e.queue} unanswered")
        life.queue = ""

    def _agent_called(self, e: ev.AgentCalled) -> None:
        channel = self.switch.channels.get(e.dest_uid)
        if channel is not None and channel.whose is None:
            device = device_of(e.interface)
            user = self.switch.people.of(device)
            channel.member = Owned(user, device) if user else None

    def _blind_transfer(self, e: ev.BlindTransfer) -> None:
        life = self._lives.get(e.transferee_uid) or self._talked.get(e.transferer.uid)
        if life is None or not e.success or any(label.kind == "park" for label in life.labels):
            return
        by = self._person(e.transferer)
        life.labels = [Label("blind", e.at, by)]
        life.note(e.at, "BlindTransfer", f"{by or e.transferer.name} sent the call to {e.exten}")

    def _attended_transfer(self, e: ev.AttendedTransfer) -> None:
        by = self._person(e.transferer)
        life = next((found for uid in e.uids if (found := self._of_customer(uid))), None)
        life = life or self._talked.get(e.transferer.uid)
        if life is None or not e.success:
            return
        life.note(e.at, "AttendedTransfer", f"{by or e.transferer.name} put the two together")
        if not any(t.kind == "attended" and t.by == by and abs(t.at - e.at) < 1 for t in life.transfers):
            life.labels = [Label("attended", e.at, by)]

    def _of_customer(self, uid: str) -> Life | None:
        life = self._lives.get(uid)
        return life if life is not None and life.customer is not None else None

    def _person(self, party: ev.Party) -> str | None:
        channel = self.switch.channels.get(party.uid)
        return channel.whose if channel is not None else self.switch.people.of(device_of(party.name))

    def _pickup(self, e: ev.Pickup) -> None:
        target = self.switch.channels.get(e.target_uid)
        life = self._legs.get(e.target_uid) or (self._life_above(target) if target else None)
        if life is not None:
            by = self._person(e.party)
            life.labels.append(Label("pickup", e.at, by))
            life.note(e.at, "Pickup", f"{by or e.party.name} picked up the call")

    def _parked(self, e: ev.Parked) -> None:
        if life := self._lives.get(e.uid):
            by = self.switch.people.of(device_of(e.parker))
            life.labels = [Label("park", e.at, by)]
            life.note(e.at, "ParkedCall", f"{by or e.parker} parked the call")

    def _parking_over(self, e: ev.ParkingOver) -> None:
        if life := self._lives.get(e.uid):
            life.labels = []

    def _application(self, e: ev.Application) -> None:
        if e.name in _VOICEMAIL:
            channel = self.switch.channel(e.party)
            for life in self._touched(channel):
                anchor = life.anchor
                if anchor is not None and (anchor is channel or channel.local):
                    life.voicemail = True
                    life.note(e.at, e.name, "the caller was sent to voicemail")

    def _originated(self, e: ev.Originated) -> None:
        if life := self._lives.get(e.uid):
            life.action_id = e.action_id

    # ---- who is in which call

    def _touched(self, channel: Channel) -> set[Life]:
        """The calls that a change of this channel may concern."""
        return {life for other in self.switch.family(channel) if (life := self._lives.get(other.uid))}

    def _settle(self, lives: Iterable[Life], at: float, event: str) -> None:
        """Ask the switchboard anew who talks and who rings in these calls, and say what changed."""
        for life in lives:
            if life.ended_at is not None or life.anchor is None:
                continue
            kind = life.set_talk(self._talkers(life), at, event)
            rings = life.set_ringing(self._ringers(life))
            if kind or rings:
                self._facts.append(life.fact(kind or "ringing", at))

    def _talkers(self, life: Life) -> dict[str, End]:
        """Who is in conversation with the outside party (internally: with each other), by person or device."""
        anchor = life.customer or life.root
        if anchor is None:
            return {}
        found = list(self.switch.ends(anchor))
        if life.customer is None:
            if life.direction is None or not found or any(self._outside(end.channel) for end in found):
                return {}
            if not anchor.local:
                found.append(End(anchor, life.caller, anchor.device, None))
            elif life.caller is None:
                life.caller = next((end.user for end in found if end.channel.bridge is anchor.bridge), None)
            found.sort(key=lambda end: end.user != life.caller)
            if len({end.key for end in found}) < 2:
                return {}
        talkers: dict[str, End] = {}
        for end in found:
            if end.user is not None or (end.channel.phone and not self._outside(end.channel)):
                talkers.setdefault(end.key, end)
                if end.channel is not anchor:
                    self._talked[end.channel.uid] = life
        return talkers

    def _outside(self, channel: Channel) -> bool:
        life = self._lives.get(channel.uid)
        return life is not None and life.customer is channel

    def _ringers(self, life: Life) -> tuple[str, ...]:
        """Whose phones ring for this call: dialled by its channel, or behind a Local channel in its bridge."""
        anchor = life.customer or life.root
        if anchor is None:
            return ()
        users: list[str] = []
        for channel in self.switch.family(anchor):
            if not channel.ringing or channel.whose is None or channel.whose in users:
                continue
            if self._rings_for(life, self.switch.top(channel)):
                users.append(channel.whose)
        return tuple(users)

    def _rings_for(self, life: Life, top: Channel) -> bool:
        if top is life.customer or top is life.root:
            return True
        return top.local and life.customer is not None and top.bridge is not None and top.bridge is life.customer.bridge

    # ---- restarts and cuts

    def _booted(self, e: ev.Booted) -> None:
        if e.boot:
            if self.boot and e.boot != self.boot:
                self._restart(e.at, e.boot, "the PBX has restarted")
            self.boot, self._named_boot = e.boot, True
        elif e.uptime is not None and not self._named_boot:
            began = e.at - e.uptime
            if not self.boot:
                self.boot = str(round(began))
            elif not self._same_boot(began):
                self._restart(e.at, str(round(began)), "the PBX has restarted")

    def _same_boot(self, began: float) -> bool:
        try:
            return abs(float(self.boot) - began) <= _SAME_BOOT
        except ValueError:
            return False

    def _restart(self, at: float, boot: str, why: str) -> None:
        """What lived before is gone without a word."""
        for life in self.lives():
            life.note(at, "restart", why)
            self._finish(life, at, lost=True)
        people = self.switch.people
        trunks = self.switch.trunks
        self.switch = Switch(people)
        self.switch.trunks = trunks
        self._lives.clear()
        self._talked.clear()
        self._legs.clear()
        self._masked.clear()
        self.boot = boot or str(round(at))

    def _snapshot_begin(self, _e: ev.SnapshotBegin) -> None:
        self._resync = set()

    def _snapshot(self, e: ev.Snapshot) -> None:
        if self._resync is None:
            return  # somebody else's listing
        self._resync.add(e.party.uid)
        known = e.party.uid in self.switch.channels
        channel = self.switch.channel(e.party)
        if channel.name != e.party.name:
            self.switch.name(channel, e.party.name)
        channel.was_dialled = channel.was_dialled or e.dialled
        channel.state = e.party.state
        channel.ringing = e.party.state == RINGING and channel.was_dialled
        if e.bridge:
            if channel.bridge is None or channel.bridge.id != e.bridge:
                self.switch.enter(channel, self.switch.bridge(e.bridge))
        else:
            self.switch.leave(channel)
        sleeping = any(channel.uid in (call.customer, call.root) for _, call in self._asleep)
        if not known and not e.dialled and not channel.local and not sleeping:
            self._begin(channel, e.party, e.at - e.seconds)

    def _wake(self, at: float) -> None:
        """After the first snapshot: calls from before our stop go on in their channels, or are lost."""
        asleep, self._asleep = self._asleep, []
        for life, call in asleep:
            channels = self.switch.channels if call.boot == self.boot else {}
            life.customer = channels.get(call.customer or "")
            life.root = channels.get(call.root or "")
            life.caller = life.root.whose if life.root else None
            if life.anchor is None or (call.customer and life.customer is None):
                life.note(at, "restart", "the call ended while pbxcrm was not running")
                self._finish(life, at, lost=True)
                continue
            for channel in (life.customer, life.root):
                if channel is not None:
                    self._lives[channel.uid] = life
                    channel.phone = channel is life.root
                    if channel is life.customer:
                        self.switch.trunks.add(channel.device)

    def _snapshot_end(self, e: ev.SnapshotEnd) -> None:
        alive, self._resync = self._resync, None
        if alive is None:
            return
        self._wake(e.at)
        for channel in [c for c in self.switch.channels.values() if c.uid not in alive]:
            self.switch.remove(channel)
            self._talked.pop(channel.uid, None)
            self._legs.pop(channel.uid, None)
        for life in self.lives():
            anchor = life.anchor
            if anchor is None or anchor.uid not in alive:
                life.note(e.at, "snapshot", "the call ended while the PBX was out of sight")
                self._finish(life, e.at, lost=True)
        self._settle(self.lives(), e.at, "snapshot")


def _extension(target: str) -> str:
    """`104` of a forward to `104`, `104@from-internal`, `Local/104@from-internal` or `PJSIP/104`."""
    return target.rpartition("/")[2].partition("@")[0].casefold()


def _number_in(dialstring: str, endpoint: str) -> str | None:
    """The outside number in a dial string: `600@trunk`, `trunk/600`, `trunk/sip:600@host`; None for a phone.

    A phone is dialled by its own name (`101`) or by its contact (`101/sip:101@10.0.0.7:5060`).
    """
    if uri := _URI.search(dialstring):
        return uri[1] if uri[1] != endpoint else None
    if "sip:" in dialstring:
        return None
    for part in re.split(r"[@/]", dialstring.partition(",")[0]):
        if part not in ("", endpoint) and re.fullmatch(r"[+*#0-9wW]+", part):
            return part
    return None
