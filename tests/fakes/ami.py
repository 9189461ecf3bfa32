"""An Asterisk manager port that misbehaves on request: it splits, stalls, floods, restarts, refuses and cuts.

It logs every action it sees, read as Asterisk reads them. It shares no code with `pbxcrm.ami`.
"""

import asyncio
import contextlib
import hashlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

Action = list[tuple[str, str]]


def header(action: Action, key: str) -> str:
    """First value of a header, "" when absent."""
    return next((value for name, value in action if name.lower() == key.lower()), "")


def frame(*headers: tuple[str, str], **more: str) -> bytes:
    """One frame as bytes."""
    return "".join(f"{key}: {value}\r\n" for key, value in [*headers, *more.items()]).encode() + b"\r\n"


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until the condition holds; fail when it does not."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - a condition over anything, no event tells of it
            await asyncio.sleep(0.002)


class Connection:
    """One client of the fake."""

    def __init__(self, fake: "FakeAmi", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.fake, self.reader, self.writer = fake, reader, writer
        self.challenge = ""
        self.logged_in = self.events = False
        self.seen: list[Action] = []

    async def write(self, data: bytes) -> None:
        """To the client, in pieces of `fake.split` bytes, each a segment of its own."""
        size = self.fake.split or len(data) or 1
        for start in range(0, len(data), size):
            self.writer.write(data[start : start + size])
            if size < len(data):
                await self.writer.drain()
                for _ in range(2):  # a reader in this very loop then sees each piece alone
                    await asyncio.sleep(0)

    def abort(self) -> None:
        """Cut, without a goodbye and without what is still to be sent."""
        with contextlib.suppress(AttributeError):  # a TLS transport that has failed already cannot abort (3.11.2)
            self.writer.transport.abort()

    async def serve(self) -> None:
        await self.write(self.fake.banner)
        action: Action = []
        while line := await self.reader.readline():
            text = line.decode().rstrip("\r\n")
            if text:
                key, _, value = text.partition(":")
                action.append((key.strip(), value.lstrip()))
            elif action:
                self.seen.append(action)
                self.fake.seen.append(action)
                await self.answer(action)
                action = []

    async def answer(self, action: Action) -> None:
        fake, name = self.fake, header(action, "Action")
        if fake.silent or name in fake.ignored:
            return
        if name in fake.on:
            await fake.on[name](self, action)
            return
        if name in fake.refused:
            await self.reply(action, "Error", Message="Permission denied")
            return
        method = getattr(self, "do_" + name.lower(), None)
        if method is None:
            await self.reply(action, "Error", Message="Invalid/unknown command")
        else:
            await method(action)

    async def reply(self, action: Action, response: str, *more: tuple[str, str], **headers: str) -> None:
        """A response with the action's id."""
        await self.write(frame(("Response", response), ("ActionID", header(action, "ActionID")), *more, **headers))

    async def do_challenge(self, action: Action) -> None:
        self.challenge = "123456789"
        await self.reply(action, "Success", Challenge=self.challenge)

    async def do_login(self, action: Action) -> None:
        fake = self.fake
        key = hashlib.md5((self.challenge + fake.secret).encode(), usedforsecurity=False).hexdigest()
        plain = header(action, "Secret") == fake.secret
        right = header(action, "Key") == key if header(action, "AuthType").upper() == "MD5" else plain
        if header(action, "Username") != fake.username or not right:
            await self.reply(action, "Error", Message="Authentication failed")
            self.writer.close()
            return
        self.logged_in = True
        self.events = header(action, "Events").lower() not in ("off", "no")
        await self.reply(action, "Success", Message="Authentication accepted")
        if self.events:
            await self.write(
                frame(Event="FullyBooted", Privilege="system,all", Uptime=fake.uptime(), Status="Fully Booted")
            )

    async def do_events(self, action: Action) -> None:
        self.events = header(action, "EventMask").lower() not in ("off", "no")
        await self.reply(action, "Success", Events="On" if self.events else "Off")

    async def do_ping(self, action: Action) -> None:
        await self.reply(action, "Success", Ping="Pong", Timestamp=f"{time.time() + self.fake.skew:.6f}")

    async def do_logoff(self, action: Action) -> None:
        await self.reply(action, "Goodbye", Message="Thanks for all the fish.")
        self.writer.close()

    async def do_corestatus(self, action: Action) -> None:
        day, clock = self.fake.boot
        await self.reply(action, "Success", CoreStartupDate=day, CoreStartupTime=clock, CoreCurrentCalls="0")

    async def do_coresettings(self, action: Action) -> None:
        await self.reply(action, "Success", AMIversion="11.0.0", AsteriskVersion="22.0.0", SystemName="fake")

    async def do_listcommands(self, action: Action) -> None:
        commands = [(name, f"does {name}  (Priv: {rights})") for name, rights in self.fake.commands.items()]
        await self.reply(action, "Success", *commands)

    async def do_coreshowchannels(self, action: Action) -> None:
        self_id = header(action, "ActionID")
        await self.reply(action, "Success", EventList="start", Message="Channels will follow")
        for channel in self.fake.channels:
            await self.write(frame(("Event", "CoreShowChannel"), ("ActionID", self_id), *channel.items()))
        await self.write(
            frame(
                Event="CoreShowChannelsComplete",
                EventList="Complete",
                ListItems=str(len(self.fake.channels)),
                ActionID=self_id,
            )
        )

    async def do_devicestatelist(self, action: Action) -> None:
        self_id = header(action, "ActionID")
        await self.reply(action, "Success", EventList="start", Message="Device State Changes will follow")
        for device, state in self.fake.devices.items():
            await self.write(
                frame(("Event", "DeviceStateChange"), ("ActionID", self_id), ("Device", device), ("State", state))
            )
        await self.write(frame(Event="DeviceStateListComplete", EventList="Complete", ActionID=self_id))

    async def do_originate(self, action: Action) -> None:
        await self.reply(action, "Success", Message="Originate successfully queued")


class FakeAmi:
    """The server. Knobs are plain attributes; change them at any time."""

    def __init__(self, username: str = "crm", secret: str = "canary-secret-7Q") -> None:
        self.username, self.secret = username, secret
        self.banner = b"Asterisk Call Manager/11.0.0\r\n"
        self.split = 0  # bytes a segment; 0 writes at once
        self.silent = False  # answers nothing any more, keeps the connection
        self.ignored: set[str] = set()  # actions that get no answer
        self.refused: set[str] = set()  # actions that get "Permission denied"
        self.on: dict[str, Callable[[Connection, Action], Awaitable[None]]] = {}
        self.channels: list[dict[str, str]] = []
        self.devices: dict[str, str] = {}  # name -> state, as DeviceStateList tells them
        self.commands = {"Ping": "<none>", "Originate": "originate,all", "CoreShowChannels": "system,reporting,all"}
        self.boot = ("2026-11-21", "08:00:00")
        self.uptime: Callable[[], str] = lambda: "5"  # seconds, as FullyBooted tells it
        self.skew = 0.0
        self.tls: ssl.SSLContext | None = None
        self.seen: list[Action] = []
        self.connections: list[Connection] = []
        self.accepted: list[float] = []  # loop times at which clients came
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def actions(self, name: str = "") -> list[Action]:
        """The actions seen, of one name."""
        return [action for action in self.seen if not name or header(action, "Action") == name]

    @property
    def live(self) -> list[Connection]:
        """Connections that are logged in and have events on."""
        return [c for c in self.connections if c.logged_in and c.events and not c.writer.is_closing()]

    async def start(self) -> None:
        """Listen; the same port again after `stop`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self, reader, writer)
        self.connections.append(connection)
        self.accepted.append(asyncio.get_running_loop().time())
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            await connection.serve()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def stop(self) -> None:
        """Refuse connections and cut those there are."""
        if self._server:
            self._server.close()
        self.drop()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server:
            await self._server.wait_closed()
        self._server = None

    def drop(self) -> None:
        """Cut every connection; the port stays open."""
        for connection in self.connections:
            connection.abort()

    async def restart(self, boot: tuple[str, str]) -> None:
        """As `core restart now`: a Shutdown event, the connections closed, back with another boot."""
        await self.send(frame(Event="Shutdown", Privilege="system,all", Shutdown="Uncleanly", Restart="True"))
        for connection in self.connections:
            connection.writer.close()
        await self.stop()
        self.boot, self.channels = boot, []
        await self.start()

    async def send(self, data: bytes) -> None:
        """Bytes to every client that has events on."""
        for connection in self.live:
            await connection.write(data)

    async def event(self, name: str, **headers: str) -> None:
        """One event to every client that has events on."""
        await self.send(frame(("Event", name), ("Privilege", "call,all"), *headers.items()))


@contextlib.asynccontextmanager
async def fake_ami(**knobs: object) -> AsyncIterator[FakeAmi]:
    """A running fake with these knobs set."""
    fake = FakeAmi()
    for name, value in knobs.items():
        assert hasattr(fake, name), name
        setattr(fake, name, value)
    await fake.start()
    try:
        yield fake
    finally:
        await fake.stop()


def channel(name: str, uniqueid: str, linkedid: str = "", bridge: str = "") -> dict[str, str]:
    """An item of CoreShowChannels."""
    return {"Channel": name, "Uniqueid": uniqueid, "Linkedid": linkedid or uniqueid, "BridgeId": bridge}


def names(frames: Iterable[tuple[float, dict[str, str]]]) -> list[str]:
    """The events' names in order."""
    return [frame.get("event", "?") for _, frame in frames]
