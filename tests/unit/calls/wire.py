"""A PBX's manager port, without a PBX: channels, bridges and Local pairs that say what happens to them.

Each method is one thing that Asterisk does, and writes the events that Asterisk 16 and 22 were seen to write, with
their headers in their order (`wire_test.py` holds both against the recordings). What happens, and in which order, is
the caller's affair: scripts of events in the tests, whole lives in `simulator.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

Header = tuple[str, str]
START = 1_790_000_000.0
STATES = {"0": "Down", "3": "Dialing", "4": "Ring", "5": "Ringing", "6": "Up", "7": "Busy"}
NOBODY = "<unknown>"
_CAUSES = {
    "0": "Unknown", "16": "Normal Clearing", "17": "User busy", "19": "User alerting, no answer",
    "21": "Call Rejected", "23": "Redirected to new destination", "26": "Answered elsewhere",
    "34": "Circuit/channel congestion",
}  # fmt: skip


@dataclass(eq=False)
class Bridge:
    """A bridge and who is in it."""

    uid: str
    technology: str = "simple_bridge"
    type: str = "basic"
    creator: str = NOBODY
    name: str = NOBODY
    members: list["Chan"] = field(default_factory=list)

    def headers(self, prefix: str = "Bridge") -> list[Header]:
        return [
            (f"{prefix}Uniqueid", self.uid),
            (f"{prefix}Type", self.type),
            (f"{prefix}Technology", self.technology),
            (f"{prefix}Creator", self.creator),
            (f"{prefix}Name", self.name),
            (f"{prefix}NumChannels", str(len(self.members))),
            (f"{prefix}VideoSourceMode", "none"),
        ]


@dataclass(eq=False)
class Chan:
    """A channel as its events show it."""

    name: str
    uid: str
    linkedid: str
    state: str = "0"
    number: str = ""
    caller_name: str = ""
    connected: str = ""
    context: str = "from-internal"
    exten: str = ""
    bridge: Bridge | None = None
    pair: "Chan | None" = None
    alive: bool = True
    dialled: bool = False
    dials: bool = False  # it runs the dialplan: one that was dialled, since it was transferred there or originated

    @property
    def device(self) -> str:
        return self.name.partition(";")[0].rpartition("-")[0] or self.name

    def headers(self, prefix: str = "") -> list[Header]:
        return [
            (f"{prefix}Channel", self.name),
            (f"{prefix}ChannelState", self.state),
            (f"{prefix}ChannelStateDesc", STATES[self.state]),
            (f"{prefix}CallerIDNum", self.number or NOBODY),
            (f"{prefix}CallerIDName", self.caller_name or NOBODY),
            (f"{prefix}ConnectedLineNum", self.connected or NOBODY),
            (f"{prefix}ConnectedLineName", NOBODY),
            (f"{prefix}Language", "en"),
            (f"{prefix}AccountCode", ""),
            (f"{prefix}Context", self.context),
            (f"{prefix}Exten", self.exten),
            (f"{prefix}Priority", "1"),
            (f"{prefix}Uniqueid", self.uid),
            (f"{prefix}Linkedid", self.linkedid),
        ]


@dataclass(eq=False)
class Frame:
    """One event: when it was written, and its headers in order."""

    at: float
    headers: list[Header]

    @property
    def name(self) -> str:
        return self.headers[0][1]

    def mapping(self) -> dict[str, str]:
        """As the frame reader hands it on: lower-case keys, the first of a repeated header."""
        found: dict[str, str] = {}
        for key, value in self.headers:
            found.setdefault(key.lower(), value)
        return found

    def encode(self) -> bytes:
        return "".join(f"{key}: {value}\r\n" for key, value in self.headers).encode() + b"\r\n"


class Ids:
    """What is given out once on a PBX: uniqueids, channel suffixes, bridge ids. Shared by calls in one stream."""

    def __init__(self, system: str = "") -> None:
        self.system = f"{system}-" if system else ""
        self.count = 0
        self.bridges = 0
        self.locals = 0

    def uid(self, at: float) -> str:
        self.count += 1
        return f"{self.system}{int(at)}.{self.count}"

    def bridge(self) -> str:
        self.bridges += 1
        return f"{self.bridges:08x}-0000-4000-8000-{self.bridges:012x}"

    def local(self) -> int:
        self.locals += 1
        return self.locals


class Wire:
    """Writes events. `now` moves on a little with each; `wait` for more."""

    def __init__(self, ids: Ids | None = None, at: float = START, *, stamped: bool = True) -> None:
        self.ids = ids or Ids()
        self.now = at
        self.stamped = stamped
        self.frames: list[Frame] = []
        self.channels: list[Chan] = []
        self.watch = False
        self.states: list[list[list[Header]]] = []  # when watched: what CoreShowChannels says after each event

    def wait(self, seconds: float) -> None:
        self.now = round(self.now + seconds, 6)

    def event(self, name: str, headers: Iterable[Header] = (), kind: str = "call,all") -> float:
        """Write it; returns its time."""
        self.wait(0.0004)
        head = [("Event", name), ("Privilege", kind)]
        if self.stamped:
            head.append(("Timestamp", f"{self.now:.6f}"))
        self.frames.append(Frame(self.now, head + list(headers)))
        if self.watch:
            self.states.append([_shown(chan) for chan in self.channels if chan.alive])
        return self.now

    # ---- channels

    def new(self, device: str, *, state: str = "0", number: str = "", exten: str = "s", name: str = "",
            linked: Chan | None = None, context: str = "from-internal", uid: str = "", suffix: str | None = None,
            ) -> Chan:  # fmt: skip
        """A real channel: `state` 4 calls the PBX, 0 is called by it."""
        uid = uid or self.ids.uid(self.now)
        full = device + (_suffix(device, self.ids.count) if suffix is None else suffix)
        chan = Chan(full, uid, linked.linkedid if linked else uid, state, number, name, "", context, exten)
        self.channels.append(chan)
        self.event("Newchannel", chan.headers())
        return chan

    def local(self, exten: str, context: str, linked: Chan | None = None) -> tuple[Chan, Chan]:
        """Both halves of a Local channel, and their LocalBridge."""
        base = f"Local/{exten}@{context}-{self.ids.local():08x}"
        one_uid, two_uid = self.ids.uid(self.now), self.ids.uid(self.now)
        linkedid = linked.linkedid if linked else one_uid
        one = Chan(base + ";1", one_uid, linkedid, "0", context=context, exten=exten)
        two = Chan(base + ";2", two_uid, linkedid, "4", context=context, exten=exten)
        one.pair, two.pair = two, one
        self.channels += [one, two]
        self.event("Newchannel", one.headers())
        self.event("Newchannel", two.headers())
        self.event("LocalBridge", [
            *one.headers("LocalOne"), *two.headers("LocalTwo"),
            ("Context", context), ("Exten", exten), ("LocalOptimization", "Yes"),
        ])  # fmt: skip
        return one, two

    def state(self, chan: Chan, state: str) -> float:
        chan.state = state
        return self.event("Newstate", chan.headers())

    def callerid(self, chan: Chan, number: str) -> None:
        chan.number = number
        self.event("NewCallerid", [*chan.headers(), ("CID-CallingPres", "0 (Presentation Allowed, Not Screened)")])

    def rename(self, chan: Chan, name: str) -> None:
        old, chan.name = chan.name, name
        self.event("Rename", [("Channel", old), ("Newname", name), ("Uniqueid", chan.uid)])

    def wants_out(self, chan: Chan, cause: str = "16") -> None:
        """HangupRequest: the far end hung up."""
        self.event("HangupRequest", [*chan.headers(), ("Cause", cause)])

    def is_put_out(self, chan: Chan, cause: str = "16") -> None:
        """SoftHangupRequest: the PBX will hang it up."""
        self.event("SoftHangupRequest", [*chan.headers(), ("Cause", cause)])

    def hangup(self, chan: Chan, cause: str = "16", tech_cause: str = "") -> float:
        chan.alive = False
        headers = [*chan.headers(), ("Cause", cause), ("Cause-txt", _CAUSES.get(cause, "Unknown"))]
        if tech_cause:
            headers.append(("TechCause", tech_cause))
        return self.event("Hangup", headers)

    # ---- dialling

    def dial(self, caller: Chan | None, dest: Chan, dialstring: str = "") -> None:
        if caller is not None:
            dest.connected = caller.number
            caller.dials = True
        dest.dialled = True
        dialstring = dialstring or dest.device.partition("/")[2]
        self.event("DialBegin", [*_both(caller, dest), ("DialString", dialstring)])

    def ringing(self, caller: Chan | None, dest: Chan) -> None:
        self.event("DialState", [*_both(caller, dest), ("DialStatus", "RINGING")])

    def dialled(self, caller: Chan | None, dest: Chan, status: str, forward: str = "") -> float:
        headers = _both(caller, dest)
        if forward:
            headers.append(("Forward", forward))
        return self.event("DialEnd", [*headers, ("DialStatus", status)])

    def rings(self, caller: Chan | None, dest: Chan) -> None:
        """A phone rings: its state, and what the dialler is told."""
        self.state(dest, "5")
        self.ringing(caller, dest)

    def picks_up(self, caller: Chan | None, dest: Chan) -> None:
        """A dialled channel is answered, not yet bridged."""
        self.state(dest, "6")
        self.dialled(caller, dest, "ANSWER")

    # ---- bridges

    def bridge(self, technology: str = "simple_bridge", type_: str = "basic", creator: str = NOBODY,
               name: str = NOBODY) -> Bridge:  # fmt: skip
        bridge = Bridge(self.ids.bridge(), technology, type_, creator, name)
        self.event("BridgeCreate", bridge.headers())
        return bridge

    def holding(self) -> Bridge:
        """A parking lot's bridge: there nobody talks."""
        return self.bridge("holding_bridge", "parking", "Parking", "default")

    def enter(self, chan: Chan, bridge: Bridge, swap: Chan | None = None) -> float:
        chan.bridge = bridge
        bridge.members.append(chan)
        headers = [*bridge.headers(), *chan.headers()]
        if swap is not None:
            headers.append(("SwapUniqueid", swap.uid))
        return self.event("BridgeEnter", headers)

    def leave(self, chan: Chan) -> float:
        bridge = chan.bridge
        if bridge is None:
            return self.now
        chan.bridge = None
        bridge.members.remove(chan)
        at = self.event("BridgeLeave", [*bridge.headers(), *chan.headers()])
        if not bridge.members:
            self.event("BridgeDestroy", bridge.headers())
        return at

    def join(self, *chans: Chan) -> Bridge:
        """A new bridge with all of these, in that order."""
        bridge = self.bridge()
        for chan in chans:
            self.enter(chan, bridge)
        return bridge

    def merge(self, target: Bridge, source: Bridge) -> float:
        """BridgeMerge alone: on a real PBX the moves are told as well, see `move`."""
        return self.event("BridgeMerge", [*target.headers("ToBridge"), *source.headers("FromBridge")])

    def swallowed(self, target: Bridge, source: Bridge) -> float:
        """BridgeMerge and BridgeDestroy and nothing else: who moved is not told. When it was."""
        at = self.merge(target, source)
        for chan in source.members:
            chan.bridge = target
        target.members += source.members
        source.members.clear()
        self.event("BridgeDestroy", source.headers())
        return at

    def move(self, chan: Chan, target: Bridge, swap: Chan | None = None) -> float:
        """Out of one bridge and into another."""
        self.leave(chan)
        return self.enter(chan, target, swap)

    # ---- queues

    def queue_join(self, chan: Chan, queue: str) -> None:
        self.event("QueueCallerJoin", [*chan.headers(), ("Queue", queue), ("Position", "1"), ("Count", "1")])

    def queue_leave(self, chan: Chan, queue: str) -> None:
        self.event("QueueCallerLeave", [*chan.headers(), ("Queue", queue), ("Position", "1"), ("Count", "0")])

    def queue_abandon(self, chan: Chan, queue: str) -> None:
        headers = [("Queue", queue), ("Position", "1"), ("OriginalPosition", "1"), ("HoldTime", "5")]
        self.event("QueueCallerAbandon", chan.headers() + headers, "agent,all")

    def agent_called(self, caller: Chan, dest: Chan, queue: str, interface: str) -> None:
        headers = [("Queue", queue), ("Interface", interface), ("MemberName", interface)]
        self.event("AgentCalled", _both(caller, dest) + headers, "agent,all")

    def agent_connect(self, caller: Chan, dest: Chan, queue: str, interface: str) -> None:
        headers = [("Queue", queue), ("Interface", interface), ("MemberName", interface), ("HoldTime", "1"),
                   ("RingTime", "1")]  # fmt: skip
        self.event("AgentConnect", _both(caller, dest) + headers, "agent,all")

    # ---- labels

    def hold(self, chan: Chan) -> None:
        self.event("Hold", chan.headers())

    def unhold(self, chan: Chan) -> None:
        self.event("Unhold", chan.headers())

    def blind(self, by: Chan, transferee: Chan, exten: str, result: str = "Success") -> None:
        bridge = by.bridge or transferee.bridge or Bridge("gone")
        self.event("BlindTransfer", [
            ("Result", result), *by.headers("Transferer"), *transferee.headers("Transferee"), *bridge.headers(),
            ("IsExternal", "Yes"), ("Context", "from-internal"), ("Extension", exten),
        ])  # fmt: skip

    def attended(self, by: Chan, second: Chan, transferee: Chan, target: Chan | None, result: str = "Success") -> None:
        """`by` and `second` are the transferer's channels (or the same one), `target` the one consulted, if bridged."""
        bridge = Bridge("ffffffff-0000-4000-8000-00000000ffff")
        headers = [("Result", result), *by.headers("OrigTransferer"), *bridge.headers("OrigBridge"),
                   *second.headers("SecondTransferer")]  # fmt: skip
        if target is None:
            headers += [*transferee.headers("Transferee"), ("IsExternal", "No"), ("DestType", "App"),
                        ("DestApp", "AppDial")]  # fmt: skip
        else:
            headers += [*bridge.headers("SecondBridge"), *transferee.headers("Transferee"),
                        *target.headers("TransferTarget"), ("IsExternal", "No"), ("DestType", "Bridge"),
                        ("DestBridgeUniqueid", bridge.uid)]  # fmt: skip
        self.event("AttendedTransfer", headers)

    def pickup(self, by: Chan, target: Chan) -> None:
        self.event("Pickup", [*by.headers(), *target.headers("Target")])

    def parked(self, chan: Chan, parker: str, name: str = "ParkedCall") -> None:
        self.event(name, [*chan.headers("Parkee"), *_slot(parker)])

    def unparked(self, chan: Chan, by: Chan, parker: str) -> None:
        self.event("UnParkedCall", [*chan.headers("Parkee"), *by.headers("Retriever"), *_slot(parker)])

    def optimised(self, one: Chan, two: Chan, source: Chan) -> None:
        """LocalOptimizationBegin; the moves are the caller's."""
        both = [*one.headers("LocalOne"), *two.headers("LocalTwo")]
        self.event("LocalOptimizationBegin", [*both, *source.headers("Source"), ("DestUniqueId", two.uid), ("Id", "7")])

    def optimised_end(self, one: Chan, two: Chan) -> None:
        both = [*one.headers("LocalOne"), *two.headers("LocalTwo")]
        self.event("LocalOptimizationEnd", [*both, ("Success", "Yes"), ("Id", "7")])

    def runs(self, chan: Chan, application: str, data: str = "") -> None:
        headers = [("Extension", chan.exten), ("Application", application), ("AppData", data)]
        self.event("Newexten", chan.headers() + headers, "dialplan,all")

    def originated(self, chan: Chan, action_id: str, response: str = "Success") -> None:
        self.event("OriginateResponse", [
            ("ActionID", action_id), ("Response", response), ("Channel", chan.name), ("Context", chan.context),
            ("Exten", chan.exten), ("Reason", "4"), ("Uniqueid", chan.uid), ("CallerIDNum", chan.number or NOBODY),
            ("CallerIDName", NOBODY),
        ])  # fmt: skip

    # ---- the PBX and the link

    def booted(self, uptime: int) -> None:
        self.event("FullyBooted", [("Status", "Fully Booted"), ("Uptime", str(uptime)), ("LastReload", str(uptime))])

    def link_up(self, boot: str) -> None:
        self.event("PbxcrmLinkUp", [("Boot", boot)])

    def snapshot(self, chans: Iterable[Chan], *, listed: bool = True) -> None:
        """What the link makes of CoreShowChannels: these live now."""
        for frame in resync([_shown(chan) for chan in chans], self.now, listed=listed):
            self.event(frame.name, frame.headers[1:])

    # ---- to the tracker

    def encode(self) -> bytes:
        return b"Asterisk Call Manager/11.0.0\r\n" + b"".join(frame.encode() for frame in self.frames)


def _shown(chan: Chan) -> list[Header]:
    bridge = chan.bridge.uid if chan.bridge else ""
    application = "AppDial" if chan.dialled and not chan.dials else "Dial"  # as Asterisk 22 says of each of them
    return [*chan.headers(), ("BridgeId", bridge), ("Application", application), ("ApplicationData", ""),
            ("Duration", "00:00:10")]  # fmt: skip


def resync(state: list[list[Header]], at: float, *, listed: bool = True) -> list[Frame]:
    """The events of a snapshot: each channel that lives, between begin and end."""
    told = [Frame(at, [("Event", "CoreShowChannel"), *headers]) for headers in state]
    end = [] if listed else [("Listed", "no")]
    return [Frame(at, [("Event", "PbxcrmSnapshotBegin")]), *told, Frame(at, [("Event", "PbxcrmSnapshotEnd"), *end])]


def _suffix(device: str, count: int) -> str:
    """How each channel driver ends the names of its channels."""
    technology = device.partition("/")[0]
    return f"-{count}" if technology == "IAX2" else f"-{count:x}" if technology == "DAHDI" else f"-{count:08x}"


def _both(caller: Chan | None, dest: Chan) -> list[Header]:
    return [*(caller.headers() if caller else []), *dest.headers("Dest")]


def _slot(parker: str) -> list[Header]:
    return [("ParkerDialString", parker), ("Parkinglot", "default"), ("ParkingSpace", "701"), ("ParkingTimeout", "45"),
            ("ParkingDuration", "1")]  # fmt: skip
