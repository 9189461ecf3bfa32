"""One story of CEL rows, whole and in order, told to a tracker as the events a manager would have been sent.

What CEL leaves out is read from the rest of the story. Who dialled a channel: whoever ran a Dial that names its device
(or a Queue) in its Linkedid. Whether a phone rang: it was dialled, and it did not refuse at once by itself. Which
phone forwarded: the one that hangs up next.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from pbxcrm.calls import events as ev
from pbxcrm.calls.model import Call
from pbxcrm.calls.people import People, device_of
from pbxcrm.calls.rows import Row
from pbxcrm.calls.switch import DOWN, UP
from pbxcrm.calls.tracker import RING, Tracker

_DIALLED_BY_APP = frozenset({"AppDial", "AppQueue"})  # the application of a channel that Dial or Queue called
_ORIGINATED = "AppDial2"
_DIALLERS = frozenset({"dial", "queue", "followme", "page", "retrydial"})
_AT_ONCE = 0.25  # seconds: a phone that says so soon that nobody comes says it by a setting, and has not rung
_TOGETHER = 0.5  # seconds within which rows of one deed are written, in any order
# Q.850 causes by which a phone answers that it did not ring: busy, redirected; and by which a call never got there.
_REDIRECTED = "23"
_UNRUNG = frozenset({"17", _REDIRECTED})
_NOBODY = frozenset({"18", "19", "31"})
_FAILED = frozenset({"1", "2", "3", "20", "22", "27", "28", "34", "38", "41", "42", "44", "50", "58", "66", "127"})
_PARKING_OVER = frozenset({"ParkedCallTimeOut", "ParkedCallGiveUp"})
_NOTED = {"Newchannel": "CHAN_START", "DialBegin": "CHAN_START", "DialState": "CHAN_START", "DialEnd": "HANGUP",
          "BridgeEnter": "BRIDGE_ENTER", "BridgeLeave": "BRIDGE_EXIT", "QueueCallerJoin": "APP_START",
          "QueueCallerAbandon": "APP_END", "BlindTransfer": "BLINDTRANSFER", "AttendedTransfer": "ATTENDEDTRANSFER",
          "Pickup": "PICKUP", "ParkedCall": "PARK_START", "VoiceMail": "APP_START"}  # fmt: skip


def extra(row: Row) -> dict[str, str]:
    """What CEL's `extra` says; {} where it is no JSON object."""
    text = row.get("extra", "")
    if not text.startswith("{"):
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in found.items()}


def story(
    rows: Sequence[Row], people: People, *, pbx: str, region: str | None, trunks: set[str], lost: bool
) -> list[Call]:
    """The calls in these rows, in order of their ends. `trunks` is learned on; `lost`: no more was ever written."""
    tracker = Tracker(people, pbx=pbx, region=region)
    tracker.book.switch.trunks = trunks
    ended: list[Call] = []
    at = 0.0
    for event in _Story(sorted(rows, key=_at)).events():
        at = max(at, event.at)
        ended += [fact.call for fact in tracker.feed(event) if fact.kind == "ended"]
    if lost:
        ended += [fact.call for fact in tracker.died(at)]
    return [_from_cel(call) for call in ended]


def _from_cel(call: Call) -> Call:
    """The same call, its evidence under CEL's names."""
    noted = tuple(replace(one, event=f"CEL {_NOTED.get(one.event, one.event)}") for one in call.evidence)
    return replace(call, evidence=noted)


def _at(row: Row) -> float:
    return float(row["eventtime"])


@dataclass(slots=True, eq=False)
class _Channel:
    """A channel, with all that the rows will say of it. `apps`: (from which row it is known, name, its data).

    `first` and `last` are the places of its rows: many tables keep whole seconds, and only the order is left.
    """

    uid: str
    name: str
    linkedid: str
    exten: str
    at: float
    first: int
    last: int = 0
    apps: list[tuple[int, str, str]] = field(default_factory=list)
    dialled: bool = False  # by Dial or Queue
    by_queue: bool = False
    bridge: str = ""  # while the rows are read: the one it is in
    originated: bool = False
    answered: bool = False
    cause: str = ""
    ended_by: str = ""
    ended_at: float = float("inf")
    over: bool = False
    number: str = ""
    shown: str = ""  # the number it showed in the end: an Originate's is the one it will call
    forwards: bool = False
    caller: "_Channel | None" = None
    dialstring: str = ""

    @property
    def half(self) -> int:
        return int(self.name[-1]) if self.name.startswith("Local/") and self.name[-2:] in (";1", ";2") else 0

    def there(self, place: int) -> bool:
        """Whether it was there at that row. Where the PBX died, its last row is not its end."""
        return self.first <= place and (place <= self.last or not self.over)

    @property
    def calls(self) -> bool:
        """Whether it calls the PBX by itself, rather than being called."""
        return not (self.half or self.dialled or self.originated)

    @property
    def rang(self) -> bool:
        """CEL does not say so: read from how the dialling ended."""
        if self.half or self.answered:
            return not self.half
        at_once = self.cause in _NOBODY and self.ended_at - self.at < _AT_ONCE
        return not (self.forwards or (self.refused and (at_once or self.cause in _UNRUNG | _FAILED)))

    @property
    def refused(self) -> bool:
        """It ended by its own answer, not because the PBX called it off."""
        return self.ended_by == self.name

    def runs(self, place: int, app: str, data: str) -> None:
        """A row says that it runs this, or ("") nothing."""
        if (not self.apps and app) or (self.apps and self.apps[-1][1:] != (app, data)):
            self.apps.append((place, app, data))

    def busy_with(self, place: int) -> list[tuple[int, str, str]]:
        """The application it runs then, and the next: not every beginning is written, the first row tells of it."""
        later = next((i for i, app in enumerate(self.apps) if app[0] > place), len(self.apps))
        return [app for app in self.apps[max(0, later - 1) : later + 1] if app[1].casefold() in _DIALLERS]


class _Story:
    """Use once: `events`."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._channels: dict[str, _Channel] = {}
        self._forwards = [row for row in rows if row["eventtype"] == "FORWARD"]
        for place, row in enumerate(rows):
            self._learn(place, row)
        for channel in self._channels.values():
            self._place(channel)
        for row in self._forwards:
            self._forwarder(row)
        self._apps: dict[str, tuple[str, str]] = {}
        self._queues: dict[str, str] = {}
        self._asked: set[str] = set()  # who has hung up, and it has been told

    # ---- looking ahead

    def _learn(self, place: int, row: Row) -> None:
        uid, kind, at = row["uniqueid"], row["eventtype"], _at(row)
        app, data = row.get("appname", ""), row.get("appdata", "")
        channel = self._channels.get(uid)
        if channel is None:
            linkedid = row.get("linkedid") or uid
            channel = _Channel(uid, row.get("channame", ""), linkedid, row.get("exten", ""), at, place)
            self._channels[uid] = channel
        channel.last, channel.number = place, row.get("cid_num") or channel.number
        channel.dialled = channel.dialled or app in _DIALLED_BY_APP
        channel.by_queue = channel.by_queue or app == "AppQueue"
        channel.originated = channel.originated or app == _ORIGINATED
        channel.runs(place, app, data)  # the end of a Dial is often the first row that says what it dialled
        if kind == "APP_END":
            channel.runs(place, "", "")
        channel.over = channel.over or kind in ("HANGUP", "CHAN_END")
        channel.answered = channel.answered or kind in ("ANSWER", "BRIDGE_ENTER")
        if kind == "BRIDGE_ENTER" and channel.originated and not channel.shown:
            channel.shown = self._recalled_to(channel, row)
        if kind in ("BRIDGE_ENTER", "BRIDGE_EXIT"):
            channel.bridge = extra(row).get("bridge_id", "") if kind == "BRIDGE_ENTER" else ""
        if kind == "HANGUP":
            said = extra(row)
            channel.cause, channel.ended_by = said.get("hangupcause", ""), said.get("hangupsource", "")
            channel.ended_at, channel.shown = at, channel.shown or row.get("cid_num", "")

    def _recalled_to(self, channel: _Channel, row: Row) -> str:
        """The number of who is waiting where the PBX puts a channel that it called by itself, and let dial nothing."""
        if any(app not in ("", _ORIGINATED) for _, app, _ in channel.apps):
            return ""
        bridges, seen = [extra(row).get("bridge_id", "")], {channel.uid}
        while bridges:
            bridge = bridges.pop()
            for other in [one for one in self._channels.values() if one.bridge == bridge and one.uid not in seen]:
                seen.add(other.uid)
                if not other.half:
                    return other.number
                bridges += [one.bridge for one in self._channels.values() if _pair(one, other) and one.bridge]
        return ""

    def _place(self, channel: _Channel) -> None:
        """Whether it calls or is called, and by whom."""
        own = channel.linkedid == channel.uid
        if own and channel.exten not in ("", "s"):  # it began in the dialplan, whatever became of it (a pickup)
            channel.dialled = channel.originated = False
        elif channel.originated:
            channel.dialled = False
        elif not channel.half:
            channel.dialled = not own
        if channel.half == 2 or not (channel.dialled or channel.half):
            return
        found = self._dialler(channel)
        if found is not None:
            channel.caller, channel.dialstring = found
            channel.dialled = True

    def _dialler(self, dest: _Channel) -> tuple[_Channel, str] | None:
        """Who dials this channel, and the dial string that names it; None where nobody does."""
        device = device_of(dest.name)
        best: tuple[tuple[int, bool, bool, int], _Channel, str] | None = None
        for channel in self._channels.values():
            if channel is dest or _pair(channel, dest) or not channel.there(dest.first):
                continue
            for began, app, data in channel.busy_with(dest.first):
                named = _dialstring(app, data, device)
                forwarded = self._forward_to(channel, device, dest.at) is not None
                if (
                    not forwarded
                    and not dest.dialled
                    and (named is None or dest.half)
                    and app.casefold() in ("dial", "queue")
                ):
                    continue  # a Local channel nobody dialled: a transfer made it
                rank = 3 if named is not None else 2 if forwarded else 1 if began <= dest.first else 0
                fits = (app.casefold() == "queue") == dest.by_queue
                found = rank, fits, began <= dest.first, began
                if best is None or found > best[0]:
                    best = found, channel, named or ""
        if best is None:
            root = self._channels.get(dest.linkedid)
            return (root, "") if dest.dialled and root is not None and root is not dest else None
        return best[1], best[2]

    def _forward_to(self, channel: _Channel, device: str, at: float) -> Row | None:
        """The row that says that a call of this channel's was sent on to this device."""
        target = device.rpartition("/")[2].partition("@")[0]
        for row in self._forwards:
            to = extra(row).get("forward", "").rpartition("/")[2].partition("@")[0]
            if row["uniqueid"] == channel.uid and to == target and abs(_at(row) - at) < _TOGETHER:
                return row
        return None

    def _forwarder(self, row: Row) -> None:
        """The phone that sent a call on: dialled by the same channel, it hangs up as the new one is called."""
        near = [
            channel for channel in self._channels.values()
            if channel.caller is not None and channel.caller.uid == row["uniqueid"] and not channel.answered
            and not channel.half and channel.at <= _at(row) <= channel.ended_at + _TOGETHER
        ]  # fmt: skip
        if near:
            min(near, key=lambda channel: (channel.cause != _REDIRECTED, channel.ended_at)).forwards = True

    # ---- telling

    def events(self) -> Iterator[ev.Event]:
        """The events, in order of time."""
        for row in self._rows:
            yield from self._row(row)

    def _row(self, row: Row) -> Iterator[ev.Event]:
        at, kind, channel = _at(row), row["eventtype"], self._channels[row["uniqueid"]]
        party = _party(row)
        if kind == "CHAN_START":
            yield from self._born(at, channel, party)
        yield from self._application(at, row, channel, party)
        if kind == "ANSWER":
            yield ev.Newstate(at, party._replace(state=UP))
            if channel.caller is not None and channel.dialled:
                yield ev.DialEnd(at, self._party_of(channel.caller), party, "ANSWER", "")
        elif kind == "HANGUP":
            if not channel.answered and channel.caller is not None:
                status = "CONGESTION" if channel.refused and channel.cause in _FAILED else ""
                yield ev.DialEnd(at, self._party_of(channel.caller), party, status, "")
            if channel.uid not in self._asked:
                yield ev.HangupRequest(at, party, by_far_end=channel.refused)
            yield ev.Hangup(at, party, channel.cause, "")
        elif kind == "CHAN_END":
            yield ev.Hangup(at, party, channel.cause, "")
        else:
            yield from self._other(at, kind, row, party)

    def _born(self, at: float, channel: _Channel, party: ev.Party) -> Iterator[ev.Event]:
        yield ev.Newchannel(at, party._replace(state=RING if channel.calls else DOWN))
        if channel.originated and channel.half != 2:
            shown = channel.shown if channel.shown != party.number else ""
            yield ev.DialBegin(at, None, party._replace(connected=shown), party.name)
        elif channel.caller is not None:
            forward = self._forward_to(channel.caller, device_of(party.name), at)
            if forward is not None:
                yield from self._forward(at, forward, channel)  # told of after the new call, but it came first
            dialstring = channel.dialstring or device_of(party.name).partition("/")[2]
            yield ev.DialBegin(at, self._party_of(channel.caller), party, dialstring)
        if channel.rang and not channel.calls:
            yield ev.DialState(at, party, "RINGING")

    def _application(self, at: float, row: Row, channel: _Channel, party: ev.Party) -> Iterator[ev.Event]:
        """A change of application, by whichever row tells it first."""
        ends = row["eventtype"] == "APP_END"
        app, data = ("", "") if ends else (row.get("appname", ""), row.get("appdata", ""))
        if self._apps.get(channel.uid, ("", "")) == (app, data):
            return
        self._apps[channel.uid] = app, data
        queue = self._queues.pop(channel.uid, "")
        if queue:
            if channel.ended_at - at < _TOGETHER and channel.refused:
                self._asked.add(channel.uid)
                yield ev.HangupRequest(at, party, by_far_end=True)  # it is over because the caller hung up
            yield ev.QueueLeave(at, party, queue, abandoned=False)
        if app.casefold() == "queue":
            self._queues[channel.uid] = data.partition(",")[0]
            yield ev.QueueJoin(at, party, self._queues[channel.uid])
        elif (app and channel.calls) or channel.half == 2:
            yield ev.Application(at, party, app)

    def _other(self, at: float, kind: str, row: Row, party: ev.Party) -> Iterator[ev.Event]:
        said = extra(row)
        if kind == "BRIDGE_ENTER" and (bridge := said.get("bridge_id")):
            yield ev.Enter(at, party, bridge, said.get("bridge_technology", ""), "")
        elif kind == "BRIDGE_EXIT" and (bridge := said.get("bridge_id")):
            yield ev.Leave(at, party, bridge)
        elif kind == "BLINDTRANSFER":
            transferee = said.get("transferee_channel_uniqueid", "")
            yield ev.BlindTransfer(at, party, transferee, said.get("extension", ""), success=True)
        elif kind == "ATTENDEDTRANSFER":
            uids = (party.uid, *(value for name, value in said.items() if name.endswith("uniqueid")))
            yield ev.AttendedTransfer(at, party, uids, success=True)
        elif kind == "PICKUP":
            picker = self._channels.get(said.get("pickup_channel_uniqueid", ""))
            if picker is not None:
                yield ev.Pickup(at, self._party_of(picker), party.uid)
        elif kind == "FORWARD":
            yield from self._forward(at, row)
        elif kind == "PARK_START":
            yield ev.Parked(at, party.uid, said.get("parker_dial_string", ""))
        elif kind == "PARK_END" and said.get("reason") in _PARKING_OVER:
            yield ev.ParkingOver(at, party.uid)

    def _forward(self, at: float, row: Row, instead: _Channel | None = None) -> Iterator[ev.Event]:
        """The phone that sent its call on, if it is one that was there before the one called in its place."""
        for channel in self._channels.values():
            mine = channel.forwards and channel.caller is not None and channel.caller.uid == row["uniqueid"]
            if mine and channel.caller is not None and (instead is None or channel.first < instead.first):
                channel.forwards = False
                target = extra(row).get("forward", "")
                yield ev.DialEnd(at, self._party_of(channel.caller), self._party_of(channel), "CANCEL", target)
                return

    def _party_of(self, channel: _Channel) -> ev.Party:
        return ev.Party(channel.uid, channel.name, channel.linkedid, "", "", "", "", channel.exten)


def _party(row: Row) -> ev.Party:
    g = row.get
    uid = row["uniqueid"]
    name = ev.named(g("cid_name", ""))
    return ev.Party(uid, g("channame", ""), g("linkedid") or uid, "", g("cid_num", ""), name, "", g("exten", ""))


def _pair(one: _Channel, two: _Channel) -> bool:
    """Whether they are the halves of one Local channel."""
    return bool(one.half and two.half) and one.name[:-1] == two.name[:-1]


def _dialstring(app: str, data: str, device: str) -> str | None:
    """`600@trunk` of `PJSIP/600@trunk&PJSIP/101,20,tT` for the device `PJSIP/trunk`; None where it is not named."""
    if app.casefold() not in ("dial", "retrydial", "page"):
        return None
    technology, _, endpoint = device.casefold().partition("/")
    for piece in data.partition(",")[0].split("&"):
        kind, _, rest = piece.strip().partition("/")
        if kind.casefold() != technology:
            continue
        parts = re.split(r"[@/]", rest.casefold())
        group = technology == "dahdi" and re.fullmatch(r"[gr]\d+", parts[0])  # any line of it: no name says which
        local = rest.casefold().partition("/")[0] == endpoint  # `101@from-queue/n`: a context may hold hyphens
        if group or local or endpoint in parts or device_of(piece).casefold() == device.casefold():
            return rest
    return None
