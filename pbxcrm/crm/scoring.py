"""What a lead or a customer is worth: points for who it is (demographic) and for what it does (behavioural). Pure.

A rule is met wholly (`points`) or partly (`part_points`): the better the match, the more. It says what meets it wholly
(`full`) and what meets it partly (`part`); choices are parted by commas. All rules are counted together, 0 to MOST.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, TypedDict

from pbxcrm.calls.numbers import digits, fold_digits
from pbxcrm.crm.countries import calling_code, code_of, country_of
from pbxcrm.crm.fields import BadFields, Parser, WrongError, line, parse
from pbxcrm.crm.folding import folded

MOST = 100  # the highest score
DAY = 86_400.0
MOST_RULES = 100
_HIGHEST = 1_000_000

Way = Literal["text", "country", "begins", "least", "within"]
How = Literal["full", "part"]
# What a rule may look at, and how: `least` counts, `within` counts days back.
DEMOGRAPHIC: dict[str, Way] = {
    "city": "text",
    "country": "country",
    "number": "begins",
    "company": "text",
    "employees": "least",
    "job_title": "text",
    "source": "text",
    "interest": "text",
}
BEHAVIOURAL: dict[str, Way] = {
    "talks": "least",  # talks with a person of ours
    "answered": "least",  # calls of ours that they answered
    "called": "least",  # calls of theirs
    "missed": "least",  # calls of theirs that nobody answered
    "last_talk": "within",
    "quality": "least",  # answers of the quality test that are yes
}
WAYS: dict[str, Way] = {**DEMOGRAPHIC, **BEHAVIOURAL}


class Rule(NamedTuple):
    """One rule; `full` and `part` are the two lines of its value."""

    id: int
    field: str
    full: str
    part: str
    points: int
    part_points: int

    @property
    def basis(self) -> str:
        """Of what kind: demographic or behavioural."""
        return "demographic" if self.field in DEMOGRAPHIC else "behavioural"


class Subject(TypedDict):
    """What rules look at: columns of a lead or contact, and what its calls say of it (`last_talk` in epoch seconds)."""

    city: str
    numbers: Sequence[str]
    company: str
    employees: int
    job_title: str
    source: str
    interest: str
    talks: int
    answered: int
    called: int
    missed: int
    last_talk: float | None
    quality: int


class Reason(NamedTuple):
    """Why somebody has some of the points; `rule` None: the quality test, where the house made no rules."""

    rule: Rule | None
    how: How
    points: int


Match = Callable[[Subject, float], How | None]


def _words(text: str) -> list[str]:
    return [word for part in text.replace("،", ",").split(",") if (word := folded(part))]


def _number(text: str) -> int:
    found = digits(fold_digits(text))
    return min(int(found[:9]), _HIGHEST) if found else 0


def _text(rule: Rule) -> Match:
    full, part = _words(rule.full), _words(rule.part)
    known: dict[str, How | None] = {}

    def match(subject: Subject, _now: float) -> How | None:
        given = str(subject[rule.field])  # type: ignore[literal-required]
        if given not in known:
            known[given] = _graded(folded(given), full, part)
        return known[given]

    return match


def _graded(given: str, full: Sequence[str], part: Sequence[str]) -> How | None:
    """Wholly: the same text. Partly: one of `part` in it, or (where nothing is said of that) one of `full`."""
    if given in full:
        return "full"
    return "part" if any(word in given for word in part or full) else None


def _country(rule: Rule) -> Match:
    full, part = ([word.upper() for word in _words(text)] for text in (rule.full, rule.part))
    codes = tuple(map(code_of, (*full, *part)))

    def one(number: str) -> How | None:
        country = country_of(number) if number.startswith(codes) else None
        return "full" if country in full else "part" if country in part else None

    return _best(one)


def _begins(rule: Rule) -> Match:
    full = tuple("+" + digits(word) for word in _words(rule.full))
    part = tuple("+" + digits(word) for word in _words(rule.part)) or tuple(filter(None, map(_code, full)))
    return _best(lambda number: "full" if number.startswith(full) else "part" if number.startswith(part) else None)


def _best(one: Callable[[str], How | None]) -> Match:
    """Of several numbers the one that matches best counts."""

    def match(subject: Subject, _now: float) -> How | None:
        found = {one(number) for number in subject["numbers"]}
        return "full" if "full" in found else "part" if "part" in found else None

    return match


def _code(prefix: str) -> str:
    """The calling code of a number's beginning: the whole country is a part of the match."""
    try:
        return calling_code(prefix.ljust(12, "0"))
    except ValueError:  # phonenumbers' own is one
        return ""


def _least(rule: Rule) -> Match:
    full = max(1, _number(rule.full))
    part = max(1, _number(rule.part))

    def match(subject: Subject, _now: float) -> How | None:
        n = int(subject[rule.field])  # type: ignore[literal-required]
        return "full" if n >= full else "part" if n >= part else None

    return match


def _within(rule: Rule) -> Match:
    full, part = _number(rule.full) * DAY, _number(rule.part) * DAY

    def match(subject: Subject, now: float) -> How | None:
        at = subject["last_talk"]
        if at is None:
            return None
        return "full" if now - at <= full else "part" if now - at <= part else None

    return match


_MAKERS: dict[Way, Callable[[Rule], Match]] = {
    "text": _text,
    "country": _country,
    "begins": _begins,
    "least": _least,
    "within": _within,
}


def matching(rule: Rule) -> Match:
    """What says how far somebody meets this rule: full, part or None."""
    return _MAKERS[WAYS[rule.field]](rule)


class Scorer:
    """Some rules, made ready for many. `each`: points for each yes of the quality test, where there are none."""

    def __init__(self, rules: Sequence[Rule], each: int) -> None:
        self._rules = [(rule, matching(rule)) for rule in rules]
        self._each = each

    def reasons(self, subject: Subject, now: float) -> list[Reason]:
        """Where its points come from."""
        if not self._rules:
            n = subject["quality"]
            return [Reason(None, "full", self._each * n)] if n else []
        found = []
        for rule, match in self._rules:
            how = match(subject, now)
            points = rule.points if how == "full" else rule.part_points if how else 0
            if how and points:
                found.append(Reason(rule, how, points))
        return found

    def score(self, subject: Subject, now: float) -> int:
        """0 to MOST."""
        return total(self.reasons(subject, now))


def told(reasons: Sequence[Reason]) -> list[dict[str, object]]:
    """Where points come from: [{field, asked, how, points}], the weightiest first."""
    return [
        {
            "field": reason.rule.field if reason.rule else "quality",
            "asked": _asked(reason),
            "how": reason.how,
            "points": reason.points,
        }
        for reason in sorted(reasons, key=lambda one: -abs(one.points))
    ]


def _asked(reason: Reason) -> str:
    if reason.rule is None:
        return ""
    return (reason.how == "part" and reason.rule.part) or reason.rule.full


def total(reasons: Sequence[Reason]) -> int:
    """The points of these together, from 0 to MOST."""
    return max(0, min(MOST, sum(reason.points for reason in reasons)))


def _points(value: object) -> int:
    text = fold_digits(str(value)).replace("−", "-").strip() if isinstance(value, str | int) else ""
    if not text.removeprefix("-").isdecimal() or not -MOST <= int(text[:5]) <= MOST:
        raise WrongError("This must be a whole number from -100 to 100.")
    return int(text)


def _field(value: object) -> str:
    if value not in WAYS:
        raise WrongError("Choose what the rule looks at.")
    return str(value)


def rule(given: Mapping[str, object]) -> Rule:
    """A rule as it was written: {field, full, part, points, part_points}; its id is 0. Raises BadFields."""
    known: dict[str, Parser] = {
        "field": _field,
        "full": line,
        "part": line,
        "points": _points,
        "part_points": lambda value: _points(value or "0"),
    }
    parsed = parse({"part": "", "part_points": "0", **given}, known, ("field", "full", "points"))
    made = Rule(0, **parsed)  # type: ignore[arg-type]
    wrong = {name: said for name in ("full", "part") if (said := _unfit(WAYS[made.field], name, getattr(made, name)))}
    if wrong:
        raise BadFields(wrong)
    return made


def _unfit(way: Way, name: str, text: str) -> str:
    if not _words(text):
        return "This is needed." if name == "full" else ""
    if way in ("least", "within") and not digits(fold_digits(text)):
        return "This must be a whole number."
    if way == "begins" and not all(digits(word) for word in _words(text)):
        return "Write how the number begins, like +48 12."
    if way == "country" and not all(len(word) == 2 and word.isalpha() for word in _words(text)):
        return "Write countries by two letters, like PL."
    return ""
