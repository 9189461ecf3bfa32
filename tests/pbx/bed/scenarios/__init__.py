"""The scenarios: each a short function that drives the phones and then says what truly happened.

`SCENARIOS` maps a name to its scenario; `play` plays one on a running Asterisk.
"""

from __future__ import annotations

from tests.pbx.bed.scenarios import basic, click, groups, outbound
from tests.pbx.bed.scenarios.registry import SCENARIOS, Scenario, play

__all__ = ["SCENARIOS", "Scenario", "basic", "click", "groups", "outbound", "play"]
