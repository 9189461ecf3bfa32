"""The calls that live now, found by their channels, and the one question asked of the switchboard about each:
who talks, who rings?
"""

from collections.abc import Collection

from pbxcrm.calls.events import DialBegin
from pbxcrm.calls.facts import Fact, FactKind
from pbxcrm.calls.life import Life
from pbxcrm.calls.numbers import normalise
from pbxcrm.calls.switch import Channel, End, Switch


class Book:
    """Lives by uniqueid: of the customer's channel and of the one that began it (`lives`), of channels of ours that
    talked in it (`talked`), of channels dialled for it (`legs`). `facts` collects what is to be told.
    """

    def __init__(self, switch: Switch, pbx: str, region: str | None, boot: str) -> None:
        self.switch = switch
        self.pbx = pbx
        self.region = region
        self.boot = boot
        self.lives: dict[str, Life] = {}
        self.talked: dict[str, Life] = {}
        self.legs: dict[str, Life] = {}
        self.masked: dict[str, Channel] = {}  # channels giving up their name in a masquerade
        self.held: dict[str, list[tuple[Channel, str | None, DialBegin]]] = {}  # what Local channels dial, see tracker
        self.sees_requests = False  # whether this PBX tells who asked to hang up
        self.facts: list[Fact] = []

    def all(self) -> list[Life]:
        """The calls that live now, in order of start."""
        return sorted(set(self.lives.values()), key=lambda life: life.started_at)

    def clear(self, switch: Switch) -> None:
        """Forget every call and every channel."""
        self.switch = switch
        for known in (self.lives, self.talked, self.legs, self.masked, self.held):
            known.clear()

    def open(self, channel: Channel, at: float) -> Life:
        life = Life(channel.uid, self.pbx, self.boot, at)
        life.linked(channel.linkedid)
        channel.had_call = True
        self.lives[channel.uid] = life
        return life

    def finish(self, life: Life, at: float, *, lost: bool = False) -> None:
        for uid in {life.uid, *(c.uid for c in (life.customer, life.root) if c is not None)}:
            if self.lives.get(uid) is life:
                del self.lives[uid]
        if life.ended_at is not None:
            return
        if life.recalled or (life.root is not None and life.root.local and life.direction is None):
            return  # the customer's own, or a Local channel that never dialled anybody: nobody's call
        # The queue's own time-out is told as an abandon too: where hang-ups are told, they say who left whom.
        life.abandoned = life.abandoned or (life.said_abandoned and not self.sees_requests)
        life.finish(at, lost=lost)
        self.facts.append(life.fact("ended", at))

    def touched(self, channel: Channel) -> set[Life]:
        """The calls that a change of this channel may concern."""
        return {life for other in self.switch.family(channel) if (life := self.lives.get(other.uid))}

    def settle(self, lives: Collection[Life], at: float, event: str) -> None:
        """Ask the switchboard anew who talks and who rings in these calls, and say what changed."""
        for life in lives if len(lives) < 2 else sorted(lives, key=lambda life: (life.started_at, life.uid)):
            anchor = life.anchor
            if life.ended_at is not None or anchor is None or life.dialled_nobody:
                continue
            kind = life.set_talk(self._talkers(life, anchor), at, event)
            rings = life.set_ringing(self._ringers(life, anchor), at)
            if kind or rings:
                self.tell(life, kind or "ringing", at)

    def tell(self, life: Life, kind: FactKind, at: float) -> None:
        """Say so, unless it may be no call at all."""
        if not life.recalled:
            self.facts.append(life.fact(kind, at))

    def awaits(self, user: str | None, number: str | None) -> bool:
        """Whether this person passed on a customer with that number whom nobody has taken yet.

        Of a call that was not wholly seen (a gap, our restart) it is not known who passed it on; of one of which
        nothing was seen there is but a channel.
        """
        return any(
            life.customer is not None
            and life.number == number
            and (not life.whole or any(label.by == user for label in life.labels))
            for life in self.lives.values()
        ) or any(
            channel.unknown and channel.whose is None and number == normalise(channel.number, self.region)
            for channel in self.switch.channels.values()
            if channel.number and not channel.local
        )

    def _talkers(self, life: Life, anchor: Channel) -> dict[str, End]:
        """Who is in conversation with the outside party (internally: with each other), by person or device."""
        found = list(self.switch.ends(anchor))
        if life.customer is None:
            if life.direction is None or not found or any(self.outside(end.channel) for end in found):
                return {}
            if not anchor.local:
                found.append(End(anchor, life.caller, anchor.device, None))
            elif life.caller is None:
                life.caller = next((end.user for end in found if end.channel.bridge is anchor.bridge), None)
            found.sort(key=lambda end: end.user != life.caller)
            if len({end.key for end in found}) < 2:
                return {}
        talkers: dict[str, End] = {}
        hidden = False
        for end in found:
            if not end.user and end.channel.unknown and life.customer is not None:
                hidden = True  # perhaps one of ours by a mobile: nobody can say who was the first, or is the last
                life.unseen = life.unseen or not life.known_first
            if end.user is not None or (end.channel.phone and not self.outside(end.channel)):
                talkers.setdefault(end.key, end)
                if end.channel is not anchor:
                    self.talked[end.channel.uid] = life
        life.unseen_last = hidden or (life.unseen_last and not any(end.user for end in talkers.values()))
        return talkers

    def outside(self, channel: Channel) -> bool:
        life = self.lives.get(channel.uid)
        return life is not None and life.customer is channel

    def _ringers(self, life: Life, anchor: Channel) -> tuple[str, ...]:
        """Whose phones ring for this call: dialled by its channel, or behind a Local channel in its bridge."""
        users: list[str] = []
        for channel in self.switch.family(anchor):
            if not channel.ringing or channel.whose is None or channel.whose in users:
                continue
            if self._rings_for(life, self.switch.top(channel)):
                users.append(channel.whose)
        return tuple(users)

    def _rings_for(self, life: Life, top: Channel) -> bool:
        customer = self._customer_of(top) if top.local else None
        return customer is life.customer if customer is not None else top is life.customer or top is life.root

    def life_above(self, channel: Channel) -> Life | None:
        """The call for which this channel is dialled: that of whoever dialled first."""
        return self.life_of(self.switch.top(channel).uid)

    def life_of(self, uid: str) -> Life | None:
        """The call of this channel; of a Local channel, first that of the customer with whom it is in conversation."""
        channel = self.switch.channels.get(uid)
        if channel is not None and channel.local and (customer := self._customer_of(channel)) is not None:
            return self.lives[customer.uid]
        return self.lives.get(uid)

    def _customer_of(self, local: Channel) -> Channel | None:
        return next((end.channel for end in self.switch.ends(local) if self.outside(end.channel)), None)
