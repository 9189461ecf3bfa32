"""The half on the fake PBX: thousands of simulated lives, whose truth is known before they begin."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from tests.fakes.process import free_port
from tests.soak import lives
from tests.soak.fakepbx import SECRET
from tests.soak.lives import Told
from tests.unit.calls.office import DEVICES

ROOT = Path(__file__).parents[2]


class FakePbxProcess:
    """tests/soak/fakepbx.py in its own process; killed and started anew on the same port."""

    def __init__(self, folder: Path, seed: int, rate: float) -> None:
        self.folder, self.seed, self.rate = folder, seed, rate
        self.port = free_port()
        self.username, self.secret = "pbxcrm", SECRET
        self.devices = DEVICES
        self.cel = folder / "Master.csv"
        self.cel.touch()
        self._lives = 0
        self._process: subprocess.Popen[str] | None = None

    async def start(self) -> None:
        self._lives += 1
        words = ["--port", str(self.port), "--folder", str(self.folder), "--seed", str(self.seed * 50 + self._lives)]
        words += ["--rate", str(self.rate)]
        self._process = subprocess.Popen(  # noqa: ASYNC220 - a fork takes no time here
            [sys.executable, "-m", "tests.soak.fakepbx", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert await self._line() == "ready"

    async def kill(self) -> None:
        assert self._process is not None
        assert self._process.stdout
        self._process.kill()
        await asyncio.to_thread(self._process.wait)
        self._process.stdout.close()

    async def drain(self) -> None:
        """No new calls; returns when the last has ended."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        assert await self._line() == "idle"

    async def stop(self) -> None:
        if self._process is not None:
            await self.kill()

    def truths(self) -> list[Told]:
        """All calls so far; those that were still to come when it was killed have not been."""
        return lives.read(self.folder)

    async def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout
        return (await asyncio.to_thread(self._process.stdout.readline)).strip()
