"""What a person looks for on the board: a closed vocabulary out of an address, and what a next step is by now.

Pure: `now` and `day_ends` (epoch seconds, where the person is) come in from outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from pbxcrm.crm.fields import Parser, WrongError, amount, line, parse
from pbxcrm.crm.money import real

Due = Literal["overdue", "today", "planned", "none"]
DUES: tuple[Due, ...] = get_args(Due)
NOBODY = "-"  # as an owner: deals that nobody owns


@dataclass(frozen=True, slots=True)
class Looking:
    """Which deals the board shows; as it stands, all. `low` and `high` are minor units of the house's currency.

    `owner` is a user's name or NOBODY. `due` asks for the state of the next step, which only open deals have.
    """

    owner: str = ""
    source: str = ""
    due: Due | None = None
    low: int | None = None
    high: int | None = None
    q: str = ""
    tag: str = ""
    now: float = 0.0
    day_ends: float = 0.0

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return self.without_due().narrow or self.due is not None

    @property
    def narrow(self) -> bool:
        """Whether more than the state of the next step is asked for."""
        return bool(self.owner or self.source or self.q or self.tag or self.low is not None or self.high is not None)

    def without_due(self) -> "Looking":
        """The same whatever the next step is: what each state's count is counted of."""
        return replace(self, due=None)


NAMES = ("owner", "source", "due", "low", "high", "unit", "q", "tag")


def _due(value: object) -> Due | None:
    found = next((due for due in DUES if due == value), None)
    if found is None and value:
        raise WrongError("There is no such state of a next step.")
    return found


def looking(given: Mapping[str, str], currency: str, now: float, day_ends: float) -> Looking:
    """What is asked for; empty values ask for nothing, other names are somebody else's. Raises BadFields."""
    unit = given.get("unit", "")
    unit = unit if real(unit) == currency else currency  # in toman where the address says so, whoever opens it

    def money(value: object) -> int:
        return amount(value, unit)

    known: dict[str, Parser] = {
        "owner": line,
        "source": line,
        "due": _due,
        "low": money,
        "high": money,
        "q": line,
        "tag": line,
    }
    asked = {name: given[name] for name in known if given.get(name, "").strip()}
    return Looking(**parse(asked, known), now=now, day_ends=day_ends)  # type: ignore[arg-type]
