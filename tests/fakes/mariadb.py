"""A real MariaDB for the tests: Debian's own binaries on loopback, thrown away at the end.

Import the fixture `mariadb` into a conftest. A test that needs a server never skips: it says what to install.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.fakes.postgres import free_port

ADVICE = (
    "These tests run on a real MariaDB. Install its programs, without the service: "
    "apt-get install mariadb-server-core mariadb-client"
)


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    if found is None:
        raise RuntimeError(f"There is no {name}. {ADVICE}")
    return found


class Server:
    """A running server. `database(sql)` makes a database, fills it and gives its URL."""

    def __init__(self, port: int, socket: Path) -> None:
        self.port = port
        self._socket = socket
        self._numbers = count(1)

    def sql(self, text: str, database: str = "") -> None:
        """Run statements as the server's owner."""
        command = [_program("mariadb"), "--no-defaults", f"--socket={self._socket}", "-u", "root", database]
        subprocess.run([word for word in command if word], input=text, text=True, check=True)

    def database(self, sql: str) -> str:
        """A new database with these tables, its URL for a user who may do anything there (as FreePBX's own may)."""
        name = f"pbx{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4; GRANT ALL ON {name}.* TO reader@'%';")
        self.sql(sql, name)
        return f"mysql://reader:canary-secret@127.0.0.1:{self.port}/{name}"


@contextmanager
def server() -> Iterator[Server]:
    """A MariaDB that lives as long as the block. Safe to lose: it never waits for the disk."""
    root = Path(tempfile.mkdtemp(prefix="pbxcrm-mariadb-"))
    data, socket, said = root / "data", root / "s", root / "log"
    who = ["--user=root"] if os.getuid() == 0 else []
    try:
        install = [_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--skip-test-db", *who,
                   "--auth-root-authentication-method=normal"]  # fmt: skip
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = free_port()
        command = [_program("mariadbd"), "--no-defaults", f"--datadir={data}", f"--socket={socket}", f"--port={port}",
                   "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", *who,
                   f"--pid-file={root / 'pid'}"]  # fmt: skip
        with said.open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _ready(process, socket, said)
            running = Server(port, socket)
            running.sql("CREATE USER reader@'%' IDENTIFIED BY 'canary-secret';")
            yield running
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _ready(process: "subprocess.Popen[bytes]", socket: Path, said: Path) -> None:
    ask = [_program("mariadb-admin"), "--no-defaults", f"--socket={socket}", "-u", "root", "ping"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if subprocess.run(ask, check=False, capture_output=True).returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError(f"MariaDB does not start: {said.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    """One server for the whole run."""
    with server() as running:
        yield running
