"""docker/ without Docker: its start script runs the unpacked Asterisk; what compose and Dockerfiles name exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from pbxcrm.settings import load
from tests.pbx.bed.ami import Control
from tests.pbx.bed.asterisk import CONFIG, DIALPLAN, free_port
from tests.pbx.bed.fetch import REPO, fetch
from tests.pbx.bed.wait import until

START = CONFIG / "start.sh"
DOCKERFILES = ["docker/Dockerfile", "docker/asterisk/Dockerfile"]


def environment(run: Path) -> dict[str, str]:
    install = fetch("22")
    return {
        "PATH": os.environ["PATH"],
        "PBX_RUN": str(run),
        "PBX_DIALPLAN": str(DIALPLAN),
        "PBX_MODULES": str(install.modules),
        "PBX_DATA": str(install.data),
        "PBX_ASTERISK": shlex.join(install.command()),
        "AMI_ADDRESS": "127.0.0.1",
        "AMI_PORT": str(free_port("127.0.0.1")),
        "AMI_PERMIT": "127.0.0.0/255.0.0.0",
        "AMI_SECRET": "a-word-for-one-test",
        "PHONE_SECRET": "another-word-for-one-test",
        "SIP_ADDRESS": "127.0.0.1",
        "SIP_PORT": str(free_port("127.0.0.1", udp=True)),
    }


@pytest.fixture
def started(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The PBX as its container starts it."""
    env = environment(tmp_path / "pbx")
    with subprocess.Popen([START], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield env
        finally:
            process.kill()


@pytest.mark.asyncio
async def test_start_script_brings_the_pbx_up(started: dict[str, str]) -> None:
    await until(lambda: "Asterisk Ready" in messages(started), 30)
    pbxcrm = await Control.open("127.0.0.1", int(started["AMI_PORT"]), "pbxcrm", started["AMI_SECRET"])
    assert (await pbxcrm.action("CoreStatus"))[0]["Response"] == "Success"
    await pbxcrm.close()
    assert [line for line in messages(started).splitlines() if " ERROR[" in line] == []
    check_folder(Path(started["PBX_RUN"], "etc"))


def messages(env: dict[str, str]) -> str:
    path = Path(env["PBX_RUN"], "log/messages")
    return path.read_text() if path.is_file() else ""


def check_folder(etc: Path) -> None:
    """All shared files are there, filled in, and nobody else can read the secrets."""
    assert {p.name for p in (*CONFIG.glob("*.conf"), *DIALPLAN.glob("*.conf"))} <= {p.name for p in etc.iterdir()}
    assert not [p.name for p in etc.iterdir() if re.search(r"@[A-Z_]+@", p.read_text())]
    assert (etc / "manager_pbxcrm.conf").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("name", "value"), [("AMI_SECRET", ""), ("AMI_SECRET", "a|b"), ("PHONE_SECRET", "x\ny")])
def test_start_script_refuses_bad_secrets(tmp_path: Path, name: str, value: str) -> None:
    env = environment(tmp_path / "pbx") | {name: value}
    done = subprocess.run([START], env=env, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert name in done.stderr
    assert not (tmp_path / "pbx").exists()


def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((REPO / "docker/compose.yaml").read_text())
    return parsed


def test_compose_names_what_exists() -> None:
    services = compose()["services"]
    assert set(services) == {"pbxcrm", "db", "pbx"}
    for name in ("pbxcrm", "pbx"):
        build = services[name]["build"]
        assert (REPO / "docker" / build["context"] / build["dockerfile"]).is_file()
        assert set(services[name]["secrets"]) <= set(compose()["secrets"])
    given = set(re.findall(r"^(\w+)=", (REPO / "docker/env.example").read_text(), re.MULTILINE))
    asked = set(re.findall(r"\$\{(\w+)", (REPO / "docker/compose.yaml").read_text()))
    asked |= {secret["environment"] for secret in compose()["secrets"].values()}
    assert asked == given


def test_compose_starts_pbxcrm_with_settings_it_knows(tmp_path: Path) -> None:
    environ = {k: str(v) for k, v in compose()["services"]["pbxcrm"]["environment"].items()}
    secret = tmp_path / "ami_secret"
    secret.write_text("a-word\n")
    environ["PBXCRM_AMI_SECRET_FILE"] = str(secret)
    environ["PBXCRM_DEFAULT_REGION"] = "PL"
    settings = load(environ)
    assert (settings.ami_host, settings.ami_secret) == ("pbx", "a-word")
    published = [port for service in compose()["services"].values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("path", DOCKERFILES)
def test_dockerfile_copies_what_exists_and_is_not_root(path: str) -> None:
    text = (REPO / path).read_text()
    kept = (REPO / f"{path}.dockerignore").read_text().split()
    for line in re.findall(r"(?m)^COPY (?!--from)(.*)$", text):
        for source in line.split()[:-1]:
            assert (REPO / source).exists(), source
            assert any(f"!{source}".startswith(keep) for keep in kept), f"{source} is not in {path}.dockerignore"
    assert re.findall(r"(?m)^USER (\w+)$", text)[-1] in ("pbxcrm", "asterisk")
