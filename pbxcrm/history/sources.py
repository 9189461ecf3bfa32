"""What a source of history is: an endless shelf of rows, handed over in bounded pages from a moment on."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

from pbxcrm.calls.rows import Row

Kind = Literal["cel", "cdr"]
PAGE = 5_000  # rows at most in one page


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, about in order of time. `cursor` is where the next page begins: keep it to go on after a stop.

    `done` of `total` says how far the reading has come, in the source's own measure (bytes, seconds). `broken` counts
    records that could not be read: half written, of another shape, without a moment.
    """

    rows: list[Row]
    cursor: str
    done: float = 0.0
    total: float = 0.0
    broken: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at a source found: for `doctor`. `newest` is the last row's moment, epoch seconds."""

    where: str
    columns: tuple[str, ...]
    newest: float | None


class Source(Protocol):
    """Somewhere the PBX keeps CEL or CDR."""

    @property
    def kind(self) -> Kind:
        """Which of the two."""

    @property
    def name(self) -> str:
        """Where it is, for people: never with a password."""

    def pages(self, since: float, cursor: str = "") -> AsyncIterator[Page]:
        """The rows from `since` (epoch seconds) on, or from where `cursor` says; ends at what is written by now.

        Raises SourceError.
        """

    async def look(self) -> Found:
        """Whether it can be read, its columns and its newest row. Raises SourceError."""
