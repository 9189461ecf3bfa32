"""Waiting for what only a question to the application or its database can tell."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again, a few ticks between."""
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)
