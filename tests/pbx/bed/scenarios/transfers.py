"""Blind transfers, by the phone (REFER) and by keys (##): to people, groups, queues, menus, voicemail; chains."""

from __future__ import annotations

import asyncio
import time

from tests.pbx.bed.call import Call
from tests.pbx.bed.office import CUSTOMER, Office, Talk, Transfer
from tests.pbx.bed.scenarios.groups import ring_all
from tests.pbx.bed.scenarios.registry import scenario


async def blind(leg: Call, number: str, linger: float = 0.15) -> float:
    """Transfer by REFER and hang up after `linger` seconds, as phones do; returns when.

    A BYE in the very moment of the REFER races the PBX: it can cut the customer off, or leave a channel for ever.
    """
    at = time.time()
    await leg.refer(number)
    await asyncio.sleep(linger)
    await leg.hang_up()
    return at


async def keys(leg: Call, number: str) -> float:
    """Transfer by ## and the number; the PBX hangs up on who transferred. Returns when."""
    at = time.time()
    await leg.press("##" + number)
    await leg.until("ended")
    return at


@scenario("blind")
async def blind_refer_answered(o: Office) -> None:
    """Alice answers and transfers to Bob, who answers."""
    customer, alice = await o.customer_with_alice()
    at = await blind(alice, "102")
    bob = await o.bob.answers()
    await o.talk(customer, bob)
    await customer.hang_up()
    await o.ended(bob)
    passed = Transfer("blind", at, "alice", "bob")
    o.inbound(customer, o.spell(alice, customer), o.spell(bob, customer), transfers=[passed])


@scenario("blind")
async def blind_refer_busy(o: Office) -> None:
    """Alice transfers to Bob, whose phone is busy: the customer is cut off."""
    customer, alice = await o.customer_with_alice()
    await blind(alice, "102")
    (await o.bob.invited()).reject(486)
    await o.ended(customer)
    o.inbound(customer, o.spell(alice, customer))


@scenario("blind")
async def blind_refer_declined(o: Office) -> None:
    """Alice transfers to Bob, who declines: the customer is cut off."""
    customer, alice = await o.customer_with_alice()
    await blind(alice, "102")
    bob = await o.bob.rings()
    await asyncio.sleep(0.3)
    bob.reject(603)
    await o.ended(customer)
    o.inbound(customer, o.spell(alice, customer))


@scenario("blind")
async def blind_refer_returned(o: Office) -> None:
    """Alice transfers to Bob, who does not answer: the call comes back and she answers again."""
    customer, alice = await o.customer_with_alice()
    await blind(alice, "202")
    bob = await o.bob.rings()
    again = await o.alice.answers()
    await o.ended(bob)
    await o.talk(customer, again)
    await again.hang_up()
    await o.ended(customer)
    o.inbound(customer, o.spell(alice, customer), o.spell(again, customer))


@scenario("blind")
async def blind_refer_caller_leaves(o: Office) -> None:
    """Alice transfers to Bob; the customer hangs up while his phone rings."""
    customer, alice = await o.customer_with_alice()
    await blind(alice, "102")
    bob = await o.bob.rings()
    await asyncio.sleep(0.5)
    await customer.hang_up()
    await o.ended(bob)
    o.inbound(customer, o.spell(alice, customer))


@scenario("blind")
async def blind_keys_answered(o: Office) -> None:
    """Alice transfers to Bob by keys; he answers."""
    customer, alice = await o.customer_with_alice()
    at = await keys(alice, "102")
    bob = await o.bob.answers()
    await o.talk(customer, bob)
    await bob.hang_up()
    await o.ended(customer)
    passed = Transfer("blind", at, "alice", "bob")
    o.inbound(customer, o.spell(alice, customer, muffled=True), o.spell(bob, customer), transfers=[passed])


@scenario("blind")
async def blind_keys_busy(o: Office) -> None:
    """Alice transfers to Bob by keys; his phone is busy: the customer is cut off."""
    customer, alice = await o.customer_with_alice()
    await keys(alice, "102")
    (await o.bob.invited()).reject(486)
    await o.ended(customer)
    o.inbound(customer, o.spell(alice, customer, muffled=True))


@scenario("blind")
async def blind_keys_returned(o: Office) -> None:
    """Alice transfers to Bob by keys; he does not answer: the call comes back and she answers again."""
    customer, alice = await o.customer_with_alice()
    await keys(alice, "202")
    bob = await o.bob.rings()
    again = await o.alice.answers()
    await o.ended(bob)
    await o.talk(customer, again)
    await customer.hang_up()
    await o.ended(again)
    o.inbound(customer, o.spell(alice, customer, muffled=True), o.spell(again, customer))


@scenario("chain")
async def chain_two_blind(o: Office) -> None:
    """Alice transfers to Bob, Bob to Carol."""
    customer, alice = await o.customer_with_alice()
    first = await blind(alice, "102")
    bob = await o.bob.answers()
    await o.talk(customer, bob, seconds=0.7)
    second = await blind(bob, "103")
    carol = await o.carol.answers()
    await o.talk(customer, carol, seconds=0.7)
    await customer.hang_up()
    await o.ended(carol)
    passed = [Transfer("blind", first, "alice", "bob"), Transfer("blind", second, "bob", "carol")]
    spells = [o.spell(leg, customer) for leg in (alice, bob, carol)]
    o.inbound(customer, *spells, transfers=passed)


@scenario("chain")
async def chain_three_and_back(o: Office) -> None:
    """Alice to Bob, Bob to Carol by keys, Carol back to Alice."""
    customer, alice = await o.customer_with_alice()
    first = await blind(alice, "102")
    bob = await o.bob.answers()
    await o.talk(customer, bob, seconds=0.5)
    second = await keys(bob, "103")
    carol = await o.carol.answers()
    await o.talk(customer, carol, seconds=0.5)
    third = await blind(carol, "101")
    again = await o.alice.answers()
    await o.talk(customer, again, seconds=0.5)
    await again.hang_up()
    await o.ended(customer)
    passed = [
        Transfer("blind", first, "alice", "bob"),
        Transfer("blind", second, "bob", "carol"),
        Transfer("blind", third, "carol", "alice"),
    ]
    spells = [o.spell(alice, customer), o.spell(bob, customer, muffled=True), o.spell(carol, customer)]
    o.inbound(customer, *spells, o.spell(again, customer), transfers=passed)


@scenario("chain")
async def queue_then_blind(o: Office) -> None:
    """A queue: Bob answers and transfers to Dave."""
    customer = await o.incoming("13")
    alice, bob, carol = await ring_all(o)
    await bob.answer()
    await o.ended(alice, carol)
    await o.talk(customer, bob, seconds=0.7)
    at = await blind(bob, "104")
    dave = await o.dave.answers()
    await o.talk(customer, dave, seconds=0.7)
    await customer.hang_up()
    await o.ended(dave)
    passed = Transfer("blind", at, "bob", "dave")
    o.inbound(customer, o.spell(bob, customer), o.spell(dave, customer), transfers=[passed])


@scenario("onward")
async def blind_into_queue(o: Office) -> None:
    """Alice transfers into the queue, which leaves her phone alone; Bob answers there."""
    customer, alice = await o.customer_with_alice()
    at = await blind(alice, "601")
    bob, carol = await o.bob.rings(), await o.carol.rings()
    await bob.answer()
    await o.ended(carol)
    await o.talk(customer, bob)
    await customer.hang_up()
    await o.ended(bob)
    passed = Transfer("blind", at, "alice", "bob")
    o.inbound(customer, o.spell(alice, customer), o.spell(bob, customer), transfers=[passed])


@scenario("onward")
async def blind_into_queue_abandoned(o: Office) -> None:
    """Alice transfers into the queue; the customer leaves it before anybody answers. Alice did talk: answered."""
    customer, alice = await o.customer_with_alice()
    await blind(alice, "601")
    bob, carol = await o.bob.rings(), await o.carol.rings()
    await asyncio.sleep(0.5)
    await customer.hang_up()
    await o.ended(bob, carol)
    o.inbound(customer, o.spell(alice, customer))


@scenario("onward")
async def blind_into_group(o: Office) -> None:
    """Alice transfers to the group; Carol answers there."""
    customer, alice = await o.customer_with_alice()
    at = await blind(alice, "600")
    rest = await ring_all(o)
    await rest[2].answer()
    await o.ended(rest[0], rest[1])
    await o.talk(customer, rest[2])
    await rest[2].hang_up()
    await o.ended(customer)
    passed = Transfer("blind", at, "alice", "carol")
    o.inbound(customer, o.spell(alice, customer), o.spell(rest[2], customer), transfers=[passed])


@scenario("onward")
async def blind_into_menu(o: Office) -> None:
    """Alice transfers to the menu; the customer presses 2 for the group; Bob answers."""
    customer, alice = await o.customer_with_alice()
    at = await blind(alice, "602")
    await asyncio.sleep(0.5)
    await customer.press("2")
    rest = await ring_all(o)
    await rest[1].answer()
    await o.ended(rest[0], rest[2])
    await o.talk(customer, rest[1])
    await customer.hang_up()
    await o.ended(rest[1])
    passed = Transfer("blind", at, "alice", "bob")
    o.inbound(customer, o.spell(alice, customer), o.spell(rest[1], customer), transfers=[passed])


@scenario("onward")
async def blind_into_voicemail(o: Office) -> None:
    """Alice transfers into Bob's voicemail; the customer speaks and hangs up. Alice did talk: answered."""
    customer, alice = await o.customer_with_alice()
    at = await blind(alice, "*102")
    await asyncio.sleep(1.5)
    await customer.hang_up()
    truth = o.inbound(customer, o.spell(alice, customer), transfers=[Transfer("blind", at, "alice", None)])
    truth.unsure = ["transfers"]  # it went through, but to nobody


@scenario("onward")
async def blind_to_outside(o: Office) -> None:
    """Alice transfers the customer to a stranger outside, who answers: nobody of ours talks any more."""
    customer, alice = await o.customer_with_alice()
    at = await blind(alice, "+48511222333")
    stranger = await o.outside.answers("+48511222333")
    await o.talk(customer, stranger)
    await customer.hang_up()
    await o.ended(stranger)
    truth = o.inbound(customer, o.spell(alice, customer), transfers=[Transfer("blind", at, "alice", None)])
    truth.unsure = ["transfers"]


@scenario("click")
async def click_then_blind(o: Office) -> None:
    """Click-to-call: Alice talks with the customer, then transfers to Bob."""
    await o.originate(o.alice, CUSTOMER)
    alice = await o.alice.answers()
    customer = await o.outside.answers()
    await o.talk(alice, customer)
    at = await blind(alice, "102")
    bob = await o.bob.answers()
    await o.talk(customer, bob)
    await customer.hang_up()
    await o.ended(bob)
    spells: list[Talk] = [o.spell(alice, customer), o.spell(bob, customer)]
    truth = o.outbound(alice, *spells, number=CUSTOMER, until=customer)
    truth.transfers = [Transfer("blind", at, "alice", "bob")]


@scenario("onward")
async def redirected_by_program(o: Office) -> None:
    """A program redirects the customer from Alice to Bob by AMI: no event calls it a transfer."""
    customer, alice = await o.customer_with_alice()
    await o.redirect(f"{o.asterisk.tech}/trunk-", "102")
    bob = await o.bob.answers()
    await o.ended(alice)
    await o.talk(customer, bob)
    await customer.hang_up()
    await o.ended(bob)
    truth = o.inbound(customer, o.spell(alice, customer, until=bob.invited), o.spell(bob, customer))
    truth.unsure = ["transfers"]
