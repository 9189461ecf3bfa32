"""The dialplan asks pbxcrm who calls: our name on the phone's display, the own salesperson first, and never a delay."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.process import Pbxcrm, free_port
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.call import Call
from tests.pbx.bed.office import CUSTOMER, OTHER_CUSTOMER, Office

pytestmark = pytest.mark.asyncio
NAME = "Zofia Nowak-Łącka"
LIMIT = 1.0  # seconds that a caller may wait for pbxcrm at most


@pytest.fixture(scope="module")
def crm(bed: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pbxcrm]:
    """pbxcrm that answers the dialplan; Bob's customer is CUSTOMER."""
    crm = Pbxcrm(
        tmp_path_factory.mktemp("agi"),
        ami_host=bed.host,
        ami_port=str(bed.ami_port),
        ami_secret=bed.secret,
        default_region="PL",
        agi_port=str(free_port()),
    )
    crm.must("user", "add", "bob", "--role", "agent", "--device", f"{bed.tech}/102")
    crm.must("user", "add", "mona", "--role", "manager")
    crm.token = crm.must("token", "create", "mona").strip()
    crm.start().ready()
    body = {"name": NAME, "numbers": [CUSTOMER], "owner": "bob"}
    assert crm.call("/api/v1/contacts", body)[0] == 201
    try:
        yield crm
    finally:
        if crm.process is not None:
            crm.kill()


@asynccontextmanager
async def office(bed: Asterisk, at: str) -> AsyncIterator[Office]:
    """The office, whose dialplan asks at this address."""
    await bed.command(f"dialplan set global PBXCRM_AGI {at}")
    async with Office(bed) as found:
        yield found


def shown(call: Call) -> str:
    """The display name in the From header, as the phone received it."""
    return call.remote.partition("<")[0].strip().strip('"')


async def rings_alice(o: Office, caller: str = CUSTOMER) -> tuple[str, float]:
    """(what Alice's phone shows, seconds until it rang) of a call to way 40."""
    began = time.monotonic()
    customer = await o.incoming("40", caller=caller, name="Wire Name")
    alice = await o.alice.rings()
    took = time.monotonic() - began
    await customer.hang_up()
    await o.ended(alice)
    await o.idle()
    return shown(alice), took


async def test_the_phone_shows_our_name(bed: Asterisk, crm: Pbxcrm) -> None:
    async with office(bed, f"127.0.0.1:{crm.environ['PBXCRM_AGI_PORT']}") as o:
        assert (await rings_alice(o))[0] == NAME
        assert (await rings_alice(o, OTHER_CUSTOMER))[0] == "Wire Name"


async def test_the_own_salesperson_rings_first(bed: Asterisk, crm: Pbxcrm) -> None:
    async with office(bed, f"127.0.0.1:{crm.environ['PBXCRM_AGI_PORT']}") as o:
        customer = await o.incoming("41")
        bob = await o.bob.rings()
        assert shown(bob) == NAME
        assert o.alice.calls == []
        await o.ended(bob)  # he does not answer: then both
        first, second = await o.alice.rings(), await o.bob.rings()
        assert bob.ended is not None
        assert first.invited is not None
        assert first.invited >= bob.ended - 0.5
        await first.answer()
        await o.talk(customer, first)
        await customer.hang_up()
        await o.ended(first, second)
        await o.idle()

        customer = await o.incoming("41", caller=OTHER_CUSTOMER)  # nobody's customer: both at once
        first, second = await o.alice.rings(), await o.bob.rings()
        await customer.hang_up()
        await o.ended(first, second)
        await o.idle()


async def test_a_stalled_pbxcrm_delays_no_call(bed: Asterisk, crm: Pbxcrm) -> None:
    assert crm.process is not None
    async with office(bed, f"127.0.0.1:{crm.environ['PBXCRM_AGI_PORT']}") as o:
        usual = (await rings_alice(o))[1]
        os.kill(crm.process.pid, signal.SIGSTOP)
        try:
            name, took = await rings_alice(o)
            customer = await o.incoming("41")  # both questions in vain, and the call still has no limit of its own
            alice = await o.alice.answers()
            await asyncio.sleep(1)
            await o.talk(customer, alice)
            assert customer.ended is None
            await customer.hang_up()
            await o.ended(alice)
            await o.idle()
        finally:
            os.kill(crm.process.pid, signal.SIGCONT)
        assert name == "Wire Name"
        assert took < usual + LIMIT
        crm.until(lambda: crm.status("/healthz") == 200, "go on")
        assert (await rings_alice(o))[0] == NAME


async def test_no_pbxcrm_delays_no_call(bed: Asterisk, tmp_path: Path) -> None:
    async with office(bed, f"127.0.0.1:{free_port()}") as o:
        name, took = await rings_alice(o)
        assert name == "Wire Name"
        assert took < LIMIT
    with socket.create_server(("127.0.0.1", 0), backlog=1) as deaf:  # listens, and never takes anybody
        async with office(bed, f"127.0.0.1:{deaf.getsockname()[1]}") as o:
            for _ in range(2):
                name, took = await rings_alice(o)
                assert (name, took < LIMIT + 0.5) == ("Wire Name", True)


async def test_a_name_cannot_be_more_than_a_name(bed: Asterisk, crm: Pbxcrm) -> None:
    number = "+48225550909"
    body = {"name": 'x", 1)\n${SHELL(id)}$[1+1]&PJSIP/103,,', "numbers": [number], "owner": "bob"}
    assert crm.call("/api/v1/contacts", body)[0] == 201
    async with office(bed, f"127.0.0.1:{crm.environ['PBXCRM_AGI_PORT']}") as o:
        name, _ = await rings_alice(o, number)
        assert name.startswith("x")
        assert not set('"${}&()[]') & set(name)
        assert "uid=" not in name
