"""Click-to-call's one action, checked as Asterisk would read it. Pure.

Asterisk splits `Variable` at commas, takes `NAME(...)` for a function call, and `Channel` for more than one device at
`&`. What could be read so is refused here, whatever the callers above have checked already.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pbxcrm.ami.errors import BadHeader

_CHANNEL = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}/[A-Za-z0-9_.+-]{1,80}(@[A-Za-z0-9_.-]{1,80})?(/n)?")
_CONTEXT = re.compile(r"[A-Za-z0-9_-]{1,79}")
_EXTEN = re.compile(r"[A-Za-z0-9_+*#-]{1,79}")
_NAME = re.compile(r"_{0,2}[A-Za-z][A-Za-z0-9_]{0,79}")
_VALUE = re.compile(r"[^,\"'\\()\[\]{}$&|;`]{0,200}")
_CALLER_ID = re.compile(r"[^\\`$;|&{}]{0,160}")


@dataclass(frozen=True)
class OriginateOutcome:
    """What is known of a call that was asked for.

    queued   Asterisk took it; how it went comes as an OriginateResponse with our action id
    refused  Asterisk said no, in `reason`; nothing rings
    unknown  it was sent, and the answer never came: it may ring. It is not sent again.
    """

    state: Literal["queued", "refused", "unknown"]
    reason: str = ""


def originate_headers(
    channel: str,
    context: str,
    exten: str,
    caller_id: str,
    timeout_ms: int,
    variables: Mapping[str, str],
    action_id: str,
) -> list[tuple[str, str]]:
    """The headers of an asynchronous Originate. Raises `BadHeader` for anything that Asterisk might read twice."""
    checks = (
        ("Channel", _CHANNEL, channel),
        ("Context", _CONTEXT, context),
        ("Exten", _EXTEN, exten),
        ("CallerID", _CALLER_ID, caller_id),
    )
    for key, pattern, value in checks:
        if not pattern.fullmatch(value):
            raise BadHeader(f"refused to dial: {value[:60]!r} is not a valid {key}")
    if not 0 < timeout_ms <= 600_000:
        raise BadHeader("refused to dial: the time to ring must be between 1 ms and 10 minutes")
    headers = [
        ("ActionID", action_id),
        # The channel bears our id as its Uniqueid: its events say from the first one on which click it is.
        ("ChannelId", action_id),
        ("Channel", channel),
        ("Context", context),
        ("Exten", exten),
        ("Priority", "1"),
        ("CallerID", caller_id),
        ("Timeout", str(timeout_ms)),
        ("Async", "true"),
    ]
    for name, value in variables.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadHeader(f"refused to dial: the variable {name[:40]!r} holds what Asterisk might run or split")
        headers.append(("Variable", f"{name}={value}"))
    return headers
