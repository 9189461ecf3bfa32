"""Our own small SIP phone on UDP: rings, answers, refuses, forwards, holds, presses keys, transfers.

A `Phone` is one address: a person's desk phone, or the provider at the other end of the trunk, which stands for every
number outside. A `Call` is one dialog at one phone; its times are this phone's own clock, the truth of the scenarios.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine

from tests.pbx.bed import sip
from tests.pbx.bed.call import PATIENCE, Call
from tests.pbx.bed.sip import Message

Habit = Callable[[Call], None]
Seen = Callable[[Call], Awaitable[None]]


async def _taken_for_granted(_call: Call) -> None:
    """Nobody watches the PBX for this phone."""


class Phone(asyncio.DatagramProtocol):
    """A SIP user agent on `sock`, which stays bound between scenarios so that the PBX's contacts stay true."""

    def __init__(self, name: str, sock: socket.socket, pbx: tuple[str, int]) -> None:
        """`name`: what the PBX calls this endpoint, such as 101; `pbx`: where Asterisk listens."""
        self.name = name
        self.address, self.port = sock.getsockname()
        self.pbx = pbx
        self.calls: list[Call] = []
        self.habit: Habit | None = None
        self.ringing_seen: Seen = _taken_for_granted
        self._sock = sock
        self._dialogs: dict[str, Call] = {}
        self._answers: dict[str, asyncio.Queue[Message]] = {}
        self._arrived = asyncio.Condition()
        self._stamps = iter(range(1, 121))
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self, stamps: range) -> None:
        """Start to listen in the running loop; forget what lay in the socket. `stamps`: this phone's sounds."""
        self._drain()
        self._stamps = iter(stamps)
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._sock.dup())

    def close(self) -> None:
        """Stop listening; the socket itself stays bound."""
        for call in self.calls:
            call.media.stop()
        for task in self._tasks:
            task.cancel()
        if self._transport:
            self._transport.close()

    def _drain(self) -> None:
        self._sock.setblocking(False)
        while True:
            try:
                self._sock.recv(65536)
            except BlockingIOError:
                return

    # --- what a person does with it ---

    async def dial(self, number: str, *, caller: str = "", name: str = "", anonymous: bool = False) -> Call:
        """Place a call; return as soon as the INVITE is out. `caller`, `name`: who we say we are (the trunk only)."""
        call = Call(self, sip.token("call-"), outgoing=True, number=number, stamp=next(self._stamps))
        shown = f'"{name}" <sip:{caller or self.name}@{self.address}>'
        call.local = f"{'<sip:anonymous@anonymous.invalid>' if anonymous else shown};tag={sip.token()}"
        call.remote = f"<sip:{number}@{self.pbx[0]}>"
        call.target = f"sip:{number}@{self.pbx[0]}:{self.pbx[1]}"
        call.invited = time.time()
        await self._adopt(call)
        privacy = [("privacy", "id")] if anonymous else []
        call.invite = call.request("INVITE", body=call.offer("sendrecv"), extra=privacy)
        self.spawn(call.follow_invite())
        return call

    async def invited(self, number: str = "") -> Call:
        """Wait for the next call that nobody has taken yet (to that number); send nothing but 100 Trying."""

        def waiting() -> Call | None:
            return next((c for c in self.calls if not c.outgoing and not c.taken and number in ("", c.number)), None)

        async with asyncio.timeout(PATIENCE), self._arrived:
            await self._arrived.wait_for(lambda: waiting() is not None)
        call = waiting()
        assert call is not None
        call.taken = True
        return call

    async def rings(self, number: str = "") -> Call:
        """Wait for the next call and ring; return when the PBX knows it.

        Without that, another phone's answer, sent after our ringing, may overtake it within a busy PBX.
        """
        call = await self.invited(number)
        call.ring()
        await self.ringing_seen(call)
        return call

    async def answers(self, number: str = "") -> Call:
        """Wait for the next call, ring and pick up at once."""
        call = await self.invited(number)
        call.ring()
        await call.answer()
        return call

    # --- the wire ---

    def send(self, message: Message) -> None:
        """One datagram to the PBX."""
        if self._transport and not self._transport.is_closing():
            self._transport.sendto(message.encode(), self.pbx)

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Run a coroutine beside the scenario."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def transact(self, request: Message) -> asyncio.Queue[Message]:
        """Send a request; its responses arrive in the queue. It is sent again each second until one does."""
        answers: asyncio.Queue[Message] = asyncio.Queue()
        self._answers[request.branch] = answers
        self.send(request)
        return answers

    async def final(self, request: Message) -> Message:
        """Send a request and wait for its final response."""
        answers = await self.transact(request)
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    answer = await asyncio.wait_for(answers.get(), 1)
                except TimeoutError:
                    self.send(request)
                    continue
                if answer.status >= 200:
                    return answer

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Sort a datagram to its transaction or dialog."""
        message = sip.parse(data)
        if message is None:
            return
        if not message.method:
            if message.branch in self._answers:
                self._answers[message.branch].put_nowait(message)
            return
        call = self._dialogs.get(message.call_id)
        if call is not None:
            call.receive(message)
        elif message.method == "INVITE":
            self.spawn(self._new_call(message))
        elif message.method != "ACK":
            self.send(sip.reply(message, 200 if message.method in ("OPTIONS", "NOTIFY") else 481, sip.token()))

    async def _new_call(self, invite: Message) -> None:
        if invite.call_id in self._dialogs:
            return
        number = sip.user(invite.target)
        call = Call(self, invite.call_id, outgoing=False, number=number, stamp=next(self._stamps))
        call.accept_dialog(invite)
        call.reply(invite, 100)
        await self._adopt(call)
        if self.habit:
            call.taken = True
            self.habit(call)

    async def _adopt(self, call: Call) -> None:
        await call.media.start()
        self.calls.append(call)
        self._dialogs[call.id] = call
        async with self._arrived:
            self._arrived.notify_all()
