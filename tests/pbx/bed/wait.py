"""The one place where the bed looks again and again: what it waits for happens in another process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], bool], patience: float = 10.0, pause: float = 0.01) -> None:
    """Return as soon as `true()` is; raises TimeoutError after `patience` seconds."""
    async with asyncio.timeout(patience):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(pause)
