"""What pbxcrm is made of, as a CycloneDX 1.6 document on stdout: `python docker/sbom.py docker/run.lock`.

Made of the lock file and nothing else: the same lock gives the same bytes, and no network is asked. The hashes of a
component are those of all its archives that the lock allows (SHA-256), for the lock does not say which one is taken.
"""

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path

_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(?:;\s*([^\\]+?))?(?=\s*(?:\\|--hash|$))")
_SPACE = uuid.UUID("3f0f6c1e-0d9c-5f55-9a4b-6d3ef0c5a6c1")


def components(lock: str) -> list[dict[str, object]]:
    """One a locked version, by name. Raises ValueError at a line that is no such version with its hashes."""
    found = []
    for line in lock.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry, hashes = _ENTRY.match(line), re.findall(r"--hash=sha256:([0-9a-f]{64})\b", line)
        if entry is None or not hashes:
            raise ValueError(f"not a version with its hashes: {line[:80]}")
        name, version, only = re.sub(r"[-_.]+", "-", entry[1]).lower(), entry[2], entry[3]
        purl = f"pkg:pypi/{name}@{version}"
        one: dict[str, object] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        one["hashes"] = [{"alg": "SHA-256", "content": content} for content in sorted(hashes)]
        if only:
            one["properties"] = [{"name": "pbxcrm:only-where", "value": only.strip()}]
        found.append(one)
    return sorted(found, key=lambda one: str(one["bom-ref"]))


def document(lock: str, project: dict[str, str]) -> dict[str, object]:
    """The whole document for a lock file and the [project] table of pyproject.toml."""
    ours = f"pkg:pypi/{project['name']}@{project['version']}"
    whole = components(lock)
    about = {"type": "application", "bom-ref": ours, "name": project["name"], "version": project["version"]}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, ours + lock)}",
        "version": 1,
        "metadata": {"component": {**about, "purl": ours}},
        "components": whole,
        "dependencies": [{"ref": ours, "dependsOn": [one["bom-ref"] for one in whole]}],
    }


def main() -> None:
    """Write it."""
    root = Path(__file__).resolve().parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    made = document(Path(sys.argv[1]).read_text(encoding="utf-8"), project)
    sys.stdout.write(json.dumps(made, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
