"""After a restart or a cut: what lives still, what is lost, under which boot.

Uniqueids may repeat after a restart of the PBX: a call's key is (pbx, boot, uniqueid).
"""

from collections.abc import Callable, Container, Iterable

from pbxcrm.calls import events as ev
from pbxcrm.calls.book import Book
from pbxcrm.calls.life import Life, leads_outside
from pbxcrm.calls.model import Call
from pbxcrm.calls.numbers import normalise
from pbxcrm.calls.switch import DOWN, RINGING, UP, Channel, Switch

_SAME_BOOT = 5.0  # seconds: Uptime is in whole seconds and takes its time on the wire

_MOMENT = 1e-6  # seconds: as finely as the PBX dates what it tells

Begin = Callable[[Channel, ev.Party, float], None]


class Resync:
    """Handlers of boot and snapshot events. `begin` opens the call of a channel found alive."""

    def __init__(self, book: Book, begin: Begin) -> None:
        self.book = book
        self._begin = begin
        self._named_boot = False
        self._resync: set[str] | None = None  # while channels are being named: those alive
        self._gap = False  # whether nothing was heard for a while before that
        self.deaf = False  # from there to when the PBX begins to name what lives
        self._past: list[ev.Event] = []  # what it told meanwhile
        self.unread: list[ev.Event] = []  # that is to be read after all
        self._began: dict[str, float] = {}  # since when those named live
        self._listed_at = float("-inf")  # when the last list of what lives was made
        self._heard_at = float("-inf")  # when what was told last happened, by the PBX's clock
        self._called_out: set[str] = set()  # of the channels named: those that do nothing but have been dialled
        self._news: set[str] = set()  # of the channels named: those that have changed meanwhile
        self._asleep: list[tuple[Life, Call]] = []  # calls that lived when we were stopped, until a snapshot

    def resume(self, calls: Iterable[tuple[Call, int]]) -> None:
        """See Tracker.resume."""
        self._asleep = [(Life.revive(call, n), call) for call, n in calls]
        self._heard_at = max((t.end or t.start for _, call in self._asleep for t in call.talks), default=self._heard_at)

    def born(self, uid: str) -> None:
        """A channel came to life; while others are being named it needs no naming."""
        if self._resync is not None:
            self._resync.add(uid)

    def puts_by(self, event: ev.Event) -> bool:
        """Whether this is of a past whose beginning nobody saw: told after a gap, before what lives was named.

        The PBX knows of it when it names what lives. Only where it names nothing, it is read, at the end.
        """
        if isinstance(event, (ev.Booted, ev.SnapshotBegin, ev.SnapshotEnd)):
            return False
        self._past.append(event)
        return True

    def dated(self, event: ev.Event) -> ev.Event:
        """The event with a time that keeps the order of the wire: the PBX dates what it tells, but no list of what
        lives. That is dated when it came, later than what was told before it and earlier than what is told after it.
        """
        if isinstance(event, (ev.Snapshot, ev.SnapshotEnd)):
            return event._replace(at=max(event.at, self._heard_at + _MOMENT))
        if not isinstance(event, (ev.Booted, ev.SnapshotBegin)):
            self._heard_at = event.at
            if event.at <= self._listed_at:  # the list came late, or our clock is ahead
                self._date_back(self._listed_at - event.at + _MOMENT)
        return event

    def _date_back(self, back: float) -> None:
        """The list is as many seconds older."""
        begun = {*self._began.values()}
        for life in self.book.all():
            if life.started_at in begun:
                life.date_back(life.started_at, back)
            life.date_back(self._listed_at, back)
        self._began = {uid: at - back for uid, at in self._began.items()}
        self._listed_at -= back

    def booted(self, e: ev.Booted) -> None:
        if e.uptime is None:
            for life in self.book.all():
                life.unseen_last = True  # until what lives is named, or somebody is found in talk
            self._gap = self.deaf = True
            self._past = []
        if e.boot:
            if self.book.boot and e.boot != self.book.boot:
                self.restart(e.at, e.boot, "the PBX has restarted")
            self.book.boot, self._named_boot = e.boot, True
        elif e.uptime is not None and not self._named_boot:
            began = e.at - e.uptime
            if not self.book.boot:
                self.book.boot = str(round(began))
            elif not self._same_boot(began):
                self.restart(e.at, str(round(began)), "the PBX has restarted")

    def _same_boot(self, began: float) -> bool:
        """Whether it began no later than we know of. A boot guessed from a channel of it is later than it truly was."""
        try:
            return began <= float(self.book.boot) + _SAME_BOOT
        except ValueError:
            return False

    def restart(self, at: float, boot: str, why: str) -> None:
        """What lived before is gone without a word."""
        for life in self.book.all():
            life.note(at, "restart", why)
            self.book.finish(life, at, lost=True)
        switch = Switch(self.book.switch.people)
        switch.trunks = self.book.switch.trunks
        self.book.clear(switch)
        self.book.boot = boot or str(round(at))

    def snapshot_begin(self, _e: ev.SnapshotBegin) -> None:
        self._resync, self._news, self._began, self._called_out = set(), set(), {}, set()
        self.deaf = False

    def snapshot(self, e: ev.Snapshot) -> None:
        if self._resync is None or e.party.uid in self.book.switch.gone:
            return  # somebody else's listing; or a channel that has hung up while others were named
        self._resync.add(e.party.uid)
        self._began[e.party.uid] = e.at - e.seconds
        known = e.party.uid in self.book.switch.channels
        channel = self.book.switch.channel(e.party)
        bridge = channel.bridge.id if channel.bridge else ""
        risen = e.party.state == UP and (not known or channel.state != UP)
        if risen or bridge != e.bridge:
            self._news.add(channel.uid)
        channel.number = e.party.number or channel.number
        if channel.name != e.party.name:
            self.book.switch.name(channel, e.party.name)
        if e.dialled:
            self._called_out.add(channel.uid)
        # One that was dialled and then transferred runs the dialplan as a caller does: it bears another's Linkedid.
        dialled = e.dialled or not (channel.local or channel.had_call or channel.linkedid == channel.uid)
        if dialled and not channel.was_dialled:
            channel.was_dialled = channel.unknown = True
            channel.placed = False
        if channel.local and e.party.state == UP and (risen or not known):
            channel.was_bridged = True  # perhaps: whoever it dials now may not be its member any more
        channel.state = e.party.state
        channel.ringing = self._rings(channel, known=known)
        if e.bridge:
            if channel.bridge is None or channel.bridge.id != e.bridge:
                self.book.switch.enter(channel, self.book.switch.bridge(e.bridge))
        else:
            self.book.switch.leave(channel)
        sleeping = any(channel.uid in (call.customer, call.root) for _, call in self._asleep)
        heard_of = known and (channel.had_call or channel.was_dialled)  # else it was born, and not yet calling
        if not heard_of and not dialled and not channel.local and not sleeping and e.party.state != DOWN:
            self._begin(channel, e.party, e.at - e.seconds)

    def _rings(self, channel: Channel, *, known: bool) -> bool:
        """A phone whose dialling is over keeps the state Ringing until it is gone."""
        may = not known or channel.ringing or channel.caller is not None
        return channel.state == RINGING and channel.was_dialled and not channel.local and may

    def snapshot_end(self, e: ev.SnapshotEnd) -> None:
        alive, self._resync, self.deaf = self._resync, None, False
        self.unread, self._past = [] if e.listed else self._past, []
        if alive is None:
            return
        asleep = {life for life, _ in self._asleep}
        self._wake(e.at)
        self._doubt(asleep, alive)
        if not e.listed:
            return  # nothing is known of what lives: each call ends when it is heard of again
        for channel in [c for c in self.book.switch.channels.values() if c.uid not in alive]:
            self.book.switch.remove(channel)
            self.book.talked.pop(channel.uid, None)
            self.book.legs.pop(channel.uid, None)
            self.book.held.pop(channel.uid, None)
        self._listed_at = e.at
        self._find_customers()
        for life in self.book.all():
            if not any(c.uid in alive for c in life.kept_by):
                life.note(e.at, "snapshot", "the call ended while the PBX was out of sight")
                self.book.finish(life, e.at, lost=True)
            else:
                life.note(e.at, "snapshot", "what happened before was not all seen: the PBX was out of sight")
        for uid in self.book.lives.keys() - alive:
            del self.book.lives[uid]  # the call goes on in its other channel, and ends with that
        self._guess_dials()
        self.book.settle(self.book.all(), e.at, "snapshot")

    def _doubt(self, asleep: set[Life], alive: set[str]) -> None:
        """What may have happened to these calls while nobody looked: somebody may have talked, and gone again.

        While the customer's channel is not up nobody has talked with them.
        """
        switch = self.book.switch
        changed = self._news | (switch.channels.keys() - alive)
        stirred = {c.linkedid for uid in changed if (c := switch.channels.get(uid)) is not None}
        for life in self.book.all():
            found = life.anchor is not None and life.anchor.uid in self._news
            if not (self._gap or found or life in asleep or stirred.intersection(life.linkedids)):
                continue
            life.unseen_last = True  # until somebody is found in talk, or comes
            if life.known_first:
                continue
            life.unseen_end = True
            unmet = _unmet(life, alive)
            life.unseen = life.unseen or any(
                channel.state == UP and channel.uid in alive and channel is not life.root
                for channel in switch.channels.values()
                if channel is life.customer or (unmet and channel.linkedid in life.linkedids)
            )
        self._gap = False

    def _find_customers(self) -> None:
        """Of calls to outside: whoever was dialled while nobody looked, or in the place of another."""
        channels = self.book.switch.channels
        for life in self.book.all():
            if _unmet(life, channels) and life.root is not None and not life.answered:
                self._meet(life, self._called(life.root.uid, life.number))
        known = {linkedid for life in self.book.all() for linkedid in life.linkedids}
        found: dict[str, list[Channel]] = {}
        for channel in channels.values():
            alone = channel.linkedid not in known | channels.keys()
            if alone and channel.uid in self._called_out and channel.unknown and self._outside(channel):
                found.setdefault(channel.linkedid, []).append(channel)
        for customer in [several[0] for several in found.values() if len(several) == 1]:
            self._found(customer)

    def _found(self, customer: Channel) -> None:
        """Somebody was called outside and our side has left: a call of which nothing was seen."""
        number = normalise(customer.number, self.book.region)
        if leads_outside(number):
            life = self.book.open(customer, self._began[customer.uid])
            life.uid = customer.linkedid  # that of our side, who began it: so the PBX's own record names the call
            life.number, life.unseen, life.unseen_end, life.unseen_last = number, True, True, True
            self._meet(life, customer)

    def _outside(self, channel: Channel) -> bool:
        """Whether it was dialled and may be somebody from outside whose call is not known."""
        ours = channel.user is not None or channel.local or channel.machine
        return channel.was_dialled and not ours and channel.uid not in self.book.lives

    def _called(self, root: str, number: str | None) -> Channel | None:
        """Who was dialled outside by the channel with that uniqueid, and is shown under the number that it called."""
        for channel in self.book.switch.channels.values():
            shown = normalise(channel.number, self.book.region)
            if channel.linkedid == root and shown == number and leads_outside(shown) and self._outside(channel):
                return channel
        return None

    def _meet(self, life: Life, customer: Channel | None) -> None:
        if customer is not None:
            life.customer, life.direction = customer, "outbound"
            self.book.lives[customer.uid] = life
            self.book.switch.trunks.add(customer.device)

    def _guess_dials(self) -> None:
        """A snapshot does not say who dials a phone: its Linkedid is the caller's, as long as it rings.

        So it is with a Local channel that is dialled and nobody has answered. Where one of ours began the call and has
        left, the Linkedid is still theirs, and the customer is who calls.
        """
        switch = self.book.switch
        calls = [life for life in self.book.all() if life.customer is not None]
        customers = {linkedid: life.customer for life in calls for linkedid in life.linkedids}
        for channel in list(switch.channels.values()):
            caller = switch.channels.get(channel.linkedid) or customers.get(channel.linkedid)
            waits = channel.ringing or (channel.half == 1 and channel.was_dialled and channel.bridge is None)
            if waits and channel.caller is None and caller is not None and caller is not channel:
                switch.dial(caller, channel)

    def _wake(self, at: float) -> None:
        """After the first snapshot: calls from before our stop go on in their channels, or are lost."""
        asleep, self._asleep = self._asleep, []
        for life, call in asleep:
            channels = self.book.switch.channels if call.boot == self.book.boot else {}
            life.customer = channels.get(call.customer or "")
            life.root = channels.get(call.root or "")
            life.caller = life.root.whose if life.root else None
            if life.customer is None and call.root and not life.answered:
                self._meet(life, self._called(call.root, life.number))
            trying = life.direction == "outbound" and not life.answered and life.root is not None
            if life.anchor is None or (call.customer and life.customer is None and not trying):
                life.note(at, "restart", "the call ended while pbxcrm was not running")
                life.unseen_last = True
                self.book.finish(life, at, lost=True)
                continue
            for channel in (life.customer, life.root):
                if channel is not None:
                    self.book.lives[channel.uid] = life
                    channel.phone = channel is life.root
                    if channel is life.customer:
                        self.book.switch.trunks.add(channel.device)


def _unmet(life: Life, alive: Container[str]) -> bool:
    """Whether nobody outside is known whom this call is with, or they are gone: another trunk may be tried."""
    return life.customer is None or life.customer.uid not in alive
