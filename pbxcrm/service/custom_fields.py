"""Fields that the house makes itself, for administrators; and values of them, for every use case that writes a thing.

A field's key and type never change, and nothing takes a field away: a retired one hides its values and keeps them.
"""

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import Connection

from pbxcrm.crm import custom
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.custom import Field, Values
from pbxcrm.crm.folding import folded
from pbxcrm.service import audit
from pbxcrm.service.errors import NotFound
from pbxcrm.service.transact import checked, key, read, unchanged, write, wrong
from pbxcrm.store import custom_fields, details
from pbxcrm.store.db import EVERYBODY, Database, Work
from pbxcrm.store.transaction import alone

_NAMES = 0x6669656C64  # the lock under which fields are made and named
Given = TypeVar("Given", bound=Mapping[str, Any])


# -- the fields --------------------------------------------------------------------------------------------------------


async def fields(db: Database, scope: Scope, thing: str | None = None, *, retired: bool = False) -> list[Field]:
    """The fields of a thing, or of all, in order. `retired`: those too; NotFound for who is no administrator."""
    if retired and not scope.administers:
        raise NotFound
    if thing not in (None, *custom.THINGS):
        raise wrong({"thing": f"This must be one of {', '.join(custom.THINGS)}."})
    found = await read(db, lambda conn: custom_fields.fields(conn, scope, thing))
    return [field for field in found if retired or not field.retired]


def view(field: Field) -> dict[str, Any]:
    """A field as JSON has it: {id, thing, key, name, type, choices, position, retired}."""
    return {**field._asdict(), "id": str(field.id), "choices": list(field.choices)}


async def create(db: Database, scope: Scope, given: Mapping[str, object]) -> dict[str, Any]:
    """A new field, {thing, name, type, choices}, the last of its thing. Raises Invalid; NotFound for others."""
    _allowed(scope)
    made = checked(lambda: custom.new(given))

    def run(work: Work) -> dict[str, Any]:
        alone(work.conn, _NAMES)  # who makes the same at this moment sees ours
        known = custom_fields.fields(work.conn, scope, made.thing)
        if len(known) >= custom.MOST:
            raise wrong({"name": f"There are {custom.MOST} fields already, the retired ones among them."})
        _free(made, known)
        field = made._replace(key=custom.key_of(made.name, (one.key for one in known)))
        field = field._replace(id=custom_fields.add(work.conn, field), position=len(known) + 1)
        _told(work, scope, field, {"name": (None, field.name), "kind": (None, field.type), **_choices(None, field)})
        return view(field)

    return await write(db, run)


def _allowed(scope: Scope) -> None:
    if not scope.administers:
        raise NotFound


def _free(field: Field, known: list[Field]) -> None:
    """Two fields of one name cannot be told apart. Raises Invalid."""
    if not field.retired and any(
        folded(one.name) == folded(field.name) and one.id != field.id and not one.retired for one in known
    ):
        raise wrong({"name": "There is a field of this name already."})


def _told(work: Work, scope: Scope, field: Field, changes: audit.Changes) -> None:
    work.journal("settings.changed", {"changed": ["fields"], "thing": field.thing}, EVERYBODY)
    audit.note(work, scope, "settings.changed", "field", f"{field.thing} {field.key}", changes)


def _choices(before: Field | None, after: Field) -> audit.Changes:
    was, now = (list(one.choices) if one else [] for one in (before, after))
    return {"choices": (was or None, now or None)} if was != now else {}


def _one(conn: Connection, scope: Scope, wanted: int) -> tuple[Field, list[Field]]:
    """A field, and all of its thing. Raises NotFound."""
    every = custom_fields.fields(conn, scope)
    found = next((one for one in every if one.id == wanted), None)
    if found is None:
        raise NotFound
    return found, [one for one in every if one.thing == found.thing]


async def change(db: Database, scope: Scope, field_id: object, given: Mapping[str, object]) -> dict[str, Any]:
    """Another name or choices, or retire it (`retired`), or bring it back. Raises Invalid; NotFound for others."""
    _allowed(scope)
    wanted = key(field_id)

    def run(work: Work) -> dict[str, Any]:
        alone(work.conn, _NAMES)
        before, known = _one(work.conn, scope, wanted)
        after = checked(lambda: custom.changed(before, given))
        if after == before:
            raise unchanged(view(before))
        _free(after, known)
        custom_fields.change(work.conn, after, work.at)
        changes: dict[str, tuple[object, object]] = {}
        if before.name != after.name:
            changes["name"] = before.name, after.name
        changes |= {"active": (not before.retired, not after.retired)} if before.retired != after.retired else {}
        _told(work, scope, after, {**changes, **_choices(before, after)})
        return view(after)

    return await write(db, run)


async def shift(db: Database, scope: Scope, field_id: object, by: int) -> str:
    """A place up (-1) or down (1) among those in use; gives its thing."""
    _allowed(scope)
    wanted = key(field_id)

    def run(work: Work) -> str:
        field, known = _one(work.conn, scope, wanted)
        used = [one.id for one in known if not one.retired]
        if wanted not in used or not 0 <= (to := used.index(wanted) + by) < len(used):
            raise unchanged(field.thing)
        was = used.index(wanted)
        used.insert(to, used.pop(was))
        custom_fields.order(work.conn, [*used, *(one.id for one in known if one.retired)])
        _told(work, scope, field, {"position": (was + 1, to + 1)})
        return field.thing

    return await write(db, run)


# -- their values, within a transaction that reads or writes a thing ---------------------------------------------------


def used(conn: Connection, thing: str) -> list[Field]:
    """The fields of a thing that are not retired, in their order."""
    return [field for field in custom_fields.fields(conn, SYSTEM, thing) if not field.retired]


def seen(conn: Connection, thing: str, said: str) -> Values:
    """Of a thing's details the values that anybody sees who sees the thing."""
    return seeing(conn, thing)(said)


def seeing(conn: Connection, thing: str) -> Callable[[str], Values]:
    """The same for many things: the fields are read once, and not at all where nothing holds a value."""

    @cache
    def known() -> list[Field]:
        return custom_fields.fields(conn, SYSTEM, thing)

    def one(said: str) -> Values:
        values = custom.kept(said)
        return custom.shown(known(), values) if values else {}

    return one


def taken(conn: Connection, thing: str, given: Given, had: Values, region: str | None) -> Given:
    """What was given, `custom` of it checked and typed: {key: value, or None to take it away}. `had`: what is held.

    Raises Invalid.
    """
    if "custom" not in given:
        return given
    known = custom_fields.fields(conn, SYSTEM, thing)
    values = checked(lambda: custom.taken(known, given["custom"], had, region))
    return {**given, "custom": values}  # type: ignore[return-value]


def of_deals(conn: Connection, scope: Scope, ids: Collection[int]) -> dict[int, Values]:
    """What these deals show of the house's own fields. Ask whether they may be seen first."""
    held = {one: said["custom"] for one, said in details.of_deals(conn, scope, ids).items() if "custom" in said}
    known = used(conn, "deal") if held else []
    return {one: custom.shown(known, held.get(one, {})) for one in ids}


def changes(before: str, after: str) -> audit.Changes:
    """What differs between two details of a thing, as the audit log names it."""
    return differing(custom.kept(before), custom.kept(after))


def differing(before: Values, after: Values) -> audit.Changes:
    """The same of values."""
    was, now = custom.flat(before), custom.flat(after)
    return {name: (was.get(name), now.get(name)) for name in {**was, **now} if was.get(name) != now.get(name)}


def carried(conn: Connection, source: str, said: str, thing: str) -> Values:
    """Of the values of a `source` those that a `thing` made of it can hold: of the same key and type."""
    values = custom.kept(said)
    if not values:
        return {}
    return custom.fitting(custom_fields.fields(conn, SYSTEM, thing), custom_fields.fields(conn, SYSTEM, source), values)
