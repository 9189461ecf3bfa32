"""A PBX in a process of its own, that outlives pbxcrm: plays lives of calls side by side, in real time.

    python -m tests.soak.fakepbx --port 5038 --folder F --seed 7 --rate 4

It answers CoreShowChannels with what truly lives, and writes F/truth.jsonl (each life's truth before its first event),
F/linkedids.jsonl, and F/Master.csv: its CEL, a whole row a write as Asterisk does. SIGTERM: no new lives; it says
"idle" when the last has ended and stays. SIGKILL is Asterisk's death: its calls end there, and nobody writes that down.
"""

import argparse
import asyncio
import contextlib
import heapq
import itertools
import json
import random
import re
import signal
import time
from pathlib import Path
from typing import TextIO

from tests.fakes.ami import Action, Connection, FakeAmi
from tests.soak import lives
from tests.unit.calls import cel_writer
from tests.unit.calls.cel_writer import CelRow
from tests.unit.calls.wire import Frame, Header, Ids

_UID = re.compile(r"\d+\.\d+")
SECRET = "only-on-loopback"


class FakePbx:
    """The lives that go on, and what the manager port says of them."""

    def __init__(self, folder: Path, seed: int, rate: float) -> None:
        self.chance = random.Random(seed)
        self.seed, self.rate = seed, rate
        self.ami = FakeAmi("pbxcrm", SECRET)
        self.booted = time.time()
        self.ami.boot = (time.strftime("%Y-%m-%d", time.gmtime()), f"{self.booted:.6f}")
        self.ami.uptime = lambda: str(int(time.time() - self.booted))
        self.ami.on["CoreShowChannels"] = self._listed
        self.truth: TextIO = (folder / "truth.jsonl").open("a")
        self.ids = Ids()
        self.ids.bridges = seed * 1_000_000  # a PBX that starts again gives no bridge id a second time
        self.stopping = asyncio.Event()
        self.born: dict[str, float] = {}  # uniqueid: when its channel came to life
        self.now: dict[int, list[list[Header]]] = {}  # life: its living channels
        self.uids: dict[str, str] = {}  # as the life was written: as this PBX gave it out
        self._given = itertools.count()
        self._names: dict[int, str] = {}
        self._linked: TextIO = (folder / "linkedids.jsonl").open("a")
        self._due: list[tuple[float, int, int, Frame, list[list[Header]]]] = []
        self._cel = (folder / "Master.csv").open("ab", buffering=0)
        self._rows: list[tuple[float, int, CelRow]] = []
        self._count = itertools.count()

    async def run(self) -> None:
        """Until cancelled."""
        begin = asyncio.create_task(self._begin_lives())
        while not (begin.done() and not self._due):
            await self._play()
        print("idle", flush=True)
        await asyncio.Event().wait()

    async def _begin_lives(self) -> None:
        for number in itertools.count():
            gap = self.chance.expovariate(self.rate)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), gap)
            if self.stopping.is_set():
                return
            self._begin(number)

    def _begin(self, number: int) -> None:
        name, customer = f"{self.seed}-{number}", f"+4860{self.seed % 90 + 10}{number:05d}"
        story, truths = lives.life(self.chance.randbytes(300), self.ids, time.time() + 0.05, name, customer)
        self.truth.write("".join(told.line() for told in truths))
        self.truth.flush()
        self._names[number] = name
        for frame, state in zip(story.wire.frames, story.wire.states, strict=True):
            heapq.heappush(self._due, (frame.at, next(self._count), number, frame, state))
        for row in cel_writer.rows(story.wire.frames):
            heapq.heappush(self._rows, (row.at, next(self._count), row))

    async def _play(self) -> None:
        """All that is due; then a moment's wait."""
        sent, now = [], time.time()
        while self._due and self._due[0][0] <= now:
            _, _, number, frame, state = heapq.heappop(self._due)
            if frame.name == "Newchannel":
                self._give(number, frame)
            frame.headers = [(key, self.uids.get(value, value)) for key, value in frame.headers]
            state = [[(key, self.uids.get(value, value)) for key, value in headers] for headers in state]
            headers = dict(frame.headers)
            if frame.name == "Newchannel":
                self.born[headers["Uniqueid"]] = frame.at
            if state:
                self.now[number] = state
            else:
                self.now.pop(number, None)
            sent.append(frame.encode())
        self._write(now)
        if sent:
            await self.ami.send(b"".join(sent))
        await asyncio.sleep(0.002)

    def _write(self, now: float) -> None:
        """The CEL rows of what has been played."""
        while self._rows and self._rows[0][0] <= now:
            _, _, row = heapq.heappop(self._rows)
            told = (_UID.sub(lambda found: self.uids.get(found[0], found[0]), text) for text in row.fields[2:])
            self._cel.write(CelRow(row.at, (*row.fields[:2], *told)).line().encode())

    def _give(self, number: int, frame: Frame) -> None:
        """Uniqueids are counted in the order in which channels come to life, over all calls."""
        uid = dict(frame.headers)["Uniqueid"]
        if "." in uid and uid not in self.uids:
            self.uids[uid] = f"{int(frame.at)}.{next(self._given)}"
            self._linked.write(json.dumps([self._names[number], self.uids[uid]]) + "\n")
            self._linked.flush()

    async def _listed(self, connection: Connection, action: Action) -> None:
        """CoreShowChannels: who lives now, and for how long."""
        self.ami.channels = [self._aged(headers) for state in self.now.values() for headers in state]
        await connection.do_coreshowchannels(action)

    def _aged(self, headers: list[Header]) -> dict[str, str]:
        shown = dict(headers)
        age = int(time.time() - self.born[shown["Uniqueid"]])
        return {**shown, "Duration": f"{age // 3600:02d}:{age // 60 % 60:02d}:{age % 60:02d}"}


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.fakepbx")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", type=float, default=4.0)
    given = parser.parse_args()
    pbx = FakePbx(given.folder, given.seed, given.rate)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, pbx.stopping.set)
    pbx.ami.port = given.port
    await pbx.ami.start()
    print("ready", flush=True)
    await pbx.run()


if __name__ == "__main__":
    asyncio.run(main())
