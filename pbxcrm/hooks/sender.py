"""Tells each webhook what happens, in order, at least once: from the journal, a task a webhook, woken by commits.

A receiver that is down is tried again later; the others, and the calls, do not wait for it.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Mapping
from typing import Protocol

from pbxcrm.crm import webhooks as rules
from pbxcrm.service import webhooks
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.webhooks import Hook, Tried
from pbxcrm.store.db import Database
from pbxcrm.store.webhooks import Event

log = logging.getLogger(__name__)

POLL = 1.0  # seconds: retries are due, and other processes write
GATHER = 0.1  # seconds between two looks: a busy house commits hundreds of times in one


class Post(Protocol):
    """What pbxcrm.hooks.outbox.Outbox.post is."""

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Awaitable[tuple[int | None, str]]:
        """(status, reason): see Outbox.post."""


class Sender:
    """One a process; `run` it in a task of its own."""

    def __init__(self, db: Database, post: Post, *, poll: float = POLL, gather: float = GATHER) -> None:
        self._db = db
        self._post = post
        self._poll = poll
        self._gather = gather
        self._wake = asyncio.Event()
        self._looked: dict[int, int] = {}  # webhook -> journal id up to which there is nothing more for it
        self._busy: dict[int, asyncio.Task[None]] = {}
        db.on_commit(self._wake.set)

    async def run(self) -> None:
        """Until cancelled. While the database is away it waits."""
        try:
            while True:
                with contextlib.suppress(Unavailable):
                    await self._look()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._poll):
                        await self._wake.wait()
                self._wake.clear()
                await asyncio.sleep(self._gather)
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _look(self) -> None:
        """Begin with every webhook that is due and not being told already."""
        busy = set(self._busy)  # as it was before reading: what is read of these may be old by now
        for hook in await webhooks.active(self._db):
            if hook.id in busy or (hook.retry_at is not None and hook.retry_at > self._db.clock()):
                continue
            after = max(hook.cursor, 0 if hook.tries else self._looked.get(hook.id, 0))
            events, looked = await webhooks.waiting(self._db, hook, after)
            if not events:
                self._looked[hook.id] = looked
                continue
            task = asyncio.create_task(self._tell(hook, events))
            self._busy[hook.id] = task
            task.add_done_callback(lambda done, key=hook.id: self._over(key, done))  # type: ignore[misc]

    def _over(self, hook_id: int, task: asyncio.Task[None]) -> None:
        self._busy.pop(hook_id, None)
        self._wake.set()  # there may be more
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, Unavailable):
            log.error("Webhook %d: telling it failed; it is tried again", hook_id, exc_info=error)

    async def _tell(self, hook: Hook, events: list[Event]) -> None:
        results: list[Tried] = []
        for event in events:
            results.append(await self._one(hook, event))
            if results[-1].reason:
                log.info("Webhook %d was not told of %s: %s", hook.id, event.id, results[-1].reason)
                break
        await webhooks.tried(self._db, hook, results)

    async def _one(self, hook: Hook, event: Event) -> Tried:
        body = json.dumps(rules.payload(event.kind, event.id, event.at, event.data), ensure_ascii=False).encode()
        now = self._db.clock()
        proof = rules.headers(hook.secret, rules.delivery_id(hook.id, event.id), int(now), body)
        status, reason = await self._post(hook.url, body, proof)
        return Tried(event, now, status, reason)
