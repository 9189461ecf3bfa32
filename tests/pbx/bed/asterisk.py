"""A running Asterisk on loopback: its own run folder, its own addresses, and the phones' sockets.

Each Asterisk takes a free lane 127.77.<n>.0/24: the PBX is .1, the provider .50, a phone has its extension's number.
The sockets of all phones are bound before Asterisk starts, so its contacts are true from the first second.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.pbx.bed.ami import Control
from tests.pbx.bed.databases import Writes
from tests.pbx.bed.fetch import REPO, Install, fetch

CONFIG = REPO / "docker" / "asterisk"
DIALPLAN = REPO / "dialplan"
SECRET = "only-on-loopback"
PHONES = {"101": "Alice", "102": "Bob", "103": "Carol", "104": "Dave", "113": "Carol", "106": "Frank"}
TRUNK = "trunk"
DIRECT = "106"  # this phone lets its audio go straight to the other side
BOOT_SECONDS = 30.0
UNUSED_CONFIG = ("acl.conf", "ccss.conf", "pjproject.conf", "udptl.conf")  # asked for, never needed
EXTRA_MANAGER = """
; The tests' own users: all rights, all events; not for a real PBX.
[everything]
secret = @AMI_SECRET@
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.0/255.0.0.0
read = all
write = all
writetimeout = 5000

[noisy]
secret = @AMI_SECRET@
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.0/255.0.0.0
read = call,agent,dialplan,system
write = originate,reporting
writetimeout = 5000
"""


class AsteriskError(RuntimeError):
    """Asterisk did not come up; the message carries the end of its log."""


class Asterisk:
    """One Asterisk process and its addresses. `restart` and `kill` are as brutal as they sound."""

    def __init__(self, major: str = "22", tech: str = "PJSIP", writes: Writes | None = None) -> None:
        """Provision, take a lane and write the run folder; `start` runs it. `tech`: PJSIP, or SIP on 16.

        `writes`: into which database it writes CEL and CDR as well.
        """
        self._writes = writes or Writes((), {})
        self.install: Install = fetch(major)
        self.major = major
        self.tech = tech
        self.lane, self.sockets = _take_lane()
        self.host = "127.0.0.1"
        self.sip_host = f"127.77.{self.lane}.1"
        self.sip_port = free_port(self.sip_host, udp=True)
        self.ami_port = free_port(self.host)
        self.secret = SECRET
        self.run = Path(tempfile.mkdtemp(prefix="pbx-"))  # short: a Unix socket's path ends at 108 characters
        self._process: subprocess.Popen[bytes] | None = None
        self._write_run_folder()

    # --- life ---

    async def start(self) -> None:
        """Start and wait until it is fully booted and hears SIP. Raises AsteriskError with the log's end."""
        self._spawn()
        try:
            async with asyncio.timeout(BOOT_SECONDS):
                await self._wait_booted()
        except (TimeoutError, OSError) as error:
            said = self.log()[-3000:]
            self.kill()
            raise AsteriskError(f"Asterisk {self.major} did not come up ({error!r}). Its log ends:\n{said}") from None

    def _spawn(self) -> None:
        command = self.install.command("-f", "-C", str(self.run / "etc/asterisk.conf"))
        with (self.run / "console").open("ab") as console:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env=self._environment(),
                start_new_session=True,
            )

    async def _wait_booted(self) -> None:
        while True:
            if self._process is None or self._process.poll() is not None:
                raise OSError("the process has ended")
            with contextlib.suppress(ConnectionRefusedError, asyncio.IncompleteReadError):
                control = await self.control()
                status = await control.action("CoreStatus")
                booted = await control.action("Command", Command="core waitfullybooted")
                await control.close()
                if status[0].get("Response") == booted[0].get("Response") == "Success":
                    break
            await asyncio.sleep(0.05)
        await self._hears_sip()

    async def _hears_sip(self) -> None:
        """OPTIONS from the trunk's own socket: an Asterisk whose UDP transport failed to bind boots all the same."""
        sock = self.sockets[TRUNK]
        here = f"{sock.getsockname()[0]}:{sock.getsockname()[1]}"
        options = (
            f"OPTIONS sip:{self.sip_host} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bKbed{time.monotonic_ns()}\r\n"
            f"From: <sip:bed@{here}>;tag=bed\r\nTo: <sip:{self.sip_host}>\r\nCall-ID: bed-{time.monotonic_ns()}\r\n"
            f"CSeq: 1 OPTIONS\r\nContact: <sip:bed@{here}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        loop = asyncio.get_running_loop()
        sock.setblocking(False)
        while True:
            await loop.sock_sendto(sock, options.encode(), (self.sip_host, self.sip_port))
            with contextlib.suppress(TimeoutError, OSError):
                await asyncio.wait_for(loop.sock_recv(sock, 65536), 0.3)
                return

    def stop(self) -> None:
        """End the process and remove the run folder; the lane is free again."""
        self.kill(signal.SIGTERM)
        for sock in self.sockets.values():
            sock.close()
        shutil.rmtree(self.run, ignore_errors=True)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the process at once: calls and managers learn nothing (SIGKILL), or are hung up (SIGTERM)."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(how)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    async def restart(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it and start it anew on the same ports. Call counters, and so Uniqueids' last parts, begin again."""
        await asyncio.to_thread(self.kill, how)  # other beds may share this loop: their phones must go on
        await self.start()

    async def reload(self) -> None:
        """Write the run folder's configuration anew and have Asterisk read it."""
        self._write_config()
        await self.command("core reload")

    # --- looking at it ---

    @property
    def version(self) -> str:
        """Such as 22.10.1."""
        found = re.search(r"(?:\d+:)?(\d[\d.]*\d)", self.install.version)
        return found[1] if found else self.install.version

    @property
    def cel(self) -> Path:
        """Where this PBX writes its CEL, by cel_custom."""
        return self.run / "log/cel-custom/Master.csv"

    @property
    def cdr(self) -> Path:
        """Where this PBX writes its CDR, by cdr_csv."""
        return self.run / "log/cdr-csv/Master.csv"

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None, "Asterisk does not run"
        return self._process.pid

    def cpu_seconds(self) -> float:
        """CPU time the process has used so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log(self) -> str:
        """What Asterisk wrote so far."""
        paths = [self.run / "log/messages", self.run / "console"]
        return "\n".join(p.read_text(errors="replace") for p in paths if p.is_file())

    async def control(self) -> Control:
        """A manager connection with all rights."""
        return await Control.open(self.host, self.ami_port, "everything", self.secret)

    async def command(self, text: str) -> str:
        """A console command's output."""
        control = await self.control()
        try:
            return (await control.action("Command", Command=text))[0].get("Output", "")
        finally:
            await control.close()

    # --- the run folder ---

    def _environment(self) -> dict[str, str]:
        plain = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.run), "TZ": "UTC", "LC_ALL": "C"}
        return plain | {name: fill(value, self._values()) for name, value in self._writes.environment.items()}

    def _write_run_folder(self) -> None:
        for folder in ("etc", "lib/documentation", "spool", "run", "log/cdr-csv", "log/cel-custom", "data", "agi"):
            (self.run / folder).mkdir(parents=True)
        _link_data(self.install.data, self.run / "data")
        self._write_config()

    def _values(self) -> Mapping[str, str]:
        pjsip = self.tech == "PJSIP"
        rtp = 20000 + (self.lane - 1) * 100
        return {
            "RUN": str(self.run),
            "MODULES": str(self.install.modules),
            "DATA": str(self.run / "data"),
            "AMI_ADDRESS": self.host,
            "AMI_PORT": str(self.ami_port),
            "AMI_SECRET": self.secret,
            "AMI_PERMIT": "127.0.0.0/255.0.0.0",
            "SIP_ADDRESS": self.sip_host,
            "SIP_PORT": str(self.sip_port),
            "RTP_START": str(rtp),
            "RTP_END": str(rtp + 199),
            "CEL_MANAGER": "yes",
            "TECH": self.tech,
            "OUT_PRE": "PJSIP/" if pjsip else "SIP/trunk/",
            "OUT_POST": "@trunk" if pjsip else "",
        }

    def _write_config(self) -> None:
        etc = self.run / "etc"
        texts = {path.name: path.read_text() for path in sorted(CONFIG.glob("*.conf"))}
        texts |= {path.name: path.read_text() for path in sorted(DIALPLAN.glob("*.conf"))}
        texts |= dict.fromkeys(UNUSED_CONFIG, "")
        texts["manager_extra.conf"] = EXTRA_MANAGER
        texts |= self._writes.files
        texts["modules.conf"] += "".join(f"load = {module}\n" for module in self._writes.modules)
        texts["modules.conf"] = self._present_modules(texts["modules.conf"])
        texts["pjsip_phones.conf"] = self._phones(_pjsip_endpoint)
        if self.tech == "SIP":
            texts["sip.conf"] = (Path(__file__).parent / "sip.conf").read_text()
            texts["sip_phones.conf"] = self._phones(_sip_peer)
        for name, text in texts.items():
            (etc / name).write_text(fill(text, self._values()))

    def _present_modules(self, text: str) -> str:
        """Leave out what this version does not have: module names change between versions. One SIP driver only."""
        if self.tech == "SIP":
            text = re.sub(r"(?m)^load = \S*pjsip\S*\n", "", text) + "load = chan_sip.so\n"
        lines = [
            line
            for line in text.splitlines()
            if not line.startswith("load") or (self.install.modules / line.split()[-1]).is_file()
        ]
        return "\n".join(lines)

    def _phones(self, section: Callable[[str, str, socket.socket, str], str]) -> str:
        people = [section(name, "phone", self.sockets[name], f"{who} <{name}>") for name, who in PHONES.items()]
        text = "\n".join([*people, section(TRUNK, "provider", self.sockets[TRUNK], "")])
        direct = "direct_media = yes" if self.tech == "PJSIP" else "directmedia = yes"
        for name in (DIRECT, TRUNK):
            text = re.sub(rf"(?m)^(\[{name}\]\(\w+\))$", rf"\1\n{direct}", text)
        return text


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace @NAME@ by its value; a name without one is an error of ours."""
    return re.sub(r"@([A-Z][A-Z_]+)@", lambda found: values[found[1]], text)


def _pjsip_endpoint(name: str, template: str, sock: socket.socket, caller: str) -> str:
    address, port = sock.getsockname()
    callerid = f"callerid = {caller}\n" if caller else ""
    return (
        f"[{name}]({template})\naors = {name}\n{callerid}\n"
        f"[{name}]\ntype = aor\ncontact = sip:{name}@{address}:{port}\nqualify_frequency = 0\n\n"
        f"[{name}]\ntype = identify\nendpoint = {name}\nmatch = {address}/32\n"
    )


def _sip_peer(name: str, template: str, sock: socket.socket, caller: str) -> str:
    address, port = sock.getsockname()
    callerid = f"callerid = {caller}\n" if caller else ""
    return f"[{name}]({template})\nhost = {address}\nport = {port}\n{callerid}"


def _link_data(source: Path, target: Path) -> None:
    """astdatadir out of links: Debian makes sounds/en only when the package is installed."""
    for folder in ("documentation", "static-http"):
        if (source / folder).exists():
            (target / folder).symlink_to(source / folder)
    (target / "sounds").mkdir()
    spoken = next((p for p in sorted((source / "sounds").glob("en*")) if p.is_dir()), None)
    if spoken is not None:
        (target / "sounds/en").symlink_to(spoken)


def _take_lane() -> tuple[int, dict[str, socket.socket]]:
    """The first lane whose provider address nobody has bound; the bound socket is the claim to it."""
    for lane in range(1, 250):
        try:
            trunk = _bind(f"127.77.{lane}.50", 5060)
        except OSError:
            continue
        phones = {name: _bind(f"127.77.{lane}.{name}", 0) for name in PHONES}
        return lane, {**phones, TRUNK: trunk}
    raise AsteriskError("All 249 lanes below 127.77.0.0/16 are taken: end old test runs.")


def _bind(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def free_port(address: str, *, udp: bool = False) -> int:
    """A port nobody listens on now."""
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind((address, 0))
        return int(sock.getsockname()[1])
