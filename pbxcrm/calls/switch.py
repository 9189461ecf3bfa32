"""The PBX's switchboard, rebuilt from its events: channels, bridges, Local pairs, who dials whom.

It answers one question: which real ends are in one conversation with a channel? Everything said of people and calls
is made of that answer, in tracker.py.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pbxcrm.calls.events import Party
from pbxcrm.calls.people import People, device_of

# Channels that the PBX makes for itself: announcers, recorders, spies. Nobody is behind them.
_MACHINERY = frozenset({"CBAnn", "CBRec", "Announcer", "Recorder", "Snoop", "Surrogate", "Message", "UnicastRTP",
                        "MulticastRTP", "AudioSocket", "WebSocket", "Bridge", "Parked", "Async", "ConfBridgeRec",
                        "BridgeRec", "BridgeAnn"})  # fmt: skip

_REMEMBERED = 256  # channels; a late word comes within milliseconds
DOWN, RINGING, UP = "0", "5", "6"


class Bridge:
    """A mixing bridge, or a holding one (parking, queue of an agent pool): there nobody talks."""

    __slots__ = ("holding", "id", "members")

    def __init__(self, bridge_id: str) -> None:
        self.id = bridge_id
        self.members: dict[str, Channel] = {}
        self.holding = False


class Owned(NamedTuple):
    """A person, and the device by which they are known."""

    user: str
    device: str

    @property
    def extension(self) -> str:
        """`104` of `Local/104@from-queue`."""
        return self.device.partition("/")[2].partition("@")[0]


class Channel:
    """One channel, by uniqueid. `name` changes when another takes its place (masquerade).

    `caller` is the channel that dials it, `member` the person for whom it was dialled (a Local channel of theirs, a
    queue membership), `forwarder` the person whose phone sent the call on to it.
    """

    __slots__ = (
        "bridge", "caller", "device", "dials", "exten", "forwarder", "had_call", "half", "linkedid", "machine",
        "member", "name", "number", "pair", "phone", "placed", "ringing", "state", "uid", "unknown", "user",
        "was_bridged", "was_dialled", "was_up",
    )  # fmt: skip

    def __init__(self, party: Party) -> None:
        self.uid = party.uid
        self.linkedid = party.linkedid
        self.state = party.state
        self.number = party.number
        self.exten = party.exten
        self.bridge: Bridge | None = None
        self.pair: Channel | None = None
        self.caller: Channel | None = None
        self.dials: dict[str, Channel] = {}
        self.member: Owned | None = None
        self.forwarder: str | None = None
        self.was_dialled = False
        self.was_bridged = False
        self.had_call = False  # a call bears its uniqueid
        self.placed = False  # its beginning was seen: `member` is known, or known to be nobody
        self.unknown = False  # it was dialled while nobody looked: whether for a member cannot be said
        self.phone = False  # dialled as a phone, or calls under its own name: no trunk
        self.ringing = False
        self.name = ""
        self.device = ""
        self.user: str | None = None
        self.half = 0  # 1 or 2 of a Local channel: 1 is where it is called, 2 runs the dialplan; 0: a real channel
        self.machine = False
        self.was_up = party.state == UP

    @property
    def local(self) -> bool:
        """Half of a Local channel: nobody is here, somebody may be behind the other half."""
        return self.half != 0

    @property
    def owned(self) -> Owned | None:
        """The person at this end: the device's owner, else the member who was dialled.

        Of Local channels within Local channels the outermost counts: that is the member who was dialled.
        """
        if self.half and self.member:
            return self.member
        return Owned(self.user, self.device) if self.user else self.member

    @property
    def whose(self) -> str | None:
        """The person's name."""
        return self.user or (self.member.user if self.member else None)

    @property
    def endpoint(self) -> str:
        """`101` of `PJSIP/101`."""
        return self.device.partition("/")[2]


_SEVERAL = Owned("", "")  # Local channels of several persons lead here: whose end it is, only its dialling can tell


def _further(member: Owned | None, inner: Owned | None) -> Owned | None:
    """Who is behind one more Local channel: the outermost names the member."""
    if member is None or inner is None or member.user == inner.user:
        return member or inner
    return _SEVERAL


class End(NamedTuple):
    """A real channel in conversation, whose it is, and the Local channel it was reached through, if any.

    A mobile that was dialled for a queue member is that member's: `device` is then the member's (`Local/104@queue`).
    """

    channel: Channel
    user: str | None
    device: str
    via: str | None

    @property
    def key(self) -> str:
        """What tells one talker from another: the person, else the device."""
        return self.user or self.device


class Switch:
    """All that lives on one PBX now."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self._halves: dict[str, Channel] = {}  # the Local halves by name, to pair them
        self.merged: dict[str, str] = {}  # bridges that go into another, until they are gone
        self.gone: dict[str, None] = {}  # the last that hung up, in order
        self.trunks: set[str] = set()  # devices that carried somebody from outside

    def born(self, party: Party) -> Channel:
        """The channel of a Newchannel."""
        self.gone.pop(party.uid, None)
        return self.channel(party)

    def channel(self, party: Party) -> Channel:
        """The channel an event speaks of; made on sight where its Newchannel was not seen.

        Of one that has hung up a last word may come late: it is listened to by nobody.
        """
        found = self.channels.get(party.uid)
        if found is None:
            found = Channel(party)
            if party.uid not in self.gone:
                self.channels[party.uid] = found
                self.name(found, party.name)
        elif party.name and not found.name:
            self.name(found, party.name)
        return found

    def name(self, channel: Channel, name: str) -> None:
        """Give a channel its name, and with it device, owner and (for a Local half) its other half."""
        self._halves.pop(channel.name, None)
        channel.name = name
        channel.device = device_of(name)
        technology = name.partition("/")[0]
        channel.half = (1 if name.endswith(";1") else 2) if technology == "Local" else 0
        channel.machine = technology in _MACHINERY
        channel.user = self.people.of(channel.device)
        if channel.half:
            self._halves[name] = channel
            other = self._halves.get(f"{name[:-1]}{3 - channel.half}")
            if other is not None:
                self.pair(channel, other)

    def pair(self, one: Channel, two: Channel) -> None:
        """Join the two halves of a Local channel."""
        one.pair, two.pair = two, one

    def bridge(self, bridge_id: str) -> Bridge:
        """The bridge of that id."""
        found = self.bridges.get(bridge_id)
        if found is None:
            found = self.bridges[bridge_id] = Bridge(bridge_id)
        return found

    def enter(self, channel: Channel, bridge: Bridge) -> None:
        """The channel is in this bridge, and in no other."""
        self.leave(channel)
        channel.bridge = bridge
        channel.was_bridged = True
        bridge.members[channel.uid] = channel

    def leave(self, channel: Channel) -> None:
        """The channel is in no bridge."""
        bridge, channel.bridge = channel.bridge, None
        if bridge is not None:
            bridge.members.pop(channel.uid, None)
            if not bridge.members:
                self.bridges.pop(bridge.id, None)

    def merge(self, target: str, source: str) -> None:
        """`source` goes into `target`: those who go along say so by entering it, others leave."""
        if source != target:
            self.merged[source] = target

    def dissolve(self, bridge_id: str) -> list[Channel]:
        """The bridge is gone; whoever is in it still was moved without a word. Returns who moved."""
        gone, target = self.bridges.get(bridge_id), self.merged.pop(bridge_id, None)
        moved = list(gone.members.values()) if gone is not None else []
        for channel in moved:
            if target is None:
                self.leave(channel)
            else:
                self.enter(channel, self.bridge(target))
        return moved

    def dial(self, caller: Channel | None, dest: Channel) -> None:
        """`caller` dials `dest`; what is known of the one dialled by name follows down the chain of Local channels."""
        self.undial(dest)
        dest.was_dialled = True
        dest.caller = caller
        if caller is None:
            return
        dest.placed = True
        caller.dials[dest.uid] = dest
        above = caller.pair
        # A Local channel that was in a conversation and dials again was transferred: not for its member any more.
        if caller.half == 2 and above is not None and not caller.was_bridged:
            dest.member = above.owned or dest.member
            dest.forwarder = dest.forwarder or above.forwarder

    def undial(self, dest: Channel) -> None:
        """Nobody dials `dest` any more."""
        if dest.caller is not None:
            dest.caller.dials.pop(dest.uid, None)
            dest.caller = None

    def remove(self, channel: Channel) -> None:
        """The channel is gone."""
        self.leave(channel)
        self.undial(channel)
        for dest in list(channel.dials.values()):
            self.undial(dest)
        if channel.pair is not None and channel.pair.pair is channel:
            channel.pair.pair = None
        if self._halves.get(channel.name) is channel:
            del self._halves[channel.name]
        self.channels.pop(channel.uid, None)
        self.gone[channel.uid] = None
        if len(self.gone) > _REMEMBERED:
            del self.gone[next(iter(self.gone))]

    def ends(self, start: Channel) -> Iterator[End]:
        """The real channels in one conversation with `start`: through mixing bridges and Local pairs.

        From a Local channel both of its sides are looked at: it is the conversation.
        """
        seen = {start.uid}
        walk: list[tuple[Bridge, Owned | None, str | None]] = []
        halves = (start, start.pair) if start.local else (start,)
        for half in halves:
            if half is not None and half.bridge is not None and not half.bridge.holding:
                seen.add(half.uid)
                walk.append((half.bridge, half.owned if half.half == 2 else None, None))
        while walk:
            bridge, member, via = walk.pop()
            for channel in list(bridge.members.values()):
                if channel.uid in seen:
                    continue
                seen.add(channel.uid)
                if not channel.local:
                    if not channel.machine:
                        if member is not None and not channel.placed:
                            self._place(channel, member)
                        owned = channel.owned
                        yield End(channel, owned and owned.user, owned.device if owned else channel.device, via)
                    continue
                other = channel.pair
                if other is None or other.uid in seen:
                    continue
                seen.add(other.uid)
                if other.bridge is not None and not other.bridge.holding:
                    inner = channel.owned if channel.half == 1 else None
                    walk.append((other.bridge, _further(member, inner), channel.name))

    def with_stranger(self, channel: Channel) -> bool:
        """Whether somebody is in conversation with it who was dialled while nobody looked, and is none of ours."""
        return any(end.channel.unknown and end.user is None for end in self.ends(channel))

    @staticmethod
    def _place(channel: Channel, member: Owned) -> None:
        """A channel whose beginning was not seen is the member's behind whose Local channels it is found.

        Unless another's may have been there and is optimised away: its own number must be the one that they call.
        """
        channel.placed = True
        if channel.member is None and channel.number == member.extension:
            channel.member = member

    def top(self, channel: Channel) -> Channel:
        """Who called first: the last of `callers`, else the channel itself."""
        found = channel
        for above in self.callers(channel):
            found = above
        return found

    def callers(self, channel: Channel) -> Iterator[Channel]:
        """Upwards from a dialled channel: who dials it, through Local pairs, to the one who called first."""
        seen: set[str] = set()
        at: Channel | None = channel
        while at is not None and at.uid not in seen:
            seen.add(at.uid)
            above = at.caller
            if above is None and at.half == 2:
                above = at.pair
            if above is not None:
                yield above
            at = above

    def family(self, start: Channel) -> list[Channel]:
        """All channels joined with `start` by a bridge, a Local pair or a dial: what a change of one may touch."""
        seen = {start.uid}
        walk = [start]
        bridges: set[str] = set()
        for channel in walk:  # it grows while it is walked
            near: list[Channel] = []
            bridge = channel.bridge
            if bridge is not None and bridge.id not in bridges:
                bridges.add(bridge.id)
                near += bridge.members.values()
            if channel.dials:
                near += channel.dials.values()
            if channel.pair is not None:
                near.append(channel.pair)
            if channel.caller is not None:
                near.append(channel.caller)
            for other in near:
                if other.uid not in seen:
                    seen.add(other.uid)
                    walk.append(other)
        return walk
