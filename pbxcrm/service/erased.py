"""Who was erased stays so: what the PBX tells later of calls from before comes in without number, name and contact.

Of an erased number a keyed hash of its last digits is kept, with the moment; the key is made at the first erasure and
never leaves the database. Calls that begin after that moment are a new acquaintance.
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from pbxcrm.calls.facts import Fact
from pbxcrm.calls.model import Call
from pbxcrm.calls.numbers import digits
from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.matching import tail
from pbxcrm.store import house

KEY = "erased key"
_SHORTEST = 7  # fewer digits are a service or an extension: nobody's


def remember(conn: Connection, numbers: Iterable[str], at: float) -> None:
    """These numbers are erased at that moment (epoch seconds)."""
    key = house.get(conn, SYSTEM, KEY)
    if key is None:
        key = secrets.token_hex(32)
        house.put(conn, KEY, key)
    for number in numbers:
        if len(digits(number)) >= _SHORTEST:
            house.put(conn, _mark(key, number), str(at))


def calls(conn: Connection, told: Sequence[Call]) -> list[Call]:
    """The same calls, those of erased persons without them."""
    key = house.get(conn, SYSTEM, KEY)
    if key is None:
        return list(told)
    marks = {number: _mark(key, number) for number in {call.number for call in told} if number is not None}
    erased = {name: float(at) for name, at in house.some(conn, SYSTEM, sorted(set(marks.values()))).items()}
    return [
        _nobodys(call) if call.number is not None and call.started_at < erased.get(marks[call.number], 0.0) else call
        for call in told
    ]


def facts(conn: Connection, told: Sequence[Fact]) -> list[Fact]:
    """The same facts: what waited on disk while somebody was erased."""
    kept = calls(conn, [fact.call for fact in told])
    return [fact if fact.call is call else replace(fact, call=call) for fact, call in zip(told, kept, strict=True)]


def _mark(key: str, number: str) -> str:
    return "erased " + hmac.new(bytes.fromhex(key), tail(number).encode(), hashlib.sha256).hexdigest()


def _nobodys(call: Call) -> Call:
    """A call for the figures alone. Evidence and the names of channels may hold the number too."""
    talks = tuple(replace(talk, device=talk.device if talk.user else "") for talk in call.talks)
    transfers = tuple(replace(passed, to=None) if _is_number(passed.to) else passed for passed in call.transfers)
    return replace(
        call, number=None, caller_name=None, evidence=(), talks=talks, transfers=transfers, customer=None, root=None,
        recording=None,
    )  # fmt: skip


def _is_number(text: str | None) -> bool:
    return text is not None and len(digits(text)) >= _SHORTEST
