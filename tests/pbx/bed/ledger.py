"""What the PBX itself wrote of its calls into CEL and CDR files, from a moment on."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path

from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.wait import until

_EVENT, _UNIQUEID = 0, 10  # columns of docker/asterisk/cel_custom.conf


class Ledger:
    """The rows written since this object was made."""

    def __init__(self, asterisk: Asterisk) -> None:
        self._files = asterisk.cel, asterisk.cdr
        self._from = [_size(path) for path in self._files]

    @property
    def cel(self) -> bytes:
        """CEL rows, as they stand in the file."""
        return self._rest(0)

    @property
    def cdr(self) -> bytes:
        """CDR rows, as they stand in the file."""
        return self._rest(1)

    def _rest(self, which: int) -> bytes:
        path = self._files[which]
        return path.read_bytes()[self._from[which] :] if path.exists() else b""

    def _living(self) -> set[str]:
        """Channels that CEL has seen begin and not end."""
        rows = [row for row in csv.reader(self.cel.decode("utf-8", "replace").splitlines()) if len(row) > _UNIQUEID]
        begun = {row[_UNIQUEID] for row in rows if row[_EVENT] == "CHAN_START"}
        return begun - {row[_UNIQUEID] for row in rows if row[_EVENT] == "CHAN_END"}

    async def settled(self, *, killed: bool = False, patience: float = 10) -> None:
        """Wait until all is written: each channel has its end (not where the PBX was killed), then nothing more."""
        if not killed:
            await until(lambda: bool(self.cel) and not self._living(), patience)
        sizes: list[int] = []
        while sizes != (sizes := [_size(path) for path in self._files]):  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.15)

    def save(self, golden: Path) -> None:
        """Write both beside a golden stream."""
        golden.with_suffix(".cel.csv").write_bytes(self.cel)
        golden.with_suffix(".cdr.csv").write_bytes(self.cdr)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
