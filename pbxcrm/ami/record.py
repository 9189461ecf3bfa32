"""Writing down what Asterisk says, byte for byte, with the times of arrival beside it.

FILE holds the stream as it came (with numbers and names disguised, unless told otherwise); FILE.index has a line for
each arrival: byte offset, epoch seconds. A manager user that may only read suffices. The secret is never in it: what is
recorded is what Asterisk sends, not what it is sent.
"""

import asyncio
import contextlib
import dataclasses
import secrets
import signal
import time
from collections.abc import Iterator
from io import BufferedWriter, TextIOWrapper
from pathlib import Path
from typing import Any

from pbxcrm.ami.anonymise import Anonymiser
from pbxcrm.ami.config import LinkConfig, LinkState
from pbxcrm.ami.errors import AmiError, LinkDown
from pbxcrm.ami.link import Link

_HOPELESS = frozenset({"login", "not-ami", "tls", "refused", "unreachable"})
_FLUSH_EVERY = 1.0  # seconds: what a crash may cost


class Recorder:
    """The two files. `write` is a link's tap; `written` counts the bytes in FILE."""

    def __init__(self, data: BufferedWriter, index: TextIOWrapper, anonymous: bool) -> None:
        self.written = 0
        self._data, self._index = data, index
        self._disguise = Anonymiser(secrets.token_bytes(16)) if anonymous else None

    def write(self, data: bytes) -> None:
        """Bytes that came just now. With a disguise, only whole lines are written, the rest with the next arrival."""
        if self._disguise is not None:
            data = self._disguise.feed(data)
        if data:
            self._index.write(f"{self.written} {time.time():.6f}\n")
            self._put(data)

    def seam(self) -> None:
        """The connection was lost: end the frame that was cut, so that it does not swallow the next greeting."""
        if self._disguise is not None:
            self._put(self._disguise.flush())
        self._put(b"\r\n\r\n")

    def close(self) -> None:
        """Write what still waits."""
        if self._disguise is not None:
            self._put(self._disguise.flush())
        self.flush()

    def flush(self) -> None:
        """Hand everything to the system, the index last: it never names bytes that are not there."""
        self._data.flush()
        self._index.flush()

    def _put(self, data: bytes) -> None:
        self._data.write(data)
        self.written += len(data)


async def record(config: LinkConfig, path: Path | str, *, seconds: float | None = None, anonymous: bool = True) -> int:
    """Record until Ctrl-C (or SIGTERM, or for so many seconds); returns the number of bytes written.

    A lost link is made anew and the recording goes on. Raises `LinkDown` when the first connection is refused in a way
    that waiting does not mend, and `AmiError` when the files cannot be written. An existing FILE is written over.
    """
    stop = asyncio.Event()
    first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with contextlib.ExitStack() as stack:
        recorder = _open(stack, Path(path), anonymous)

        def on_state(state: LinkState) -> None:
            if not first.done():
                if state.up:
                    first.set_result(None)
                elif state.kind in _HOPELESS:
                    first.set_exception(LinkDown(f"{state.reason}. Nothing was recorded.", state.kind))
            elif not state.up and state.kind not in _HOPELESS:
                recorder.seam()

        link = Link(dataclasses.replace(config, wanted=frozenset()), on_state, recorder.write)
        tasks = [asyncio.create_task(work) for work in (link.run(), _discard(link), _flush(recorder))]
        try:
            with _signals(stop), contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await _first_of(first, stop)
                    await stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            recorder.close()
    return recorder.written


def _open(stack: contextlib.ExitStack, path: Path, anonymous: bool) -> Recorder:
    try:
        data = stack.enter_context(path.open("wb"))
        index = stack.enter_context(path.with_name(path.name + ".index").open("w", encoding="ascii"))
    except OSError as error:
        raise AmiError(f"{error.filename} cannot be written: {error.strerror}. Nothing was recorded.") from None
    return Recorder(data, index, anonymous)


async def _first_of(first: "asyncio.Future[None]", stop: asyncio.Event) -> None:
    """Wait for the first connection or the end; raises what the first connection failed with."""
    waiting = asyncio.create_task(stop.wait())
    try:
        either: set[asyncio.Future[Any]] = {first, waiting}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if first.done():
        first.result()


async def _discard(link: Link) -> None:
    """The link's own frames are of no use here; leaving them would only fill its buffer."""
    while True:
        await link.frames()


async def _flush(recorder: Recorder) -> None:
    while True:
        await asyncio.sleep(_FLUSH_EVERY)
        recorder.flush()


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """SIGINT and SIGTERM end the recording, not the program, where the system lets us."""
    loop = asyncio.get_running_loop()
    added = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop.set)
            added.append(number)
    try:
        yield
    finally:
        for number in added:
            loop.remove_signal_handler(number)
