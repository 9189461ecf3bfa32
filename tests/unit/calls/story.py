"""One call on a PBX that does not exist: what its channels do, and who truly talks with the customer.

The truth is set down by whoever does it ("Bob picks up: he talks from here"), never worked out from the graph that the
tracker works it out from. What happens is chosen by a list of numbers, so that hypothesis can find the shortest list
that goes wrong; where the order of events is a race of threads inside Asterisk, the numbers choose the order too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.unit.calls.office import MOBILE
from tests.unit.calls.wire import START, Chan, Ids, Wire

PEOPLE = {"alice": "101", "bob": "102", "carol": "103", "dave": "104", "erin": "105"}
STEP = Callable[[], object]


@dataclass
class Spell:
    """`user` and the customer in one conversation."""

    user: str | None
    device: str
    start: float
    end: float | None = None


@dataclass
class Truth:
    """A call as those who were in it would tell it. What nobody can decide is None and not compared."""

    direction: str
    number: str | None
    did: str | None
    started_at: float
    outcome: str | None = None
    ended_at: float | None = None
    rang: set[str] | None = field(default_factory=set)
    talks: list[Spell] = field(default_factory=list)
    transfers: list[tuple[str, str | None, str | None]] | None = field(default_factory=list)
    sure: bool = True  # False: whether this is a call of its own nobody can say (a feature code, a blonde consultation)

    @property
    def first(self) -> str | None:
        return min((t for t in self.talks if t.user), key=lambda t: t.start, default=Spell(None, "", 0)).user

    @property
    def last(self) -> str | None:
        return max(
            (t for t in self.talks if t.user), key=lambda t: (t.end or 1e12, t.start), default=Spell(None, "", 0)
        ).user


@dataclass(frozen=True)
class Seat:
    """A person's phone and how it is dialled: straight, or through Local channels, `ways` from the outside in."""

    user: str | None
    device: str
    ways: tuple[str, ...] = ()
    outside: str = ""  # the number, where the phone is a mobile behind the trunk
    stays: bool = False  # Local channels with /n are not optimised away
    confirms: bool = False  # "press 1 to accept"

    @property
    def exten(self) -> str:
        return PEOPLE[self.user] if self.user else "199"

    @property
    def known_as(self) -> str:
        """The device by which the tracker should know the person."""
        return f"Local/{self.exten}@{self.ways[0]}" if self.outside and self.ways else self.device


@dataclass(frozen=True)
class Style:
    """How a PBX names things: its phones, its trunk, and what it dials there."""

    phones: str = "PJSIP"
    trunk: str = "PJSIP/trunk"
    dials: str = "{number}@trunk"
    system: str = ""  # systemname of asterisk.conf, before each uniqueid
    born_down: bool = False  # chan_sip: a channel that calls us is Down for a moment, then Ring


STYLES = (
    Style(),
    Style(),
    Style(system="pbx1"),
    Style("SIP", "SIP/trunk", "trunk/{number}", born_down=True),
    Style("PJSIP", "IAX2/provider", "provider/{number}"),
    Style("SIP", "DAHDI/i1/225550100", "g1/{number}", "pbx-2", born_down=True),
)


@dataclass(eq=False)
class Leg:
    """A seat that is being dialled, by which channels."""

    seat: Seat
    dest: Chan  # what the caller dials: the phone, or the outermost ;1
    phone: Chan
    pairs: list[tuple[Chan, Chan]]
    dialler: Chan  # who dials the phone itself: the caller, or the innermost ;2
    up: bool = False
    forwarder: str | None = None  # whose phone sent the call here

    @property
    def channels(self) -> list[Chan]:
        return [chan for pair in self.pairs for chan in pair] + [self.phone]

    def far(self, caller: Chan) -> Chan:
        """Who is beside the phone in its bridge."""
        return self.pairs[-1][1] if self.pairs else caller

    def links(self, caller: Chan) -> list[tuple[Chan, Chan]]:
        """Who dials whom, from the outside in."""
        diallers = [caller, *(two for _, two in self.pairs)]
        dialled = [*(one for one, _ in self.pairs), self.phone]
        return list(zip(diallers, dialled, strict=True))


@dataclass(eq=False)
class Talk:
    """Somebody in conversation: `far` is the channel beside the phone's: the customer's, or the last ;2 before it."""

    seat: Seat
    phone: Chan
    far: Chan
    spell: Spell


class Story:
    """The primitives that lives are made of."""

    def __init__(self, numbers: Sequence[int] = (), ids: Ids | None = None, at: float = START,
                 *, stamped: bool = True) -> None:  # fmt: skip
        self._numbers = iter(numbers)
        self.style = STYLES[self.pick(len(STYLES))]
        self.wire = Wire(ids or Ids(self.style.system), at, stamped=stamped)
        self.truths: list[Truth] = []
        self.path: list[tuple[Chan, Chan]] = []  # the Local pairs between the customer and whoever talks with him
        self.trunk: Chan | None = None
        self.exten = 0

    # ---- choices

    def pick(self, n: int) -> int:
        """One of n; 0, the simplest, when the numbers are used up."""
        return next(self._numbers, 0) % n if n > 1 else 0

    def one_of(self, things: Sequence):
        return things[self.pick(len(things))]

    def maybe(self) -> bool:
        return self.pick(2) == 1

    def as_before_12(self) -> bool:
        """Whether this is done as Asterisk did before 12: two channels swap their names."""
        return self.maybe()

    def some(self, things: Sequence, most: int) -> list:
        """Some of them, at least one, each once."""
        rest = list(things)
        return [rest.pop(self.pick(len(rest))) for _ in range(min(1 + self.pick(most), len(things)))]

    def human(self) -> None:
        """Between two things that people do."""
        self.wire.wait(self.one_of((2.0, 0.8, 30.0)))

    def race(self, *threads: list[STEP]) -> None:
        """Threads of the PBX: each does its steps in order, who is first nobody knows. A step may start another."""
        running = [list(thread) for thread in threads if thread]
        while running:
            thread = self.one_of(running)
            started = thread.pop(0)()
            if isinstance(started, list):
                running.append(started)
            if not thread:
                running.remove(thread)

    # ---- dialling

    def seats(self, most: int = 3, *, but: str | None = None) -> list[Seat]:
        found = [self.seat(user) for user in self.some([u for u in PEOPLE if u != but], most)]
        if any(seat.user == "carol" for seat in found) and self.maybe():
            found += [
                Seat("carol", self.phone(exten)) for exten in ("103", "113") if self.phone(exten) not in _phones(found)
            ]
        return [Seat(None, self.phone("199"))] if self.pick(12) == 11 else found  # nobody's

    def seat(self, user: str) -> Seat:
        exten = PEOPLE[user]
        phone = self.phone("113" if user == "carol" and self.maybe() else exten)
        ways = ((), ("from-queue",), ("from-queue", "ext-local"), ("ringing", "macro-dial", "ext-local"))[self.pick(4)]
        mobile = MOBILE if user == "dave" and ways and self.maybe() else ""
        device = self.style.trunk if mobile else phone
        return Seat(user, device, ways, mobile, self.maybe(), bool(mobile) and self.maybe())

    def phone(self, exten: str) -> str:
        return f"{self.style.phones}/{exten}"

    def dials(self, number: str) -> str:
        return self.style.dials.format(number=number)

    def calls_us(self, device: str, number: str, exten: str) -> Chan:
        """A channel that calls the PBX."""
        chan = self.wire.new(device, state="0" if self.style.born_down else "4", number=number, exten=exten)
        if self.style.born_down:
            self.wire.state(chan, "4")
        return chan

    def dial(self, caller: Chan, seat: Seat, *, queue: str = "", first: Sequence[STEP] = ()) -> Leg:
        """The PBX dials a seat for `caller`, after `first`; its phone does not ring yet."""
        w = self.wire
        pairs = [w.local(seat.exten, way, caller) for way in seat.ways]
        dialler = pairs[-1][1] if pairs else caller
        phone = w.new(seat.device, number=seat.exten, linked=caller)
        leg = Leg(seat, pairs[0][0] if pairs else phone, phone, pairs, dialler)
        dials: list[list[STEP]] = []
        for up, down in leg.links(caller):
            interface = f"Local/{seat.exten}@{seat.ways[0]}" if seat.ways else seat.device
            said = self.dials(seat.outside) if seat.outside and down is phone else ""
            steps: list[STEP] = [lambda up=up, down=down, said=said: w.dial(up, down, said)]
            if up is caller:
                steps[:0] = first
            if queue and up is caller:
                steps.insert(0, lambda down=down, i=interface: w.agent_called(caller, down, queue, i))
            dials.append(steps)
        # A Local channel's other half may dial on before its own dialling is told of.
        self.race(*dials)
        return leg

    def ring(self, caller: Chan, leg: Leg, truth: Truth | None) -> None:
        """The phone rings, and those who dial it are told."""
        w = self.wire
        up: list[STEP] = []
        for dialler, dest in reversed(leg.links(caller)):
            told: STEP = lambda d=dialler, c=dest: w.ringing(d, c)  # noqa: E731
            if dest is leg.phone and self.maybe():
                up += [told, lambda c=dest: w.state(c, "5")]
            else:
                up += [lambda c=dest: w.state(c, "5"), told]
        self.race(up)
        if truth is not None and truth.rang is not None and leg.seat.user:
            truth.rang.add(leg.seat.user)

    def refuse(self, caller: Chan, leg: Leg, status: str, cause: str) -> None:
        """Busy, declined, or nobody came: what each dialler is told."""
        w = self.wire
        for dialler, dest in reversed(leg.links(caller)):
            w.dialled(dialler, dest, status)
        self.drop(leg, cause)

    def cancel(self, caller: Chan, leg: Leg) -> None:
        """The caller wants it no more: somebody else answered, or he left."""
        w = self.wire
        for _ in range(self.pick(3)):
            w.dialled(caller, leg.dest, "CANCEL")
        if leg.pairs and self.maybe():
            w.dialled(leg.dialler, leg.phone, "CANCEL")
        self.drop(leg, "26")

    def drop(self, leg: Leg, cause: str) -> None:
        """Everything that was made to dial a seat hangs up, in any order."""
        w = self.wire
        self.race(*([lambda c=c: w.hangup(c, cause)] for c in leg.channels if c.alive))

    def answer(self, caller: Chan, leg: Leg, losers: list[Leg], *, first: Sequence[STEP] = ()) -> Spell:
        """The phone is picked up and everybody is put together. The talk starts with the last to come in."""
        w = self.wire
        if not leg.up:
            w.state(leg.phone, "6")
        links = leg.links(caller)
        entered: list[float] = []
        answered: list[STEP] = []
        for dialler, dest in reversed(links):
            if dest is not leg.phone:
                answered.append(lambda c=dest: w.state(c, "6"))
            answered.append(lambda d=dialler, c=dest: w.dialled(d, c, "ANSWER"))
            if dialler.state != "6":
                answered.append(lambda d=dialler: w.state(d, "6"))
            if dialler is caller:
                answered += first
            pair = (dialler, dest) if self.pick(4) == 3 else (dest, dialler)
            answered.append(lambda p=pair: [lambda: entered.append(self._join(p))])
        self.race(answered, *([lambda other=other: self.cancel(caller, other)] for other in losers))
        return Spell(leg.seat.user, leg.seat.known_as, max(entered))

    def _join(self, chans: tuple[Chan, Chan]) -> float:
        bridge = self.wire.bridge()
        return [self.wire.enter(chan, bridge) for chan in chans][-1]

    # ---- Local channels that optimise themselves away

    def optimise(self, talk: Talk) -> None:
        """One pair of the path goes, if it may: its neighbours meet without it."""
        w = self.wire
        ways = [i for i, (one, two) in enumerate(self.path) if self._spare(one) and self._spare(two)]
        if not ways or talk.seat.stays:
            return
        i = self.one_of(ways)
        one, two = self.path.pop(i)
        left = next(c for c in one.bridge.members if c is not one)
        right = next(c for c in two.bridge.members if c is not two)
        inner, outer = two.bridge, one.bridge
        w.optimised(one, two, left)
        if self.maybe():
            w.leave(left)
            w.leave(two)
            w.enter(left, inner, swap=two)
        else:
            w.leave(right)
            w.leave(one)
            w.enter(right, outer, swap=one)
        w.optimised_end(one, two)
        self.race(
            [lambda: w.leave(one), lambda: w.hangup(one)],
            [lambda: w.wants_out(two), lambda: w.leave(two), lambda: w.hangup(two)],
        )
        talk.far = self.path[-1][1] if self.path else self.trunk

    @staticmethod
    def _spare(chan: Chan) -> bool:
        return chan.bridge is not None and len(chan.bridge.members) == 2

    # ---- the end

    def tear_down(self, *chans: Chan) -> float:
        """They leave and hang up in any order; when the first left."""
        w = self.wire
        left: list[float] = []
        threads: list[list[STEP]] = []
        for chan in chans:
            steps: list[STEP] = []
            if chan.bridge is not None:
                steps.append(lambda c=chan: left.append(w.leave(c)))
            if chan is self.trunk or self.maybe():
                steps.append(lambda c=chan: w.is_put_out(c))
            steps.append(lambda c=chan: w.hangup(c))
            threads.append(steps)
        self.race(*threads)
        return min(left, default=w.now)

    @property
    def between(self) -> list[Chan]:
        return [chan for pair in self.path for chan in pair]


def _phones(seats: list[Seat]) -> set[str]:
    return {seat.device for seat in seats}
