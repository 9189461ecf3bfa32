"""Whole lives of calls, chosen by numbers: legal streams of events, and the truth beside them."""

from collections.abc import Sequence

from pbxcrm.calls.numbers import normalise
from tests.unit.calls.office import CALLER, REGION
from tests.unit.calls.story import PEOPLE, STEP, Leg, Seat, Spell, Story, Talk, Truth
from tests.unit.calls.wire import START, Bridge, Chan, Frame, Ids

MOST_DEEDS = 5
NUMBERS = (CALLER, "+48618880202", "+441632960123", "")


class Simulation(Story):
    """One call from its first event to its last. `play` chooses which kind."""

    def play(self) -> None:
        kinds = (self.inbound, self.inbound, self.inbound, self.outbound, self.click, self.internal, self.conference)
        kinds[self.pick(len(kinds))]()

    @property
    def truth(self) -> Truth:
        """The customer's call."""
        return self.truths[0]

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

    # ---- who takes the call

    def deliver(self, caller: Chan, *, by: str | None = None, kind: str = "") -> Talk | None:
        """A phone, a group or a queue is called for the customer; None: nobody came, and the call is over.

        `caller` is his channel, or the Local half that stands for it; `by` and `kind`: who sent it here, and how.
        """
        queue = self.one_of(("", "", "sales"))
        rounds = 1 + self.pick(2)
        if queue:
            if caller.state != "6":
                self.wire.state(caller, "6")
            self.wire.queue_join(caller, queue)
        ended: list[str] = []
        for _ in range(rounds):
            talk = self.round(caller, self.seats(but=None), queue, ended, by, kind)
            if talk is not None:
                return talk
            if not caller.alive:
                return None
        if queue:
            self.wire.queue_abandon(caller, queue)  # said also when the queue's own time is over
            self.wire.queue_leave(caller, queue)
        self.nobody_came(caller, ended)
        return None

    def nobody_came(self, caller: Chan, ended: list[str]) -> None:
        if not self.truth.talks:
            tried = set(ended)
            if self.truth.direction == "outbound":
                self.truth.outcome = "answered"
            elif tried and tried <= {"busy", "declined"}:
                self.truth.outcome = "declined" if "declined" in tried else "busy"
            else:
                self.truth.outcome = "missed"
            if self.maybe() and caller is self.trunk:
                self.wire.runs(caller, "VoiceMail", "101@default,su")
                if caller.state != "6":
                    self.wire.state(caller, "6")
                self.truth.outcome = "voicemail"
                self.human()
                self.wire.wants_out(caller)
        self.end()

    def round(self, caller: Chan, seats: list[Seat], queue: str, ended: list[str], by: str | None, kind: str,
              ) -> Talk | None:  # fmt: skip
        """All seats ring at once; somebody answers, or not."""
        legs = [leg for seat in seats if (leg := self.tries(caller, seat, queue, ended)) is not None]
        ringing: list[Leg] = []
        for leg in legs:
            self.ring(caller, leg, self.truth)
            if leg.seat.confirms:
                self.wire.state(leg.phone, "6")
                leg.up = True
        self.human()
        for leg in legs:
            if self.pick(8) == 7 and not leg.seat.outside:
                self.refuse(caller, leg, "BUSY", "21")
                ended.append("declined")
            else:
                ringing.append(leg)
        fate = self.pick(6)
        if not ringing or fate == 1:
            for leg in ringing:
                self.refuse(caller, leg, "NOANSWER", "19")
                ended.append("silent")
            return None
        if fate == 2:
            self.gives_up(caller, ringing, queue)
            return None
        winner = ringing.pop(self.pick(len(ringing)))
        first = self.leaves_queue(caller, winner, queue) if queue else []
        if fate == 3 and not winner.seat.outside:
            return self.picked_up(caller, winner, ringing, first, by, kind)
        spell = self.answer(caller, winner, ringing, first=first)
        return self.takes(winner, caller, spell, by, kind)

    def tries(self, caller: Chan, seat: Seat, queue: str, ended: list[str]) -> Leg | None:
        """A seat is dialled; None: it is busy."""
        leg = self.dial(caller, seat, queue=queue)
        ill = self.pick(8)
        if ill == 7 and not seat.outside:
            self.refuse(caller, leg, "BUSY", "17")
            ended.append("busy")
            return None
        return self.forwards(caller, leg) if ill == 6 and not seat.ways else leg

    def leaves_queue(self, caller: Chan, winner: Leg, queue: str) -> list[STEP]:
        interface = f"Local/{winner.seat.exten}@{winner.seat.ways[0]}" if winner.pairs else winner.seat.device
        return [
            lambda: self.wire.queue_leave(caller, queue),
            lambda: self.wire.agent_connect(caller, winner.dest, queue, interface),
        ]

    def forwards(self, caller: Chan, leg: Leg) -> Leg:
        """The phone answers 302: the PBX calls somebody else in its place, over a Local channel."""
        w = self.wire
        seat = self.seat(self.one_of([u for u in PEOPLE if u != leg.seat.user]))
        seat = Seat(seat.user, seat.device, ("from-internal",), seat.outside)
        w.wants_out(leg.phone, "23")
        told: STEP = lambda: w.dialled(caller, leg.phone, "CANCEL", forward=seat.exten)  # noqa: E731
        instead = self.dial(caller, seat, first=[told])
        instead.forwarder = leg.seat.user
        w.hangup(leg.phone, "23", "302")
        return instead

    def takes(self, leg: Leg, caller: Chan, spell: Spell, by: str | None, kind: str) -> Talk:
        self.path += leg.pairs
        if kind and spell.user != by:
            self.passed(kind, by, spell.user)
        if leg.forwarder and leg.forwarder != spell.user:
            self.passed("forward", leg.forwarder, spell.user)
        far = leg.far(caller)
        return self.begins(Talk(leg.seat, leg.phone, far, spell))

    def begins(self, talk: Talk) -> Talk:
        self.truth.talks.append(talk.spell)
        self.truth.outcome = "answered"
        return talk

    def passed(self, kind: str, by: str | None, to: str | None) -> None:
        if self.truth.transfers is not None:
            self.truth.transfers.append((kind, by, to))

    def picked_up(self, caller: Chan, leg: Leg, others: list[Leg], first: Sequence[STEP], by: str | None, kind: str,
                  ) -> Talk:  # fmt: skip
        """Somebody who was not called dials a code and has the call of the phone that rings."""
        w = self.wire
        seat = self.helper(leg.seat.user)
        helper = self.calls_us(seat.device, seat.exten, f"**{leg.seat.exten}")
        self.truths.append(Truth("internal", helper.exten, None, w.now, sure=False))
        w.state(helper, "6")
        w.pickup(helper, leg.phone)
        target, leg.seat, leg.up, leg.forwarder = leg.phone, seat, True, None
        if self.maybe():
            self.masquerade(helper, target)
        else:
            leg.phone = helper
            leg.dest = leg.dest if leg.pairs else helper
            w.is_put_out(target)
            w.hangup(target, "26")
        if leg.phone.state != "6":
            w.state(leg.phone, "6")
        spell = self.answer(caller, leg, others, first=first)
        spell.device = seat.device
        if kind and spell.user != by:
            self.passed(kind, by, spell.user)
        self.passed("pickup", seat.user, seat.user)
        return self.takes(leg, caller, spell, by, "")

    def helper(self, *but: str | None) -> Seat:
        user = self.one_of([u for u in PEOPLE if u not in but])
        return Seat(user, self.phone(PEOPLE[user]))

    def masquerade(self, donor: Chan, into: Chan) -> None:
        """Before Asterisk 12 two channels swapped their names, and kept their uniqueids."""
        w = self.wire
        mine, theirs = donor.name, into.name
        w.rename(donor, f"{mine}<MASQ>")
        w.rename(into, mine)
        w.rename(donor, f"{theirs}<ZOMBIE>")
        into.number, into.caller_name = donor.number, donor.caller_name
        w.hangup(donor)

    def gives_up(self, caller: Chan, legs: list[Leg], queue: str) -> None:
        """The customer hangs up while it rings."""
        w = self.wire
        w.wants_out(self.trunk)
        if not self.truth.talks:
            self.truth.outcome = "abandoned" if queue and caller is self.trunk else "missed"
            if queue and caller is not self.trunk:
                self.truth.outcome = None
        if queue:
            w.queue_abandon(caller, queue)
            w.queue_leave(caller, queue)
        for leg in legs:
            self.cancel(caller, leg)
        self.end()

    # ---- while they talk

    def live(self, talk: Talk | None) -> None:
        """The customer and somebody talk; things are done, until one hangs up."""
        for _ in range(MOST_DEEDS):
            if talk is None:
                return
            self.human()
            deeds = [self.over, self.held, self.blind, self.optimise_now, self.parks, self.redirected]
            if not talk.seat.outside:
                deeds += [self.consults, self.consults, self.consults_by_keys]
            talk = deeds[self.pick(len(deeds))](talk)
        if talk is not None:
            self.over(talk)

    def over(self, talk: Talk) -> None:
        """One of the two hangs up."""
        who = self.trunk if self.maybe() else talk.phone
        self.wire.wants_out(who)
        talk.spell.end = self.tear_down(self.trunk, *self.between, talk.phone)
        self.ended()

    def held(self, talk: Talk) -> Talk:
        self.wire.hold(talk.phone)
        self.human()
        self.wire.unhold(talk.phone)
        return talk

    def optimise_now(self, talk: Talk) -> Talk:
        self.optimise(talk)
        return talk

    def blind(self, talk: Talk) -> Talk | None:
        """Sent on to somebody else without a word."""
        w = self.wire
        by, far, phone = talk.seat.user, talk.far, talk.phone
        w.blind(phone, far, "199")
        left: list[float] = []
        self.race(
            [lambda: left.append(w.leave(phone)), lambda: w.hangup(phone)],
            [lambda: left.append(w.leave(far))],
        )
        talk.spell.end = min(left)
        if self.maybe():
            self.human()
        return self.deliver(far, by=by, kind="blind")

    def redirected(self, talk: Talk) -> Talk | None:
        """A program takes the customer away by AMI: nothing says that it is a transfer."""
        w = self.wire
        self.truth.transfers = None
        left: list[float] = []
        self.race(
            [lambda: left.append(w.leave(talk.far))],
            [lambda: left.append(w.leave(talk.phone)), lambda: w.hangup(talk.phone)],
        )
        talk.spell.end = min(left)
        return self.deliver(talk.far)

    def parks(self, talk: Talk) -> Talk | None:
        """Into a parking slot; somebody takes the call out, or nobody."""
        w = self.wire
        by, far, phone = talk.seat.user, talk.far, talk.phone
        lot = w.holding()
        left: list[float] = []
        parker = talk.phone.device
        if self.maybe():
            w.blind(phone, far, "700")
        self.race(
            [lambda: w.parked(far, parker)],
            [lambda: left.append(w.leave(far)), lambda: w.enter(far, lot)],
            [lambda: left.append(w.leave(phone)), lambda: w.hangup(phone)],
        )
        talk.spell.end = min(left)
        self.human()
        fate = self.pick(3)
        if fate == 1:
            w.wants_out(self.trunk)
            w.parked(far, parker, "ParkedCallGiveUp")
            self.end()
            return None
        if fate == 2:
            w.parked(far, parker, "ParkedCallTimeOut")
            w.leave(far)
            self.truth.transfers = None
            return self.deliver(far)
        seat = self.helper()
        fetcher = self.calls_us(seat.device, seat.exten, "701")
        self.truths.append(Truth("internal", "701", None, w.now, sure=False))
        w.state(fetcher, "6")
        bridge = w.bridge()
        entered: list[float] = []
        self.race(
            [lambda: w.unparked(far, fetcher, parker)],
            [lambda: w.leave(far), lambda: entered.append(w.enter(far, bridge))],
            [lambda: entered.append(w.enter(fetcher, bridge))],
        )
        self.passed("park", by, seat.user)
        return self.begins(Talk(seat, fetcher, far, Spell(seat.user, seat.device, max(entered))))

    # ---- consultations

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
        style = self.pick(4)
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
        legacy = far is self.trunk and self.maybe()
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

    # ---- the end

    def end(self, *chans: Chan) -> None:
        """Nobody talks with the customer any more: all that is left hangs up."""
        left = [*chans, *self.between, *([self.trunk] if self.trunk else [])]
        self.tear_down(*dict.fromkeys(chan for chan in left if chan.alive))
        self.ended()

    def ended(self) -> None:
        self.truth.ended_at = next(
            (f.at for f in reversed(self.wire.frames) if self.trunk and _hangup_of(f, self.trunk)), self.wire.now
        )


def _hangup_of(frame: Frame, chan: Chan) -> bool:
    return frame.name == "Hangup" and ("Uniqueid", chan.uid) in frame.headers


def life(numbers: Sequence[int], ids: Ids | None = None, at: float = START, *, stamped: bool = True,
         watch: bool = False) -> Simulation:  # fmt: skip
    """The call that these numbers choose, played to its end."""
    story = Simulation(numbers, ids, at, stamped=stamped)
    story.wire.watch = watch
    story.play()
    return story
