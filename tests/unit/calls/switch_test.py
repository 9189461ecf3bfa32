"""The switchboard: who is in one conversation with whom, through which bridges and Local channels."""

import pytest

from pbxcrm.calls.events import Party
from pbxcrm.calls.people import People
from pbxcrm.calls.switch import Channel, Owned, Switch
from tests.unit.calls.office import DEVICES


class Board(Switch):
    """A switchboard with a shorter hand."""

    def __init__(self) -> None:
        super().__init__(People(DEVICES.items()))
        self.count = 0

    def add(self, name: str, state: str = "6", number: str = "") -> Channel:
        self.count += 1
        return self.channel(Party(f"1.{self.count}", name, "1.1", state, number, "", "", ""))

    def local(self, exten: str, context: str = "from-queue") -> tuple[Channel, Channel]:
        self.count += 1
        base = f"Local/{exten}@{context}-{self.count:08x}"
        return self.add(f"{base};1"), self.add(f"{base};2")

    def together(self, bridge: str, *channels: Channel) -> None:
        for channel in channels:
            self.enter(channel, self.bridge(bridge))

    def who(self, channel: Channel) -> list[tuple[str | None, str, str | None]]:
        return [(end.user, end.device, end.via) for end in self.ends(channel)]


@pytest.fixture
def b() -> Board:
    return Board()


# ---- channels


def test_a_channel_is_known_by_its_name(b: Board) -> None:
    alice = b.add("PJSIP/101-00000001")
    assert (alice.device, alice.user, alice.endpoint, alice.local, alice.whose) == (
        "PJSIP/101", "alice", "101", False, "alice",
    )  # fmt: skip
    assert b.add("PJSIP/trunk-00000002").owned is None


def test_the_same_uniqueid_is_the_same_channel_and_a_name_may_come_late(b: Board) -> None:
    early = b.channel(Party("1.9", "", "", "", "", "", "", ""))
    assert early.user is None
    late = b.channel(Party("1.9", "PJSIP/101-00000001", "", "", "", "", "", ""))
    assert late is early
    assert late.user == "alice"
    assert b.channel(Party("1.9", "PJSIP/102-00000001", "", "", "", "", "", "")).user == "alice"


@pytest.mark.parametrize("name", ["CBAnn/800-00000001;1", "Surrogate/PJSIP/101-0000002a", "Snoop/1.2-00000001",
                                  "Announcer/x-1", "Message/ast_msg_queue", "UnicastRTP/127.0.0.1-0x1"])  # fmt: skip
def test_machinery_is_nobody(b: Board, name: str) -> None:
    machine, trunk = b.add(name), b.add("PJSIP/trunk-00000002")
    assert machine.machine
    b.together("b", machine, trunk)
    assert b.who(trunk) == []


def test_a_channel_may_take_anothers_name(b: Board) -> None:
    channel = b.add("PJSIP/101-00000001")
    b.name(channel, "PJSIP/102-00000002")
    assert channel.user == "bob"


def test_a_talker_is_told_from_another_by_person_else_by_device(b: Board) -> None:
    trunk = b.add("PJSIP/trunk-00000001")
    b.together("b", trunk, b.add("PJSIP/103-00000002"), b.add("PJSIP/113-00000003"), b.add("PJSIP/199-00000004"))
    assert sorted(end.key for end in b.ends(trunk)) == ["PJSIP/199", "carol", "carol"]


# ---- bridges


def test_two_in_a_bridge_hear_each_other(b: Board) -> None:
    trunk, alice = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/101-00000002")
    b.together("b", trunk, alice)
    assert b.who(trunk) == [("alice", "PJSIP/101", None)]
    assert b.who(alice) == [(None, "PJSIP/trunk", None)]


def test_in_no_bridge_there_is_nobody(b: Board) -> None:
    assert b.who(b.add("PJSIP/trunk-00000001")) == []


def test_a_holding_bridge_is_no_conversation(b: Board) -> None:
    trunk, alice = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/101-00000002")
    b.together("b", trunk, alice)
    b.bridge("b").holding = True
    assert b.who(trunk) == []
    one, two = b.local("101")
    b.together("c", one, trunk)
    b.together("b", two)
    assert b.who(trunk) == []


def test_who_enters_a_bridge_has_left_the_other(b: Board) -> None:
    trunk, alice, bob = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/101-00000002"), b.add("PJSIP/102-00000003")
    b.together("b", trunk, alice)
    b.together("c", bob, trunk)
    assert b.who(trunk) == [("bob", "PJSIP/102", None)]
    assert b.who(alice) == []


def test_an_empty_bridge_is_forgotten(b: Board) -> None:
    alice = b.add("PJSIP/101-00000001")
    b.together("b", alice)
    b.leave(alice)
    b.leave(alice)
    assert not b.bridges


def test_a_merge_moves_those_who_are_still_there_when_the_bridge_is_gone(b: Board) -> None:
    trunk, alice, bob = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/101-00000002"), b.add("PJSIP/102-00000003")
    b.together("customer", trunk)
    b.together("talk", alice, bob)
    b.merge("customer", "talk")
    b.leave(alice)
    assert b.who(trunk) == []
    assert b.dissolve("talk") == [bob]
    assert b.who(trunk) == [("bob", "PJSIP/102", None)]


def test_a_bridge_destroyed_with_somebody_in_it_holds_nobody(b: Board) -> None:
    trunk, alice = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/101-00000002")
    b.together("b", trunk, alice)
    assert b.dissolve("b") == [trunk, alice]
    assert b.who(trunk) == []
    assert b.dissolve("never seen") == []


def test_a_bridge_merged_into_itself_stays(b: Board) -> None:
    trunk, alice = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/101-00000002")
    b.together("b", trunk, alice)
    b.merge("b", "b")
    assert b.merged == {}


# ---- Local channels


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_through_chains_of_local_channels(b: Board, depth: int) -> None:
    trunk, alice = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/101-00000002")
    near = trunk
    for level in range(depth):
        one, two = b.local("101", f"level{level}")
        b.together(f"b{level}", near, one)
        near = two
    b.together("last", near, alice)
    ((user, device, via),) = b.who(trunk)
    assert (user, device) == ("alice", "PJSIP/101")
    assert via is not None
    assert via.startswith(f"Local/101@level{depth - 1}")
    assert [end.device for end in b.ends(alice)] == ["PJSIP/trunk"]


def test_a_chain_that_is_not_whole_leads_nowhere(b: Board) -> None:
    trunk, alice = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/101-00000002")
    one, two = b.local("101")
    b.together("b", trunk, one)
    b.together("c", alice)
    assert b.who(trunk) == []
    b.together("c", two)
    assert len(b.who(trunk)) == 1
    b.remove(two)
    assert b.who(trunk) == []
    assert one.pair is None


def test_a_ring_of_local_channels_is_walked_once(b: Board) -> None:
    trunk, alice = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/101-00000002")
    one, two = b.local("101")
    three, four = b.local("102")
    b.together("b", trunk, one, four, alice)
    b.together("c", two, three)
    assert b.who(trunk) == [("alice", "PJSIP/101", None)]
    assert sorted(c.uid for c in b.family(trunk)) == sorted(b.channels)


def test_from_a_local_channel_both_sides_are_seen(b: Board) -> None:
    trunk, alice = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/101-00000002")
    one, two = b.local("101")
    b.together("b", trunk, one)
    b.together("c", two, alice)
    for half in (one, two):
        assert {end.device for end in b.ends(half)} == {"PJSIP/trunk", "PJSIP/101"}


def test_halves_are_paired_by_event_or_by_name(b: Board) -> None:
    one, two = b.add("Local/101@x-00000001;1"), b.add("Local/101@x-00000001;2")
    assert (one.pair, two.pair) == (two, one)
    odd, even = b.add("Local/101@y-00000001;1"), b.add("Local/101@z-00000001;2")
    assert odd.pair is None
    b.pair(odd, even)
    assert (odd.pair, even.pair) == (even, odd)


# ---- whose a channel is


def test_a_member_is_who_was_dialled(b: Board) -> None:
    trunk = b.add("PJSIP/trunk-00000001")
    one, two = b.local("104")
    mobile = b.add("PJSIP/trunk-00000009")
    b.dial(trunk, one)
    b.dial(two, mobile)
    assert mobile.owned == Owned("dave", "Local/104@from-queue")
    assert mobile.whose == "dave"
    assert one.forwarder is None


def test_of_local_channels_in_local_channels_the_outermost_is_the_member(b: Board) -> None:
    trunk = b.add("PJSIP/trunk-00000001")
    one, two = b.local("104", "from-queue")
    three, four = b.local("104", "mobile")
    mobile = b.add("PJSIP/trunk-00000009")
    b.dial(trunk, one)
    b.dial(two, three)
    b.dial(four, mobile)
    assert mobile.owned == Owned("dave", "Local/104@from-queue")


def test_ones_own_phone_is_ones_own_whoever_was_called(b: Board) -> None:
    _, two = b.local("104")
    alice = b.add("PJSIP/101-00000002")
    b.dial(two, alice)
    assert alice.owned == Owned("alice", "PJSIP/101")


def test_a_local_channel_that_was_in_talk_dials_for_somebody_else(b: Board) -> None:
    _, two = b.local("101")
    b.together("b", two)
    b.leave(two)
    mobile = b.add("PJSIP/trunk-00000009")
    b.dial(two, mobile)
    assert mobile.owned is None


def test_what_was_forwarded_stays_so_down_the_chain(b: Board) -> None:
    one, two = b.local("102")
    one.forwarder = "alice"
    bob = b.add("PJSIP/102-00000002")
    b.dial(two, bob)
    assert bob.forwarder == "alice"


# ---- who dials whom


def test_upwards_to_who_called_first(b: Board) -> None:
    trunk = b.add("PJSIP/trunk-00000001")
    one, two = b.local("101")
    alice = b.add("PJSIP/101-00000002")
    b.dial(trunk, one)
    b.dial(two, alice)
    assert [c.uid for c in b.callers(alice)] == [two.uid, one.uid, trunk.uid]
    assert b.top(alice) is trunk
    assert b.top(trunk) is trunk
    b.undial(alice)
    assert b.top(alice) is alice


def test_a_change_may_concern_all_who_are_bridged_paired_or_dialled(b: Board) -> None:
    trunk, other = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/trunk-00000002")
    one, two = b.local("101")
    alice, bob = b.add("PJSIP/101-00000002"), b.add("PJSIP/102-00000003")
    b.dial(trunk, one)
    b.dial(two, alice)
    b.together("b", trunk, bob)
    for channel in (trunk, one, two, alice, bob):
        assert {c.uid for c in b.family(channel)} == {c.uid for c in (trunk, one, two, alice, bob)}
    assert b.family(other) == [other]


def test_dialled_in_a_ring_it_comes_to_an_end(b: Board) -> None:
    first, second = b.add("PJSIP/101-00000001"), b.add("PJSIP/102-00000002")
    b.dial(first, second)
    b.dial(second, first)
    assert b.top(first) in (first, second)


def test_dialled_by_another_it_is_no_longer_dialled_by_the_first(b: Board) -> None:
    first, second, phone = b.add("PJSIP/101-00000001"), b.add("PJSIP/102-00000002"), b.add("PJSIP/103-00000003")
    b.dial(first, phone)
    b.dial(second, phone)
    assert first.dials == {}
    b.dial(None, phone)
    assert second.dials == {}
    assert phone.caller is None


def test_a_channel_that_is_gone_leaves_nothing(b: Board) -> None:
    trunk, alice = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/101-00000002")
    one, two = b.local("101")
    b.dial(trunk, one)
    b.dial(two, alice)
    b.together("b", trunk)
    for channel in (trunk, one, two, alice):
        b.remove(channel)
        b.remove(channel)
    assert not b.channels
    assert not b.bridges
    assert not b._halves
    assert alice.caller is None


def test_the_dead_are_let_go_and_the_newborn_are_not(b: Board) -> None:
    trunk = b.add("PJSIP/trunk-00000001")
    party = Party(trunk.uid, trunk.name, "", "6", "", "", "", "")
    b.remove(trunk)
    assert b.channel(party).name == ""
    assert not b.channels
    assert b.born(party).name == trunk.name
    assert b.channels


def test_only_the_last_dead_are_remembered(b: Board) -> None:
    for _ in range(300):
        b.remove(b.add("PJSIP/trunk-00000001"))
    assert len(b.gone) == 256


# ---- found behind Local channels, their dialling not seen


def test_found_behind_a_members_local_channel_with_his_number(b: Board) -> None:
    trunk, mobile = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/trunk-00000002", number="104")
    one, two = b.local("104")
    b.together("b", trunk, one)
    b.together("c", two, mobile)
    assert b.who(trunk) == [("dave", "Local/104@from-queue", one.name)]
    b.together("b", mobile)  # the Local channel optimised away
    assert [end.user for end in b.ends(trunk)] == ["dave"]


def test_found_behind_anothers_too_it_is_nobodys_for_good(b: Board) -> None:
    trunk, mobile = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/trunk-00000002", number="104")
    one, two = b.local("101")
    three, four = b.local("104")
    b.together("b", trunk, one)
    b.together("c", two, three)
    b.together("d", four, mobile)
    assert [end.user for end in b.ends(trunk)] == [None]
    b.together("c", mobile)
    assert [end.user for end in b.ends(trunk)] == [None]


def test_found_behind_a_members_local_channel_under_another_number_it_is_nobodys(b: Board) -> None:
    trunk, mobile = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/trunk-00000002", number="+48600100104")
    one, two = b.local("104")
    b.together("b", trunk, one)
    b.together("c", two, mobile)
    assert [end.user for end in b.ends(trunk)] == [None]


def test_a_member_known_from_its_queue_stays_who_he_is(b: Board) -> None:
    trunk, mobile = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/trunk-00000002", number="104")
    mobile.member = Owned("erin", "PJSIP/600@trunk")
    one, two = b.local("104")
    b.together("b", trunk, one)
    b.together("c", two, mobile)
    assert [end.user for end in b.ends(trunk)] == ["erin"]


def test_of_two_local_channels_of_one_person_the_first_names_him(b: Board) -> None:
    trunk, mobile = b.add("PJSIP/trunk-00000001"), b.add("PJSIP/trunk-00000002", number="104")
    one, two = b.local("104", "from-queue")
    three, four = b.local("104", "mobile")
    b.together("b", trunk, one)
    b.together("c", two, three)
    b.together("d", four, mobile)
    assert b.who(trunk)[0][:2] == ("dave", "Local/104@from-queue")
