"""Funnels as a house makes them: templates to begin with, what a stage may demand, when a deal stands too long."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypedDict

from pbxcrm.crm.fields import BadFields, Parser, WrongError, long_text, needed_line, parse

DAY = 86400.0
LONGEST_STAY = 3650  # days

# What a stage may ask of a deal before it enters: columns of the deal, and details of it.
NEEDS = (
    *("value", "contact_id", "number", "next_contact_at", "source", "note"),
    *("needs", "product", "budget_amount", "timeline", "process", "competitors"),
)


class Step(NamedTuple):
    """A stage of a template; `probability` in per cent, `guidance` a line a thing to do."""

    name: str
    probability: int
    guidance: str = ""


class Template(NamedTuple):
    """A funnel to begin with. Unsorted, Won and Lost stand around its steps in each."""

    name: str
    steps: tuple[Step, ...]


TEMPLATES: dict[str, Template] = {
    "sales": Template("Sales", (Step("New", 10), Step("Qualified", 30), Step("Offer", 50), Step("Negotiation", 75))),
    "seller": Template(
        "From opportunity to closing",
        (
            Step("Opportunity", 10),
            Step("Commercial offer", 30),
            Step("Coordination of documents", 50),
            Step("Signing and payment", 75),
            Step("Execution", 90),
            Step("Closing", 95),
        ),
    ),
    "aida": Template(
        "From motivation to action",
        (Step("Motivation", 10), Step("Interest", 30), Step("Decision", 60), Step("Action", 85)),
    ),
    "contract": Template(
        "From first contact to contract",
        (
            Step("First contact", 10),
            Step("Call evaluation", 20),
            Step("Demo or presentation", 40),
            Step("Contract request", 60),
            Step("Contract review", 75),
            Step("Contract validation", 90),
        ),
    ),
    "five": Template(
        "Five steps",
        (
            Step(
                "Identification",
                10,
                "They need our product\nNo competitor has them\nWe know somebody there\nWe know who decides",
            ),
            Step("Qualification", 30, "Needs and pains\nOur solution for them\nBudget\nDate of the next contact"),
            Step("Offer", 50, "Sent on the day agreed\nDate of the next contact"),
            Step("Negotiation", 75, "Prices\nDates\nTerms of delivery\nTerms of contract"),
        ),
    ),
}


class StageFields(TypedDict, total=False):
    """Columns of a stage that an administrator sets."""

    name: str
    probability: int
    idle_days: int | None
    guidance: str
    needs: str


def _whole(value: object, most: int) -> int:
    if not isinstance(value, str) or not value.strip().isdecimal() or int(value) > most:
        raise WrongError(f"This must be a whole number from 0 to {most}.")
    return int(value)


def _needs(value: object) -> str:
    asked = [str(one) for one in value] if isinstance(value, list | tuple) else []
    if unknown := set(asked) - set(NEEDS):
        raise WrongError(f"A stage cannot ask for {', '.join(sorted(unknown))}.")
    return ",".join(name for name in NEEDS if name in asked)


def stage_fields(given: Mapping[str, object]) -> StageFields:
    """What a form brought, digits as anybody writes them. Raises BadFields."""
    known: dict[str, Parser] = {
        "name": needed_line,
        "probability": lambda value: _whole(value or "0", 100),
        "idle_days": lambda value: _whole(value, LONGEST_STAY) or None if value else None,
        "guidance": long_text,
        "needs": _needs,
    }
    parsed: StageFields = {}
    parsed.update(parse(given, known))  # type: ignore[typeddict-item]
    return parsed


def asked(needs: str) -> tuple[str, ...]:
    """The fields a stage's `needs` names; those that we no longer know ask for nothing."""
    named = needs.split(",")
    return tuple(name for name in NEEDS if name in named)


def demand(needs: str, deal: Mapping[str, object]) -> None:
    """Raises BadFields, naming each field that the deal lacks and the stage asks for."""
    lacking = {name: "This is needed." for name in asked(needs) if not deal.get(name)}
    if lacking:
        raise BadFields(lacking)


def idle_from(
    idle_days: int | None, stage_since: float, last_talk_at: float | None, next_contact_at: float | None, priority: int
) -> float | None:
    """When the deal stands too long in its stage (epoch seconds): after so many days without a talk, but not while the
    next contact lies ahead. None: never, for it may stand, or somebody has said that it has a low priority.
    """
    if not idle_days or priority < 0:
        return None
    return max(max(stage_since, last_talk_at or 0.0) + idle_days * DAY, next_contact_at or 0.0)


def checklist(guidance: str) -> Iterable[str]:
    """The things to do in a stage, a line each."""
    return [line for line in (one.strip() for one in guidance.splitlines()) if line]
