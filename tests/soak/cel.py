"""What cel_custom writes (docker/asterisk/cel_custom.conf) beside the events of a life: CSV rows as Asterisk's."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

from tests.unit.calls.wire import Frame

_NOBODY = "<unknown>"
_SIMPLE = {"Newchannel": "CHAN_START", "BridgeEnter": "BRIDGE_ENTER", "BridgeLeave": "BRIDGE_EXIT"}
_PARK_END = {"UnParkedCall": "ParkedCallUnparked", "ParkedCallTimeOut": "ParkedCallTimeout",
             "ParkedCallGiveUp": "ParkedCallAbandoned"}  # fmt: skip


class Writer:
    """Appends to the file, a whole row a write, as Asterisk does: who kills us leaves no half row."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._apps: dict[str, tuple[str, str]] = {}  # uniqueid: what runs on it
        self._up: set[str] = set()
        self._status: dict[str, str] = {}  # uniqueid: how its last dialling ended
        self._source: dict[str, str] = {}  # linkedid: who hung up first
        self._living: Counter[str] = Counter()

    def write(self, frame: Frame) -> None:
        """The rows of one event, most of the time one or none."""
        h, name = dict(frame.headers), frame.name
        if name == "Newchannel":
            self._living[h["Linkedid"]] += 1
        if name in _SIMPLE:
            bridge = {"bridge_id": h["BridgeUniqueid"], "bridge_technology": h["BridgeTechnology"]} \
                if "BridgeUniqueid" in h else None  # fmt: skip
            self._row(_SIMPLE[name], frame, extra=bridge)
        elif name in ("Newstate", "OriginateResponse"):
            self._answer(frame, h)
        elif name == "DialBegin":
            self._apps.setdefault(h["DestUniqueid"], ("AppDial", "(Outgoing Line)"))
            technology = h["DestChannel"].partition("/")[0]
            self._begin(frame, h, "Dial", f"{technology}/{h['DialString']},20,tTkK")
        elif name == "DialEnd":
            self._status[h.get("Uniqueid", "")] = h["DialStatus"]
            if "Forward" in h and "Uniqueid" in h:
                self._row("FORWARD", frame, extra={"forward": h["Forward"]})
        elif name == "QueueCallerJoin":
            self._begin(frame, h, "Queue", h["Queue"])
        elif name == "Newexten":
            self._begin(frame, h, h["Application"], h["AppData"])
        elif name in ("HangupRequest", "SoftHangupRequest"):
            self._source.setdefault(h["Linkedid"], h["Channel"] if name == "HangupRequest" else "")
        elif name == "Hangup":
            self._end(frame, h)
        else:
            self._label(frame, h)

    def _answer(self, frame: Frame, h: dict[str, str]) -> None:
        if h.get("ChannelState") == "6" and h["Uniqueid"] not in self._up:
            self._up.add(h["Uniqueid"])
            self._row("ANSWER", frame)

    def _begin(self, frame: Frame, h: dict[str, str], app: str, data: str) -> None:
        uid = h.get("Uniqueid", "")
        if uid and (app, data) != self._apps.get(uid) and (app == "Queue" or self._apps.get(uid, ("",))[0] != "Queue"):
            self._apps[uid] = (app, data)
            self._row("APP_START", frame)

    def _end(self, frame: Frame, h: dict[str, str]) -> None:
        uid = h["Uniqueid"]
        if uid in self._apps and self._apps[uid][0] != "AppDial":
            self._row("APP_END", frame)
        source = self._source.get(h["Linkedid"], "")
        self._row("HANGUP", frame, extra={"hangupcause": int(h["Cause"]), "hangupsource": source,
                                          "dialstatus": self._status.pop(uid, "")})  # fmt: skip
        self._row("CHAN_END", frame)
        self._living[h["Linkedid"]] -= 1
        if not self._living[h["Linkedid"]]:
            del self._living[h["Linkedid"]]
            self._source.pop(h["Linkedid"], None)
            self._row("LINKEDID_END", frame)
        self._apps.pop(uid, None)
        self._up.discard(uid)

    def _label(self, frame: Frame, h: dict[str, str]) -> None:
        name = frame.name
        if name == "BlindTransfer":
            self._row("BLINDTRANSFER", frame, "Transferer", {
                "extension": h["Extension"], "context": h["Context"], "bridge_id": h["BridgeUniqueid"],
                "transferee_channel_name": h["TransfereeChannel"],
                "transferee_channel_uniqueid": h["TransfereeUniqueid"],
            })  # fmt: skip
        elif name == "AttendedTransfer":
            extra = {
                "bridge1_id": h["OrigBridgeUniqueid"], "channel2_name": h["SecondTransfererChannel"],
                "channel2_uniqueid": h["SecondTransfererUniqueid"],
                "transferee_channel_name": h["TransfereeChannel"],
                "transferee_channel_uniqueid": h["TransfereeUniqueid"],
            }  # fmt: skip
            if "TransferTargetChannel" in h:
                extra |= {"bridge2_id": h["SecondBridgeUniqueid"],
                          "transfer_target_channel_name": h["TransferTargetChannel"],
                          "transfer_target_channel_uniqueid": h["TransferTargetUniqueid"]}  # fmt: skip
            self._row("ATTENDEDTRANSFER", frame, "OrigTransferer", extra)
        elif name == "Pickup":
            self._row("PICKUP", frame, "Target",
                      {"pickup_channel": h["Channel"], "pickup_channel_uniqueid": h["Uniqueid"]})  # fmt: skip
        elif name == "ParkedCall":
            lot = {"parker_dial_string": h["ParkerDialString"], "parking_lot": h["Parkinglot"]}
            self._row("PARK_START", frame, "Parkee", lot)
        elif name in _PARK_END:
            back = {"retriever": h["RetrieverChannel"]} if "RetrieverChannel" in h else {}
            self._row("PARK_END", frame, "Parkee", {"reason": _PARK_END[name], **back})
        elif name in ("LocalOptimizationBegin", "LocalOptimizationEnd"):
            two = {"local_two": h["LocalTwoChannel"], "local_two_uniqueid": h["LocalTwoUniqueid"]}
            self._row("LOCAL_OPTIMIZE_BEGIN" if name.endswith("Begin") else "LOCAL_OPTIMIZE", frame, "LocalOne", two)

    def _row(self, event: str, frame: Frame, who: str = "", extra: dict[str, object] | None = None) -> None:
        h = dict(frame.headers)
        uid = h[f"{who}Uniqueid"]
        app, data = self._apps.get(uid, ("", ""))
        number = h.get(f"{who}CallerIDNum", "").replace(_NOBODY, "")
        dialled = "" if who or event == "CHAN_START" else h["Exten"]
        said = json.dumps(extra, separators=(",", ":")) if extra else ""
        values = [
            event, f"{frame.at:.6f}", "", number, dialled, h.get(f"{who}Exten", ""), h.get(f"{who}Context", ""),
            h[f"{who}Channel"], app, data, uid, h.get(f"{who}Linkedid", ""), "", said,
        ]  # fmt: skip
        line = io.StringIO()
        csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(values)
        self._file.write(line.getvalue().encode())
