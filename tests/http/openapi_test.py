"""The API's description is true: every route is in it, and a fuzzer finds no 5xx and no answer not in it."""

import asyncio
import re
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pbxcrm.calls.model import _CALLS as CALLS
from pbxcrm.crm.access import Scope
from pbxcrm.http.live import KINDS
from pbxcrm.http.openapi import SPEC
from pbxcrm.http.openapi_schemas import DIAL_ID, ID, VERSION
from pbxcrm.service import (
    companies,
    contacts,
    custom_fields,
    lead_settings,
    leads,
    offers,
    people,
    recordings,
    relations,
)
from pbxcrm.service.import_work import Importer
from pbxcrm.store import dials
from pbxcrm.store.db import Database, Work
from pbxcrm.store.migrations import migrate
from tests.http import bed
from tests.http.things import LINES, differing, paper, things_of
from tests.security.foreign_eyes_test import routes

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


def test_every_route_is_described_and_nothing_else() -> None:
    described = {(method.upper(), path) for path, operations in SPEC["paths"].items() for method in operations}
    assert described == {(method, path) for method, path in routes() if path.startswith("/api/")}


def test_every_reference_leads_somewhere() -> None:
    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            yield from ([part["$ref"]] if "$ref" in part else ())
            part = list(part.values())
        for one in part if isinstance(part, list) else ():
            yield from references(one)

    for reference in set(references(SPEC)):
        place: Any = SPEC
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


CALL = str(uuid.uuid5(CALLS, "pbx\x001\0fuzz"))
DIAL = "1" * 32


def _known_dial(work: Work, user_id: int) -> None:
    row = {"id": DIAL, "user_id": user_id, "key": "known", "number": "+48601234567", "state": "sent"}
    dials.add(work.conn, {**row, "created_at": 0.0})
    work.journal("test", {}, None)


class Served:
    """A house in a thread of its own: the fuzzer blocks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self.url = self.token = self.admin = ""

    async def _serve(self) -> None:
        db = Database(f"sqlite+aiosqlite:///{self._folder}/pbxcrm.db", region="PL")
        await migrate(db)
        async with bed.house(db) as house:
            for _ in range(3):
                await things_of(house, house.people["alice"])
            assert await differing(db, house.people["alice"], "fuzz", "+48601234567") == CALL
            await recordings.keep(db, CALL, "call.wav")
            root = Scope(0, "root", "admin", peer="test")
            for one, other in ("12", "34", "56"):  # what is taken back from a contact is not theirs
                await relations.add(db, root, "company", one, "business_partner", ("company", other))
            await lead_settings.change_settings(db, root, used=True, limit=10_000, needs=0)
            await self._used_up(house)
            await db.writing(lambda work: _known_dial(work, house.people["mona"].scope.user_id))
            for name in ("Colour", "Size"):
                await custom_fields.create(db, root, {"thing": "deal", "name": name, "type": "text"})
            await people.add_user(db, "root", "admin", [])
            self.admin = await people.create_token(db, "root")
            importer = asyncio.create_task(Importer(db).run())
            self.url, self.token = house.url("").rstrip("/"), house.people["mona"].token
            self._ready.set()
            await self._stop.wait()
            importer.cancel()
        await db.close()

    async def _used_up(self, house: bed.House) -> None:
        """What operations change for good, each its own."""
        db, mona = house.db, house.people["mona"]
        made: dict[tuple[str, str], list[str]] = {}
        for path, method in USED_UP:
            make = MAKE[next(begin for begin in MAKE if path.startswith(f"/api/v1/{begin}"))]
            made[path, method] = [await make(house, mona) for _ in range(OWN)]
            if path.endswith(DECIDED):
                for one in made[path, method]:
                    await offers.send(db, mona.scope, one, 1)
        assert made == {one: list(own_ids(*one)[:-1]) for one in USED_UP}

    def __enter__(self) -> "Served":
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        self._loop.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("fuzz")) as running:
        yield running


FEW = (*"123456", "999")
OWN = 5  # things that one operation alone is asked for: what another claims or takes away would stay so


def near(part: Any, ids: tuple[str, ...] = FEW) -> Any:
    """The same description, with ids and versions that are there: at random a fuzzer would never meet one."""
    if isinstance(part, dict):
        if part.get("pattern") == ID["pattern"]:
            return {"type": part["type"], "enum": [*ids, *[None] * isinstance(part["type"], list)]}
        if part.get("format") == "uuid":
            return {"type": "string", "enum": [CALL, DIAL]}
        if part.get("pattern") == DIAL_ID["pattern"]:
            return {"type": "string", "enum": [DIAL, "0" * 32]}
        if part.get("maximum") == VERSION["maximum"]:
            return {"type": "integer", "minimum": 1, "maximum": 4}
        return {name: near(value, ids) for name, value in part.items()}
    return [near(one, ids) for one in part] if isinstance(part, list) else part


async def _contact(house: bed.House, mona: bed.Person) -> str:
    return str((await contacts.create(house.db, mona.scope, {"name": "There twice"}))["id"])


async def _company(house: bed.House, mona: bed.Person) -> str:
    return str((await companies.create(house.db, mona.scope, {"name": "There twice"}))["id"])


async def _lead(house: bed.House, mona: bed.Person) -> str:
    return str((await leads.create(house.db, mona.scope, {"name": "Lead", "owner": None}))["id"])


async def _offer(house: bed.House, mona: bed.Person) -> str:
    return str((await offers.create(house.db, mona.scope, "1", LINES))["id"])


async def _paper(house: bed.House, mona: bed.Person) -> str:
    return await paper(house, mona, "1")


# What makes one more, by where it is asked for; and how many of it `things_of`, asked three times, made before.
MAKE = {
    "contacts/{id}/merge": _contact,
    "companies/{id}/merge": _company,
    "leads/{id}": _lead,
    "offers/{id}": _offer,
    "documents/{id}": _paper,
}
BEFORE = {"contacts/{id}/merge": 6, "companies/{id}/merge": 6, "leads/{id}": 3, "offers/{id}": 6, "documents/{id}": 6}
DECIDED = ("/accept", "/decline", "/revise")  # of offers that were sent
USED_UP = [
    (path, method)
    for path, operations in SPEC["paths"].items()
    for method in operations
    if path.startswith(tuple(f"/api/v1/{begin}" for begin in MAKE))
    if not ("merge" in path and method == "get")
]


def own_ids(path: str, method: str) -> tuple[str, ...]:
    """Those that this operation is asked for alone, and one that is not there."""
    if (path, method) not in USED_UP:
        return FEW
    begin = next(begin for begin in MAKE if path.startswith(f"/api/v1/{begin}"))
    alike = [one for one in USED_UP if one[0].startswith(f"/api/v1/{begin}")]
    first = 1 + BEFORE[begin] + OWN * alike.index((path, method))
    return (*map(str, range(first, first + OWN)), "999")


# The stream is a WebSocket: live_test knows it better.
_GOES_IN = ("parameters", "requestBody")


def _ids(path: str, method: str, part: str) -> tuple[str, ...]:
    return own_ids(path, method) if part == "parameters" or path.endswith("/merge") else FEW


_FUZZED = {
    path: {
        method: {
            name: near(part, _ids(path, method, name)) if name in _GOES_IN else part for name, part in operation.items()
        }
        for method, operation in operations.items()
    }
    for path, operations in SPEC["paths"].items()
    if not path.endswith("/live")
}
_SCHEMA = schemathesis.openapi.from_dict({**SPEC, "paths": _FUZZED})
OPERATIONS = [one.ok() for one in _SCHEMA.get_all_operations()]


# What takes nothing cannot be asked wrongly.
WAYS = [
    pytest.param(operation, mode, id=f"{operation.label}-{mode.name.lower()}")
    for operation in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or operation.body or operation.query or operation.path_parameters
]


def test_every_operation_is_fuzzed_rightly_and_wrongly() -> None:
    """New ones too: all that is described but the stream, and wrongly whatever takes anything."""
    routed = {
        f"{method} {path}" for method, path in routes() if path.startswith("/api/") and not path.endswith("/live")
    }
    ways = {mode: {way.values[0].label for way in WAYS if way.values[1] is mode} for mode in GenerationMode}
    assert ways[GenerationMode.POSITIVE] == routed
    takes_nothing = {
        f"{method.upper()} {path}"
        for path, operations in SPEC["paths"].items()
        for method, operation in operations.items()
        if not operation.get("parameters") and not operation.get("requestBody")
    }
    assert ways[GenerationMode.NEGATIVE] == routed - takes_nothing


@pytest.mark.parametrize(("operation", "mode"), WAYS)
def test_the_fuzzer_finds_nothing(operation: Any, mode: GenerationMode, served: Served) -> None:
    token = served.admin if "administrators" in operation.definition.raw["summary"] else served.token
    headers = {"Authorization": f"Bearer {token}"}

    # Wrong bodies are quickly made; that a right one is among them needs more tries, and new ones each time.
    @settings(
        max_examples=80 if mode is GenerationMode.POSITIVE else 30,
        derandomize=False,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def fuzz(case: Any) -> None:
        response = case.call(base_url=served.url, headers=headers, timeout=20)
        # A longer line is refused by the HTTP parser itself, before there is an application to say it in JSON.
        assume(len(response.request.url or "") < 8000)
        SEEN[operation.label, response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    for _ in range(10 if mode is GenerationMode.POSITIVE else 1):
        fuzz()
        if got_through(operation.label):
            return


def got_through(label: str) -> bool:
    return any(SEEN[label, status] for status in (200, 201, 202, 204))


SEEN: Counter[tuple[str, int]] = Counter()


def test_the_fuzzer_got_through() -> None:
    """It is no use if it never gets past the door: each operation must have done its work at least once."""
    for operation in OPERATIONS:
        assert got_through(operation.label), operation.label


def test_every_route_that_is_no_page_is_told_in_the_docs() -> None:
    told = (bed.ROOT / "docs" / "rest.md").read_text()
    headings = set(re.findall(r"^### `([A-Z]+) (\S+)`$", told, re.MULTILINE))
    outside = {"/live", "/healthz", "/readyz", "/metrics", "/static/{version}/{name}"}
    assert headings == {(method, path) for method, path in routes() if path.startswith("/api/") or path in outside}
    for kind in KINDS:
        assert f"`{kind}`" in told, kind
