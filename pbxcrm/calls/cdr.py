"""Calls out of CDR rows, as well as CDR can tell.

A CDR is one leg: a channel and whom it was put through to. Which legs make a call, who of ours talked and for how long
is read from the devices; what a CDR does not say (who hung up, when a queue's caller stopped waiting) stays unsaid, and
each call's evidence says that it comes from CDR. docs/history.md has what was measured.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import count

from pbxcrm.calls.cdr_call import read_group
from pbxcrm.calls.cdr_leg import Leg, is_local, is_numbered, pair
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People

# Rows of one call lie no further apart than this after its last end, in whatever order they come: seconds.
HORIZON = 4 * 3600.0
MOST = 50_000  # groups held at once: memory stays flat, whatever the clock of the rows says
_TOUCH = 5.0  # two legs that share a channel follow on one another, whole seconds apart
_SWEEP = 600.0  # the rows' clock moves this far between two looks for groups that are over


class _Group:
    """The legs that belong together so far."""

    __slots__ = ("last", "legs", "names", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.legs: list[Leg] = []
        self.names: list[list[tuple[str, float]]] = []  # of each leg
        self.last = float("-inf")

    def add(self, leg: Leg, names: list[tuple[str, float]]) -> None:
        self.legs.append(leg)
        self.names.append(names)
        self.last = max(self.last, leg.until)


class Cdr:
    """CDR rows in, calls out; the same calls for the same rows in whatever order within the horizon.

    A row is a dict of the usual column names in lower case: calldate (epoch seconds, UTC), clid, src, dst, channel,
    dstchannel, lastapp, lastdata, duration, billsec, disposition, uniqueid and, where present, linkedid, sequence, did,
    cnam. Legs belong together by linkedid, by uniqueid and by a channel that they share at one time (a transfer's two
    linkedids; a Local channel's halves where there is no linkedid). A row without a time or an id is let go. `region`
    is how numbers without a country code are read.
    """

    def __init__(self, people: People, pbx: str = "pbx", region: str | None = None) -> None:
        self._people = people
        self._pbx = pbx
        self._region = region
        self._groups: dict[int, _Group] = {}
        self._known: defaultdict[str, list[tuple[Leg, _Group]]] = defaultdict(list)  # by each name and id of a leg
        self._fresh: set[int] = set()  # groups that got rows since they were last asked for
        self._numbers = count()
        self._now = float("-inf")
        self._swept = float("-inf")

    def set_people(self, people: People) -> None:
        """Other devices, other people: for what is said from now on."""
        self._people = people

    def feed(self, row: Mapping[str, object]) -> list[Call]:
        """Take a row; gives the calls that are over by the clock of the rows."""
        leg = Leg.read(row)
        if leg is None:
            return []
        group: _Group | None = None
        names = _names(leg)
        for name, patience in names:
            for other, theirs in self._known[name].copy():
                if other.at - patience <= leg.until and leg.at <= other.until + patience and theirs is not group:
                    if group is None:
                        group = theirs
                    elif theirs.number in self._groups:
                        group = self._unite(group, theirs)
        if group is None:
            number = next(self._numbers)
            group = self._groups[number] = _Group(number)
        group.add(leg, names)
        for name, _ in names:
            self._known[name].append((leg, group))
        self._fresh.add(group.number)
        self._now = max(self._now, leg.at)
        return self._over()

    def fresh(self) -> list[Call]:
        """The calls that rows came for since the last time, as they are told by now: each may go on yet."""
        found = [call for number in sorted(self._fresh) for call in self._read(self._groups[number])]
        self._fresh.clear()
        return found

    def _read(self, group: _Group) -> list[Call]:
        return read_group(group.legs, self._people, self._pbx, self._region)

    def end(self) -> list[Call]:
        """No more rows: every call that is left, in order of start."""
        return self._close(list(self._groups))

    def _unite(self, one: _Group, other: _Group) -> _Group:
        small, large = sorted((one, other), key=lambda group: len(group.legs))
        for leg, names in zip(small.legs, small.names, strict=True):
            large.add(leg, names)
            for name, _ in names:
                self._known[name] = [(known, large if at is small else at) for known, at in self._known[name]]
        del self._groups[small.number]
        self._fresh.discard(small.number)
        return large

    def _over(self) -> list[Call]:
        if self._now - self._swept < _SWEEP and len(self._groups) <= MOST:
            return []
        self._swept = self._now
        done = [number for number, group in self._groups.items() if group.last + HORIZON < self._now]
        return self._close(done or (list(self._groups)[: MOST // 10] if len(self._groups) > MOST else []))

    def _close(self, numbers: Iterable[int]) -> list[Call]:
        found: list[Call] = []
        for number in numbers:
            group = self._groups.pop(number)
            self._fresh.discard(number)
            for names in group.names:
                for name, _ in names:
                    rest = [pair for pair in self._known.pop(name, ()) if pair[1] is not group]
                    if rest:
                        self._known[name] = rest
            found += self._read(group)
        return sorted(found, key=lambda call: (call.started_at, call.uid))


def _names(leg: Leg) -> list[tuple[str, float]]:
    """By what other legs of its call know it, each with how far apart in time they may lie."""
    found = {f"id {leg.uniqueid}": HORIZON}
    if leg.linkedid:
        found[f"id {leg.linkedid}"] = HORIZON
    for channel in (leg.channel, leg.peer):
        if is_numbered(channel):  # others are called alike again and again: DAHDI/3-1
            found[pair(channel) if is_local(channel) else channel] = _TOUCH
    return list(found.items())
