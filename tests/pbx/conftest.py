"""Fixtures of the PBX bed. All tests below this folder need the real Asterisk and carry the marker `pbx`.

`bed`: one running Asterisk 22 for the whole session; `await play(bed, "inbound_answered")` plays a scenario on it.
`played`: the scenarios of test_bed.py, played beside one another on several Asterisks.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.browser.conftest import ARGS
from tests.fakes.process import Pbxcrm
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.fetch import FetchError, fetch
from tests.pbx.bed.lanes import KINDS, Lanes, Played
from tests.pbx.bed.record import golden
from tests.pbx.screens import PASSWORD

LANES = {"22": 3, "16": 2, "16-sip": 2}  # Asterisks at once; each costs a few per cent of a core
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.pbx)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Bring Asterisk in before the first test's clock runs: a fresh machine needs a minute for it."""
    ours = [item for item in session.items if HERE in item.path.parents]
    if not ours or session.config.option.collectonly:
        return
    kinds = {item.callspec.params.get("kind", "22") for item in ours if hasattr(item, "callspec")}
    try:
        for major in sorted({"22", *(KINDS[kind][0] for kind in kinds)}):
            fetch(major)
    except FetchError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def bed() -> Iterator[Asterisk]:
    """A running Asterisk 22. Fetched first where the cache is empty."""
    asterisk = Asterisk("22")
    asyncio.run(asterisk.start())
    try:
        yield asterisk
    finally:
        asterisk.stop()


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest) -> Iterator[Callable[..., Played]]:
    """`played(name, kind="22")`: the recording and the truth of a scenario.

    All scenarios that the collected tests ask for, by the parameters `played_name` and `kind`, play at once from the
    first call on, on several Asterisks of each kind.
    """
    wanted: dict[str, dict[str, None]] = {}
    for item in request.session.items:
        parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
        if "played_name" in parameters:
            wanted.setdefault(parameters.get("kind", "22"), {})[parameters["played_name"]] = None
    pools = {kind: Lanes(names, kind, LANES[kind]) for kind, names in wanted.items()}

    def result(name: str, kind: str = "22") -> Played:
        return pools[kind].result(name)

    try:
        yield result
    finally:
        for pool in pools.values():
            pool.stop()


@pytest.fixture(scope="session")
def crm(bed: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pbxcrm]:
    """pbxcrm beside the bed's Asterisk, with its people; `crm.token` is a manager's."""
    crm = Pbxcrm(
        tmp_path_factory.mktemp("crm"),
        ami_host=bed.host,
        ami_port=str(bed.ami_port),
        ami_username="pbxcrm",
        ami_secret=bed.secret,
        default_region="PL",
    )
    people: dict[str, list[str]] = {}
    known = json.loads(golden("inbound_answered").with_suffix(".json").read_text())["devices"]
    for device, person in known.items():
        people.setdefault(person, []).append(device)
    for person, devices in people.items():
        phones = [word for device in devices for word in ("--device", device)]
        crm.must("user", "add", person, "--role", "agent", *phones, "--password-stdin", stdin=PASSWORD)
    crm.must("user", "add", "mona", "--role", "manager")
    crm.token = crm.must("token", "create", "mona").strip()
    try:
        yield crm.start().ready()
        assert crm.stop() == 0
    finally:
        if crm.process is not None:
            crm.kill()


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        path = shutil.which("chromium")
        assert path, "These tests drive Debian's Chromium: apt-get install chromium"
        browser = await playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        await browser.close()
