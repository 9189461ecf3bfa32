"""Several phones for one caller: ring groups, queues, a menu before a queue, voicemail behind a phone."""

from __future__ import annotations

import asyncio

from tests.pbx.bed.call import Call
from tests.pbx.bed.office import Office
from tests.pbx.bed.scenarios.registry import scenario


async def ring_all(o: Office) -> tuple[Call, Call, Call]:
    """Alice's, Bob's and Carol's phones ring."""
    return await o.alice.rings(), await o.bob.rings(), await o.carol.rings()


@scenario("group")
async def group_second_answers(o: Office) -> None:
    """A ring group of three; Bob answers, the others fall silent."""
    customer = await o.incoming("12")
    alice, bob, carol = await ring_all(o)
    await asyncio.sleep(0.5)
    await bob.answer()
    await o.ended(alice, carol)
    await o.talk(customer, bob)
    await customer.hang_up()
    await o.ended(bob)
    o.inbound(customer, o.spell(bob, customer))


@scenario("group")
async def group_one_busy(o: Office) -> None:
    """A ring group of three; Alice is busy, Bob declines, Carol answers."""
    customer = await o.incoming("12")
    (await o.alice.invited()).reject(486)
    bob, carol = await o.bob.rings(), await o.carol.rings()
    bob.reject(603)
    await asyncio.sleep(0.3)
    await carol.answer()
    await o.talk(customer, carol)
    await carol.hang_up()
    await o.ended(customer)
    o.inbound(customer, o.spell(carol, customer))


@scenario("queue")
async def queue_answered(o: Office) -> None:
    """A queue rings all three; Carol answers."""
    customer = await o.incoming("13")
    alice, bob, carol = await ring_all(o)
    await asyncio.sleep(0.3)
    await carol.answer()
    await o.ended(alice, bob)
    await o.talk(customer, carol)
    await customer.hang_up()
    await o.ended(carol)
    o.inbound(customer, o.spell(carol, customer))


@scenario("queue")
async def queue_abandoned(o: Office) -> None:
    """A queue rings all three; the caller leaves before anybody answers."""
    customer = await o.incoming("13")
    legs = await ring_all(o)
    await asyncio.sleep(0.7)
    await customer.hang_up()
    await o.ended(*legs)
    o.inbound(customer, outcome="abandoned")


@scenario("queue")
async def queue_gives_up(o: Office) -> None:
    """A queue rings all three until its own time is over and the PBX hangs up."""
    customer = await o.incoming("28")
    legs = await ring_all(o)
    await o.ended(*legs, customer)
    o.inbound(customer, outcome="missed")  # the caller did not leave, whatever QueueCallerAbandon says


@scenario("queue")
async def queue_linear_second_answers(o: Office) -> None:
    """A linear queue: Alice's phone rings in vain, then Bob answers."""
    customer = await o.incoming("14")
    alice = await o.alice.rings()
    bob = await o.bob.rings()
    await o.ended(alice)
    await bob.answer()
    await o.talk(customer, bob)
    await bob.hang_up()
    await o.ended(customer)
    o.inbound(customer, o.spell(bob, customer))


@scenario("queue")
async def queue_rrmemory_second_answers(o: Office) -> None:
    """A round-robin queue: whoever it tries first stays silent, the other answers."""
    customer = await o.incoming("15")
    phones = {o.alice: o.bob, o.bob: o.alice}
    tries = [asyncio.ensure_future(phone.rings()) for phone in phones]
    done, waiting = await asyncio.wait(tries, return_when=asyncio.FIRST_COMPLETED)
    silent = done.pop().result()
    answering = await waiting.pop()
    await o.ended(silent)
    await answering.answer()
    await o.talk(customer, answering)
    await customer.hang_up()
    await o.ended(answering)
    o.inbound(customer, o.spell(answering, customer))


@scenario("queue")
async def menu_then_queue(o: Office) -> None:
    """A menu: the caller presses 1 and gets the queue; Alice answers."""
    customer = await o.incoming("16")
    await customer.until("answered")
    await asyncio.sleep(0.3)
    await customer.press("1")
    alice, bob, carol = await ring_all(o)
    await alice.answer()
    await o.ended(bob, carol)
    await o.talk(customer, alice)
    await customer.hang_up()
    await o.ended(alice)
    o.inbound(customer, o.spell(alice, customer))


@scenario("queue")
async def menu_given_up(o: Office) -> None:
    """A menu: the caller listens and hangs up without a key."""
    customer = await o.incoming("16")
    await customer.until("answered")
    await asyncio.sleep(0.5)
    await customer.hang_up()
    o.inbound(customer, outcome="missed")


@scenario("voicemail")
async def voicemail_left(o: Office) -> None:
    """Alice's phone rings in vain; the caller speaks to the voicemail."""
    customer = await o.incoming("17")
    alice = await o.alice.rings()
    await o.ended(alice)
    await customer.until("answered")
    await asyncio.sleep(1.5)
    await customer.hang_up()
    o.inbound(customer, outcome="voicemail")


@scenario("voicemail")
async def voicemail_at_once(o: Office) -> None:
    """Nobody's phone rings: the number leads straight to the voicemail."""
    customer = await o.incoming("31")
    await customer.until("answered")
    await asyncio.sleep(1.5)
    await customer.hang_up()
    o.inbound(customer, outcome="voicemail")
