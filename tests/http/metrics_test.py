"""What watchers are told, and who may ask."""

import pytest

from pbxcrm.http.keys import DEPS
from pbxcrm.http.metrics import _on_this_machine
from tests.http.bed import House
from tests.http.things import call_of

pytestmark = pytest.mark.asyncio


async def test_ready_says_what_is_down(house: House) -> None:
    ready = await house.ask("GET", "/readyz")
    assert ready.status == 200
    assert await ready.json() == {"status": "ready", "database": "up", "ami": "up", "demo": False}
    house.pbx.link.up, house.pbx.link.reason = False, "connection refused"
    down = await house.ask("GET", "/readyz")
    assert down.status == 503
    assert await down.json() == {
        "status": "not ready",
        "database": "up",
        "ami": "down: connection refused",
        "demo": False,
    }
    alive = await house.ask("GET", "/healthz")
    assert (alive.status, await alive.json()) == (200, {"status": "ok"})


async def scrape(house: House) -> dict[str, float]:
    answer = await house.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    lines = (await answer.text()).splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    for name in values:
        assert f"# TYPE {name.partition('{')[0]} " in "\n".join(lines)
    return {name: float(value) for name, value in values.items()}


async def test_counters(house: House) -> None:
    before = await scrape(house)
    assert before["pbxcrm_link_up"] == 1
    assert before["pbxcrm_database_up"] == 1
    assert before["pbxcrm_live_clients"] == 0
    for n in range(3):
        await call_of(house.db, house.people["alice"], f"m{n}", "+48601234567")
    await call_of(house.db, house.people["alice"], "going", "+48601234567", over=False)
    await house.ask("GET", "/api/v1/nothing", "alice")
    after = await scrape(house)
    assert after['pbxcrm_calls_total{outcome="answered"}'] == 3
    assert after["pbxcrm_journal_id"] == before["pbxcrm_journal_id"] + 4
    assert after['pbxcrm_http_requests_total{status="404"}'] == 1
    assert (await scrape(house))['pbxcrm_calls_total{outcome="answered"}'] == 3  # each call once
    house.pbx.link.up = False
    assert (await scrape(house))["pbxcrm_link_up"] == 0


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
async def test_through_a_proxy_only_for_those_who_see_all(house: House, header: str) -> None:
    through = {header: "1.2.3.4"}
    assert (await house.ask("GET", "/metrics", headers=through)).status == 401
    assert (await house.ask("GET", "/metrics", "alice", headers=through)).status == 403
    assert (await house.ask("GET", "/metrics", "mona", headers=through)).status == 200


@pytest.mark.parametrize(("remote", "here"), [("127.0.0.1", True), ("::1", True), ("10.0.0.1", False), (None, False)])
async def test_this_machine(remote: str | None, here: bool) -> None:
    from aiohttp.test_utils import make_mocked_request

    assert _on_this_machine(make_mocked_request("GET", "/metrics").clone(remote=remote or "")) is here


@pytest.mark.parametrize(
    ("skew", "said"), [(75.04, "75.0 seconds ahead"), (-3.0, "3.0 seconds behind"), (1.9, ""), (None, "")]
)
async def test_the_page_of_the_pbx_says_when_the_clocks_differ(house: House, skew: float | None, said: str) -> None:
    object.__setattr__(house.server.app[DEPS], "skew", lambda: skew)
    page = await (await house.ask("GET", "/pbx", "alice")).text()
    assert ("Run NTP on both" in page) is bool(said)
    assert said in page
