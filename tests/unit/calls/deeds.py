"""What people do while they talk with a customer."""

from tests.unit.calls.consultations import Consultations
from tests.unit.calls.story import Spell, Talk, Truth

MOST_DEEDS = 5


class Deeds(Consultations):
    """Held, sent on, parked, consulted about, hung up."""

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
