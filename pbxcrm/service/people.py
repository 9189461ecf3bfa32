"""People as the command line and the settings page see them: users, devices, tokens."""

import json
import re
import secrets
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from pbxcrm.crm.access import COMMAND_LINE, ROLES, SYSTEM, Role, Scope
from pbxcrm.service import audit
from pbxcrm.service.auth import MAX_PASSWORD, digest, end_sessions, hash_password
from pbxcrm.service.errors import Conflict, Invalid, NotFound
from pbxcrm.store import people
from pbxcrm.store.db import EVERYBODY, Database, Work, audience

LOCALES = frozenset({"en", "fa", "ar", "pl", "ru"})
CALENDARS = frozenset({"gregorian", "jalali"})
RIALS = frozenset({"rial", "toman"})
MIN_PASSWORD = 8
_NAME = re.compile(r"[^\W_][\w.@+-]{0,63}")
# Technology/resource, as in a channel's name less its suffix.
_DEVICE = re.compile(r"[A-Za-z][A-Za-z0-9]*/[\w.@+:*/-]{1,78}")


@dataclass(frozen=True, slots=True)
class Member:
    """One row of the list of people."""

    id: int
    name: str
    full_name: str
    role: Role
    team: str | None
    operator: bool
    active: bool
    can_log_in: bool
    devices: tuple[str, ...]


async def add_user(
    db: Database,
    name: str,
    role: str,
    devices: Sequence[str] = (),
    *,
    full_name: str = "",
    team: str | None = None,
    operator: bool = False,
    password: str | None = None,
    locale: str = "en",
    time_zone: str = "UTC",
    calendar: str = "gregorian",
    by: Scope = COMMAND_LINE,
) -> int:
    """A new person, added by `by`; gives the id. All or nothing.

    Raises Invalid (a name, role, device or password that cannot be) and Conflict (the name is taken, or a device is
    somebody else's). A person without a password cannot log in.
    """
    name = _user_name(name)
    values: dict[str, Any] = {
        "name": name,
        "role": _role(role),
        "full_name": _line(full_name),
        "operator": operator,
        "locale": locale,
        "time_zone": time_zone,
        "calendar": calendar,
        "password_hash": await hash_password(_password(password)) if password is not None else None,
    }
    wanted = [_pattern(d) for d in devices]

    def add(work: Work) -> int:
        known = people.by_name(work.conn, SYSTEM, name)
        if known is not None:
            raise _taken(name, known.role, wanted)
        values.update(created_at=work.at, team_id=_team(work, team) if team else None)
        user_id = people.insert_user(work.conn, values)
        work.journal("user.added", {"user": name, "role": role, "team": team, "operator": operator}, EVERYBODY)
        audit.note(work, by, "user.added", "user", name, {"role": (None, role), "team": (None, team)})
        _add_devices(work, user_id, name, wanted, by)
        return user_id

    try:
        return await db.writing(add)
    except IntegrityError as race:
        raise Conflict(
            f"Somebody else added {name} or one of these devices at the same moment, so nothing was added here. Look "
            "with: pbxcrm user list"
        ) from race


async def add_device(db: Database, name: str, pattern: str, by: Scope = COMMAND_LINE) -> bool:
    """One more device of a person; False when they had it. Raises NotFound, Invalid, Conflict (somebody else's)."""
    pattern = _pattern(pattern)

    def had(conn: Connection) -> bool:
        user = _known(conn, name)
        return pattern in people.patterns_of(conn, SYSTEM, user.id)

    def add(work: Work) -> None:
        user = _known(work.conn, name)
        _add_devices(work, user.id, user.name, [pattern], by)

    if await db.reading(had):
        return False
    try:
        await db.writing(add)
    except IntegrityError as race:
        raise Conflict(f"{pattern} was given to somebody at the same moment. Nothing was changed; try again.") from race
    return True


async def set_password(db: Database, name: str, password: str, by: Scope = COMMAND_LINE) -> None:
    """A new password; every session of this person ends. Raises NotFound, Invalid (too short or too long)."""
    stored = await hash_password(_password(password))

    def change(work: Work) -> None:
        user = _known(work.conn, name)
        people.update_user(work.conn, user.id, {"password_hash": stored})
        work.journal("user.changed", {"user": user.name, "changed": ["password"]}, audience(user.id))
        audit.note(work, by, "user.changed", "user", user.name, {"password": (None, None)})
        end_sessions(work, user.id, user.name)

    await db.writing(change)


async def change_user(
    db: Database,
    name: str,
    *,
    role: str | None = None,
    active: bool | None = None,
    operator: bool | None = None,
    by: Scope = COMMAND_LINE,
) -> None:
    """Another role, or shut out, or operator; open sessions and streams end, for rights are read when they begin.

    Raises NotFound, Invalid (no such role).
    """
    wanted = {"role": _role(role) if role is not None else None, "active": active, "operator": operator}
    values = {k: v for k, v in wanted.items() if v is not None}
    if not values:
        raise Invalid("Nothing to change was given, so nothing was changed.", {"role": "give a role"})

    def change(work: Work) -> None:
        user = _known(work.conn, name)
        people.update_user(work.conn, user.id, values)
        work.journal("user.changed", {"user": user.name, "changed": sorted(values)}, EVERYBODY)
        changes = {column: (getattr(user, column), value) for column, value in values.items()}
        audit.note(work, by, "user.changed", "user", user.name, changes)
        end_sessions(work, user.id, user.name)

    await db.writing(change)


async def set_preferences(
    db: Database,
    scope: Scope,
    *,
    locale: str | None = None,
    calendar: str | None = None,
    time_zone: str | None = None,
    rial: str | None = None,
) -> None:
    """One's own language, calendar, time zone, and whether rials are counted by ten. Raises Invalid, naming each that
    there is not.
    """
    given = {"locale": locale, "calendar": calendar, "time_zone": time_zone, "rial": rial}
    values = {name: value for name, value in given.items() if value is not None}
    known = {"locale": LOCALES, "calendar": CALENDARS, "time_zone": available_timezones(), "rial": RIALS}
    wrong = {name: _NO_SUCH[name] for name, value in values.items() if value not in known[name]}
    if wrong:
        raise Invalid("Nothing was stored. " + " ".join(wrong.values()), wrong)
    if not values:
        return

    def change(work: Work) -> None:
        columns = {name: value for name, value in values.items() if name != "rial"}
        if "rial" in values:
            had = json.loads(people.preferences(work.conn, scope))
            columns["preferences"] = json.dumps({**had, "rial": values["rial"]})
        people.update_user(work.conn, scope.user_id, columns)
        work.journal("preferences.changed", {"user": scope.name, **values}, audience(scope.user_id))
        changes = {column: (None, value) for column, value in values.items()}
        audit.note(work, scope, "preferences.changed", "user", scope.name, changes)

    await db.writing(change)


_NO_SUCH = {
    "locale": "There is no such language here.",
    "calendar": "There is no such calendar here.",
    "time_zone": "There is no such time zone.",
    "rial": "Choose one of the list.",
}


async def list_people(db: Database, scope: Scope = SYSTEM) -> list[Member]:
    """All people that `scope` may see, by name."""
    rows, patterns = await db.reading(lambda conn: (people.listing(conn, scope), people.patterns(conn, scope)))
    mine: dict[int, list[str]] = {}
    for device in patterns:
        mine.setdefault(device.user_id, []).append(device.pattern)
    return [
        Member(
            id=row.id,
            name=row.name,
            full_name=row.full_name or row.name,
            role=row.role,
            team=row.team,
            operator=row.operator,
            active=row.active,
            can_log_in=row.password_hash is not None and row.active,
            devices=tuple(mine.get(row.id, ())),
        )
        for row in rows
    ]


async def devices(db: Database) -> list[tuple[str, str]]:
    """Every (pattern, user name) of active people: what the tracker knows people by."""
    rows = await db.reading(lambda conn: people.patterns(conn, SYSTEM))
    return [(row.pattern, row.user_name) for row in rows if row.active]


async def create_token(
    db: Database, name: str, say: Callable[[str], None] = lambda _: None, by: Scope = COMMAND_LINE
) -> str:
    """A token with the rights of the person of this name; gives the raw token, which is stored nowhere.

    A name nobody has becomes an account for a program (role manager, no password, no devices); `say` is told so.
    """
    name = _user_name(name)
    raw = "pbxcrm_" + secrets.token_urlsafe(32)

    def make(work: Work) -> bool:
        user = people.by_name(work.conn, SYSTEM, name)
        if user is not None and not user.active:
            raise Conflict(f"{name} was shut out, so no token was made. Let them in first, or use another name.")
        if user is None:
            values = {"name": name, "role": "manager", "created_at": work.at}
            user_id = people.insert_user(work.conn, values)
            data = {"user": name, "role": "manager", "team": None, "operator": False}
            work.journal("user.added", data, EVERYBODY)
            audit.note(work, by, "user.added", "user", name, {"role": (None, "manager")})
        else:
            user_id = user.id
        token_id = people.insert_token(work.conn, user_id, name, digest(raw), work.at)
        work.journal("token.created", {"user": name, "token": token_id}, audience(user_id))
        audit.note(work, by, "token.created", "user", name, {"token": (None, token_id)})
        return user is None

    if await db.writing(make):
        say(f"There was nobody named {name}: made an account for a program, which sees all a manager sees.")
    return raw


async def revoke_tokens(db: Database, name: str, by: Scope = COMMAND_LINE) -> int:
    """Forget every token of this person, and end what was opened with one; gives how many. Raises NotFound.

    Their calendar's secret address opens nothing any more either.
    """

    def revoke(work: Work) -> int:
        user = _known(work.conn, name)
        count = people.delete_tokens(work.conn, user.id)
        people.update_user(work.conn, user.id, {"feed_hash": None})  # a secret of theirs too
        work.journal("token.revoked", {"user": user.name, "count": count}, audience(user.id))
        audit.note(work, by, "token.revoked", "user", user.name, {"tokens": (count, 0)})
        return count

    return await db.writing(revoke)


def _known(conn: Connection, name: str) -> Any:
    user = people.by_name(conn, SYSTEM, unicodedata.normalize("NFC", name.strip()))
    if user is None:
        raise NotFound(f"There is nobody named {name!r}. Nothing was changed. Who there is: pbxcrm user list")
    return user


def _team(work: Work, name: str) -> int:
    team = _line(name)
    known = people.team_id(work.conn, SYSTEM, team)
    return known if known is not None else people.insert_team(work.conn, team)


def _add_devices(work: Work, user_id: int, name: str, wanted: Sequence[str], by: Scope) -> None:
    taken = [(row.pattern, row.user_name) for row in people.patterns(work.conn, SYSTEM)]
    for pattern in dict.fromkeys(wanted):
        for other, owner in taken:
            if owner != name and overlaps(pattern, other):
                raise Conflict(_belongs(pattern, other, owner), by=owner)
        if (pattern, name) in taken:
            continue
        people.insert_device(work.conn, user_id, pattern)
        work.journal("device.added", {"user": name, "device": pattern}, EVERYBODY)
        audit.note(work, by, "device.added", "user", name, {"device": (None, pattern)})


def overlaps(one: str, other: str) -> bool:
    """Whether a channel may match both patterns: then nobody could say whose phone it is."""
    if one.endswith("*") and other.endswith("*"):
        return one[:-1].startswith(other[:-1]) or other[:-1].startswith(one[:-1])
    if one.endswith("*"):
        return other.startswith(one[:-1])
    if other.endswith("*"):
        return one.startswith(other[:-1])
    return one == other


def _belongs(pattern: str, other: str, owner: str) -> str:
    what = f"{pattern} is already a device of {owner}"
    if pattern != other:
        what = f"{pattern} and {other}, a device of {owner}, would both match one phone"
    return f"{what}. Nothing was changed: a phone belongs to one person. Give another device, or change {owner} first."


def _taken(name: str, role: str, wanted: Sequence[str]) -> Conflict:
    message = f"There is already a user {name} ({role}). Nothing was changed."
    if wanted:
        message += f" To add a device: pbxcrm user device {name} {' '.join(wanted)}."
    return Conflict(message + f" To set a password: pbxcrm user password {name}.", by=name)


def _user_name(name: str) -> str:
    clean = unicodedata.normalize("NFC", name.strip())
    if not _NAME.fullmatch(clean):
        raise Invalid(
            f"{name!r} cannot be a user name: it begins with a letter or digit, goes on with letters, digits and "
            ". _ - @ +, and has 64 at most. Nothing was added.",
            {"name": "letters, digits and . _ - @ +, 64 at most"},
        )
    return clean


def _role(role: str) -> Role:
    for known in ROLES:
        if role == known:
            return known
    raise Invalid(f"There is no role {role!r}: use {', '.join(ROLES)}. Nothing was changed.", {"role": "no such role"})


def _pattern(device: str) -> str:
    if not _DEVICE.fullmatch(device) or "*" in device[:-1]:
        raise Invalid(
            f"{device!r} cannot be a device: write a channel's name less its -xxxxxxxx suffix, as PJSIP/101, with a * "
            "only at its end. Nothing was changed.",
            {"device": "a channel's name, as PJSIP/101"},
        )
    return device


def _password(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise Invalid(
            f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters. Nothing was changed.",
            {"password": f"{MIN_PASSWORD} to {MAX_PASSWORD} characters"},
        )
    return password


def _line(text: str) -> str:
    """One line of text without control or format characters, 80 long at most."""
    return "".join(c for c in text.strip() if unicodedata.category(c)[0] != "C")[:80]
