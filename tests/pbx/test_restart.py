"""pbxcrm is killed in the middle of calls on a real PBX: what lived goes on, once, with the right owner."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes.process import Pbxcrm
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.office import Office


@pytest.mark.asyncio
async def test_killed_while_it_rings_and_while_they_talk(bed: Asterisk, crm: Pbxcrm) -> None:
    number = "+48225550888"
    async with Office(bed) as office:
        customer = await office.incoming("30", caller=number)
        alice, bob = await office.alice.rings(), await office.bob.rings()
        await restart(crm)
        await bob.answer()
        await office.ended(alice)
        await office.talk(customer, bob, seconds=0.2)
        await asyncio.to_thread(crm.until, lambda: talking(crm, number) == ["bob"], "see who answered")
        await restart(crm)
        await asyncio.to_thread(crm.until, lambda: talking(crm, number) == ["bob"], "know it still")
        await customer.hang_up()
        await office.ended(bob)
    (call,) = await asyncio.to_thread(crm.until, lambda: ended(crm, number), "store the call's end")
    assert (call["outcome"], call["first_answered_by"], call["last_answered_by"]) == ("answered", "bob", "bob")
    assert sorted(call["rang"]) == ["alice", "bob"]
    (deal,) = [deal for deal in crm.items("/deals") if deal["number"] == number]
    assert (deal["owner"], call["deal_id"]) == ("bob", deal["id"])


@pytest.mark.asyncio
async def test_a_call_that_ended_meanwhile_is_lost_not_wrong(bed: Asterisk, crm: Pbxcrm) -> None:
    number = "+48225550889"
    async with Office(bed) as office:
        customer = await office.incoming("10", caller=number)
        alice = await office.alice.answers()
        await asyncio.to_thread(crm.until, lambda: talking(crm, number) == ["alice"], "see who answered")
        await asyncio.to_thread(crm.kill)
        await customer.hang_up()
        await office.ended(alice)
    await asyncio.to_thread(lambda: crm.start().ready())
    (call,) = await asyncio.to_thread(crm.until, lambda: ended(crm, number), "know that it ended")
    assert (call["outcome"], call["first_answered_by"]) == ("lost", "alice")


@pytest.mark.asyncio
async def test_whom_we_called_and_passed_on_has_not_called_us(bed: Asterisk, crm: Pbxcrm) -> None:
    """pbxcrm comes when the customer, called by Alice and transferred, runs the dialplan as a caller does."""
    number = "+48225550187"
    await asyncio.to_thread(crm.kill)
    async with Office(bed) as office:
        alice = await office.alice.dial(number)
        customer = await office.outside.answers()
        await office.talk(alice, customer, seconds=0.2)
        await alice.refer("102")
        bob = await office.bob.rings()
        await alice.hang_up()
        await asyncio.to_thread(lambda: crm.start().ready())
        await bob.answer()
        await office.talk(customer, bob, seconds=0.2)
        await bob.refer("103")
        carol = await office.carol.answers()
        await bob.hang_up()
        await office.talk(customer, carol, seconds=0.2)
        await customer.hang_up()
        await office.ended(carol)
    (call,) = await asyncio.to_thread(crm.until, lambda: ended(crm, number), "store the call's end")
    assert (call["direction"], call["first_answered_by"]) == ("outbound", None)
    assert call["last_answered_by"] in ("carol", None)
    assert not [deal for deal in crm.items("/deals") if deal["number"] == number]


async def restart(crm: Pbxcrm) -> None:
    await asyncio.to_thread(crm.kill)
    await asyncio.to_thread(lambda: crm.start().ready())


def talking(crm: Pbxcrm, number: str) -> list[str]:
    return [user for call in crm.items("/calls") if call["number"] == number for user in call["talking"]]


def ended(crm: Pbxcrm, number: str) -> list[dict[str, object]]:
    return [call for call in crm.items("/calls") if call["number"] == number and call["ended_at"]]
