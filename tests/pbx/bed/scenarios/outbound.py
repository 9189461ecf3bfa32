"""Calls we make: answered, busy, no answer, declined, no way through, given up by ourselves."""

from __future__ import annotations

import asyncio

from tests.pbx.bed.office import CUSTOMER, Office
from tests.pbx.bed.scenarios.registry import scenario


@scenario("outbound")
async def outbound_answered(o: Office) -> None:
    """Alice calls a customer, who answers and hangs up."""
    alice = await o.alice.dial(CUSTOMER)
    customer = await o.outside.rings()
    await asyncio.sleep(0.5)
    await customer.answer()
    await o.talk(alice, customer)
    await customer.hang_up()
    await o.ended(alice)
    o.outbound(alice, o.spell(alice, customer), number=CUSTOMER)


@scenario("outbound")
async def outbound_answered_we_end(o: Office) -> None:
    """Bob calls a customer, who answers; Bob hangs up."""
    bob = await o.bob.dial(CUSTOMER)
    customer = await o.outside.answers()
    await o.talk(bob, customer)
    await bob.hang_up()
    await o.ended(customer)
    o.outbound(bob, o.spell(bob, customer), number=CUSTOMER)


@scenario("outbound")
async def outbound_busy(o: Office) -> None:
    """Alice calls a customer, who is busy."""
    alice = await o.alice.dial(CUSTOMER)
    (await o.outside.invited()).reject(486)
    await o.ended(alice)
    o.outbound(alice, number=CUSTOMER, outcome="busy")


@scenario("outbound")
async def outbound_declined(o: Office) -> None:
    """Alice calls a customer, who declines."""
    alice = await o.alice.dial(CUSTOMER)
    customer = await o.outside.rings()
    await asyncio.sleep(0.3)
    customer.reject(603)
    await o.ended(alice)
    o.outbound(alice, number=CUSTOMER, outcome="declined")


@scenario("outbound")
async def outbound_no_answer(o: Office) -> None:
    """Alice calls a customer whose phone rings until the provider gives up."""
    alice = await o.alice.dial(CUSTOMER)
    customer = await o.outside.rings()
    await asyncio.sleep(0.8)
    customer.reject(480)
    await o.ended(alice)
    o.outbound(alice, number=CUSTOMER, outcome="missed")


@scenario("outbound")
async def outbound_given_up(o: Office) -> None:
    """Alice calls a customer and hangs up while it rings."""
    alice = await o.alice.dial(CUSTOMER)
    customer = await o.outside.rings()
    await alice.until("rang")
    await asyncio.sleep(0.8)
    await alice.hang_up()
    await o.ended(customer)
    o.outbound(alice, number=CUSTOMER, outcome="missed")


@scenario("outbound")
async def outbound_failed(o: Office) -> None:
    """Alice calls a customer; the provider has no way through."""
    alice = await o.alice.dial(CUSTOMER)
    (await o.outside.invited()).reject(503)
    await o.ended(alice)
    o.outbound(alice, number=CUSTOMER, outcome="failed")
