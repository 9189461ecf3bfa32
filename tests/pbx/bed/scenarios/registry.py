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
TRIES = 3
STALLED = 0.4  # seconds in all that the phones may be kept from running


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


class StalledError(Exception):
    """The machine kept the phones from running while they played: what they did proves nothing."""


async def play(
    asterisk: Asterisk,
    name: str,
    recorder: Recorder | None = None,
    user: str = "pbxcrm",
    *,
    before: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Play a scenario to its end, all channels gone; return its truth: {asterisk, tech, region, devices, calls}.

    With a recorder, all that manager `user` is sent meanwhile is in it. On a machine that stalls the phones it is
    played again, at most twice; `before` is called each time. Raises AssertionError (PhoneError) or TimeoutError when
    the PBX does something else than the story says.
    """
    for _ in range(TRIES - 1):
        before()
        try:
            return await _play(asterisk, name, recorder, user, STALLED)
        except StalledError as stall:
            print(f"played again: {stall}")
    before()
    return await _play(asterisk, name, recorder, user, float("inf"))


async def _play(asterisk: Asterisk, name: str, recorder: Recorder | None, user: str, stalled: float) -> dict[str, Any]:
    story = SCENARIOS[name]
    office = Office(asterisk)
    try:
        async with asyncio.timeout(LIMIT), office:
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
    finally:
        if office.stalled > stalled:
            raise StalledError(f"{name}: the phones stood still for {office.stalled:.1f} s")
    return {"scenario": name, "says": story.says, **office.result()}
