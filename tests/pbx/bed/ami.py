"""The tests' own few lines of AMI, apart from the product's: a control connection and a recorder of raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from pathlib import Path

from tests.pbx.bed.wait import until

Fields = dict[str, str]
RINGING = "5"  # a channel's state
IN_USE = ("2", "3", "6", "7", "8")  # QueueMember's Status: in use, busy, ringing, ring in use, on hold


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


class Control:
    """A logged-in AMI connection that sends actions and reads their answers; events are passed over."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use `Control.open`."""
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, host: str, port: int, username: str, secret: str, events: str = "off") -> Control:
        """Connect and log in; raises ConnectionError when the PBX refuses."""
        control = cls(*await asyncio.open_connection(host, port))
        try:
            await control._reader.readline()
            answer = await control.action("Login", Username=username, Secret=secret, Events=events)
        except BaseException:
            await control.close()
            raise
        if answer[0].get("Response") != "Success":
            raise ConnectionError(f"AMI refuses {username}: {answer[0].get('Message')}")
        return control

    async def action(self, name: str, *, until: str = "", **fields: str) -> list[Fields]:
        """Send an action; its response, and with `until` all events of the same ActionID up to that event."""
        async with self._turn:
            return await self._action(name, until, fields)

    async def _action(self, name: str, until: str, fields: Fields) -> list[Fields]:
        action_id = f"bed-{next(self._ids)}"
        lines = [f"Action: {name}", f"ActionID: {action_id}", *(f"{key}: {value}" for key, value in fields.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        frames: list[Fields] = []
        async with asyncio.timeout(10):
            while True:
                frame = await self._frame()
                if frame.get("ActionID") != action_id:
                    continue
                frames.append(frame)
                if frame.get("Response") == "Error" or (frame.get("Event") == until if until else "Response" in frame):
                    return frames

    async def _frame(self) -> Fields:
        text = (await self._reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
        pairs = [line.partition(": ")[::2] for line in text.split("\r\n") if ": " in line]
        output = "\n".join(value for key, value in pairs if key == "Output")
        return {**dict(pairs), **({"Output": output} if output else {})}

    async def channels(self) -> list[Fields]:
        """The channels that live now."""
        return (await self.action("CoreShowChannels", until="CoreShowChannelsComplete"))[1:-1]

    async def rings(self, device: str) -> bool:
        """Whether a channel of this device is ringing."""
        return any(
            c["ChannelState"] == RINGING and c["Channel"].rpartition("-")[0] == device for c in await self.channels()
        )

    async def _busy(self) -> list[str]:
        """What is not idle: channels that live, else queue members that still count as in use."""
        channels = [f"{c['Channel']} in {c.get('Application')}" for c in await self.channels()]
        if channels:
            return channels
        members = await self.action("QueueStatus", until="QueueStatusComplete")
        return [f"member {m['Name']} of {m['Queue']}" for m in members if m.get("Status") in IN_USE]

    async def idle(self, patience: float = 10) -> None:
        """Wait until no channel lives and all queue members are free; raises AssertionError that names what is not."""
        busy: list[str] = []
        try:
            async with asyncio.timeout(patience):
                while busy := await self._busy():  # noqa: ASYNC110 - AMI is asked again
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"still on the PBX after {patience:g} s: {', '.join(busy)}") from None

    async def close(self) -> None:
        """Hang up on the PBX."""
        await _close(self._writer)


class Recorder:
    """Everything one manager user is sent, byte for byte from the banner on.

    Where the PBX ends the connection, the recorder comes back, as a manager program does: the new connection's bytes
    follow the old one's.
    """

    def __init__(self) -> None:
        """Use `start`."""
        self.data = bytearray()
        self._stopping = False
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int, username: str, secret: str) -> None:
        """Connect, log in and wait for the first event, so that nothing after this call is missed. Starts anew."""
        self.data.clear()
        self._stopping = False
        login = f"Action: Login\r\nUsername: {username}\r\nSecret: {secret}\r\nActionID: login\r\n\r\n"
        self._task = asyncio.create_task(self._follow(host, port, login.encode()))
        await self.seen(b"Authentication accepted")
        await self.still()

    async def _follow(self, host: str, port: int, login: bytes) -> None:
        while not self._stopping:
            try:
                reader, self._writer = await asyncio.open_connection(host, port)
                self._writer.write(login)
                while chunk := await reader.read(65536):
                    self.data += chunk
                await _close(self._writer)
            except OSError:
                await asyncio.sleep(0.02)  # the PBX is down

    async def seen(self, what: bytes, patience: float = 10) -> None:
        """Wait until these bytes have come."""
        await until(lambda: what in self.data, patience)

    async def quiet(self, *, ended: bool = True) -> None:
        """Wait until all events have come: every Newchannel has its Hangup (`ended`), and then nothing more."""
        if ended:
            await until(lambda: self._count(b"Newchannel") <= self._count(b"Hangup"), 5)
        await self.still()

    async def still(self) -> None:
        """Wait until nothing has come for a moment."""
        length = -1
        while length != len(self.data):
            length = len(self.data)
            await asyncio.sleep(0.15)

    def _count(self, name: bytes) -> int:
        return self.data.count(b"Event: " + name + b"\r\n")

    async def stop(self) -> None:
        """Close the connection without a word: a Logoff would be part of the recording."""
        self._stopping = True
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._writer:
            await _close(self._writer)

    def save(self, path: Path) -> None:
        """Write the bytes as they came."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(self.data))
