"""The other shapes: hold, call waiting, devices, Local members, mobiles, conferences, restarts, direct media."""

from __future__ import annotations

import asyncio
import signal
import time

from tests.pbx.bed.office import DAVES_MOBILE, OTHER_CUSTOMER, Office, Transfer
from tests.pbx.bed.scenarios.registry import scenario
from tests.pbx.bed.scenarios.transfers import blind


@scenario("hold")
async def hold_and_back(o: Office) -> None:
    """Alice puts the customer on hold and takes them back: one talk."""
    customer, alice = await o.customer_with_alice()
    await alice.hold()
    await asyncio.sleep(0.7)
    await alice.unhold()
    await o.talk(customer, alice, seconds=0.5)
    await customer.hang_up()
    await o.ended(alice)
    o.inbound(customer, o.spell(alice, customer, muffled=True))


@scenario("hold")
async def call_waiting(o: Office) -> None:
    """While Alice talks a second customer calls: hold, answer, end, back to the first."""
    first, alice = await o.customer_with_alice()
    second = await o.incoming("10", caller=OTHER_CUSTOMER)
    waiting = await o.alice.rings()
    await alice.hold()
    await waiting.answer()
    await o.talk(second, waiting)
    await waiting.hang_up()
    await o.ended(second)
    await alice.unhold()
    await o.talk(first, alice, seconds=0.5)
    await first.hang_up()
    await o.ended(alice)
    o.inbound(first, o.spell(alice, first, muffled=True), rang=["alice"])
    o.inbound(second, o.spell(waiting, second), rang=["alice"], number=OTHER_CUSTOMER)


@scenario("devices")
async def two_devices_second_answers(o: Office) -> None:
    """Both of Carol's phones ring; she answers the second."""
    customer = await o.incoming("26")
    desk, second = await o.carol.rings(), await o.carols_second.rings()
    await asyncio.sleep(0.3)
    await second.answer()
    await o.ended(desk)
    await o.talk(customer, second)
    await customer.hang_up()
    await o.ended(second)
    o.inbound(customer, o.spell(second, customer))


@scenario("devices")
async def do_not_disturb(o: Office) -> None:
    """Alice's phone is set to do not disturb: it never rings."""
    customer = await o.incoming("10")
    (await o.alice.invited()).reject(480)
    await o.ended(customer)
    o.inbound(customer, outcome="missed")


@scenario("devices")
async def direct_media(o: Office) -> None:
    """A customer calls Frank and the audio goes straight between the two."""
    customer = await o.incoming("29")
    frank = await o.frank.answers()
    await o.talk(customer, frank, seconds=1.5)
    assert frank.media.peer == (customer.phone.address, customer.media.port), "audio still goes through the PBX"
    await frank.hang_up()
    await o.ended(customer)
    o.inbound(customer, o.spell(frank, customer))


@scenario("devices")
async def own_mobile_calls_in(o: Office) -> None:
    """Dave calls the office from his mobile; Alice answers."""
    dave = await o.incoming("10", caller=DAVES_MOBILE, name="Dave")
    alice = await o.alice.answers()
    await o.talk(dave, alice)
    await dave.hang_up()
    await o.ended(alice)
    o.inbound(dave, o.spell(alice, dave), number=DAVES_MOBILE)


async def local_member_answers(o: Office, way: str) -> None:
    """A queue with Local members rings Alice and Bob; Bob answers; tell the truth."""
    customer = await o.incoming(way)
    alice, bob = await o.alice.rings(), await o.bob.rings()
    await asyncio.sleep(0.3)
    await bob.answer()
    await o.ended(alice)
    await o.talk(customer, bob)
    await customer.hang_up()
    await o.ended(bob)
    o.inbound(customer, o.spell(bob, customer))


@scenario("local")
async def queue_local_members(o: Office) -> None:
    """A queue with members Local/…/n, as FreePBX makes them; Bob answers."""
    await local_member_answers(o, "18")


@scenario("local")
async def queue_local_members_optimised(o: Office) -> None:
    """A queue with Local members that optimise themselves away; Bob answers."""
    await local_member_answers(o, "19")


@scenario("local")
async def queue_local_abandoned(o: Office) -> None:
    """A queue with Local members; the caller leaves."""
    customer = await o.incoming("18")
    alice, bob = await o.alice.rings(), await o.bob.rings()
    await asyncio.sleep(0.5)
    await customer.hang_up()
    await o.ended(alice, bob)
    o.inbound(customer, outcome="abandoned")


@scenario("local")
async def queue_mobile_member(o: Office) -> None:
    """A queue member is Dave's mobile, through the trunk; he answers."""
    customer = await o.incoming("20")
    mobile = await o.outside.rings(DAVES_MOBILE)
    await asyncio.sleep(0.3)
    await mobile.answer()
    await o.talk(customer, mobile)
    await customer.hang_up()
    await o.ended(mobile)
    o.inbound(customer, o.spell(mobile, customer))


@scenario("local")
async def queue_mobile_accepts(o: Office) -> None:
    """Dave's mobile picks up, and he presses 1 a second later: only then has he answered."""
    customer = await o.incoming("21")
    alice, mobile = await o.alice.rings(), await o.outside.answers(DAVES_MOBILE)
    await asyncio.sleep(1.0)
    await mobile.press("1")
    await o.ended(alice)
    await o.talk(customer, mobile)
    await mobile.hang_up()
    await o.ended(customer)
    talk = o.spell(mobile, customer, start=mobile.heard_first(customer))
    talk.device = "Local/104@confirm"  # the way the queue dialled him
    o.inbound(customer, talk)


@scenario("local")
async def queue_mobile_never_accepts(o: Office) -> None:
    """The mailbox of Dave's mobile picks up and presses nothing; Alice answers the caller meanwhile."""
    customer = await o.incoming("21")
    alice, mobile = await o.alice.rings(), await o.outside.answers(DAVES_MOBILE)
    await asyncio.sleep(0.7)
    await alice.answer()
    await o.ended(mobile)
    await o.talk(customer, alice)
    await customer.hang_up()
    await o.ended(alice)
    o.inbound(customer, o.spell(alice, customer))


@scenario("local")
async def queue_mobile_abandoned(o: Office) -> None:
    """Dave's mobile picks up and presses nothing; the caller leaves: nobody has answered."""
    customer = await o.incoming("21")
    alice, mobile = await o.alice.rings(), await o.outside.answers(DAVES_MOBILE)
    await asyncio.sleep(0.7)
    await customer.hang_up()
    await o.ended(mobile, alice)
    o.inbound(customer, outcome="abandoned")


@scenario("conference")
async def conference_three_way(o: Office) -> None:
    """A customer is in a conference room; Alice comes, then Bob; Alice leaves first."""
    customer = await o.incoming("27")
    await customer.until("answered")
    alice = await o.alice.dial("800")
    await alice.until("answered")
    await asyncio.sleep(1.0)
    bob = await o.bob.dial("800")
    await bob.until("answered")
    await asyncio.sleep(1.0)
    await alice.hang_up()
    await asyncio.sleep(0.5)
    await customer.hang_up()
    await bob.hang_up()
    o.inbound(customer, o.spell(alice, customer, muffled=True), o.spell(bob, customer, muffled=True))
    o.service(alice)
    o.service(bob)


@scenario("conference")
async def three_way_by_keys(o: Office) -> None:
    """Alice consults Bob by keys and takes the customer in with *3: three in one conversation; Bob leaves first."""
    customer, alice = await o.customer_with_alice()
    await alice.press("*2102")
    bob = await o.bob.answers()
    await o.talk(alice, bob, seconds=0.5)
    await alice.press("*3")
    joined = time.time()
    await asyncio.sleep(1.5)
    await bob.hang_up()
    await asyncio.sleep(0.5)
    await customer.hang_up()
    await o.ended(alice)
    spells = [
        o.spell(alice, customer, until=bob.invited, muffled=True),
        o.spell(alice, customer, start=joined, muffled=True),
        o.spell(bob, customer, start=joined, muffled=True),
    ]
    o.inbound(customer, *spells, rang=["alice"]).unsure = ["transfers", "last_answered_by"]
    o.internal(alice, bob, start=bob.invited, until=joined).unsure += ["talk_seconds", "talks"]


@scenario("restart")
async def pbx_killed_in_call(o: Office) -> None:
    """Asterisk dies in mid-call and comes back; the next call is answered by Bob."""
    await restarted(o, signal.SIGKILL)


@scenario("restart")
async def pbx_stopped_in_call(o: Office) -> None:
    """Asterisk is stopped in mid-call and started again; the next call is answered by Bob."""
    await restarted(o, signal.SIGTERM)


async def restarted(o: Office, how: signal.Signals) -> None:
    """A call lives when Asterisk ends; another one comes when it is back."""
    customer, alice = await o.customer_with_alice()
    await o.restart(how)
    other = await o.incoming("12", caller=OTHER_CUSTOMER)
    legs = (await o.alice.rings(), await o.bob.rings(), await o.carol.rings())
    await legs[1].answer()
    await o.talk(other, legs[1])
    await other.hang_up()
    await o.ended(*legs)
    lost = o.inbound(customer, o.spell(alice, customer), outcome="lost", rang=["alice"])
    if how is signal.SIGTERM:
        lost.unsure = ["outcome"]  # a PBX that is stopped may still hang up in good order
    o.inbound(other, o.spell(legs[1], other), rang=["alice", "bob", "carol"], number=OTHER_CUSTOMER)


@scenario("conference")
async def conference_by_transfer(o: Office) -> None:
    """Alice transfers the customer into the conference room and goes there herself; Bob comes too."""
    customer, first = await o.customer_with_alice()
    at = await blind(first, "800")
    alice = await o.alice.dial("800")
    await alice.until("answered")
    await asyncio.sleep(0.7)
    bob = await o.bob.dial("800")
    await bob.until("answered")
    await asyncio.sleep(0.7)
    await customer.hang_up()
    await alice.hang_up()
    await bob.hang_up()
    spells = [o.spell(first, customer), o.spell(alice, customer, muffled=True), o.spell(bob, customer, muffled=True)]
    truth = o.inbound(customer, *spells, transfers=[Transfer("blind", at, "alice", None)])
    truth.unsure = ["transfers"]
    o.service(alice)
    o.service(bob)
