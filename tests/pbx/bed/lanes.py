"""Many scenarios in little time: several Asterisks, each in a thread and loop of its own, share one list of names."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from tests.pbx.bed.ami import Recorder
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.ledger import Ledger
from tests.pbx.bed.scenarios import play

# What a scenario can be played on: Asterisk's major version and the channel driver of its phones.
KINDS = {"22": ("22", "PJSIP"), "16": ("16", "PJSIP"), "16-sip": ("16", "SIP")}


@dataclass(frozen=True, slots=True)
class Played:
    """What a scenario gave: the manager's bytes, the PBX's CEL rows and the phones' truth (see `play`)."""

    name: str
    stream: bytes
    truth: dict[str, Any]
    log: str
    cel: bytes


class Lanes:
    """Plays scenarios in the background from construction on; `result` waits for one."""

    def __init__(self, names: Iterable[str], kind: str = "22", lanes: int = 3) -> None:
        """`names` in the order in which they are to be played; `kind`: see KINDS."""
        self._futures: dict[str, Future[Played]] = {name: Future() for name in names}
        self._rest = iter(list(self._futures))
        self._lock = threading.Lock()
        self._kind = KINDS[kind]
        self._threads = [threading.Thread(target=self._lane) for _ in range(min(lanes, len(self._futures)))]
        for thread in self._threads:
            thread.start()

    def result(self, name: str, patience: float = 300) -> Played:
        """Wait for a scenario; raises what it raised."""
        return self._futures[name].result(patience)

    def stop(self) -> None:
        """Let the running scenarios end and start no more."""
        with self._lock:
            self._rest = iter([])
        for thread in self._threads:
            thread.join()

    def _next(self) -> str | None:
        with self._lock:
            return next(self._rest, None)

    def _lane(self) -> None:
        try:
            asyncio.run(self._play_all())
        except BaseException as error:
            for future in self._futures.values():
                if not future.done():
                    future.set_exception(error)
            raise

    async def _play_all(self) -> None:
        asterisk = Asterisk(*self._kind)
        try:
            await asterisk.start()
            while (name := self._next()) is not None:
                try:
                    self._futures[name].set_result(await self._play(asterisk, name))
                except Exception as error:
                    self._futures[name].set_exception(error)
                    await asterisk.restart()  # a broken story may leave channels behind
        finally:
            asterisk.stop()

    async def _play(self, asterisk: Asterisk, name: str) -> Played:
        before = len(asterisk.log())
        recorder, ledger = Recorder(), Ledger(asterisk)
        truth = await play(asterisk, name, recorder)
        return Played(name, bytes(recorder.data), truth, asterisk.log()[before:], ledger.cel)
