"""The bed itself: Asterisk comes up whole, and every scenario plays as its golden file says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.lanes import KINDS, Played
from tests.pbx.bed.record import golden
from tests.pbx.bed.scenarios import SCENARIOS, play

# What the clocks of one run cannot share with those of another.
CLOCKS = ("started_at", "answered_at", "ended_at", "talk_seconds")


def story(truth: dict[str, Any]) -> list[dict[str, Any]]:
    """The truth's calls without times."""
    calls = []
    for call in truth["calls"]:
        kept = {key: value for key, value in call.items() if key not in CLOCKS}
        kept["talks"] = [(talk["user"], talk["device"]) for talk in call["talks"]]
        kept["transfers"] = [(t["kind"], t["by"], t["to"]) for t in call["transfers"]]
        calls.append(kept)
    return calls


# A caller gave up while the phone answered: a race of that call, nothing of the PBX's that is broken.
GIVEN_UP = "Session already DISCONNECTED [reason=487 (Request Terminated)]"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("played_name", SCENARIOS)
def test_scenario_plays_as_recorded(played_name: str, kind: str, played: Callable[..., Played]) -> None:
    """Phones agree among themselves (play proves it by ear) and with the committed recording's truth."""
    now = played(played_name, kind)
    recorded = json.loads(golden(played_name, *KINDS[kind]).with_suffix(".json").read_text())
    assert story(now.truth) == story(recorded)
    assert now.stream.startswith(b"Asterisk Call Manager/")
    assert now.stream.count(b"Event: Newchannel\r\n") >= len(now.truth["calls"])


@pytest.mark.asyncio
async def test_asterisk_is_whole(bed: Asterisk) -> None:
    """Nothing failed to load, SIP is heard on UDP, and the process can be weighed."""
    complaints = [line for line in bed.log().splitlines() if " ERROR[" in line and GIVEN_UP not in line]
    assert complaints == []
    assert f"{bed.sip_host}:{bed.sip_port}" in await bed.command("pjsip show transports")
    assert bed.cpu_seconds() > 0


@pytest.mark.asyncio
async def test_one_bed_plays_twice(bed: Asterisk) -> None:
    """The same phones serve one scenario after the other, each in its own event loop."""
    first = await play(bed, "inbound_busy")
    second = await play(bed, "inbound_busy")
    assert story(first) == story(second)
