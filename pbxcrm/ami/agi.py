"""FastAGI: the dialplan asks a question about a call and gets a variable set. Small, bounded, and soon over.

A PBX connects, sends a head of `agi_…: …` lines and an empty one, and then obeys until we close. Whatever goes wrong
(nobody knows, the database is slow, the peer is not ours) it is closed and the dialplan goes on with its default.
https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Gateway-Interface-AGI/
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from pbxcrm.ami.errors import AmiError

log = logging.getLogger(__name__)

HEAD, LINES = 4096, 64  # bytes and lines of a head; Asterisk sends about 25 lines, 700 bytes
SECONDS = 2.0  # for the head, and for the PBX to take what we say
ANSWER = 0.3  # seconds in which an answer is of use: a caller is waiting
AT_ONCE = 100  # connections
LONGEST = 200  # characters of a value


class BadRequest(AmiError):  # noqa: N818
    """What came is no AGI head, or longer than any that Asterisk sends."""


@dataclass(frozen=True, slots=True)
class Question:
    """`script` is the last part of the URL (`agi://host/caller`), `arguments` what the dialplan gave beside it."""

    script: str
    arguments: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


# The variables to set. Raises what it likes: the dialplan then goes on without.
Lookup = Callable[[Question], Awaitable[Mapping[str, str]]]


def read(head: bytes) -> Question:
    """The question in a whole head. Raises BadRequest. Letters that are no UTF-8 become replacement characters."""
    lines = head.decode("utf-8", "replace").split("\n")
    values: dict[str, str] = {}
    for line in lines:
        if not line.rstrip("\r"):
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.startswith("agi_"):
            raise BadRequest("not an AGI head")
        values.setdefault(name, value.strip())
    if len(lines) > LINES:
        raise BadRequest("too many lines")
    script = values.get("agi_network_script", "").partition("?")[0].strip("/")
    if not script:
        raise BadRequest("asks for nothing")
    given = [values[f"agi_arg_{n}"] for n in range(1, LINES) if f"agi_arg_{n}" in values]
    return Question(script, tuple(given), values)


_UNSAFE = str.maketrans(dict.fromkeys('"\\${}[]()|;`', " "))


def cleaned(value: str) -> str:
    """A value that ends neither the line nor the quotes, and is no expression to any dialplan that prints it."""
    visible = "".join(c if c.isprintable() else " " for c in value.translate(_UNSAFE))
    return " ".join(visible.split())[:LONGEST].rstrip()


def set_variable(name: str, value: str) -> bytes:
    """The command line that sets a channel variable. Raises ValueError for a name that is none."""
    if not (name.isascii() and name.isidentifier()):
        raise ValueError(name)
    return f'SET VARIABLE {name} "{cleaned(value)}"\n'.encode()


class AgiServer:
    """Answers questions: `lookups` by script. `peers` are the addresses or networks that may ask."""

    def __init__(
        self,
        lookups: Mapping[str, Lookup],
        peers: Sequence[str] = ("127.0.0.0/8", "::1"),
        *,
        seconds: float = SECONDS,
        answer: float = ANSWER,
    ) -> None:
        self._lookups = lookups
        self._peers = [ip_network(peer, strict=False) for peer in peers]
        self._seconds = seconds
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self._asked: set[asyncio.Future[Mapping[str, str]]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; gives the port. Raises OSError."""
        self._server = await asyncio.start_server(self._serve, host, port, limit=HEAD)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and let go of whoever asks just now."""
        if self._server is not None:
            self._server.close()
        going_on: list[asyncio.Future[Any]] = [*self._open, *self._asked]
        for task in going_on:
            task.cancel()
        await asyncio.gather(*going_on, return_exceptions=True)

    def _welcome(self, peer: str) -> bool:
        address = ip_address(peer.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        return max(len(self._open), len(self._asked)) < AT_ONCE and any(mapped in network for network in self._peers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str(writer.get_extra_info("peername", ("0.0.0.0",))[0])  # noqa: S104 - nobody's address
        if not self._welcome(peer):
            log.warning("agi: %s may not ask, or too many do. PBXCRM_AGI_PEERS names who may.", peer)
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._dialogue(reader, writer)
        except (BadRequest, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError) as error:
            log.info("agi: %s was let go: %s", peer, str(error)[:80] or type(error).__name__)
        finally:
            self._open.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _dialogue(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(self._seconds):
            question = read(await _head(reader))
        found = await self._ask(question)
        async with asyncio.timeout(self._seconds):
            for name, value in found.items():
                writer.write(set_variable(name, value))
                await writer.drain()
                await reader.readline()  # `200 result=1`; the PBX does nothing with what comes after the end

    async def _ask(self, question: Question) -> Mapping[str, str]:
        """What is to be set; nothing where nobody knows in time."""
        lookup = self._lookups.get(question.script)
        if lookup is None:
            return {}
        try:
            return await self._in_time(lookup(question))
        except TimeoutError:
            log.warning("agi: no answer to %s in %.1f s, so the call goes on without", question.script, self._answer)
        except Exception as error:
            log.warning("agi: no answer to %s, so the call goes on without: %s", question.script, type(error).__name__)
        return {}

    async def _in_time(self, looking: Awaitable[Mapping[str, str]]) -> Mapping[str, str]:
        """What is found. A look that takes too long is not broken off, but comes to its end unheard.

        A query that is cancelled costs its connection, and making another is what the next callers would wait for.
        """
        asked = asyncio.ensure_future(looking)
        self._asked.add(asked)
        asked.add_done_callback(self._answered)
        return await asyncio.wait_for(asyncio.shield(asked), self._answer)

    def _answered(self, asked: asyncio.Future[Mapping[str, str]]) -> None:
        self._asked.discard(asked)
        if not asked.cancelled():
            asked.exception()  # it was told to whoever still waited


async def _head(reader: asyncio.StreamReader) -> bytes:
    """Up to the empty line; at most HEAD bytes, so that a reader that is fed for ever holds no more."""
    with contextlib.suppress(asyncio.LimitOverrunError):
        return await reader.readuntil(b"\n\n")
    raise BadRequest("longer than any head")
