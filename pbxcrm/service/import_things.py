"""What an import does to contacts, companies and leads alike: whom a row is, a new one, what it fills, and all back.

What differs between them stands in import_contacts, import_companies and import_leads.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sqlalchemy import Connection

from pbxcrm.crm import custom
from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.crm.importing import Given, name_key
from pbxcrm.crm.matching import best, tail
from pbxcrm.service import audit
from pbxcrm.service.import_batch import Batch
from pbxcrm.store import imports
from pbxcrm.store.db import Work, audience
from pbxcrm.store.imports import Line


@dataclass(frozen=True, slots=True)
class Match:
    """Who a row is: nobody yet (0), somebody (`thing_id`; below 0 the row above of that number), or left out (`why`).

    `name`: of whom it cannot be, where `why` speaks of somebody.
    """

    thing_id: int = 0
    why: str = ""
    name: str = ""


@dataclass(slots=True)
class Keys:
    """What things are known by: the ends of numbers, e-mail addresses, and names where they tell one from another."""

    tails: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    emails: dict[str, list[int]] = field(default_factory=dict)
    names: dict[str, list[int]] = field(default_factory=dict)

    def everybody(self) -> set[int]:
        """Whoever is known by anything."""
        found = {one for known in self.tails.values() for one, _ in known}
        return found.union(*self.emails.values(), *self.names.values())

    def put(self, thing_id: int, given: Given, *, named: bool) -> None:
        """This thing is known by what is given."""
        for number in given.get("numbers", ()):
            self.tails.setdefault(tail(number), []).append((thing_id, number))
        if given.get("email"):
            self.emails.setdefault(given["email"], []).append(thing_id)
        if name := _called(given, named=named):
            self.names.setdefault(name, []).append(thing_id)


def _called(given: Mapping[str, Any], *, named: bool) -> str:
    """The key of a name: of a company its own, of a person with the company's. "" where there is none."""
    name, company = given.get("name", ""), given.get("company", "")
    if named:
        return name_key(name)
    return f"{name}\n{name_key(company)}" if name or company else ""


def _bare(given: Given) -> bool:
    """Whether it has nothing but a name to be known by."""
    return not given.get("numbers") and not given.get("email")


class Known:
    """Who is there already, as far as a batch of rows asks."""

    def __init__(self, things: "Things", conn: Connection, scope: Scope, batch: Iterable[Given]) -> None:
        self._things, self._conn = things, conn
        self._keys = Keys()
        given = list(batch)
        tails = {tail(number) for one in given for number in one.get("numbers", ())}
        for thing_id, number, end in things.of_tails(conn, tails):
            self._keys.tails.setdefault(end, []).append((thing_id, number))
        emails = {one["email"] for one in given if one.get("email")}
        for thing_id, email in imports.of_emails(conn, SYSTEM, things.kind, emails):
            self._keys.emails.setdefault(email, []).append(thing_id)
        if things.named:
            keys = {name_key(one["name"]) for one in given if one.get("name")}
            for thing_id, name in imports.of_names(conn, SYSTEM, keys):
                self._keys.names.setdefault(name, []).append(thing_id)
        else:
            bare = {one.get("name", "") for one in given if _bare(one)}
            for thing_id, name, company in imports.called(conn, SYSTEM, things.kind, bare):
                key = _called({"name": name, "company": company}, named=False)
                self._keys.names.setdefault(key, []).append(thing_id)
        there = self._keys.everybody()
        # Who may not see one learns not even that there is such a one.
        self._unseen = set() if scope.sees_all else there - things.seen(conn, scope, there)
        fitting = {one for row in given for one in self.ids(row)} if there else set()
        self._rows = dict(things.rows(conn, fitting))
        self.customers = things.customers(conn, scope, given)

    def find(self, given: Given) -> Match:
        """Who this row is. Several whom nobody can tell apart are nobody: it is left out."""
        if self.customers is not None and (theirs := self.customers.ids(given)):
            return Match(why="customer", name=self.customers.name_of(theirs[0]))
        found = self.ids(given)
        if len(found) > 1:
            return Match(why="several")
        if found and found[0] > 0 and (why := self._things.closed(self.row(found[0]))):
            return Match(why=why, name=self.name_of(found[0]))
        return Match(found[0]) if found else Match()

    def ids(self, given: Given) -> list[int]:
        """Those that fit: by number, as calls find them, else by e-mail, else by name where names tell: of companies,
        and of people of whom a row says nothing else to know them by.
        """
        found: dict[int, None] = {}
        for number in given.get("numbers", ()):
            theirs = [one for one in self._keys.tails.get(tail(number), ()) if one[0] not in self._unseen]
            found |= dict.fromkeys(best(number, theirs))
        by_email = self._those(self._keys.emails, given.get("email", ""))
        told = self._things.named or _bare(given)
        by_name = self._those(self._keys.names, _called(given, named=self._things.named)) if told else []
        for others in (by_email, by_name):
            both = [one for one in found if one in others]
            found = dict.fromkeys(both or found or others)
        return list(found)

    def _those(self, keys: Mapping[str, list[int]], key: str) -> list[int]:
        return [one for one in dict.fromkeys(keys.get(key, ())) if one not in self._unseen] if key else []

    def add(self, thing_id: int, given: Given, row: Mapping[str, Any] | None = None) -> None:
        """This row became this thing, which stands so now (None: read it anew); below 0: it would become one."""
        self._rows.pop(thing_id, None)
        if row is not None:
            self._rows[thing_id] = row
        self._keys.put(thing_id, given, named=self._things.named)

    def row(self, thing_id: int) -> Mapping[str, Any]:
        """A thing as it stands, see Things.rows."""
        if thing_id not in self._rows:
            self._rows |= self._things.rows(self._conn, [thing_id])
        return self._rows[thing_id]

    def name_of(self, thing_id: int) -> str:
        """What to call it; "" for a row above."""
        row = self.row(thing_id) if thing_id > 0 else {}
        return next((row[name] for name in ("name", "company", "email") if row.get(name)), "")


class Things(ABC):
    """One kind of things that are imported."""

    kind: ClassVar[str]
    thing: ClassVar[str]  # as journal and audit log call it
    texts: ClassVar[tuple[str, ...]]  # fields that are filled where they are empty
    named: ClassVar[bool] = False  # whether two of one name are one

    def known(self, conn: Connection, scope: Scope, batch: Iterable[Given]) -> Known:
        """Who is there already of those whom these rows may be."""
        return Known(self, conn, scope, batch)

    def customers(self, _conn: Connection, _scope: Scope, _batch: list[Given]) -> Known | None:
        """Those that a row of this kind must not be; None where there are none."""
        return None

    def closed(self, _row: Mapping[str, Any]) -> str:
        """Why nothing is filled into this one, else ""."""
        return ""

    def full(self, _batch: Batch) -> str:
        """Why no further one may be made, else ""."""
        return ""

    @abstractmethod
    def of_tails(self, conn: Connection, tails: Iterable[str]) -> list[tuple[int, str, str]]:
        """Every (thing, number, tail) that ends so."""

    @abstractmethod
    def seen(self, conn: Connection, scope: Scope, ids: Collection[int]) -> set[int]:
        """Those that this person sees."""

    @abstractmethod
    def rows(self, conn: Connection, ids: Collection[int]) -> Mapping[int, Mapping[str, Any]]:
        """They as they stand, whoever's they are; `numbers`: all that a contact has."""

    def row(self, conn: Connection, thing_id: int) -> Mapping[str, Any] | None:
        """One of them."""
        return self.rows(conn, [thing_id]).get(thing_id)

    @abstractmethod
    def make(self, batch: Batch, given: Given) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """A new one, as `rows` would give it, and what undo needs beside it."""

    @abstractmethod
    def change(self, work: Work, scope: Scope, row: Mapping[str, Any], values: dict[str, Any]) -> int:
        """Set these fields, `numbers` being all it has; its new version."""

    def missing(self, row: Mapping[str, Any], given: Given) -> dict[str, Any]:
        """What of a row fills what is empty."""
        found = {name: said for name, said in given.items() if name in self.texts and said and not row[name]}
        held = custom.kept(row["details"])
        house = {key: value for key, value in given.get("custom", {}).items() if key not in held}
        return {**found, "custom": house} if house else found

    def written(self, _work: Work, _ids: Sequence[int]) -> None:
        """What follows once new ones stand in the database."""
        return

    beside: ClassVar["Things | None"] = None  # what is made beside it

    def made_beside(self, _before: Mapping[str, Any]) -> tuple[int, int] | None:
        """(id, version) of what was made beside it."""
        return None

    def unmade(self, work: Work, scope: Scope, before: Mapping[str, Any]) -> None:
        """Take back what was made beside it."""
        made = self.made_beside(before)
        if self.beside is not None and made is not None:
            why, rows = self.beside.take_away(work.conn, [made])
            if not why[made[0]]:
                self.beside.removed(work, scope, rows[made[0]])

    def lost(self, row: Mapping[str, Any]) -> audit.Changes:
        """What the audit log keeps of one that was taken back."""
        return {name: (row[name], None) for name in self.texts if row[name]}

    def fill(self, batch: Batch, row: Mapping[str, Any], given: Given) -> dict[str, Any] | None:
        """Write what is missing: version and `before`, as import_rows has them. None: nothing was to do."""
        values = self.missing(row, given)
        if not values:
            return None
        before = {"version": row["version"], **{name: row[name] for name in values if name != "custom"}}
        if "custom" in values:  # None takes it away again
            before["custom"] = dict.fromkeys(values["custom"])
        batch.new.write()
        return {"version": self.change(batch.work, batch.who.scope, row, values), "before": before}

    def restore(self, work: Work, scope: Scope, thing_id: int, version: int, before: dict[str, Any]) -> str | int:
        """Put back what was: its new version; why not, where somebody has changed it since."""
        row = self.row(work.conn, thing_id)
        if row is None or not (scope.sees_all or self.seen(work.conn, scope, [thing_id])):
            return "gone"
        return self.change(work, scope, row, before) if row["version"] == version else "changed"

    def since(self, conn: Connection, thing_id: int, at: float) -> bool:
        """Whether it is there since this moment or later."""
        row = self.row(conn, thing_id)
        return row is not None and row["created_at"] >= at

    def take_away(
        self, conn: Connection, made: Collection[tuple[int, int]]
    ) -> tuple[dict[int, str], Mapping[int, Mapping[str, Any]]]:
        """Take away those that still have their version and that nothing refers to: {id: why not, else ""}, and all of
        them as they stood. Nobody is told yet.
        """
        rows = self.rows(conn, [thing_id for thing_id, _ in made])
        why = {one: "gone" if one not in rows else "changed" for one, _ in made}
        same = [one for one, version in made if one in rows and rows[one]["version"] == version]
        gone = imports.remove(conn, self.kind, same)
        return why | {one: "" if one in gone else "used" for one in same}, rows

    def removed(self, work: Work, scope: Scope, row: Mapping[str, Any]) -> None:
        """Tell that it was taken away."""
        work.journal(f"{self.thing}.removed", {"id": str(row["id"])}, audience(row["owner_id"]))
        audit.note(work, scope, f"{self.thing}.removed", self.thing, row["id"], self.lost(row))

    def remove(self, work: Work, scope: Scope, lines: Sequence[Line]) -> dict[int, str]:
        """Take away again what these rows made, and what they made beside it: {n: why not, else ""}."""
        why, rows = self.take_away(work.conn, [(line["thing_id"] or 0, line["version"] or 0) for line in lines])
        gone = [line for line in lines if not why[line["thing_id"] or 0]]
        made = [one for line in gone if (one := self.made_beside(line["before"])) is not None]
        why_there, there = self.beside.take_away(work.conn, made) if self.beside is not None and made else ({}, {})
        for line in gone:
            self.removed(work, scope, rows[line["thing_id"] or 0])
            beside = self.made_beside(line["before"])
            if self.beside is not None and beside is not None and not why_there[beside[0]]:
                self.beside.removed(work, scope, there[beside[0]])
        return {line["n"]: why[line["thing_id"] or 0] for line in lines}
