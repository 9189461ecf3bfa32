"""CEL, the PBX's own record of its channels, into calls: by the same tracker that follows the manager's events.

Rows of channels that have to do with one another (a Linkedid, a bridge, a transfer) are kept together until the last
of those channels is gone; then the whole story is known and told to a tracker at once (cel_story.py). So rows of
thousands of calls may come in any mix, and only calls that go on are in memory.
"""

import re
from collections.abc import Iterator

from pbxcrm.calls.cel_story import extra, story
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People
from pbxcrm.calls.rows import Row, moment

HORIZON = 86_400.0  # seconds without a row of a call, after which it is given up: its end was never written
_REMEMBERED = 20_000  # channels that are gone: a last row may come late
_GIVEN_BY_PBX = re.compile(r"(.*?)(\d+)\.(\d+)$")
_RACE = 50  # channels born in one moment may get their second and their number in another order


class _Group:
    """Rows that belong together, and the channels among them that live."""

    __slots__ = ("keys", "last", "living", "rows", "whole")

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.living: set[str] = set()
        self.rows: list[Row] = []
        self.last = 0.0
        self.whole = True  # the beginning of every channel was seen


class Cel:
    """Feed it rows (calls/rows.py) about in order of time; it gives each call when it is over.

    A call's key is (pbx, uid): `boot` is "" in all of them, for CEL does not know it. Calls whose beginning comes
    before the first row are passed over. What the PBX forgot in a restart is `lost`.
    """

    def __init__(
        self, people: People, *, pbx: str = "pbx", region: str | None = None, horizon: float = HORIZON
    ) -> None:
        self._people = people
        self._pbx = pbx
        self._region = region
        self._horizon = horizon
        self._groups: dict[str, _Group] = {}  # by each of their keys
        self._gone: dict[str, None] = {}
        self._newest: dict[str, tuple[int, int]] = {}  # by system name: the last channel's second and number
        self._trunks: set[str] = set()  # what one call taught of the trunks, the next one knows
        self._swept = 0.0

    @property
    def open(self) -> int:
        """How many rows wait for the end of their calls."""
        return sum(len(group.rows) for group in self._all())

    def set_people(self, people: People) -> None:
        """Other devices, other people: for calls that end from now on."""
        self._people = people

    def feed(self, row: Row) -> list[Call]:
        """The calls that are over with this row: mostly none."""
        at, uid, kind = moment(row, "eventtime"), row.get("uniqueid", ""), row.get("eventtype", "")
        if at is None or not uid or kind == "LINKEDID_END":
            return []
        if uid in self._gone and kind != "CHAN_START":
            if (group := self._groups.get("channel " + uid)) is not None:
                group.rows.append(row)  # a little late: rows of one moment come in any order
            return []
        calls = self._restarted(uid) if kind == "CHAN_START" else []
        calls += self._sweep(at)
        group = self._join(row)
        group.rows.append(row)
        group.last = max(group.last, at)
        if kind == "CHAN_START":
            group.living.add(uid)
            self._gone.pop(uid, None)
        elif uid not in group.living:
            group.whole = False
            group.living.add(uid)
        if kind in ("CHAN_END", "HANGUP"):
            group.living.discard(uid)
            self._gone[uid] = None
            if len(self._gone) > _REMEMBERED:
                del self._gone[next(iter(self._gone))]
        if not group.living:
            calls += self._close(group)
        return calls

    def end(self) -> list[Call]:
        """No more rows: nothing is said of the calls that go on."""
        self._groups.clear()
        return []

    def _join(self, row: Row) -> _Group:
        """The group of this row; what it shows to belong together becomes one."""
        keys = list(_keys(row))
        known = list({id(found): found for key in keys if (found := self._groups.get(key))}.values())
        group = max(known, key=lambda one: len(one.keys), default=None) or _Group()
        for other in known:
            if other is not group:
                group.rows += other.rows
                group.living |= other.living
                group.last = max(group.last, other.last)
                group.whole = group.whole and other.whole
                keys += other.keys
        for key in keys:
            self._groups[key] = group
        group.keys.update(keys)
        return group

    def _close(self, group: _Group, *, lost: bool = False) -> list[Call]:
        for key in group.keys:
            self._groups.pop(key, None)
        if not group.whole:
            return []
        return story(group.rows, self._people, pbx=self._pbx, region=self._region, trunks=self._trunks, lost=lost)

    def _all(self) -> list[_Group]:
        return list({id(group): group for group in self._groups.values()}.values())

    def _sweep(self, at: float) -> list[Call]:
        """Give up what has had no row for long."""
        if at - self._swept < self._horizon / 10:
            return []
        self._swept = at
        old = [group for group in self._all() if at - group.last > self._horizon]
        return [call for group in old for call in self._close(group, lost=True)]

    def _restarted(self, uid: str) -> list[Call]:
        """After a restart of the PBX its channels are counted from 0 again: what lived before is lost."""
        found = _GIVEN_BY_PBX.fullmatch(uid)
        if found is None:
            return []
        system, second, number = found[1], int(found[2]), int(found[3])
        before = self._newest.get(system)
        self._newest[system] = max(before or (0, 0), (second, number))
        if before is None or second < before[0] or number >= before[1] - (_RACE if second < before[0] + 2 else 0):
            return []
        if second == before[0] and number >= _RACE:
            return []  # rows of one second may come in any order: only who counts from 0 has begun anew within it
        self._newest[system] = (second, number)
        dead = [group for group in self._all() if all(_system(one) == system for one in group.living)]
        return [call for group in dead for call in self._close(group, lost=True)]


def _system(uid: str) -> str | None:
    found = _GIVEN_BY_PBX.fullmatch(uid)
    return found[1] if found else None


def _keys(row: Row) -> Iterator[str]:
    """Whatever this row and those that belong to it have in common."""
    yield "channel " + row["uniqueid"]
    if linkedid := row.get("linkedid"):
        yield "channel " + linkedid
    for name, value in extra(row).items():
        if name.endswith("uniqueid"):
            yield f"channel {value}"
        elif name in ("bridge_id", "bridge1_id", "bridge2_id"):
            yield f"bridge {value}"
