"""A receiver on loopback that counts who connects, and what it was told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Sink:
    """`answer` is what it says to each request; an empty one closes without a word, None never answers."""

    port: int = 0
    connections: int = 0
    answer: bytes | None = b"HTTP/1.1 204 No Content\r\n\r\n"
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:]
            headers = dict(line.lower().split(": ", 1) for line in head if line)
            self.requests.append((headers, await reader.readexactly(int(headers["content-length"]))))
            self.heard.set()
            if self.answer is None:
                await reader.read()  # until the other side gives up
            else:
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def sink() -> AsyncIterator[Sink]:
    """Listens on every address of this machine that there is, IPv6 too."""
    found = Sink()
    server = await asyncio.start_server(found.serve, None, 0)
    # One port for both families: the second is bound to the first one's.
    found.port = server.sockets[0].getsockname()[1]
    others = []
    for host in ("0.0.0.0", "::"):
        try:
            others.append(await asyncio.start_server(found.serve, host, found.port))
        except OSError:  # that family has it already, or there is none on this machine
            continue
    try:
        yield found
    finally:
        for one in (server, *others):
            one.close()
