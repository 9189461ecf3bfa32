"""Fixtures of the PBX bed. All tests below this folder need the real Asterisk and carry the marker `pbx`.

`bed`: one running Asterisk 22 for the whole session; `await play(bed, "inbound_answered")` plays a scenario on it.
`played`: the scenarios of test_bed.py, played beside one another on several Asterisks; `played(name)` waits for one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.lanes import Lanes, Played

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.pbx)


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
def played(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Played]]:
    """`played(name)`: the recording and the truth of a scenario; all that are asked for play on three lanes at once."""
    wanted: list[str] = []
    for item in request.session.items:
        parameters: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
        if "played_name" in parameters:
            wanted.append(parameters["played_name"])
    lanes = Lanes(dict.fromkeys(wanted), lanes=3)
    try:
        yield lanes.result
    finally:
        lanes.stop()
