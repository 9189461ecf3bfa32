"""What stands before every handler: cross-site requests, Host, headers, errors that tell nothing of our insides."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from pbxcrm.http.guard import known_host, same_origin
from pbxcrm.http.server import build
from pbxcrm.service.auth import Auth
from pbxcrm.service.people import set_password
from pbxcrm.store.db import Database
from tests.http import bed
from tests.http.bed import PASSWORD, House
from tests.security.foreign_eyes_test import TABLE

pytestmark = pytest.mark.asyncio


async def log_in(house: House, name: str) -> dict[str, str]:
    """The Cookie header of a session of this person."""
    await set_password(house.db, name, PASSWORD)
    house.people[name].cookie = await Auth(house.db).login(name, PASSWORD, "127.0.0.1")
    return house.people[name].session


# {0}: our own host and port
FROM = [
    ({}, 201),  # no browser
    ({"Origin": "http://{0}"}, 201),
    ({"Sec-Fetch-Site": "same-origin"}, 201),
    ({"Sec-Fetch-Site": "none"}, 201),  # typed by the person
    ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 201),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": "same-site", "Origin": "http://{0}"}, 403),
    ({"Sec-Fetch-Site": ""}, 403),
    ({"Sec-Fetch-Site": "Same-Origin"}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": ""}, 403),
    ({"Origin": "http://127.0.0.1"}, 403),  # another port
    ({"Origin": "http://127.0.0.1:1"}, 403),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "http://{0}.evil.example"}, 403),
    ({"Origin": "http://evil.example:80@{0}"}, 403),
    ({"Origin": "http://{0}/path"}, 403),
    ({"Origin": "http://{0}@evil.example"}, 403),
    ({"Origin": "file://{0}"}, 403),
    ({"Origin": "//{0}"}, 403),
    ({"Origin": "http://[::1"}, 403),
    ({"Origin": "http://127.0.0.1:99999999"}, 403),
]


@pytest.mark.parametrize(("headers", "status"), FROM)
async def test_only_our_own_pages_change_anything_by_cookie(house: House, headers: dict[str, str], status: int) -> None:
    cookie = await log_in(house, "alice")
    ours = f"{house.server.host}:{house.server.port}"
    sent = {name: value.format(ours) for name, value in headers.items()} | cookie
    answer = await house.ask("POST", "/api/v1/deals", json={"title": "Boat"}, headers=sent)
    assert answer.status == status
    deals = await house.json("GET", "/api/v1/deals", "alice")
    assert len(deals["items"]) == (status == 201)
    # A token in the header is no browser's doing, whatever else it bears; and then the cookie counts for nothing.
    sent |= house.people["mona"].bearer
    made = await house.ask("POST", "/api/v1/deals", json={"title": "Boat"}, headers=sent)
    assert made.status == 201
    assert (await made.json())["owner"] == "mona"


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer", "Basic YWxpY2U6eA==", "", "Bearer \u00fc"])
async def test_a_wrong_token_is_not_saved_by_a_cookie(house: House, header: str) -> None:
    cookie = await log_in(house, "alice")
    answer = await house.ask("GET", "/api/v1/deals", headers={**cookie, "Authorization": header})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_reading_by_cookie_needs_no_origin(house: House) -> None:
    cookie = await log_in(house, "alice")
    answer = await house.ask("GET", "/api/v1/deals", headers={**cookie, "Sec-Fetch-Site": "cross-site"})
    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_another_sites_login_form_is_refused(house: House) -> None:
    form = {"name": "alice", "password": PASSWORD}
    answer = await house.ask("POST", "/login", data=form, headers={"Origin": "http://evil.example"})
    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "host", "secure", "ours"),
    [
        ("https://crm.example", "crm.example", True, True),
        ("https://crm.example:443", "crm.example", True, True),
        ("https://crm.example", "crm.example:443", True, True),
        ("http://crm.example", "crm.example", True, False),  # the same name without TLS is somebody else
        ("https://CRM.example", "crm.EXAMPLE", True, True),
        ("http://crm.example:8080", "crm.example:8080", False, True),
        ("http://crm.example", "crm.example:8080", False, False),
        ("http://[::1]:8080", "[::1]:8080", False, True),
        ("http://", "", False, False),
        ("", "", False, False),
    ],
)
async def test_same_origin(origin: str, host: str, secure: bool, ours: bool) -> None:
    assert same_origin(origin, host, secure=secure) is ours


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("crm.example", True),
        ("CRM.example:8080", True),
        ("localhost:8080", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("192.168.1.5", True),  # an address is no name: there is nothing to rebind
        ("evil.example", False),
        ("crm.example.evil.example", False),
        ("", False),
        ("[::1", False),
    ],
)
async def test_known_hosts(host: str, known: bool) -> None:
    assert known_host(host, ("crm.example",)) is known


async def test_a_foreign_name_is_turned_away_when_names_are_set(db: Database) -> None:
    async with bed.house(db, hosts=("crm.example",)) as house:
        assert (await house.ask("GET", "/healthz", headers={"Host": "crm.example"})).status == 200
        assert (await house.ask("GET", "/healthz")).status == 200
        refused = await house.ask("GET", "/api/v1/deals", "alice", headers={"Host": "evil.example"})
        assert refused.status == 403


EXPECTED = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Server": "pbxcrm",
    "Cache-Control": "no-store",
}


@pytest.mark.parametrize("who", ["mona", None])
async def test_every_route_answers_with_safe_headers(house: House, who: str | None) -> None:
    extra = [("GET", "/nothing"), ("DELETE", "/api/v1/deals"), ("GET", "/api/v1/deals/x"), ("POST", "/api/v1/deals")]
    for method, path in [*TABLE, *extra]:
        answer = await house.ask(method, path.replace("{id}", "1"), who)
        for name, value in EXPECTED.items():
            assert answer.headers.get(name) == value, (method, path, name)
        assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-Id"]), (method, path)
        assert "Strict-Transport-Security" not in answer.headers


async def test_behind_tls(db: Database) -> None:
    async with bed.house(db, secure=True) as house:
        await set_password(db, "alice", PASSWORD)
        form = {"name": "alice", "password": PASSWORD}
        answer = await house.ask("POST", "/login", data=form)
        assert answer.status == 303
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-pbxcrm_session=")
        for part in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/"):
            assert part in cookie
        assert "Domain" not in cookie
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_static_files_are_kept_for_ever_and_nothing_else_is_there(house: House) -> None:
    from pbxcrm.http.keys import STATIC_URL

    url = house.server.app[STATIC_URL]("css/app.css")
    answer = await house.ask("GET", url, headers={"Accept-Encoding": "gzip"})
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    version = url.split("/")[2]
    outside = (
        "../templates/base.html", "%2e%2e/templates/base.html", "..%2ftemplates%2fbase.html", "/etc/passwd", "css",
        "css/", "%00", "css/app.css%00", ".",
    )  # fmt: skip
    for name in outside:
        assert (await house.ask("GET", f"/static/{version}/{name}")).status == 404, name
    assert (await house.ask("GET", "/static/0123456789abcdef/css/app.css")).status == 404
    with pytest.raises(KeyError):
        house.server.app[STATIC_URL]("css/typo.css")


SECRET = "/srv/secret/path SELECT password_hash FROM users"


@pytest_asyncio.fixture
async def broken(house: House) -> AsyncIterator[House]:
    """The same house where every handler raises something that tells too much."""

    async def boom(_request: web.Request) -> web.StreamResponse:
        raise RuntimeError(SECRET)

    app = build(house.deps)
    for route in app.router.routes():
        route._handler = boom
    server = TestServer(app)
    await server.start_server(access_log=None)
    whole, house.server = house.server, server
    yield house
    house.server = whole
    await server.close()


async def test_whatever_breaks_inside_stays_inside(broken: House, caplog: pytest.LogCaptureFixture) -> None:
    for method, path in TABLE:
        caplog.clear()
        answer = await broken.ask(method, path.replace("{id}", "1"), "mona")
        if answer.status in (404, 405):
            continue
        text = await answer.text()
        number = answer.headers["X-Request-Id"]
        assert answer.status == 500, (method, path)
        assert number in text
        assert number in caplog.text  # found again in the log
        for leak in ("secret", "SELECT", "Traceback", "RuntimeError", ".py", "pbxcrm/"):
            assert leak not in text, (method, path, leak)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_database_that_is_gone_says_so_without_its_name(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from pbxcrm.store.errors import DatabaseUnusable

    async def gone(*_: Any) -> Any:
        raise DatabaseUnusable("The database sqlite:////srv/secret/pbxcrm.db cannot be used")

    monkeypatch.setattr(Database, "reading", gone)
    monkeypatch.setattr(Database, "writing", gone)
    for path in ("/api/v1/deals", "/board", "/live"):
        answer = await house.ask("GET", path, "alice")
        assert answer.status == 503
        assert "secret" not in await answer.text()
    ready = await house.ask("GET", "/readyz")
    assert ready.status == 503
    assert (await ready.json())["database"] == "down"
    assert (await house.ask("GET", "/healthz", "alice")).status == 200
    assert "pbxcrm_database_up 0" in await (await house.ask("GET", "/metrics")).text()
