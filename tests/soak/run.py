"""One soak: a PBX, a database, faults for so long; then quiet, and the CRM's calls beside the truth."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.postgres import Server, server
from tests.soak.evidence import evidence
from tests.soak.faults import Ground
from tests.soak.house import House
from tests.soak.on_fake import FakePbxProcess
from tests.soak.proxy import Proxy
from tests.soak.verdict import Verdict, judge

PATIENCE = 600.0  # seconds for everything to come to rest, and to be found in the database
QUIET = 20.0  # seconds without a change after which nothing more is expected
HISTORY = 100.0  # and where the PBX's history may still mend something


@dataclass(frozen=True)
class Plan:
    """What to soak."""

    pbx: str  # fake or real
    database: str  # sqlite or postgres
    minutes: float
    seed: int
    rate: float  # calls a second, on the fake PBX
    cel: bool
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.pbx} PBX, {self.database}, {'with' if self.cel else 'without'} CEL, seed {self.seed}"


@dataclass
class Result:
    plan: Plan
    verdict: Verdict
    faults: Counter[str]
    seconds: float
    evidence: str

    def clean(self) -> bool:
        """Whether it is as promised: with CEL nothing is lost; without it nothing is wrong."""
        return self.verdict.keeps(cel=self.plan.cel)


@contextlib.contextmanager
def database(plan: Plan) -> Iterator[tuple[Server | None, dict[str, str]]]:
    """Where pbxcrm keeps its things: (the PostgreSQL, settings)."""
    if plan.database == "sqlite":
        yield None, {}
    else:
        with server() as postgres:
            yield postgres, {"database_url": postgres.empty()}


async def soak(plan: Plan) -> Result:
    """All of it. What happened lies in the plan's folder: diary, truth.jsonl, serve.log, problems."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with database(plan) as (postgres, settings):
        pbx = _pbx(plan)
        chance = random.Random(plan.seed)
        proxy = Proxy(pbx.port, chance)
        await proxy.start()
        house = House(plan.folder, ami_host="127.0.0.1", ami_port=str(proxy.port), ami_username=pbx.username,
                      ami_secret=pbx.secret, default_region="PL", **settings, **_history(plan, pbx))  # fmt: skip
        ground = Ground(house, proxy, pbx, postgres, chance, plan.folder / "diary")
        try:
            await asyncio.to_thread(house.people, pbx.devices)
            await asyncio.to_thread(house.start)
            await pbx.start()
            await asyncio.to_thread(house.ready)
            await ground.rage(asyncio.get_running_loop().time() + plan.minutes * 60)
            await pbx.drain()
            verdict, found = await _settle(plan, pbx, ground)
        finally:
            if house.alive():
                await asyncio.to_thread(house.kill)
            await proxy.stop()
            await pbx.stop()
    (plan.folder / "problems").write_text("\n".join([*verdict.problems, "", found, ""]))
    return Result(plan, verdict, ground.done, time.monotonic() - began, found)


def _pbx(plan: Plan) -> Any:
    if plan.pbx == "fake":
        return FakePbxProcess(plan.folder, plan.seed, plan.rate)
    from tests.soak.on_real import RealPbx

    return RealPbx(plan.folder, plan.seed)


def _history(plan: Plan, pbx: Any) -> dict[str, str]:
    """The settings that name the PBX's CEL file."""
    return {"cel": str(pbx.cel)} if plan.cel else {}


async def _settle(plan: Plan, pbx: Any, ground: Ground) -> tuple[Verdict, str]:
    """Until all is as promised, or nothing has changed for so long that nothing will; with the evidence."""
    quiet = HISTORY if plan.cel else QUIET
    end, changed, before = time.monotonic() + PATIENCE, time.monotonic(), ""
    while True:
        if await asyncio.to_thread(ground.house.settled):
            calls, deals = await asyncio.to_thread(ground.house.told)
            verdict = judge(pbx.truths(), calls, deals, ground.deaths)
            if repr(verdict) != before:
                before, changed = repr(verdict), time.monotonic()
            going = any(call["outcome"] == "ongoing" for call in calls)
            if not going and (verdict.keeps(cel=plan.cel) or time.monotonic() > changed + quiet):
                return verdict, evidence(verdict, plan.folder, pbx.truths(), calls)
        if time.monotonic() > end:
            raise AssertionError(f"pbxcrm does not come to rest: {ground.house.log.read_text()[-3000:]}")
        await asyncio.sleep(1)
