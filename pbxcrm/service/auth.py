"""Who is it? Passwords, sessions and tokens; and patience with those who guess.

Nothing secret is stored or journalled: of a session or a token only the SHA-256 of its random value.
"""

import asyncio
import hashlib
import json
import secrets
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.service import audit
from pbxcrm.service.errors import Refused, ServiceError, TooMany
from pbxcrm.store import people, sessions, tries
from pbxcrm.store.db import Database, Work, audience
from pbxcrm.store.errors import DatabaseUnusable

# From one working day's evening to the next one's morning; then, and after two weeks at the latest, log in again.
SESSION_IDLE = 24 * 3600.0
SESSION_LIFE = 14 * 86400.0
# "Seen" is a write, and a write is a journal row: once an hour is enough to tell an idle session.
SESSION_TOUCH = 3600.0
MAX_PASSWORD, MAX_NAME = 1024, 64
# How many tries before one more is refused, and how many seconds bring one back.
TRIES_ACCOUNT, TRIES_PEER, TRY_BACK = 10, 15, 30.0
# One check takes 19 MiB and some 50 ms of a core: two at once, and no endless queue.
CHECKS_AT_ONCE, CHECKS_WAITING = 2, 30

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Made with the same parameters: an unknown name costs what a known one costs.
_NOBODY = _HASHER.hash(secrets.token_hex(16))


class LoginFailed(ServiceError):  # noqa: N818
    """Name or password is wrong: which of them is not said."""

    code = "login_failed"

    def __init__(self, message: str, user: str = "") -> None:
        super().__init__(message)
        self.user = user  # whose name it was, "" where it is nobody's: for the audit log, never for the answer


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who proved who they are.

    `devices` are patterns as given to `user add`, the first one rings for click-to-call. `via` names the session
    ("session:…") or the token ("token:7") they came with; it is no secret.
    """

    scope: Scope
    full_name: str
    locale: str = "en"
    time_zone: str = "UTC"
    calendar: str = "gregorian"
    toman: bool = False  # counts rials by ten
    devices: tuple[str, ...] = ()
    via: str = ""

    @property
    def name(self) -> str:
        """The user name."""
        return self.scope.name


def digest(raw: str) -> str:
    """What is stored of a session or token."""
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


def _bucket(whose: str, name: str) -> str:
    return f"{whose}:{digest(name)}"


def session_ref(token_hash: str) -> str:
    """A public name for a session: says which one, opens nothing."""
    return "session:" + hashlib.sha256(token_hash.encode()).hexdigest()[:16]


async def hash_password(password: str) -> str:
    """The argon2id hash to store (t=2, m=19 MiB, p=1), made in a thread."""
    return await asyncio.to_thread(_HASHER.hash, password)


class Auth:
    """Logins. How often who was tried is kept in the database: many processes together give no more tries than one."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._checks = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._waiting = 0

    async def login(self, name: str, password: str, peer: str, address: str = "") -> str:
        """The raw token of a new session, to be put into the cookie. `peer` is who counts as one, `address` who it was.

        Raises LoginFailed (the same, after the same time, for an unknown name) and TooMany.
        """
        name = unicodedata.normalize("NFC", name)
        tried = await self._take(name, peer)
        # What cannot be a name is nobody's; databases refuse some of it.
        nameable = name.isprintable() and len(name) <= MAX_NAME
        user = await self._db.reading(lambda conn: people.by_name(conn, SYSTEM, name)) if nameable else None
        known = user is not None and user.active and user.password_hash is not None
        right = await self._check(user.password_hash if known and user else _NOBODY, password)
        if not (known and right and user):
            raise LoginFailed(
                "The name or the password is not right, so you are not logged in. Try again; an administrator sets a "
                "new password with: pbxcrm user password NAME",
                user.name if user else "",
            )
        return await self._start(user, address or peer, tried)

    async def confirm(self, scope: Scope, password: str, peer: str) -> None:
        """Somebody who is logged in says once more who they are: tries count as those of logging in do.

        Raises Refused (a session goes on: it is no login that failed) and TooMany.
        """
        tried = await self._take(scope.name, peer)
        user = await self._db.reading(lambda conn: people.by_id(conn, SYSTEM, scope.user_id))
        stored = user.password_hash if user is not None and user.active else None
        if not await self._check(stored or _NOBODY, password) or stored is None:
            raise Refused("The password is not right. Nothing was dialled; try again.", code="wrong_password")

        def right(work: Work) -> None:
            tries.give_back(work.conn, tried, TRY_BACK)
            work.journal("session.tried", {}, None)

        await self._db.writing(right, durable=False)

    async def _take(self, name: str, peer: str) -> dict[str, int]:
        """Use one try of the account and of the peer; gives which, for a right password uses nothing up: an office
        behind one address logs in each morning. Raises TooMany.
        """
        sizes = {_bucket("account", name): TRIES_ACCOUNT, _bucket("peer", peer): TRIES_PEER}

        def look(conn: Connection) -> float:
            return tries.wait(conn, SYSTEM, sizes, TRY_BACK, self._db.clock())

        def take(work: Work) -> None:
            tries.lock(work.conn)
            if wait := tries.wait(work.conn, SYSTEM, sizes, TRY_BACK, work.at):
                raise _too_many(wait)
            tries.take(work.conn, sizes, TRY_BACK, work.at)
            work.journal("session.tried", {}, None)

        self._room()
        # Looked at first: whoever hammers on costs no write.
        if wait := await self._db.reading(look):
            raise _too_many(wait)
        await self._db.writing(take, durable=False)
        return sizes

    def _room(self) -> None:
        if self._waiting >= CHECKS_WAITING:
            raise _too_many(5.0)

    async def _check(self, stored: str, password: str) -> bool:
        if len(password) > MAX_PASSWORD:
            return False
        self._room()
        self._waiting += 1
        try:
            async with self._checks:
                return await asyncio.to_thread(_matches, stored, password)
        finally:
            self._waiting -= 1

    async def _start(self, user: Any, address: str, tried: Mapping[str, int]) -> str:
        raw = secrets.token_urlsafe(32)
        key = digest(raw)

        def start(work: Work) -> None:
            now = people.by_id(work.conn, SYSTEM, user.id)
            if now is None or not now.active or now.password_hash != user.password_hash:
                raise LoginFailed("The password was changed at this very moment. Log in with the new one.")
            tries.give_back(work.conn, tried, TRY_BACK)
            sessions.sweep(work.conn, work.at, SESSION_IDLE)
            sessions.start(work.conn, user.id, key, work.at, work.at + SESSION_LIFE)
            work.journal("session.started", {"user": user.name, "session": session_ref(key)}, audience(user.id))
            audit.note(work, Scope(user.id, user.name, now.role, peer=address), "login")

        await self._db.writing(start)
        return raw

    async def by_session(self, raw: str, *, touch: bool = True) -> Person | None:
        """Whose session this is; None when it is unknown or over, or the person was made inactive.

        `touch`: the person did something just now; an open stream that asks for its rights is nobody's doing.
        """
        key = digest(raw)
        now = self._db.clock()

        def find(conn: Connection) -> tuple[Person, float] | None:
            row = sessions.find(conn, SYSTEM, key)
            if row is None or not row.active or now > row.ends_at or now > row.seen_at + SESSION_IDLE:
                return None
            return _person(conn, row, session_ref(key)), row.seen_at

        found = await self._db.reading(find)
        if found is None:
            return None
        person, seen_at = found
        if touch and now > seen_at + SESSION_TOUCH and self._db.presence.up:
            with suppress(DatabaseUnusable):  # it can be read all the same
                await self._touch(key, person)
        return person

    async def _touch(self, key: str, person: Person) -> None:
        def touch(work: Work) -> None:
            sessions.touch(work.conn, key, work.at)
            work.journal("session.seen", _which(person), audience(person.scope.user_id))

        await self._db.writing(touch)

    async def by_token(self, raw: str) -> Person | None:
        """Whose token this is; None when it is unknown or its person was made inactive."""

        def find(conn: Connection) -> Person | None:
            row = people.by_token(conn, SYSTEM, digest(raw))
            return _person(conn, row, f"token:{row.token_id}") if row is not None and row.active else None

        return await self._db.reading(find)

    async def by_feed(self, raw: str) -> Person | None:
        """Whose calendar this secret opens; None when it is unknown or its person was made inactive."""

        def find(conn: Connection) -> Person | None:
            row = people.by_feed(conn, SYSTEM, digest(raw))
            return _person(conn, row, "feed") if row is not None and row.active else None

        return await self._db.reading(find)

    async def logout(self, raw: str, address: str = "") -> None:
        """End this session; its open streams close. Nothing happens when it was over already."""
        person = await self.by_session(raw)
        if person is None:
            return

        def end(work: Work) -> None:
            sessions.end(work.conn, digest(raw))
            work.journal("session.ended", _which(person), audience(person.scope.user_id))
            audit.note(work, replace(person.scope, peer=address), "logout")

        await self._db.writing(end)

    async def logout_all(self, scope: Scope) -> int:
        """End every session of this person; gives how many there were."""
        return await self._db.writing(lambda work: end_sessions(work, scope.user_id, scope.name))


def end_sessions(work: Work, user_id: int, name: str) -> int:
    """End every session of a person inside a transaction; gives how many there were."""
    ended = sessions.end_all(work.conn, user_id)
    work.journal("session.ended", {"user": name, "session": None, "count": ended}, audience(user_id))
    return ended


def _which(person: Person) -> dict[str, str]:
    return {"user": person.name, "session": person.via}


def _matches(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


def _person(conn: Connection, row: Any, via: str) -> Person:
    return Person(
        scope=Scope(row.id, row.name, row.role, row.team_id),
        full_name=row.full_name or row.name,
        locale=row.locale,
        time_zone=row.time_zone,
        calendar=row.calendar,
        toman=json.loads(row.preferences).get("rial") == "toman",
        devices=tuple(people.patterns_of(conn, SYSTEM, row.id)),
        via=via,
    )


def _too_many(wait: float) -> TooMany:
    seconds = max(1, round(wait))
    return TooMany(
        f"Too many tries to log in. Nothing was changed; try again in {seconds} seconds.", retry_after=seconds
    )
