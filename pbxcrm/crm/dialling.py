"""Which numbers may be dialled by a click, how often and when. Everything is refused that is not allowed: a stolen
session must not be worth money (toll fraud).

Numbers come from calls.numbers.parse: `+` and digits (E.164), or digits alone (an extension, or unreadable).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time

import phonenumbers
from phonenumbers import PhoneNumberType

from pbxcrm.crm.countries import country_of, region_of

# Not a country: satellites, international networks, shared cost and premium, personal numbers. (ITU E.164, list of
# assigned country codes: 808 shared cost, 870 Inmarsat, 878 personal, 881 and 882/883 networks, 888, 979 premium.)
_NO_COUNTRY = ("+808", "+870", "+878", "+881", "+882", "+883", "+888", "+979")
_COSTLY = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.PAGER,
    }
)


@dataclass(frozen=True, slots=True)
class DialPolicy:
    """`region` (ISO 3166) is home and allowed; `prefixes` (as "+48", "+4420"; "*": all) are allowed beyond it;
    `denied` ones are dialled never, wherever they are.

    `extensions`: how few and how many digits a number of the house has, None: no internal calls by click. Caps count
    clicks in the last minute and the last 24 hours, and calls that live. `hours`: from, until, on the house's clock;
    from after until means over midnight. `confirm`: the first call to a country asks for the password once more.
    """

    region: str | None = None
    prefixes: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    extensions: tuple[int, int] | None = (2, 4)
    per_minute: int = 10
    per_day: int = 300
    per_live: int = 2
    all_minute: int = 60
    all_day: int = 3000
    all_live: int = 30
    hours: tuple[time, time] | None = None
    confirm: bool = True


@dataclass(frozen=True, slots=True)
class Counts:
    """How many calls were asked for by click, by this person and by all; `live`: not over yet."""

    person_minute: int = 0
    person_day: int = 0
    person_live: int = 0
    all_minute: int = 0
    all_day: int = 0
    all_live: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not. `retry_after`: seconds until it may be allowed, None when waiting does not help."""

    code: str
    message: str
    retry_after: int | None = None


def refuse_number(policy: DialPolicy, number: str) -> Refusal | None:
    """Why this number may not be dialled, or None."""
    if policy.denied and number.startswith(policy.denied):
        return Refusal("denied", f"{number} begins like a number that is never dialled here (PBXCRM_DIAL_DENIED).")
    if not number.startswith("+"):
        return _refuse_short(policy, number)
    if number.startswith(_NO_COUNTRY):
        return Refusal("costly_number", f"{number} is a satellite or premium number, so it is not dialled.")
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return Refusal("no_number", f"{number} is no number of any country, so it is not dialled.")
    if _costly(number, parsed):
        return Refusal("costly_number", f"{number} is a premium, shared-cost or personal number, so it is not dialled.")
    if _starts_with(number, policy.prefixes) or _at_home(policy.region, parsed):
        return None
    return Refusal(
        "destination_not_allowed",
        f"{number} lies outside the countries that may be dialled, so it is not dialled. An administrator allows a "
        "prefix with PBXCRM_DIAL_PREFIXES.",
    )


def _refuse_short(policy: DialPolicy, number: str) -> Refusal | None:
    region = policy.region
    if number.lstrip("0") in _EMERGENCY or (region and phonenumbers.connects_to_emergency_number(number, region)):
        return Refusal("emergency", f"{number} is an emergency number: dial it on the phone itself.")
    if policy.extensions and policy.extensions[0] <= len(number) <= policy.extensions[1]:
        return None
    return Refusal(
        "no_number",
        f"{number} is neither an extension nor a number that can be read internationally, so it is not dialled. Write "
        "it with + and the country's code, or set PBXCRM_DEFAULT_REGION.",
    )


_EMERGENCY = frozenset({"112", "110", "911", "999", "113", "114", "115", "116", "117", "118", "119"})


def _costly(number: str, parsed: phonenumbers.PhoneNumber) -> bool:
    if phonenumbers.is_valid_number(parsed):
        return phonenumbers.number_type(parsed) in _COSTLY
    # Exchanges connect as soon as the digits suffice and ignore the rest: with digits behind it, it is still premium.
    starts = (phonenumbers.parse(number[:end], None) for end in range(len(number), 7, -1))
    return any(phonenumbers.number_type(start) in _COSTLY for start in starts)


def _starts_with(number: str, prefixes: Sequence[str]) -> bool:
    return any(p == "*" or (p.startswith("+") and len(p) > 1 and number.startswith(p)) for p in prefixes)


def _at_home(region: str | None, parsed: phonenumbers.PhoneNumber) -> bool:
    return region is not None and region_of(parsed) == region.upper()


def country_to_confirm(policy: DialPolicy, number: str) -> str | None:
    """The country that somebody must have called before, or the caller says who they are once more; None: no need."""
    country = country_of(number) if policy.confirm else None
    return country if country and country != (policy.region or "").upper() else None


def refuse_time(policy: DialPolicy, now: time) -> Refusal | None:
    """Why not at this time of day on the house's clock, or None."""
    if policy.hours is None:
        return None
    start, end = policy.hours
    inside = start <= now < end if start <= end else now >= start or now < end
    if inside:
        return None
    return Refusal("outside_hours", f"Calls by click are made from {start:%H:%M} to {end:%H:%M}. Nothing was dialled.")


def refuse_counts(policy: DialPolicy, counts: Counts) -> Refusal | None:
    """Why not one more, or None."""
    caps = (
        (counts.person_minute, policy.per_minute, 60, "You made {0} calls in the last minute, which is the most."),
        (counts.all_minute, policy.all_minute, 60, "All together made {0} calls in a minute, which is the most."),
        (counts.person_day, policy.per_day, 3600, "You made {0} calls in the last 24 hours, which is the most."),
        (counts.all_day, policy.all_day, 3600, "All together made {0} calls in 24 hours, which is the most."),
        (counts.person_live, policy.per_live, 15, "You have {0} calls by click open, which is the most."),
        (counts.all_live, policy.all_live, 15, "{0} calls by click are open in the house, which is the most."),
    )
    for made, most, retry, text in caps:
        if made >= most:
            return Refusal("too_many", text.format(made) + " Nothing was dialled.", retry)
    return None
