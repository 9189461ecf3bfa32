"""What watchers are told by a running pbxcrm, and that the rules of docs/operations.md ask for nothing else."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest
import yaml

from tests.fakes.ami import fake_ami
from tests.fakes.process import ROOT, Pbxcrm
from tests.unit.calls.wire import Ids, Wire

FUNCTIONS = {"abs", "rate", "increase", "sum", "by", "histogram_quantile", "or", "le"}
DURATION = re.compile(r"[0-9]+[smhd]")


def rules() -> list[dict[str, object]]:
    told = (ROOT / "docs" / "operations.md").read_text()
    (text,) = re.findall(r"```yaml\n(groups:.*?)```", told, re.DOTALL)
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def samples(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")}


def test_the_rules_are_rules() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 10
    for rule in rules():
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert DURATION.fullmatch(str(rule.get("for", "1m")))
        assert rule["annotations"]["do"]  # type: ignore[index]
        expr = str(rule["expr"])
        assert all(expr.count(one) == expr.count(other) for one, other in ("()", "[]", "{}"))
        bare = re.sub(r"\{[^}]*\}|\[[0-9]+[smhd]\]|\b[0-9.]+(e[0-9]+)?\b", "", expr)
        assert {word for word in re.findall(r"[a-z_]\w*", bare) if not word.startswith("pbxcrm_")} <= FUNCTIONS


@pytest.mark.asyncio
async def test_a_call_is_counted_and_every_number_of_the_rules_is_there(tmp_path: Path) -> None:
    async with fake_ami() as fake:
        crm = Pbxcrm(tmp_path, ami_host="127.0.0.1", ami_port=str(fake.port), ami_username=fake.username,
                     ami_secret=fake.secret, default_region="PL")  # fmt: skip
        crm.must("user", "add", "mona", "--role", "manager")
        crm.must("user", "add", "alice", "--role", "agent", "--device", "PJSIP/101")
        crm.token = crm.must("token", "create", "mona").strip()
        await asyncio.to_thread(lambda: crm.start().ready())
        try:
            wire = Wire(Ids(), time.time())
            trunk = wire.new("PJSIP/trunk", state="4", number="+48600100200", exten="10")
            phone = wire.new("PJSIP/101", number="101", linked=trunk)
            wire.dial(trunk, phone)
            wire.rings(trunk, phone)
            await fake.send(b"".join(frame.encode() for frame in wire.frames))
            await asyncio.to_thread(crm.until, lambda: crm.items("/calls"), "see the call")
            assert (await asyncio.to_thread(crm.call, "/api/v1/nothing"))[0] == 404
            text = str((await asyncio.to_thread(crm.call, "/metrics"))[1])
        finally:
            await asyncio.to_thread(crm.kill)
    found = samples(text)
    assert found["pbxcrm_intake_seconds_count"] >= 1
    assert found['pbxcrm_intake_seconds_bucket{le="+Inf"}'] == found["pbxcrm_intake_seconds_count"]
    assert found["pbxcrm_intake_seconds_sum"] > 0
    for name in found:
        plain = name.partition("{")[0]
        base = re.sub(r"_(bucket|sum|count)$", "", plain)
        assert re.search(rf"^# TYPE ({base}|{plain}) (gauge|counter|histogram)$", text, re.MULTILINE), name
    labels = {name: set(re.findall(r"(\w+)=", line)) for line in found for name in [line.partition("{")[0]]}
    for rule in rules():
        for name, wanted in re.findall(r"(pbxcrm_\w+)(?:\{(\w+)=)?", str(rule["expr"])):
            assert name in labels, name
            assert not wanted or wanted in labels[name], (name, wanted)
