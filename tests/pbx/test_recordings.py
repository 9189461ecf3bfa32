"""MixMonitor on the real Asterisk records a call; pbxcrm finds the file and lets it be heard."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.process import Pbxcrm
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.office import Office


@pytest.fixture(scope="module")
def crm(bed: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pbxcrm]:
    """pbxcrm that knows where the PBX's recordings lie."""
    folder = bed.run / "spool/monitor"
    folder.mkdir(parents=True, exist_ok=True)
    crm = Pbxcrm(
        tmp_path_factory.mktemp("recordings"),
        ami_host=bed.host,
        ami_port=str(bed.ami_port),
        ami_secret=bed.secret,
        default_region="PL",
        recordings=str(folder),
    )
    crm.must("user", "add", "alice", "--role", "agent", "--device", f"{bed.tech}/101")
    crm.must("user", "add", "mona", "--role", "manager")
    crm.token = crm.must("token", "create", "mona").strip()
    try:
        yield crm.start().ready()
    finally:
        crm.kill()


def fetch(crm: Pbxcrm, path: str) -> tuple[str, bytes]:
    """(type, bytes) of what lies at this address."""
    request = urllib.request.Request(crm.url + path, headers={"Authorization": f"Bearer {crm.token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.headers["Content-Type"]), answer.read()


@pytest.mark.asyncio
@pytest.mark.parametrize(("way", "number"), [("43", "+48225550843"), ("44", "+48225550844")])
async def test_a_recorded_call_is_heard(bed: Asterisk, crm: Pbxcrm, way: str, number: str) -> None:
    async with Office(bed) as office:
        customer = await office.incoming(way, caller=number)
        alice = await office.alice.answers()
        await office.talk(customer, alice, seconds=1)
        await customer.hang_up()
        await office.ended(alice)
        await office.idle()

    def recorded() -> dict[str, Any] | None:
        return next((call for call in crm.items("/calls") if call["number"] == number and call["recording"]), None)

    call = await asyncio.to_thread(crm.until, recorded, "find the recording")
    kind, sound = await asyncio.to_thread(fetch, crm, call["recording"])
    assert (kind, sound[:4]) == ("audio/wav", b"RIFF")
    assert len(set(sound[44:])) > 1  # and it is not silence
