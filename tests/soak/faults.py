"""What can break, each for a while, each healed again: chosen by a seeded chance, written down as it happens."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.fakes.postgres import Server
from tests.soak.house import House
from tests.soak.proxy import Proxy

KINDS = 5  # of faults at the least, however long that takes on a slow machine
GAP = 6.0  # seconds between two faults, on the average


class Pbx(Protocol):
    """The PBX of a soak, as far as faults concern it."""

    async def kill(self) -> None: ...

    async def start(self) -> None: ...


@dataclass
class Ground:
    """All that can be broken."""

    house: House
    proxy: Proxy
    pbx: Pbx
    postgres: Server | None
    chance: random.Random
    diary: Path
    done: Counter[str] = field(default_factory=Counter)
    deaths: list[float] = field(default_factory=list)  # when the PBX was killed
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)  # who kills or starts pbxcrm

    def note(self, text: str) -> None:
        with self.diary.open("a") as file:
            file.write(f"{time.time():.3f} {text}\n")

    def some(self, low: float, high: float) -> float:
        """So many seconds, mostly few."""
        return low + (high - low) * self.chance.random() ** 2

    # ---- the faults

    async def kill_us(self) -> None:
        """SIGKILL of pbxcrm."""
        away = self.some(0, 8)
        async with self._one:
            if self.house.alive():
                await asyncio.to_thread(self.house.kill)
            await asyncio.sleep(away)
            await asyncio.to_thread(self.house.back)

    async def restart_us(self) -> None:
        """SIGTERM of pbxcrm, as an upgrade does."""
        async with self._one:
            if self.house.alive():
                await asyncio.to_thread(self.house.stop)
            await asyncio.to_thread(self.house.back)

    async def kill_pbx(self) -> None:
        """SIGKILL of Asterisk: its calls end, and nobody writes that down."""
        away = self.some(0.2, 4)
        await self.pbx.kill()
        self.deaths.append(time.time())
        await asyncio.sleep(away)
        await self.pbx.start()

    async def kill_postgres(self) -> None:
        """SIGKILL of PostgreSQL, all its processes."""
        assert self.postgres is not None
        away = self.some(0, 6)
        await asyncio.to_thread(self.postgres.kill)
        await asyncio.sleep(away)
        await asyncio.to_thread(self.postgres.start)

    async def full_disk(self) -> None:
        """No byte more: neither the database nor anything else of pbxcrm's can be written; or the database alone."""
        room, lasting = self.chance.choice((0, 0, 40_000, 400_000)), self.some(1, 8)
        self.house.room_on_disk(room)
        await asyncio.sleep(lasting)
        self.house.room_on_disk()

    async def cut_link(self) -> None:
        """The connection ends; perhaps for a while no new one comes about."""
        lasting = self.chance.choice((0.0, self.some(0.5, 8)))
        self.proxy.mode = "refuse" if lasting else "pass"
        self.proxy.cut()
        await asyncio.sleep(lasting)
        self.proxy.mode = "pass"

    async def stall_link(self) -> None:
        """Half-open: connected, and nothing comes through; in the end all of it, or none."""
        lasting, cut = self.some(1, 40), self.chance.random() < 0.5
        await self._mode("stall", lasting)
        if cut:
            self.proxy.cut()

    async def slow_link(self) -> None:
        await self._mode("slow", self.some(1, 15))

    async def split_link(self) -> None:
        """Each event in many segments."""
        await self._mode("split", self.some(1, 15))

    async def _mode(self, mode: str, lasting: float) -> None:
        self.proxy.mode = mode
        await asyncio.sleep(lasting)
        self.proxy.mode = "pass"

    # ---- all of them

    def kinds(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """By the names of the table."""
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "kill -9 of pbxcrm": self.kill_us,
            "restart of pbxcrm": self.restart_us,
            "kill -9 of the PBX": self.kill_pbx,
            "link cut": self.cut_link,
            "link stalled": self.stall_link,
            "link slow": self.slow_link,
            "link split": self.split_link,
        }
        if self.postgres is not None:
            kinds["kill -9 of PostgreSQL"] = self.kill_postgres
        else:
            kinds["disk full"] = self.full_disk
        return kinds

    async def rage(self, until: float) -> None:
        """Fault after fault, sometimes two at once, until that loop time; each is healed when this returns."""
        loop = asyncio.get_running_loop()
        kinds = self.kinds()
        bag: list[str] = []
        while loop.time() < until or len(self.done) < KINDS:
            bag = bag or self.chance.sample(list(kinds), len(kinds))  # each kind as often as any other
            names = [bag.pop()]
            if bag and self.chance.random() < 0.25:
                names.append(bag.pop())
            self.note(" and ".join(names))
            self.done.update(names)
            await asyncio.gather(*(kinds[name]() for name in names))
            self.note("healed")
            await asyncio.sleep(min(self.chance.expovariate(1 / GAP), 4 * GAP))
        await self.heal()

    async def heal(self) -> None:
        """Nothing is broken any more."""
        self.proxy.mode = "pass"
        self.house.room_on_disk()
        async with self._one:
            await asyncio.to_thread(self.house.back)
