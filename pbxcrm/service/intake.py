"""Facts in, rows and journal out: what calls do to the pipeline, one transaction a batch.

Carries out what crm/rules.py decides. Idempotent: a fact whose `n` is not beyond the stored one is ignored, so that
the same stream may come again after a crash or a lost link.
"""

import logging
from collections.abc import Sequence
from functools import partial

from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Call
from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.rules import Rules
from pbxcrm.service import erased
from pbxcrm.service.errors import ServiceError
from pbxcrm.service.intake_batch import Batch
from pbxcrm.service.transact import read, unchanged, write
from pbxcrm.store import calls, lookup
from pbxcrm.store.db import Database, Work
from pbxcrm.store.lookup import House

_log = logging.getLogger("pbxcrm.intake")

# Facts older than this, in seconds, have waited on disk: somebody may have been erased meanwhile.
_WAITED = 5.0
# What another process changed (a person added on the command line) is known this many seconds later at the latest.
_KEEP = 2.0


class Intake:
    """Applies facts. One at a time: a second `apply` waits for the first."""

    def __init__(self, db: Database, rules: Rules | None = None) -> None:
        self._db = db
        self._rules = rules or Rules()
        self._house: House | None = None
        self._read_at = 0.0
        self._generation = -1

    async def apply(self, facts: Sequence[Fact]) -> None:
        """Write these, in this order, in one transaction. Raises Unavailable when the database is: try again.

        A fact that cannot be written for a reason of its own is logged and left out, so that it stops no other.
        """
        if not facts:
            return
        try:
            # A phone that rings is not worth the wait for the disk; the answer and the end that follow are.
            durable = any(fact.kind in ("answered", "ended") for fact in facts)
            await write(self._db, partial(self._apply, facts=facts), durable=durable)
            _tell(facts)
        except ServiceError:
            raise
        except Exception:
            self._house = None
            if len(facts) > 1:
                for fact in facts:
                    await self.apply([fact])
                return
            await self._last_try(facts[0])

    async def _last_try(self, fact: Fact) -> None:
        """Once more with everything read anew; then it is an error of ours, and the next fact's turn."""
        try:
            await write(self._db, partial(self._apply, facts=[fact]))
        except ServiceError:
            raise
        except Exception:
            _log.exception(
                "Fact %d (%s) of call %s could not be stored; the calls after it are. Please report this.",
                fact.n,
                fact.kind,
                fact.call.id,
                extra=_about(fact.call),
            )

    def _apply(self, work: Work, facts: Sequence[Fact]) -> None:
        if min(fact.at for fact in facts) < work.at - _WAITED:
            facts = erased.facts(work.conn, facts)
        batch = Batch(work, self._known(work, facts), self._rules, len(facts))
        if not batch.load(facts):
            raise unchanged(None)
        batch.run()
        batch.store()

    def _known(self, work: Work, facts: Sequence[Fact]) -> House:
        """People, stages and dialled numbers: kept for two seconds, or until this process changes them."""
        house = self._house
        fresh = self._generation == self._db.generation and 0 <= work.at - self._read_at < _KEEP
        if house is None or not fresh or any(name not in house.users for fact in facts for name in _names(fact.call)):
            self._generation, self._read_at = self._db.generation, work.at
            house = self._house = lookup.house(work.conn, SYSTEM)
        return house


def _tell(facts: Sequence[Fact]) -> None:
    """A line a call that ended. Of its number no more than tells two callers apart."""
    for fact in facts:
        if fact.kind == "ended":
            call = fact.call
            _log.info(
                "%s call, number %s, %s after %.0f s, first answered by %s",
                call.direction,
                f"…{call.number[-3:]}" if call.number else "withheld",
                call.outcome,
                (call.ended_at or fact.at) - call.started_at,
                call.first_answered_by or "nobody",
                extra=_about(call),
            )


def _about(call: Call) -> dict[str, str]:
    return {"call": call.id, "uid": call.uid}


def _names(call: Call) -> list[str]:
    return [*call.rang, *call.ringing, *(talk.user for talk in call.talks if talk.user)]


async def alive(db: Database, pbx: str) -> list[tuple[Call, int]]:
    """The calls of a PBX that were going on when we last heard, each with the `n` of its last fact: for the tracker."""
    return await read(db, lambda conn: calls.alive(conn, SYSTEM, pbx))
