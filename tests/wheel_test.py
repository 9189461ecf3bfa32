"""The wheel carries the pages: what is installed from it is the whole product."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_wheel_carries_the_pages(tmp_path: Path) -> None:
    command = ["hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("pbxcrm-*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "web").rglob("*"):
        if path.is_file():
            assert f"pbxcrm/{path.relative_to(ROOT)}" in inside, path
    assert "pbxcrm/store/migrations/env.py" in inside or any("migrations/versions" in name for name in inside)
