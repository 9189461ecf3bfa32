"""panoramisk's Manager, tamed: one connection, one life.

panoramisk gives the connection, the actions with their ids, and the way an answer finds its question. What it does
too eagerly is taken away here: it decodes a TCP segment at a time, buffers without a bound, sends again after a
reconnect what was never answered, reconnects without a pause, and never looks at the answers to its pings. A Manager
of ours serves exactly one connection; nothing of it outlives that connection.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, cast

from panoramisk.actions import Action
from panoramisk.manager import Manager

from pbxcrm.ami.errors import BadStream, LinkDown
from pbxcrm.ami.frames import Frame, FrameReader, encode

log = logging.getLogger("pbxcrm.ami")

MAX_LIST = 50_000  # items of one answer: more channels than any Asterisk carries
_LIST_ENDS = ("complete", "cancelled")


class Asked(Action):  # type: ignore[misc] # panoramisk has no types
    """An action on its way: panoramisk's, with our reading of when the answer is whole.

    `future` gives the answer's frames: the response, then the items of a list. With `on_frame` the frames go there as
    they come, in order with the live events, and only the response is kept.
    """

    def __init__(
        self, name: str, headers: Iterable[tuple[str, str]], on_frame: Callable[[Frame], None] | None = None
    ) -> None:
        fields: dict[str, str | list[str]] = {"Action": name}
        for key, value in headers:
            known = fields.get(key)
            if known is None:
                fields[key] = value
            elif isinstance(known, list):
                known.append(value)
            else:
                fields[key] = [known, value]
        super().__init__(fields)
        self.name = name
        self.frames: list[Frame] = []
        self.count = 0
        self.on_frame = on_frame
        self.on_word: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return f"<{self.name} {self.id}>"  # never its headers: a Login carries the secret

    def wire(self) -> bytes:
        """The bytes to send; raises `BadHeader`."""
        headers: list[tuple[str, str]] = []
        for key, value in self.items():
            if key == "Action":
                continue
            headers += [(key, each) for each in value] if isinstance(value, list) else [(key, value)]
        return encode(self.name, headers)

    def take(self, frame: Frame) -> bool:
        """Offer a frame with our id; False when it is no part of the answer (OriginateResponse is an event)."""
        is_response = "response" in frame and "event" not in frame
        if not is_response and not self.frames:
            return False
        if self.on_word:
            self.on_word()
        listing = bool(self.frames) or frame.get("eventlist", "").lower() == "start"
        last = not listing or frame.get("eventlist", "").lower() in _LIST_ENDS or frame.event.endswith("Complete")
        self.count += 1
        if is_response or self.on_frame is None:
            self.frames.append(frame)
        if self.on_frame is not None:
            self.on_frame(frame)
        if last and not self.future.done():
            self.future.set_result(self.frames)
        return True


class LinkProtocol(asyncio.Protocol):
    """One connection. Bytes in: answers to whoever asked, events to `on_event(arrival, frame)`. Never waits."""

    def __init__(
        self,
        wanted: frozenset[bytes] | None,
        on_event: Callable[[float, Frame], None],
        tap: Callable[[bytes], None] | None = None,
    ) -> None:
        self.reader = FrameReader(wanted)
        self.heard = time.time()  # when the last bytes came
        self.responses: dict[str, Asked] = {}  # panoramisk's name for the questions that wait for an answer
        loop = asyncio.get_running_loop()
        self.greeting: asyncio.Future[str] = loop.create_future()
        self.lost: asyncio.Future[LinkDown] = loop.create_future()
        self.transport: asyncio.Transport | None = None
        self._on_event = on_event
        self._tap = tap
        self._going: str = ""  # Asterisk said that it shuts down

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection stands."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came."""
        self.heard = time.time()
        if self._tap is not None:
            try:
                self._tap(data)
            except Exception:
                log.exception("The recording of the AMI stream failed and stops here; the link goes on")
                self._tap = None
        if self.lost.done():
            return
        trouble: LinkDown | None = None
        try:
            frames = self.reader.feed(data)
        except BadStream as error:
            frames, trouble = error.frames, LinkDown(str(error), "garbage")
        self._greet()
        for frame in frames:
            self._handle(frame)
        if trouble is not None:
            self.abort(trouble)

    def _greet(self) -> None:
        if self.reader.first_line is None or self.greeting.done():
            return
        if self.reader.banner is not None:
            self.greeting.set_result(self.reader.banner)
        else:
            said = self.reader.first_line[:60]
            self.abort(LinkDown(f"this is not Asterisk's manager port: it greets with {said!r}", "not-ami"))

    def _handle(self, frame: Frame) -> None:
        asked = self.responses.get(frame.get("actionid", ""))
        if asked is not None and asked.take(frame):
            if asked.future.done():  # now, not when whoever asked wakes up: an OriginateResponse may be right behind
                self.forget(asked)
            elif asked.count > MAX_LIST:
                self.abort(LinkDown(f"an answer has more than {MAX_LIST} items", "garbage"))
            return
        if "event" not in frame:
            return  # an answer that came after its question was given up
        if frame.event == "Shutdown":
            self._going = "Asterisk restarts" if frame.get("restart", "").lower() == "true" else "Asterisk was stopped"
        self._on_event(self.heard, frame)

    def send(self, action: Asked, as_list: bool | None = None) -> "asyncio.Future[list[Frame]]":  # noqa: ARG002 - as above
        """panoramisk: write an action and return the future of its answer. Raises, with nothing written."""
        data = action.wire()
        if self.transport is None or self.transport.is_closing() or self.lost.done():
            raise LinkDown("the connection to Asterisk is gone; nothing was sent")
        if action.id in self.responses:
            raise ValueError(f"an action with the id {action.id} is on its way already")
        self.responses[action.id] = action
        self.transport.write(data)
        future: asyncio.Future[list[Frame]] = action.future
        return future

    def forget(self, action: Asked) -> None:
        """Nobody waits for this answer any more."""
        self.responses.pop(action.id, None)

    def abort(self, trouble: LinkDown) -> None:
        """Give the connection up at once."""
        self._lose(trouble)
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """panoramisk: end the connection, after what was written is out."""
        self._lose(LinkDown("the link was closed on our side", "stopped"))
        if self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone. What waited for an answer gets none, here or later."""
        if self._going:
            self._lose(LinkDown(self._going, "restart"))
        elif exc is not None:
            self._lose(LinkDown(f"the connection broke ({exc})", "closed"))
        else:
            self._lose(LinkDown("Asterisk closed the connection", "closed"))

    def _lose(self, trouble: LinkDown) -> None:
        if self.lost.done():
            return
        self.lost.set_result(trouble)
        for asked in list(self.responses.values()):
            if not asked.future.done():
                asked.future.set_exception(trouble)
        self.responses.clear()


class TamedManager(Manager):  # type: ignore[misc] # panoramisk has no types
    """panoramisk's Manager for one connection: it connects and sends, and does nothing of its own accord."""

    def __init__(self, protocol_factory: Callable[[], LinkProtocol], **config: Any) -> None:
        # The loop must be given: without it Manager takes the one it finds when it is built.
        super().__init__(protocol_factory=protocol_factory, loop=asyncio.get_running_loop(), log=log, **config)
        self.callbacks.clear()  # FullyBooted -> send_awaiting_actions: would dial a customer again
        self.patterns.clear()

    def connection_made(self, future: "asyncio.Future[tuple[asyncio.Transport, LinkProtocol]]") -> None:
        """panoramisk: connected, or not. No plain login, no pinger, no reconnect from here: `Session` sees to it."""
        if future.cancelled() or future.exception() is not None:
            return
        _, self.protocol = future.result()
        self._connected = True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - panoramisk's signature
        """panoramisk: would reconnect, without a pause that grows, and even after close()."""
        self._connected = False

    async def send_awaiting_actions(self, *_: object) -> None:
        """panoramisk: would send again what a lost connection left unanswered."""
