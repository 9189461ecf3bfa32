"""Consultations before a transfer: on a second line or by keys; completed, cancelled, blonde, three-way, taken back."""

from tests.unit.calls.ringing import Ringing
from tests.unit.calls.story import PEOPLE, STEP, Leg, Spell, Talk, Truth
from tests.unit.calls.wire import Bridge, Chan


class Consultations(Ringing):
    """Somebody who talks with the customer asks another first."""

    ways_to_join = 4  # of which in the last nobody is told to move

    def consults(self, talk: Talk) -> Talk | None:
        """On a second line of the phone, by REFER: the customer stays in his bridge, and hears music."""
        w = self.wire
        by = talk.seat.user
        seat = self.seat(self.one_of([u for u in PEOPLE if u != by]))
        w.hold(talk.phone)
        line = self.calls_us(talk.seat.device, talk.seat.exten, seat.exten)
        side = Truth("internal", seat.exten, None, w.now)
        self.truths.append(side)
        leg = self.dial(line, seat)
        self.ring(line, leg, side)
        self.human()
        fate = self.pick(4)
        if fate == 1:
            side.outcome = self.one_of(("missed", "busy"))
            self.refuse(line, leg, *(("NOANSWER", "19") if side.outcome == "missed" else ("BUSY", "17")))
            w.hangup(line)
            w.unhold(talk.phone)
            return talk
        if fate == 2:
            return self.blonde(talk, line, leg, side)
        side.outcome = "answered"
        said = self.answer(line, leg, [])
        side.talks = self.heard(by, line, said)
        self.human()
        if fate == 3:
            self.finish_spells(side, self.tear_down(line, *leg.channels))
            w.unhold(talk.phone)
            return talk
        moved = self.joins(talk, line, leg)
        self.finish_spells(side, moved)
        self.passed("attended", by, seat.user)
        self.path += leg.pairs
        far = leg.far(talk.far)
        return self.begins(Talk(seat, leg.phone, far, Spell(seat.user, seat.known_as, moved)))

    def heard(self, user: str | None, line: Chan, other: Spell) -> list[Spell]:
        return [Spell(user, line.device, other.start), other]

    def finish_spells(self, truth: Truth, at: float) -> None:
        for spell in truth.talks:
            spell.end = spell.end or at

    def joins(self, talk: Talk, line: Chan, leg: Leg) -> float:
        """The attended transfer; when the customer and whoever was consulted are in one bridge."""
        w = self.wire
        ours, theirs = talk.far.bridge, line.bridge
        entered: list[float] = []
        label: list[STEP] = [lambda: w.attended(talk.phone, line, talk.far, leg.dest)]
        phone_goes: list[STEP] = [lambda: w.leave(talk.phone), lambda: w.hangup(talk.phone)]
        line_goes: list[STEP] = [lambda: w.leave(line), lambda: w.hangup(line)]
        style = self.pick(self.ways_to_join)
        if style == 0:  # one takes the other's place
            talk.spell.end = w.leave(talk.far)
            w.leave(line)
            entered.append(w.enter(talk.far, theirs, swap=line))
            self.race(label, phone_goes, [lambda: w.hangup(line)])
        elif style == 1:  # the customer's bridge goes into the other
            w.merge(theirs, ours)
            talk.spell.end = w.leave(talk.far)
            entered.append(w.enter(talk.far, theirs))
            self.race(label, phone_goes, line_goes)
        elif style == 2:  # the other into the customer's
            w.merge(ours, theirs)
            w.leave(leg.dest)
            entered.append(w.enter(leg.dest, ours))
            self.race(label, phone_goes, line_goes)
            talk.spell.end = entered[0]
        else:  # and nothing is told but that
            for step in (*phone_goes, *line_goes):
                step()
            w.swallowed(theirs, ours)
            entered.append(w.now)
            self.race(label)
            talk.spell.end = entered[0]
        return entered[0]

    def blonde(self, talk: Talk, line: Chan, leg: Leg, side: Truth) -> Talk | None:
        """Transferred while it still rings: the customer takes the place of the one who dialled."""
        w = self.wire
        side.sure = False
        self.truth.rang = None
        by, far = talk.seat.user, talk.far
        legacy = far is self.trunk and self.as_before_12()
        w.attended(talk.phone, line, far, None)
        left: list[float] = []
        self.race(
            [lambda: left.append(w.leave(talk.phone)), lambda: w.hangup(talk.phone)],
            [
                lambda: left.append(w.leave(far)),
                *([] if legacy else [lambda: w.is_put_out(line), lambda: w.hangup(line)]),
            ],
        )
        talk.spell.end = min(left)
        if legacy:
            self.masquerade(far, line)
            self.trunk = far = line
        self.human()
        if self.pick(3) == 2:
            for dialler, dest in reversed(leg.links(far)):
                w.dialled(dialler, dest, "NOANSWER")
            self.drop(leg, "19")
            self.end()
            return None
        spell = self.answer(far, leg, [])
        return self.takes(leg, far, spell, by, "attended")

    def consults_by_keys(self, talk: Talk) -> Talk | None:
        """Out of the customer's bridge and into another, where a Local channel leads to whoever is consulted."""
        w = self.wire
        by, phone, ours = talk.seat.user, talk.phone, talk.far.bridge
        seat = self.seat(self.one_of([u for u in PEOPLE if u != by]))
        one, two = w.local(seat.exten, "from-internal", self.trunk)
        room = w.bridge()
        w.enter(one, room)
        legs: list[Leg] = []
        left: list[float] = []
        self.race(
            [lambda: legs.append(self.dial(two, seat))],
            [lambda: left.append(w.leave(phone)), lambda: w.enter(phone, room)],
        )
        leg = legs[0]
        talk.spell.end = left[0]
        side = Truth("internal", seat.exten, None, w.now)
        self.truths.append(side)
        self.ring(two, leg, side)
        w.state(one, "5")
        self.human()
        fate = self.pick(4)
        if fate == 1:
            side.outcome = "busy"
            self.refuse(two, leg, "BUSY", "17")
            return self.returns(talk, ours, one, two)
        if fate == 2:
            side.sure = False
            self.truth.rang = None
            w.wants_out(phone)
            self.merges(talk, ours, room, one)
            self.human()
            if self.pick(3) == 2:
                return self.recalled(talk, leg, one, two)
            spell = self.answer_keys(leg, one, two)
        else:
            spell = self.answer_keys(leg, one, two)
            side.outcome = "answered"
            side.talks = self.heard(by, phone, Spell(spell.user, spell.device, spell.start))
            self.human()
            if fate == 3:
                self.finish_spells(side, self.tear_down(*leg.channels))
                return self.returns(talk, ours, one, two)
            if self.pick(3) == 2:
                return self.all_three(talk, leg, side, (one, two), ours, room)
            w.wants_out(phone)
            at = self.merges(talk, ours, room, one)
            self.finish_spells(side, at)
            spell = Spell(spell.user, spell.device, at)
        self.path += [(one, two), *leg.pairs]
        self.passed("attended", by, seat.user)
        far = leg.far(two)
        return self.begins(Talk(seat, leg.phone, far, spell))

    def recalled(self, talk: Talk, leg: Leg, one: Chan, two: Chan) -> Talk:
        """Transferred while it rang, and nobody came: the PBX calls the transferer back into the customer's bridge."""
        w, bridge = self.wire, talk.far.bridge
        self.truth.transfers = None
        w.dialled(leg.dialler, leg.phone, "CANCEL")
        self.tear_down(one, two, *leg.channels)
        back = w.new(talk.phone.device, number=talk.seat.exten)
        back.connected = self.trunk.number
        w.dial(None, back)
        w.rings(None, back)
        w.picks_up(None, back)
        at = w.enter(back, bridge)
        return self.begins(Talk(talk.seat, back, talk.far, Spell(talk.seat.user, talk.spell.device, at)))

    def all_three(self, talk: Talk, leg: Leg, side: Truth, pair: tuple[Chan, Chan], ours: Bridge, room: Bridge) -> Talk:
        """The transferer takes the customer in: three in one conversation, until one of ours leaves."""
        w, phone = self.wire, talk.phone
        one, two = pair
        self.truth.transfers = None
        side.sure = False
        w.merge(ours, room)
        entered = w.move(one, ours)
        again = w.move(phone, ours)
        w.attended(phone, phone, self.trunk, one)
        known = one.device if leg.seat.outside else leg.seat.known_as
        mine = self.begins(Talk(talk.seat, phone, talk.far, Spell(talk.seat.user, talk.spell.device, again)))
        other = self.begins(Talk(leg.seat, leg.phone, leg.far(two), Spell(leg.seat.user, known, entered)))
        self.human()
        if self.maybe():
            other.spell.end = self.tear_down(one, two, *leg.channels)
            return mine
        w.wants_out(phone)
        mine.spell.end = w.leave(phone)
        w.hangup(phone)
        self.path += [pair, *leg.pairs]
        return other

    def answer_keys(self, leg: Leg, one: Chan, two: Chan) -> Spell:
        def told() -> list[STEP]:
            return [lambda: self.wire.state(one, "6"), lambda: self.wire.dialled(None, one, "ANSWER")]

        spell = self.answer(two, leg, [], first=[told])
        if leg.seat.outside:
            spell.device = one.device  # the outermost Local channel names the person
        return spell

    def merges(self, talk: Talk, ours: Bridge, room: Bridge, one: Chan) -> float:
        """The consulted side moves into the customer's bridge; the phone leaves before or after."""
        w, phone = self.wire, talk.phone
        entered: list[float] = []

        def move() -> None:
            w.merge(ours, room)
            w.leave(one)
            entered.append(w.enter(one, ours))

        self.race([move, lambda: w.attended(phone, phone, self.trunk, one)],
                  [lambda: w.leave(phone), lambda: w.hangup(phone)])  # fmt: skip
        return entered[0]

    def returns(self, talk: Talk, ours: Bridge, one: Chan, two: Chan) -> Talk:
        """Back to the customer."""
        w, phone = self.wire, talk.phone
        self.race(
            [lambda: w.hangup(two)],
            [lambda: w.leave(one), lambda: w.hangup(one)],
            [lambda: w.leave(phone), lambda: w.enter(phone, ours)],
        )
        return self.begins(Talk(talk.seat, phone, talk.far, Spell(talk.seat.user, talk.spell.device, w.now)))
