"""`pbxcrm doctor`: settings, database, people and the PBX, each looked at; what is wrong, and what to do."""

import asyncio
import errno
import http.client
import os
import shutil
import socket
import stat
import time
from pathlib import Path

import pbxcrm
from pbxcrm.ami import doctor as ami_doctor
from pbxcrm.ami.doctor import Finding
from pbxcrm.app import link_config, open_database
from pbxcrm.history.choose import source
from pbxcrm.history.errors import SourceError
from pbxcrm.history.sources import Kind
from pbxcrm.http.i18n import LOCALES, catalogue
from pbxcrm.http.static import web_root
from pbxcrm.service import people
from pbxcrm.settings import Settings, exposed
from pbxcrm.store import backup
from pbxcrm.store.db import Database
from pbxcrm.store.errors import DatabaseUnusable


async def examine(settings: Settings) -> list[Finding]:
    """Every finding, good ones too, in the order a person would mend them."""
    findings = [Finding(True, f"This is pbxcrm {pbxcrm.__version__}"), _region(settings), *_secrets()]
    findings += [await asyncio.to_thread(_port, settings), _web(), *_recordings(settings)]
    devices: list[tuple[str, str]] = []
    try:
        db = await open_database(settings)
    except DatabaseUnusable as error:
        findings.append(Finding(False, "The database cannot be used", error.message))
    else:
        try:
            findings.extend(await asyncio.to_thread(_file, settings))
            findings.extend(await _people(db))
            devices = await people.devices(db)
        finally:
            await db.close()
    findings.extend([await _history(settings, kind) for kind in _KINDS if getattr(settings, kind)])
    if settings.demo:
        advice = "Set PBXCRM_AMI_HOST, PBXCRM_AMI_USERNAME and PBXCRM_AMI_SECRET_FILE: see the README."
        findings.append(Finding(True, "No PBX is configured: the demo PBX plays recorded calls", advice))
    else:
        findings.extend(await ami_doctor.check(link_config(settings), devices))
    return findings


def _port(settings: Settings) -> Finding:
    """Whether the pages can be served, or are already."""
    host, port = settings.http_host, settings.http_port
    where = f"{host}:{port}"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _ours(host, port):
            return Finding(True, f"pbxcrm serves on {where}")
        advice = "Stop the program that has it, or choose another with PBXCRM_HTTP_HOST and PBXCRM_HTTP_PORT."
        return Finding(False, f"Cannot serve on {where}: {error.strerror}", advice)
    return Finding(True, f"{where} is free: nobody serves there yet", "" if port else "0 is any free port.")


def _ours(host: str, port: int) -> bool:
    """Whether it is a pbxcrm that has the port."""
    connection = http.client.HTTPConnection(_LOOPBACK.get(host, host), port, timeout=3)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().headers.get("Server") == "pbxcrm"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - who serves everywhere serves there too


def _web() -> Finding:
    """The pages' own files and every language: what an installation may have lost."""
    root = web_root()
    files = ("templates/base.html", "templates/parts/icons.svg", "static/css/app.css", "static/js/app.js")
    lost = [name for name in files if not (root / name).is_file()]
    for locale in LOCALES:
        try:
            if locale != "en" and catalogue(locale).gettext("Calls") == "Calls":
                lost.append(f"locale/{locale}")
        except (OSError, ValueError):
            lost.append(f"locale/{locale}")
    if lost:
        return Finding(False, f"Files of the pages are missing below {root}: {', '.join(lost)}", "Install pbxcrm anew.")
    return Finding(True, f"The pages' files and {len(LOCALES)} languages are in {root}")


def _recordings(settings: Settings) -> list[Finding]:
    """The folder of recordings: may they be heard, may those of an erased person be deleted?"""
    if not settings.recordings:
        return []
    folder = Path(settings.recordings)
    try:
        next(folder.iterdir(), None)
        readable = os.access(folder, os.R_OK | os.X_OK)
    except OSError:
        readable = False
    if not readable:
        advice = "Let the user that pbxcrm runs as read it, say by the group that the PBX's files have."
        return [Finding(False, f"The recordings in {folder} cannot be read", advice)]
    if os.access(folder, os.W_OK):
        return [Finding(True, f"The recordings in {folder} can be read")]
    if settings.keep_recordings_days:
        what = f"The recordings in {folder} are to be deleted after {settings.keep_recordings_days} days, and cannot be"
        return [
            Finding(False, what, "Let the user that pbxcrm runs as write there, or set PBXCRM_KEEP_RECORDINGS_DAYS=0.")
        ]
    advice = "Nothing to do to hear them. To delete those of an erased person, pbxcrm would have to write there."
    return [Finding(True, f"The recordings in {folder} can be read, and not deleted", advice)]


_LITTLE = 500_000_000  # bytes: months of calls, and room for a backup beside them


def _file(settings: Settings) -> list[Finding]:
    """An SQLite file: is it whole, does it belong to its owner alone, is there room? PostgreSQL's are not ours."""
    path = backup.file_of(settings.database_url)
    if path is None:
        return []
    damage = backup.damage(path)
    found = [
        Finding(False, f"{path} is damaged: {damage}", "Stop pbxcrm, keep a copy, and `pbxcrm restore` a backup.")
        if damage
        else Finding(True, f"{path} is whole")
    ]
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        what = f"Others on this machine may open {path} (mode {mode:04o}): it holds customers and password hashes"
        found.append(Finding(False, what, f"chmod 600 {path}"))
    free = shutil.disk_usage(path.parent).free
    shown = f"{free / 1e9:.1f} GB are free beside {path}"
    advice = "" if free >= _LITTLE else "Make room: on a full disk calls wait in memory, and are lost if that ends too."
    return [*found, Finding(free >= _LITTLE, shown, advice)]


_KINDS: tuple[Kind, ...] = ("cel", "cdr")
_OLD = 7 * 86_400  # seconds: an office that is silent so long is none


async def _history(settings: Settings, kind: Kind) -> Finding:
    """One of the PBX's own records: can it be read, and is it written?"""
    name = kind.upper()
    try:
        found = await source(
            kind, getattr(settings, kind), settings.history_zone, getattr(settings, f"{kind}_columns")
        ).look()
    except SourceError as error:
        return Finding(False, f"{name} cannot be read", str(error))
    if found.newest is None:
        return Finding(
            False, f"{name}: {found.where} holds no row", "Make a call; if nothing comes, see docs/history.md."
        )
    age = time.time() - found.newest
    columns = f"; columns {', '.join(found.columns)}" if found.columns else ""
    shown = f"{name}: {found.where} can be read, its newest row is {_ago(age)}{columns}"
    if age < -300:
        return Finding(False, shown, "That is in the future: PBXCRM_HISTORY_ZONE must be the zone the PBX writes in.")
    if age > _OLD:
        return Finding(False, shown, f"The PBX seems to write its {name} elsewhere now: see docs/history.md.")
    return Finding(True, shown, "")


def _ago(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if abs(seconds) >= 2 * size:
            return f"{abs(seconds) / size:.0f} {unit} {'old' if seconds > 0 else 'ahead'}"
    return f"{abs(seconds):.0f} seconds {'old' if seconds >= 0 else 'ahead'}"


def _secrets() -> list[Finding]:
    advice = "Make it its owner's alone: chmod 600, owned by the user that pbxcrm runs as."
    return [Finding(False, f"{what}, which others on this machine may read", advice) for what in exposed()]


def _region(settings: Settings) -> Finding:
    if settings.region:
        return Finding(True, f"Numbers without a country code are read as {settings.region}'s", "")
    advice = "Set PBXCRM_DEFAULT_REGION (PL, IR, DE …): else 600100200 and +48600100200 are two different callers."
    return Finding(False, "No home country is set", advice)


async def _people(db: Database) -> list[Finding]:
    everybody = await people.list_people(db)
    found = [Finding(True, f"The database answers and has this version's schema; {len(everybody)} people", "")]
    if not any(member.devices for member in everybody):
        advice = "Add them: pbxcrm user add alice --role agent --device PJSIP/101"
        found.append(Finding(False, "Nobody has a phone: every call would be without an owner", advice))
    if not any(member.can_log_in for member in everybody):
        advice = "Set one: pbxcrm user password NAME"
        found.append(Finding(False, "Nobody can log in: no person has a password", advice))
    return found
