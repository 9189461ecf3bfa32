"""A wire between pbxcrm and the manager port that can be cut, stalled, slowed and chopped at will."""

import asyncio
import contextlib
import random

_SLOW = 400  # bytes in a tenth of a second


class Proxy:
    """A TCP proxy on loopback. `mode`, at any time: pass, stall (half-open: nothing moves), slow, split, refuse."""

    def __init__(self, port: int, chance: random.Random) -> None:
        """`port` is where the manager listens."""
        self.target, self.chance = port, chance
        self.port = 0
        self.mode = "pass"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        """Every connection ends now, without a goodbye, with what is under way."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self._writers.add(writer)
        far: asyncio.StreamWriter | None = None
        try:
            if self.mode == "refuse":
                return
            away, far = await asyncio.open_connection("127.0.0.1", self.target)
            self._writers.add(far)
            ways = [asyncio.create_task(self._pump(reader, far)), asyncio.create_task(self._pump(away, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, far):
                if end is not None:
                    self._writers.discard(end)
                    with contextlib.suppress(OSError):
                        end.transport.abort() if self.mode == "refuse" else end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_SLOW if self.mode == "slow" else 65536):
                while self.mode == "stall":  # noqa: ASYNC110 - whoever stalls it sets a plain attribute
                    await asyncio.sleep(0.05)
                if self.mode == "slow":
                    await asyncio.sleep(0.1)
                await self._write(writer, data)

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        while data:
            size = self.chance.randint(1, 200) if self.mode == "split" else len(data)
            writer.write(data[:size])
            await writer.drain()
            data = data[size:]
            if data:
                await asyncio.sleep(0)
