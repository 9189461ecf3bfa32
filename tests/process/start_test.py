"""pbxcrm as its operator meets it: what cannot work says so in one clear line, and nothing is lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.ami import FakeAmi, fake_ami, header
from tests.fakes.process import Pbxcrm

NO_PBX = {"ami_host": "127.0.0.1", "ami_port": "1", "ami_secret": "x"}


def serve_fails(crm: Pbxcrm) -> str:
    """The one line that `serve` ends with."""
    done = crm.run("serve")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.strip()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"http_port": "80800"}, "PBXCRM_HTTP_PORT must be a whole number from 0 to 65535, not '80800'."),
        ({"ami_hots": "pbx"}, "PBXCRM_AMI_HOTS is no setting of pbxcrm. Did you mean PBXCRM_AMI_HOST?"),
        ({"default_region": "Poland"}, "PBXCRM_DEFAULT_REGION must be a country's two letters"),
        ({"ami_host": "127.0.0.1"}, "no PBXCRM_AMI_SECRET"),
        ({"ami_secret_file": "/nowhere/secret"}, "PBXCRM_AMI_SECRET_FILE names /nowhere/secret, which cannot be read"),
        ({"log_level": "loud"}, "PBXCRM_LOG_LEVEL must be one of DEBUG, INFO, WARNING, ERROR"),
        ({"database_url": "mysql://root:secret@host/db"}, "PBXCRM_DATABASE_URL does not name a database: mysql:…"),
        ({"currency": "EURO"}, "PBXCRM_CURRENCY must be a currency's three letters"),
        ({"config": "/nowhere/pbxcrm.toml"}, "PBXCRM_CONFIG names /nowhere/pbxcrm.toml, which cannot be read"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(tmp_path: Path, settings: dict[str, str], says: str) -> None:
    line = serve_fails(Pbxcrm(tmp_path, **settings))
    assert says in line
    assert "\n" not in line
    assert "secret@" not in line


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        line = serve_fails(Pbxcrm(tmp_path, **NO_PBX, http_port=str(taken.getsockname()[1])))
    assert "Cannot serve on 127.0.0.1" in line
    assert "PBXCRM_HTTP_PORT" in line


@pytest.mark.parametrize("content", [b"this is no database at all, " * 50, b"SQLite format 3\0" + b"\xff" * 4000])
def test_an_unreadable_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    crm = Pbxcrm(tmp_path, **NO_PBX)
    (tmp_path / "pbxcrm.db").write_bytes(content)
    line = serve_fails(crm)
    assert "cannot be used" in line
    assert (tmp_path / "pbxcrm.db").read_bytes() == content


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    crm = Pbxcrm(tmp_path, **NO_PBX, database_url="sqlite+aiosqlite:////proc/nowhere/pbxcrm.db")
    assert "cannot be used" in serve_fails(crm)


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Callable[[FakeAmi], Pbxcrm]]:
    """pbxcrm beside a fake PBX; ended whatever happens."""
    made: list[Pbxcrm] = []

    def make(fake: FakeAmi, **settings: str) -> Pbxcrm:
        crm = Pbxcrm(
            tmp_path,
            ami_host="127.0.0.1",
            ami_port=str(fake.port),
            ami_username=fake.username,
            **{"ami_secret": fake.secret, "default_region": "PL", **settings},
        )
        made.append(crm)
        return crm

    yield make
    for crm in made:
        if crm.process is not None:
            crm.kill()


@pytest.mark.asyncio
async def test_a_wrong_ami_password(beside: Callable[..., Pbxcrm]) -> None:
    async with fake_ami() as fake:
        crm = beside(fake, ami_secret="wrong")
        await asyncio.to_thread(crm.start)
        line = await asyncio.to_thread(crm.until, lambda: said(crm, "out of sight"), "say that the login failed")
        assert fake.username in line
        assert "manager.conf" in line
        assert "wrong" not in line.replace("wrong password", "")
        status, answer = await asyncio.to_thread(crm.call, "/readyz")
        assert status == 503
        assert answer["ami"].startswith("down: Asterisk refused the AMI user")
        assert await asyncio.to_thread(crm.status, "/healthz") == 200


@pytest.mark.asyncio
async def test_a_garbage_stream_and_the_way_back(beside: Callable[..., Pbxcrm]) -> None:
    async with fake_ami() as fake:
        crm = beside(fake)
        await asyncio.to_thread(lambda: crm.start().ready())
        await fake.send(b"\x00\xff garbage without end " * 5000)
        line = await asyncio.to_thread(crm.until, lambda: said(crm, "out of sight"), "say that this is no AMI")
        assert "Nothing saved is lost" in line
        await asyncio.to_thread(crm.ready)
        assert said(crm, "is back after")


@pytest.mark.asyncio
async def test_a_link_cut_between_click_and_answer_dials_once(beside: Callable[..., Pbxcrm]) -> None:
    async with fake_ami(ignored={"Originate"}) as fake:
        crm = beside(fake)
        crm.must("user", "add", "alice", "--role", "agent", "--device", "PJSIP/101")
        crm.token = crm.must("token", "create", "alice").strip()
        await asyncio.to_thread(lambda: crm.start().ready())
        click = {"number": "+48600100200"}
        asking = asyncio.create_task(asyncio.to_thread(crm.call, "/api/v1/dial", click, Idempotency_Key="click-1"))
        await asyncio.to_thread(crm.until, lambda: fake.actions("Originate"), "ask the PBX")
        fake.drop()
        status, dial = await asking
        assert (status, dial["state"]) == (202, "unknown")
        await asyncio.to_thread(crm.until, lambda: said(crm, "is back after"), "find the PBX again")
        again = await asyncio.to_thread(crm.call, "/api/v1/dial", click, Idempotency_Key="click-1")
        assert again == (200, {**dial, "state": "unknown"})
        await asyncio.to_thread(crm.kill)
        await asyncio.to_thread(lambda: crm.start().ready())
        again = await asyncio.to_thread(crm.call, "/api/v1/dial", click, Idempotency_Key="click-1")
        assert again == (200, {**dial, "state": "unknown"})
        assert [header(action, "Exten") for action in fake.actions("Originate")] == ["+48600100200"]


def said(crm: Pbxcrm, words: str) -> str:
    """The first line of the log with these words, "" while there is none."""
    return next((line for line in crm.log.read_text().splitlines() if words in line), "")


def test_every_command_works_on_an_empty_database(tmp_path: Path) -> None:
    for place, words in enumerate((["migrate"], ["user", "list"], ["token", "create", "ci"])):
        folder = tmp_path / str(place)
        folder.mkdir()
        crm = Pbxcrm(folder, **NO_PBX)
        assert crm.run(*words).returncode == 0, words
    assert crm.must("token", "create", "ci").count("\n") == 1
    assert "ci" in crm.must("user", "list")


def test_the_doctor_names_what_is_missing(tmp_path: Path) -> None:
    done = Pbxcrm(tmp_path, **NO_PBX).run("doctor")
    assert done.returncode == 1
    for words in ("No home country", "Nobody has a phone", "FAIL"):
        assert words in done.stdout
