"""One call: who talks, who passed it to whom, how it ended."""

import dataclasses

import pytest

from pbxcrm.calls.events import Party
from pbxcrm.calls.life import MAX_EVIDENCE, Label, Leg, Life, leg_result, talk_seconds
from pbxcrm.calls.model import Call, Direction, Outcome, Talk, TransferKind
from pbxcrm.calls.switch import Channel, End


def channel(name: str = "PJSIP/trunk-00000001") -> Channel:
    made = Channel(Party(name, name, "1.1", "6", "", "", "", ""))
    made.name = name
    made.device = name.rpartition("-")[0]
    return made


def end(user: str | None, device: str = "", via: str | None = None) -> End:
    device = device or f"PJSIP/{user}"
    return End(channel(f"{device}-00000009"), user, device, via)


def inbound() -> Life:
    return Life("1.1", "pbx", "boot", 100.0, customer=channel(), direction="inbound", number="+48225550101")


def talk(life: Life, at: float, *ends: End) -> str | None:
    return life.set_talk({e.key: e for e in ends}, at, "BridgeEnter")


def users(life: Life) -> list[tuple[str | None, float, float | None]]:
    return [(t.user, t.start, t.end) for t in life.talks]


def passed(life: Life) -> list[tuple[str, str | None, str | None]]:
    return [(t.kind, t.by, t.to) for t in life.transfers]


# ---- talk


def test_the_first_in_talk_answers_and_the_next_takes_it_over() -> None:
    life = inbound()
    assert talk(life, 101, end("alice")) == "answered"
    assert life.answered
    assert life.talking == ("alice",)
    assert talk(life, 101.5, end("alice")) is None
    assert talk(life, 110) is None
    assert talk(life, 112, end("bob")) == "transferred"
    assert users(life) == [("alice", 101, 110), ("bob", 112, None)]
    assert life.latest_user == "bob"


def test_a_second_in_the_same_talk_is_no_transfer() -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    assert talk(life, 105, end("alice"), end("bob")) == "ringing"
    assert life.talking == ("alice", "bob")
    assert not life.transfers


def test_a_blink_is_no_end() -> None:
    """Local channels leave and re-enter bridges while they are optimised away."""
    life = inbound()
    talk(life, 101, end("alice"))
    talk(life, 102)
    assert talk(life, 102.04, end("alice")) is None
    assert users(life) == [("alice", 101, None)]


def test_a_later_return_is_a_spell_of_its_own() -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    talk(life, 102)
    assert talk(life, 110, end("alice")) == "ringing"
    assert users(life) == [("alice", 101, 102), ("alice", 110, None)]
    assert not life.transfers


@pytest.mark.parametrize("kind", ["park", "blind"])
def test_a_return_after_being_sent_on_is_a_spell_however_soon(kind: TransferKind) -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    talk(life, 102)
    life.labels = [Label(kind, 102, "alice")]
    talk(life, 102.1, end("alice"))
    assert len(life.talks) == 2


def test_a_return_from_another_conversation_is_a_spell_however_soon() -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    talk(life, 102)
    life.away.add("alice")
    talk(life, 102.1, end("alice"))
    assert len(life.talks) == 2
    assert not life.away


def test_a_clock_that_runs_backwards_makes_no_negative_talk() -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    talk(life, 90)
    assert users(life) == [("alice", 101, 101)]
    talk(life, 80, end("bob"))
    life.finish(50)
    assert all(t.end is not None and t.end >= t.start for t in life.talks)
    assert life.ended_at == 100


def test_a_device_nobody_owns_answers_too() -> None:
    life = inbound()
    assert talk(life, 101, end(None, "PJSIP/199")) == "answered"
    assert life.talking == ()
    assert life.latest_user is None
    call = life.snapshot()
    assert (call.first_answered_by, call.answered_at) == (None, 101)
    assert "a device nobody owns" in call.evidence[0].text


def test_nobody_has_talked_yet() -> None:
    assert inbound().latest_user is None


# ---- who passed it to whom


@pytest.mark.parametrize(
    ("label", "found"),
    [
        (Label("blind", 110, "alice"), [("blind", "alice", "bob")]),
        (Label("attended", 110, "alice"), [("attended", "alice", "bob")]),
        (Label("park", 110, "alice"), [("park", "alice", "bob")]),
        (Label("pickup", 111, "bob"), [("pickup", "bob", "bob")]),
        (Label("pickup", 111, "carol"), [("attended", "alice", "bob")]),  # somebody else's: the graph tells the rest
    ],
)
def test_a_label_becomes_a_transfer_when_somebody_takes_the_call(
    label: Label, found: list[tuple[str, str | None, str | None]]
) -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    talk(life, 110)
    life.labels = [label]
    assert not life.transfers
    talk(life, 112, end("bob"))
    assert passed(life) == found
    assert not life.labels


def test_whoever_sent_it_on_and_got_it_back_passed_it_to_nobody_unless_parked() -> None:
    for kind, found in (("blind", []), ("park", [("park", "alice", "alice")])):
        life = inbound()
        talk(life, 101, end("alice"))
        talk(life, 110)
        life.labels = [Label(kind, 110, "alice")]  # type: ignore[arg-type]
        talk(life, 120, end("alice"))
        assert passed(life) == found


def test_without_a_label_a_dialled_phone_was_transferred_to_and_another_was_joined() -> None:
    for dialled, kind in ((True, "blind"), (False, "attended")):
        life, bob = inbound(), end("bob")
        if dialled:
            life.legs.append(Leg(bob.channel))
        talk(life, 101, end("alice"))
        talk(life, 110)
        talk(life, 112, bob)
        assert passed(life) == [(kind, "alice", "bob")]


def test_a_forwarding_phone_passed_it_on_once() -> None:
    life, bob = inbound(), end("bob")
    bob.channel.forwarder = "alice"
    life.legs.append(Leg(bob.channel))
    talk(life, 101, bob)
    assert passed(life) == [("forward", "alice", "bob")]
    assert bob.channel.forwarder is None


def test_forwarded_to_oneself_is_forwarded_to_nobody() -> None:
    life, bob = inbound(), end("bob")
    bob.channel.forwarder = "bob"
    life.legs.append(Leg(bob.channel))
    talk(life, 101, bob)
    assert not life.transfers


def test_a_label_that_came_after_the_newcomer_counts_when_the_other_leaves() -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    talk(life, 110, end("alice"), end("bob"))
    life.labels = [Label("pickup", 110, "carol"), Label("attended", 110.1, "alice")]
    talk(life, 110.2, end("bob"))
    assert passed(life) == [("attended", "alice", "bob")]


def test_of_those_in_talk_the_newcomer_is_who_got_it() -> None:
    life = inbound()
    talk(life, 50, end("carol"))
    talk(life, 101, end("carol"), end("alice"))
    talk(life, 110, end("carol"), end("alice"), end("bob"))
    life.hand_over(Label("attended", 110, "alice"))
    assert passed(life) == [("attended", "alice", "bob")]


def test_a_label_long_before_or_after_the_newcomer_is_another_matter() -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    talk(life, 110, end("alice"), end("bob"))
    label = Label("attended", 200, "alice")
    life.hand_over(label)
    assert not life.transfers


def test_handed_over_to_oneself_is_not_handed_over() -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    life.hand_over(Label("attended", 101, "alice"))
    assert not life.transfers


# ---- ringing and evidence


def test_who_rings_and_who_rang() -> None:
    life = inbound()
    assert life.set_ringing(("alice", "bob"), 101)
    assert not life.set_ringing(("bob", "alice"), 102)
    assert life.set_ringing((), 103)
    assert life.set_ringing(("bob",), 104)
    assert life.snapshot().rang == ("alice", "bob")
    assert life.snapshot().ringing == ("bob",)


@pytest.mark.parametrize(("direction", "originated"), [("outbound", False), (None, True)])
def test_when_we_call_nobody_of_ours_rang(direction: Direction | None, originated: bool) -> None:
    life = dataclasses.replace(inbound(), direction=direction, originated=originated)
    life.set_ringing(("alice",), 101)
    assert life.rang == []


def test_evidence_is_bounded_and_in_the_order_of_time() -> None:
    life = inbound()
    life.note(5, "b", "second")
    life.note(3, "a", "first")
    assert [e.text for e in life.snapshot().evidence] == ["first", "second"]
    for i in range(100):
        life.note(i, "x", "more")
    assert len(life.evidence) == MAX_EVIDENCE


def test_linkedids_are_kept_once_each() -> None:
    life = inbound()
    for linkedid in ("1.1", "", "1.7", "1.1"):
        life.linked(linkedid)
    assert life.linkedids == ["1.1", "1.7"]


# ---- how it ends


def legs(*results: str) -> list[Leg]:
    return [Leg(channel(), result) for result in results]


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"legs": []}, "missed"),
        ({"legs": legs("")}, "missed"),
        ({"legs": legs("busy")}, "busy"),
        ({"legs": legs("declined")}, "declined"),
        ({"legs": legs("busy", "declined")}, "declined"),
        ({"legs": legs("busy", "failed")}, "busy"),
        ({"legs": legs("busy", "")}, "missed"),
        ({"legs": legs("failed")}, "missed"),
        ({"abandoned": True, "legs": legs("busy")}, "abandoned"),
        ({"voicemail": True, "abandoned": True}, "voicemail"),
        ({"picked_up": True}, "answered"),
        ({"direction": "outbound", "legs": legs("busy", "")}, "missed"),
        ({"direction": "outbound", "legs": legs("", "busy")}, "busy"),
        ({"direction": "outbound", "legs": legs("failed")}, "failed"),
        ({"direction": "outbound", "legs": []}, "missed"),
        ({"direction": "outbound", "customer": None}, "failed"),
        ({"direction": "internal", "legs": legs("busy")}, "busy"),
        ({"direction": "internal", "legs": legs("failed")}, "failed"),
        ({"direction": "internal", "legs": [], "root": channel()}, "answered"),
        ({"direction": "internal", "legs": []}, "failed"),
    ],
)
def test_an_unanswered_call_ends(changes: dict[str, object], outcome: Outcome) -> None:
    life = dataclasses.replace(inbound(), **changes)  # type: ignore[arg-type]
    life.finish(110)
    assert life.snapshot().outcome == outcome
    assert life.ended_at == 110


def test_an_answered_call_is_answered_whatever_came_later() -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    life.legs, life.voicemail, life.abandoned = legs("busy"), True, True
    assert life.snapshot().outcome == "ongoing"
    life.finish(110)
    call = life.snapshot()
    assert (call.outcome, call.talk_seconds, call.ringing, call.talking) == ("answered", 9, (), ())


def test_a_lost_call_is_lost_though_somebody_talked() -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    life.finish(110, lost=True)
    assert life.snapshot().outcome == "lost"


@pytest.mark.parametrize(
    ("number", "originated", "direction"),
    [("+48225550101", False, "outbound"), ("225550101", False, "outbound"), ("101", False, "internal"),
     (None, False, "internal"), ("101", True, "outbound")],
)  # fmt: skip
def test_where_it_would_have_gone_when_nobody_was_dialled(
    number: str | None, originated: bool, direction: Direction
) -> None:
    life = Life("1.1", "pbx", "", 100.0, root=channel("PJSIP/101-00000001"), number=number, originated=originated)
    assert life.snapshot().direction == ("outbound" if originated else "internal")
    life.finish(101)
    assert life.direction == direction


# ---- the legs


@pytest.mark.parametrize(
    ("status", "cause", "tech", "result"),
    [
        ("BUSY", "", "", "busy"),
        ("", "17", "", "busy"),
        ("", "17", "SIP 486 Busy Here", "busy"),
        ("", "", "600", "busy"),
        ("", "17", "603", "declined"),
        ("BUSY", "21", "603", "declined"),
        ("", "21", "", "declined"),
        ("", "21", "403", None),
        ("", "21", "401", None),
        ("CONGESTION", "", "", "failed"),
        ("CHANUNAVAIL", "", "", "failed"),
        ("CONGESTION", "21", "403", "failed"),
        ("NOANSWER", "", "", ""),
        ("", "19", "", ""),
        ("", "18", "", ""),
        ("CANCEL", "", "", None),
        ("", "26", "", None),
        ("", "16", "", None),
        ("", "", "", None),
    ],
)
def test_how_a_leg_ended(status: str, cause: str, tech: str, result: str | None) -> None:
    assert leg_result(status, cause, tech) == result


# ---- seconds of talk


@pytest.mark.parametrize(
    ("spells", "seconds"),
    [
        ([], 0),
        ([(0, 10)], 10),
        ([(0, 10), (20, 25)], 15),
        ([(0, 10), (5, 12)], 12),
        ([(5, 6), (0, 10)], 10),
        ([(0, None)], 0),
        ([(0, 10), (5, None)], 10),
    ],
)
def test_seconds_in_which_somebody_talked(spells: list[tuple[float, float | None]], seconds: float) -> None:
    assert talk_seconds([Talk("alice", "PJSIP/101", start, stop) for start, stop in spells]) == seconds


# ---- what the others see


def test_each_fact_bears_its_number() -> None:
    life = inbound()
    assert [life.fact("ringing", 1).n, life.fact("ended", 2).n] == [1, 2]


def test_of_an_internal_call_the_one_who_answered_is_named() -> None:
    life = Life("1.1", "pbx", "", 100.0, root=channel("PJSIP/101-00000001"), direction="internal", caller="alice")
    talk(life, 101, end("alice"), end("bob"))
    call = life.snapshot()
    assert (call.first_answered_by, call.last_answered_by, call.caller) == ("bob", "bob", "alice")


def test_the_last_to_answer_is_who_talked_last_not_who_came_last() -> None:
    life = inbound()
    talk(life, 101, end("alice"))
    talk(life, 105, end("alice"), end("bob"))
    talk(life, 110, end("alice"))
    life.finish(120)
    call = life.snapshot()
    assert (call.first_answered_by, call.last_answered_by) == ("alice", "alice")


def test_a_call_has_one_id_however_often_it_is_read() -> None:
    first, second = inbound().snapshot(), inbound().snapshot()
    assert first.id == second.id
    assert first.id != dataclasses.replace(first, boot="other").id


def test_a_call_goes_on_after_our_own_restart() -> None:
    life = inbound()
    talk(life, 101, end("alice"), end(None, "PJSIP/199"))
    life.set_ringing(("bob",), 102)
    before: Call = life.fact("answered", 102).call
    after = Life.revive(before, 7)
    after.customer = life.customer
    assert after.snapshot() == dataclasses.replace(before, root=None)
    assert talk(after, 110, end("alice")) is None
    assert users(after) == [("alice", 101, None), (None, 101, 110)]
    assert after.fact("ended", 120).n == 8


def test_the_channel_whose_life_it_is() -> None:
    ours, theirs = channel("PJSIP/101-00000001"), channel()
    assert Life("1", "", "", 0, root=ours).anchor is ours
    assert Life("1", "", "", 0, root=ours, customer=theirs).anchor is theirs
    assert Life("1", "", "", 0).anchor is None
    trying = Life("1", "", "", 0, root=ours, customer=theirs, direction="outbound")
    assert trying.kept_by == [theirs, ours]
    assert Life("1", "", "", 0, root=ours, customer=theirs, direction="inbound").kept_by == [theirs]
    assert Life("1", "", "", 0).kept_by == []
