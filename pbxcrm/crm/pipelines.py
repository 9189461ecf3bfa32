"""Funnels as a house makes them: templates to begin with, what a stage may demand, when a deal stands too long."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypedDict

from pbxcrm.crm.details import NAMES
from pbxcrm.crm.fields import BadFields, Parser, WrongError, line, long_text, needed_line, parse, task_kind

DAY = 86400.0
LONGEST_STAY = 3650  # days
MOST_TASKS = 20  # that one stage makes

# What a stage may ask of a deal before it enters: columns of the deal, and details of it.
NEEDS = (
    *("value", "contact_id", "number", "next_contact_at", "source", "note"),
    *("needs", "product", "budget_amount", "timeline", "process", "competitors"),
)


class Step(NamedTuple):
    """A stage of a template; `probability` in per cent, `guidance` a line a thing to do, `form` details by comma."""

    name: str
    probability: int
    guidance: str = ""
    form: str = ""


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
                "product,competitors,process,contact_by",
            ),
            Step(
                "Qualification",
                30,
                "Needs and pains\nOur solution for them\nBudget\nDate of the next contact",
                "needs,wish,preferences,budget,budget_amount,timeline",
            ),
            Step("Offer", 50, "Sent on the day agreed\nDate of the next contact", "to_offer,preferences"),
            Step(
                "Negotiation",
                75,
                "Prices\nDates\nTerms of delivery\nTerms of contract",
                "prices,dates,delivery,terms,objections",
            ),
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
    advice: str
    form: str
    next_days: int | None
    tasks: list[dict[str, object]]


def _whole(value: object, most: int) -> int:
    if not isinstance(value, str) or not value.strip().isdecimal() or int(value) > most:
        raise WrongError(f"This must be a whole number from 0 to {most}.")
    return int(value)


def _needs(value: object) -> str:
    asked = [str(one) for one in value] if isinstance(value, list | tuple) else []
    if unknown := set(asked) - set(NEEDS):
        raise WrongError(f"A stage cannot ask for {', '.join(sorted(unknown))}.")
    return ",".join(name for name in NEEDS if name in asked)


def _form(value: object) -> str:
    shown = [str(one) for one in value] if isinstance(value, list | tuple) else []
    if unknown := set(shown) - set(NAMES):
        raise WrongError(f"A stage cannot show {', '.join(sorted(unknown))}.")
    return ",".join(name for name in NAMES if name in shown)


def _tasks(value: object) -> list[dict[str, object]]:
    """[{id ("" for a new one), kind, title, days}]: one without a title is none."""
    given = [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
    wanted = [one for one in given if line(one.get("title", ""))]
    if len(wanted) > MOST_TASKS:
        raise WrongError(f"At most {MOST_TASKS} tasks fit.")
    return [
        {
            "id": _whole(one.get("id") or "0", 10**18),
            "kind": task_kind(one.get("kind")),
            "title": line(one["title"]),
            "days": _whole(one.get("days") or "0", LONGEST_STAY),
        }
        for one in wanted
    ]


def stage_fields(given: Mapping[str, object]) -> StageFields:
    """What a form brought, digits as anybody writes them. Raises BadFields."""
    known: dict[str, Parser] = {
        "name": needed_line,
        "probability": lambda value: _whole(value or "0", 100),
        "idle_days": lambda value: _whole(value, LONGEST_STAY) or None if value else None,
        "guidance": long_text,
        "needs": _needs,
        "advice": long_text,
        "form": _form,
        "next_days": lambda value: _whole(value, LONGEST_STAY) or None if value else None,
        "tasks": _tasks,
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


def checklist(guidance: str) -> list[str]:
    """The things to do in a stage, a line each, each once."""
    return list(dict.fromkeys(text for text in (one.strip() for one in guidance.splitlines()) if text))


def shown_first(form: str) -> tuple[str, ...]:
    """The details that a stage's `form` names, in their order."""
    named = form.split(",")
    return tuple(name for name in NAMES if name in named)


def suggested(
    jobs: Sequence[str], checks: Sequence[str], done: Collection[str], lacking: Sequence[str], *, promised: bool
) -> tuple[str, str]:
    """The next right thing on a deal, (kind, what): what the stage asked for and is not done yet, the first line of its
    checklist, what the following stage wants to know, a date for the next contact; then it is ready to `move`.

    `jobs`: titles of open tasks of the stage, the most urgent first.
    """
    if jobs:
        return "task", jobs[0]
    if left := [text for text in checks if text not in done]:
        return "check", left[0]
    if lacking:
        return "field", lacking[0]
    return ("move", "") if promised else ("date", "")
