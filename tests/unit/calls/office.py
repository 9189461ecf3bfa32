"""The people of these tests, their devices, and a desk that watches them."""

from collections.abc import Callable, Iterable

from pbxcrm.calls import events
from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.calls.tracker import Tracker
from tests.unit.calls.wire import START, Bridge, Chan, Frame, Header, Ids, Wire

DEVICES = {
    "PJSIP/101": "alice",
    "PJSIP/102": "bob",
    "PJSIP/103": "carol",
    "PJSIP/113": "carol",
    "PJSIP/104": "dave",
    "PJSIP/105": "erin",
    "SIP/101": "alice",
    "SIP/102": "bob",
    "SIP/103": "carol",
    "SIP/113": "carol",
    "SIP/104": "dave",
    "SIP/105": "erin",
    "Local/101@*": "alice",
    "Local/102@*": "bob",
    "Local/103@*": "carol",
    "Local/104@*": "dave",
    "Local/105@*": "erin",
}
REGION = "PL"
CALLER = "+48225550101"
MOBILE = "+48600100104"  # dave's


def tracker(boot: str = "") -> Tracker:
    return Tracker(People(DEVICES.items()), region=REGION, boot=boot)


class Desk(Wire):
    """A wire with a tracker at its other end: each event is told at once. `facts` are all that came out."""

    def __init__(self, tracker: Tracker, *, at: float = START, ids: Ids | None = None) -> None:
        super().__init__(ids, at)
        self.tracker = tracker
        self.facts: list[Fact] = []
        self.drop: Callable[[Frame], bool] = lambda _frame: False  # which events are lost on the way

    def event(self, name: str, headers: Iterable[Header] = (), kind: str = "call,all") -> float:
        at = super().event(name, headers, kind)
        if not self.drop(self.frames[-1]):
            read = events.read(self.frames[-1].mapping(), at)
            if read is not None:
                self.facts += self.tracker.feed(read)
        return at


class Office(Desk):
    """A desk with the first minutes of many tests."""

    def __init__(self, boot: str = "", ids: Ids | None = None) -> None:
        super().__init__(tracker(boot), ids=ids)

    def customer(self, number: str = CALLER, did: str = "10", device: str = "PJSIP/trunk") -> Chan:
        return self.new(device, state="4", number=number, exten=did)

    def calls_phone(self, caller: Chan, device: str, suffix: str | None = None) -> Chan:
        phone = self.new(device, number=device.rpartition("/")[2], linked=caller, suffix=suffix)
        self.dial(caller, phone)
        self.rings(caller, phone)
        return phone

    def talk(self, device: str = "PJSIP/101") -> tuple[Chan, Chan, Bridge]:
        """A customer whom `device` has answered: the customer's channel, the phone's, their bridge."""
        trunk = self.customer()
        phone = self.calls_phone(trunk, device)
        self.picks_up(trunk, phone)
        self.state(trunk, "6")
        bridge = self.join(phone, trunk)
        self.wait(5)
        return trunk, phone, bridge

    def gone(self, *chans: Chan) -> None:
        """Each leaves its bridge, then all hang up."""
        for chan in chans:
            self.leave(chan)
        for chan in chans:
            self.hangup(chan)

    @property
    def calls(self) -> list[Call]:
        """Every call as its last fact tells it, in order of start."""
        last = {fact.call.id: fact.call for fact in self.facts}
        return sorted(last.values(), key=lambda call: call.started_at)

    @property
    def call(self) -> Call:
        (only,) = self.calls
        return only

    @property
    def kinds(self) -> list[str]:
        return [fact.kind for fact in self.facts]


def talks(call: Call) -> list[tuple[str | None, str]]:
    return [(talk.user, talk.device) for talk in call.talks]


def transfers(call: Call) -> list[tuple[str, str | None, str | None]]:
    return [(t.kind, t.by, t.to) for t in call.transfers]


def member_by_mobile(o: Office, trunk: Chan, user: str = "104") -> tuple[Chan, Chan, Chan]:
    """A member's mobile answers through the trunk, behind a Local channel that stays."""
    one, two = o.local(user, "from-queue", trunk)
    o.dial(trunk, one)
    mobile = o.new("PJSIP/trunk", linked=trunk)
    o.dial(two, mobile, f"{MOBILE}@trunk")
    o.rings(two, mobile)
    o.picks_up(two, mobile)
    o.join(mobile, two)
    o.picks_up(trunk, one)
    o.join(one, trunk)
    return one, two, mobile


def masquerade(o: Office, donor: Chan, into: Chan) -> None:
    mine, theirs = donor.name, into.name
    o.rename(donor, f"{mine}<MASQ>")
    o.rename(into, mine)
    o.rename(donor, f"{theirs}<ZOMBIE>")
    o.hangup(donor)


def called_back(o: Office, user: str, number: str) -> Chan:
    """As by an Originate: nobody dials, the phone rings and is answered."""
    back = o.new(f"PJSIP/{user}", number=user)
    back.connected = number
    o.dial(None, back)
    o.rings(None, back)
    o.picks_up(None, back)
    return back
