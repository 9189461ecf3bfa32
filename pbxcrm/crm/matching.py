"""Whose number is this? E.164 first, then the national form, then the last nine digits."""

from collections.abc import Iterable

from pbxcrm.calls.numbers import digits

TAIL = 9  # digits that make two numbers the same, whatever prefix is written before them


def tail(number: str) -> str:
    """What two writings of one number have in common: the last nine digits; all of a shorter one, which is no more
    than itself. Text without digits (a SIP address) is its own.
    """
    return digits(number)[-TAIL:] or number.casefold()


def rank(number: str, other: str) -> int | None:
    """How sure it is that these are one number: 0 the same, 1 the national form, 2 the last nine digits; None: not.

    Two numbers that both name their country are the same only if they are equal.
    """
    if number == other:
        return 0
    if number.startswith("+") and other.startswith("+"):
        return None
    mine, theirs = digits(number), digits(other)
    if not mine or not theirs:
        return 0 if number.casefold() == other.casefold() else None
    if mine == theirs:
        return 0
    if min(len(mine), len(theirs)) < TAIL:
        return None
    shorter, longer = sorted((mine.lstrip("0"), theirs.lstrip("0")), key=len)
    if longer.endswith(shorter) and len(shorter) >= TAIL - 1:
        return 1
    return 2 if mine[-TAIL:] == theirs[-TAIL:] else None


def best(number: str, known: Iterable[tuple[int, str]]) -> list[int]:
    """Of (contact id, number), the contacts that fit best, each once; none where none fits."""
    ranked: dict[int, int] = {}
    for contact_id, other in known:
        found = rank(number, other)
        if found is not None:
            ranked[contact_id] = min(found, ranked.get(contact_id, found))
    lowest = min(ranked.values(), default=None)
    return [contact_id for contact_id, found in ranked.items() if found == lowest]
