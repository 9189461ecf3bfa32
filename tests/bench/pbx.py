"""A real Asterisk with phones that make calls at a given rate, in a process of its own: `python -m tests.bench.pbx`.

Says where it is on standard output, then takes an order a line, {"rate": calls a second, "seconds": how long,
"audio": bool}, and answers each with what was played once the last call is over. Ends with its standard input.

The configuration is that of the tests' PBX, but as one in service has it: no verbose log, no CEL to the manager.
Calls come at random moments (Poisson). Half ring one phone, half ring three of which one answers; a ring lasts 0.3 to
1 s, a talk 2 to 3 s, either side hangs up; a third of the callers has called before. Every side of a talk sends
a packet of audio each 20 ms, as phones do.
"""

import asyncio
import itertools
import json
import random
import socket
import struct
import sys
from dataclasses import asdict, dataclass
from typing import Any

from tests.bench.cpu import used
from tests.pbx.bed import call as bed_call
from tests.pbx.bed import sip
from tests.pbx.bed.asterisk import TRUNK, Asterisk
from tests.pbx.bed.call import Call, PhoneError
from tests.pbx.bed.phone import Phone

DID = "+482233344"
WAYS = {"10": ("101",), "12": ("101", "102", "103"), "29": ("106",)}
PACKET_EVERY = 0.02  # seconds
KEPT = 5.0  # seconds that an ended dialog answers repeated messages


class Voice:
    """The audio of one side: sends, and lets what comes fall to the ground. Stands in for the bed's Media."""

    audible = True
    speaking: "set[Voice]" = set()  # noqa: RUF012 - the one speaker's list of work

    def __init__(self, address: str, stamp: int) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.sock.bind((address, 0))
        self.port: int = self.sock.getsockname()[1]
        self.stamp = stamp
        self.heard: dict[int, list[list[float]]] = {}
        self.peer: tuple[str, int] | None = None
        self.sending = True
        self._sent = 0

    async def start(self) -> None:
        if self.audible:
            self.speaking.add(self)

    def stop(self) -> None:
        self.speaking.discard(self)
        self.sock.close()

    def speak(self) -> None:
        if self.peer is not None:
            self._sent += 1
            head = struct.pack("!BBHII", 0x80, 0, self._sent & 0xFFFF, self._sent * 160, self.stamp)
            self.sock.sendto(head + b"\x55" * 160, self.peer)


async def speak_for_ever() -> None:
    """One packet of everybody's each 20 ms."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        for voice in list(Voice.speaking):
            try:
                voice.speak()
            except OSError:
                Voice.speaking.discard(voice)
        due = max(due + PACKET_EVERY, loop.time())
        await asyncio.sleep(due - loop.time())


@dataclass(frozen=True)
class Plan:
    """One call before it is made. Seconds."""

    at: float
    number: str
    way: str
    answerer: str
    ring: float
    talk: float
    customer_ends: bool


class Lean(Asterisk):
    """As a PBX in service is configured."""

    def _values(self) -> dict[str, str]:
        # Dozens of calls at once take hundreds of audio ports; the tests' few beside them lie from 20000 on.
        return {**super()._values(), "CEL_MANAGER": "no", "RTP_START": "12000", "RTP_END": "15999"}

    def _write_config(self) -> None:
        super()._write_config()
        logger = self.run / "etc/logger.conf"
        logger.write_text(logger.read_text().replace(",verbose(3)", ""))


class Load:
    """The phones."""

    def __init__(self, asterisk: Asterisk) -> None:
        self.asterisk = asterisk
        where = (asterisk.sip_host, asterisk.sip_port)
        self.phones = {name: Phone(name, sock, where) for name, sock in asterisk.sockets.items()}
        self.plans: dict[str, Plan] = {}
        self.trouble: list[str] = []
        self.random = random.Random(7)
        self._numbers = itertools.count(1)

    async def open(self) -> None:
        for phone in self.phones.values():
            await phone.open(range(1))
            phone._stamps = itertools.repeat(1)
            phone.habit = self.answering
        self.phones[TRUNK].habit = None

    def plan(self, rate: float, seconds: float) -> list[Plan]:
        plans: list[Plan] = []
        at = 0.0
        while at < seconds:
            old = [p.number for p in plans if p.at < at - 8]
            way = self.random.choice(("12", "12", "10", "29"))
            number = self.random.choice(old) if old and len(plans) % 3 == 0 else f"+4860{next(self._numbers):07d}"
            plans.append(
                Plan(
                    at,
                    number,
                    way,
                    self.random.choice(WAYS[way]),
                    self.random.uniform(0.3, 1.0),
                    self.random.uniform(2.0, 3.0),
                    self.random.random() < 0.5,
                )
            )
            at += self.random.expovariate(rate)
        return plans

    async def play(self, rate: float, seconds: float) -> list[dict[str, Any]]:
        plans = self.plan(rate, seconds)
        loop = asyncio.get_running_loop()
        start = loop.time()
        async with asyncio.TaskGroup() as group:
            for plan in plans:
                await asyncio.sleep(max(0.0, start + plan.at - loop.time()))
                group.create_task(self.customer(plan))
        control = await self.asterisk.control()
        await control.idle(15)
        await control.close()
        return [asdict(plan) for plan in plans]

    async def customer(self, plan: Plan) -> None:
        self.plans[plan.number] = plan
        outside = self.phones[TRUNK]
        call = await outside.dial(DID + plan.way, caller=plan.number, name=f"Caller {plan.number[-4:]}")
        try:
            await call.until("answered")
            if plan.customer_ends:
                await asyncio.sleep(plan.talk)
                await call.hang_up()
            await call.until("ended")
        except (PhoneError, TimeoutError) as error:
            self.trouble.append(str(error))
        self.forget(outside, call)

    def answering(self, call: Call) -> None:
        call.ring()
        plan = self.plans[sip.user(call.remote)]
        call.phone.spawn(self.person(call, plan))

    async def person(self, call: Call, plan: Plan) -> None:
        try:
            if plan.answerer == call.phone.name:
                await asyncio.sleep(plan.ring)
                await call.answer()
                if not plan.customer_ends:
                    await asyncio.sleep(plan.talk)
                    await call.hang_up()
            await call.until("ended")
        except (PhoneError, TimeoutError) as error:
            self.trouble.append(str(error))
        self.forget(call.phone, call)

    def forget(self, phone: Phone, call: Call) -> None:
        phone.calls.remove(call)
        asyncio.get_running_loop().call_later(KEPT, phone._dialogs.pop, call.id, None)


async def serve() -> None:
    bed_call.Media = Voice  # type: ignore[misc,assignment]
    asterisk = Lean("22")
    try:
        await asterisk.start()
        load = Load(asterisk)
        await load.open()
        speaker = asyncio.create_task(speak_for_ever())
        version = asterisk.version
        say(host=asterisk.host, port=asterisk.ami_port, secret=asterisk.secret, pid=asterisk.pid, version=version)
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = json.loads(line)
            Voice.audible = order["audio"]
            own = used()
            played = await load.play(order["rate"], order["seconds"])
            say(calls=played, trouble=load.trouble, cpu=used() - own)
            load.trouble = []
        speaker.cancel()
    finally:
        asterisk.stop()


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
