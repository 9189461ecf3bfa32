"""pbxcrm as a stranger runs it: its own process, its own database, driven by the command line and by HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0  # seconds: a limit for a machine that is slow and loaded, waited out by failures alone


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Pbxcrm:
    """One installation in `folder`; `settings` are PBXCRM_ names without the prefix."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        plain = {key: value for key, value in os.environ.items() if not key.startswith("PBXCRM_")}
        mine = {"database_url": f"sqlite+aiosqlite:///{folder}/pbxcrm.db", "http_port": str(self.port), **settings}
        plain["PYTHONPATH"] = str(ROOT)  # the code beside these tests, wherever it is installed from
        self.environ = plain | {f"PBXCRM_{key.upper()}": value for key, value in mine.items()}
        self.log = folder / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.token = ""

    def run(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """One command to its end; standard input closed unless given."""
        return subprocess.run(
            [sys.executable, "-m", "pbxcrm", *words],
            env=self.environ,
            cwd=self.folder,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def must(self, *words: str, stdin: str | None = None) -> str:
        """The standard output of a command that succeeds."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> Pbxcrm:
        """`pbxcrm serve`, until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pbxcrm", "serve"],
                env=self.environ,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.until(lambda: self.status("/healthz") == 200, "answer /healthz")
        return self

    def ready(self) -> Pbxcrm:
        """Until database and PBX are in sight."""
        self.until(lambda: self.status("/readyz") == 200, "be ready")
        return self

    def until(self, condition: Any, what: str, seconds: float = PATIENCE) -> Any:
        """Wait for a condition; fails with the log where it does not come."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"pbxcrm stopped instead of: {what}\n{self.log.read_text()}")
            if result := condition():
                return result
            time.sleep(0.02)
        raise AssertionError(f"pbxcrm did not {what} in {seconds} s\n{self.log.read_text()[-4000:]}")

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(PATIENCE)
        self.process = None
        return status

    def kill(self) -> None:
        """SIGKILL: no chance to write anything."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process = None

    def call(self, path: str, body: Any = None, method: str | None = None, **headers: str) -> tuple[int, Any]:
        """(status, JSON) of a request; a token is sent where one was made."""
        request = urllib.request.Request(self.url + path, method=method)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, _json(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json(error.read())

    def status(self, path: str) -> int:
        """The status of a page, 0 where nobody listens."""
        try:
            return self.call(path)[0]
        except OSError:
            return 0

    def items(self, path: str) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            status, page = self.call(f"/api/v1{path}{'&' if '?' in path else '?'}limit=100{cursor}")
            assert status == 200, page
            found += page["items"]
            if not page["next"]:
                return found
            cursor = f"&cursor={page['next']}"


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
