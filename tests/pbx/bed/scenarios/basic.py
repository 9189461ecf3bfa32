"""One call, one phone: answered, missed, busy, declined, given up; anonymous; two at once; between two of us."""

from __future__ import annotations

import asyncio

from tests.pbx.bed.office import OTHER_CUSTOMER, Office
from tests.pbx.bed.scenarios.registry import scenario


@scenario("inbound")
async def inbound_answered(o: Office) -> None:
    """A customer calls Alice; she answers; the customer hangs up."""
    customer = await o.incoming("10")
    alice = await o.alice.answers()
    await o.talk(customer, alice)
    await customer.hang_up()
    await o.ended(alice)
    o.inbound(customer, o.spell(alice, customer))


@scenario("inbound")
async def inbound_answered_agent_ends(o: Office) -> None:
    """A customer calls Alice; she answers; she hangs up."""
    customer = await o.incoming("10", name="Jan Kowalski")
    alice = await o.alice.rings()
    await asyncio.sleep(0.5)
    await alice.answer()
    await o.talk(customer, alice)
    await alice.hang_up()
    await o.ended(customer)
    o.inbound(customer, o.spell(alice, customer))


@scenario("inbound")
async def inbound_missed(o: Office) -> None:
    """A customer calls; Alice's phone rings until the PBX gives up."""
    customer = await o.incoming("11")
    alice = await o.alice.rings()
    await o.ended(alice, customer)
    o.inbound(customer, outcome="missed")


@scenario("inbound")
async def inbound_busy(o: Office) -> None:
    """A customer calls; Alice's phone is busy."""
    customer = await o.incoming("10")
    (await o.alice.invited()).reject(486)
    await o.ended(customer)
    o.inbound(customer, outcome="busy")


@scenario("inbound")
async def inbound_declined(o: Office) -> None:
    """A customer calls; Alice's phone rings and she declines."""
    customer = await o.incoming("10")
    alice = await o.alice.rings()
    await asyncio.sleep(0.3)
    alice.reject(603)
    await o.ended(customer)
    o.inbound(customer, outcome="declined")


@scenario("inbound")
async def inbound_caller_gives_up(o: Office) -> None:
    """A customer calls and hangs up while Alice's phone rings."""
    customer = await o.incoming("10")
    alice = await o.alice.rings()
    await customer.until("rang")
    await asyncio.sleep(0.5)
    await customer.hang_up()
    await o.ended(alice)
    o.inbound(customer, outcome="missed")


@scenario("inbound")
async def inbound_anonymous(o: Office) -> None:
    """Somebody who hides the number calls Alice; she answers."""
    customer = await o.incoming("10", anonymous=True)
    alice = await o.alice.answers()
    await o.talk(customer, alice)
    await customer.hang_up()
    await o.ended(alice)
    o.inbound(customer, o.spell(alice, customer), number=None)


@scenario("inbound")
async def inbound_same_number_twice(o: Office) -> None:
    """The same number calls twice at once: Alice answers one call, Bob the other."""
    first = await o.incoming("12")
    alice, bob, carol = [await phone.rings() for phone in (o.alice, o.bob, o.carol)]
    await alice.answer()
    second = await o.incoming("12")
    alice_again, bob_again, carol_again = [await phone.rings() for phone in (o.alice, o.bob, o.carol)]
    await bob_again.answer()
    await o.talk(second, bob_again, seconds=0.5)
    await o.talk(first, alice)
    await first.hang_up()
    await second.hang_up()
    await o.ended(alice, bob, carol, alice_again, bob_again, carol_again)
    o.inbound(first, o.spell(alice, first), rang=["alice", "bob", "carol"])
    o.inbound(second, o.spell(bob_again, second), rang=["alice", "bob", "carol"])


@scenario("inbound")
async def inbound_two_callers_one_agent(o: Office) -> None:
    """Two customers call Alice at once: she answers the second, the first gives up."""
    first = await o.incoming("10")
    alice_first = await o.alice.rings()
    second = await o.incoming("10", caller=OTHER_CUSTOMER)
    alice = await o.alice.rings()
    await alice.answer()
    await o.talk(second, alice, seconds=0.5)
    await first.hang_up()
    await o.ended(alice_first)
    await o.talk(second, alice, seconds=0.5)
    await second.hang_up()
    await o.ended(alice)
    o.inbound(first, outcome="missed", rang=["alice"])
    o.inbound(second, o.spell(alice, second), rang=["alice"], number=OTHER_CUSTOMER)


@scenario("internal")
async def internal_answered(o: Office) -> None:
    """Alice calls Bob; he answers; he hangs up."""
    alice = await o.alice.dial("102")
    bob = await o.bob.answers()
    await o.talk(alice, bob)
    await bob.hang_up()
    await o.ended(alice)
    o.internal(alice, bob)


@scenario("internal")
async def internal_missed(o: Office) -> None:
    """Alice calls Bob; his phone rings until the PBX gives up."""
    alice = await o.alice.dial("202")
    bob = await o.bob.rings()
    await o.ended(alice, bob)
    o.internal(alice, bob, outcome="missed")


@scenario("internal")
async def internal_busy(o: Office) -> None:
    """Alice calls Bob; his phone is busy."""
    alice = await o.alice.dial("102")
    bob = await o.bob.invited()
    bob.reject(486)
    await o.ended(alice)
    o.internal(alice, bob, outcome="busy")
