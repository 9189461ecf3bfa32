"""Who takes a call: phones, groups and queues ring; somebody answers, picks it up, or nobody comes."""

from collections.abc import Sequence

from tests.unit.calls.story import PEOPLE, STEP, Leg, Seat, Spell, Story, Talk, Truth
from tests.unit.calls.wire import Chan, Frame


class Ringing(Story):
    """A customer is delivered to somebody, or not."""

    @property
    def truth(self) -> Truth:
        """The customer's call."""
        return self.truths[0]

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
        if self.as_before_12():
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
