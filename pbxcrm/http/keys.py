"""What the handlers share: typed keys of the application and of a request, and what `build` is given."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from aiohttp import web

from pbxcrm.crm.access import Scope
from pbxcrm.service.audit import Trail
from pbxcrm.service.auth import Auth, Person
from pbxcrm.service.watch import Histogram
from pbxcrm.store.db import Database


class LinkState(Protocol):
    """How the link to the PBX is: `since` when (epoch seconds), `reason` why it is down ("" while it is up)."""

    @property
    def up(self) -> bool:
        """Whether events arrive."""

    @property
    def since(self) -> float:
        """When it became so, epoch seconds."""

    @property
    def reason(self) -> str:
        """Why it is down, in words for a person."""


class Hub(Protocol):
    """What live needs of pbxcrm.live.hub.Hub."""

    def subscribe(self, scope: Scope, after: int) -> Any:
        """An async iterator over journal rows newer than `after` that `scope` may see."""

    def presence(self) -> dict[str, Any]:
        """How the database is, as a row that no journal holds."""


class Dialler(Protocol):
    """What the handlers need of pbxcrm.service.dial.Dialler."""

    async def dial(
        self,
        scope: Scope,
        *,
        key: str,
        deal_id: int | None = None,
        contact_id: int | None = None,
        number: str | None = None,
        prove: Callable[[], Awaitable[None]] | None = None,
    ) -> tuple[dict[str, Any], bool]:
        """Ring the asker's phone, then the customer's; (view, whether this call asked the PBX)."""

    async def get(self, scope: Scope, dial_id: str) -> dict[str, Any]:
        """How a dial stands."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """What the web side wants to know.

    `secure`: browsers reach us by https (our own or a proxy's). `hosts`: names of ours in the Host header, empty for
    any. `trusted_proxies`: peers whose X-Forwarded-For is believed.
    """

    secure: bool = False
    hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    max_streams: int = 2000
    max_streams_session: int = 6  # a tab has one; the page whose stream gave way comes back when it is looked at


@dataclass(frozen=True, slots=True)
class Deps:
    """Everything the web side stands on. `gauges`: further numbers for /metrics, name -> value; `latency`: from an
    event of the PBX to its commit; `skew`: seconds that the PBX's clock is ahead of ours, None where nobody knows.

    `recordings`: the folder of the PBX's recordings; `documents`: that of documents that people bring. `house_name`:
    ours, at the head of printed offers.
    """

    db: Database
    hub: Hub
    dialler: Dialler
    link_state: Callable[[], LinkState]
    settings: HttpSettings = field(default_factory=HttpSettings)
    demo: bool = False
    web_root: Path | None = None
    gauges: Callable[[], Mapping[str, float]] = dict
    latency: Histogram | None = None
    skew: Callable[[], float | None] = lambda: None
    auth: Auth | None = None
    recordings: Path | None = None
    documents: Path | None = None
    house_name: str = ""


DEPS: web.AppKey[Deps] = web.AppKey("deps", Deps)
AUTH: web.AppKey[Auth] = web.AppKey("auth", Auth)
TRAIL: web.AppKey[Trail] = web.AppKey("trail", Trail)
# `static_url("app.js")` -> the immutable URL of web/static/app.js, for templates.
STATIC_URL: web.AppKey[Callable[[str], str]] = web.AppKey("static_url", Callable[[str], str])  # type: ignore[arg-type]

# Answers by status, for /metrics.
REQUESTS: web.AppKey[Counter[int]] = web.AppKey("requests", Counter[int])

# Set on every request that passed authentication; public pages use `request.get(PERSON)`.
PERSON: web.RequestKey[Person] = web.RequestKey("person", Person)
REQUEST_ID: web.RequestKey[str] = web.RequestKey("request_id", str)
# True when the request proved itself by `Authorization: Bearer`, not by a cookie.
BY_TOKEN: web.RequestKey[bool] = web.RequestKey("by_token", bool)

# `(request, status, message, request_id) -> response`: how a person sees an error; the pages put theirs here.
ErrorPage = Callable[[web.Request, int, str, str], web.Response]
ERROR_PAGE: web.AppKey[ErrorPage] = web.AppKey("error_page", ErrorPage)  # type: ignore[arg-type]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
