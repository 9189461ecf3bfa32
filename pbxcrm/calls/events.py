"""AMI frames into typed events: the only place that knows the headers' names.

A frame is a mapping with lower-cased keys. No header is certain: a missing one reads as "" and never raises. The
events are described at docs.asterisk.org, "AMI Events"; what was seen on 16 and 22 is in docs/calls.md.
"""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pbxcrm.calls.numbers import clean

Headers = Mapping[str, str]

VERIFIED = "PBXCRM_VERIFIED"  # the channel variable in which the dialplan tells the attestation (dialplan/README.md)

_NO_NAME = frozenset({"", "<unknown>", "Anonymous", "anonymous"})  # what stands where no name was sent


class Party(NamedTuple):
    """A channel as an event shows it. `state` is Asterisk's number: 0 down, 4 ring (it calls us), 5 ringing, 6 up."""

    uid: str
    name: str
    linkedid: str
    state: str
    number: str
    caller_name: str
    connected: str
    exten: str


class Newchannel(NamedTuple):
    """A channel came to life; on Newstate and NewCallerid it changed."""

    at: float
    party: Party


class Newstate(NamedTuple):
    """A channel's state or caller id changed."""

    at: float
    party: Party


class Rename(NamedTuple):
    """A masquerade swaps the names of two channels: the uniqueid stays, whoever was behind it does not."""

    at: float
    uid: str
    old: str
    new: str


class Hangup(NamedTuple):
    """A channel is gone. `cause` is Q.850; `tech_cause` the technology's own words (22 on)."""

    at: float
    party: Party
    cause: str
    tech_cause: str


class HangupRequest(NamedTuple):
    """`by_far_end`: the far end itself hung up; else the PBX is about to (SoftHangupRequest)."""

    at: float
    party: Party
    by_far_end: bool


class DialBegin(NamedTuple):
    """`caller` dials `dest`; an Originate has no caller."""

    at: float
    caller: Party | None
    dest: Party
    dialstring: str


class DialState(NamedTuple):
    """RINGING, PROGRESS, PROCEEDING …"""

    at: float
    dest: Party
    status: str


class DialEnd(NamedTuple):
    """The dialling of `dest` ended; `forward` is where the phone sent the call instead."""

    at: float
    caller: Party | None
    dest: Party
    status: str
    forward: str


class Enter(NamedTuple):
    """BridgeEnter: `swap` is the uniqueid of the channel whose place it takes."""

    at: float
    party: Party
    bridge: str
    technology: str
    swap: str


class Leave(NamedTuple):
    """BridgeLeave."""

    at: float
    party: Party
    bridge: str


class Merge(NamedTuple):
    """BridgeMerge: the channels of `source` move into `target`, those that are not sent away."""

    at: float
    target: str
    source: str


class Destroy(NamedTuple):
    """BridgeDestroy."""

    at: float
    bridge: str


class Pair(NamedTuple):
    """LocalBridge: the two halves of a Local channel, `one` (;1) and `two` (;2)."""

    at: float
    one: Party
    two: Party


class QueueJoin(NamedTuple):
    """The caller waits in `queue`."""

    at: float
    party: Party
    queue: str


class QueueLeave(NamedTuple):
    """The caller left the queue; `abandoned`: without having been answered (also by the queue's own time-out)."""

    at: float
    party: Party
    queue: str
    abandoned: bool


class AgentCalled(NamedTuple):
    """A queue calls a member by `interface`."""

    at: float
    dest_uid: str
    interface: str


class BlindTransfer(NamedTuple):
    """`transferer` sent `transferee` to `exten`: a label, not the truth."""

    at: float
    transferer: Party
    transferee_uid: str
    exten: str
    success: bool


class AttendedTransfer(NamedTuple):
    """`transferer` put two parties together: a label; any header may be missing."""

    at: float
    transferer: Party
    uids: tuple[str, ...]
    success: bool


class Pickup(NamedTuple):
    """`party` picks up what rings at `target_uid`."""

    at: float
    party: Party
    target_uid: str


class Parked(NamedTuple):
    """`uid` waits in a parking slot, put there by `parker` (a dial string)."""

    at: float
    uid: str
    parker: str


class Attested(NamedTuple):
    """What the caller's carrier says of the number shown (STIR/SHAKEN): "A" vouches for it, all else does not."""

    at: float
    uid: str
    level: str


class ParkingOver(NamedTuple):
    """Time-out or hang-up in the slot: nobody took the call out."""

    at: float
    uid: str


class Application(NamedTuple):
    """A channel runs a dialplan application (Newexten), or left a voicemail (MessageWaiting that names it)."""

    at: float
    party: Party
    name: str


class Originated(NamedTuple):
    """The answer to an Originate: its ActionID and the channel's uniqueid."""

    at: float
    uid: str
    action_id: str


class Booted(NamedTuple):
    """The PBX runs since `boot`: epoch seconds by FullyBooted's Uptime, or our link's own name for it."""

    at: float
    boot: str
    uptime: float | None


class SnapshotBegin(NamedTuple):
    """Events were missed (a cut, a flood): the channels that live now are named next."""

    at: float


class Snapshot(NamedTuple):
    """One channel of CoreShowChannels; `dialled`: the PBX called it, it did not call the PBX."""

    at: float
    party: Party
    bridge: str
    dialled: bool
    seconds: float


class SnapshotEnd(NamedTuple):
    """All channels that live have been named; not `listed`: the PBX would not tell."""

    at: float
    listed: bool


Event = (
    Newchannel | Newstate | Rename | Hangup | HangupRequest | DialBegin | DialState | DialEnd | Enter | Leave | Merge
    | Destroy | Pair | QueueJoin | QueueLeave | AgentCalled | BlindTransfer | AttendedTransfer | Pickup | Parked
    | Attested | ParkingOver | Application | Originated | Booted | SnapshotBegin | Snapshot | SnapshotEnd
)  # fmt: skip


_HEADERS = (
    "uniqueid",
    "channel",
    "linkedid",
    "channelstate",
    "calleridnum",
    "calleridname",
    "connectedlinenum",
    "exten",
)
_PREFIXES = ("", "dest", "localone", "localtwo", "transferer", "origtransferer")
_OF = {prefix: tuple(prefix + header for header in _HEADERS) for prefix in _PREFIXES}


def _party(f: Headers, prefix: str = "") -> Party:
    g = f.get
    uid, channel, linkedid, state, number, name, connected, exten = _OF[prefix]
    return Party(
        g(uid, ""),
        g(channel, ""),
        g(linkedid, ""),
        g(state, ""),
        g(number, ""),
        named(g(name, "")),
        g(connected, ""),
        g(exten, ""),
    )


def named(text: str) -> str:
    """A caller's name, cleaned; "" where none was sent."""
    return "" if text in _NO_NAME else clean(text)


def _maybe_party(f: Headers, prefix: str = "") -> Party | None:
    return _party(f, prefix) if f.get(prefix + "uniqueid") else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds(text: str) -> float:
    total = 0.0
    for part in text.split(":"):
        total = total * 60 + (_number(part) or 0.0)
    return total


def _merge(f: Headers, at: float) -> Event:
    return Merge(at, f.get("tobridgeuniqueid", ""), f.get("frombridgeuniqueid", ""))


def _enter(f: Headers, at: float) -> Event:
    return Enter(at, _party(f), f.get("bridgeuniqueid", ""), f.get("bridgetechnology", ""), f.get("swapuniqueid", ""))


def _attended(f: Headers, at: float) -> Event:
    prefixes = ("origtransferer", "secondtransferer", "transferee", "transfertarget", "localone", "localtwo")
    uids = tuple(uid for p in prefixes if (uid := f.get(p + "uniqueid", "")))
    success = f.get("result", "Success").casefold() == "success"
    return AttendedTransfer(at, _party(f, "origtransferer"), uids, success)


def _blind(f: Headers, at: float) -> Event:
    success = f.get("result", "Success").casefold() == "success"
    return BlindTransfer(at, _party(f, "transferer"), f.get("transfereeuniqueid", ""), f.get("extension", ""), success)


def _parked(f: Headers, at: float) -> Event:
    parker = f.get("parkerdialstring") or f.get("parkerchannel") or f.get("from", "")
    return Parked(at, f.get("parkeeuniqueid") or f.get("uniqueid", ""), parker)


def _attested(f: Headers, at: float) -> Event | None:
    return Attested(at, f.get("uniqueid", ""), f.get("value", "")) if f.get("variable") == VERIFIED else None


def _parking_over(f: Headers, at: float) -> Event:
    return ParkingOver(at, f.get("parkeeuniqueid") or f.get("uniqueid", ""))


def _dial_begin(f: Headers, at: float) -> Event | None:
    if f.get("channel") and not f.get("uniqueid"):
        return None  # somebody dials, and who is not told: that is no Originate
    return DialBegin(at, _maybe_party(f), _party(f, "dest"), f.get("dialstring", ""))


def _dial_end(f: Headers, at: float) -> Event:
    return DialEnd(at, _maybe_party(f), _party(f, "dest"), f.get("dialstatus", ""), f.get("forward", ""))


def _voicemail(f: Headers, at: float) -> Event | None:
    # Only a message being left names a channel; a mailbox being looked after does not.
    party = _maybe_party(f)
    return Application(at, party, "VoiceMail") if party else None


def _originated(f: Headers, at: float) -> Event | None:
    uid, action_id = f.get("uniqueid", ""), f.get("actionid", "")
    return Originated(at, uid, action_id) if action_id and uid not in ("", "<null>", "<unknown>") else None


def _booted(f: Headers, at: float) -> Event | None:
    uptime = _number(f.get("uptime", ""))
    return Booted(at, "", uptime) if uptime is not None else None


def _snapshot(f: Headers, at: float) -> Event:
    # "AppDial", "AppDial2", "AppQueue": what a channel that was dialled is said to run.
    dialled = f.get("application", "").startswith("App")
    return Snapshot(at, _party(f), f.get("bridgeid", ""), dialled, _seconds(f.get("duration", "")))


_CHANNEL = ("uniqueid",)
_BRIDGED = ("uniqueid", "bridgeuniqueid")
_DEST = ("destuniqueid",)

# Each event's reader, and the headers without which it speaks of nobody and is let go.
_READERS: dict[str, tuple[tuple[str, ...], Callable[[Headers, float], Event | None]]] = {
    "Newchannel": (_CHANNEL, lambda f, at: Newchannel(at, _party(f))),
    "Newstate": (_CHANNEL, lambda f, at: Newstate(at, _party(f))),
    "NewCallerid": (_CHANNEL, lambda f, at: Newstate(at, _party(f))),
    "Rename": (_CHANNEL, lambda f, at: Rename(at, f.get("uniqueid", ""), f.get("channel", ""), f.get("newname", ""))),
    "Hangup": (_CHANNEL, lambda f, at: Hangup(at, _party(f), f.get("cause", ""), f.get("techcause", ""))),
    "HangupRequest": (_CHANNEL, lambda f, at: HangupRequest(at, _party(f), by_far_end=True)),
    "SoftHangupRequest": (_CHANNEL, lambda f, at: HangupRequest(at, _party(f), by_far_end=False)),
    "DialBegin": (_DEST, _dial_begin),
    "DialState": (_DEST, lambda f, at: DialState(at, _party(f, "dest"), f.get("dialstatus", ""))),
    "DialEnd": (_DEST, _dial_end),
    "BridgeEnter": (_BRIDGED, _enter),
    "BridgeLeave": (_BRIDGED, lambda f, at: Leave(at, _party(f), f.get("bridgeuniqueid", ""))),
    "BridgeMerge": (("tobridgeuniqueid", "frombridgeuniqueid"), _merge),
    "BridgeDestroy": (("bridgeuniqueid",), lambda f, at: Destroy(at, f.get("bridgeuniqueid", ""))),
    "LocalBridge": (
        ("localoneuniqueid", "localtwouniqueid"),
        lambda f, at: Pair(at, _party(f, "localone"), _party(f, "localtwo")),
    ),
    "QueueCallerJoin": (_CHANNEL, lambda f, at: QueueJoin(at, _party(f), f.get("queue", ""))),
    "QueueCallerLeave": (_CHANNEL, lambda f, at: QueueLeave(at, _party(f), f.get("queue", ""), abandoned=False)),
    "QueueCallerAbandon": (_CHANNEL, lambda f, at: QueueLeave(at, _party(f), f.get("queue", ""), abandoned=True)),
    "AgentCalled": (_DEST, lambda f, at: AgentCalled(at, f.get("destuniqueid", ""), f.get("interface", ""))),
    "BlindTransfer": ((), _blind),
    "AttendedTransfer": ((), _attended),
    "Pickup": ((), lambda f, at: Pickup(at, _party(f), f.get("targetuniqueid", ""))),
    "ParkedCall": ((), _parked),
    "ParkedCallTimeOut": ((), _parking_over),
    "ParkedCallGiveUp": ((), _parking_over),
    "VarSet": (_CHANNEL, _attested),
    "Newexten": (_CHANNEL, lambda f, at: Application(at, _party(f), f.get("application", ""))),
    "MessageWaiting": ((), _voicemail),
    "OriginateResponse": ((), _originated),
    "FullyBooted": ((), _booted),
    "CoreShowChannel": (_CHANNEL, _snapshot),
    "PbxcrmLinkUp": ((), lambda f, at: Booted(at, f.get("boot", ""), None)),
    "PbxcrmSnapshotBegin": ((), lambda _f, at: SnapshotBegin(at)),
    "PbxcrmSnapshotEnd": ((), lambda f, at: SnapshotEnd(at, f.get("listed", "") != "no")),
}


WANTED: frozenset[str] = frozenset(_READERS) - {"VarSet"}
"""The names of the events that decide anything: the link need parse no other. VarSet is a flood where the PBX does not
filter it, so it is asked for only where a variable is wanted."""


def read(frame: Headers, arrived: float) -> Event | None:
    """The event of a frame, None where it decides nothing. Its time is the PBX's `Timestamp`, else `arrived`."""
    found = _READERS.get(frame.get("event", ""))
    if found is None:
        return None
    needs, reader = found
    for header in needs:
        if not frame.get(header):
            return None
    at = _number(frame["timestamp"]) if "timestamp" in frame else None
    return reader(frame, arrived if at is None else at)
