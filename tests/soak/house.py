"""pbxcrm for the soak: one installation with the office's people, and the ways to do it harm."""

import resource
import time
import urllib.request
from typing import Any

from tests.fakes.process import Pbxcrm

FREE = resource.RLIM_INFINITY


class House(Pbxcrm):
    """Killed, stopped, starved of disk, and started again."""

    def people(self, devices: dict[str, str]) -> None:
        """One agent a person with all their devices, and a manager whose token asks."""
        owned: dict[str, list[str]] = {}
        for device, person in devices.items():
            owned.setdefault(person, []).append(device)
        for person, theirs in owned.items():
            words = [word for device in theirs for word in ("--device", device)]
            self.must("user", "add", person, "--role", "agent", *words)
        self.must("user", "add", "mona", "--role", "manager")
        self.token = self.must("token", "create", "mona").strip()

    def room_on_disk(self, size: int = FREE) -> None:
        """No file of the process may be written beyond so many bytes: a full disk, as far as it can tell."""
        if self.process is not None:
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, FREE))

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def back(self, seconds: float = 60) -> None:
        """Start it where it is dead, until it answers: as a service manager would, again and again."""
        end = time.monotonic() + seconds
        while True:
            if not self.alive():
                self.process = None
                try:
                    self.start()
                except AssertionError:
                    if time.monotonic() > end:
                        raise
                    continue
            return

    def settled(self) -> bool:
        """PBX and database in sight, and nothing waits to be stored."""
        try:
            if self.status("/readyz") != 200:
                return False
            return self.metrics().get("pbxcrm_intake_backlog") == 0
        except OSError:
            return False

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(self.url + "/metrics", timeout=10) as answer:
            lines = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def told(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Every call and every deal, by REST."""
        return self.items("/calls"), self.items("/deals")
