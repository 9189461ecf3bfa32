"""Click-to-call: my phone rings, I pick up, the customer is dialled."""

from __future__ import annotations

import asyncio

from tests.pbx.bed.office import CUSTOMER, Office
from tests.pbx.bed.scenarios.registry import scenario


@scenario("click")
async def click_answered(o: Office) -> None:
    """Alice picks up, the customer is dialled and answers; Alice hangs up."""
    await o.originate(o.alice, CUSTOMER)
    alice = await o.alice.rings()
    await asyncio.sleep(0.3)
    await alice.answer()
    customer = await o.outside.rings()
    await asyncio.sleep(0.3)
    await customer.answer()
    await o.talk(alice, customer)
    await alice.hang_up()
    await o.ended(customer)
    o.outbound(alice, o.spell(alice, customer), number=CUSTOMER)


@scenario("click")
async def click_customer_ends(o: Office) -> None:
    """Bob picks up, the customer answers and hangs up."""
    await o.originate(o.bob, CUSTOMER)
    bob = await o.bob.answers()
    customer = await o.outside.answers()
    await o.talk(bob, customer)
    await customer.hang_up()
    await o.ended(bob)
    o.outbound(bob, o.spell(bob, customer), number=CUSTOMER)


@scenario("click")
async def click_not_picked_up(o: Office) -> None:
    """Alice does not pick up her own phone: the customer is never dialled."""
    await o.originate(o.alice, CUSTOMER)
    alice = await o.alice.rings()
    await o.ended(alice)
    o.outbound(alice, number=CUSTOMER, outcome="failed")


@scenario("click")
async def click_declined_here(o: Office) -> None:
    """Alice declines on her own phone."""
    await o.originate(o.alice, CUSTOMER)
    alice = await o.alice.rings()
    alice.reject(603)
    o.outbound(alice, number=CUSTOMER, outcome="failed")


@scenario("click")
async def click_customer_busy(o: Office) -> None:
    """Alice picks up; the customer is busy."""
    await o.originate(o.alice, CUSTOMER)
    alice = await o.alice.answers()
    (await o.outside.invited()).reject(486)
    await o.ended(alice)
    o.outbound(alice, number=CUSTOMER, outcome="busy")


@scenario("click")
async def click_customer_silent(o: Office) -> None:
    """Alice picks up; the customer's phone rings until the provider gives up."""
    await o.originate(o.alice, CUSTOMER)
    alice = await o.alice.answers()
    customer = await o.outside.rings()
    await asyncio.sleep(0.8)
    customer.reject(480)
    await o.ended(alice)
    o.outbound(alice, number=CUSTOMER, outcome="missed")


@scenario("click")
async def click_refused_by_dialplan(o: Office) -> None:
    """Alice picks up; the dialplan lets the number not out."""
    number = "+1900555010101"
    await o.originate(o.alice, number)
    alice = await o.alice.answers()
    await o.ended(alice)
    o.outbound(alice, number=number, outcome="failed").unsure = ["number"]  # no number at all, to a strict reader
