"""What cel_custom of Asterisk 22 writes beside the events of a life (docker/asterisk/cel_custom.conf): rows as its CSV.

Held against tests/flows: an application begins before the channels that it makes and is told again only when its name
changes; Linkedids of those who meet become the oldest; a hang-up bears the name of who asked for it, as does that of
the one in its bridge; a phone that refuses hangs up by its own name, one that is called off by none.
"""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.unit.calls.wire import NOBODY, Frame

ROUND = 0.15  # seconds between the diallings of one Dial; between two Dials somebody waits
_DIALLED = {"AppDial", "AppQueue", "AppDial2"}
_STARTED = {"Dial", "Queue", "Park", "VoiceMail", "ConfBridge"}  # apps= of cel.conf, of what the lives run
_CODES = {"*": ("PickupChan", ""), "7": ("ParkedCall", "default,701"), "8": ("ConfBridge", "800")}
_PARK_END = {"UnParkedCall": "ParkedCallUnparked", "ParkedCallTimeOut": "ParkedCallTimeOut",
             "ParkedCallGiveUp": "ParkedCallGiveUp"}  # fmt: skip
_REFUSED = {"BUSY", "CONGESTION"}


@dataclass(frozen=True)
class CelRow:
    """One row: when it is written, and its fields in the order of the sample's columns."""

    at: float
    fields: tuple[str, ...]

    def line(self) -> str:
        """As CSV, with its end."""
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(self.fields)
        return text.getvalue()


@dataclass
class _Seen:
    """A channel as its events showed it last."""

    name: str
    linkedid: str
    number: str = ""
    exten: str = ""
    context: str = ""
    app: str = ""
    data: str = ""
    up: bool = False
    source: str = ""  # who asked for its hang-up
    status: str = ""  # how its last Dial ended
    bridge: str = ""
    last_bridge: str = ""


def rows(frames: Sequence[Frame]) -> list[CelRow]:
    """The rows of a whole life, in order."""
    return _Writer(frames).rows


class _Writer:
    def __init__(self, frames: Sequence[Frame]) -> None:
        self.rows: list[CelRow] = []
        self._heads = [dict(frame.headers) for frame in frames]
        self._frames = frames
        self._channels: dict[str, _Seen] = {}
        self._bridges: dict[str, list[str]] = defaultdict(list)
        self._queues = {h["DestUniqueid"] for f, h in zip(frames, self._heads, strict=True) if f.name == "AgentCalled"}
        self._refused = self._find_refused()
        self._dials = self._find_dials()
        for place, frame in enumerate(frames):
            for caller, data in self._dials.get(place, ()):
                self._application(frame.at, caller, "Dial", data)
            self._frame(frame, self._heads[place])

    # ---- looking ahead

    def _find_dials(self) -> dict[int, list[tuple[str, str]]]:
        """By the place of the first channel that is made for it: who runs which Dial."""
        births = {h["Uniqueid"]: i for i, h in enumerate(self._heads) if self._frames[i].name == "Newchannel"}
        queued: set[str] = set()
        forwarded: set[str] = set()
        last: dict[str, tuple[float, int]] = {}  # caller: when it dialled last, and at which place its round begins
        found: dict[int, dict[str, list[str]]] = defaultdict(dict)
        for frame, h in zip(self._frames, self._heads, strict=True):
            uid = h.get("Uniqueid", "")
            if frame.name == "QueueCallerJoin":
                queued.add(uid)
            elif frame.name in ("BridgeLeave", "QueueCallerAbandon"):
                last.pop(uid, None)
                queued.discard(uid)
            elif frame.name == "DialEnd" and "Forward" in h:
                forwarded.add(uid)
            elif frame.name == "DialBegin" and uid and uid not in queued:
                string = f"{h['DestChannel'].partition('/')[0]}/{h['DialString']}"
                at, begun = last.get(uid, (0.0, 0))
                if frame.at - at > ROUND:
                    begun = births[h["DestUniqueid"]]
                    found[begun][uid] = []
                last[uid] = frame.at, begun
                if uid not in forwarded:
                    found[begun][uid].append(string)
                forwarded.discard(uid)
        return {
            place: [(uid, f"{'&'.join(strings)},20,tTkK") for uid, strings in begun.items()]
            for place, begun in found.items()
        }

    def _find_refused(self) -> set[str]:
        """Channels that end by what their phone said, not because the PBX calls them off."""
        said: set[str] = set()
        ended: set[str] = set()
        for frame, h in zip(self._frames, self._heads, strict=True):
            if frame.name == "DialEnd":
                ended.add(h["DestUniqueid"])
                if h["DialStatus"] in _REFUSED:
                    said.add(h["DestUniqueid"])
            elif frame.name == "Hangup" and h["Cause"] in ("17", "21", "34", "19") and h["Uniqueid"] not in ended:
                said.add(h["Uniqueid"])
        return {uid for uid in said if not any(";" in h["Channel"] for h in self._heads if h.get("Uniqueid") == uid)}

    # ---- one event

    def _frame(self, frame: Frame, h: dict[str, str]) -> None:
        name, at = frame.name, frame.at
        for prefix in ("", "Dest", "LocalOne", "LocalTwo", "Parkee"):
            if f"{prefix}Uniqueid" in h and f"{prefix}Linkedid" in h:
                self._see(h, prefix)
        uid = h.get("Uniqueid", "")
        if name == "Newchannel":
            self._row(at, "CHAN_START", uid)
            self._begins(uid)
        elif name == "Newstate" and h["ChannelState"] == "6":
            self._answer(at, uid)
        elif name == "DialBegin":
            self._called(h["DestUniqueid"], by_pbx=not uid)
        elif name == "DialEnd":
            self._dial_end(at, uid, h)
        elif name == "QueueCallerJoin":
            self._application(at, uid, "Queue", f"{h['Queue']},tT,,,30")
        elif name == "Newexten":
            self._application(at, uid, h["Application"], h["AppData"])
        elif name == "HangupRequest":
            self._asks(uid)
        elif name == "Hangup":
            self._hangup(at, uid, h)
        elif name in ("BridgeEnter", "BridgeLeave", "BridgeMerge"):
            self._bridged(at, name, uid, h)
        else:
            self._label(at, name, h)

    def _see(self, h: dict[str, str], prefix: str) -> None:
        linkedid = h[f"{prefix}Linkedid"]
        linked = self._channels.get(linkedid)
        made = _Seen("", linked.linkedid if linked else linkedid)
        seen = self._channels.setdefault(h[f"{prefix}Uniqueid"], made)
        seen.name, seen.exten, seen.context = h[f"{prefix}Channel"], h[f"{prefix}Exten"], h[f"{prefix}Context"]
        seen.number = h[f"{prefix}CallerIDNum"].replace(NOBODY, "")

    def _begins(self, uid: str) -> None:
        """What the dialplan runs for the codes that the lives dial."""
        seen = self._channels[uid]
        if seen.linkedid == uid and ";" not in seen.name and seen.exten[:1] in _CODES and len(seen.exten) in (3, 5):
            seen.app, seen.data = _CODES[seen.exten[0]]

    def _called(self, uid: str, *, by_pbx: bool) -> None:
        seen = self._channels[uid]
        if not seen.app:
            seen.app = "AppDial2" if by_pbx else "AppQueue" if uid in self._queues else "AppDial"
            seen.data = "(Outgoing Line)"

    def _answer(self, at: float, uid: str) -> None:
        seen = self._channels[uid]
        if not seen.up:
            seen.up = True
            if not seen.app and ";" not in seen.name:
                seen.app = "Answer"
            self._row(at, "ANSWER", uid)

    def _dial_end(self, at: float, uid: str, h: dict[str, str]) -> None:
        if not uid:
            return
        self._channels[uid].status = h["DialStatus"]
        if "Forward" in h:
            self._row(at, "FORWARD", uid, {"forward": h["Forward"]})

    def _application(self, at: float, uid: str, app: str, data: str) -> None:
        """It runs this from now on. The rows tell of it where the name is another's."""
        seen = self._channels[uid]
        if seen.app != app:
            if seen.app in _STARTED:
                self._row(at, "APP_END", uid)
            seen.app, seen.data = app, data
            if app in _STARTED:
                self._row(at, "APP_START", uid)
        seen.data = data

    def _asks(self, uid: str) -> None:
        seen = self._channels[uid]
        seen.source = seen.name
        for other in self._bridges.get(seen.bridge, ()):
            self._channels[other].source = self._channels[other].source or seen.name

    def _hangup(self, at: float, uid: str, h: dict[str, str]) -> None:
        seen = self._channels[uid]
        if uid in self._refused:
            seen.source = seen.name
        elif not seen.source and seen.app not in _DIALLED and not seen.bridge and ";" not in seen.name and seen.app:
            seen.source = "dialplan/builtin"
        if seen.app in _STARTED:
            self._row(at, "APP_END", uid)
        if seen.app not in _DIALLED:
            seen.app = seen.data = ""
        said = {"hangupcause": int(h["Cause"]), "hangupsource": seen.source, "dialstatus": seen.status}
        self._row(at, "HANGUP", uid, said)
        self._row(at, "CHAN_END", uid)

    # ---- bridges and labels

    def _bridged(self, at: float, name: str, uid: str, h: dict[str, str]) -> None:
        if name == "BridgeMerge":
            return  # those who move are told of
        bridge = h["BridgeUniqueid"]
        said = {"bridge_id": bridge, "bridge_technology": h["BridgeTechnology"]}
        members, seen = self._bridges[bridge], self._channels[uid]
        if name == "BridgeLeave":
            self._row(at, "BRIDGE_EXIT", uid, said)
            members.remove(uid)
            seen.bridge = ""
            return
        if h["BridgeTechnology"] == "softmix":
            self._application(at, uid, "ConfBridge", "800")
        members.append(uid)
        seen.bridge = seen.last_bridge = bridge
        oldest = min((self._channels[one].linkedid for one in members), key=_age)
        for one in members:
            self._channels[one].linkedid = oldest
        self._row(at, "BRIDGE_ENTER", uid, said)

    def _label(self, at: float, name: str, h: dict[str, str]) -> None:
        if name == "BlindTransfer":
            self._row(at, "BLINDTRANSFER", h["TransfererUniqueid"], {
                "extension": h["Extension"], "context": h["Context"],
                "bridge_id": self._channels[h["TransfererUniqueid"]].last_bridge,
                "transferee_channel_name": h["TransfereeChannel"],
                "transferee_channel_uniqueid": h["TransfereeUniqueid"],
            })  # fmt: skip
        elif name == "AttendedTransfer":
            one, two = (self._channels[h[f"{which}TransfererUniqueid"]].last_bridge for which in ("Orig", "Second"))
            self._row(at, "ATTENDEDTRANSFER", h["OrigTransfererUniqueid"], _attended(h, one, two))
        elif name == "Pickup":
            self._row(at, "PICKUP", h["TargetUniqueid"],
                      {"pickup_channel": h["Channel"], "pickup_channel_uniqueid": h["Uniqueid"]})  # fmt: skip
            picker, target = self._channels[h["Uniqueid"]], self._channels[h["TargetUniqueid"]]
            picker.app, picker.data, target.app, target.data = target.app, target.data, "", ""
        elif name == "ParkedCall":
            lot = {"parker_dial_string": h["ParkerDialString"], "parking_lot": h["Parkinglot"]}
            self._row(at, "PARK_START", h["ParkeeUniqueid"], lot)
        elif name in _PARK_END:
            back = {"retriever": h["RetrieverChannel"]} if "RetrieverChannel" in h else {}
            self._row(at, "PARK_END", h["ParkeeUniqueid"], {"reason": _PARK_END[name], **back})
        elif name in ("LocalOptimizationBegin", "LocalOptimizationEnd"):
            two = {"local_two": h["LocalTwoChannel"], "local_two_uniqueid": h["LocalTwoUniqueid"]}
            event = "LOCAL_OPTIMIZE_BEGIN" if name.endswith("Begin") else "LOCAL_OPTIMIZE"
            self._row(at, event, h["LocalOneUniqueid"], two)

    def _row(self, at: float, event: str, uid: str, extra: dict[str, object] | None = None) -> None:
        seen = self._channels[uid]
        said = json.dumps(extra, separators=(",", ":")) if extra else ""
        self.rows.append(CelRow(at, (
            event, f"{at:.6f}", "", seen.number, "", seen.exten, seen.context, seen.name,
            "" if event == "CHAN_START" else seen.app, "" if event == "CHAN_START" else seen.data,
            uid, seen.linkedid, "", said,
        )))  # fmt: skip


def _attended(h: dict[str, str], one: str, two: str) -> dict[str, object]:
    said: dict[str, object] = {
        "bridge1_id": one, "channel2_name": h["SecondTransfererChannel"],
        "channel2_uniqueid": h["SecondTransfererUniqueid"],
    }  # fmt: skip
    if "TransferTargetChannel" not in h:
        said["app"] = h["DestApp"]
    said |= {"transferee_channel_name": h["TransfereeChannel"], "transferee_channel_uniqueid": h["TransfereeUniqueid"]}
    if "TransferTargetChannel" in h:
        said |= {"bridge2_id": two, "transfer_target_channel_name": h["TransferTargetChannel"],
                 "transfer_target_channel_uniqueid": h["TransferTargetUniqueid"]}  # fmt: skip
    return said


def _age(linkedid: str) -> tuple[int, int]:
    """Uniqueids by age: the second, then the number."""
    second, _, number = linkedid.rpartition("-")[2].partition(".")
    return (int(second), int(number)) if number.isdigit() and second.isdigit() else (0, 0)


def text(frames: Iterable[Frame]) -> str:
    """The file of a life."""
    return "".join(row.line() for row in rows(list(frames)))
