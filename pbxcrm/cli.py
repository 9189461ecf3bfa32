"""The command line. Each command works on an empty database (it migrates first), beside a running `serve`, and never
asks anything when standard input is closed. What a program reads goes to stdout, what a person reads to stderr.
"""

import argparse
import asyncio
import contextlib
import getpass
import json
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pbxcrm import __version__, logs
from pbxcrm.settings import Settings, WrongSetting, load

if TYPE_CHECKING:  # a command imports only what it uses: `replay` starts without the database's libraries
    from pbxcrm.store.db import Database

T = TypeVar("T")
Handler = Callable[[argparse.Namespace, Settings], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit status: 0 done, 1 it could not be done, 2 the words were wrong."""
    from pbxcrm.ami.errors import AmiError
    from pbxcrm.history.errors import SourceError
    from pbxcrm.service.errors import ServiceError
    from pbxcrm.store.errors import DatabaseUnusable

    args = _parser().parse_args(argv)
    try:
        settings = load()
        logs.configure(settings.log_level, settings.log_format)
        handler: Handler = args.handler
        return handler(args, settings)
    except (WrongSetting, DatabaseUnusable, ServiceError, AmiError, SourceError) as error:
        _say(str(error))
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        _say(f"{error.filename or 'pbxcrm'}: {error.strerror or error}")
    return 1


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("pbxcrm", description="The CRM that lives beside an Asterisk PBX.")
    parser.add_argument("--version", action="version", version=f"pbxcrm {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(commands, "serve", _serve, "follow the PBX and serve the pages; no PBX configured: the demo PBX")
    _command(commands, "migrate", _migrate, "bring the database to this version's schema")
    _command(commands, "doctor", _doctor, "check settings, database and PBX, and say what to do")
    backup = _command(commands, "backup", _backup, "copy the database to FILE while everything goes on (SQLite)")
    backup.add_argument("file", type=Path)
    restore = _command(commands, "restore", _restore, "put a backup in the database's place (SQLite, pbxcrm stopped)")
    restore.add_argument("file", type=Path)
    record = _command(commands, "record", _record, "write the PBX's AMI stream to FILE until interrupted")
    record.add_argument("file", type=Path)
    record.add_argument("--seconds", type=float, help="stop by itself after so long")
    record.add_argument("--raw", action="store_true", help="keep numbers and names (default: anonymised)")
    replay = _command(commands, "replay", _replay, "what a recorded AMI stream says: who called, who answered")
    replay.add_argument("file", type=Path)
    replay.add_argument("--device", action="append", default=[], metavar="DEVICE=PERSON", help="PJSIP/101=alice")
    replay.add_argument("--index", type=Path, help="byte offset and epoch seconds a line, for streams without a clock")
    replay.add_argument("--json", action="store_true", help="one JSON object a call, a line each")
    again = _command(commands, "reconcile", _reconcile, "calls that the PBX wrote down (CEL, CDR), from a moment on")
    again.add_argument("--since", required=True, metavar="WHEN", help="2026-03-01, 2026-03-01T08:00, or 3d, 12h ago")
    again.add_argument("--until", metavar="WHEN", help="the same; default: now")
    again.add_argument(
        "--source", action="append", default=[], choices=("cel", "cdr"), help="only this; default: all that is set"
    )
    _user_commands(commands)
    _person_commands(commands)
    keep = _command(commands, "retention", _retention, "take away what is older than it may be, as serve does daily")
    keep.add_argument("action", nargs="?", choices=("run",), metavar="run")
    keep.add_argument("--dry-run", action="store_true", help="only count it")
    token = _command(commands, "token", None, "tokens for programs").add_subparsers(required=True, metavar="ACTION")
    create = _command(token, "create", _token_create, "print a new token with NAME's rights")
    create.add_argument("name")
    revoke = _command(token, "revoke", _token_revoke, "forget every token of NAME")
    revoke.add_argument("name")
    return parser


def commands() -> list[str]:
    """Every command as typed after `pbxcrm`: docs/commands.md is tested against it."""
    return sorted(_paths(_parser(), ""))


def _paths(parser: argparse.ArgumentParser, before: str) -> Iterator[str]:
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001
    if not inner:
        yield before
    for action in inner:
        for name, child in action.choices.items():
            yield from _paths(child, f"{before} {name}".strip())


def _user_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    user = _command(commands, "user", None, "people and their phones").add_subparsers(required=True, metavar="ACTION")
    add = _command(user, "add", _user_add, "add a person")
    add.add_argument("name")
    add.add_argument("--role", required=True, choices=("agent", "manager", "admin"))
    add.add_argument("--device", action="append", default=[], help="PJSIP/101; may be given several times")
    add.add_argument("--full-name", default="")
    add.add_argument("--team")
    add.add_argument("--operator", action="store_true", help="passes calls on: the deal goes to who takes them")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    password = _command(user, "password", _user_password, "set a person's password")
    password.add_argument("name")
    password.add_argument("--password-stdin", action="store_true", help="read it from standard input")
    device = _command(user, "device", _user_device, "give a person one more phone")
    device.add_argument("name")
    device.add_argument("device", nargs="+")
    _command(user, "list", _user_list, "who there is")


def _person_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    person = _command(commands, "person", None, "what is kept about one customer").add_subparsers(
        required=True, metavar="ACTION"
    )
    export = _command(person, "export", _person_export, "print all that is kept about them, as JSON")
    export.add_argument("who", metavar="NUMBER|ID")
    erase = _command(person, "erase", _person_erase, "take them out of everything, for good")
    erase.add_argument("who", metavar="NUMBER|ID")
    erase.add_argument("--confirm", metavar="TEXT", help="what the preview asks to type; without it: only the preview")


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, handler: Handler | None, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    if handler is not None:
        parser.set_defaults(handler=handler)
    return parser


# ---- running


def _serve(_args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.app import serve

    return _run(serve(settings))


def _migrate(_args: argparse.Namespace, settings: Settings) -> int:
    _run(_with_database(settings, _nothing))
    _say("The database has this version's schema.")
    return 0


async def _nothing(_db: object) -> None:
    return None


def _doctor(_args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.doctor import examine

    findings = _run(examine(settings))
    for finding in findings:
        print(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.what}")
        if finding.advice:
            print(f"      {finding.advice}")
    return 0 if all(finding.ok for finding in findings) else 1


def _run(work: Coroutine[None, None, T]) -> T:
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):  # the extra `fast`
        from uvloop import new_event_loop as factory
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(work)


async def _with_database(settings: Settings, work: Callable[..., Awaitable[T]]) -> T:
    from pbxcrm.app import open_database

    db = await open_database(settings)
    try:
        return await work(db)
    finally:
        await db.close()


# ---- copies


def _backup(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.store.backup import backup

    _say(f"{backup(settings.database_url, args.file)} bytes in {args.file}; checked, and whole")
    return 0


def _restore(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.store.backup import restore

    aside = restore(settings.database_url, args.file)
    _say(f"{args.file} is the database now." + (f" The one before it is {aside}." if aside else ""))
    return 0


# ---- recordings


def _record(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.ami.record import record
    from pbxcrm.app import link_config

    if settings.demo:
        raise WrongSetting("There is no PBX to record: set PBXCRM_AMI_HOST and its secret (see README).")
    written = _run(record(link_config(settings), args.file, seconds=args.seconds, anonymous=not args.raw))
    _say(f"{written} bytes in {args.file}, their times in {args.file}.index")
    return 0


def _replay(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm import chart, replay
    from pbxcrm.crm import views

    devices = [_device(text) for text in args.device]
    try:
        index = replay.read_index(args.index) if args.index else None
    except ValueError as error:
        raise WrongSetting(f"{args.index}: {error}") from None
    calls = replay.calls(args.file.read_bytes(), devices, region=settings.region, index=index)
    for call in calls:
        print(json.dumps(views.call(call), ensure_ascii=False) if args.json else chart.draw(call))
    return 0


def _device(text: str) -> tuple[str, str]:
    device, equals, person = text.rpartition("=")
    if not (device and equals and person):
        raise WrongSetting(f"--device takes DEVICE=PERSON, as PJSIP/101=alice, not {text!r}.")
    return device, person


def _reconcile(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.reconciling import reconcile, told

    for kind, counts in _run(reconcile(settings, args.since, args.until, args.source)).items():
        print(f"{kind}: {told(counts)}")
    return 0


# ---- people


def _user_add(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.service import people

    password = _password(args, ask=False)

    async def add(db: "Database") -> None:
        await people.add_user(
            db,
            args.name,
            args.role,
            args.device,
            full_name=args.full_name,
            team=args.team,
            operator=args.operator,
            password=password,
        )

    _run(_with_database(settings, add))
    hint = "" if password else f" To log in they need a password: pbxcrm user password {args.name}"
    _say(f"Added {args.name} ({args.role}).{hint}")
    return 0


def _user_password(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.service import people

    password = _password(args, ask=True)
    if password is None:
        raise WrongSetting("No password was given: type it in a terminal, or pipe it in with --password-stdin.")
    chosen: str = password
    _run(_with_database(settings, lambda db: people.set_password(db, args.name, chosen)))
    _say(f"{args.name} has a new password; older sessions have ended.")
    return 0


def _password(args: argparse.Namespace, *, ask: bool) -> str | None:
    if args.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if ask and sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty():
        return getpass.getpass(f"New password for {args.name}: ")
    return None


def _user_device(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.service import people

    async def add(db: "Database") -> None:
        for device in args.device:
            await people.add_device(db, args.name, device)

    _run(_with_database(settings, add))
    _say(f"{args.name} has {', '.join(args.device)}.")
    return 0


def _user_list(_args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.service import people

    for member in _run(_with_database(settings, people.list_people)):
        state = "" if member.can_log_in else "  (cannot log in)"
        print(f"{member.name:20} {member.role:8} {' '.join(member.devices)}{state}")
    return 0


def _token_create(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.service import people

    print(_run(_with_database(settings, lambda db: people.create_token(db, args.name, _say))))
    return 0


def _token_revoke(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.service import people

    count = _run(_with_database(settings, lambda db: people.revoke_tokens(db, args.name)))
    _say(f"{count} tokens of {args.name} are forgotten.")
    return 0


# ---- customers


def _person_export(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.crm.access import COMMAND_LINE
    from pbxcrm.service import privacy

    async def export(db: "Database") -> str:
        who = await privacy.subject(db, COMMAND_LINE, args.who)
        return privacy.as_text(await privacy.export(db, COMMAND_LINE, who))

    sys.stdout.write(_run(_with_database(settings, export)))
    return 0


def _person_erase(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.app import documents_folder, recordings_folder
    from pbxcrm.crm.access import COMMAND_LINE
    from pbxcrm.service import privacy

    async def preview(db: "Database") -> privacy.Preview:
        return await privacy.preview(db, COMMAND_LINE, await privacy.subject(db, COMMAND_LINE, args.who))

    async def erase(db: "Database") -> privacy.Preview:
        who = await privacy.subject(db, COMMAND_LINE, args.who)
        folders = recordings_folder(settings), documents_folder(settings, db)
        return await privacy.erase(db, COMMAND_LINE, who, confirm, *folders)

    plan = _run(_with_database(settings, preview))
    _say(privacy.in_words(plan))
    confirm = args.confirm
    if confirm is None and sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty():
        confirm = input(f"Type {plan['confirm']} to erase this person for good: ")
    if confirm is None:
        _say(f"Nothing was erased. To go ahead: pbxcrm person erase {args.who} --confirm '{plan['confirm']}'")
        return 1
    if left := _run(_with_database(settings, erase))["recordings"]:
        _say(f"Could not be deleted, delete them on the PBX: {', '.join(left)}")
    _say("Erased. Backups and the PBX's own records still hold this person: see docs/privacy.md.")
    return 0


def _retention(args: argparse.Namespace, settings: Settings) -> int:
    from pbxcrm.app import documents_folder, keep, recordings_folder
    from pbxcrm.service import retention

    if args.dry_run == (args.action == "run"):
        raise WrongSetting("Say `retention run`, or `retention --dry-run` to only count. Nothing was changed.")
    days = keep(settings)

    async def work(db: "Database") -> dict[str, int]:
        if args.dry_run:
            return await retention.due(db, days)
        return await retention.run(
            db, days, recordings=recordings_folder(settings), documents_in=documents_folder(settings, db)
        )

    found, word = _run(_with_database(settings, work)), "to go" if args.dry_run else "gone"
    for kind, limit in days.items():
        kept = f"{found[kind]} {word}, older than {limit} days" if limit else "kept for good"
        print(f"{kind:10} {kept}")
    return 0
