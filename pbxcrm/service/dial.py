"""Click-to-call: my phone rings, I pick up, the customer is dialled. At most once, whatever breaks.

The row is committed before the PBX is asked, and nothing is ever sent for a row that exists: neither the same click
again, nor a restart, nor a reconnect dials a second time.
"""

import logging
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from pbxcrm.ami.errors import BadHeader, LinkDown
from pbxcrm.ami.originate import OriginateOutcome
from pbxcrm.calls import numbers
from pbxcrm.crm.access import Scope
from pbxcrm.crm.countries import country_name
from pbxcrm.crm.dialling import DialPolicy, Refusal, country_to_confirm, refuse_counts, refuse_number, refuse_time
from pbxcrm.crm.views import iso
from pbxcrm.service import audit, contacts, deals
from pbxcrm.service.errors import Conflict, Invalid, NewCountry, NotFound, Refused, TooMany, Unavailable
from pbxcrm.store import dials, people
from pbxcrm.store.db import Database, Work, audience

log = logging.getLogger(__name__)

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
# Longer than the PBX is waited for: an `asked` row this old is one whose process died in between.
_ASKED_LOST = 60.0
# Asks whoever clicked once more who they are: returns when they proved it, raises Refused or TooMany.
Prove = Callable[[], Awaitable[None]]
_STATES = {"queued": "sent", "refused": "refused", "unknown": "unknown"}


class Originate(Protocol):
    """What pbxcrm.ami.link.Link.originate is."""

    def __call__(
        self,
        channel: str,
        context: str,
        exten: str,
        caller_id: str,
        timeout_ms: int,
        variables: Mapping[str, str],
        action_id: str,
    ) -> Awaitable[OriginateOutcome]:
        """Raises LinkDown or BadHeader when nothing was sent; else there is an outcome, if only `unknown`."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Whom to dial: exactly what was asked for, the number it came to, and a name for the phone's display."""

    number: str
    name: str
    deal_id: int | None
    contact_id: int | None


class Dialler:
    """Makes calls. `link_up` says whether asking makes sense at all; `zone` is the clock of the policy's hours."""

    def __init__(
        self,
        db: Database,
        originate: Originate,
        policy: DialPolicy,
        *,
        link_up: Callable[[], bool] = lambda: True,
        context: str = "pbxcrm-out",
        ring_seconds: int = 30,
        zone: tzinfo = UTC,
    ) -> None:
        self._db = db
        self._originate = originate
        self._policy = policy
        self._link_up = link_up
        self._context = context
        self._ring_ms = ring_seconds * 1000
        self._zone = zone

    async def dial(
        self,
        scope: Scope,
        *,
        key: str,
        deal_id: int | None = None,
        contact_id: int | None = None,
        number: str | None = None,
        prove: Prove | None = None,
    ) -> tuple[dict[str, Any], bool]:
        """(the dial, True) when the PBX was asked now; (the dial as it stands, False) for a key used before.

        `prove` is asked before the first call to a country. Raises Invalid (no or several targets, a number that is
        none), NotFound (not there, or not yours), Refused and TooMany (policy), NewCountry (without `prove`),
        Unavailable (the PBX is out of sight or said no), Conflict (the key dialled somebody else).
        """
        try:
            return await self._dial(scope, key, deal_id, contact_id, number, prove)
        except (Refused, TooMany) as refusal:
            asked = {"deal_id": deal_id, "contact_id": contact_id, "number": number, "why": refusal.code}
            changes = {name: (None, value) for name, value in asked.items() if value is not None}
            await audit.noted(self._db, scope, "dial.refused", "dial", "", changes)
            raise

    async def _dial(
        self,
        scope: Scope,
        key: str,
        deal_id: int | None,
        contact_id: int | None,
        number: str | None,
        prove: Prove | None,
    ) -> tuple[dict[str, Any], bool]:
        _check(key, deal_id, contact_id, number)
        before = await self._db.reading(lambda conn: dials.by_key(conn, scope, key))
        if before is not None:
            return self._same(before, deal_id, contact_id, number), False
        target = await self._target(scope, deal_id, contact_id, number)
        device = await self._db.reading(lambda conn: _device(conn, scope))
        now = datetime.fromtimestamp(self._db.clock(), self._zone).time()
        _refuse(scope, target, refuse_number(self._policy, target.number) or refuse_time(self._policy, now))
        if not self._link_up():
            raise Unavailable(_OUT_OF_SIGHT)
        confirmed = await self._confirmed(scope, target, prove)
        asked, new = await self._ask(scope, key, target, confirmed)
        if not new:
            return self._same(asked, deal_id, contact_id, number), False
        return await self._send(scope, asked.id, device, target), True

    async def get(self, scope: Scope, dial_id: str) -> dict[str, Any]:
        """How a dial stands. Raises NotFound."""
        row = await self._db.reading(lambda conn: dials.by_id(conn, scope, dial_id))
        if row is None:
            raise NotFound("There is no such dial, or it is not yours.")
        return self._view(row)

    async def _target(self, scope: Scope, deal_id: int | None, contact_id: int | None, number: str | None) -> _Target:
        name, of_contact = "", contact_id
        if deal_id is not None:
            deal = await deals.get(self._db, scope, deal_id)
            number, name = deal["number"], deal["contact_name"] or deal["title"]
            of_contact = int(deal["contact_id"]) if deal["contact_id"] and not number else None
        if of_contact is not None:
            contact = await contacts.get(self._db, scope, of_contact)
            number, name = next(iter(contact["numbers"]), None), contact["name"] or contact["company"]
        parsed = numbers.parse(number, self._policy.region) if number else None
        if parsed is None:
            field = "deal_id" if deal_id is not None else "contact_id" if contact_id is not None else "number"
            why = "has no number that can be dialled" if field != "number" else "is no number that can be dialled"
            raise Invalid(f"{field}: {why}. Nothing was dialled.", {field: why})
        return _Target(parsed, name, deal_id, contact_id)

    async def _confirmed(self, scope: Scope, target: _Target, prove: Prove | None) -> str | None:
        """The country that was confirmed just now, None where there was no need to. Raises NewCountry."""
        country = country_to_confirm(self._policy, target.number)
        if country is None:
            return None
        if await self._db.reading(lambda conn: dials.country_known(conn, scope, country, target.number)):
            return None
        if prove is None:
            raise NewCountry(
                f"Nobody here has called {country_name(country)} yet, so nothing was dialled. Say once more who you "
                "are: send the same request with your password.",
                country=country,
            )
        await prove()
        return country

    async def _ask(self, scope: Scope, key: str, target: _Target, confirmed: str | None) -> tuple[Any, bool]:
        """The row first: whoever finds it does not dial. Gives (row, whether it is new)."""

        def ask(work: Work) -> Any:
            dials.lock(work.conn)
            if dials.by_key(work.conn, scope, key) is not None:
                raise _KeyUsed
            _refuse(scope, target, refuse_counts(self._policy, dials.counts(work.conn, scope, work.at)))
            dial_id = uuid.uuid4().hex  # 32 long: it becomes a Uniqueid, and CDR tables keep no more
            row = {
                "id": dial_id,
                "user_id": scope.user_id,
                "key": key,
                "number": target.number,
                "deal_id": target.deal_id,
                "contact_id": target.contact_id,
                "state": "asked",
                "created_at": work.at,
            }
            dials.add(work.conn, row)
            if confirmed is not None:
                dials.confirm_country(work.conn, scope, confirmed, work.at)
                audit.note(work, scope, "dial.confirmed", "country", confirmed)
            _journal(work, scope, dial_id, "asked", target)
            audit.note(work, scope, "dial.asked", "dial", dial_id, {"number": (None, target.number)})
            return dials.by_id(work.conn, scope, dial_id)

        try:
            return await self._db.writing(ask), True
        except (_KeyUsed, IntegrityError):
            row = await self._db.reading(lambda conn: dials.by_key(conn, scope, key))
            if row is None:
                raise
            return row, False

    async def _send(self, scope: Scope, dial_id: str, device: str, target: _Target) -> dict[str, Any]:
        failed: Exception | None = None
        try:
            outcome = await self._originate(
                device, self._context, target.number, _caller_id(target), self._ring_ms, {}, dial_id
            )
            state, reason = _STATES[outcome.state], outcome.reason if outcome.state != "queued" else ""
        except (LinkDown, BadHeader) as error:
            state, reason, failed = "refused", str(error), error
        except Exception as error:  # whatever it was, it may have been sent
            state, reason, failed = "unknown", type(error).__name__, error

        def settle(work: Work) -> Any:
            dials.go_on(work.conn, dial_id, state, reason)
            _journal(work, scope, dial_id, state, target)
            return dials.by_id(work.conn, scope, dial_id)

        row = await self._db.writing(settle)
        if isinstance(failed, LinkDown):
            raise Unavailable(_OUT_OF_SIGHT) from failed
        if isinstance(failed, BadHeader):
            raise Refused(f"{failed}. Nothing was dialled.", code="not_diallable") from failed
        if failed is not None:
            raise failed
        if state == "refused":
            raise Unavailable(f"The PBX refused the call ({reason}). Nothing was dialled.", code="pbx_refused")
        return self._view(row)

    def _same(self, row: Any, deal_id: int | None, contact_id: int | None, number: str | None) -> dict[str, Any]:
        parsed = numbers.parse(number, self._policy.region) if number is not None else row.number
        if (row.deal_id, row.contact_id, row.number) != (deal_id, contact_id, parsed):
            raise Conflict(
                "This Idempotency-Key has dialled somebody else already. Nothing was dialled; use a new key.",
                code="key_reused",
            )
        return self._view(row)

    def _view(self, row: Any) -> dict[str, Any]:
        lost = row.state == "asked" and row.created_at < self._db.clock() - _ASKED_LOST
        return {
            "id": row.id,
            "state": "unknown" if lost else row.state,
            "reason": row.reason,
            "number": row.number,
            "deal_id": str(row.deal_id) if row.deal_id is not None else None,
            "contact_id": str(row.contact_id) if row.contact_id is not None else None,
            "call_id": row.call_id,
            "created_at": iso(row.created_at),
        }


_OUT_OF_SIGHT = (
    "The PBX is out of sight just now, so nothing was dialled, and nothing will be dialled later. Dial on the phone, "
    "or try again when the page says that the PBX is back."
)


class _KeyUsed(Exception):  # noqa: N818
    """Between the look and the transaction somebody else used the key."""


def _check(key: str, deal_id: int | None, contact_id: int | None, number: str | None) -> None:
    if not _KEY.fullmatch(key):
        raise Invalid(
            "Idempotency-Key: send this header, 1 to 200 characters without spaces, a new one a click.",
            {"Idempotency-Key": "1 to 200 printable characters"},
        )
    if sum(target is not None for target in (deal_id, contact_id, number)) != 1:
        raise Invalid(
            "Give one of deal_id, contact_id and number. Nothing was dialled.",
            {"number": "one of deal_id, contact_id, number"},
        )


def _device(conn: Connection, scope: Scope) -> str:
    for pattern in people.patterns_of(conn, scope, scope.user_id):
        if "*" not in pattern:
            return pattern
    raise Refused(
        f"No phone is known for {scope.name}, so nothing was dialled. An administrator adds one with: pbxcrm user "
        f"device {scope.name} PJSIP/101",
        code="no_device",
    )


def _refuse(scope: Scope, target: _Target, refusal: Refusal | None) -> None:
    if refusal is None:
        return
    log.warning("dial by %s to …%s refused: %s", scope.name, target.number[-3:], refusal.code)
    if refusal.retry_after is not None:
        raise TooMany(refusal.message, retry_after=refusal.retry_after, code=refusal.code)
    raise Refused(refusal.message, code=refusal.code)


def _caller_id(target: _Target) -> str:
    """What my phone shows while it rings: the customer. Letters and digits only: the name is foreign text."""
    name = numbers.display(target.name, 40)
    return f'"{name}" <{target.number}>' if name else f"<{target.number}>"


def _journal(work: Work, scope: Scope, dial_id: str, state: str, target: _Target) -> None:
    data = {
        "id": dial_id,
        "user": scope.name,
        "state": state,
        "number": target.number,
        "deal_id": str(target.deal_id) if target.deal_id is not None else None,
        "contact_id": str(target.contact_id) if target.contact_id is not None else None,
    }
    work.journal(f"dial.{state}", data, audience(scope.user_id))
