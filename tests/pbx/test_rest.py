"""The main job on a real PBX: phones play, pbxcrm watches, and REST says what the phones say, field by field."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pbxcrm.crm import views
from pbxcrm.replay import calls
from tests.fakes.process import Pbxcrm
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.lanes import Played
from tests.pbx.bed.record import golden
from tests.pbx.bed.scenarios import SCENARIOS, play
from tests.truth import compare

LIVE = [name for name in SCENARIOS if re.match(r"(inbound|group|queue|menu|voicemail|outbound|internal|click)_", name)]


@pytest.fixture(scope="session")
def crm(bed: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pbxcrm]:
    """pbxcrm beside the bed's Asterisk, with its people."""
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
        crm.must("user", "add", person, "--role", "agent", *(word for d in devices for word in ("--device", d)))
    crm.must("user", "add", "mona", "--role", "manager")
    crm.token = crm.must("token", "create", "mona").strip()
    try:
        yield crm.start().ready()
        assert crm.stop() == 0
    finally:
        if crm.process is not None:
            crm.kill()


@pytest.mark.parametrize("name", LIVE)
def test_rest_says_what_the_phones_say(name: str, bed: Asterisk, crm: Pbxcrm) -> None:
    before = {call["id"] for call in crm.items("/calls")}
    truth = asyncio.run(play(bed, name))

    def done() -> list[dict[str, Any]]:
        new = [call for call in crm.items("/calls") if call["id"] not in before]
        return new if len(new) >= len(truth["calls"]) and all(call["ended_at"] for call in new) else []

    found = crm.until(done, f"store the calls of {name}")
    problems = compare(found, truth["calls"])
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("played_name", SCENARIOS)
def test_a_fresh_recording_reads_as_the_phones_say(played_name: str, played: Callable[[str], Played]) -> None:
    now = played(played_name)
    found = calls(now.stream, now.truth["devices"].items(), region=now.truth["region"])
    problems = compare([views.call(call) for call in found], now.truth["calls"])
    assert not problems, "\n".join(problems)
