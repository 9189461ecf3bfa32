"""Attended transfers, by the phone (REFER with Replaces) and by keys (*2): completed, cancelled, refused, blonde.

Hold is no end of a talk: the two stay in one conversation. By keys the PBX takes the transferer out of the customer's
conversation for the time of the consultation, which is then a gap between two talks.
"""

from __future__ import annotations

import asyncio
import time

from tests.pbx.bed.call import Call
from tests.pbx.bed.office import CUSTOMER, Office, Transfer
from tests.pbx.bed.scenarios.groups import ring_all
from tests.pbx.bed.scenarios.registry import scenario
from tests.pbx.bed.scenarios.transfers import blind


async def consult(o: Office, leg: Call, number: str) -> Call:
    """Put the customer on hold and dial a colleague; returns the second leg of that phone."""
    await leg.hold()
    return await leg.phone.dial(number)


async def complete(leg: Call, second: Call) -> float:
    """Join the two other sides and hang up both legs; returns when."""
    at = time.time()
    await leg.refer_to(second)
    await leg.referral_done()
    await leg.hang_up()
    await second.hang_up()
    return at


@scenario("attended")
async def attended_refer_completed(o: Office) -> None:
    """Alice consults Bob and joins him with the customer."""
    customer, alice = await o.customer_with_alice()
    second = await consult(o, alice, "102")
    bob = await o.bob.answers()
    await o.talk(second, bob)
    at = await complete(alice, second)
    await o.talk(customer, bob)
    await customer.hang_up()
    await o.ended(bob)
    spells = [o.spell(alice, customer, until=at, muffled=True), o.spell(bob, customer, start=at)]
    o.inbound(customer, *spells, rang=["alice"], transfers=[Transfer("attended", at, "alice", "bob")])
    o.internal(second, bob, until=at)


@scenario("attended")
async def attended_refer_cancelled(o: Office) -> None:
    """Alice consults Bob, then goes back to the customer."""
    customer, alice = await o.customer_with_alice()
    second = await consult(o, alice, "102")
    bob = await o.bob.answers()
    await o.talk(second, bob, seconds=0.5)
    await second.hang_up()
    await o.ended(bob)
    await alice.unhold()
    await o.talk(customer, alice, seconds=0.5)
    await customer.hang_up()
    await o.ended(alice)
    o.inbound(customer, o.spell(alice, customer, muffled=True), rang=["alice"])
    o.internal(second, bob)


@scenario("attended")
async def attended_refer_refused(o: Office) -> None:
    """Alice wants to consult Bob, who is busy; she goes back to the customer."""
    customer, alice = await o.customer_with_alice()
    second = await consult(o, alice, "102")
    bob = await o.bob.invited()
    bob.reject(486)
    await o.ended(second)
    await alice.unhold()
    await o.talk(customer, alice, seconds=0.5)
    await alice.hang_up()
    await o.ended(customer)
    o.inbound(customer, o.spell(alice, customer, muffled=True), rang=["alice"])
    o.internal(second, bob, outcome="busy")


@scenario("attended")
async def attended_keys_completed(o: Office) -> None:
    """Alice consults Bob by keys and hangs up: he has the customer."""
    customer, alice = await o.customer_with_alice()
    await alice.press("*2102")
    bob = await o.bob.answers()
    await o.talk(alice, bob)
    at = time.time()
    await alice.hang_up()
    await o.talk(customer, bob)
    await customer.hang_up()
    await o.ended(bob)
    # muffled: the Local pair between them lets the first half second of sound fall
    spells = [o.spell(alice, customer, until=bob.invited, muffled=True), o.spell(bob, customer, at, muffled=True)]
    o.inbound(customer, *spells, rang=["alice"], transfers=[Transfer("attended", at, "alice", "bob")])
    o.internal(alice, bob, start=bob.invited, until=at)


@scenario("attended")
async def attended_keys_cancelled(o: Office) -> None:
    """Alice consults Bob by keys; he hangs up and she is back with the customer."""
    customer, alice = await o.customer_with_alice()
    await alice.press("*2102")
    bob = await o.bob.answers()
    await o.talk(alice, bob, seconds=0.5)
    await bob.hang_up()
    await o.talk(customer, alice)
    await customer.hang_up()
    await o.ended(alice)
    before = o.spell(alice, customer, until=bob.invited, muffled=True)
    after = o.spell(alice, customer, start=bob.ended, muffled=True)
    o.inbound(customer, before, after, rang=["alice"])
    o.internal(alice, bob, start=bob.invited, until=bob.ended)


@scenario("attended")
async def attended_keys_refused(o: Office) -> None:
    """Alice wants to consult Bob by keys; he is busy and she is back with the customer."""
    customer, alice = await o.customer_with_alice()
    await alice.press("*2102")
    bob = await o.bob.invited()
    bob.reject(486)
    at = time.time()
    await o.talk(customer, alice)
    await alice.hang_up()
    await o.ended(customer)
    before = o.spell(alice, customer, until=bob.invited, muffled=True)
    back = alice.heard_first(customer, after=at)
    o.inbound(customer, before, o.spell(alice, customer, start=back), rang=["alice"])
    o.internal(alice, bob, outcome="busy", start=bob.invited, until=bob.ended)


@scenario("blonde")
async def blonde_refer(o: Office) -> None:
    """Alice dials Bob and transfers while his phone still rings; he answers the customer."""
    customer, alice = await o.customer_with_alice()
    second = await consult(o, alice, "102")
    bob = await o.bob.rings()
    await second.until("rang")
    at = await complete(alice, second)
    await asyncio.sleep(0.5)
    await bob.answer()
    await o.talk(customer, bob)
    await customer.hang_up()
    await o.ended(bob)
    spells = [o.spell(alice, customer, until=at, muffled=True), o.spell(bob, customer)]
    truth = o.inbound(customer, *spells, transfers=[Transfer("attended", at, "alice", "bob")])
    truth.unsure = ["rang"]  # Bob's phone began to ring for Alice and went on for the customer
    o.service(second)


@scenario("blonde")
async def blonde_keys(o: Office) -> None:
    """Alice dials Bob by keys and hangs up while his phone rings; he answers the customer."""
    customer, alice = await o.customer_with_alice()
    await alice.press("*2102")
    bob = await o.bob.rings()
    await asyncio.sleep(0.5)
    at = time.time()
    await alice.hang_up()
    await asyncio.sleep(0.3)
    await bob.answer()
    await o.talk(customer, bob)
    await bob.hang_up()
    await o.ended(customer)
    spells = [o.spell(alice, customer, until=bob.invited, muffled=True), o.spell(bob, customer)]
    truth = o.inbound(customer, *spells, transfers=[Transfer("attended", at, "alice", "bob")])
    truth.unsure = ["rang"]
    aside = o.internal(alice, bob, outcome="missed", start=bob.invited, until=at)
    aside.unsure = ["call", "outcome", "rang", "ended_at"]  # the same ringing, seen as Alice's


@scenario("chain")
async def chain_attended_then_blind(o: Office) -> None:
    """Alice joins Bob with the customer after a consultation; Bob transfers blindly to Carol."""
    customer, alice = await o.customer_with_alice()
    second = await consult(o, alice, "102")
    bob = await o.bob.answers()
    await o.talk(second, bob, seconds=0.5)
    first_at = await complete(alice, second)
    await o.talk(customer, bob, seconds=0.7)
    second_at = await blind(bob, "103")
    carol = await o.carol.answers()
    await o.talk(customer, carol, seconds=0.7)
    await customer.hang_up()
    await o.ended(carol)
    spells = [o.spell(alice, customer, until=first_at, muffled=True), o.spell(bob, customer, start=first_at)]
    passed = [Transfer("attended", first_at, "alice", "bob"), Transfer("blind", second_at, "bob", "carol")]
    o.inbound(customer, *spells, o.spell(carol, customer), rang=["alice", "carol"], transfers=passed)
    o.internal(second, bob, until=first_at)


@scenario("chain")
async def chain_blind_then_attended(o: Office) -> None:
    """Alice transfers blindly to Bob; Bob consults Carol and joins her with the customer."""
    customer, alice = await o.customer_with_alice()
    first_at = await blind(alice, "102")
    bob = await o.bob.answers()
    await o.talk(customer, bob, seconds=0.7)
    second = await consult(o, bob, "103")
    carol = await o.carol.answers()
    await o.talk(second, carol, seconds=0.5)
    second_at = await complete(bob, second)
    await o.talk(customer, carol, seconds=0.7)
    await carol.hang_up()
    await o.ended(customer)
    spells = [o.spell(alice, customer), o.spell(bob, customer, until=second_at, muffled=True)]
    passed = [Transfer("blind", first_at, "alice", "bob"), Transfer("attended", second_at, "bob", "carol")]
    o.inbound(customer, *spells, o.spell(carol, customer, start=second_at), rang=["alice", "bob"], transfers=passed)
    o.internal(second, carol, until=second_at)


@scenario("onward")
async def attended_into_queue(o: Office) -> None:
    """Alice dials the queue, Bob answers her there, and she joins him with the customer."""
    customer, alice = await o.customer_with_alice()
    second = await consult(o, alice, "601")
    bob, carol = await o.bob.rings(), await o.carol.rings()  # the queue leaves Alice alone: she is in a call
    await bob.answer()
    await o.ended(carol)
    await o.talk(second, bob, seconds=0.7)
    at = await complete(alice, second)
    await o.talk(customer, bob)
    await customer.hang_up()
    await o.ended(bob)
    spells = [o.spell(alice, customer, until=at, muffled=True), o.spell(bob, customer, start=at)]
    o.inbound(customer, *spells, rang=["alice"], transfers=[Transfer("attended", at, "alice", "bob")])
    inner = o.internal(second, bob, until=at)
    inner.rang = ["bob", "carol"]


@scenario("chain")
async def queue_then_attended(o: Office) -> None:
    """A queue: Bob answers, consults Dave and joins him with the customer."""
    customer = await o.incoming("13")
    alice, bob, carol = await ring_all(o)
    await bob.answer()
    await o.ended(alice, carol)
    await o.talk(customer, bob, seconds=0.7)
    second = await consult(o, bob, "104")
    dave = await o.dave.answers()
    await o.talk(second, dave, seconds=0.5)
    at = await complete(bob, second)
    await o.talk(customer, dave)
    await dave.hang_up()
    await o.ended(customer)
    spells = [o.spell(bob, customer, until=at, muffled=True), o.spell(dave, customer, start=at)]
    passed = [Transfer("attended", at, "bob", "dave")]
    o.inbound(customer, *spells, rang=["alice", "bob", "carol"], transfers=passed)
    o.internal(second, dave, until=at)


@scenario("attended")
async def attended_refer_unanswered(o: Office) -> None:
    """Alice wants to consult Bob, who lets it ring; she gives up and goes back to the customer."""
    customer, alice = await o.customer_with_alice()
    second = await consult(o, alice, "102")
    bob = await o.bob.rings()
    await second.until("rang")
    await asyncio.sleep(0.7)
    await second.hang_up()
    await o.ended(bob)
    await alice.unhold()
    await o.talk(customer, alice, seconds=0.5)
    await customer.hang_up()
    await o.ended(alice)
    o.inbound(customer, o.spell(alice, customer, muffled=True), rang=["alice"])
    o.internal(second, bob, outcome="missed")


@scenario("attended")
async def attended_keys_aborted(o: Office) -> None:
    """Alice consults Bob by keys, and presses *1: he is let go, she is back with the customer."""
    customer, alice = await o.customer_with_alice()
    await alice.press("*2102")
    bob = await o.bob.answers()
    await o.talk(alice, bob, seconds=0.5)
    await alice.press("*1")
    await o.ended(bob)
    await o.talk(customer, alice)
    await customer.hang_up()
    await o.ended(alice)
    before = o.spell(alice, customer, until=bob.invited, muffled=True)
    o.inbound(customer, before, o.spell(alice, customer, start=bob.ended, muffled=True), rang=["alice"])
    o.internal(alice, bob, start=bob.invited, until=bob.ended)


@scenario("attended")
async def attended_keys_unanswered(o: Office) -> None:
    """Alice wants to consult Bob by keys; his phone rings in vain and she is back with the customer."""
    customer, alice = await o.customer_with_alice()
    await alice.press("*2102")
    bob = await o.bob.rings()
    await o.ended(bob)
    await o.talk(customer, alice)
    await customer.hang_up()
    await o.ended(alice)
    before = o.spell(alice, customer, until=bob.invited, muffled=True)
    assert bob.ended is not None
    back = alice.heard_first(customer, after=bob.ended)
    o.inbound(customer, before, o.spell(alice, customer, start=back), rang=["alice"])
    o.internal(alice, bob, outcome="missed", start=bob.invited, until=bob.ended)


@scenario("blonde")
async def blonde_keys_returned(o: Office) -> None:
    """Alice dials Bob by keys and hangs up while his phone rings; he does not answer, the PBX calls her back."""
    customer, alice = await o.customer_with_alice()
    await alice.press("*2102")
    bob = await o.bob.rings()
    await asyncio.sleep(0.3)
    at = time.time()
    await alice.hang_up()
    again = await o.alice.answers()
    await o.ended(bob)
    await o.talk(customer, again)
    await customer.hang_up()
    await o.ended(again)
    spells = [o.spell(alice, customer, until=bob.invited, muffled=True), o.spell(again, customer, muffled=True)]
    o.inbound(customer, *spells).unsure = ["rang", "transfers"]
    aside = o.internal(alice, bob, outcome="missed", start=bob.invited, until=at)
    aside.unsure = ["call", "outcome", "rang", "ended_at"]


@scenario("chain")
async def outbound_then_attended(o: Office) -> None:
    """Bob calls a customer, consults Alice and joins her with the customer."""
    bob = await o.bob.dial(CUSTOMER)
    customer = await o.outside.answers()
    await o.talk(bob, customer)
    second = await consult(o, bob, "101")
    alice = await o.alice.answers()
    await o.talk(second, alice, seconds=0.5)
    at = await complete(bob, second)
    await o.talk(customer, alice)
    await customer.hang_up()
    await o.ended(alice)
    spells = [o.spell(bob, customer, until=at, muffled=True), o.spell(alice, customer, start=at)]
    truth = o.outbound(bob, *spells, number=CUSTOMER, until=customer)
    truth.transfers = [Transfer("attended", at, "bob", "alice")]
    o.internal(second, alice, until=at)


async def local_member_talks(o: Office, way: str) -> tuple[Call, Call]:
    """A queue with Local members; Bob answers and they talk. Returns the customer's leg and his."""
    customer = await o.incoming(way)
    alice, bob = await o.alice.rings(), await o.bob.rings()
    await bob.answer()
    await o.ended(alice)
    await o.talk(customer, bob)
    return customer, bob


@scenario("local")
async def queue_local_then_blind(o: Office) -> None:
    """A queue with members Local/…/n: Bob answers and transfers to Carol."""
    customer, bob = await local_member_talks(o, "18")
    at = await blind(bob, "103")
    carol = await o.carol.answers()
    await o.talk(customer, carol)
    await customer.hang_up()
    await o.ended(carol)
    passed = [Transfer("blind", at, "bob", "carol")]
    o.inbound(customer, o.spell(bob, customer), o.spell(carol, customer), transfers=passed)


@scenario("local")
async def queue_local_then_attended(o: Office) -> None:
    """A queue with members Local/…/n: Bob answers, consults Carol and joins her with the customer."""
    await attended_from_local(o, "18")


@scenario("local")
async def queue_local_optimised_then_attended(o: Office) -> None:
    """A queue with Local members that optimise themselves away: Bob answers, consults Carol and joins her."""
    await attended_from_local(o, "19")


async def attended_from_local(o: Office, way: str) -> None:
    """Bob, called through a Local channel, consults Carol and joins her with the customer; tell the truth."""
    customer, bob = await local_member_talks(o, way)
    second = await consult(o, bob, "103")
    carol = await o.carol.answers()
    await o.talk(second, carol, seconds=0.5)
    at = await complete(bob, second)
    await o.talk(customer, carol)
    await carol.hang_up()
    await o.ended(customer)
    spells = [o.spell(bob, customer, until=at, muffled=True), o.spell(carol, customer, start=at)]
    o.inbound(customer, *spells, rang=["alice", "bob"], transfers=[Transfer("attended", at, "bob", "carol")])
    o.internal(second, carol, until=at)
