"""Another takes the call: pickup of a ringing phone, forwarding, parking."""

from __future__ import annotations

import asyncio
import time

from tests.pbx.bed.call import Call
from tests.pbx.bed.office import DAVES_MOBILE, Office, Transfer
from tests.pbx.bed.phone import Phone
from tests.pbx.bed.scenarios.groups import ring_all
from tests.pbx.bed.scenarios.registry import scenario
from tests.pbx.bed.scenarios.transfers import blind

LISTEN = 0.4  # seconds in which the parker is told the slot


async def picked_up(o: Office, customer: Call, by: Phone, code: str, *ringing: Call) -> None:
    """Dial a pickup code while the phones ring; talk; the customer hangs up; tell the truth."""
    await asyncio.sleep(0.3)
    leg = await by.dial(code)
    await leg.until("answered")
    await o.ended(*ringing)
    await o.talk(customer, leg)
    await customer.hang_up()
    await o.ended(leg)
    who = o.person(leg)
    assert leg.answered is not None
    o.inbound(customer, o.spell(leg, customer), transfers=[Transfer("pickup", leg.answered, who, who)])
    o.service(leg)


@scenario("pickup")
async def pickup_group(o: Office) -> None:
    """Alice's phone rings; Bob dials *8 and has the call."""
    customer = await o.incoming("10")
    alice = await o.alice.rings()
    await picked_up(o, customer, o.bob, "*8", alice)


@scenario("pickup")
async def pickup_directed(o: Office) -> None:
    """Alice's phone rings; Bob dials **101 and has the call."""
    customer = await o.incoming("10")
    alice = await o.alice.rings()
    await picked_up(o, customer, o.bob, "**101", alice)


@scenario("pickup")
async def pickup_from_ring_group(o: Office) -> None:
    """Three phones ring; Dave, who is not among them, dials **102 and has the call."""
    customer = await o.incoming("12")
    legs = await ring_all(o)
    await picked_up(o, customer, o.dave, "**102", *legs)


@scenario("pickup")
async def pickup_from_queue(o: Office) -> None:
    """A queue rings three phones; Dave, who is not among them, dials **102 and has the call."""
    customer = await o.incoming("13")
    legs = await ring_all(o)
    await picked_up(o, customer, o.dave, "**102", *legs)


async def forwards(phone: Phone, number: str) -> float:
    """The next call to this phone is sent on by 302; returns when."""
    leg = await phone.invited()
    at = time.time()
    leg.forward(number)
    return at


@scenario("forward")
async def forward_302_to_person(o: Office) -> None:
    """Alice's phone forwards to Bob, who answers."""
    customer = await o.incoming("10")
    at = await forwards(o.alice, "102")
    bob = await o.bob.answers()
    await o.talk(customer, bob)
    await customer.hang_up()
    await o.ended(bob)
    o.inbound(customer, o.spell(bob, customer), transfers=[Transfer("forward", at, "alice", "bob")])


@scenario("forward")
async def forward_302_missed(o: Office) -> None:
    """Alice's phone forwards to Bob, who does not answer."""
    customer = await o.incoming("10")
    await forwards(o.alice, "202")
    bob = await o.bob.rings()
    await o.ended(bob, customer)
    o.inbound(customer, outcome="missed")


@scenario("forward")
async def forward_302_to_group(o: Office) -> None:
    """Dave's number, called from inside a transfer, is forwarded to the group by his phone; Carol answers."""
    customer, alice = await o.customer_with_alice()
    passed_at = await blind(alice, "104")
    at = await forwards(o.dave, "600")
    legs = await ring_all(o)
    await legs[2].answer()
    await o.ended(legs[0], legs[1])
    await o.talk(customer, legs[2])
    await customer.hang_up()
    await o.ended(legs[2])
    passed = [Transfer("blind", passed_at, "alice", "carol"), Transfer("forward", at, "dave", "carol")]
    o.inbound(customer, o.spell(alice, customer), o.spell(legs[2], customer), transfers=passed)


@scenario("forward")
async def forward_302_to_stranger(o: Office) -> None:
    """Alice's phone forwards to a number outside; a stranger answers: nobody of ours did."""
    customer = await o.incoming("10")
    at = await forwards(o.alice, "+48511222333")
    stranger = await o.outside.answers("+48511222333")
    await o.talk(customer, stranger)
    await customer.hang_up()
    await o.ended(stranger)
    truth = o.inbound(customer, outcome="missed", transfers=[Transfer("forward", at, "alice", None)])
    truth.unsure = ["outcome", "transfers"]


@scenario("forward")
async def forward_302_in_ring_group(o: Office) -> None:
    """A ring group: Alice's phone forwards to Dave; he answers while Bob's and Carol's ring."""
    customer = await o.incoming("12")
    at = await forwards(o.alice, "104")
    bob, carol, dave = await o.bob.rings(), await o.carol.rings(), await o.dave.rings()
    await dave.answer()
    await o.ended(bob, carol)
    await o.talk(customer, dave)
    await customer.hang_up()
    await o.ended(dave)
    o.inbound(customer, o.spell(dave, customer), transfers=[Transfer("forward", at, "alice", "dave")])


@scenario("forward")
async def forward_dialplan_to_person(o: Office) -> None:
    """The dialplan sends the number on to Bob through a Local channel; he answers."""
    customer = await o.incoming("22")
    bob = await o.bob.answers()
    await o.talk(customer, bob)
    await bob.hang_up()
    await o.ended(customer)
    o.inbound(customer, o.spell(bob, customer)).unsure = ["transfers"]


@scenario("forward")
async def forward_dialplan_to_group(o: Office) -> None:
    """The dialplan sends the number on to the group through a Local channel; Carol answers."""
    customer = await o.incoming("23")
    alice, bob, carol = await ring_all(o)
    await carol.answer()
    await o.ended(alice, bob)
    await o.talk(customer, carol)
    await customer.hang_up()
    await o.ended(carol)
    o.inbound(customer, o.spell(carol, customer)).unsure = ["transfers"]


@scenario("forward")
async def forward_dialplan_to_stranger(o: Office) -> None:
    """The dialplan sends the number on to a stranger outside, who answers: nobody of ours did."""
    customer = await o.incoming("24")
    stranger = await o.outside.answers("+48511222333")
    await o.talk(customer, stranger)
    await customer.hang_up()
    await o.ended(stranger)
    truth = o.inbound(customer, outcome="missed")
    truth.unsure = ["outcome", "transfers"]


@scenario("forward")
async def follow_me_to_mobile(o: Office) -> None:
    """Follow-me: Dave's desk phone rings in vain, then his mobile; he accepts with 1."""
    customer = await o.incoming("25")
    desk = await o.dave.rings()
    mobile = await o.outside.answers(DAVES_MOBILE)
    await o.ended(desk)
    while customer.media.stamp not in mobile.media.heard:  # the announcement has to end before a key counts
        await asyncio.sleep(0.7)
        await mobile.press("1")
    await o.talk(customer, mobile)
    await customer.hang_up()
    await o.ended(mobile)
    o.inbound(customer, o.spell(mobile, customer, start=mobile.heard_first(customer))).unsure = ["transfers"]


async def parked_and_fetched(o: Office, by: Phone) -> None:
    """Alice parks the customer; somebody dials the slot and talks; tell the truth."""
    customer, alice = await o.customer_with_alice()
    at = await blind(alice, "700", linger=LISTEN)
    await asyncio.sleep(0.4)
    leg = await by.dial("701")
    await leg.until("answered")
    await o.talk(customer, leg)
    await customer.hang_up()
    await o.ended(leg)
    spells = [o.spell(alice, customer, until=at), o.spell(leg, customer)]
    o.inbound(customer, *spells, transfers=[Transfer("park", at, "alice", o.person(leg))])
    o.service(leg)


@scenario("parking")
async def parking_fetched_by_another(o: Office) -> None:
    """Alice parks the customer; Bob takes the call out."""
    await parked_and_fetched(o, o.bob)


@scenario("parking")
async def parking_fetched_by_parker(o: Office) -> None:
    """Alice parks the customer and takes the call out herself."""
    await parked_and_fetched(o, o.alice)


@scenario("parking")
async def parking_by_keys(o: Office) -> None:
    """Alice parks the customer by keys; Carol takes the call out."""
    customer, alice = await o.customer_with_alice()
    at = time.time()
    await alice.press("*7")
    await o.ended(alice)
    carol = await o.carol.dial("701")
    await carol.until("answered")
    await o.talk(customer, carol)
    await carol.hang_up()
    await o.ended(customer)
    spells = [o.spell(alice, customer, muffled=True), o.spell(carol, customer)]
    truth = o.inbound(customer, *spells, transfers=[Transfer("park", at, "alice", "carol")])
    truth.unsure = ["talk_seconds"]  # the PBX reads the slot to Alice before it lets go of her
    o.service(carol)


@scenario("parking")
async def parking_times_out(o: Office) -> None:
    """Alice parks the customer; nobody comes, the call returns to her and she answers again."""
    customer, alice = await o.customer_with_alice()
    await blind(alice, "760")
    again = await o.alice.answers()
    await o.talk(customer, again)
    await customer.hang_up()
    await o.ended(again)
    truth = o.inbound(customer, o.spell(alice, customer), o.spell(again, customer))
    truth.unsure = ["transfers"]  # parked it was, but nobody took it out


@scenario("parking")
async def parking_given_up(o: Office) -> None:
    """Alice parks the customer, who hangs up."""
    customer, alice = await o.customer_with_alice()
    at = await blind(alice, "700", linger=LISTEN)
    await asyncio.sleep(0.4)
    await customer.hang_up()
    o.inbound(customer, o.spell(alice, customer, until=at))


@scenario("pickup")
async def pickup_of_a_transfer(o: Office) -> None:
    """Alice transfers to Bob; his phone rings, Carol dials **102 and has the call."""
    customer, alice = await o.customer_with_alice()
    await blind(alice, "102")
    bob = await o.bob.rings()
    await asyncio.sleep(0.3)
    leg = await o.carol.dial("**102")
    await leg.until("answered")
    await o.ended(bob)
    await o.talk(customer, leg)
    await customer.hang_up()
    await o.ended(leg)
    assert leg.answered is not None
    passed = [Transfer("pickup", leg.answered, "carol", "carol")]
    truth = o.inbound(customer, o.spell(alice, customer), o.spell(leg, customer), transfers=passed)
    truth.unsure = ["transfers"]  # whether the transfer to Bob went through is a matter of words
    o.service(leg)


@scenario("forward")
async def queue_forward_302(o: Office) -> None:
    """A queue rings three phones; Alice's forwards to Dave, who answers."""
    customer = await o.incoming("13")
    at = await forwards(o.alice, "104")
    bob, carol, dave = await o.bob.rings(), await o.carol.rings(), await o.dave.rings()
    await dave.answer()
    await o.ended(bob, carol)
    await o.talk(customer, dave)
    await customer.hang_up()
    await o.ended(dave)
    o.inbound(customer, o.spell(dave, customer), transfers=[Transfer("forward", at, "alice", "dave")])
