"""Events in, facts out: which call is it, who rings, who talks, how did it end.

The rule: the owner is the one real channel of a person reachable from the customer's channel through bridges and
Local pairs (switch.ends). A call is the customer's channel's life, followed through masquerades; Linkedids are kept
and never relied on; transfer and dial events are labels that say how, never who.
"""

import re
from collections.abc import Callable, Iterable

from pbxcrm.calls import events as ev
from pbxcrm.calls.book import Book
from pbxcrm.calls.facts import Fact
from pbxcrm.calls.labels import Labels
from pbxcrm.calls.life import Leg, Life, leads_outside, leg_result
from pbxcrm.calls.model import Call
from pbxcrm.calls.numbers import normalise
from pbxcrm.calls.people import People
from pbxcrm.calls.resync import Resync
from pbxcrm.calls.switch import RINGING, UP, Channel, Switch

RING = "4"
_NOWHERE = frozenset({"", "s", "i", "t", "h"})  # extensions that are no number somebody dialled
_GIVEN_BY_PBX = re.compile(r"\d+\.\d+$")  # a Uniqueid that Asterisk made: epoch seconds and a counter
_URI = re.compile(r"sips?:\+?([0-9]{7,})@")


class Tracker:
    """All calls of one PBX. Feed it events in the order they came; each answer is what they changed."""

    def __init__(self, people: People, *, pbx: str = "pbx", region: str | None = None, boot: str = "") -> None:
        self.book = book = Book(Switch(people), pbx, region, boot)
        self._resync = resync = Resync(book, self._begin)
        labels = Labels(book)
        # Each handler takes its own event: a table of them has no narrower type.
        self._on: dict[type, Callable[..., None]] = {  # type: ignore[explicit-any]
            ev.Newchannel: self._newchannel,
            ev.Newstate: self._newstate,
            ev.Attested: self._attested,
            ev.Rename: self._rename,
            ev.Hangup: self._hangup,
            ev.HangupRequest: self._hangup_request,
            ev.DialBegin: self._dial_begin,
            ev.DialState: self._dial_state,
            ev.DialEnd: self._dial_end,
            ev.Enter: self._enter,
            ev.Leave: self._leave,
            ev.Merge: self._merge,
            ev.Destroy: self._destroy,
            ev.Pair: self._pair,
            ev.QueueJoin: labels.queue_join,
            ev.QueueLeave: labels.queue_leave,
            ev.AgentCalled: labels.agent_called,
            ev.BlindTransfer: labels.blind_transfer,
            ev.AttendedTransfer: labels.attended_transfer,
            ev.Pickup: labels.pickup,
            ev.Parked: labels.parked,
            ev.ParkingOver: labels.parking_over,
            ev.Application: labels.application,
            ev.Originated: labels.originated,
            ev.Booted: resync.booted,
            ev.SnapshotBegin: resync.snapshot_begin,
            ev.Snapshot: resync.snapshot,
            ev.SnapshotEnd: resync.snapshot_end,
        }

    def feed(self, event: ev.Event) -> list[Fact]:
        """What this event changed; most change nothing."""
        if self._resync.deaf and self._resync.puts_by(event):
            return []
        event = self._resync.dated(event)
        self._on[type(event)](event)
        while self._resync.unread:
            late = self._resync.unread.pop(0)
            self._on[type(late)](late)
        facts, self.book.facts = self.book.facts, []
        return facts

    def lives(self) -> list[Life]:
        """The calls that live now, in order of start."""
        return self.book.all()

    def resume(self, calls: Iterable[tuple[Call, int]]) -> None:
        """Calls that were not over when we were stopped, each with the number of its last fact.

        The next snapshot says which of them live still; the others are `lost`.
        """
        self._resync.resume(calls)

    def died(self, at: float) -> list[Fact]:
        """The PBX died, or wrote no more: what lived is lost."""
        self._resync.restart(at, "", "nothing more was heard of it")
        facts, self.book.facts = self.book.facts, []
        return facts

    def set_people(self, people: People) -> None:
        """Other devices, other people: from the next event on, calls that live included."""
        self.book.switch.people = people
        for channel in self.book.switch.channels.values():
            self.book.switch.name(channel, channel.name)

    def _newchannel(self, e: ev.Newchannel) -> None:
        known = self.book.switch.channels.get(e.party.uid)
        if known is not None and known.name != e.party.name and known.name.partition("<")[0] != e.party.name:
            # A uniqueid given out twice: the PBX has started again, and everything before it is gone.
            self._resync.restart(e.at, "", f"uniqueid {e.party.uid} was given to a second channel")
        channel = self.book.switch.born(e.party)
        channel.placed = True
        self._resync.born(channel.uid)
        if e.party.state == RING and not channel.local and not channel.was_dialled:
            self._begin(channel, e.party, e.at)

    def _newstate(self, e: ev.Newstate) -> None:
        channel = self.book.switch.channel(e.party)
        state = e.party.state
        if state == RING and channel.uid not in self.book.lives and not channel.local and not channel.was_dialled:
            self._begin(channel, e.party, e.at)
        elif state == RINGING and channel.was_dialled:
            self._ring(channel, e.at)
        elif state == UP and channel.ringing:
            channel.ringing = False
        channel.state = state
        channel.was_up = channel.was_up or state == UP
        life = self.book.lives.get(channel.uid)
        if life is not None and life.customer is channel and life.direction == "inbound" and life.number is None:
            life.number = normalise(e.party.number, self.book.region)

    def _begin(self, channel: Channel, party: ev.Party, at: float) -> None:
        """A channel that calls the PBX: an outside party's, or one of ours that will dial somebody."""
        if channel.machine or not channel.name or channel.uid in self.book.lives:
            return
        number = channel.endpoint
        channel.phone = channel.user is not None or (bool(number) and number == party.number)
        life = self.book.open(channel, at)
        if channel.phone:
            life.root, life.caller = channel, channel.user
            life.number = None if party.exten in _NOWHERE else normalise(party.exten, self.book.region)
            life.note(at, "Newchannel", f"{channel.user or channel.device} dialled {party.exten or 'nothing'}")
            return
        self.book.switch.trunks.add(channel.device)
        life.customer, life.direction = channel, "inbound"
        life.number = normalise(party.number, self.book.region)
        life.caller_name = party.caller_name if party.caller_name not in ("", party.number) else None
        life.did = None if party.exten in _NOWHERE else party.exten
        who = life.number or "a withheld number"
        life.note(at, "Newchannel", f"{who} called {life.did or 'in'} on {channel.device}")

    def _attested(self, e: ev.Attested) -> None:
        life = self.book.lives.get(e.uid)
        if life is not None and life.direction == "inbound" and life.customer and life.customer.uid == e.uid:
            life.number_verified = e.level == "A" and life.number is not None

    def _rename(self, e: ev.Rename) -> None:
        channel = self.book.switch.channels.get(e.uid)
        if channel is None:
            return
        self.book.switch.name(channel, e.new)
        if e.new.endswith("<MASQ>"):
            self.book.masked[e.new.removesuffix("<MASQ>")] = channel
            return
        donor = self.book.masked.pop(e.new, None)
        if donor is not None and donor is not channel:
            self._masquerade(donor, channel, e.at)

    def _masquerade(self, donor: Channel, channel: Channel, at: float) -> None:
        """Whoever was behind `donor` is behind `channel` from here on."""
        displaced, moving = self.book.lives.pop(channel.uid, None), self.book.lives.pop(donor.uid, None)
        channel.ringing = False
        channel.phone, channel.was_dialled = donor.phone, donor.was_dialled
        channel.member, channel.forwarder = donor.member, donor.forwarder
        touched = self.book.touched(channel) | self.book.touched(donor)
        if displaced is not None and displaced is not moving:
            self.book.finish(displaced, at)
        if moving is not None:
            if moving.customer is None and moving.direction is None and not moving.originated:
                moving.picked_up = True  # a code was dialled to pick up: that call is over, the customer's goes on
                self.book.finish(moving, at)
            else:
                self._move(moving, donor, channel, at)
        if donor.uid in self.book.talked:
            self.book.talked[channel.uid] = self.book.talked.pop(donor.uid)
        self.book.settle(touched | self.book.touched(channel), at, "masquerade")

    def _move(self, life: Life, donor: Channel, channel: Channel, at: float) -> None:
        if life.customer is donor:
            life.customer = channel
        if life.root is donor:
            life.root = channel
        self.book.lives[channel.uid] = life
        life.linked(channel.linkedid)
        life.note(at, "Rename", f"{channel.name} goes on in channel {channel.uid}")

    def _hangup_request(self, e: ev.HangupRequest) -> None:
        self.book.sees_requests = True
        life = self.book.lives.get(e.party.uid)
        if e.by_far_end and life is not None and life.customer is not None and life.customer.uid == e.party.uid:
            life.abandoned = bool(life.queue)

    def _hangup(self, e: ev.Hangup) -> None:
        channel = self.book.switch.channels.get(e.party.uid)
        if channel is None:
            return
        touched = self.book.touched(channel)
        self._close_leg(channel, "", e.cause, e.tech_cause)
        channel.ringing = False
        self.book.switch.remove(channel)
        masked = channel.name.removesuffix("<MASQ>")
        if self.book.masked.get(masked) is channel:
            del self.book.masked[masked]
        self.book.legs.pop(channel.uid, None)
        self.book.talked.pop(channel.uid, None)
        self.book.held.pop(channel.uid, None)
        life = self.book.lives.pop(channel.uid, None)
        if life is not None:
            life.blame(e.cause, self.book.legs)
            self._gone(life, channel, e.at)
        self.book.settle(touched, e.at, "Hangup")

    def _gone(self, life: Life, channel: Channel, at: float) -> None:
        """One of the channels that make this call has hung up: is it over?"""
        if life.customer is channel:
            root_lives = life.root is not None and life.root.uid in self.book.lives
            if life.direction == "outbound" and not life.answered and root_lives:
                return  # busy, say: the caller may hear a tone, or another trunk is tried
        elif life.customer is not None and life.customer.uid in self.book.switch.channels:
            return  # our side has left; the customer is still there (a transfer, or hangs up next)
        self.book.finish(life, at)

    def _dial_begin(self, e: ev.DialBegin) -> None:
        caller = self.book.switch.channel(e.caller) if e.caller else None
        dest = self.book.switch.channel(e.dest)
        self.book.switch.dial(caller, dest)
        dest.unknown = False
        outside = self._learn(dest, e.dialstring)
        self._dialled(caller, dest, outside, e)
        if dest.state == RINGING:  # its Newstate may come before the DialBegin
            self._ring(dest, e.at)

    def _dialled(self, caller: Channel | None, dest: Channel, outside: str | None, e: ev.DialBegin) -> None:
        later = self.book.held.pop(dest.uid, [])
        if caller is None:
            self._originate(dest, outside, e)
        else:
            top = self.book.switch.top(dest)
            if top.half == 1 and not top.was_dialled and top.bridge is None and top.uid not in self.book.lives:
                # A Local channel may dial on before its own dialling is told of: whose call it is comes with that.
                self.book.held.setdefault(top.uid, []).extend([(dest, outside, e), *later])
                return
            life = self.book.life_above(dest) or self._open_top(top, dest, e.at)
            if life is not None:
                self._dialled_for(life, top, caller, dest, outside, e)
        for dial in later:
            self._dial_on(dest, *dial)
        if later:
            self.book.settle(self.book.touched(dest), e.at, "DialBegin")

    def _dial_on(self, above: Channel, dest: Channel, outside: str | None, e: ev.DialBegin) -> None:
        """A dialling that was held back until more was known of `above`, if it lasts."""
        if dest.caller is not None and above in self.book.switch.callers(dest):
            self.book.switch.dial(dest.caller, dest)  # what is known of the one dialled follows down the chain
            self._dialled(dest.caller, dest, outside, e)

    def _dialled_for(
        self, life: Life, top: Channel, caller: Channel, dest: Channel, outside: str | None, e: ev.DialBegin
    ) -> None:
        life.recalled = False
        self._forwarded(life, dest)
        if dest.local or dest.machine:
            return
        if life.customer is not None and (life.customer is top or top.local) and life.root is not top:
            self._add_leg(life, dest)
        elif life.originated and caller.half == 2 and caller.pair is top:
            life.caller = life.caller or dest.whose  # our own phone, rung first through a Local channel
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
        if dest.user is None and (number is not None or dest.device in self.book.switch.trunks):
            if dest.member is None:
                self.book.switch.trunks.add(dest.device)
                return number or dest.number or "?"
            return None
        dest.phone = True
        return None

    def _originate(self, dest: Channel, outside: str | None, e: ev.DialBegin) -> None:
        """A channel dialled by nobody: click-to-call rings our phone first, a dialler the customer's."""
        if dest.machine or dest.uid in self.book.lives:
            return
        life = self.book.open(dest, e.at)
        life.originated = True
        if not _GIVEN_BY_PBX.search(dest.uid):
            life.action_id = dest.uid  # whoever asked for the channel chose its Uniqueid: see ami/originate.py
        if outside is not None:
            life.customer, life.direction = dest, "outbound"
            life.number = normalise(outside, self.book.region)
            self._add_leg(life, dest)
        else:
            life.root, life.caller = dest, dest.whose
            shown = e.dest.connected or e.dest.number
            life.number = normalise(shown, self.book.region) if not self._own_number(dest, shown) else None
            # An Originate shows the number it will call; the PBX calls back under the phone's own.
            own = life.action_id is None and normalise(e.dest.number, self.book.region) != life.number
            life.recalled = own and self.book.awaits(life.caller, life.number)
        life.note(e.at, "DialBegin", f"the PBX was asked to call {dest.whose or dest.device}")
        self.book.tell(life, "ringing", e.at)

    def _own_number(self, dest: Channel, number: str) -> bool:
        """Whether this is the phone's own, or that of another phone of the same person: they share one."""
        other = f"{dest.device.partition('/')[0]}/{number}"
        return number == dest.endpoint or (dest.user is not None and self.book.switch.people.of(other) == dest.user)

    def _open_top(self, top: Channel, dest: Channel, at: float) -> Life | None:
        """The call of whoever dials, where its beginning was not seen or is a Local channel's."""
        if top.machine or (top.local and (top.unknown or self.book.switch.with_stranger(top))):
            return None  # nobody's, or somebody's whose dialling was not seen
        # A second call of the same channel, after the first is over, is named by what it dials.
        life = self.book.lives[top.uid] = self.book.open(dest if top.had_call else top, at)
        phone = top.phone or top.whose is not None or top.endpoint == top.number
        shown = normalise(top.number, self.book.region)
        if top.unknown and not phone and leads_outside(shown):
            # Whom one of ours called while nobody looked, and has passed on since.
            life.uid = top.linkedid  # that of our side, who began it: so the PBX's own record names the call
            life.customer, life.direction, life.number = top, "outbound", shown
            life.unseen = life.unseen_end = True
            return life
        if not (top.local or phone or top.was_dialled):
            self.book.switch.trunks.add(top.device)
            life.customer, life.direction, life.number = top, "inbound", normalise(top.number, self.book.region)
            return life
        life.root, life.caller = top, None if top.local else top.whose
        exten = top.endpoint.partition("@")[0] if top.local else top.exten
        life.number = None if exten in _NOWHERE else normalise(exten, self.book.region)
        return life

    def _open_found(self, channel: Channel, party: ev.Party, at: float) -> None:
        """A customer whose beginning was not seen (the stream begins in mid-call) enters a conversation."""
        if not channel.local and channel.whose is None and channel.endpoint != party.number:
            self._begin(channel, party, at)

    def _dial_out(self, life: Life, top: Channel, dest: Channel, outside: str, at: float) -> None:
        again = life.direction == "outbound" and not life.answered
        if life.direction is None or again:
            life.direction = "outbound"
        else:
            life = self.book.open(dest, at)
            life.root, life.caller, life.direction = top, top.whose, "outbound"
        number = outside if outside != "?" else ""
        life.customer = dest
        life.number = normalise(number, self.book.region) or life.number
        self.book.lives[dest.uid] = life
        self._add_leg(life, dest)
        life.note(at, "DialBegin", f"{life.caller or 'the PBX'} called {life.number or 'somebody'} on {dest.device}")
        if not again:
            self.book.facts.append(life.fact("ringing", at))

    def _add_leg(self, life: Life, dest: Channel) -> None:
        life.said_abandoned = False
        life.legs.append(Leg(dest))
        self.book.legs[dest.uid] = life
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
            self._ring(self.book.switch.channel(e.dest), e.at)

    def _ring(self, channel: Channel, at: float) -> None:
        if channel.local or channel.machine or channel.ringing or channel.state == UP or channel.bridge is not None:
            return
        channel.ringing = True
        self.book.settle(self.book.touched(channel), at, "DialState")

    def _dial_end(self, e: ev.DialEnd) -> None:
        dest = self.book.switch.channels.get(e.dest.uid)
        if dest is None:
            return
        life = self.book.legs.get(dest.uid)
        if e.forward:
            life = life or self.book.life_above(dest)
            if life is not None:
                life.forwards.append((_extension(e.forward), dest.whose))
                life.note(e.at, "DialEnd", f"{dest.whose or dest.device} forwards to {e.forward}")
                life.legs = [leg for leg in life.legs if leg.channel is not dest]
        touched = self.book.touched(dest)
        if e.status != "ANSWER":
            self._close_leg(dest, e.status, "", "")
        dest.ringing = False
        self.book.switch.undial(dest)
        self.book.settle(touched, e.at, "DialEnd")

    def _close_leg(self, channel: Channel, status: str, cause: str, tech_cause: str) -> None:
        life = self.book.legs.get(channel.uid)
        if life is None:
            return
        result = leg_result(status, cause, tech_cause)
        for leg in life.legs:
            if leg.channel is channel and result is not None:
                leg.result = result

    def _enter(self, e: ev.Enter) -> None:
        if e.party.uid in self.book.switch.gone:
            return
        channel = self.book.switch.channel(e.party)
        touched = self.book.touched(channel) if channel.bridge is not None else set()
        bridge = self.book.switch.bridge(e.bridge)
        bridge.holding = e.technology == "holding_bridge"
        swapped = self.book.switch.channels.get(e.swap) if e.swap else None
        if swapped is not None and swapped.bridge is bridge:
            self.book.switch.leave(swapped)
        channel.ringing = False
        channel.state = UP
        self.book.switch.enter(channel, bridge)
        if bridge.holding and (parked := self.book.life_of(channel.uid)) is not None:
            parked.waits_elsewhere()
        for dial in self.book.held.pop(channel.uid, []):
            self._dial_on(channel, *dial)
        if not self.book.touched(channel) and channel.linkedid == channel.uid and not channel.was_dialled:
            self._open_found(channel, e.party, e.at)
        leg = self.book.legs.get(channel.uid)
        if leg is not None and leg.direction == "outbound" and not leg.answered and channel.uid in self.book.lives:
            leg.customer = channel  # of several trunks dialled at once, this one answered
        self.book.settle(touched | self.book.touched(channel), e.at, "BridgeEnter")
        talk = self.book.talked.get(channel.uid)
        if talk is not None and channel.owned and channel.whose not in talk.open:
            talk.away.add(channel.owned.user)

    def _leave(self, e: ev.Leave) -> None:
        channel = self.book.switch.channels.get(e.party.uid)
        if channel is None or channel.bridge is None or channel.bridge.id != e.bridge:
            return
        touched = self.book.touched(channel)
        self.book.switch.leave(channel)
        self.book.settle(touched, e.at, "BridgeLeave")

    def _merge(self, e: ev.Merge) -> None:
        self.book.switch.merge(e.target, e.source)

    def _destroy(self, e: ev.Destroy) -> None:
        touched: set[Life] = set()
        for channel in self.book.switch.dissolve(e.bridge):
            touched |= self.book.touched(channel)
        self.book.settle(touched, e.at, "BridgeMerge")

    def _pair(self, e: ev.Pair) -> None:
        one, two = self.book.switch.channel(e.one), self.book.switch.channel(e.two)
        self.book.switch.pair(one, two)
        self.book.settle(self.book.touched(one), e.at, "LocalBridge")


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
