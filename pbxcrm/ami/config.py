"""What a link needs to be told, and what it tells about itself."""

import ssl
from dataclasses import dataclass, field


@dataclass(frozen=True)
class LinkConfig:
    """Where Asterisk's manager interface is and how patient to be with it. All times are in seconds."""

    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    tls: bool | ssl.SSLContext = False
    wanted: frozenset[str] | None = None  # names of the events to read; None reads all
    ping_every: float = 10
    silence: float = 25  # without an answer to a ping, the connection is given up
    buffer: int = 20_000  # frames that may wait for the consumer
    connect_timeout: float = 10  # for TCP, TLS and the greeting
    action_timeout: float = 5  # without a word about an action; a list's every item counts as a word
    backoff_first: float = 0.5
    backoff_max: float = 30
    resync_every: float = 1  # between two snapshots on one connection, at least

    def __post_init__(self) -> None:
        if not 0 < self.ping_every < self.silence:
            raise ValueError("the AMI link's ping_every must be above zero and below its silence")

    @property
    def address(self) -> str:
        """Host and port as a person writes them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class LinkState:
    """Whether Asterisk is in sight, and since when (seconds since the epoch).

    When it is not, `since` is the last moment at which it was heard, `reason` says why for a person, and `kind` is
    the same in one word (see `LinkDown`).
    """

    up: bool
    since: float
    reason: str
    kind: str = ""
