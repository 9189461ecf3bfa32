"""Names and families of scenarios, and how one is played."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.pbx.bed.ami import Recorder
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.office import Office

Script = Callable[[Office], Awaitable[None]]
LIMIT = 40.0  # seconds a scenario may take at most


@dataclass(frozen=True, slots=True)
class Scenario:
    """A story the phones can play. `family` is its folder among the golden files."""

    name: str
    family: str
    script: Script

    @property
    def says(self) -> str:
        """The story in a sentence."""
        return (self.script.__doc__ or "").strip()


SCENARIOS: dict[str, Scenario] = {}


def scenario(family: str) -> Callable[[Script], Script]:
    """Register an async function as a scenario of this family, under its own name."""

    def register(script: Script) -> Script:
        name = script.__name__
        assert name not in SCENARIOS, f"two scenarios are called {name}"
        SCENARIOS[name] = Scenario(name, family, script)
        return script

    return register


async def play(asterisk: Asterisk, name: str, recorder: Recorder | None = None, user: str = "pbxcrm") -> dict[str, Any]:
    """Play a scenario to its end, all channels gone; return its truth: {asterisk, tech, region, devices, calls}.

    With a recorder, all that manager `user` is sent meanwhile is in it. Raises AssertionError (PhoneError) or
    TimeoutError when the PBX does something else than the story says.
    """
    story = SCENARIOS[name]
    async with asyncio.timeout(LIMIT), Office(asterisk) as office:
        assert office.control is not None
        await office.control.idle()
        if recorder:
            await recorder.start(asterisk.host, asterisk.ami_port, user, asterisk.secret)
        try:
            await story.script(office)
            await office.control.idle()
            if recorder:
                await recorder.quiet(ended=not office.restarted)
            office.prove()
        finally:
            if recorder:
                await recorder.stop()
        return {"scenario": name, "says": story.says, **office.result()}
