"""How fast bytes become frames, beside panoramisk 1.4 on the same bytes. Run: `python tests/bench/ami.py [FILE.ami]`.

Without a file it makes answered calls with the mix of events that Asterisk 22 sends to a user with `read = all`: 92
events and about 39 kB a call, half of them VarSet. Both sides run without a network, fed in 1,460-byte segments and in
64 KiB reads, with the same sync callback. Best of five; ratios count, not the numbers of a noisy machine.
"""

import gc
import logging
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager

from pbxcrm.ami.frames import FrameReader

WANTED = frozenset(
    b"Newchannel Newstate NewCallerid NewConnectedLine DialBegin DialState DialEnd BridgeCreate BridgeDestroy "
    b"BridgeEnter BridgeLeave BridgeMerge LocalBridge LocalOptimizationBegin LocalOptimizationEnd Hangup Rename "
    b"AttendedTransfer BlindTransfer Pickup QueueCallerJoin QueueCallerLeave QueueCallerAbandon AgentCalled "
    b"AgentConnect AgentComplete AgentRingNoAnswer ParkedCall UnParkedCall OriginateResponse FullyBooted "
    b"Shutdown".split()
)

CALL = (
    ["Newchannel"] * 2 + ["Newstate"] * 4 + ["DialBegin", "DialState", "DialEnd"] + ["BridgeCreate", "BridgeDestroy"]
    + ["BridgeEnter", "BridgeLeave"] * 2 + ["Hangup"] * 2 + ["VarSet"] * 46 + ["CEL"] * 15
    + ["Newexten"] * 8 + ["RTCPSent"] * 4 + ["DeviceStateChange"] * 4
)  # fmt: skip


def event(name: str, call: int, side: int) -> str:
    """One event with the headers of a channel snapshot, as in Asterisk 22."""
    return (
        f"Event: {name}\r\nPrivilege: call,all\r\nTimestamp: 1790000000.{call % 1000000:06d}\r\n"
        f"Channel: PJSIP/trunk-{call:08x}\r\nChannelState: 6\r\nChannelStateDesc: Up\r\nCallerIDNum: 49{call:07d}\r\n"
        f"CallerIDName: Jörg {call}\r\nConnectedLineNum: 10{side}\r\nConnectedLineName: <unknown>\r\nLanguage: en\r\n"
        f"AccountCode: \r\nContext: from-trunk\r\nExten: 100\r\nPriority: 1\r\nUniqueid: 1790000000.{call}\r\n"
        f"Linkedid: 1790000000.{call}\r\nVariable: DIALSTATUS\r\nValue: \r\n\r\n"
    )


def make(calls: int) -> bytes:
    """The bytes of that many calls."""
    text = (event(name, call, n % 2) for call in range(calls) for n, name in enumerate(CALL))
    return b"Asterisk Call Manager/11.0.0\r\n" + "".join(text).encode()


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """The stream cut as a socket would cut it."""
    return (data[i : i + size] for i in range(0, len(data), size))


def ours(data: bytes, size: int, wanted: frozenset[bytes] | None) -> int:
    reader, seen = FrameReader(wanted), 0
    for piece in pieces(data, size):
        for frame in reader.feed(piece):
            seen += bool(frame.event)
    return seen


class Nowhere:
    """A transport for a protocol that closes it upon a Shutdown event."""

    def close(self) -> None:
        pass


def theirs(data: bytes, size: int, patterns: list[str]) -> int:
    seen = 0

    def callback(manager: object, message: object) -> None:
        nonlocal seen
        seen += bool(message.event)  # type: ignore[attr-defined]

    manager = Manager(log=logging.getLogger("off"))
    manager.callbacks.clear()
    manager.patterns.clear()
    for pattern in patterns:
        manager.register_event(pattern, callback)
    protocol = AMIProtocol()
    protocol.connection_made(Nowhere())
    manager.connection_lost = lambda _: None
    protocol.encoding, protocol.factory, protocol.log = "utf8", manager, logging.getLogger("off")
    for piece in pieces(data, size):
        protocol.data_received(piece)
    return seen


def best(run: Callable[[], int], times: int = 5) -> tuple[float, int]:
    spent, result = [], 0
    for _ in range(times):
        gc.collect()
        start = time.process_time()
        result = run()
        spent.append(time.process_time() - start)
    return min(spent), result


def main() -> None:
    data = Path(sys.argv[1]).read_bytes() if len(sys.argv) > 1 else make(300)
    total = data.count(b"Event: ")
    print(f"{total} events, {len(data)} bytes")
    names = [name.decode() for name in sorted(WANTED)]
    for size in (1460, 65536):
        base, _ = best(lambda: theirs(data, size, ["*"]))  # noqa: B023 - called at once
        for label, run in (
            ("panoramisk, one callback for all", lambda: theirs(data, size, ["*"])),  # noqa: B023
            ("panoramisk, a callback a name", lambda: theirs(data, size, names)),  # noqa: B023
            ("ours, everything parsed", lambda: ours(data, size, None)),  # noqa: B023
            ("ours, only what is wanted", lambda: ours(data, size, WANTED)),  # noqa: B023
        ):
            spent, seen = best(run)
            print(
                f"{size:6} B reads  {label:34} {total / spent:10,.0f} events/s  {len(data) / spent / 1e6:7.1f} MB/s"
                f"  x{base / spent:5.1f}  ({seen} delivered)"
            )


if __name__ == "__main__":
    main()
