"""What the tests of the web side stand on: a house with its people, served on loopback."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, DummyCookieJar
from aiohttp.test_utils import TestServer

from pbxcrm.ami.errors import LinkDown
from pbxcrm.ami.originate import OriginateOutcome, originate_headers
from pbxcrm.crm.access import Scope
from pbxcrm.crm.dialling import DialPolicy
from pbxcrm.http.keys import Deps, HttpSettings
from pbxcrm.http.server import build
from pbxcrm.live.hub import Hub
from pbxcrm.service import people
from pbxcrm.service.auth import Auth
from pbxcrm.service.dial import Dialler
from pbxcrm.store.db import Database

both = pytest.mark.parametrize("db_url", ["sqlite", "postgres"], indirect=True)
SOUNDS = Path(__file__).parent / "sounds"
PASSWORD = "correct horse battery"
POLICY = DialPolicy(region="PL", per_live=100)


class Clock:
    """Time as the test says it is (epoch seconds)."""

    def __init__(self, now: float = 1_795_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def on(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Link:
    """How the link to the PBX is said to be."""

    up: bool = True
    since: float = 1_795_000_000.0
    reason: str = ""


class Pbx:
    """What the link would have sent: it counts, and answers as it is told."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.link = Link()
        self.answer: OriginateOutcome | Exception = OriginateOutcome("queued")

    async def originate(
        self,
        channel: str,
        context: str,
        exten: str,
        caller_id: str,
        timeout_ms: int,
        variables: Mapping[str, str],
        action_id: str,
    ) -> OriginateOutcome:
        originate_headers(channel, context, exten, caller_id, timeout_ms, variables, action_id)
        if isinstance(self.answer, LinkDown):
            raise self.answer  # nothing was sent
        self.sent.append({"channel": channel, "context": context, "exten": exten, "caller": caller_id, "id": action_id})
        await asyncio.sleep(0)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class Person:
    """Somebody of the house, with what proves it."""

    scope: Scope
    token: str
    cookie: str = ""

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def session(self) -> dict[str, str]:
        return {"Cookie": f"pbxcrm_session={self.cookie}"}


@dataclass
class House:
    """A served application. `people`: alice and bob of one team, charlie of none, mona who manages."""

    db: Database
    pbx: Pbx
    deps: Deps
    hub: Hub
    server: TestServer
    http: ClientSession
    people: dict[str, Person] = field(default_factory=dict)

    def url(self, path: str) -> str:
        return str(self.server.make_url(path))

    @property
    def origin(self) -> str:
        return f"http://{self.server.host}:{self.server.port}"

    async def ask(self, method: str, path: str, who: str | None = None, **more: Any) -> ClientResponse:
        """One request by token; the body is read."""
        headers = {**(self.people[who].bearer if who else {}), **more.pop("headers", {})}
        response = await self.http.request(method, self.url(path), headers=headers, allow_redirects=False, **more)
        await response.read()
        return response

    async def json(self, method: str, path: str, who: str, status: int = 200, **more: Any) -> Any:
        """The JSON of an answer that must have this status."""
        response = await self.ask(method, path, who, **more)
        assert response.status == status, (response.status, await response.text())
        return await response.json()


async def settle(db: Database) -> dict[str, Person]:
    """The people of every table of foreign eyes."""
    found = {}
    for name, role, team, device in (
        ("alice", "agent", "North", "PJSIP/101"),
        ("bob", "agent", "North", "PJSIP/102"),
        ("charlie", "agent", None, "PJSIP/103"),
        ("mona", "manager", None, "PJSIP/104"),
    ):
        await people.add_user(db, name, role, [device], team=team)
        token = await people.create_token(db, name)
        person = await Auth(db).by_token(token)
        assert person is not None
        found[name] = Person(person.scope, token)
    return found


@asynccontextmanager
async def house(db: Database, pbx: Any = None, policy: DialPolicy = POLICY, **settings: Any) -> AsyncIterator[House]:
    """A house served on a free loopback port; `pbx` is what dials, a Pbx when left out."""
    pbx, hub = pbx or Pbx(), Hub(db)
    dialler = Dialler(db, pbx.originate, policy, link_up=lambda: pbx.link.up)
    sounds = Path(tempfile.mkdtemp(prefix="pbxcrm-sounds-"))  # a copy: erasing a person erases recordings
    shutil.copytree(SOUNDS, sounds, dirs_exist_ok=True)
    limits = {"max_streams_session": 50} | settings
    papers = Path(tempfile.mkdtemp(prefix="pbxcrm-documents-"))
    folders = {"recordings": sounds, "documents": papers}
    deps = Deps(db, hub, dialler, lambda: pbx.link, HttpSettings(**limits), **folders, house_name="Nordlicht")
    running = asyncio.create_task(hub.run())
    server = TestServer(build(deps))
    await server.start_server(access_log=None, shutdown_timeout=0.5)
    http = ClientSession(cookie_jar=DummyCookieJar())
    try:
        yield House(db, pbx, deps, hub, server, http, await settle(db))
    finally:
        shutil.rmtree(sounds)
        shutil.rmtree(papers)
        await http.close()
        await server.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for a condition, a few ticks at a time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is somebody else's state, with no event to wait for
            await asyncio.sleep(0.005)


ROOT = Path(__file__).parent.parent.parent


def bare() -> Deps:
    """Dependencies enough to build an application and look at its routes; nothing of it runs."""
    from typing import cast

    return Deps(
        cast("Database", None),
        cast("Hub", None),
        cast("Dialler", None),
        Link,
        HttpSettings(),
        auth=cast("Auth", object()),
    )
