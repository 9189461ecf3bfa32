"""Bring Debian's own Asterisk into a cache folder: no root, no Docker, nothing installed into the system.

A private apt folder (own sources.list, state, cache and an empty dpkg status) resolves and verifies the packages of
another Debian suite; `apt-get install -d` only downloads them; their files are unpacked below the cache folder and run
with that suite's own dynamic loader. The mirror is the one this machine's apt already uses.

Must never: change the system's apt state, need a privilege, or leave a half-unpacked tree that looks whole.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

REPO = Path(__file__).resolve().parents[3]
SOUNDS = "asterisk-core-sounds-en-gsm"
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp")
# Parts of the packages that are never read when Asterisk runs.
UNUSED = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "./usr/share/info", "./usr/share/perl*")


class FetchError(RuntimeError):
    """Asterisk could not be brought in; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Release:
    """Where a major version of Asterisk is found: Debian suites to try in order, and what to unpack."""

    major: str
    suites: tuple[str, ...]
    packages: tuple[str, ...]


RELEASES = {
    "22": Release("22", ("forky", "sid"), ("asterisk", "asterisk-modules", "odbc-mariadb", SOUNDS)),
    "16": Release("16", ("bullseye",), ("asterisk", "asterisk-modules", "asterisk-voicemail", SOUNDS)),
}


@dataclass(frozen=True, slots=True)
class Install:
    """An unpacked Asterisk: `root` holds its files; `version` is Debian's, such as 1:22.10.1+dfsg-1."""

    major: str
    version: str
    root: Path

    @property
    def modules(self) -> Path:
        """The folder of loadable modules."""
        return Path(_one(self.root, "usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules"))

    @property
    def data(self) -> Path:
        """The folder of documentation, sounds and the other static data (astdatadir)."""
        return self.root / "usr/share/asterisk"

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs this Asterisk with its own loader and libraries."""
        loader = _one(self.root, "usr/lib/*/ld-linux*.so.*", "lib/*/ld-linux*.so.*")
        triplet = Path(_one(self.root, "usr/lib/*/libc.so.6", "lib/*/libc.so.6")).parent.name
        libraries = [self.root / part for part in (f"usr/lib/{triplet}", f"lib/{triplet}", "usr/lib")]
        path = ":".join(str(folder) for folder in libraries if folder.is_dir())
        return [loader, "--library-path", path, str(self.root / "usr/sbin/asterisk"), *arguments]


def _one(root: Path, *patterns: str) -> str:
    for pattern in patterns:
        found = sorted(root.glob(pattern))
        if found:
            return str(found[0])
    raise FetchError(f"{root} lacks {patterns[0]}: delete that folder and run again, it will be fetched anew.")


def cache_folder() -> Path:
    """Where everything fetched is kept: PBXCRM_TEST_CACHE, or .cache/ in the repository."""
    return Path(os.environ.get("PBXCRM_TEST_CACHE") or REPO / ".cache").resolve()


def mirror_uris(etc: Path = Path("/etc/apt")) -> list[str]:
    """The Debian mirrors this machine's apt uses, in order, from deb822 `.sources` and one-line `.list` files.

    Security archives and other vendors' repositories are left out: their layout holds no suite of Debian's.
    """
    uris: list[str] = []
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]:
        if not path.is_file() or path.suffix not in (".list", ".sources"):
            continue
        text = re.sub(r"(?m)^\s*#.*\n?", "", path.read_text(encoding="utf-8", errors="replace"))
        if path.suffix == ".sources":
            uris += [uri for line in re.findall(r"(?m)^URIs:(.*(?:\n[ \t].*)*)", text) for uri in line.split()]
        else:
            uris += re.findall(r"(?m)^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)", text)
    return list(dict.fromkeys(uri.rstrip("/") for uri in uris if _is_debian(uri)))


def _is_debian(uri: str) -> bool:
    parts = urlsplit(uri)
    return parts.scheme in ("http", "https", "mirror+file") and parts.path.rstrip("/").endswith("/debian")


def fetch(major: str = "22") -> Install:
    """Return an unpacked Asterisk of that major version, fetching it when the cache has none.

    Safe to call twice and from several processes. Raises FetchError with what to do when it cannot.
    """
    release = RELEASES[major]
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / f"asterisk-{major}"
    with _lock(cache / f"asterisk-{major}.lock"):
        stamp = home / "complete.json"
        if not stamp.is_file() or set(release.packages) - set(json.loads(stamp.read_text()).get("packages", ())):
            _fetch_anew(release, home)
        return Install(major, json.loads(stamp.read_text())["version"], home / "root")


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fetch_anew(release: Release, home: Path) -> None:
    for tool in ("apt-get", "dpkg-deb", "tar"):
        if shutil.which(tool) is None:
            raise FetchError(
                f"The test PBX is made of Debian packages and `{tool}` is missing here. Use a Debian system."
            )
    mirrors = [m for m in [os.environ.get("PBXCRM_TEST_MIRROR", ""), *mirror_uris()] if m]
    if not mirrors:
        raise FetchError("No Debian mirror in /etc/apt: set PBXCRM_TEST_MIRROR to one (http://…/debian).")
    new = home.with_name(f"{home.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    failures: list[str] = []
    for mirror in mirrors:
        for suite in release.suites:
            try:
                version = _download(release, suite, mirror, new)
            except FetchError as error:
                failures.append(f"{suite} at {mirror}: {error}")
                continue
            _unpack(new)
            shutil.rmtree(new / "apt")
            stamp = {"version": version, "suite": suite, "packages": release.packages}
            (new / "complete.json").write_text(json.dumps(stamp))
            _replace(home, new)
            return
    shutil.rmtree(new, ignore_errors=True)
    raise FetchError(
        f"Asterisk {release.major} could not be fetched; nothing was changed. Tried:\n  " + "\n  ".join(failures) + "\n"
        "Check the network, or set PBXCRM_TEST_MIRROR to a Debian mirror that carries one of these suites."
    )


def _replace(home: Path, new: Path) -> None:
    """What was fetched takes the place of what was there; an Asterisk that runs from it goes on, names are the same."""
    old = home.with_name(f"{home.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if home.exists():
        home.rename(old)
    new.rename(home)
    shutil.rmtree(old, ignore_errors=True)


def _download(release: Release, suite: str, mirror: str, home: Path) -> str:
    """Download the packages and all they need into home/apt; return Debian's version of asterisk."""
    apt = home / "apt"
    shutil.rmtree(apt, ignore_errors=True)
    for folder in ("lists/partial", "archives/partial", "etc"):
        (apt / folder).mkdir(parents=True)
    (apt / "status").touch()
    keyring = next((k for k in KEYRINGS if Path(k).is_file()), None)
    if keyring is None:
        raise FetchError("the package debian-archive-keyring is missing, so nothing could be verified")
    (apt / "etc/sources.list").write_text(f"deb [signed-by={keyring}] {mirror} {suite} main\n")
    options = _apt_options(apt)
    _run(["apt-get", *options, "update"])
    policy = _run(["apt-cache", *options, "policy", "asterisk"])
    found = re.search(r"Candidate: ((?:\d+:)?(\d+)\S*)", policy)
    if found is None or found[2] != release.major:
        raise FetchError(f"it carries {found[1] if found else 'no Asterisk'}, not {release.major}")
    _run(["apt-get", *options, "install", "-y", "-d", "--no-install-recommends", *release.packages])
    return found[1]


def _apt_options(apt: Path) -> list[str]:
    settings = {
        "Dir::Etc::sourcelist": apt / "etc/sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": apt,
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt,
        "Dir::Cache::archives": apt / "archives",
        "Dir::Log": apt,
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "",  # the folder may lie where the user _apt cannot write
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Update::Error-Mode": "any",
    }
    return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]


def _unpack(home: Path) -> None:
    root = home / "root"
    root.mkdir()
    skip = [f"--exclude={pattern}" for pattern in UNUSED]
    for package in sorted((home / "apt/archives").glob("*.deb")):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as source:
            command = ["tar", "-x", "--no-same-owner", "--keep-directory-symlink", *skip, "-C", str(root)]
            unpacked = subprocess.run(command, stdin=source.stdout, capture_output=True, text=True, check=False)
        if source.returncode or unpacked.returncode:
            raise FetchError(f"{package.name} could not be unpacked into {root}: {unpacked.stderr.strip()}")
    _relink(root)


def _relink(root: Path) -> None:
    """Point absolute links at the unpacked tree: they would else leave it."""
    for folder, names, files in os.walk(root):
        for name in (*names, *files):
            path = Path(folder, name)
            if path.is_symlink() and (target := path.readlink()).is_absolute():
                path.unlink()
                path.symlink_to(os.path.relpath(root / target.relative_to("/"), folder))


def _run(command: list[str]) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise FetchError(f"`{Path(command[0]).name}` failed: " + " / ".join(said[-3:]))
    return done.stdout


def main() -> None:
    """`python -m tests.pbx.bed.fetch [22] [16]`: fill the cache, say what is there."""
    for major in sys.argv[1:] or ["22"]:
        install = fetch(major)
        print(f"Asterisk {install.version} in {install.root}")


if __name__ == "__main__":
    try:
        main()
    except FetchError as error:
        sys.exit(str(error))
