"""While pbxcrm is dead or its link is cut a real PBX writes CEL: then each call is there once, as it truly was.

Where it writes CDR alone, as well as that can tell.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from pbxcrm.crm import views
from tests.fakes.process import Pbxcrm
from tests.pbx.bed.asterisk import Asterisk
from tests.pbx.bed.lanes import Played
from tests.pbx.bed.office import Office, iso
from tests.pbx.bed.record import golden
from tests.pbx.bed.scenarios import SCENARIOS, play
from tests.pbx.bed.scenarios.transfers import blind
from tests.soak.proxy import Proxy
from tests.truth import compare
from tests.unit.calls.cel_rows import made, read

MISSED = ["group_second_answers", "attended_keys_completed", "outbound_no_answer", "parking_fetched_by_another"]


def settle(crm: Pbxcrm) -> Pbxcrm:
    """The office's people, and a manager's token."""
    people: dict[str, list[str]] = {}
    known = json.loads(golden("inbound_answered").with_suffix(".json").read_text())["devices"]
    for device, person in known.items():
        people.setdefault(person, []).append(device)
    for person, devices in people.items():
        crm.must("user", "add", person, "--role", "agent", *(w for device in devices for w in ("--device", device)))
    crm.must("user", "add", "mona", "--role", "manager")
    crm.token = crm.must("token", "create", "mona").strip()
    return crm


def pbx_of(bed: Asterisk, **more: str) -> dict[str, str]:
    return {"ami_host": bed.host, "ami_port": str(bed.ami_port), "ami_username": "pbxcrm", "ami_secret": bed.secret,
            "default_region": "PL", "cel": str(bed.cel), "history_zone": "UTC", **more}  # fmt: skip


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Pbxcrm]:
    """Makes an installation with people and a token: the words that make one take their time, so they are said once."""
    first = settle(Pbxcrm(tmp_path_factory.mktemp("settled")))

    def make(**settings: str) -> Pbxcrm:
        crm = Pbxcrm(tmp_path_factory.mktemp("history"), **settings)
        shutil.copy(first.folder / "pbxcrm.db", crm.folder / "pbxcrm.db")
        crm.token = first.token
        return crm

    return make


@pytest.fixture(scope="module")
def beside(bed: Asterisk, settled: Callable[..., Pbxcrm]) -> Iterator[Pbxcrm]:
    """pbxcrm with CEL, beside the bed's Asterisk."""
    crm = settled(**pbx_of(bed))
    try:
        yield crm.start().ready()
        assert crm.stop() == 0
    finally:
        if crm.process is not None:
            crm.kill()


@pytest_asyncio.fixture
async def wired(bed: Asterisk, settled: Callable[..., Pbxcrm]) -> AsyncIterator[tuple[Pbxcrm, Proxy]]:
    """Another with a link that can be cut."""
    wire = Proxy(bed.ami_port, random.Random(1))
    await wire.start()
    crm = settled(**pbx_of(bed, ami_port=str(wire.port)))
    await asyncio.to_thread(lambda: crm.start().ready())
    try:
        yield crm, wire
    finally:
        await asyncio.to_thread(crm.kill)
        await wire.stop()


def told(crm: Pbxcrm, since: str, count: int) -> list[dict[str, Any]]:
    """The calls that began since then, when there are as many and all are over: CEL tells of earlier ones as well."""
    new = [call for call in crm.items("/calls") if call["started_at"] >= since]
    return new if len(new) >= count and all(call["ended_at"] and call["outcome"] != "lost" for call in new) else []


@pytest.mark.parametrize("name", MISSED)
def test_calls_made_while_we_were_dead_are_all_there_once(name: str, bed: Asterisk, beside: Pbxcrm) -> None:
    beside.kill()
    since: list[str] = []
    truth = asyncio.run(play(bed, name, before=lambda: since.append(str(iso(time.time())))))
    beside.start().ready()
    sure = [call for call in truth["calls"] if "call" not in call.get("unsure", [])]
    found = beside.until(lambda: told(beside, since[-1], len(sure)), f"find the calls of {name} in CEL")
    assert not compare(found, truth["calls"])
    again = beside.until(lambda: told(beside, since[-1], len(sure)), "say the same again")
    assert len(again) == len(found)


@pytest.mark.asyncio
async def test_killed_in_mid_call_and_transferred_meanwhile(bed: Asterisk, beside: Pbxcrm) -> None:
    since = str(iso(time.time()))
    number, other = "+48225550771", "+48225550772"
    async with Office(bed) as office:
        customer = await office.incoming("10", caller=number)
        alice = await office.alice.answers()
        await asyncio.to_thread(beside.until, lambda: talking(beside, number) == ["alice"], "see who answered")
        await asyncio.to_thread(beside.kill)
        await blind(alice, "102")
        bob = await office.bob.answers()
        await office.ended(alice)
        await office.talk(customer, bob, seconds=0.2)
        await customer.hang_up()
        await office.ended(bob)
        second = await office.incoming("10", caller=other)
        again = await office.alice.answers()
        await office.talk(second, again, seconds=0.2)
        await second.hang_up()
        await office.ended(again)
        await office.idle()
    await asyncio.to_thread(lambda: beside.start().ready())
    calls = await asyncio.to_thread(beside.until, lambda: told(beside, since, 2), "mend what was missed")
    assert_transferred(calls, number)
    (call,) = [call for call in calls if call["number"] == other]
    assert (call["outcome"], call["first_answered_by"]) == ("answered", "alice")
    deals = await asyncio.to_thread(beside.items, "/deals")
    assert sorted((d["number"], d["owner"]) for d in deals if d["number"] in (number, other)) == [
        (number, "alice"), (other, "alice"),
    ]  # fmt: skip


@pytest.mark.asyncio
async def test_a_link_cut_in_mid_call_and_back_before_its_end(bed: Asterisk, wired: tuple[Pbxcrm, Proxy]) -> None:
    crm, wire = wired
    since = str(iso(time.time()))
    number, other = "+48225550773", "+48225550774"
    async with Office(bed) as office:
        customer = await office.incoming("10", caller=number)
        alice = await office.alice.answers()
        await asyncio.to_thread(crm.until, lambda: talking(crm, number) == ["alice"], "see who answered")
        wire.mode = "refuse"
        wire.cut()
        await asyncio.to_thread(crm.until, lambda: crm.status("/readyz") == 503, "see that the link is down")
        await blind(alice, "102")
        bob = await office.bob.answers()
        await office.ended(alice)
        await office.talk(customer, bob, seconds=0.2)
        missed = await office.incoming("11", caller=other)  # nobody takes it
        await office.ended(missed)
        wire.mode = "pass"
        await asyncio.to_thread(crm.ready)
        await customer.hang_up()
        await office.ended(bob)
        await office.idle()
    calls = await asyncio.to_thread(crm.until, lambda: told(crm, since, 2), "mend what was missed")
    assert len(calls) == 2
    # It was followed to its end, with a gap: that it was a blind transfer only CEL knows.
    await asyncio.to_thread(crm.until, lambda: transfers(crm, number) == [("blind", "alice", "bob")], "mend it")
    assert_transferred(await asyncio.to_thread(crm.items, "/calls"), number)
    (call,) = [call for call in calls if call["number"] == other]
    assert (call["outcome"], call["rang"]) == ("missed", ["alice"])
    tasks = await asyncio.to_thread(crm.items, "/tasks")
    asked = [task["number"] for task in tasks if task["kind"] == "callback"]
    assert [one for one in asked if one in (number, other)] == [other]


def assert_transferred(calls: list[dict[str, Any]], number: str) -> None:
    (call,) = [call for call in calls if call["number"] == number]
    assert (call["outcome"], call["first_answered_by"], call["last_answered_by"]) == ("answered", "alice", "bob")
    assert passed(call) == [("blind", "alice", "bob")]


def transfers(crm: Pbxcrm, number: str) -> list[tuple[str, str, str]]:
    return [one for call in crm.items("/calls") if call["number"] == number for one in passed(call)]


def passed(call: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(t["kind"], t["by"], t["to"]) for t in call["transfers"]]


def talking(crm: Pbxcrm, number: str) -> list[str]:
    return [user for call in crm.items("/calls") if call["number"] == number for user in call["talking"]]


CUT, GONE, MISSED, KEPT = (f"+4822555078{n}" for n in range(1, 5))


@pytest.fixture
def without_cel(bed: Asterisk, settled: Callable[..., Pbxcrm]) -> Iterator[Pbxcrm]:
    """pbxcrm with CDR alone, beside the bed's Asterisk."""
    crm = settled(**pbx_of(bed, cel="", cdr=str(bed.cdr)))
    try:
        yield crm.start().ready()
    finally:
        crm.kill()


def told_by_cdr(crm: Pbxcrm) -> dict[str, dict[str, Any]]:
    """The four calls, when they are over for us and those of the gap are told of by CDR."""
    calls = [call for call in crm.items("/calls") if call["number"] in (CUT, GONE, MISSED, KEPT)]
    known = {call["number"]: call for call in calls if call["ended_at"] and call["outcome"] != "lost"}
    assert len(calls) == len({call["number"] for call in calls}), "a call is there twice"
    return known if len(known) == 4 and known[KEPT]["first_answered_by"] else {}


@pytest.mark.asyncio
async def test_killed_in_mid_call_without_cel_the_rest_is_told_by_cdr(bed: Asterisk, without_cel: Pbxcrm) -> None:
    crm = without_cel
    async with Office(bed) as office:
        cut = await office.incoming("10", caller=CUT)
        alice = await office.alice.answers()
        await asyncio.to_thread(crm.until, lambda: talking(crm, CUT) == ["alice"], "see who answered")
        await asyncio.to_thread(crm.kill)
        await office.talk(cut, alice, seconds=0.2)
        await cut.hang_up()
        await office.ended(alice)
        gone = await office.incoming("10", caller=GONE)
        again = await office.alice.answers()
        await office.talk(gone, again, seconds=0.2)
        await gone.hang_up()
        await office.ended(again)
        missed = await office.incoming("11", caller=MISSED)  # nobody takes it
        await office.alice.rings()
        await office.ended(missed)
        kept = await office.incoming("10", caller=KEPT)
        third = await office.alice.answers()
        await asyncio.to_thread(lambda: crm.start().ready())
        await office.talk(kept, third, seconds=0.2)
        await kept.hang_up()
        await office.ended(third)
        await office.idle()
    calls = await asyncio.to_thread(crm.until, lambda: told_by_cdr(crm), "learn from CDR what was missed")
    for number in (CUT, GONE, KEPT):
        call = calls[number]
        who = (call["direction"], call["outcome"], call["first_answered_by"], call["last_answered_by"])
        assert who == ("inbound", "answered", "alice", "alice"), number
        assert call["rang"] == ["alice"]
        assert call["transfers"] == []
    assert (calls[MISSED]["direction"], calls[MISSED]["outcome"], calls[MISSED]["talks"]) == ("inbound", "missed", [])
    deals = await asyncio.to_thread(crm.items, "/deals")
    owners = {deal["number"]: deal["owner"] for deal in deals if deal["number"] in calls}
    assert owners == {CUT: "alice", GONE: "alice", KEPT: "alice"} | {MISSED: None}
    tasks = await asyncio.to_thread(crm.items, "/tasks")
    assert [task["number"] for task in tasks if task["kind"] == "callback" and task["number"] in calls] == [MISSED]


@pytest.mark.parametrize("played_name", SCENARIOS)
def test_a_fresh_cel_file_reads_as_the_phones_say(played_name: str, played: Callable[[str], Played]) -> None:
    now = played(played_name)
    rows = list(made(io.StringIO(now.cel.decode())))
    problems = compare([views.call(call) for call in read(rows, now.truth)], now.truth["calls"])
    assert not problems, "\n".join(problems)
