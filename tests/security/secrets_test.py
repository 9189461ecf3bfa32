"""What is secret stays secret: in logs, reports, errors, figures, journal and database, at the loudest level."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from pbxcrm.ami.link import LinkConfig
from pbxcrm.settings import exposed, load
from tests.fakes.ami import fake_ami
from tests.fakes.process import Pbxcrm

PASSWORD = "Kanarienvogel-password"
SECRET = "Kanarienvogel-secret"


def everything(crm: Pbxcrm) -> str:
    """Whatever an administrator may look at or send to somebody: logs, what doctor says, figures, all rows."""
    doctor = crm.run("doctor")
    users = crm.run("user", "list")
    with sqlite3.connect(crm.folder / "pbxcrm.db") as conn:
        dump = "\n".join(conn.iterdump())
    conn.close()
    metrics = urllib.request.urlopen(crm.url + "/metrics", timeout=10).read().decode()
    said = [part for done in (doctor, users) for part in (done.stdout, done.stderr)]
    return "\n".join([crm.log.read_text(), *said, dump, metrics])


def log_in(crm: Pbxcrm, password: str) -> str:
    """The Set-Cookie of a login, "" where it failed."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    form = urllib.parse.urlencode({"name": "alice", "password": password}).encode()
    try:
        with urllib.request.build_opener(Stay).open(crm.url + "/login", form, timeout=10) as answer:
            return str(answer.headers.get("Set-Cookie", ""))
    except urllib.error.HTTPError as error:
        with error:
            return str(error.headers.get("Set-Cookie") or "")


@pytest.mark.asyncio
@pytest.mark.timeout(360)
@pytest.mark.parametrize("right", [True, False])
async def test_no_secret_is_said_anywhere(tmp_path: Path, right: bool) -> None:
    async with fake_ami() as fake:
        if right:
            fake.secret = SECRET
        secret = tmp_path / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        pbx = {"ami_host": "127.0.0.1", "ami_port": str(fake.port), "ami_username": fake.username}
        crm = Pbxcrm(tmp_path, **pbx, ami_secret_file=str(secret), log_level="DEBUG", default_region="PL")

        def live() -> None:
            crm.must("user", "add", "alice", "--role", "agent", "--password-stdin", stdin=PASSWORD + "\n")
            crm.token = crm.must("token", "create", "mona").strip()
            crm.start()
            try:
                crm.until(lambda: (crm.status("/readyz") == 200) == right, "know how the PBX is")
                assert crm.call("/api/v1/deals", {"title": "Boat"})[0] == 201
                assert crm.call("/api/v1/deals", {"title": 5})[0] == 422
                cookie = log_in(crm, PASSWORD)
                assert cookie.startswith("pbxcrm_session=")
                assert not log_in(crm, PASSWORD + "x")
                said = everything(crm)
            finally:
                crm.stop()
            said += crm.log.read_text()
            session = cookie.partition("=")[2].partition(";")[0]
            for canary in (PASSWORD, SECRET, crm.token, session):
                assert len(canary) > 15
                assert canary not in said
            assert "alice" in said

        await asyncio.to_thread(live)


def test_what_holds_a_secret_does_not_show_it() -> None:
    url = f"postgresql+asyncpg://pbxcrm:{SECRET}@127.0.0.1/pbxcrm"
    settings = load({"PBXCRM_AMI_HOST": "pbx", "PBXCRM_AMI_SECRET": SECRET, "PBXCRM_DATABASE_URL": url})
    config = LinkConfig("127.0.0.1", 5038, "pbxcrm", SECRET)
    for holder in (settings, config):
        assert SECRET not in repr(holder)
        assert SECRET not in str(holder)


@pytest.mark.timeout(360)
def test_a_database_out_of_reach_is_told_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql+asyncpg://pbxcrm:{SECRET}@127.0.0.1:1/pbxcrm"
    for words in (("serve",), ("doctor",), ("migrate",)):
        done = Pbxcrm(tmp_path, database_url=url, log_level="DEBUG").run(*words)
        assert done.returncode == 1
        assert SECRET not in done.stdout + done.stderr
        assert re.search("database|PostgreSQL", done.stdout + done.stderr)


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o400, False), (0o640, True), (0o644, True)])
def test_a_secrets_file_that_others_may_read_is_told(tmp_path: Path, mode: int, told: bool) -> None:
    secret, config = tmp_path / "secret", tmp_path / "pbxcrm.toml"
    secret.write_text(SECRET)
    secret.chmod(mode)
    assert bool(exposed({"PBXCRM_AMI_SECRET_FILE": str(secret)})) == told
    config.write_text(f'ami_secret_file = "{secret}"')
    assert bool(exposed({"PBXCRM_CONFIG": str(config)})) == told
    config.write_text(f'ami_secret = "{SECRET}"')
    config.chmod(mode)
    assert bool(exposed({"PBXCRM_CONFIG": str(config)})) == told
    done = Pbxcrm(tmp_path, ami_secret_file=str(secret)).run("doctor")
    assert ("others on this machine may read" in done.stdout) == told
    assert SECRET not in done.stdout
