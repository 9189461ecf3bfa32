"""Countries of phone numbers, as far as dialling asks for them."""

from functools import lru_cache

import phonenumbers
from babel import Locale
from phonenumbers import PhoneNumber

# North America's +1 holds islands where a minute costs dollars: there, only a known block says which country it is.
SHARED_CODE = 1


def region_of(parsed: PhoneNumber) -> str | None:
    """The country (ISO 3166) of a number, None where nobody can say."""
    found = phonenumbers.region_code_for_number(parsed)
    if found is None and parsed.country_code != SHARED_CODE:
        # In no known block of its country: harmless, for what nobody was given cannot be billed.
        found = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    return None if found in (None, phonenumbers.UNKNOWN_REGION, phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY) else found


def country_of(number: str) -> str | None:
    """The country of an E.164 number: its code (ISO 3166), or its calling code ("+1") where that is all one knows.

    None: an extension, or no number of any country.
    """
    if not number.startswith("+"):
        return None
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return None
    return region_of(parsed) or f"+{parsed.country_code}"


def calling_code(number: str) -> str:
    """What all numbers of its country begin with: "+49" (others' too, where countries share it)."""
    return f"+{phonenumbers.parse(number, None).country_code}"


def code_of(country: str) -> str:
    """The same of a country (ISO 3166); "+0", with which no number begins, where there is none such."""
    return f"+{phonenumbers.country_code_for_region(country)}"


@lru_cache(maxsize=1024)
def country_name(country: str, locale: str = "en") -> str:
    """The name of a country in that language; what has no name is called as it is written."""
    return str(Locale.parse(locale).territories.get(country, country))
