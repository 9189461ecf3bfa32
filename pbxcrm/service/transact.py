"""How a use case reads and writes: one function, one snapshot or one transaction, errors in one tree."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from sqlalchemy import Connection

from pbxcrm.crm.fields import BadFields, ident
from pbxcrm.service.errors import Invalid, NotFound, Unavailable
from pbxcrm.store.db import Database, Work
from pbxcrm.store.errors import DatabaseUnusable

T = TypeVar("T")
F = TypeVar("F")


class _Unchanged(Exception):  # noqa: N818
    """What was asked is so already: nothing to write, nothing to tell anybody."""

    def __init__(self, result: object) -> None:
        super().__init__()
        self.result = result


async def read(db: Database, fn: Callable[[Connection], T]) -> T:
    """What `fn` reads on one snapshot. Raises Unavailable when the database is."""
    try:
        return await db.reading(fn)
    except DatabaseUnusable as error:
        raise Unavailable(error.message, code="database_down") from error


async def write(db: Database, fn: Callable[[Work], T], *, durable: bool = True) -> T:
    """What `fn` gives, committed. Raises Unavailable when the database is. `durable`: see Database.writing."""
    try:
        return await db.writing(fn, durable=durable)
    except _Unchanged as done:
        return done.result  # type: ignore[return-value]
    except DatabaseUnusable as error:
        raise Unavailable(error.message, code="database_down") from error


def unchanged(result: object) -> Exception:
    """Raise this inside a write: nothing is written and `result` is given."""
    return _Unchanged(result)


def key(value: object) -> int:
    """An id from outside. Raises NotFound where it can be nobody's."""
    try:
        return ident(value)
    except ValueError:
        raise NotFound from None


def checked(parse: Callable[[], F]) -> F:
    """What `parse` gives. Raises Invalid with the fields that are wrong."""
    try:
        return parse()
    except BadFields as error:
        raise wrong(error.fields) from None


def wrong(fields: Mapping[str, str]) -> Invalid:
    """Invalid, saying field by field what is wrong."""
    said = "; ".join(f"{name}: {what}" for name, what in fields.items())
    return Invalid(f"Nothing was stored. {said}", dict(fields))
