"""Which country a number lies in, and which ones ask for the password once more."""

import pytest

from pbxcrm.crm.countries import calling_code, country_name, country_of
from pbxcrm.crm.dialling import DialPolicy, country_to_confirm

COUNTRIES = [
    ("+48601234567", "PL"),
    ("+4930123456", "DE"),
    ("+442079460123", "GB"),
    ("+441481256789", "GG"),  # Guernsey shares the United Kingdom's code
    ("+12025550123", "US"),
    ("+14165550123", "CA"),
    ("+18765551234", "JM"),
    ("+10005550123", "+1"),  # of no known block: nobody can say which of its countries
    ("+74951234567", "RU"),
    ("+77172123456", "KZ"),
    ("+982112345678", "IR"),
    ("+49000000", "DE"),  # of no known block of a country that has its code alone
    ("101", None),
    ("112", None),
    ("", None),
]


@pytest.mark.parametrize(("number", "country"), COUNTRIES)
def test_the_country_of_a_number(number: str, country: str | None) -> None:
    assert country_of(number) == country
    assert country is None or number.startswith(calling_code(number))


@pytest.mark.parametrize(("number", "country"), COUNTRIES)
def test_every_country_but_home_is_asked_about(number: str, country: str | None) -> None:
    for region in ("PL", "pl", "US", None):
        home = country is not None and country == (region or "").upper()
        assert country_to_confirm(DialPolicy(region=region), number) == (None if home else country)
    assert country_to_confirm(DialPolicy(region="PL", confirm=False), number) is None


def test_names_are_in_the_readers_language() -> None:
    assert country_name("DE") == "Germany"
    assert country_name("DE", "pl") == "Niemcy"
    assert country_name("DE", "fa") == "آلمان"
    assert country_name("+1", "ar") == "+1"
