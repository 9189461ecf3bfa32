"""Webhooks as rules: which addresses and kinds there are, what each kind tells, how it is signed, when to try again.

Pure. What is sent is named here field by field, a list a kind: whatever else the journal learns stays inside.
Signed as standardwebhooks.com says, so that receivers find a library for it.
"""

import base64
import hashlib
import hmac
import re
import uuid
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from pbxcrm.crm.fields import WrongError
from pbxcrm.crm.views import View, iso

_CALL = (
    "id", "pbx", "linkedids", "direction", "number", "number_verified", "caller_name", "did", "outcome", "started_at",
    "answered_at", "ended_at", "talk_seconds", "first_answered_by", "last_answered_by", "rang", "talks", "transfers",
    "contact_id", "deal_id", "dial_id", "recording",
)  # fmt: skip
_DEAL = (
    "id", "title", "stage", "stage_name", "stage_kind", "pipeline", "owner", "value", "currency", "contact_id",
    "contact_name", "company", "number", "source", "priority", "created_at", "stage_since", "next_contact_at",
    "closed_at", "close_reason", "version", "before", "by",
)  # fmt: skip
_CONTACT = (
    "id", "name", "company", "email", "numbers", "owner", "created_at", "last_talk_at", "last_talk_by", "custom",
    "version",
)  # fmt: skip
_TASK = (
    "id", "kind", "title", "deal_id", "contact_id", "contact_name", "company", "call_id", "outcome", "number", "user",
    "team", "times", "created_at", "due_at", "done_at", "done_by",
)  # fmt: skip

FIELDS: Mapping[str, Sequence[str]] = {
    "call.ringing": _CALL,
    "call.answered": _CALL,
    "call.transferred": _CALL,
    "call.ended": _CALL,
    "deal.created": _DEAL,
    "deal.changed": _DEAL,
    "deal.moved": _DEAL,
    "contact.created": _CONTACT,
    "contact.changed": _CONTACT,
    "task.due": _TASK,
    "task.done": _TASK,
}
KINDS = tuple(FIELDS)
TEST = "webhook.test"

PORTS = frozenset({80, 443, 8080, 8443})
LONGEST_URL = 1000
_URL = re.compile(
    r"(https?)://([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?([/?][!-~]*)?", re.ASCII | re.IGNORECASE
)
_DELIVERIES = uuid.UUID("0f4be1b6-5d1c-4b8e-9b69-5f1c6a0d6c11")

# Why a try was in vain, for programs: the receiver said no (`status`), sent us elsewhere, took too long, is not there,
# its certificate is not right, or it is no public address and the operator did not name it.
REASONS = ("status", "redirect", "timeout", "unreachable", "tls", "not_public")

# Seconds until the next try, the last one again and again; after GIVE_UP of failing it is switched off.
BACK_OFF = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
GIVE_UP = 3 * 86400.0


class Address(NamedTuple):
    """Where a URL leads, as it is written: nothing is looked up."""

    host: str
    port: int


def address(url: object) -> tuple[str, Address]:
    """(the URL, where it leads). Raises WrongError for anything but http(s)://HOST[:PORT][/…] in plain characters.

    No user names, no fragments, no letters beyond ASCII: what we read here and what is asked later cannot differ.
    """
    if not isinstance(url, str) or len(url) > LONGEST_URL:
        raise WrongError("This must be an address like https://example.com/hook.")
    found = _URL.fullmatch(url)
    if found is None or "#" in url or "\\" in url:
        raise WrongError("This must be an address like https://example.com/hook.")
    scheme, host, port = found[1].lower(), found[2].lower(), found[3]
    if urlsplit(url).hostname != host.strip("[]") or host.endswith("."):
        raise WrongError("This must be an address like https://example.com/hook.")
    if host.startswith("["):
        try:
            host = str(ip_address(host[1:-1]))
        except ValueError:
            raise WrongError("This must be an address like https://example.com/hook.") from None
    return url, Address(host, int(port) if port else 443 if scheme == "https" else 80)


def named(hosts: Sequence[str], where: Address) -> bool:
    """Whether the operator named this receiver (HOST, or HOST:PORT for a port of its own)."""
    named_host = any(host.lower() == where.host and where.port in PORTS for host in hosts)
    return named_host or f"{where.host}:{where.port}" in {host.lower() for host in hosts}


def kinds(value: object) -> list[str]:
    """Which kinds to tell, each once, in the order of KINDS. Raises WrongError."""
    if not isinstance(value, list) or not value:
        raise WrongError("Choose at least one kind.")
    if not all(isinstance(one, str) and one in FIELDS for one in value):
        raise WrongError(f"Each must be one of {', '.join(KINDS)}.")
    return [one for one in KINDS if one in value]


def delivery_id(hook: int, journal: int) -> str:
    """The same for the same event at every try: by it a receiver knows what it has had."""
    return str(uuid.uuid5(_DELIVERIES, f"{hook}/{journal}"))


def payload(kind: str, journal: int, at: float, data: Mapping[str, object]) -> View:
    """What a receiver is told: {kind, id, at, data}, `id` being the journal's."""
    shown = {name: data.get(name) for name in FIELDS.get(kind, ())}
    return {"kind": kind, "id": str(journal), "at": iso(at), "data": shown}


def headers(secret: str, delivery: str, at: int, body: bytes) -> dict[str, str]:
    """What proves to the receiver who sent this, and when: HMAC-SHA256 over `ID.TIMESTAMP.BODY`."""
    signed = hmac.new(secret.encode(), f"{delivery}.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "pbxcrm-webhooks",
        "Webhook-Id": delivery,
        "Webhook-Timestamp": str(at),
        "Webhook-Signature": "v1," + base64.b64encode(signed).decode(),
    }


def wait(tries: int) -> float:
    """Seconds until try number `tries` + 1."""
    return BACK_OFF[min(tries, len(BACK_OFF)) - 1]
