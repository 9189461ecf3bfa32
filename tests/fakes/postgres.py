"""A real PostgreSQL for the tests: started from Debian's binaries on loopback, thrown away at the end.

Import the fixture `postgres` into a conftest. A test that needs a server never skips: it says what to install.
"""

import asyncio
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pbxcrm.store.db import Database
from pbxcrm.store.migrations import migrate

ADVICE = "These tests run on a real PostgreSQL. Install it: apt-get install postgresql (it need not be started)."


def binaries() -> Path:
    """The newest installed PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if found:
        return found[-1].parent
    if path := shutil.which("initdb"):
        return Path(path).resolve().parent
    raise RuntimeError(ADVICE)


def _not_root() -> dict[str, Any]:
    """How to start a program as somebody else: PostgreSQL refuses to be run by root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("There is no user postgres or nobody that PostgreSQL could run as.")


class Server:
    """A cluster of its own below `root`. `database()` gives the URL of a new, migrated, empty database."""

    def __init__(self, root: Path, programs: Path, who: dict[str, Any]) -> None:
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._root = root
        self._programs = programs
        self._who = who
        self._numbers = count(1)
        self._template = False

    @property
    def pid(self) -> int:
        """Of its first process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Run, on the same port as before. Raises RuntimeError with the log where it does not come up."""
        data, said = self._root / "data", self._root / "log"
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        settings["autovacuum"] = "off"  # one that looks into the template keeps it from being copied
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        for _ in range(5):  # another program may take the port between the look and the use
            port = self.port or free_port()
            with said.open("ab") as log:
                command = [self._programs / "postgres", "-D", data, "-p", str(port), *options]
                self.process = subprocess.Popen(
                    command, stdout=log, stderr=log, cwd=self._root, start_new_session=True, **self._who
                )
            if _ready(self.process, port, self._programs):
                self.port = port
                return
        raise RuntimeError(f"PostgreSQL does not start: {said.read_text()}")

    def kill(self) -> None:
        """SIGKILL to all its processes at once."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def freeze(self) -> None:
        """All its processes stand still; connections stay open."""
        self._every(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._every(signal.SIGCONT)

    def _every(self, number: int) -> None:
        """To the first process and to its children: each of those is a session of its own."""
        assert self.process is not None
        first = self.process.pid
        os.kill(first, number)
        for child in Path(f"/proc/{first}/task/{first}/children").read_text().split():
            os.kill(int(child), number)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Ended by a signal (SIGINT: fast, SIGQUIT: immediate, SIGKILL); killed where its clients keep it."""
        assert self.process is not None
        if number == signal.SIGKILL:
            self.kill()
        elif self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def url(self, name: str) -> str:
        return f"postgresql+asyncpg://tests@127.0.0.1:{self.port}/{name}"

    def sql(self, statement: str) -> None:
        """Run a statement as the server's owner."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "tests", "-d", "postgres"]
        subprocess.run([self._programs / "psql", "-qXv", "ON_ERROR_STOP=1", *where, "-c", statement], check=True)

    def empty(self) -> str:
        """The URL of a database without any table."""
        name = f"empty{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name}")
        return self.url(name)

    def filled(self, sql: str) -> str:
        """The URL, as an operator writes it, of a database in which these statements were run: somebody else's."""
        url = self.empty()
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "tests", "-d", url.rpartition("/")[2]]
        subprocess.run([self._programs / "psql", "-qXv", "ON_ERROR_STOP=1", *where], input=sql, text=True, check=True)
        return url.replace("+asyncpg", "")

    def database(self) -> str:
        """The URL of a database with all tables and no row of ours: copied, for migrating takes longer."""
        if not self._template:
            self.sql("CREATE DATABASE migrated")
            run_apart(self.url("migrated"))
            self._template = True
        name = f"t{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE migrated")
        return self.url(name)


def run_apart(url: str) -> None:
    """Migrate in a thread with a loop of its own: a fixture may be asked for while a loop is set up."""

    async def run() -> None:
        db = Database(url)
        await migrate(db)
        await db.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run()).result()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server() -> Iterator[Server]:
    """A PostgreSQL that lives as long as the block. Safe to lose: it never waits for the disk."""
    programs, who = binaries(), _not_root()
    root = Path(tempfile.mkdtemp(prefix="pbxcrm-postgres-"))
    try:
        if who:
            os.chown(root, who["user"], who["group"])
        initdb = [programs / "initdb", "-D", root / "data", "-U", "tests", "-A", "trust", "-E", "UTF8"]
        initdb += ["--locale=C.UTF-8", "-N"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=root, **who)
        running = Server(root, programs, who)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _ready(process: subprocess.Popen[bytes], port: int, programs: Path) -> bool:
    deadline = time.monotonic() + 60
    ask = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
    while time.monotonic() < deadline and process.poll() is None:
        if subprocess.run(ask, check=False).returncode == 0:
            return True
    process.kill()
    process.wait()
    return False


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for the whole run."""
    with server() as running:
        yield running
