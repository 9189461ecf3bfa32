"""What the tracker says: each fact carries the whole call as it stands after it."""

from dataclasses import dataclass
from typing import Literal

from pbxcrm.calls.model import Call

FactKind = Literal["ringing", "answered", "transferred", "ended"]


@dataclass(frozen=True, slots=True)
class Fact:
    """`n` counts a call's facts from 1: a reader who keeps the last `n` per call applies each fact once.

    ringing: who rings (`call.ringing`) or who is in talk changed, nobody new answered: also a withdrawal.
    answered: a person, or a device nobody owns, and the outside party are in one conversation, for the first time.
    transferred: the conversation passed to another person.
    ended: the outside party is gone; `call.outcome` is final.
    """

    kind: FactKind
    n: int
    at: float
    call: Call
