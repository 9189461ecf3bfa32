"""The main job on a real PBX: phones play, pbxcrm watches, and REST says what the phones say, field by field."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from pbxcrm.crm import views
from pbxcrm.replay import calls
from tests.fakes.process import Pbxcrm
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.lanes import Played
from tests.pbx.bed.scenarios import SCENARIOS, play
from tests.truth import compare

LIVE = [name for name in SCENARIOS if re.match(r"(inbound|group|queue|menu|voicemail|outbound|internal|click)_", name)]


@pytest.mark.parametrize("name", LIVE)
def test_rest_says_what_the_phones_say(name: str, bed: Asterisk, crm: Pbxcrm) -> None:
    before: set[str] = set()
    truth = asyncio.run(play(bed, name, before=lambda: before.update(call["id"] for call in crm.items("/calls"))))

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
