"""Restarts of the PBX, of ours, and snapshots of what lives."""

import pytest

from pbxcrm.calls.model import Call
from tests.unit.calls.office import (
    MOBILE,
    Office,
    member_by_mobile,
    talks,
)
from tests.unit.calls.wire import Chan, Ids

# ---- snapshots: events were lost, and what lives now is named


def test_a_snapshot_in_the_middle_of_a_call_changes_nothing() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    before = len(o.facts)
    o.snapshot([trunk, alice])
    assert len(o.facts) == before
    o.gone(trunk, alice)
    assert o.call.outcome == "answered"


def test_a_snapshot_tells_who_came_and_who_is_gone() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.drop = lambda _frame: True
    o.gone(alice)
    bob = o.calls_phone(trunk, "PJSIP/102")
    o.join(bob, trunk)
    gone = o.now
    o.drop = lambda _frame: False
    o.wait(60)
    o.snapshot([trunk, bob])
    assert o.call.talking == ("bob",)
    assert o.call.talks[0].end is not None
    assert o.call.talks[0].end >= gone
    o.gone(trunk, bob)
    assert talks(o.call) == [("alice", "PJSIP/101"), ("bob", "PJSIP/102")]


@pytest.mark.parametrize("late", [3.0, 90.0])
@pytest.mark.parametrize("known", [True, False])
def test_who_came_after_a_list_that_came_late_was_the_last(late: float, *, known: bool) -> None:
    """The list bears no time of the PBX: whom it found in talk seemed to have gone after everybody else."""
    o = Office()
    if known:
        trunk, alice, _ = o.talk()
    o.drop = lambda _frame: True
    if known:
        o.gone(alice)
    else:
        trunk = o.customer()
    began = o.now
    bob = o.calls_phone(trunk, "PJSIP/102")
    o.join(bob, trunk)
    o.drop = lambda _frame: False
    o.wait(9)  # the list says 10 s
    o.now += late
    o.snapshot([trunk, bob])
    o.now -= late
    o.gone(bob)
    carol = o.calls_phone(trunk, "PJSIP/103")
    o.join(carol, trunk)
    o.gone(carol, trunk)
    call = o.call
    assert call.last_answered_by == "carol"
    assert call.talks[-2].user == "bob"
    assert call.started_at <= began < call.talks[-2].start <= call.talks[-2].end <= call.talks[-1].start  # type: ignore[operator]
    assert next(e.event for e in call.evidence if "bob" in e.text or "carol" in e.text) == "snapshot"


def test_a_call_that_ended_out_of_sight_is_lost_and_one_that_began_is_found() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.drop = lambda _frame: True
    o.gone(trunk, alice)
    other = o.customer("+48618880202")
    bob = o.calls_phone(other, "PJSIP/102")
    o.join(bob, other)
    o.drop = lambda _frame: False
    o.snapshot([other, bob])
    lost, found = sorted(o.calls, key=lambda call: call.outcome)
    assert (lost.outcome, lost.first_answered_by) == ("lost", "alice")
    assert (found.outcome, found.number, found.talking) == ("ongoing", "+48618880202", ("bob",))
    assert found.started_at == pytest.approx(o.now - 10, abs=1)


def test_a_mobile_found_behind_a_members_local_channel_is_his_if_its_number_says_so() -> None:
    for number, owner in (("104", "dave"), ("+48600100104", None)):
        o = Office()
        o.drop = lambda _frame: True
        trunk = o.customer()
        one, two, mobile = member_by_mobile(o, trunk)
        mobile.number = number
        o.drop = lambda _frame: False
        o.snapshot([trunk, one, two, mobile])
        o.gone(trunk, one, two, mobile)
        assert o.call.first_answered_by == owner


def test_a_phone_whose_dialling_is_over_does_not_ring_again_in_a_snapshot() -> None:
    o = Office()
    trunk = o.customer()
    alice = o.calls_phone(trunk, "PJSIP/101")
    o.dialled(trunk, alice, "CANCEL")
    o.snapshot([trunk, alice])
    assert o.call.ringing == ()


def test_a_busy_tone_is_no_lost_call() -> None:
    """The customer's channel is gone, ours lives: he was busy, and the snapshot says nothing new."""
    o = Office()
    alice = o.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    trunk = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, trunk, f"{MOBILE}@trunk")
    o.hangup(trunk, "17", "486")
    o.snapshot([alice])
    o.hangup(alice)
    assert o.call.outcome == "busy"


def test_a_channel_that_is_down_has_not_called() -> None:
    o = Office()
    o.snapshot([Chan("PJSIP/trunk-00000009", "1.9", "1.9", "0")])
    assert not o.facts
    assert not o.tracker.lives()


def test_a_listing_nobody_asked_for_says_nothing() -> None:
    o = Office()
    trunk = Chan("PJSIP/trunk-00000009", "1.9", "1.9", "6")
    o.event("CoreShowChannel", trunk.headers())
    o.event("PbxcrmSnapshotEnd")
    assert not o.tracker.lives()


def test_a_snapshot_that_the_pbx_refused_ends_no_call() -> None:
    o = Office()
    o.talk()
    o.snapshot([], listed=False)
    assert o.call.outcome == "ongoing"


def test_a_channel_born_while_others_are_named_lives() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    o.event("PbxcrmSnapshotBegin")
    other = o.customer("+48618880202")
    for chan in (trunk, alice):
        o.event("CoreShowChannel", [*chan.headers(), ("BridgeId", chan.bridge.uid if chan.bridge else "")])
    o.event("PbxcrmSnapshotEnd")
    assert len(o.tracker.lives()) == 2
    o.gone(trunk, alice, other)


def test_a_channel_that_took_another_name_out_of_sight() -> None:
    o = Office()
    trunk, alice, _ = o.talk()
    alice.name = "PJSIP/102-00000009"
    o.snapshot([trunk, alice])
    assert o.call.talking == ("bob",)


def test_a_channel_that_left_its_bridge_out_of_sight() -> None:
    o = Office()
    trunk, alice, bridge = o.talk()
    bridge.members.remove(alice)
    alice.bridge = None
    o.snapshot([trunk, alice])
    (life,) = o.tracker.lives()
    assert life.talking == ()


# ---- the PBX starts again


def test_a_restart_ends_what_lived() -> None:
    o = Office()
    o.booted(1000)
    o.talk()
    o.wait(60)
    o.booted(2)
    assert (o.call.outcome, o.call.first_answered_by) == ("lost", "alice")
    assert not o.tracker.lives()
    assert "the PBX has restarted" in [e.text for e in o.call.evidence]


def test_the_same_boot_told_again_ends_nothing() -> None:
    o = Office()
    o.booted(1000)
    trunk, alice, _ = o.talk()
    o.booted(1006)  # whole seconds, and some time on the wire
    assert len(o.tracker.lives()) == 1
    o.gone(trunk, alice)
    assert o.call.boot == str(round(o.frames[0].at - 1000))


def test_events_before_fully_booted_are_of_the_new_boot() -> None:
    """A killed PBX says nothing; the first that is heard is a channel whose uniqueid was given out before."""
    ids = Ids()
    o = Office(ids=ids)
    o.booted(1000)
    o.talk()
    o.wait(30)
    ids.count = 0
    o.frames.clear()
    again = o.new("PJSIP/102", state="4", number="102", exten="101", uid="1790000000.1")
    lost = next(call for call in o.calls if call.outcome == "lost")
    assert lost.first_answered_by == "alice"
    assert len(o.tracker.lives()) == 1
    o.booted(20)  # it took its time to start
    o.hangup(again)
    assert [call.outcome for call in o.calls] == ["lost", "failed"]
    assert len({call.id for call in o.calls}) == 2


def test_the_same_channel_told_twice_is_no_restart() -> None:
    o = Office()
    trunk = o.customer()
    o.event("Newchannel", trunk.headers())
    assert len(o.tracker.lives()) == 1


def test_a_kill_of_which_nothing_is_said_but_that_the_link_is_up_again() -> None:
    o = Office(boot="first")
    o.link_up("first")
    o.snapshot([])
    o.talk()
    o.link_up("second")
    o.snapshot([])
    assert (o.call.outcome, o.call.boot) == ("lost", "first")
    o.gone(o.customer())
    assert [call.boot for call in o.calls] == ["first", "second"]


def test_the_links_own_name_of_the_boot_stands_above_uptimes() -> None:
    o = Office()
    o.link_up("named")
    o.snapshot([])
    o.talk()
    o.booted(2)
    assert len(o.tracker.lives()) == 1
    assert o.tracker.book.boot == "named"


def test_a_boot_named_before_and_an_uptime_that_says_nothing_of_it() -> None:
    o = Office(boot="named")
    o.talk()
    o.booted(2)
    assert o.call.outcome == "lost"


def test_trunks_are_known_after_a_restart() -> None:
    o = Office(boot="a")
    o.gone(o.customer())
    o.link_up("b")
    o.snapshot([])
    alice = o.new("PJSIP/101", state="4", number="101", exten="0600100104")
    trunk = o.new("PJSIP/trunk", linked=alice)
    o.dial(alice, trunk, "trunk")
    assert o.calls[-1].direction == "outbound"


# ---- we start again


def stopped(o: Office) -> list[tuple[Call, int]]:
    return [(fact.call, fact.n) for fact in o.facts[-1:]]


def test_calls_that_lived_when_we_stopped_go_on() -> None:
    before = Office(boot="a")
    trunk, alice, _ = before.talk()
    after = Office(boot="a")
    after.wait(60)
    after.tracker.resume(stopped(before))
    after.snapshot([trunk, alice])
    assert [life.uid for life in after.tracker.lives()] == [trunk.uid]
    after.wait(5)
    after.gone(trunk, alice)
    call = after.call
    assert (call.id, call.outcome, talks(call)) == (before.call.id, "answered", [("alice", "PJSIP/101")])
    assert after.facts[-1].n > before.facts[-1].n


def test_an_outbound_call_goes_on_too() -> None:
    before = Office(boot="a")
    alice = before.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    trunk = before.new("PJSIP/trunk", linked=alice)
    before.dial(alice, trunk, f"{MOBILE}@trunk")
    before.join(trunk, alice)
    after = Office(boot="a")
    after.tracker.resume(stopped(before))
    after.snapshot([trunk, alice])
    after.gone(trunk, alice)
    assert (after.call.direction, after.call.outcome, after.call.caller) == ("outbound", "answered", "alice")


@pytest.mark.parametrize("boot", ["a", "b"])
def test_calls_that_ended_while_we_were_stopped_or_of_another_boot_are_lost(boot: str) -> None:
    before = Office(boot="a")
    trunk, alice, _ = before.talk()
    after = Office(boot=boot)
    after.tracker.resume(stopped(before))
    after.snapshot([] if boot == "a" else [trunk, alice])
    lost = next(call for call in after.calls if call.outcome == "lost")
    assert lost.id == before.call.id


def test_a_call_whose_customer_is_gone_and_whose_caller_lives_is_lost() -> None:
    before = Office(boot="a")
    alice = before.new("PJSIP/101", state="4", number="101", exten=MOBILE)
    trunk = before.new("PJSIP/trunk", linked=alice)
    before.dial(alice, trunk, f"{MOBILE}@trunk")
    before.join(trunk, alice)
    after = Office(boot="a")
    after.tracker.resume(stopped(before))
    before.leave(alice)
    after.snapshot([alice])
    assert after.calls[0].outcome == "lost"


def test_a_cut_and_then_a_kill_who_talked_last_nobody_knows() -> None:
    """Alice talked when the link went down; what she did until the PBX died was not heard."""
    o = Office(boot="first")
    o.link_up("first")
    o.snapshot([])
    o.talk()
    o.link_up("second")
    o.snapshot([])
    assert (o.call.outcome, o.call.first_answered_by, o.call.last_answered_by) == ("lost", "alice", None)


def test_somebody_called_outside_and_passed_on_before_anybody_looked() -> None:
    """Our side has left, a transfer is under way: a call to that number, of whose beginning nothing is said."""
    o = Office(boot="first")
    alice = o.new("PJSIP/101", state="4", number="101", exten="+48225550101")
    trunk = o.new("PJSIP/trunk", linked=alice, number="+48225550101")
    seen = Office(boot="first")
    o.dial(alice, trunk, "+48225550101@trunk")
    o.picks_up(alice, trunk)
    o.gone(alice)
    seen.link_up("first")
    seen.snapshot([trunk])
    seen.hangup(trunk)
    assert (seen.call.direction, seen.call.number, seen.call.outcome) == ("outbound", "+48225550101", "lost")
    assert seen.call.first_answered_by is None
    assert seen.call.uid == alice.uid  # as the PBX's own record names it
