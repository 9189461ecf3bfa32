"""What may be known of a deal beyond its card, of a contact and of a company: closed vocabularies. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date

from pbxcrm.crm.money import money, parse_money, real

# What a deal's details speak of, as its panel groups them.
GROUPS: dict[str, tuple[str, ...]] = {
    "needs": ("needs", "product", "wish", "preferences", "to_offer"),
    "budget": ("budget", "budget_amount"),
    "timeline": ("timeline", "urgency"),
    "authority": ("process",),
    "competition": ("competitors", "advantage"),
    "objections": ("objections", "options"),
    "contact": ("contact_by",),
    "terms": ("prices", "dates", "delivery", "terms"),
    "lesson": ("cause", "lesson", "improve"),
}
CHOICES: dict[str, tuple[str, ...]] = {
    "budget": ("yes", "no"),
    "urgency": ("now", "month", "quarter", "later"),
    "contact_by": ("phone", "email", "message", "meeting"),
}
# When they are called again who said how soon they want to buy: one of the quick choices of a next contact.
FOLLOW_UP = {"now": "1d", "month": "7d", "quarter": "30d", "later": "90d"}
NAMES = tuple(name for names in GROUPS.values() for name in names)
# What is asked when a deal is won or lost.
CLOSING = GROUPS["lesson"]
# What makes a deal well known: a column of it, or a detail.
TELLING = (
    *("contact_id", "number", "value", "next_contact_at", "expected_close"),
    *("needs", "budget", "timeline", "process", "competitors"),
)
ROLES = ("decision_maker", "influencer", "end_user", "other")
RELATIONS = ("prospect", "customer", "partner", "supplier", "competitor", "former", "other")
# What one person or company is of another; said of the one, it is read the other way round at the other.
RELATED = (
    *("former_employer", "professional_organisation", "business_partner", "competitor"),
    *("colleague", "family", "other"),
)
# A contact's own.
PERSON = ("extension", "birth_date", "contact_by")
# Lists of a contact's further addresses, and the kind each is kept as.
ADDRESSES = {"emails": "email", "addresses": "post", "sites": "site", "socials": "social"}
MET = ("call", "mail", "meeting", "web", "message", "other")  # how somebody was met first
# What makes a contact or a company well known.
TELLING_OF: dict[str, tuple[str, ...]] = {
    "contact": ("name", "company", "job_title", "numbers", "email", "city", "birth_date", "contact_by"),
    "company": ("number", "email", "site", "address", "city", "note"),
}
QUIET = 90 * 86400.0  # seconds without a talk after which a customer may feel forgotten
STALE = 180 * 86400.0  # seconds after which somebody should look whether a contact's data are still right

Text = Callable[[object], str]


def choice(*allowed: str) -> Text:
    """A parser: one of these, or "" for none."""

    def check(value: object) -> str:
        if value in (None, ""):
            return ""
        if not isinstance(value, str) or value not in allowed:
            raise ValueError("Choose one of the list.")
        return value

    return check


def day(value: object) -> str:
    """A day like 2026-12-31, or "" for none."""
    if value in (None, ""):
        return ""
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError("This is no day; write it like 2026-12-31.") from None


def amount_in(code: str) -> Text:
    """A parser of an amount of this currency: a decimal string (of rials where it is toman), or "" for none."""

    def check(value: object) -> str:
        return money(parse_money(str(value), code), real(code)) if value not in (None, "") else ""

    return check


def parsers(long_text: Text, code: str) -> dict[str, Text]:
    """How each detail of a deal in this currency is read; what is not chosen and no amount is text of some lines."""
    special = {name: choice(*allowed) for name, allowed in CHOICES.items()}
    return dict.fromkeys(NAMES, long_text) | special | {"budget_amount": amount_in(code)}


def completeness(thing: Mapping[str, object], telling: Sequence[str] = TELLING) -> int:
    """How much of what tells is known of a deal (its columns and details), in per cent."""
    return round(100 - 100 * len(lacking(thing, telling)) / len(telling))


def lacking(thing: Mapping[str, object], telling: Sequence[str] = TELLING) -> list[str]:
    """What tells, and is not known."""
    return [name for name in telling if not thing.get(name)]


def words(value: object, most: int = 10) -> list[str]:
    """Tags: a list, or text with commas between; each once, cleaned of blanks."""
    given: Iterable[object] = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ()
    found = list(dict.fromkeys(" ".join(str(one).split()) for one in given))
    found = [one for one in found if one]
    if len(found) > most:
        raise ValueError(f"At most {most} tags fit.")
    if any(len(one) > 40 or "," in one or not one.isprintable() for one in found):
        raise ValueError("A tag is one word or a few: 40 characters without a comma.")
    return found
