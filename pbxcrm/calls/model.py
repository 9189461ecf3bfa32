"""What a call is, for everybody outside this room: immutable snapshots made by the tracker.

Times are epoch seconds (UTC, the PBX's own clock where its events carry one). People are named by their user name,
a device by its channel name less the `-xxxxxxxx` suffix (`PJSIP/101`).
"""

import uuid
from dataclasses import dataclass
from typing import Literal

Direction = Literal["inbound", "outbound", "internal"]
Outcome = Literal["ongoing", "answered", "missed", "abandoned", "busy", "declined", "failed", "voicemail", "lost"]
TransferKind = Literal["blind", "attended", "pickup", "park", "forward"]

_CALLS = uuid.UUID("6f1f4d0e-7a4f-5b0e-9f43-5a0c6c1f0b11")


@dataclass(frozen=True, slots=True)
class Talk:
    """One spell in which `user` (None: a device nobody owns) and the outside party were in one conversation."""

    user: str | None
    device: str
    start: float
    end: float | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """The call passed from one person to another and was taken there; a transfer that failed leaves none."""

    kind: TransferKind
    at: float
    by: str | None
    to: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One event that decided something, in words a manager can read."""

    at: float
    event: str
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """The life of an outside party's channel (of an internal caller's, when nobody from outside takes part).

    `number` is E.164 where it can be read so, else as dialled, None when withheld. `caller_name` is the caller's own
    text, cleaned and cut, never verified. `ringing` and `talking` are the persons whose phones ring, or who talk, now.
    `action_id` is the ActionID of the Originate that began it, for click-to-call. `customer` and `root` are the
    Uniqueids of the outside party's channel and of the one of ours that began it: how a call is found again after a
    restart of ours. `number_verified`: the PBX says that the caller's carrier vouches for the number (STIR/SHAKEN, A).
    `recording`: the path or name that a CDR gives for it, as it stands there.
    """

    pbx: str
    boot: str
    uid: str
    linkedids: tuple[str, ...]
    direction: Direction
    number: str | None
    caller_name: str | None
    did: str | None
    outcome: Outcome
    started_at: float
    answered_at: float | None
    ended_at: float | None
    talk_seconds: float
    first_answered_by: str | None
    last_answered_by: str | None
    rang: tuple[str, ...]
    talks: tuple[Talk, ...]
    transfers: tuple[Transfer, ...]
    evidence: tuple[Evidence, ...]
    ringing: tuple[str, ...] = ()
    talking: tuple[str, ...] = ()
    action_id: str | None = None
    caller: str | None = None  # the person of ours who began it: they take part from the first ring on
    customer: str | None = None
    root: str | None = None
    number_verified: bool = False
    recording: str | None = None

    @property
    def whole(self) -> bool:
        """Whether it was followed from its beginning on without a gap."""
        return not any(one.event == "snapshot" for one in self.evidence)

    @property
    def id(self) -> str:
        """The same for the same call however often its events are read: made of (pbx, boot, uniqueid)."""
        return str(uuid.uuid5(_CALLS, f"{self.pbx}\0{self.boot}\0{self.uid}"))
