"""One POST to a receiver: no redirects, no cookies, no proxy, ten seconds; of the answer nothing but its status."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from pbxcrm.crm.fields import WrongError
from pbxcrm.crm.webhooks import PORTS, address, named
from pbxcrm.hooks.guard import ForbiddenAddress, Guard

SECONDS = 10.0  # for all of a try, the look-up of the name included


class Outbox:
    """Use as a context: it holds the connections. `hosts` are the receivers that the operator named."""

    def __init__(self, hosts: Sequence[str] = (), *, ports: Collection[int] = PORTS, seconds: float = SECONDS) -> None:
        self._hosts = hosts
        self._ports = ports
        self._seconds = seconds
        self._sessions: dict[bool, ClientSession] = {}

    async def __aenter__(self) -> Self:
        for is_named in (False, True):
            # A connection is used once: what was allowed to one receiver is never another's.
            connector = TCPConnector(
                socket_factory=Guard(self._ports, named=is_named), force_close=True, use_dns_cache=False, limit=64
            )
            self._sessions[is_named] = ClientSession(
                connector=connector,
                timeout=ClientTimeout(total=self._seconds),
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            await session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int | None, str]:
        """(the receiver's status, "" when it took it, else one of REASONS). Never raises for a receiver's sake."""
        try:
            _, where = address(url)
        except WrongError:
            return None, "unreachable"
        session = self._sessions[named(self._hosts, where)]
        try:
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                status = response.status
                response.close()  # whatever else it says, and however long: we have what we want
        except TimeoutError:
            return None, "timeout"
        except aiohttp.ClientConnectorCertificateError:
            return None, "tls"
        except aiohttp.ClientConnectorSSLError:
            return None, "tls"
        except aiohttp.ClientConnectorError as error:
            return None, "not_public" if isinstance(error.os_error, ForbiddenAddress) else "unreachable"
        except (aiohttp.ClientError, OSError, ValueError, asyncio.IncompleteReadError):
            return None, "unreachable"
        if 200 <= status < 300:
            return status, ""
        return status, "redirect" if 300 <= status < 400 else "status"
