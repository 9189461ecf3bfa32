"""Whose device is it?"""

import pytest

from pbxcrm.calls.people import People, device_of

DEVICES = [
    ("PJSIP/101", "alice"),
    ("SIP/101", "alice"),
    ("Local/101@*", "alice"),
    ("Local/101@special-*", "mary"),
    ("Local/102@from-queue/n", "bob"),
    ("PJSIP/10*", "group"),
    ("DAHDI/3", "carol"),
    ("IAX2/desk", "dave"),
]


@pytest.mark.parametrize(
    ("channel", "device"),
    [
        ("PJSIP/101-0000002a", "PJSIP/101"),
        ("SIP/101-0000002a", "SIP/101"),
        ("SIP/101-b7d0c3f8<ZOMBIE>", "SIP/101"),
        ("PJSIP/101-0000002a<MASQ>", "PJSIP/101"),
        ("Local/101@from-queue-00000003;1", "Local/101@from-queue"),
        ("Local/101@from-queue-00000003;2", "Local/101@from-queue"),
        ("PJSIP/trunk-2024-0000002a", "PJSIP/trunk-2024"),
        ("PJSIP/trunk-2024", "PJSIP/trunk-2024"),
        ("PJSIP/my-desk-0000002a", "PJSIP/my-desk"),
        ("IAX2/provider-873", "IAX2/provider"),
        ("IAX2/provider-16384", "IAX2/provider"),
        ("DAHDI/3-1", "DAHDI/3"),
        ("DAHDI/i1/225550101-2a", "DAHDI/i1/225550101"),
        ("DAHDI/pseudo", "DAHDI/pseudo"),
        ("Local/101@from-queue/n", "Local/101@from-queue"),
        ("Console/dsp", "Console/dsp"),
        ("SCCP/101-00000004", "SCCP/101"),
        ("OOH323/gw-3f1a", "OOH323/gw"),
        ("", ""),
    ],
)
def test_a_channels_device(channel: str, device: str) -> None:
    assert device_of(channel) == device


@pytest.mark.parametrize(
    ("device", "user"),
    [
        ("PJSIP/101", "alice"),
        ("pjsip/101", "alice"),
        ("SIP/101", "alice"),
        ("Local/101@from-queue", "alice"),
        ("Local/101@special-way", "mary"),  # the longest pattern that fits wins
        ("Local/102@from-queue", "bob"),
        ("PJSIP/102", "group"),
        ("DAHDI/3", "carol"),
        ("IAX2/desk", "dave"),
        ("PJSIP/trunk", None),
        ("Local/103@from-queue", None),
        ("", None),
    ],
)
def test_whose_it_is(device: str, user: str | None) -> None:
    people = People(DEVICES)
    assert people.of(device) == user
    assert people.of(device) == user  # asked again


def test_what_is_known_of_devices_is_bounded() -> None:
    people = People(DEVICES)
    for i in range(10_005):
        assert people.of(f"PJSIP/stranger{i}") is None
    assert len(people._known) < 10_005
    assert people.of("PJSIP/101") == "alice"


def test_no_devices_at_all() -> None:
    assert People().of("PJSIP/101") is None
