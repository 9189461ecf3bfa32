"""A call's audio: every phone sends its own unmistakable sound and notes whose sound it hears.

Asterisk hands u-law packets on unchanged between two ends, so a packet of 160 equal bytes says who speaks: what a phone
heard is proof of who talked with whom, independent of every signalling message. Mixed audio (conferences) is not read.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time

PACKET = 160  # bytes of u-law in 20 ms
TICK = 0.05  # seconds between packets: enough for a spell's edges and for Local channels to optimise
PAUSE = 0.25  # seconds of silence that end a spell
GAP = 1.0  # seconds of silence that end no conversation: pressing keys interrupts speech
DTMF = "0123456789*#ABCD"


class Media(asyncio.DatagramProtocol):
    """The RTP socket of one call. `heard`: stamp -> [first, last] epoch seconds it was heard, in spells."""

    def __init__(self, address: str, stamp: int) -> None:
        """Bind a free port on `address`; `stamp` (1 to 120) is the byte this call's packets are made of."""
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((address, 0))
        self.port: int = self.sock.getsockname()[1]
        self.stamp = stamp
        self.heard: dict[int, list[list[float]]] = {}
        self.peer: tuple[str, int] | None = None
        self.sending = True
        self._sequence = 1
        self._clock = 0
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Begin to listen and, once `peer` is known, to send."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self.sock)
        self._task = loop.create_task(self._speak())

    def stop(self) -> None:
        """Fall silent and give the port back."""
        if self._task:
            self._task.cancel()
        if self._transport:
            self._transport.close()
        self.sock.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Note whose packet it is; a spell ends where it falls silent."""
        payload = data[12:]
        if len(payload) != PACKET or payload[0] > 120 or payload[0] == 0 or payload.count(payload[0]) != PACKET:
            return
        now = time.time()
        spells = self.heard.setdefault(payload[0], [])
        if spells and now - spells[-1][1] < PAUSE:
            spells[-1][1] = now
        else:
            spells.append([now, now])

    def heard_within(self, stamp: int, start: float, until: float) -> float:
        """Seconds in which that sound was heard between two moments, short pauses included."""
        total, before = 0.0, float("-inf")
        for first, last in self.heard.get(stamp, []):
            begin = before if first - before < GAP else first
            total += max(0.0, min(last, until) - max(begin, start))
            before = last
        return total

    def error_received(self, exc: Exception) -> None:
        """The other side has closed its port: its goodbye is on the way."""

    async def _speak(self) -> None:
        while True:
            if self.sending:
                self._send(0, bytes([self.stamp]) * PACKET)
                self._clock += int(TICK * 8000)
            await asyncio.sleep(TICK)

    def _send(self, kind: int, payload: bytes, marker: bool = False) -> None:
        if self.peer is None or self._transport is None or self._transport.is_closing():
            return
        head = struct.pack(
            "!BBHII", 0x80, kind | (0x80 if marker else 0), self._sequence & 0xFFFF, self._clock, self.stamp
        )
        self._sequence += 1
        self._transport.sendto(head + payload, self.peer)

    async def digits(self, text: str) -> None:
        """Press keys, as RFC 4733 events of 80 ms each, 80 ms apart; speech pauses meanwhile."""
        was, self.sending = self.sending, False
        for digit in text:
            event = DTMF.index(digit)
            for length in (160, 320, 480, 640):
                self._send(101, struct.pack("!BBH", event, 10, length), marker=length == 160)
                await asyncio.sleep(0.02)
            for _ in range(3):
                self._send(101, struct.pack("!BBH", event, 0x80 | 10, 640))
            self._clock += 1280
            await asyncio.sleep(0.08)
        self.sending = was
