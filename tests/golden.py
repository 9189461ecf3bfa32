"""A recording somebody sent becomes a golden file: `python -m tests.golden FILE FAMILY/NAME --device DEVICE=PERSON …`.

Writes tests/flows/FAMILY/NAME.ami and .json. The truth written is what the tracker says now: correct it by hand where
the person who was there says otherwise, and the test fails until the tracker agrees.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from pbxcrm.crm import views
from pbxcrm.replay import calls

FLOWS = Path(__file__).parent / "flows"
KEPT = (
    "direction", "number", "did", "outcome", "started_at", "answered_at", "ended_at", "talk_seconds",
    "first_answered_by", "last_answered_by", "rang", "talks", "transfers",
)  # fmt: skip


def adopt(recording: Path, name: str, devices: dict[str, str], region: str, says: str) -> Path:
    """Copy the recording, byte for byte, and write its truth beside it; returns the .json to correct."""
    data = recording.read_bytes()
    told = [views.call(call) for call in calls(data, devices.items(), region=region or None)]
    truth = {
        "says": says,
        "region": region or None,
        "devices": devices,
        "calls": [{**{field: call[field] for field in KEPT}, "unsure": []} for call in told],
    }
    target = FLOWS / f"{name}.ami"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    path = target.with_suffix(".json")
    path.write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
    return path


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.golden", description=__doc__)
    parser.add_argument("recording", type=Path)
    parser.add_argument("name", help="family/what_happened")
    parser.add_argument("--device", action="append", default=[], metavar="DEVICE=PERSON")
    parser.add_argument("--region", default="")
    parser.add_argument("--says", default="", help="what truly happened, in a sentence")
    args = parser.parse_args()
    devices = dict(text.rsplit("=", 1) for text in args.device)
    path = adopt(args.recording, args.name, devices, args.region, args.says)
    print(f"Now correct {path} where it is not what happened, and run: pytest tests/flows; python -m tests.accuracy")


if __name__ == "__main__":
    main()
