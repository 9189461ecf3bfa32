"""The calls in the legs that belong together: who is the outside party, who of ours talked with them."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pbxcrm.calls.cdr_leg import Leg, Side, is_local, is_number, pair, side
from pbxcrm.calls.model import Call, Direction, Evidence, Outcome, Talk, Transfer, TransferKind
from pbxcrm.calls.numbers import normalise
from pbxcrm.calls.people import People, device_of

_DEEP = 4  # Local channels behind Local channels
_SAME = 1.5  # seconds: CDR's clock has whole ones, so two spells so near to each other may be one
_MOST = 20  # pieces of evidence
_VOICEMAIL = ("voicemail", "voicemailmain", "minivmrecord", "comedian")
_CAUSES: dict[str, Outcome] = {"17": "busy", "21": "declined"}
_DIALLED = re.compile(r"(?:^|[&,])([A-Za-z0-9]+/[^&,]+)")


@dataclass(frozen=True, slots=True)
class _End:
    """A phone behind a leg. `user` None: nobody's. `ours` False: the line of a trunk."""

    channel: str
    device: str
    user: str | None
    ours: bool
    leg: Leg

    @property
    def key(self) -> str:
        return self.user or self.device


@dataclass(slots=True)
class _Group:
    """The legs, and what is asked of them again and again."""

    legs: list[Leg]
    people: People
    pbx: str
    region: str | None
    sides: dict[str, Side] = field(default_factory=dict)
    behind: defaultdict[str, list[Leg]] = field(default_factory=lambda: defaultdict(list))  # a Local pair's ;2 dials
    whose: dict[str, str] = field(default_factory=dict)  # a trunk's channel -> for whose Local channel it was dialled

    def side(self, channel: str) -> Side:
        if channel not in self.sides:
            self.sides[channel] = side(channel, self.legs, self.people)
        return self.sides[channel]

    def ends(self, leg: Leg, deep: int = 0) -> Iterator[_End]:
        """The phones that this leg reaches, through Local channels."""
        if not leg.peer:
            return
        if not is_local(leg.peer):
            device = device_of(leg.peer)
            user = self.people.of(device) or self.whose.get(leg.peer)
            yield _End(leg.peer, device, user, user is not None or self.side(leg.peer) == "ours", leg)
            return
        found = [end for other in self.behind[pair(leg.peer)] if deep < _DEEP for end in self.ends(other, deep + 1)]
        yield from found
        user = self.people.of(device_of(leg.peer))
        if not found and user is not None:
            yield _End(leg.peer, device_of(leg.peer), user, True, leg)


def read_group(legs: Sequence[Leg], people: People, pbx: str, region: str | None) -> list[Call]:
    """The calls in these legs, in order of start."""
    group = _Group(sorted(set(legs), key=lambda leg: leg.order), people, pbx, region)
    for leg in group.legs:
        if is_local(leg.channel):
            group.behind[pair(leg.channel)].append(leg)
            user = people.of(device_of(leg.channel))
            if user is not None and leg.peer and not is_local(leg.peer):
                group.whose.setdefault(leg.peer, user)
    found = [_Reader(group, own).call() for own in _anchors(group)]
    return sorted((call for call in found if call), key=lambda call: (call.started_at, call.uid))


def _anchors(group: _Group) -> list[list[Leg]]:
    """The legs of each channel that may be a call of its own: those from outside, and those of ours that dial."""
    peers = {pair(leg.peer) for leg in group.legs if is_local(leg.peer)}
    found: defaultdict[tuple[str, str], list[Leg]] = defaultdict(list)
    for leg in group.legs:
        # A Local channel that some other leg was put through to is a part of that leg.
        if leg.channel and not (is_local(leg.channel) and (pair(leg.channel) in peers or leg.channel.endswith(";1"))):
            found[leg.channel, leg.uniqueid].append(leg)
    # A line that we dialled and that was passed on goes on as a part of our call.
    for key, legs in list(found.items()):
        if group.side(key[0]) == "outside":
            for other, own in found.items():
                if other[0] != key[0] and any(leg.peer == key[0] and leg.at <= legs[0].until for leg in own):
                    own += found.pop(key)
                    break
    return list(found.values())


class _Reader:
    """One call: the legs of the channel that began it. Use once."""

    def __init__(self, group: _Group, legs: list[Leg]) -> None:
        self._group = group
        self._legs = legs
        self._first = legs[0]
        channel = self._first.channel
        self._outside = group.side(channel) == "outside" or (
            is_local(channel) and is_number(self._first.src) and not is_number(self._first.dst)
        )
        self._ends = [(leg, end) for leg in legs for end in group.ends(leg)]
        self._picked = {leg.channel for leg in group.legs if leg.outgoing and leg.dst.startswith("*")}
        # Our own channel that somebody else's leg led to: it took part in that call, and may consult beside it.
        self._dialled = any(leg.peer == channel for leg in group.legs)

    def call(self) -> Call | None:
        direction = self._direction()
        if direction is None:
            return None
        talks = self._talks(direction)
        number = self._number(direction)
        first = self._first
        until = max(leg.until for leg in self._legs)
        people = [talk.user for talk in talks if talk.user]
        if direction == "internal":
            people = [talk.user for talk in talks if talk.user and talk.user != self._caller]
        return Call(
            pbx=self._group.pbx,
            boot=f"cdr-{int(first.at // 3600)}",
            uid=self._uid(),
            linkedids=tuple(dict.fromkeys(leg.linkedid or leg.uniqueid for leg in self._legs)),
            direction=direction,
            number=number,
            caller_name=self._name(direction),
            did=self._did() if direction == "inbound" else None,
            outcome="answered" if talks else self._unanswered(direction),
            started_at=first.at,
            answered_at=min((talk.start for talk in talks), default=None),
            ended_at=until,
            talk_seconds=_length(talks),
            first_answered_by=people[0] if people else None,
            last_answered_by=people[-1] if people else None,
            rang=self._rang() if direction != "outbound" else (),
            talks=tuple(talks),
            transfers=tuple(self._transfers(talks)) if direction != "internal" else (),
            evidence=tuple(_evidence(leg) for leg in self._legs[:_MOST]),
            caller=self._caller if direction != "inbound" else None,
            customer=first.uniqueid if self._outside else None,
            root=first.uniqueid,
            recording=next((leg.recording for leg in self._legs if leg.recording), None),
        )

    @property
    def _caller(self) -> str | None:
        return self._group.people.of(device_of(self._first.channel))

    def _uid(self) -> str:
        """That of the channel that began it: of a consultation by keys it is the Local channel's."""
        first = self._first
        if not (first.outgoing and is_local(first.peer)):
            return first.uniqueid
        own = next((leg.uniqueid for leg in self._group.legs if leg.channel == first.peer), None)
        behind = next((leg.uniqueid for leg in self._group.behind[pair(first.peer)] if leg.uniqueid != own), None)
        return own or _before(behind) or first.uniqueid

    def _direction(self) -> Direction | None:
        if self._outside:
            return "inbound"
        if any(not end.ours for _, end in self._ends):
            return "outbound"
        if self._ends:
            return None if self._dialled and self._is_shadow() else "internal"
        if self._dialled and all(leg.outgoing for leg in self._legs):
            return None  # it only answered, or gave up its name to who picked up
        # A click-to-call whose own phone was not picked up never came to its number: it shows it as the caller's.
        click = self._first.dst in ("s", "") and is_number(self._first.src)
        return "outbound" if click or is_number(self._first.dst) else "internal"

    def _is_shadow(self) -> bool:
        """Whether this channel's legs only mirror a call that others made: it was dialled, and dialled nobody."""
        own = self._first.channel
        if all(leg.outgoing for leg in self._legs):
            return any(not is_local(leg.peer) or end.channel == own for leg, end in self._ends)
        met = {end.channel for _, end in self._ends}
        others = {leg.peer for leg in self._group.legs if self._group.side(leg.channel) == "outside"}
        return all(leg.app == "confbridge" for leg in self._legs) and met <= others

    def _number(self, direction: Direction) -> str | None:
        first, region = self._first, self._group.region
        if direction == "inbound":
            return normalise(first.src, region)
        if direction == "outbound":
            wanted = next((leg.dst for leg in self._legs if is_number(leg.dst)), first.dst)
            return normalise(first.src if wanted in ("s", "") else wanted, region)
        local = self._legs[0].peer.partition("/")[2].partition("@")[0] if is_local(self._legs[0].peer) else ""
        return normalise(first.dst or local, region)

    def _name(self, direction: Direction) -> str | None:
        name = self._first.name
        return name if direction == "inbound" and name and name != self._first.src else None

    def _did(self) -> str | None:
        did = next((leg.did for leg in self._legs if leg.did), "")
        dst = self._first.dst
        # The inbound leg's own extension is a number of ours only if it looks like one (`s`, `600` are the dialplan's)
        # and is not where the call was sent on to: a transfer writes that over it.
        ours = is_number(dst) and not any(dst in leg.data for leg in self._legs)
        return normalise(did or (dst if ours else ""), self._group.region)

    # ---- talk

    def _talks(self, direction: Direction) -> list[Talk]:
        spells: list[tuple[_End, float, float]] = []
        for leg, end in self._ends:
            answered = leg.answered if end.leg.answered is not None else None
            if answered is None or (direction == "inbound" and not end.ours):
                continue
            start, until = max(answered, end.leg.answered or 0.0), min(leg.until, end.leg.until)
            spells.append((end, min(self._waited(leg, start), until), until))
        spells = self._without_picked_up(spells)
        if direction == "outbound":
            return self._own_talks(spells)
        talks = _merged([Talk(end.user, end.device, start, until) for end, start, until in spells])
        if direction == "internal" and talks:
            device = device_of(self._first.channel)
            own = [Talk(self._caller, device, talk.start, talk.end) for talk in talks]
            talks = sorted([*_merged(own), *talks], key=lambda talk: talk.start)
        return talks

    def _waited(self, leg: Leg, start: float) -> float:
        """A caller who was answered already (a queue, a transfer) waited until the other phones fell silent."""
        if leg.answered != leg.at:
            return start
        losers = (
            other.until
            for other in self._legs
            if other.peer and other.answered is None and leg.at - _SAME <= other.at <= other.until < leg.until
        )
        return max((start, *losers))

    def _own_talks(self, spells: Sequence[tuple[_End, float, float]]) -> list[Talk]:
        """Of a call that we made: our caller with the line outside, and whoever of ours came into it."""
        device = device_of(self._first.channel)
        own = [Talk(self._caller, device, start, until) for end, start, until in spells if not end.ours]
        others = [Talk(end.user, end.device, start, until) for end, start, until in spells if end.ours]
        return _merged([*own, *others]) if own else []

    def _without_picked_up(self, spells: list[tuple[_End, float, float]]) -> list[tuple[_End, float, float]]:
        """A phone whose call a colleague picked up is told of as one that answered for no time at all."""
        others = {end.key for end, _, _ in spells if end.channel not in self._picked}
        return [spell for spell in spells if spell[0].channel not in self._picked or not others - {spell[0].key}]

    def _was_dialled(self, end: _End) -> bool:
        """Whether the leg's own dial string names this phone; who is not named came by pickup or transfer."""
        if end.leg.app != "dial":
            return True
        named = {device_of(text.partition(",")[0]).casefold() for text in _DIALLED.findall(end.leg.data)}
        return not named or end.device.casefold() in named or not end.ours or any("@" in name for name in named)

    def _consulted(self, end: _End) -> bool:
        return any(leg.channel not in ("", self._first.channel) and end.channel == leg.peer for leg in self._group.legs)

    def _transfers(self, talks: Sequence[Talk]) -> Iterator[Transfer]:
        ends = {end.key: end for _, end in self._ends}
        before: Talk | None = None
        for after in talks:
            end = ends.get(after.user or after.device)
            if end is not None and before is None and self._picked and not self._was_dialled(end):
                yield Transfer("pickup", after.start, after.user, after.user)
            elif end is not None and before is not None and self._passed(before, after):
                yield Transfer(self._kind(before, after, end), after.start, before.user, after.user)
            before = after

    def _passed(self, before: Talk, after: Talk) -> bool:
        if (before.user or before.device) == (after.user or after.device):
            return any(leg.app == "park" for leg in self._legs)
        return after.start >= (before.end or 0.0) - _SAME

    def _kind(self, before: Talk, after: Talk, end: _End) -> TransferKind:
        if any(
            leg.app in ("park", "parkedcall") for leg in self._legs if before.start <= leg.at <= after.start + _SAME
        ):
            return "park"
        return "attended" if self._consulted(end) or not self._was_dialled(end) else "blind"

    # ---- nobody talked

    def _rang(self) -> tuple[str, ...]:
        silent = ("BUSY", "FAILED", "CONGESTION")
        rang = [
            end.user
            for _, end in self._ends
            if end.user and end.leg.disposition not in silent and self._was_dialled(end) and end.leg.app != "confbridge"
        ]
        return tuple(dict.fromkeys(rang))

    def _unanswered(self, direction: Direction) -> Outcome:
        legs, last = self._legs, self._legs[-1]
        if direction != "outbound" and any(leg.app in _VOICEMAIL and leg.answered is not None for leg in legs):
            return "voicemail"
        if direction == "inbound" and last.app == "queue":
            return "abandoned"
        if last.app == "hangup" and last.data in _CAUSES and direction != "outbound":
            return _CAUSES[last.data]
        ended = {leg.disposition for leg in legs if leg.peer} or {leg.disposition for leg in legs}
        if not self._ends and direction == "outbound":
            return "failed"
        if not self._ends and direction == "internal":  # a room, a code, a slot
            return "answered" if last.answered is not None else "missed"
        if ended == {"BUSY"}:
            return "busy"
        return "failed" if ended <= {"FAILED", "CONGESTION"} else "missed"


def _before(uniqueid: str | None) -> str | None:
    """The halves of a Local channel are numbered one after the other."""
    head, dot, number = (uniqueid or "").rpartition(".")
    return f"{head}.{int(number) - 1}" if dot and number.isdecimal() and int(number) > 0 else None


def _merged(talks: Sequence[Talk]) -> list[Talk]:
    """In order of start; two spells of one person that meet are one."""
    found: dict[str, list[Talk]] = {}
    for talk in sorted(talks, key=lambda talk: (talk.start, talk.end or 0.0)):
        theirs = found.setdefault(talk.user or talk.device, [])
        if theirs and talk.start <= (theirs[-1].end or 0.0) + _SAME:
            last = theirs[-1]
            theirs[-1] = Talk(last.user, last.device, last.start, max(last.end or 0.0, talk.end or 0.0))
        else:
            theirs.append(talk)
    return sorted((talk for theirs in found.values() for talk in theirs), key=lambda talk: talk.start)


def _length(talks: Sequence[Talk]) -> float:
    """Seconds in which anybody talked."""
    total, reached = 0.0, float("-inf")
    for talk in sorted(talks, key=lambda talk: talk.start):
        end = talk.end or talk.start
        total += max(0.0, end - max(talk.start, reached))
        reached = max(reached, end)
    return total


def _evidence(leg: Leg) -> Evidence:
    to = f" to {device_of(leg.peer)}" if leg.peer else ""
    text = f"from CDR: {device_of(leg.channel)}{to}, {leg.app or 'no application'}, {leg.disposition or 'no end told'}"
    return Evidence(leg.at, "CDR", f"{text}, {leg.until - leg.at:.0f} s")
