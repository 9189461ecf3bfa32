"""Whole lives of calls, chosen by numbers: legal streams of events, and the truth beside them."""

from collections.abc import Sequence

from pbxcrm.calls.numbers import normalise
from tests.unit.calls.deeds import Deeds
from tests.unit.calls.office import CALLER, REGION
from tests.unit.calls.story import PEOPLE, Seat, Spell, Talk, Truth
from tests.unit.calls.wire import START, Chan, Ids

NUMBERS = (CALLER, "+48618880202", "+441632960123", "")


class Simulation(Deeds):
    """One call from its first event to its last. `play` chooses which kind."""

    def play(self) -> None:
        kinds = (self.inbound, self.inbound, self.inbound, self.outbound, self.click, self.internal, self.conference)
        kinds[self.pick(len(kinds))]()

    # ---- how calls begin

    def inbound(self) -> None:
        number = self.one_of(NUMBERS)
        self.trunk = self.calls_us(self.style.trunk, number, "+48223334410")
        self.truths.append(Truth("inbound", normalise(number, REGION), "+48223334410", self.wire.now))
        if self.maybe():
            self.wire.state(self.trunk, "6")  # a menu, or a voice that bids to wait
            self.human()
        self.live(self.deliver(self.trunk))

    def outbound(self) -> None:
        user = self.one_of(list(PEOPLE))
        phone = self.calls_us(self.phone(PEOPLE[user]), PEOPLE[user], CALLER)
        self.truths.append(Truth("outbound", CALLER, None, self.wire.now))
        self.live(self.dial_out(phone, Seat(user, phone.device)))

    def click(self) -> None:
        """Click-to-call: our own phone rings first."""
        w = self.wire
        seat = Seat(user := self.one_of(list(PEOPLE)), self.phone(PEOPLE[user]))
        phone = w.new(seat.device, number=seat.exten)
        w.callerid(phone, CALLER)
        phone.connected = CALLER
        w.dial(None, phone, seat.exten)
        self.truths.append(Truth("outbound", CALLER, None, w.now))
        w.rings(None, phone)
        self.human()
        if self.pick(4) == 3:
            w.dialled(None, phone, self.one_of(("NOANSWER", "BUSY")))
            self.truth.outcome = "failed"
            self.end(phone)
            return
        phone.exten = CALLER
        self.race([lambda: w.state(phone, "6"), lambda: w.dialled(None, phone, "ANSWER")],
                  [lambda: w.originated(phone, "crm-1")])  # fmt: skip
        self.live(self.dial_out(phone, seat))

    def dial_out(self, phone: Chan, seat: Seat) -> Talk | None:
        w = self.wire
        if self.pick(6) == 5:
            self.no_way_through(phone)
        self.trunk = trunk = w.new(self.style.trunk, linked=phone)
        w.callerid(trunk, CALLER)
        w.dial(phone, trunk, self.dials(CALLER))
        ending = self.pick(6)
        if ending not in (2, 3):
            w.rings(phone, trunk)
        self.human()
        if ending == 1:
            self.truth.outcome = "missed"
            w.wants_out(phone)
            w.dialled(phone, trunk, "CANCEL")
        elif ending in (2, 3, 4):
            cause, tech, status, outcome = (("17", "486", "BUSY", "busy"), ("21", "603", "BUSY", "declined"),
                                            ("19", "480", "NOANSWER", "missed"))[ending - 2]  # fmt: skip
            self.truth.outcome = outcome
            w.hangup(trunk, cause, tech)
            w.dialled(phone, trunk, status)
            self.end(phone)
            return None
        else:
            w.picks_up(phone, trunk)
            if phone.state != "6":
                w.state(phone, "6")
            spell = Spell(seat.user, seat.known_as, self._join((trunk, phone)))
            return self.begins(Talk(seat, phone, trunk, spell))
        self.end(trunk, phone)
        return None

    def no_way_through(self, phone: Chan) -> None:
        """A provider that refuses: the next is tried."""
        w = self.wire
        trunk = w.new(self.style.trunk, linked=phone)
        w.dial(phone, trunk, self.dials(CALLER))
        w.hangup(trunk, "34", "503")
        w.dialled(phone, trunk, "CONGESTION")

    def internal(self) -> None:
        """One of ours calls another."""
        user = self.one_of(list(PEOPLE))
        other = self.one_of([u for u in PEOPLE if u != user])
        w = self.wire
        phone = self.calls_us(self.phone(PEOPLE[user]), PEOPLE[user], PEOPLE[other])
        truth = Truth("internal", PEOPLE[other], None, w.now)
        self.truths.append(truth)
        leg = self.dial(phone, self.seat(other))
        self.ring(phone, leg, truth)
        self.human()
        if self.maybe():
            truth.outcome = "missed"
            self.refuse(phone, leg, "NOANSWER", "19")
            self.end(phone)
            return
        truth.talks = self.heard(user, phone, self.answer(phone, leg, []))
        truth.outcome = "answered"
        self.human()
        self.finish_spells(truth, self.tear_down(phone, *leg.channels))
        truth.ended_at = w.now

    def conference(self) -> None:
        """The customer is in a room; our people come and go."""
        w = self.wire
        self.trunk = trunk = self.calls_us(self.style.trunk, CALLER, "+48223334427")
        self.truths.append(Truth("inbound", CALLER, "+48223334427", w.now))
        self.truth.transfers = None
        w.state(trunk, "6")
        room = w.bridge("softmix", "base", "ConfBridge", "800")
        inside: list[tuple[Chan, Spell | None]] = []
        users = self.some(list(PEOPLE), 3)
        came = None
        for turn in range(2 * len(users) + 1):
            if came is None and (self.maybe() or turn == len(users)):
                came = w.enter(trunk, room)
                for i, (chan, _) in enumerate(inside):
                    inside[i] = chan, self.speaks(chan, came)
            elif users and self.maybe():
                exten = PEOPLE[users[0]]
                chan = self.calls_us(self.phone(exten), exten, "800")
                self.truths.append(Truth("internal", "800", None, w.now, sure=False))
                w.state(chan, "6")
                users.pop(0)
                at = w.enter(chan, room)
                inside.append((chan, self.speaks(chan, at) if came else None))
            elif inside:
                chan, spell = inside.pop(self.pick(len(inside)))
                w.wants_out(chan)
                at = w.leave(chan)
                w.hangup(chan)
                if spell is not None:
                    spell.end = at
            self.human()
        w.wants_out(trunk)
        at = w.leave(trunk)
        for _, spell in inside:
            if spell is not None:
                spell.end = at
        self.truth.ended_at = w.hangup(trunk)
        self.truth.outcome = "answered" if self.truth.talks else "missed"
        self.tear_down(*(chan for chan, _ in inside))

    def speaks(self, chan: Chan, at: float) -> Spell:
        user = next(user for user, exten in PEOPLE.items() if chan.device == self.phone(exten))
        spell = Spell(user, chan.device, at)
        self.truth.talks.append(spell)
        return spell


class Modern(Simulation):
    """As Asterisk 22 does it: no two channels swap names, and whoever moves is told of."""

    ways_to_join = 3

    def as_before_12(self) -> bool:
        return False


def life(numbers: Sequence[int], ids: Ids | None = None, at: float = START, *, stamped: bool = True,
         watch: bool = False) -> Simulation:  # fmt: skip
    """The call that these numbers choose, played to its end."""
    story = Simulation(numbers, ids, at, stamped=stamped)
    story.wire.watch = watch
    story.play()
    return story
