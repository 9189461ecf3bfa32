"""The second wall of click-to-call: from the context pbxcrm-out only a clean and allowed number goes out."""

from __future__ import annotations

import pytest

from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.office import CUSTOMER, Office

HOSTILE = [
    "100&PJSIP/trunk/1900",
    "100&PJSIP/1900@trunk",
    f"{CUSTOMER}&PJSIP/1900@trunk",
    f"{CUSTOMER},30,tT",
    f"{CUSTOMER}/n",
    f"{CUSTOMER}@from-internal",
    "+48 22 555 01 01",
    '+48"225550101',
    "+48(22)5550101",
    "+48225550101)}",
    "${MOBILE_OF_104}",
    "+48+225550101",
    "++48225550101",
    "*8",
]
NOT_ALLOWED = [
    "+1900555010101",
    "+882165550101",
    "0700123456",
    "+4822555010",
    "+4822555010122",
    "+",
    "1900",
    "112",
    "0048225550101",
]


async def click(o: Office, number: str) -> list[str]:
    """Alice picks up a click-to-call to this text; returns the numbers at which other phones were called then."""
    answer = await o.originate(o.alice, number)
    if answer[0]["Response"] == "Success":  # else Asterisk itself has refused: nothing in the context looks like that
        alice = await o.alice.answers()
        await alice.until("ended")
    await o.idle()
    return [c.number for phone in o.phones.values() if phone is not o.alice for c in phone.calls]


@pytest.mark.asyncio
@pytest.mark.parametrize("number", HOSTILE + NOT_ALLOWED)
async def test_nothing_else_gets_out(bed: Asterisk, number: str) -> None:
    async with Office(bed) as o:
        assert await click(o, number) == []


@pytest.mark.asyncio
@pytest.mark.parametrize("number", [CUSTOMER, "+442079460000"])
async def test_an_allowed_number_does(bed: Asterisk, number: str) -> None:
    async with Office(bed) as o:
        await o.originate(o.alice, number)
        alice = await o.alice.answers()
        customer = await o.outside.answers(number)
        await o.talk(alice, customer, seconds=0)
        await alice.hang_up()
        await o.ended(customer)
        await o.idle()
