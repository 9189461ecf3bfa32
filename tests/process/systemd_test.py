"""The unit for systemd: it holds what it promises, and pbxcrm says what systemd waits for."""

import configparser
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbxcrm import notify
from tests.fakes.process import Pbxcrm

UNIT = Path(__file__).parents[2] / "docker" / "pbxcrm.service"
HARDENED = {
    "Type": "notify", "Restart": "on-failure", "NoNewPrivileges": "yes", "ProtectSystem": "strict",
    "ProtectHome": "yes", "PrivateTmp": "yes", "StateDirectory": "pbxcrm", "StateDirectoryMode": "0700",
    "CapabilityBoundingSet": "", "MemoryDenyWriteExecute": "yes", "UMask": "0077",
}  # fmt: skip


def service() -> list[tuple[str, str]]:
    section = UNIT.read_text().partition("[Service]")[2].partition("[Install]")[0]
    lines = [line for line in section.splitlines() if line and not line.startswith("#")]
    return [(key, value) for key, _, value in (line.partition("=") for line in lines)]


def test_it_is_hardened() -> None:
    said = dict(service())
    for key, value in HARDENED.items():
        assert said.get(key) == value, key
    assert ("SystemCallFilter", "@system-service") in service()


def test_the_secret_comes_as_a_credential_and_every_setting_is_known() -> None:
    from pbxcrm import settings

    known = {name for name, _, _ in settings.table()}
    named = re.findall(r"PBXCRM_[A-Z_]+", UNIT.read_text())
    assert named
    assert {name.removesuffix("_FILE") for name in named} <= known
    assert any(key == "LoadCredential" and value.startswith("ami-secret:") for key, value in service())
    assert "PBXCRM_AMI_SECRET=" not in UNIT.read_text()


def test_it_is_an_ini_file_systemd_would_read() -> None:
    reader = configparser.RawConfigParser(strict=False)
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    reader.read_string(UNIT.read_text())
    assert reader.sections() == ["Unit", "Service", "Install"]


def systemd() -> str:
    found = shutil.which("systemd-analyze")
    assert found, "These tests ask systemd itself. Install it: apt-get install systemd (it need not run)."
    return found


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    there = tmp_path / "pbxcrm.service"
    text = re.sub(r"(?m)^(User|Group)=.*\n", "", UNIT.read_text())  # the user is made at installation
    there.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text))
    done = subprocess.run([systemd(), "verify", there], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "pbxcrm" in line]
    assert ours == []


def test_systemd_calls_it_safe(tmp_path: Path) -> None:
    done = subprocess.run(
        [systemd(), "security", "--offline=true", "--threshold=25", UNIT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(30)
        yield sock


def test_serve_says_ready_and_alive_and_stopping(manager: socket.socket, tmp_path: Path) -> None:
    crm = Pbxcrm(tmp_path)
    crm.environ |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
    try:
        crm.start()
        heard = [manager.recv(100) for _ in range(4)]
        assert heard.count(b"READY=1") == 1
        assert heard.count(b"WATCHDOG=1") == 3
        assert crm.stop() == 0
    finally:
        if crm.process is not None:
            crm.kill()
    while manager.recv(100) != b"STOPPING=1":
        pass


@pytest.mark.parametrize(
    ("environ", "pause"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_how_often_a_sign_of_life(environ: dict[str, str], pause: float | None) -> None:
    assert notify.watchdog(environ) == pause


def test_without_systemd_nothing_happens(tmp_path: Path) -> None:
    notify.tell("READY=1", {})
    notify.tell("READY=1", {"NOTIFY_SOCKET": "relative"})
    notify.tell("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody listens")})
