"""All settings in one place: name, default, help. From PBXCRM_* in the environment, or a TOML file named by
PBXCRM_CONFIG (the same names in lower case, without the prefix); the environment wins.

A secret may also come from a file: PBXCRM_AMI_SECRET_FILE. Nothing here is ever printed with its secrets.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import UTC, time, tzinfo
from ipaddress import ip_network
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

PREFIX = "PBXCRM_"
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off", ""})


class WrongSetting(Exception):  # noqa: N818
    """A setting that cannot be used: one line that names it and says what would do. Nothing was started."""


def _setting(default: Any, help: str, *, secret: bool = False, **more: Any) -> Any:  # noqa: A002
    return field(default=default, repr=not secret, metadata={"help": help, "secret": secret, **more})


@dataclass(frozen=True, slots=True)
class Settings:
    """Frozen at start. Durations are seconds."""

    database_url: str = _setting(
        "sqlite+aiosqlite:///var/pbxcrm.db",
        "Where everything is kept: sqlite+aiosqlite:///PATH or postgresql+asyncpg://USER:PASSWORD@HOST/NAME",
        secret=True,
    )
    state_dir: str = _setting("", "The folder of the spool; empty: the SQLite file's, else var")
    spool_mb: int = _setting(
        64, "What may wait there while the database is away, in megabytes; then the oldest goes", low=1, high=100000
    )
    ami_host: str = _setting("", "The PBX's address; empty: no PBX, the demo PBX plays recorded calls")
    ami_port: int = _setting(5038, "The PBX's AMI port", low=1, high=65535)
    ami_username: str = _setting("pbxcrm", "The user in the PBX's manager.conf")
    ami_secret: str = _setting("", "Its secret; better in a file, see PBXCRM_AMI_SECRET_FILE", secret=True)
    ami_tls: bool = _setting(False, "Speak TLS to the PBX (tlsenable=yes in manager.conf)")
    ami_tls_ca: str = _setting("", "A PEM file with the certificate that signed the PBX's; empty: the system's")
    pbx_name: str = _setting("pbx", "A name for this PBX, part of every call's key: do not change it later")
    cel: str = _setting(
        "", "The PBX's CEL: a file, a glob or a database URL (docs/history.md); empty: none", secret=True
    )
    cel_columns: str = _setting("", "The columns of CEL files without a header: their mapping in cel_custom.conf")
    cdr: str = _setting("", "The PBX's CDR, likewise", secret=True)
    cdr_columns: str = _setting("", "The columns of CDR files without a header, where they are not cdr_csv's own")
    history_zone: str = _setting("", "The zone of times in CEL and CDR: Europe/Warsaw, UTC; empty: this machine's")
    http_host: str = _setting("127.0.0.1", "The address to serve on; beyond loopback put a TLS proxy before it")
    http_port: int = _setting(8080, "The port to serve on", low=0, high=65535)
    http_secure: bool = _setting(False, "Browsers reach us by https (a TLS proxy): Secure cookies, HSTS")
    http_hosts: tuple[str, ...] = _setting((), "Host names we answer to, by comma; empty: any")
    http_trusted_proxies: tuple[str, ...] = _setting((), "Proxies whose X-Forwarded-For is believed, by comma")
    default_region: str = _setting(
        "", "The country of numbers without a country code, ISO 3166: PL, IR, DE …", upper=True
    )
    currency: str = _setting(
        "", "The currency of new deals and of sums, ISO 4217; empty: as before, EUR at first", upper=True
    )
    caller_verified: bool = _setting(
        False, "The PBX says which callers' numbers their carriers vouch for (see dialplan/, 5)"
    )
    agi_host: str = _setting("127.0.0.1", "Our address for the dialplan's questions who calls (FastAGI, see dialplan/)")
    agi_port: int = _setting(0, "The port for it, usually 4573; 0: it cannot ask", low=0, high=65535)
    agi_peers: tuple[str, ...] = _setting(
        ("127.0.0.1", "::1"), "Who may ask there, addresses or networks by comma: the PBX's"
    )
    recordings: str = _setting("", "The folder where the PBX keeps its recordings, as we see it; empty: none are heard")
    documents: str = _setting("", "The folder of documents that people bring; empty: documents beside the spool")
    house_name: str = _setting("", "What your firm is called, at the head of printed offers")
    webhook_hosts: tuple[str, ...] = _setting(
        (), "Private receivers that webhooks may reach, by comma: crm.lan,10.0.0.7:9000; empty: public ones only"
    )
    dial_context: str = _setting("pbxcrm-out", "The dialplan context for click-to-call (see dialplan/)")
    dial_prefixes: tuple[str, ...] = _setting(
        (), "Number prefixes click-to-call may dial besides the home country's, by comma: +49,+43; * for all"
    )
    dial_denied: tuple[str, ...] = _setting(
        (), "Number prefixes that click-to-call never dials, by comma: +48703,+4420"
    )
    dial_confirm: bool = _setting(
        True, "Ask for the password once more before a person's first call to a country that nobody here has called"
    )
    dial_hours: str = _setting("", "When click-to-call may dial: 08:00-20:00, with a time zone after it if not UTC")
    dial_live: int = _setting(2, "Click-to-calls a person may have open at once", low=1, high=100)
    dial_live_all: int = _setting(30, "And all together", low=1, high=10000)
    dial_per_minute_all: int = _setting(60, "Click-to-calls all together may make in a minute", low=0, high=10000)
    dial_per_day_all: int = _setting(3000, "And in a day", low=0, high=1000000)
    dial_per_minute: int = _setting(10, "Click-to-calls a person may make in a minute", low=0, high=1000)
    dial_per_day: int = _setting(300, "Click-to-calls a person may make in a day", low=0, high=100000)
    deal_owner: str = _setting(
        "FIRST", "Whose a new deal is: FIRST to answer, or LAST to talk", choices=("FIRST", "LAST")
    )
    operators_pass_on: bool = _setting(True, "A person marked operator owns a deal only if nobody else talked")
    deal_when_answered: bool = _setting(True, "An answered caller without an open deal gets one")
    deal_when_missed: bool = _setting(True, "So does a caller whom nobody answered, without an owner")
    deal_when_dialled: bool = _setting(False, "So does an unknown number that we dialled and talked with")
    deal_for_leads: bool = _setting(False, "And a caller who is a lead; else they stay one until somebody qualifies it")
    callback_minutes: int = _setting(5, "A missed call wants a call back so soon", low=1, high=10080)
    history_recent_hours: int = _setting(
        24, "A call found in the PBX's history does what a live one does if it is this young", low=0, high=8760
    )
    history_callback_days: int = _setting(
        14, "An older one, missed and never called back, wants a call back up to this age", low=0, high=3650
    )
    log_format: str = _setting(
        "TEXT", "How log lines look: TEXT for people, JSON for programs", choices=("TEXT", "JSON")
    )
    keep_journal_days: int = _setting(30, "Days that the journal is kept; 0: for good", low=0, high=36500)
    keep_calls_days: int = _setting(0, "Days that calls are kept; 0: for good", low=0, high=36500)
    keep_audit_days: int = _setting(365, "Days that the audit log is kept; 0: for good", low=0, high=36500)
    keep_imports_days: int = _setting(
        90, "Days that the rows of imported tables are kept, for undo; 0: for good", low=0, high=36500
    )
    keep_recordings_days: int = _setting(
        0, "Days that recordings are kept, then their files are deleted; 0: nothing is deleted", low=0, high=36500
    )
    keep_documents_days: int = _setting(
        0, "Days that documents of a deal are kept after it was closed; 0: nothing is deleted", low=0, high=36500
    )
    log_level: str = _setting("INFO", "DEBUG, INFO, WARNING or ERROR", choices=("DEBUG", "INFO", "WARNING", "ERROR"))

    @property
    def region(self) -> str | None:
        """The home region, None when not set."""
        return self.default_region or None

    @property
    def demo(self) -> bool:
        """Whether the demo PBX plays, because no PBX is configured."""
        return not self.ami_host


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises WrongSetting."""
    environ = os.environ if environ is None else environ
    config = environ.get(PREFIX + "CONFIG", "")
    values: dict[str, Any] = _from_file(Path(config)) if config else {}
    for name, value in environ.items():
        if name.startswith(PREFIX) and name != PREFIX + "CONFIG" and not name.startswith(PREFIX + "TEST_"):
            values[name.removeprefix(PREFIX).lower()] = value
    return _build(values)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return dict(tomllib.loads(path.read_text()))
    except OSError as error:
        raise WrongSetting(f"PBXCRM_CONFIG names {path}, which cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{path} is no TOML: {error}.") from None


def _build(values: dict[str, Any]) -> Settings:
    known = {f.name: f for f in fields(Settings)}
    hints = get_type_hints(Settings)
    chosen: dict[str, Any] = {}
    for name, value in values.items():
        plain = name.removesuffix("_file")
        if name not in known and plain in known and known[plain].metadata["secret"]:
            chosen[plain] = _secret_file(name, str(value))
        elif name in known:
            chosen.setdefault(name, _read(known[name], hints[name], value))
        else:
            raise WrongSetting(f"{PREFIX}{name.upper()} is no setting of pbxcrm.{_nearest(name, known)}")
    settings = Settings(**chosen)
    _check(settings)
    return settings


def exposed(environ: Mapping[str, str] | None = None) -> list[str]:
    """Files with secrets that others on this machine may read: a line each. What Docker mounts is Docker's to guard."""
    environ = os.environ if environ is None else environ
    secret = [f.name for f in fields(Settings) if f.metadata["secret"]]
    paths = {name: environ.get(name, "") for name in (f"{PREFIX}{plain.upper()}_FILE" for plain in secret)}
    config = environ.get(PREFIX + "CONFIG", "")
    inside = _from_file(Path(config)) if config else {}
    paths |= {
        f"{PREFIX}{plain.upper()}_FILE": str(inside[plain + "_file"]) for plain in secret if plain + "_file" in inside
    }
    if any(plain in inside for plain in secret):
        paths[PREFIX + "CONFIG"] = config
    return [f"{name} names {path}" for name, path in paths.items() if path and _open_to_others(Path(path))]


def _open_to_others(path: Path) -> bool:
    if path.parent == Path("/run/secrets"):
        return False
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False


def _secret_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise WrongSetting(f"{PREFIX}{name.upper()} names {path}, which cannot be read: {why}.") from None


def _read(setting: "Field[Any]", hint: Any, value: Any) -> Any:
    name = PREFIX + setting.name.upper()
    if hint is bool:
        text = str(value).strip().lower()
        if text not in _TRUE | _FALSE:
            raise WrongSetting(f"{name} must be yes or no, not {value!r}.")
        return text in _TRUE
    if hint is int:
        return _whole(name, setting, value)
    if get_origin(hint) is tuple and get_args(hint)[0] is str:
        parts = value if isinstance(value, list) else str(value).split(",")
        return tuple(str(part).strip() for part in parts if str(part).strip())
    text = str(value).strip()
    if setting.metadata.get("upper"):
        text = text.upper()
    choices = setting.metadata.get("choices")
    if choices and text.upper() not in choices:
        raise WrongSetting(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return text.upper() if choices else text


def _whole(name: str, setting: "Field[Any]", value: Any) -> int:
    low, high = setting.metadata["low"], setting.metadata["high"]
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise WrongSetting(f"{name} must be a whole number from {low} to {high}, not {value!r}.")
    return number


def _check(settings: Settings) -> None:
    from babel.core import get_global
    from phonenumbers import SUPPORTED_REGIONS

    if settings.default_region and settings.default_region not in SUPPORTED_REGIONS:
        raise WrongSetting(
            f"PBXCRM_DEFAULT_REGION must be a country's two letters in capitals (PL, IR, DE), "
            f"not {settings.default_region!r}."
        )
    if settings.currency and settings.currency not in get_global("all_currencies"):
        raise WrongSetting(
            f"PBXCRM_CURRENCY must be a currency's three letters (EUR, PLN, IRR), not {settings.currency!r}."
        )
    if settings.ami_host and not settings.ami_secret:
        raise WrongSetting(
            "PBXCRM_AMI_HOST is set, but no PBXCRM_AMI_SECRET (or PBXCRM_AMI_SECRET_FILE): "
            "put the secret of the manager.conf user there."
        )
    if settings.recordings and not Path(settings.recordings).is_dir():
        raise WrongSetting(f"PBXCRM_RECORDINGS names {settings.recordings}, which is no folder that we can see.")
    if settings.keep_recordings_days and not settings.recordings:
        raise WrongSetting("PBXCRM_KEEP_RECORDINGS_DAYS is set, but no PBXCRM_RECORDINGS: name the folder they are in.")
    hours(settings.dial_hours)
    for prefix in settings.dial_denied:
        if not re.fullmatch(r"\+?[0-9]{1,15}", prefix):
            raise WrongSetting(f"PBXCRM_DIAL_DENIED names {prefix!r}; write prefixes like +48703 or 700.")
    for peer in settings.agi_peers:
        try:
            ip_network(peer, strict=False)
        except ValueError:
            raise WrongSetting(f"PBXCRM_AGI_PEERS names {peer!r}, which is no address or network.") from None
    if settings.history_zone and settings.history_zone not in available_timezones():
        raise WrongSetting(
            f"PBXCRM_HISTORY_ZONE must be a zone's name (Europe/Warsaw, Asia/Tehran, UTC), "
            f"not {settings.history_zone!r}."
        )
    if settings.ami_tls_ca and not Path(settings.ami_tls_ca).is_file():
        raise WrongSetting(f"PBXCRM_AMI_TLS_CA names {settings.ami_tls_ca}, which is no file.")


def hours(text: str) -> tuple[tuple[time, time] | None, tzinfo]:
    """(from, until) and the clock of PBXCRM_DIAL_HOURS; None and UTC where it is empty. Raises WrongSetting."""
    if not text.strip():
        return None, UTC
    span, _, zone = text.strip().partition(" ")
    try:
        start, end = (time.fromisoformat(part) for part in span.split("-"))
        clock = ZoneInfo(zone.strip()) if zone.strip() else UTC
    except (ValueError, ZoneInfoNotFoundError, OSError):
        start = end = time()
    if start == end or start.tzinfo or end.tzinfo:
        raise WrongSetting(f"PBXCRM_DIAL_HOURS must be like 08:00-20:00 or 08:00-20:00 Europe/Warsaw, not {text!r}.")
    return (start, end), clock


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    import difflib

    close = difflib.get_close_matches(name, known, 1)
    return f" Did you mean {PREFIX}{close[0].upper()}?" if close else " See docs/settings.md for all of them."


def table() -> list[tuple[str, str, str]]:
    """Every setting as (environment name, default, help): docs/settings.md is tested against it."""
    return [(PREFIX + f.name.upper(), "" if f.default is MISSING else _shown(f.default), f.metadata["help"])
            for f in fields(Settings)]  # fmt: skip


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return ",".join(default) if isinstance(default, tuple) else str(default)
