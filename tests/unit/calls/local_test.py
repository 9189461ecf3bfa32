"""Local channels and the members behind them."""

from tests.unit.calls.office import Office, member_by_mobile, talks, transfers


def test_a_local_channel_may_dial_on_before_its_own_dialling_is_told() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    deep, deeper = o.local("101", "ext-local", trunk)
    alice = o.new("PJSIP/101", number="101", linked=trunk)
    o.dial(deeper, alice)
    o.rings(deeper, alice)
    o.dial(two, deep)
    assert not o.facts
    o.dial(trunk, one)
    assert o.call.ringing == ("alice",)
    o.picks_up(deeper, alice)
    o.join(alice, deeper)
    o.join(deep, two)
    o.join(one, trunk)
    o.gone(trunk, one, two, deep, deeper, alice)
    assert talks(o.call) == [("alice", "PJSIP/101")]
    assert o.call.rang == ("alice",)


def test_a_local_channel_that_dials_on_and_goes_is_nobodys_call() -> None:
    o = Office()
    one, two = o.local("101", "from-queue")
    alice = o.new("PJSIP/101", number="101", linked=one)
    o.dial(two, alice)
    o.gone(one, two, alice)
    assert not o.facts


def test_a_local_channel_whose_phone_was_refused_before_it_was_dialled_itself() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    alice = o.new("PJSIP/101", number="101", linked=trunk)
    o.dial(two, alice)
    o.dialled(two, alice, "BUSY")
    o.hangup(alice, "17")
    o.dial(trunk, one)
    o.gone(one, two, trunk)
    assert o.call.rang == ()


def test_a_blind_transfer_out_of_a_local_channel_stays_the_customers_call() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    o.dial(trunk, one)
    alice = o.calls_phone(two, "PJSIP/101")
    o.picks_up(two, alice)
    o.join(alice, two)
    o.picks_up(trunk, one)
    o.join(one, trunk)
    o.wait(5)
    o.blind(alice, two, "102")
    o.leave(two)
    o.gone(alice)
    bob = o.calls_phone(two, "PJSIP/102")
    assert o.call.ringing == ("bob",)
    o.picks_up(two, bob)
    o.join(bob, two)
    o.gone(trunk, one, two, bob)
    assert talks(o.call) == [("alice", "PJSIP/101"), ("bob", "PJSIP/102")]
    assert transfers(o.call) == [("blind", "alice", "bob")]
    assert o.call.rang == ("alice", "bob")


def test_a_mobile_is_the_persons_for_whom_it_was_dialled() -> None:
    o = Office()
    trunk = o.customer()
    one, two, mobile = member_by_mobile(o, trunk)
    o.gone(trunk, one, two, mobile)
    assert talks(o.call) == [("dave", "Local/104@from-queue")]
    assert o.call.rang == ("dave",)


def test_a_mobile_is_not_the_persons_whose_local_channel_the_call_came_through() -> None:
    """Alice was reached through a Local channel that stays; she passed the customer to Dave's mobile."""
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    o.dial(trunk, one)
    alice = o.calls_phone(two, "PJSIP/101")
    o.join(alice, two)
    o.join(one, trunk)
    line = o.new("PJSIP/101", state="4", number="101", exten="104")
    third, fourth, mobile = member_by_mobile(o, line)
    o.wait(5)
    o.leave(two)
    o.leave(line)
    o.enter(two, third.bridge or o.bridge(), swap=line)
    o.gone(alice, line)
    o.wait(5)
    o.gone(trunk, one, two, third, fourth, mobile)
    assert talks(o.calls[0]) == [("alice", "PJSIP/101"), ("dave", "Local/104@from-queue")]


def test_a_stranger_to_whom_a_local_channels_member_sent_the_customer_is_not_that_member() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    o.dial(trunk, one)
    alice = o.calls_phone(two, "PJSIP/101")
    o.join(alice, two)
    o.join(one, trunk)
    o.wait(5)
    o.blind(alice, two, "00441632960123")
    o.leave(two)
    o.gone(alice)
    stranger = o.new("PJSIP/trunk", linked=trunk)
    o.dial(two, stranger, "+441632960123@trunk")
    o.picks_up(two, stranger)
    o.join(stranger, two)
    o.gone(trunk, one, two, stranger)
    assert talks(o.calls[0]) == [("alice", "PJSIP/101")]


def test_local_channels_of_two_people_and_no_word_of_the_dialling_name_nobody() -> None:
    o = Office()
    trunk = o.customer()
    one, two = o.local("101", "from-queue", trunk)
    third, fourth = o.local("102", "ext-local", trunk)
    mobile = o.new("PJSIP/mobile", linked=trunk)
    o.join(mobile, fourth)
    o.join(third, two)
    o.join(one, trunk)
    o.gone(trunk, one, two, third, fourth, mobile)
    assert o.call.first_answered_by is None
