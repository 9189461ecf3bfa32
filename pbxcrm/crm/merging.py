"""Two records of one contact or company: what is chosen of each, field by field. Pure."""

from collections.abc import Mapping

FIELDS: dict[str, tuple[str, ...]] = {
    "contact": (
        *("name", "company", "job_title", "email", "city", "extension", "birth_date", "contact_by"),
        *("source", "note", "owner"),
    ),
    "company": ("name", "relation", "number", "email", "site", "address", "city", "note", "owner"),
}
# Where the longer word says no more than the shorter; what a field is as long as nobody said anything says less.
_EVEN = {"owner": None, "contact_by": None, "birth_date": None, "relation": "prospect"}
Texts = Mapping[str, str]


def fuller(name: str, one: str, other: str) -> int:
    """Which of two values of this field says more: 0 or 1; the first where neither does."""
    if not (one and other):
        return int(bool(other))
    if name in _EVEN:
        return int(one == _EVEN[name])
    return int(len(other.strip()) > len(one.strip()))


def differing(thing: str, one: Texts, other: Texts) -> list[str]:
    """The fields of which one has to be chosen: both say something, and not the same. `thing`'s own, then others."""
    names = dict.fromkeys((*FIELDS[thing], *one, *other))
    return [name for name in names if one.get(name) and other.get(name) and one[name] != other[name]]


def chosen(thing: str, one: Texts, other: Texts, take: Mapping[str, int]) -> dict[str, str]:
    """What the one that stays says in each field. `take`: 0 or 1, where a person chose; else the fuller of the two."""
    names = dict.fromkeys((*FIELDS[thing], *one, *other))
    both = {name: (one.get(name, ""), other.get(name, "")) for name in names}
    best = {name: fuller(name, *pair) for name, pair in both.items()}
    return {name: pair[take.get(name, best[name]) if all(pair) else best[name]] for name, pair in both.items()}
