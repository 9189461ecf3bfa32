"""SIP messages as text: parse, build, and the little SDP our phones need. Pure: no sockets, no clock."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

CRLF = "\r\n"
REASONS = {
    100: "Trying",
    180: "Ringing",
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    503: "Service Unavailable",
    603: "Decline",
}
SHORT_NAMES = {
    "i": "call-id",
    "f": "from",
    "t": "to",
    "v": "via",
    "m": "contact",
    "l": "content-length",
    "r": "refer-to",
}


@dataclass(slots=True)
class Message:
    """A request (`method`, `target`) or a response (`status`). Header names are lower case; order is kept."""

    method: str = ""
    target: str = ""
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    def get(self, name: str) -> str:
        """The first header of that name, or an empty string."""
        return next((value for key, value in self.headers if key == name), "")

    def every(self, name: str) -> list[str]:
        """All headers of that name."""
        return [value for key, value in self.headers if key == name]

    @property
    def call_id(self) -> str:
        """The dialog's Call-ID."""
        return self.get("call-id")

    @property
    def cseq(self) -> tuple[int, str]:
        """Number and method of CSeq."""
        number, method = self.get("cseq").split()
        return int(number), method

    @property
    def branch(self) -> str:
        """The transaction: the branch of the topmost Via."""
        found = re.search(r"branch=([^;,\s]+)", self.get("via"))
        return found[1] if found else ""

    def encode(self) -> bytes:
        """The bytes for the wire."""
        if self.method:
            first = f"{self.method} {self.target} SIP/2.0"
        else:
            first = f"SIP/2.0 {self.status} {REASONS.get(self.status, 'Answer')}"
        lines = [first, *(f"{name.title()}: {value}" for name, value in self.headers)]
        lines.append(f"Content-Length: {len(self.body.encode())}")
        return (CRLF.join(lines) + CRLF * 2 + self.body).encode()


def parse(data: bytes) -> Message | None:
    """The message in a datagram; None for keep-alives and whatever is not SIP."""
    head, _, body = data.decode("utf-8", "replace").partition(CRLF * 2)
    first, *lines = head.split(CRLF)
    message = Message(body=body)
    if first.startswith("SIP/2.0 "):
        message.status = int(first.split()[1])
    elif first.endswith(" SIP/2.0"):
        message.method, message.target, _ = first.split(" ")
    else:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        if name != "content-length":
            message.headers.append((SHORT_NAMES.get(name, name), value.strip()))
    return message


def reply(request: Message, status: int, tag: str = "", extra: list[tuple[str, str]] | None = None) -> Message:
    """The answer to a request; `tag` is ours, put into To where it has none yet."""
    to = request.get("to")
    if tag and "tag=" not in to:
        to += f";tag={tag}"
    headers = [("via", via) for via in request.every("via")]
    headers += [("record-route", route) for route in request.every("record-route")]
    headers += [("from", request.get("from")), ("to", to), ("call-id", request.call_id), ("cseq", request.get("cseq"))]
    return Message(status=status, headers=headers + (extra or []))


def uri(header: str) -> str:
    """The URI in a From, To, Contact or Refer-To header."""
    found = re.search(r"<([^>]+)>", header)
    return found[1] if found else header.split(";")[0].strip()


def user(header: str) -> str:
    """The user part of the URI in a header, or of a URI."""
    found = re.search(r"sips?:([^@;>]+)@", header)
    return found[1] if found else ""


def tag(header: str) -> str:
    """The tag parameter of From or To."""
    found = re.search(r";tag=([^;>\s]+)", header)
    return found[1] if found else ""


def token(prefix: str = "") -> str:
    """A fresh unique word for tags, branches and Call-IDs."""
    return prefix + secrets.token_hex(8)


def sdp(address: str, port: int, direction: str, version: int) -> str:
    """One audio stream, G.711 u-law, with telephone-event as payload 101. `direction`: sendrecv, sendonly, …"""
    lines = [
        "v=0",
        f"o=- 1 {version} IN IP4 {address}",
        "s=-",
        f"c=IN IP4 {address}",
        "t=0 0",
        f"m=audio {port} RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        f"a={direction}",
    ]
    return CRLF.join(lines) + CRLF


def media_address(body: str) -> tuple[str, int] | None:
    """Where the other side wants its audio, from its SDP."""
    address = re.search(r"(?m)^c=IN IP4 (\S+)", body)
    port = re.search(r"(?m)^m=audio (\d+)", body)
    return (address[1], int(port[1])) if address and port else None


def answering_direction(body: str) -> str:
    """The direction with which an offer is accepted."""
    found = re.search(r"(?m)^a=(sendonly|recvonly|inactive)\s*$", body)
    return {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}.get(
        found[1] if found else "", "sendrecv"
    )
