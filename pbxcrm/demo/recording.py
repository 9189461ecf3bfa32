"""The bundled recordings: real calls of a real Asterisk 22 and phones, as events with the gaps between them. Pure."""

import functools
import json
import re
from dataclasses import dataclass
from importlib import resources

Headers = list[tuple[str, str]]

# The phones of the recordings, and what their display says.
PHONES = {"101": "Alice", "102": "Bob", "103": "Carol", "104": "Dave"}

# Calls that play by themselves; the likely ones more than once.
CALLS = (
    "inbound_answered", "inbound_answered", "inbound_answered_agent_ends", "inbound_answered_agent_ends",
    "group_second_answers", "group_second_answers", "queue_answered", "queue_answered", "menu_then_queue",
    "inbound_missed", "inbound_caller_gives_up", "inbound_busy", "inbound_declined", "inbound_anonymous",
    "queue_abandoned", "blind_refer_answered", "attended_refer_completed", "pickup_directed", "voicemail_left",
    "outbound_answered", "outbound_no_answer", "internal_answered",
)  # fmt: skip
# The first ones, so that the board shows something at once.
OPENING = ("inbound_answered", "inbound_answered_agent_ends", "inbound_caller_gives_up", "inbound_answered")
# What comes of a click-to-call.
CLICKS = ("click_answered", "click_answered", "click_answered", "click_customer_busy", "click_customer_silent")


@dataclass(frozen=True)
class Step:
    """One event: `gap` seconds after the one before, `talking` when two were in conversation meanwhile."""

    gap: float
    talking: bool
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Recording:
    """A call. `number` is the customer's, None for internal and anonymous calls; `phones` are ours that take part."""

    name: str
    says: str
    inbound: bool
    number: str | None
    phones: frozenset[str]
    steps: tuple[Step, ...]


@functools.cache
def load(name: str) -> Recording:
    """A bundled recording by its name."""
    folder = resources.files("pbxcrm.demo") / "recordings"
    truth = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    data = (folder / f"{name}.ami").read_bytes().decode("utf-8")
    call = truth["calls"][0]
    number = call["number"] if call["direction"] != "internal" else None
    return Recording(
        name,
        truth["says"],
        call["direction"] == "inbound",
        number,
        frozenset(re.findall(r"Channel: PJSIP/(10\d)-", data)),
        tuple(_steps(data)),
    )


def _steps(data: str) -> list[Step]:
    """Everything that has a time: the events, without the recording's own login."""
    steps: list[Step] = []
    before, bridged = 0.0, set[str]()
    for text in data.split("\r\n\r\n"):
        headers = [(key, value) for key, _, value in (line.partition(": ") for line in text.splitlines())]
        fields = dict(headers)
        if "Event" not in fields or "Timestamp" not in fields:
            continue
        at = float(fields["Timestamp"])
        steps.append(Step(max(0.0, at - before) if steps else 0.0, len(bridged) > 1, tuple(headers)))
        before = max(before, at)
        if fields["Event"] == "BridgeEnter":
            bridged.add(fields["Uniqueid"])
        elif fields["Event"] in ("BridgeLeave", "Hangup"):
            bridged.discard(fields.get("Uniqueid", ""))
    return steps
