"""The half on the real Asterisk: phones that call all the time, and what they know of it by their own clocks."""

import asyncio
import contextlib
import itertools
import math
import random
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.pbx.bed.asterisk import TRUNK, Asterisk
from tests.pbx.bed.call import Call, PhoneError
from tests.pbx.bed.office import DID, PEOPLE
from tests.pbx.bed.phone import Phone
from tests.pbx.bed.scenarios.registry import StalledError
from tests.pbx.bed.scenarios.transfers import blind
from tests.pbx.bed.sip import uri, user
from tests.soak.lives import Told

LOOK = 0.05  # seconds between two looks at whether the phones run
STILL = 0.5  # seconds for which the machine may keep them from it; a story beyond that proves nothing
AT_ONCE = 4  # calls side by side
PATIENCE = 20.0
_WAYS = {"10": ("101",), "30": ("101", "102"), "12": ("101", "102", "103"), "26": ("103", "113")}

Story = Callable[[str], Awaitable[None]]


class RealPbx:
    """An Asterisk 22 and its phones. A call that lives when it is killed is cut: its truth ends there, unwritten."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.diary = folder / "phones"
        self.chance = random.Random(seed)
        self.seed = seed
        self.asterisk = Asterisk("22")
        self.port, self.username, self.secret = self.asterisk.ami_port, "pbxcrm", self.asterisk.secret
        self.cel = self.asterisk.cel
        self.devices = {f"PJSIP/{phone}": person for phone, person in PEOPLE.items()}
        self.phones: dict[str, Phone] = {}
        self._count = itertools.count()
        self._told: list[Told] = []
        self._legs: dict[str, asyncio.Queue[Call]] = {}  # customer's number: legs that ring for it
        self._draining = asyncio.Event()
        self._players: list[asyncio.Task[None]] = []
        self._stalled = 0.0  # seconds in all for which the machine kept the phones from running
        self._watcher: asyncio.Task[None] | None = None

    # ---- life

    async def start(self) -> None:
        await self.asterisk.start()
        for place, (name, sock) in enumerate(self.asterisk.sockets.items()):
            phone = self.phones[name] = Phone(name, sock, (self.asterisk.sip_host, self.asterisk.sip_port))
            await phone.open(itertools.cycle(range(1 + place * 15, 16 + place * 15)))  # type: ignore[arg-type]
            phone.habit = self._arrives
        self._watcher = self._watcher or asyncio.create_task(self._watch())
        self._players = [asyncio.create_task(self._play()) for _ in range(AT_ONCE)]

    async def kill(self) -> None:
        await asyncio.to_thread(self.asterisk.kill)
        await self._silence()

    async def _silence(self) -> None:
        for player in self._players:
            player.cancel()
        await asyncio.gather(*self._players, return_exceptions=True)
        for phone in self.phones.values():
            phone.close()

    async def drain(self) -> None:
        """No new calls; returns when the last has ended."""
        self._draining.set()
        await asyncio.gather(*self._players)

    async def _watch(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(LOOK)
            self._stalled += max(0.0, time.monotonic() - before - 2 * LOOK)

    async def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        await self._silence()
        if self.cel.exists():
            shutil.copy(self.cel, self.diary.with_name("Master.csv"))
        await asyncio.to_thread(self.asterisk.stop)

    def truths(self) -> list[Told]:
        return self._told

    # ---- the phones

    def _arrives(self, leg: Call) -> None:
        """A leg is for whoever plays that call: by the customer's number, which it shows or which was dialled."""
        number = leg.number if leg.phone.name == TRUNK else user(uri(leg.remote))
        queue = self._legs.get(number)
        if queue is None:
            leg.reject(480)
        else:
            queue.put_nowait(leg)

    async def _leg(self, number: str) -> Call:
        return await asyncio.wait_for(self._legs[number].get(), PATIENCE)

    async def _play(self) -> None:
        """One call after the other."""
        stories: list[Story] = [self.inbound, self.inbound, self.group, self.group, self.passed_on, self.outbound]
        while not self._draining.is_set():
            number = f"+48{510 + self.seed % 90}{next(self._count):06d}"
            self._legs[number] = asyncio.Queue()
            try:
                await self._tell(self.chance.choice(stories), number)
            except (
                PhoneError,
                TimeoutError,
                StalledError,
            ) as error:  # the PBX or this machine, not pbxcrm: its truth is not known
                for told in self._told:
                    told.optional |= told.number == number
                with self.diary.open("a") as file:
                    file.write(f"{time.time():.3f} {number}: {error!r}\n")
            finally:
                del self._legs[number]
            await asyncio.sleep(self.chance.random())

    async def _tell(self, story: Story, number: str) -> None:
        stalled = self._stalled
        await story(number)
        if self._stalled - stalled > STILL:
            raise StalledError(f"the phones stood still for {self._stalled - stalled:.1f} s")

    async def _while(self) -> None:
        await asyncio.sleep(0.2 + 3 * self.chance.random() ** 2)

    def _begun(self, direction: str, number: str, leg: Call) -> Told:
        assert leg.invited is not None
        told = Told(number, [], direction, number, None, leg.invited, math.inf, None, None)
        self._told.append(told)
        return told

    def _talks(self, told: Told, leg: Call) -> None:
        person = PEOPLE[leg.phone.name]
        told.first, told.last = told.first or person, person
        told.talkers.append([person, leg.answered, math.inf])

    async def _over(self, told: Told, outcome: str, *legs: Call) -> None:
        for leg in legs:
            await leg.until("ended", PATIENCE)
        assert legs[0].ended is not None
        told.outcome, told.ended = outcome, legs[0].ended

    # ---- the stories

    async def inbound(self, number: str) -> None:
        """Alice answers, declines, is busy, or the customer gives up."""
        customer = await self.phones[TRUNK].dial(DID + "10", caller=number)
        told = self._begun("inbound", number, customer)
        leg = await self._leg(number)
        fate = self.chance.choice(("answered", "answered", "answered", "declined", "busy", "missed"))
        if fate == "busy":
            leg.reject(486)
        else:
            leg.ring()
            await self._while()
            if fate == "declined":
                leg.reject(603)
            elif fate == "missed":
                await customer.until("rang", PATIENCE)
                await customer.hang_up()
            else:
                await leg.answer()
                self._talks(told, leg)
                await self._while()
                await self.chance.choice((leg, customer)).hang_up()
        await self._over(told, fate, customer, leg)

    async def group(self, number: str) -> None:
        """Several phones ring; one of them answers."""
        way = self.chance.choice(("30", "12", "26"))
        customer = await self.phones[TRUNK].dial(DID + way, caller=number)
        told = self._begun("inbound", number, customer)
        legs = [await self._leg(number) for _ in _WAYS[way]]
        for leg in legs:
            leg.ring()
        await self._while()
        winner = self.chance.choice(legs)
        await winner.answer()
        self._talks(told, winner)
        await self._while()
        await self.chance.choice((winner, customer)).hang_up()
        await self._over(told, "answered", customer, *legs)

    async def passed_on(self, number: str) -> None:
        """Alice answers and passes the customer on to Bob."""
        customer = await self.phones[TRUNK].dial(DID + "10", caller=number)
        told = self._begun("inbound", number, customer)
        alice = await self._leg(number)
        alice.ring()
        await alice.answer()
        self._talks(told, alice)
        await customer.until("answered", PATIENCE)
        await self._while()
        await blind(alice, "102")
        bob = await self._leg(number)
        bob.ring()
        await self._while()
        await bob.answer()
        self._talks(told, bob)
        await self._while()
        await customer.hang_up()
        await self._over(told, "answered", customer, bob)

    async def outbound(self, number: str) -> None:
        """One of ours calls somebody outside."""
        phone = self.phones[self.chance.choice(("101", "102", "103", "104"))]
        ours = await phone.dial(number)
        told = self._begun("outbound", number, ours)
        theirs = await self._leg(number)
        fate = self.chance.choice(("answered", "answered", "busy"))
        if fate == "busy":
            theirs.reject(486)
        else:
            theirs.ring()
            await self._while()
            await theirs.answer()
            await ours.until("answered", PATIENCE)
            self._talks(told, ours)
            await self._while()
            with contextlib.suppress(PhoneError):
                await self.chance.choice((ours, theirs)).hang_up()
        await self._over(told, fate, ours, theirs)
