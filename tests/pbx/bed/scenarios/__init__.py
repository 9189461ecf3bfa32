"""The scenarios: each a short function that drives the phones and then says what truly happened.

`SCENARIOS` maps a name to its scenario; `play` plays one on a running Asterisk.
"""

from __future__ import annotations

from tests.pbx.bed.scenarios import attended, basic, click, groups, outbound, pickup, shapes, transfers
from tests.pbx.bed.scenarios.registry import SCENARIOS, Scenario, play

STORIES = (basic, groups, outbound, click, transfers, attended, pickup, shapes)  # importing a module registers it
__all__ = ["SCENARIOS", "STORIES", "Scenario", "play"]
