"""One call while it lives: who rings, who talks, what decided it. Changed by the tracker alone."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from pbxcrm.calls.facts import Fact, FactKind
from pbxcrm.calls.model import Call, Direction, Evidence, Outcome, Talk, Transfer, TransferKind
from pbxcrm.calls.switch import Channel, End

# Local channels leave and re-enter bridges within 40 ms while they are optimised away: one spell, not two.
SAME_SPELL = 0.5
# One attended transfer is told of in one breath: label, moves, leaving, in any order.
HANDING_OVER = 1.0
MAX_EVIDENCE = 60


@dataclass(slots=True)
class Label:
    """What an event said of a transfer: it becomes one when somebody takes the call."""

    kind: TransferKind
    at: float
    by: str | None


@dataclass(slots=True)
class Leg:
    """A phone or trunk that was dialled for this call, and how that ended ("" while it lasts)."""

    channel: Channel
    result: str = ""


@dataclass(slots=True, eq=False)
class Life:
    """A call in the making. `customer` is the outside party's channel, `root` the channel of ours that began it."""

    uid: str
    pbx: str
    boot: str
    started_at: float
    customer: Channel | None = None
    root: Channel | None = None
    caller: str | None = None  # the person who began it, for internal and outbound calls
    direction: Direction | None = None
    number: str | None = None
    caller_name: str | None = None
    number_verified: bool = False
    did: str | None = None
    linkedids: list[str] = field(default_factory=list)
    action_id: str | None = None
    originated: bool = False
    recalled: bool = False  # perhaps no call of its own: the PBX calls a transferer back to the customer who lives
    voicemail: bool = False
    queue: str = ""
    abandoned: bool = False
    said_abandoned: bool = False
    picked_up: bool = False
    unseen: bool = False  # somebody may have talked while nobody looked: who was the first is not known
    unseen_end: bool = False  # how the dialling so far ended may not have been seen
    unseen_last: bool = False  # somebody may have come and gone while nobody looked: who was the last is not known
    outcome: Outcome = "ongoing"
    ended_at: float | None = None
    rang: list[str] = field(default_factory=list)
    ringing: tuple[str, ...] = ()
    talks: list[Talk] = field(default_factory=list)
    open: dict[str, int] = field(default_factory=dict)  # who talks now (a user, or a device nobody owns) -> in talks
    legs: list[Leg] = field(default_factory=list)
    away: set[str] = field(default_factory=set)  # who left for another conversation: their return is a new spell
    labels: list[Label] = field(default_factory=list)
    forwards: list[tuple[str, str | None]] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    n: int = 0

    @property
    def anchor(self) -> Channel | None:
        """The channel whose life this call is."""
        return self.customer or self.root

    @property
    def kept_by(self) -> list[Channel]:
        """The channels of which one must live while this call does.

        Ours keeps a call to outside that is not answered: its caller may hear a busy tone, or another trunk is tried.
        """
        trying = self.direction == "outbound" and not self.answered
        return [c for c in ((self.customer, self.root) if trying else (self.anchor,)) if c is not None]

    @property
    def answered(self) -> bool:
        """Whether anybody has talked with the outside party (or, internally, with each other)."""
        return bool(self.talks)

    @property
    def known_first(self) -> bool:
        """Whether a person has talked, so that who was the first is settled; a device that nobody owns is nobody."""
        return any(talk.user for talk in self.talks)

    @property
    def whole(self) -> bool:
        """Whether all of it so far was seen."""
        return not any(one.event in ("snapshot", "restart") for one in self.evidence)

    @property
    def dialled_nobody(self) -> bool:
        """One of ours who has called nobody yet: a room, a slot, a code. Nobody talks or rings for that."""
        return self.customer is None and self.direction is None and not self.originated

    @property
    def talking(self) -> tuple[str, ...]:
        """The persons in talk now, in the order they joined."""
        return tuple(user for i in self.open.values() if (user := self.talks[i].user))

    def note(self, at: float, event: str, text: str) -> None:
        """Keep what decided; a call transferred a hundred times keeps its beginning."""
        if len(self.evidence) < MAX_EVIDENCE:
            self.evidence.append(Evidence(at, event, text))

    def linked(self, linkedid: str) -> None:
        """A call may hold several Linkedids: all are kept, none is relied on."""
        if linkedid and linkedid not in self.linkedids:
            self.linkedids.append(linkedid)

    def date_back(self, at: float, back: float) -> None:
        """What is said to have been at that moment was so many seconds earlier."""

        def true(said: float) -> float:
            return said - back if said == at else said

        self.started_at = true(self.started_at)
        self.talks = [replace(t, start=true(t.start), end=None if t.end is None else true(t.end)) for t in self.talks]
        self.transfers = [replace(t, at=true(t.at)) for t in self.transfers]
        self.evidence = [replace(e, at=true(e.at)) for e in self.evidence]

    # ---- talk

    def set_talk(self, ends: dict[str, End], at: float, event: str) -> FactKind | None:
        """These are in conversation now, by person (or device). Says what that changed, None: nothing new."""
        for key in [k for k in self.open if k not in ends]:
            self._left(key, at)
        kind: FactKind | None = None
        for key, end in ends.items():
            if key not in self.open:
                kind = self._joined(key, end, at, event) or kind
        return kind

    def waits_elsewhere(self) -> None:
        """The customer was put into a parking slot: whoever talks with him next begins a new spell, however soon."""
        self.away.update(self._key(talk) for talk in self.talks)

    def _left(self, key: str, at: float) -> None:
        index = self.open.pop(key)
        talk = self.talks[index] = replace(self.talks[index], end=max(at, self.talks[index].start))
        for label in self.labels:
            if label.kind == "attended" and label.by == talk.user:
                self.hand_over(label)
                return

    def hand_over(self, label: Label) -> None:
        """An AttendedTransfer told of when the newcomer was in already: it is one, now that `by` has left."""
        for index in self.open.values():
            talk = self.talks[index]
            if talk.user != label.by and abs(talk.start - label.at) <= HANDING_OVER:
                self.labels = []
                self._transfer("attended", talk.start, label.by, talk.user)
                return

    def _joined(self, key: str, end: End, at: float, event: str) -> FactKind | None:
        before = self._latest()
        last = next((i for i in range(len(self.talks) - 1, -1, -1) if self._key(self.talks[i]) == key), None)
        wandered = key in self.away
        self.away.discard(key)
        sent_on = any(label.kind in ("park", "blind") for label in self.labels)
        if last is not None and not wandered and not sent_on and self._resumes(last, at):
            self.talks[last] = replace(self.talks[last], end=None)
            self.open[key] = last
            return None
        first = not self.talks
        self.open[key] = len(self.talks)
        self.talks.append(Talk(end.user, end.device, at, None))
        self.note(at, event, _joined_words(end))
        moved = self._explain(end, before, at)
        if first:
            return "answered"
        return "transferred" if moved else "ringing"

    def _key(self, talk: Talk) -> str:
        return talk.user or talk.device

    def _resumes(self, last: int, at: float) -> bool:
        end = self.talks[last].end
        return end is not None and at - end <= SAME_SPELL

    def _latest(self) -> Talk | None:
        """Who talks, or talked, last."""
        inf = float("inf")
        return max(self.talks, key=lambda t: (inf if t.end is None else t.end, t.start), default=None)

    @property
    def latest_user(self) -> str | None:
        """The person who talks, or talked, last."""
        latest = self._latest()
        return latest.user if latest else None

    def _explain(self, end: End, before: Talk | None, at: float) -> bool:
        """Which transfers brought this newcomer: labels the events gave, a forwarding phone, else the graph itself."""
        user, found = end.user, len(self.transfers)
        labels, self.labels = self.labels, []
        for label in labels:
            if label.kind == "pickup":
                if label.by == user:
                    self._transfer("pickup", label.at, user, user)
            elif label.kind == "park" or label.by != user:
                self._transfer(label.kind, label.at, label.by, user)
        forwarder = end.channel.forwarder
        if forwarder and forwarder != user and self._dialled(end.channel):
            self._transfer("forward", at, forwarder, user)
            end.channel.forwarder = None  # who comes back from a consultation is not forwarded to again
        if len(self.transfers) == found and before is not None and before.user != user and before.end is not None:
            self._transfer("blind" if self._dialled(end.channel) else "attended", at, before.user, user)
        return len(self.transfers) > found

    def _dialled(self, channel: Channel) -> bool:
        return any(leg.channel is channel for leg in self.legs)

    def _transfer(self, kind: TransferKind, at: float, by: str | None, to: str | None) -> None:
        self.transfers.append(Transfer(kind, at, by, to))
        self.note(at, "transfer", f"{_person(by)} passed the call to {_person(to)} ({kind})")

    # ---- ringing

    def set_ringing(self, users: tuple[str, ...], at: float) -> bool:
        """These persons' phones ring now; whether that is a change."""
        fresh = [user for user in users if user not in self.rang and user not in self.ringing]
        if fresh:
            self.note(at, "DialState", f"rings at {', '.join(fresh)}")
        if self.direction != "outbound" and not self.originated:
            self.rang.extend(fresh)
        changed = set(users) != set(self.ringing)
        self.ringing = users
        return changed

    # ---- the end

    def blame(self, cause: str, living: Collection[str]) -> None:
        """The PBX ended it for a refusal, and may tell of that first: the phone's own end comes a moment later.

        `cause`: the call's own Q.850 cause; `living`: uniqueids of legs whose end has not been told.
        """
        result = leg_result("", cause, "")
        if result and all(leg.result != result for leg in self.legs):
            for leg in self.legs:
                if not leg.result and leg.channel.uid in living:
                    leg.result = result

    def finish(self, at: float, *, lost: bool = False) -> None:
        """The outside party is gone; what is known is final."""
        for key in list(self.open):
            index = self.open.pop(key)
            self.talks[index] = replace(self.talks[index], end=max(at, self.talks[index].start))
        self.ringing = ()
        self.ended_at = max(at, self.started_at)
        if self.direction is None:
            self.direction = "outbound" if self.originated or leads_outside(self.number) else "internal"
        unseen = (self.unseen or self.unseen_end) and not self.known_first
        self.outcome = "lost" if lost or unseen else self._judge()
        self.note(at, "end", f"the call ended: {self.outcome}")

    def _judge(self) -> Outcome:
        if self.talks or self.picked_up:
            return "answered"
        if self.voicemail:
            return "voicemail"
        if self.direction == "outbound":
            return self._refusal(self.legs[-1:]) or "missed" if self.customer is not None else "failed"
        if self.abandoned:
            return "abandoned"
        if not self.legs and self.direction == "internal":
            return "answered" if self.root is not None and self.root.was_up else "failed"  # a room, a slot, a code
        verdict = self._refusal(self.legs)
        # Nobody got through to us, they say: for the customer, and for whoever calls back, that is a missed call.
        return "missed" if verdict is None or (verdict == "failed" and self.direction == "inbound") else verdict

    def _refusal(self, legs: list[Leg]) -> Outcome | None:
        """busy, declined or failed where every leg ended so; None where one rang in vain."""
        results = {leg.result for leg in legs}
        tried = results - {"failed"}
        if not results:
            return None
        if not tried:
            return "failed"
        if tried <= {"busy", "declined"}:
            return "declined" if "declined" in tried else "busy"
        return None

    # ---- for the others

    def fact(self, kind: FactKind, at: float) -> Fact:
        """The next fact, with the call as it stands."""
        self.n += 1
        return Fact(kind, self.n, at, self.snapshot())

    def snapshot(self) -> Call:
        """The call as the rest of the world sees it."""
        people = [t for t in self.talks if t.user]
        ours = [t for t in people if t.user != self.caller] if self.direction == "internal" else people
        inf = float("inf")
        until = max((inf if t.end is None else t.end, t.start) for t in ours) if ours else (inf, inf)
        last = {t.user for t in ours if (inf if t.end is None else t.end, t.start) == until}
        return Call(
            pbx=self.pbx,
            boot=self.boot,
            uid=self.uid,
            linkedids=tuple(self.linkedids),
            direction=self.direction or ("outbound" if self.originated else "internal"),
            number=self.number,
            caller_name=self.caller_name,
            did=self.did,
            outcome=self.outcome,
            started_at=self.started_at,
            answered_at=min((t.start for t in self.talks), default=None),
            ended_at=self.ended_at,
            talk_seconds=talk_seconds(self.talks),
            first_answered_by=ours[0].user if ours and not self.unseen else None,
            last_answered_by=last.pop() if len(last) == 1 and not self.unseen_last else None,
            rang=tuple(self.rang),
            talks=tuple(self.talks),
            transfers=tuple(sorted(self.transfers, key=lambda t: t.at)),
            evidence=tuple(sorted(self.evidence, key=lambda e: e.at)),
            ringing=self.ringing,
            talking=self.talking,
            action_id=self.action_id,
            caller=self.caller,
            customer=self.customer.uid if self.customer else None,
            root=self.root.uid if self.root else None,
            number_verified=self.number_verified,
        )

    @classmethod
    def revive(cls, call: Call, n: int) -> "Life":
        """A call that went on when we were stopped, as it was told last (its `n`th fact); its channels come later."""
        life = cls(call.uid, call.pbx, call.boot, call.started_at, direction=call.direction, n=n)
        life.number, life.caller_name, life.did, life.action_id = (
            call.number,
            call.caller_name,
            call.did,
            call.action_id,
        )
        life.linkedids, life.rang, life.talks = list(call.linkedids), list(call.rang), list(call.talks)
        life.transfers, life.evidence = list(call.transfers), list(call.evidence)
        life.originated = call.action_id is not None
        life.caller, life.number_verified = call.caller, call.number_verified
        life.unseen = call.first_answered_by is None and life.known_first
        life.ringing = call.ringing
        life.open = {talk.user or talk.device: i for i, talk in enumerate(call.talks) if talk.end is None}
        return life


def leads_outside(number: str | None) -> bool:
    """Whether that is too long for one of ours."""
    return number is not None and (number.startswith("+") or len(number) >= 7)


def talk_seconds(talks: list[Talk]) -> float:
    """Seconds in which somebody talked: two at once (a conference) count once; a talk going on counts nothing yet."""
    total, until = 0.0, float("-inf")
    for talk in sorted(talks, key=lambda t: t.start):
        if talk.end is not None and talk.end > until:
            total += talk.end - max(talk.start, until)
            until = talk.end
    return round(total, 6)


def leg_result(status: str, cause: str, tech_cause: str) -> str | None:
    """busy, declined, failed or "" (rang in vain) for a leg, by DialStatus, Q.850 cause, and the SIP answer if told.

    None where they say nothing. Asterisk folds 486 and 600 into cause 17 and 603 into 21, but 401 and 403 into 21 as
    well: the SIP answer decides. chan_sip calls 480 BUSY, and only the cause (19) says that nobody came.
    """
    if "603" in tech_cause:
        return "declined"
    if any(code in tech_cause for code in ("486", "600")) or cause == "17":
        return "busy"
    if cause == "21" and not any(code in tech_cause for code in ("401", "403", "407")):
        return "declined"
    if status == "BUSY":
        return "busy"
    if status in ("CONGESTION", "CHANUNAVAIL", "INVALIDARGS"):
        return "failed"
    return "" if status == "NOANSWER" or cause in ("18", "19") else None


def _person(user: str | None) -> str:
    return user or "a phone nobody owns"


def _joined_words(end: End) -> str:
    who = f"{end.user} ({end.device})" if end.user else f"{end.channel.name}, a device nobody owns,"
    via = f" through {end.via}" if end.via else ""
    return f"{who} joined the conversation{via}"
